"""The photo-free floor: kriging of the scan alone, exactly consistent with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging import krige
from xrfsr.methods.problem import Problem

__all__ = ["reconstruct"]


def reconstruct(
    problem: Problem, *, device: str = "auto", seed: int = 0, progress: bool | None = None
) -> NDArray[np.float32]:
    """Interpolate every map as `xrfsr.kriging.krige` does; the photo, device and seed play no part."""
    return krige(problem.scan, problem.U)

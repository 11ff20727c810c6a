"""The photo-free floor: kriging of the scan alone, exactly consistent with it and not negative."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging import correlation_length, krige
from xrfsr.methods.problem import Problem
from xrfsr.positivity import nonnegative

__all__ = ["reconstruct"]


def reconstruct(
    problem: Problem, *, device: str = "auto", seed: int = 0, progress: bool | None = None
) -> NDArray[np.float32]:
    """Interpolate every map as `xrfsr.kriging.krige` does; the photo, device and seed play no part."""
    spreading = problem.U.spreading(correlation_length(problem.U))
    return nonnegative(krige(problem.scan, problem.U, spreading), problem.scan, problem.U, spreading)

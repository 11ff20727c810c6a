"""The photo-free floor: kriging of the scan alone, exactly consistent with it and not negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging.simple import krige
from xrfsr.methods.common.fusion import reach_of_projection
from xrfsr.methods.common.problem import Problem, Reconstruction, pooled_mean
from xrfsr.operators import Downsampling
from xrfsr.operators.nonnegative import project_nonnegative

__all__ = ["Kriging", "prepare", "reach"]


@dataclass(frozen=True, eq=False)
class Kriging:
    """Interpolates every map as `xrfsr.kriging.simple.krige` does, around its mean (line,) over the painting."""

    mean: NDArray[np.float64]
    record: dict[str, str | float] = field(default_factory=dict)
    per_line: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def apply(self, problem: Problem, own: tuple[slice, slice], device: str) -> Reconstruction:
        """See `xrfsr.methods.common.problem.Prepared`."""
        U = problem.U
        maps = krige(problem.scan, U, mean=self.mean)
        made, physical = project_nonnegative(maps, problem.scan, U)
        return Reconstruction(made[:, *own], physical)


def prepare(sample: Sequence[Problem], **_: Any) -> Kriging:
    """The photo, device and seed play no part."""
    return Kriging(pooled_mean(sample))


def reach(U: Downsampling) -> int:
    """How far the value of a coarse pixel is felt."""
    return reach_of_projection(U)

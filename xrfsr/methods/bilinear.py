"""Bilinear interpolation: the paper's Y↓↑, and what a viewer shows when it zooms. Not consistent with the scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.problem import Problem, Reconstruction
from xrfsr.sampling import Downsampling, linear_matrix, separable

__all__ = ["Bilinear", "prepare", "reach"]


@dataclass(frozen=True, eq=False)
class Bilinear:
    """Interpolates every map between pixel centres."""

    record: dict[str, str | float] = field(default_factory=dict)
    per_line: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def apply(self, problem: Problem, own: tuple[slice, slice], device: str) -> Reconstruction:
        """See `xrfsr.methods.problem.Prepared`."""
        fine, coarse = problem.U.fine, problem.U.coarse
        y, x = linear_matrix(coarse.y, fine.y), linear_matrix(coarse.x, fine.x)
        return Reconstruction(separable(y, x, problem.scan)[:, *own])


def prepare(sample: Sequence[Problem], **_: Any) -> Bilinear:
    """There is nothing to prepare; the photo, device and seed play no part."""
    return Bilinear()


def reach(U: Downsampling) -> int:
    """The next pixel, and one more where fine pixels lie on the border of two."""
    return 2

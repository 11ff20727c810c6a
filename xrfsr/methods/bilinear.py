"""Bilinear interpolation: the paper's Y↓↑, and what a viewer shows when it zooms.

Consistent with the scan, and not negative, with ``projected=True`` only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.common.fusion import FusionMethod, FusionOptions, projection_halo
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.operators import Downsampling, apply_separable, linear_matrix

__all__ = ["Bilinear", "BilinearOptions", "bilinear"]

NEIGHBOURS = 2  # the next pixel, and one more where fine pixels lie on the border of two


@dataclass(frozen=True, kw_only=True)
class BilinearOptions(FusionOptions):
    """Options of `Bilinear`; the symbols are those of the module's docstring."""

    projected: bool = setting(False)


def bilinear(problem: Problem) -> NDArray[np.float32]:
    """Y↓↑, (line, fine.y, fine.x), interpolated between pixel centres."""
    fine, coarse = problem.U.fine, problem.U.coarse
    y, x = linear_matrix(coarse.y, fine.y), linear_matrix(coarse.x, fine.x)
    return np.asarray(apply_separable(y, x, problem.scan))


class Bilinear(FusionMethod[BilinearOptions]):
    """Bilinear interpolation."""

    name = "bilinear"
    uses_photo = False
    consistent = False
    every_map = True
    Options = BilinearOptions

    def estimate(self, problem: Problem, options: BilinearOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return bilinear(problem)

    def halo(self, U: Downsampling) -> int:
        """See `xrfsr.methods.common.method.Method`: the interpolation's, and that of the projection."""
        return NEIGHBOURS + projection_halo(U)

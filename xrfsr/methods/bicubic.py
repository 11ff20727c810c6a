r"""Bicubic interpolation: what image editors do when they enlarge a picture.

Cubic convolution along both axes with the kernel of Keys (1981, "Cubic convolution interpolation for digital image
processing", a = -1/2), between pixel centres in mm:

.. math:: k(t) = \tfrac32 |t|^3 - \tfrac52 |t|^2 + 1 \; (|t| \le 1), \qquad
    k(t) = -\tfrac12 |t|^3 + \tfrac52 |t|^2 - 4 |t| + 2 \; (1 < |t| < 2).

Filled in: beyond the outermost pixels, their values. Consistent with the scan, and not negative, with
``projected=True`` only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.common.fusion import FusionMethod, FusionOptions, projection_halo
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.operators import Downsampling, apply_separable, cubic_matrix

__all__ = ["Bicubic", "BicubicOptions", "bicubic"]

NEIGHBOURS = 3  # the second pixel, and one more where fine pixels lie on the border of two


@dataclass(frozen=True, kw_only=True)
class BicubicOptions(FusionOptions):
    """Options of `Bicubic`; the symbols are those of the module's docstring."""

    projected: bool = setting(False)


def bicubic(problem: Problem) -> NDArray[np.float32]:
    """Y↓↑, (line, fine.y, fine.x)."""
    fine, coarse = problem.U.fine, problem.U.coarse
    y, x = cubic_matrix(coarse.y, fine.y), cubic_matrix(coarse.x, fine.x)
    return np.asarray(apply_separable(y, x, problem.scan))


class Bicubic(FusionMethod[BicubicOptions]):
    """Bicubic interpolation."""

    name = "bicubic"
    uses_photo = False
    consistent = False
    every_map = True
    Options = BicubicOptions

    def estimate(self, problem: Problem, options: BicubicOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return bicubic(problem)

    def halo(self, U: Downsampling) -> int:
        """See `xrfsr.methods.common.method.Method`: the kernel's, and that of the projection."""
        return NEIGHBOURS + projection_halo(U)

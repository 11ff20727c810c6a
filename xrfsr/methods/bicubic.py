r"""Bicubic interpolation: what image editors do when they enlarge a picture.

Cubic convolution along both axes with the kernel of Keys (1981, "Cubic convolution interpolation for digital image
processing", a = -1/2), between pixel centres in mm:

.. math:: k(t) = \tfrac32 |t|^3 - \tfrac52 |t|^2 + 1 \; (|t| \le 1), \qquad
    k(t) = -\tfrac12 |t|^3 + \tfrac52 |t|^2 - 4 |t| + 2 \; (1 < |t| < 2).

Filled in: beyond the outermost pixels, their values. Consistent with the scan, and not negative, with
``projected=True`` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.common.fusion import Peer, reach_of_projection
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.settings import Setting
from xrfsr.operators import Downsampling, apply_separable, cubic_matrix

__all__ = ["SETTINGS", "bicubic", "prepare", "reach"]

SETTINGS = {"projected": Setting(False)}
NEIGHBOURS = 3  # the second pixel, and one more where fine pixels lie on the border of two


def bicubic(problem: Problem) -> NDArray[np.float32]:
    """Y↓↑, (line, fine.y, fine.x)."""
    fine, coarse = problem.U.fine, problem.U.coarse
    y, x = cubic_matrix(coarse.y, fine.y), cubic_matrix(coarse.x, fine.x)
    return np.asarray(apply_separable(y, x, problem.scan))


def prepare(sample: Sequence[Problem], **settings: Any) -> Peer:
    """There is nothing to prepare; the photo, device and seed play no part."""
    return Peer.of(bicubic, SETTINGS, settings, guided=False)


def reach(U: Downsampling) -> int:
    """The kernel's, and that of the projection."""
    return NEIGHBOURS + reach_of_projection(U)

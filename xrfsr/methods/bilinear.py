"""Bilinear interpolation: the paper's Y↓↑, and what a viewer shows when it zooms.

Consistent with the scan, and not negative, with ``projected=True`` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.common.fusion import Peer, reach_of_projection
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.settings import Setting
from xrfsr.operators import Downsampling, apply_separable, linear_matrix

__all__ = ["SETTINGS", "bilinear", "prepare", "reach"]

SETTINGS = {"projected": Setting(False)}
NEIGHBOURS = 2  # the next pixel, and one more where fine pixels lie on the border of two


def bilinear(problem: Problem) -> NDArray[np.float32]:
    """Y↓↑, (line, fine.y, fine.x), interpolated between pixel centres."""
    fine, coarse = problem.U.fine, problem.U.coarse
    y, x = linear_matrix(coarse.y, fine.y), linear_matrix(coarse.x, fine.x)
    return np.asarray(apply_separable(y, x, problem.scan))


def prepare(sample: Sequence[Problem], **settings: Any) -> Peer:
    """There is nothing to prepare; the photo, device and seed play no part."""
    return Peer.of(bilinear, SETTINGS, settings, guided=False)


def reach(U: Downsampling) -> int:
    """The interpolation's, and that of the projection."""
    return NEIGHBOURS + reach_of_projection(U)

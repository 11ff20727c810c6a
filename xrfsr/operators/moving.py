"""One axis of resampling for an image that is moved: as sharp at half a pixel as where it was."""

from __future__ import annotations

from math import ceil

import numpy as np
from scipy.sparse import csr_array

from xrfsr.core.grid import Axis
from xrfsr.operators.footprints import footprint_matrix
from xrfsr.operators.interpolation import lanczos_matrix

__all__ = ["moved_matrix", "repeating"]

SAME = 0.9  # share of a pixel of the target from which those of the source have to be interpolated
ENOUGH = 1e-6  # share of a pixel that may be missing


def moved_matrix(source: Axis, target: Axis, shift: float) -> csr_array:
    """Return the weights that resample `source`, moved by `shift`, to `target`; its outermost values are repeated.

    Parameters
    ----------
    source, target : Axis
        Axis of the image and of the pixels to make, in mm.
    shift : float
        Distance in mm that is added to the coordinates of the image.

    Returns
    -------
    csr_array of float64, shape (target.size, source.size)
        Averages under the area of the target's pixels; Lanczos interpolation where the pixels of the image are as
        large, because averages of two neighbours would blur it.

    Examples
    --------
    >>> axis = Axis(4, 1.0, 0.0)
    >>> moved_matrix(axis, axis, 1.0).toarray() @ [0, 1, 2, 3]
    array([0., 0., 1., 2.])
    """
    if abs(source.step) > SAME * abs(target.step):
        return lanczos_matrix(Axis(source.size, source.step, source.first + shift), target)
    wide, repeated = repeating(Axis(source.size, source.step, source.first + shift), target)
    return csr_array(footprint_matrix(wide, target) @ repeated)


def repeating(source: Axis, target: Axis) -> tuple[Axis, csr_array]:
    """Return an axis with as many more pixels at both ends as `target` needs, and weights that repeat the outermost.

    Examples
    --------
    >>> wide, repeated = repeating(Axis(2, 1.0, 0.0), Axis(4, 1.0, -1.0))
    >>> wide.centres.tolist(), (repeated @ [5.0, 7.0]).tolist()
    ([-1.0, 0.0, 1.0, 2.0], [5.0, 5.0, 7.0, 7.0])
    """
    (low, high), (least, most) = source.edges, target.edges
    beyond = max(0, ceil(max(low - least, most - high) / abs(source.step) - ENOUGH))
    wide = Axis(source.size + 2 * beyond, source.step, source.first - beyond * source.step)
    nearest = np.clip(np.arange(-beyond, source.size + beyond), 0, source.size - 1)
    return wide, csr_array((np.ones(wide.size), (np.arange(wide.size), nearest)), shape=(wide.size, source.size))

"""One axis of interpolation between pixel centres, as a sparse matrix, from physical coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xrfsr.core.grid import Axis

__all__ = ["LOBES", "cubic_matrix", "lanczos_matrix", "lanczos_weights", "linear_matrix"]

LOBES = 3  # of the kernel of Lanczos to either side: source pixels that a target pixel needs
ON_CENTRE = 1e-9  # pixels: coordinates are rounded to 1e-12 mm


def linear_matrix(source: Axis, target: Axis) -> csr_array:
    """Linear interpolation from `source` centres to `target` centres, constant beyond the outermost ones.

    Parameters
    ----------
    source, target : Axis
        Centres of the given and of the wanted pixels, in mm (`xrfsr.Grid` has two axes, `y` and `x`).

    Returns
    -------
    csr_array of float64, shape (target.size, source.size)
        Weights; along both axes they are the bilinear upscaling of the paper's Y↓↑.

    Examples
    --------
    >>> from xrfsr.core.grid import Axis
    >>> linear_matrix(Axis(2, 1.0, 0.0), Axis(3, 0.5, 0.0)).toarray().tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    low, part = _places(source, target)
    return _matrix(np.stack([low, low + 1]), np.stack([1 - part, part]), source, target)


def cubic_matrix(source: Axis, target: Axis) -> csr_array:
    """Cubic convolution (Keys 1981, a = -1/2) from `source` to `target` centres, the outermost values repeated beyond.

    Parameters
    ----------
    source, target : Axis
        Centres of the given and of the wanted pixels, in mm (`xrfsr.Grid` has two axes, `y` and `x`).

    Returns
    -------
    csr_array of float64, shape (target.size, source.size)
        Weights, exact for straight lines and parabolas away from the ends; along both axes, bicubic interpolation.

    Examples
    --------
    >>> from xrfsr.core.grid import Axis
    >>> weights = cubic_matrix(Axis(5, 1.0, 0.0), Axis(1, 1.0, 1.5)).toarray()
    >>> weights.tolist()
    [[-0.0625, 0.5625, 0.5625, -0.0625, 0.0]]
    """
    low, part = _places(source, target)
    t = np.stack([1 + part, part, 1 - part, 2 - part])
    near = (1.5 * t - 2.5) * t**2 + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return _matrix(np.stack([low - 1, low, low + 1, low + 2]), np.where(t <= 1, near, far), source, target)


def lanczos_matrix(source: Axis, target: Axis) -> csr_array:
    """Lanczos interpolation (Duchon 1979, three lobes) from `source` to `target` centres, outermost values repeated.

    Half-way between two pixels, it keeps details of four pixels a period whole, and three quarters of those of 2.7
    pixels, of which cubic convolution keeps 88 and 55 percent.

    Returns
    -------
    csr_array of float64, shape (target.size, source.size)
        Weights; each row sums to one.

    Examples
    --------
    >>> from xrfsr.core.grid import Axis
    >>> weights = lanczos_matrix(Axis(6, 1.0, 0.0), Axis(1, 1.0, 2.5)).toarray()
    >>> weights.round(3).tolist()
    [[0.024, -0.136, 0.611, 0.611, -0.136, 0.024]]
    """
    low, part = _places(source, target)
    columns = np.stack([low + beyond for beyond in range(1 - LOBES, LOBES + 1)])
    return _matrix(columns, lanczos_weights(part), source, target)


def lanczos_weights(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the pixels around places that are a fraction `part` beyond a pixel, (neighbour, place)."""
    away = part - np.arange(1 - LOBES, LOBES + 1).reshape(-1, *(1,) * part.ndim)
    weights = np.sinc(away) * np.sinc(away / LOBES)
    weights[np.abs(weights) < ON_CENTRE] = 0.0
    return np.asarray(weights / weights.sum(axis=0))


def _places(source: Axis, target: Axis) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the pixel of `source` before each of `target`, and the fraction of the distance to the next one."""
    position = np.clip((target.centres - source.first) / source.step, 0, source.size - 1)
    low = np.minimum(np.floor(position + ON_CENTRE).astype(np.int64), max(source.size - 2, 0))
    part = np.clip(position - low, 0.0, 1.0)
    # On a centre to within rounding: the next pixel gets no weight, or its NaN would spread.
    part[part < ON_CENTRE] = 0.0
    return low, part


def _matrix(column: NDArray[np.int64], weight: NDArray[np.float64], source: Axis, target: Axis) -> csr_array:
    """Build the sparse matrix from columns and weights (neighbour, target)."""
    row = np.broadcast_to(np.arange(target.size), column.shape)
    places = (row.ravel(), np.clip(column, 0, source.size - 1).ravel())
    matrix = csr_array((weight.ravel(), places), shape=(target.size, source.size))
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix

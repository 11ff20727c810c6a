r"""Simple kriging of the scan alone: the baseline that uses no photo, and its leave-one-out terms.

With a separable exponential covariance Q and the mean μ of each map,

.. math:: m = \mu + Q U^T C^{-1} (Y_\downarrow - \mu), \qquad C = U Q U^T.

The result is exactly consistent with the scan. It uses no photo, so all gains are measured against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.operators import Downsampling, RightInverse, apply_separable

__all__ = ["Interpolation", "krige", "leave_out"]


@dataclass(frozen=True, eq=False)
class Interpolation:
    r"""Kriging of a scan, with the terms that remove one coarse pixel from it.

    Attributes
    ----------
    full : array, shape (line, fine.y, fine.x)
        Interpolation m from all coarse pixels.
    influence : array, shape (line, coarse.y, coarse.x)
        Leave-one-out residual :math:`[C^{-1}(Y_\downarrow - \mu)]_c / [C^{-1}]_{cc}` of every pixel c: its value minus
        the prediction from all others.
    right_inverse : RightInverse
        :math:`Q U^T C^{-1}`. Its column c, times the influence of c, is the contribution of c to the interpolation.
    """

    full: NDArray[Any]
    influence: NDArray[Any]
    right_inverse: RightInverse


def krige(
    scan: NDArray[Any],
    U: Downsampling,
    mean: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Interpolate a scan without a photo: (line, coarse.y, coarse.x) to (line, fine.y, fine.x), consistent with `scan`.

    Parameters
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Maps without gaps: one NaN would make its whole map NaN.
    U : Downsampling
        Operator from the fine grid to the scan's.
    mean : array, shape (line,), optional
        Means μ of the whole maps, if `scan` is a crop; those of `scan` if not given.

    Returns
    -------
    array, shape (line, fine.y, fine.x)

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr.core.grid import Grid
    >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
    >>> U = Downsampling.between(coarse.refine(2), coarse)
    >>> flat = np.full((1, 8, 8), 3.0)
    >>> bool(np.allclose(krige(flat, U), 3.0))
    True
    """
    middle, rest = _centred(scan, mean)
    return np.asarray(middle + U.right_inverse(U.correlation_length)(rest))


def leave_out(
    scan: NDArray[Any],
    U: Downsampling,
    mean: NDArray[Any] | None = None,
) -> Interpolation:
    r"""Interpolate as `krige` does, and return the closed-form leave-one-out terms as well.

    Without coarse pixel c the interpolation at fine pixel p is

    .. math:: m_{-c}(p) = m(p) - w_c(p) \, \alpha_c / [C^{-1}]_{cc}, \qquad \alpha = C^{-1}(Y_\downarrow - \mu),

    where :math:`w_c` is column c of :math:`Q U^T C^{-1}` (Dubrule 1983, "Cross validation of kriging in a unique
    neighborhood"). Every factor is an outer product of a row and a column term. The mean μ remains that of all pixels.
    """
    right_inverse = U.right_inverse(U.correlation_length)
    middle, rest = _centred(scan, mean)
    alpha = apply_separable(right_inverse.precision_y, right_inverse.precision_x, rest)
    diagonal = np.outer(right_inverse.precision_y.diagonal(), right_inverse.precision_x.diagonal())
    return Interpolation(
        full=np.asarray(middle + right_inverse(rest)),
        influence=np.asarray(alpha / diagonal.astype(alpha.dtype)),
        right_inverse=right_inverse,
    )


def _centred(scan: NDArray[Any], mean: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the mean of every map, summed in double precision, and the scan minus it; integer counts become floats."""
    values = scan if scan.dtype.kind == "f" else scan.astype(np.float64)
    middle = values.mean(axis=(-2, -1), dtype=np.float64) if mean is None else mean
    middle = np.asarray(middle, dtype=values.dtype)[..., None, None]
    return middle, values - middle

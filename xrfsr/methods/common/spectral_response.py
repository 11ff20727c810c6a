r"""What hyperspectral fusion assumes and a painting does not promise: that the photo is a mixture of the maps, Z = R Y.

A camera sees a spectrum through its filters, so between two optical images R is known and exact. Element maps are no
spectrum of what a camera sees: a colour may come of an element that darkens it, or of none. R is estimated here,
from the scan and the photo as the scan would see it, and what it leaves unexplained is an error of every method that
builds on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from xrfsr.methods.common.problem import Problem

__all__ = ["SpectralResponse", "response"]


def response(scan: NDArray[np.float64], image: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""R, :math:`\arg\min_{R \ge 0} \lVert U Z - R [Y_\downarrow; 1] \rVert^2`, by non-negative least squares.

    Parameters
    ----------
    scan : array, shape (line, pixels)
    image : array, shape (band, pixels)

    Returns
    -------
    array, shape (band, line + 1)
        The last column is what the photo shows where no element is: its darkest grey.

    Examples
    --------
    >>> scan = np.random.default_rng(0).random((2, 50))
    >>> mixing = np.array([[0.5, 0.2, 0.1], [0.0, 0.7, 0.0]])
    >>> found = response(scan, mixing[:, :2] @ scan + mixing[:, 2:])
    >>> bool(np.allclose(found, mixing))
    True
    """
    maps = np.vstack([scan, np.ones((1, scan.shape[1]))])
    q, r = np.linalg.qr(maps.T)  # the same minimum, by a system as small as the number of maps
    return np.stack([nnls(r, column)[0] for column in image @ q])


class SpectralResponse:
    r"""A problem as these methods see it: maps scaled to a peak of one, flat lists of pixels, and R.

    Attributes
    ----------
    scan : array of float64, shape (line, coarse pixels)
        Not negative.
    image : array of float64, shape (band, coarse pixels)
        U Z.
    photo : array of float64, shape (band, fine pixels)
    known : array of bool, shape (coarse pixels,)
        Where all maps were measured and the photo shows them.
    R : array, shape (band, line + 1)
    peak : array, shape (line,)
    weight : float
        :math:`1 / \lVert U \rVert^2`, or a little less where footprints overlap: so a term of the scan has the
        curvature of one of the photo.
    """

    def __init__(self, problem: Problem) -> None:
        lines, bands = len(problem.scan), len(problem.photo)
        scan = np.maximum(problem.scan, 0).reshape(lines, -1).astype(np.float64)
        self.peak = np.maximum(scan.max(axis=1), np.finfo(np.float32).tiny)
        self.scan = scan / self.peak[:, None]
        self.photo = problem.photo.reshape(bands, -1).astype(np.float64)
        self.image = problem.U(problem.photo.astype(np.float64)).reshape(bands, -1)
        self.known = problem.training_mask.all(axis=0).ravel()
        if not self.known.any():
            self.known = np.ones_like(self.known)
        # ‖U‖² is at most its largest sum of a row, which is one, times that of a column.
        self.weight = float(1 / np.prod([u.sum(axis=0).max() for u in (problem.U.y, problem.U.x)]))
        self.R = response(self.scan[:, self.known], self.image[:, self.known])

    def maps(self, scaled: NDArray[np.float64], problem: Problem) -> NDArray[np.float32]:
        """Scaled maps (line, fine pixels) in the units of the scan, (line, fine.y, fine.x)."""
        made = scaled * self.peak[:, None]
        return np.asarray(made.reshape(len(scaled), *problem.U.fine.shape), dtype=np.float32)

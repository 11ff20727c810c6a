r"""One axis of the spreading operator :math:`Q U^T (U Q U^T)^{-1}`, at a cost linear in the number of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from xrfsr.core.grid import Axis
from xrfsr.operators.separable import Array, apply_separable

__all__ = ["RightInverse", "precision_matrix", "right_inverse_matrix"]

# The columns of a spreading matrix fall off by a factor of about four per coarse pixel. What lies below this share
# of the largest entry is under float64 rounding, and leaving it out keeps the matrices banded and the cost linear.
NEGLIGIBLE = 1e-14
# Columns that are solved for together, and the coarse cells on either side that take part to begin with. Other
# numbers take longer, and give the same.
BLOCK, MARGIN = 64, 64


def precision_matrix(axis: Axis, correlation_length: float | None) -> csr_array:
    """Q⁻¹, for the covariance exp(-|s - t| / correlation_length) between the centres of `axis`; Q = I without a length.

    An exponential covariance on a regular grid is a first-order Markov chain, so its inverse is tridiagonal.
    """
    if correlation_length is None or axis.size == 1:
        return csr_array(eye_array(axis.size))
    t = abs(axis.step) / correlation_length
    rho = float(np.exp(-t))
    diagonal = np.full(axis.size, 1 + rho**2)
    diagonal[[0, -1]] = 1.0
    off = np.full(axis.size - 1, -rho)
    return csr_array(
        diags_array([off, diagonal, off], offsets=[-1, 0, 1])  # type: ignore[list-item]  # the stubs want sequences
        / -np.expm1(-2 * t)
    )


def right_inverse_matrix(u: csr_array, precision: csr_array) -> tuple[csr_array, csr_array]:
    r"""One axis of :math:`Q U^T (U Q U^T)^{-1}`, shape (fine, coarse), and of :math:`(U Q U^T)^{-1}`.

    Column j is the smoothest fine signal, in the norm of Q, whose coarse values are zero but for a one at j:
    minimise x'Q⁻¹x under Ux = e_j. Its optimality conditions are a sparse banded system, and Q itself is never
    formed. The multipliers of the constraint are the columns of -(U Q Uᵀ)⁻¹.

    Both fall off exponentially away from j, so columns are found in blocks, each from the part of the system around
    it, widened until everything in the outer half of its margins is negligible. What is left out changes no result
    by more than rounding, and the cost is linear in the number of cells.

    Raises
    ------
    RuntimeError
        By SuperLU, if rows of `u` are not independent. (If they nearly are not, entries come out huge.)
    """
    coarse, fine = u.shape
    first, last = u.indices[u.indptr[:-1]], u.indices[u.indptr[1:] - 1]
    if first[0] + last[0] > first[-1] + last[-1]:
        # One axis ascends and the other descends: the same with the coarse cells counted from the far end.
        mirrored, inverted = right_inverse_matrix(csr_array(u[::-1]), precision)
        return csr_array(mirrored.tocsc()[:, ::-1]), csr_array(inverted.tocsc()[::-1, ::-1])
    spread: list[tuple[NDArray[Any], ...]] = []
    inverse: list[tuple[NDArray[Any], ...]] = []
    margin = MARGIN
    for start in range(0, coarse, BLOCK):
        stop = min(start + BLOCK, coarse)
        while True:
            low, high = max(0, start - margin), min(coarse, stop + margin)
            left = int(first[low:high].min()) if low > 0 else 0
            right = int(last[low:high].max()) + 1 if high < coarse else fine
            columns, multipliers = _solve(
                csr_array(u[low:high, left:right]),
                csr_array(precision[left:right, left:right]),
                slice(start - low, stop - low),
            )
            # Nothing may reach into the outer half of a margin behind which cells were left out.
            inner = slice(max(0, start - margin // 2), min(coarse, stop + margin // 2))
            fits = True
            if low > 0:
                fits &= not multipliers[: inner.start - low].any()
                fits &= not columns[: first[inner].min() - left].any()
            if high < coarse:
                fits &= not multipliers[inner.stop - low :].any()
                fits &= not columns[last[inner].max() + 1 - left :].any()
            if fits:
                break
            margin *= 2
        spread.append(_entries(columns, left, start))
        inverse.append(_entries(-multipliers, low, start))
    return _joined(spread, (fine, coarse)), _joined(inverse, (coarse, coarse))


def _solve(u: csr_array, precision: csr_array, wanted: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `wanted` columns of the spreading matrix and of its multipliers, dense, negligible entries set to zero."""
    coarse, fine = u.shape
    # With both parts of the system near one, long correlations cost no digits.
    scale = precision.diagonal().max()
    factors = splu(block_array([[precision / scale, u.T], [u, None]], format="csc"))
    right_hand = np.zeros((fine + coarse, wanted.stop - wanted.start))
    right_hand[np.arange(fine + wanted.start, fine + wanted.stop), np.arange(right_hand.shape[1])] = 1.0
    solution = factors.solve(right_hand)
    solution[fine:] *= scale
    for part in (solution[:fine], solution[fine:]):
        part[np.abs(part) < NEGLIGIBLE * np.abs(part).max(axis=0)] = 0.0
    return solution[:fine], solution[fine:]


def _entries(part: NDArray[np.float64], top: int, left: int) -> tuple[NDArray[Any], ...]:
    """Values, rows and columns of a dense block that lies at (top, left) of a larger matrix."""
    row, column = np.nonzero(part)
    return part[row, column], row + top, column + left


def _joined(blocks: list[tuple[NDArray[Any], ...]], shape: tuple[int, int]) -> csr_array:
    data, row, column = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return csr_array((data, (row, column)), shape=shape)


@dataclass(frozen=True, eq=False)
class RightInverse:
    """A separable right inverse of U: coarse maps to fine ones that U takes back exactly.

    Attributes
    ----------
    y, x : csr_array
        The two factors, shapes (fine.y.size, coarse.y.size) and (fine.x.size, coarse.x.size).
    precision_y, precision_x : csr_array
        The two factors of :math:`C^{-1} = (U Q U^T)^{-1}`, the inverse covariance of the coarse pixels.
    """

    y: csr_array
    x: csr_array
    precision_y: csr_array
    precision_x: csr_array

    @property
    def noise_gain(self) -> float:
        """How many times larger white noise of the coarse maps is after spreading (standard deviation, in the mean)."""
        return float(np.sqrt(np.prod([part.power(2).sum() / part.shape[0] for part in (self.y, self.x)])))

    def __call__(self, maps: Array) -> Array:
        """Spread coarse maps (..., coarse.y, coarse.x) over the fine grid."""
        fine: Array = apply_separable(self.y, self.x, maps)
        return fine

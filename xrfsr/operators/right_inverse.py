r"""The right inverse :math:`Q U^T (U Q U^T)^{-1}` of U, at a cost linear in the number of cells."""

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

# The columns of a right inverse decay by a factor of about four per coarse pixel. Entries below this share of the
# largest one are within float64 rounding; without them the matrices stay banded and the cost linear.
NEGLIGIBLE = 1e-14
# Columns that are solved together, and coarse cells on either side that are included at first. Other numbers take
# longer, with the same result.
BLOCK, MARGIN = 64, 64


def precision_matrix(axis: Axis, correlation_length: float | None) -> csr_array:
    """Return Q⁻¹ for the covariance exp(-|s - t| / correlation_length) between the centres of `axis`, or I for None.

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
    r"""Return one axis of :math:`Q U^T (U Q U^T)^{-1}`, shape (fine, coarse), and of :math:`(U Q U^T)^{-1}`.

    Column j is the smoothest fine signal whose coarse values are e_j: it minimises xᵀQ⁻¹x subject to Ux = e_j. The
    optimality conditions are a sparse banded system, and Q itself is never formed. The multipliers of the constraint
    are the columns of -(U Q Uᵀ)⁻¹.

    Both decay exponentially away from j. So columns are computed in blocks, each from the part of the system around
    it, which is widened until all values in the outer half of its margins are negligible. The truncation changes
    results by no more than rounding, and the cost is linear in the number of cells.

    Raises
    ------
    RuntimeError
        From SuperLU, if rows of `u` are linearly dependent. (Nearly dependent rows give huge entries.)
    """
    coarse, fine = u.shape
    first, last = u.indices[u.indptr[:-1]], u.indices[u.indptr[1:] - 1]
    if first[0] + last[0] > first[-1] + last[-1]:
        # One axis ascends and the other descends: count the coarse cells from the other end.
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
            # The outer half of a margin behind which cells were left out must be zero.
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
    """Solve for the `wanted` columns of the right inverse and its multipliers, dense, with negligible entries zero."""
    coarse, fine = u.shape
    # With both parts of the system of order one, long correlations lose no digits.
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
    """Values, rows and columns of a dense block at (top, left) of a larger matrix."""
    row, column = np.nonzero(part)
    return part[row, column], row + top, column + left


def _joined(blocks: list[tuple[NDArray[Any], ...]], shape: tuple[int, int]) -> csr_array:
    data, row, column = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return csr_array((data, (row, column)), shape=shape)


@dataclass(frozen=True, eq=False)
class RightInverse:
    """Separable right inverse of U: maps coarse maps to fine ones that U maps back exactly.

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
        """Standard deviation (root mean square) of the fine maps that result from white noise of unit variance."""
        return float(np.sqrt(np.prod([part.power(2).sum() / part.shape[0] for part in (self.y, self.x)])))

    def __call__(self, maps: Array) -> Array:
        """Return fine maps from coarse maps (..., coarse.y, coarse.x)."""
        fine: Array = apply_separable(self.y, self.x, maps)
        return fine

r"""Projection of a consistent reconstruction onto maps that are also non-negative, as counts are.

Interpolation and networks overshoot near sharp edges, and a linear projection keeps the overshoots. The multiplicative
step

.. math:: Y \leftarrow Y \cdot U^T(Y_\downarrow / U Y) \, / \, U^T 1

(Shepp & Vardi 1982, "Maximum likelihood reconstruction for emission tomography"; Richardson–Lucy) never leaves the
non-negative maps and moves them towards the scan. If footprints do not overlap, as with integer ratios, it converges in
one step: within every coarse pixel the fine ones keep their proportions. If they overlap, it converges slowly, so
Newton's method on :math:`U(Y e^{U^T \mu}) = Y_\downarrow` follows. Its solution is the consistent map with the least
relative entropy (Csiszár 1975, "I-divergence geometry of probability distributions").
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg

from xrfsr.operators import Downsampling, apply_separable

__all__ = ["project_nonnegative"]

MULTIPLICATIVE, NEWTON, CONJUGATE = 5, 40, 40  # steps, at most
TOLERANCE = 3e-7  # as a share of the map's peak: three times the float32 rounding of the result
# Where the estimate is not positive, it starts from this share of the scan's value, because a zero could not grow.
SMALLEST = 1e-3
LONGEST = 2.0  # largest change of the logarithm of a pixel in one Newton step


def project_nonnegative(
    estimate: NDArray[Any], scan: NDArray[Any], U: Downsampling
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return maps without negative values that are still consistent with the scan, where such maps are found.

    Parameters
    ----------
    estimate : array, shape (line, fine.y, fine.x)
        Maps consistent with `scan`.
    scan : array, shape (line, coarse.y, coarse.x)
    U : Downsampling

    Returns
    -------
    array like `estimate`
        Non-negative maps. A map is returned unchanged if its scan has negative values (diagnostic maps may), or if no
        consistent map without negative values was found, for example because a beam wider than a pixel smooths
        more than the counting noise allows.
    array of bool, shape (line,)
        Mask that is False for maps for which none was found.
    """
    result = estimate.copy()
    found = np.ones(len(estimate), dtype=bool)
    for i, (fine, coarse) in enumerate(zip(estimate, scan, strict=True)):
        if fine.min() >= 0 or coarse.min() < 0:
            continue
        made = _nearest(fine.astype(np.float64), coarse.astype(np.float64), U)
        if made is None:
            found[i] = False
        else:
            result[i] = made
    return result, found


def _nearest(fine: NDArray[Any], coarse: NDArray[Any], U: Downsampling) -> NDArray[Any] | None:
    """Return a map near `fine` that is not negative and that U maps to `coarse`, or None."""
    tolerance = TOLERANCE * coarse.max()
    sensitivity = U.adjoint(np.ones_like(coarse))
    covered = sensitivity > 0
    divisor = np.where(covered, sensitivity, 1)
    fine = np.where(covered & (fine <= 0), SMALLEST * U.adjoint(coarse) / divisor, np.maximum(fine, 0))
    # Fine pixels under an empty coarse pixel are empty; no finite number of steps would reach zero.
    fine[U.adjoint((coarse == 0).astype(coarse.dtype)) > 0] = 0
    positive = coarse > 0
    for _ in range(MULTIPLICATIVE):
        residual = coarse - (expected := U(fine))
        if np.abs(residual).max() <= tolerance:
            return fine
        if (expected[positive] <= 0).any():
            return None  # every fine pixel that could hold these counts also contributes to an empty coarse pixel
        ratio = np.divide(coarse, expected, out=np.zeros_like(coarse), where=positive)
        # Fine pixels outside all footprints keep their value.
        fine = np.where(covered, fine * U.adjoint(ratio) / divisor, fine)
    for _ in range(NEWTON):
        residual = coarse - U(fine)
        if np.abs(residual).max() <= tolerance:
            return fine
        change = U.adjoint(_newton_direction(fine, residual, U))
        fine = fine * np.exp(min(1.0, LONGEST / np.abs(change).max()) * change)
    return None


def _newton_direction(fine: NDArray[Any], residual: NDArray[Any], U: Downsampling) -> NDArray[Any]:
    """Solve U diag(fine) Uᵀ μ = residual for μ by conjugate gradients, with the diagonal as preconditioner."""
    small = 1e-9 * np.abs(fine).max()  # keeps the rows of empty pixels regular
    diagonal = (apply_separable(U.y.power(2), U.x.power(2), fine) + small).ravel()

    def normal(mu: NDArray[Any]) -> NDArray[Any]:
        product: NDArray[Any] = U(fine * U.adjoint(mu.reshape(residual.shape))).ravel() + small * mu.ravel()
        return product

    shape = (residual.size, residual.size)
    direction, _ = cg(
        LinearOperator(shape, matvec=normal, dtype=residual.dtype),
        residual.ravel(),
        rtol=1e-2,
        maxiter=CONJUGATE,
        M=LinearOperator(shape, matvec=lambda mu: mu.ravel() / diagonal, dtype=residual.dtype),
    )
    return np.asarray(direction).reshape(residual.shape)

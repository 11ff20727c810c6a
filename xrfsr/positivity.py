r"""Counts are not negative: the last step from a consistent reconstruction to one that is also physical.

Interpolation and networks overshoot beside sharp edges, and a linear projection keeps what they did. The
multiplicative step

.. math:: Y \leftarrow Y \cdot U^T(Y_\downarrow / U Y) \, / \, U^T 1

(Shepp & Vardi 1982, "Maximum likelihood reconstruction for emission tomography"; Richardson–Lucy) never leaves the
non-negative maps and moves them towards the scan. Where footprints do not overlap, as with whole-number ratios, it
arrives in one step: within every coarse pixel the fine ones keep their proportions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.sampling import Downsampling, Spreading

__all__ = ["nonnegative"]

STEPS = 50
CLOSE = 1e-6  # of the map's peak: float32 rounding of the operators
EMPTY = 1e-3  # of a coarse pixel's value: with less than this under it, proportions mean nothing


def nonnegative(estimate: NDArray[Any], scan: NDArray[Any], U: Downsampling, spreading: Spreading) -> NDArray[Any]:
    """Maps without negative values that are still consistent with the scan.

    Parameters
    ----------
    estimate : array, shape (line, fine.y, fine.x)
        Consistent with `scan`.
    scan : array, shape (line, coarse.y, coarse.x)
    U : Downsampling
    spreading : Spreading
        Puts right what the steps left over where they do not arrive. With overlapping footprints and a noisy scan
        there may be no map that is both consistent and without negative values (a beam wider than its pixels smooths
        more than noise allows); consistency then has precedence, and negative values remain.

    Returns
    -------
    array like `estimate`
        Maps whose scan has negative values (bookkeeping may) are returned as they are.
    """
    result = estimate.copy()
    reach = U.adjoint(np.ones(U.coarse.shape, dtype=estimate.dtype))
    covered = np.maximum(reach, np.finfo(reach.dtype).tiny)
    for i, (fine, coarse) in enumerate(zip(estimate, scan, strict=True)):
        if fine.min() >= 0 or coarse.min() < 0:
            continue
        peak = coarse.max()
        fine = np.maximum(fine, 0)
        # A coarse pixel whose fine ones were all negative has nothing to scale: it starts flat.
        empty = U(fine) < EMPTY * coarse
        if empty.any():
            fine += U.adjoint(np.where(empty, coarse, 0).astype(fine.dtype)) / covered
        for _ in range(STEPS):
            seen = U(fine)
            ratio = np.where(coarse > 0, coarse / np.maximum(seen, np.finfo(seen.dtype).tiny), 0)
            # Fine pixels that no footprint sees keep their value.
            fine = np.where(reach > 0, fine * (U.adjoint(ratio.astype(fine.dtype)) / covered), fine)
            gap = coarse - U(fine)
            if np.abs(gap).max() <= CLOSE * peak:
                break
        else:
            fine = fine + spreading(gap)
        result[i] = fine
    return result

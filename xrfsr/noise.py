r"""How noisy each map is, relative to its contrast: what a noise-aware reconstruction has to know.

Told by the `uncertainty` of the scan where there is one. Else leave-one-out predictions tell: kriging that takes a
share of the variance for noise (the nugget) predicts a pixel from its neighbours best if that share is the true one,
for noise is what no neighbour knows. What no neighbour and no photo can know counts as noise here, so it is rather too
high than too low.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.guided import NUGGET, guided_krige
from xrfsr.photo_gain import photo_guide
from xrfsr.sampling import Downsampling

__all__ = ["agreement", "nugget_of", "nugget_told_by_scan"]

# Optima are flat: half a decade is near enough.
TRIED = (NUGGET, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MOST = 1.0  # a map that is half noise cannot be told from one that is more


def nugget_of(
    scan: NDArray[Any],
    noise: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    usable: NDArray[np.bool_],
    device: str = "auto",
) -> NDArray[np.float64]:
    """Variance of the noise over that of what it hides, for every map.

    Parameters
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Without gaps.
    noise : array, shape (line,)
        Standard deviation of the noise in the units of `scan`, NaN where it is not known.
    photo : array, shape (band, fine.y, fine.x)
    U : Downsampling
    usable : array of bool, shape like `scan`
    device : str

    Returns
    -------
    array, shape (line,)
        From `xrfsr.guided.NUGGET` to 1.
    """
    spread = scan.var(axis=(1, 2), dtype=np.float64)
    known = np.isfinite(noise)
    signal = np.maximum(spread - noise**2, spread / (1 + MOST))
    made = np.divide(noise**2, signal, out=np.full(len(scan), NUGGET), where=known & (signal > 0))
    if not known.all():
        made[~known] = nugget_told_by_scan(scan[~known], photo, U, usable[~known], device)
    return np.asarray(np.clip(made, NUGGET, MOST))


def nugget_told_by_scan(
    scan: NDArray[Any], photo: NDArray[Any], U: Downsampling, usable: NDArray[np.bool_], device: str = "auto"
) -> NDArray[np.float64]:
    """The nugget with which leave-one-out predictions, along the photo or without it, err least.

    It is not more than what they err.

    Parameters
    ----------
    scan, photo, U, usable, device
        As for `nugget_of`.

    Returns
    -------
    array, shape (line,)
    """
    guides = (photo_guide(photo), np.zeros_like(photo[:1]))

    def error(guide: NDArray[Any], nugget: float) -> NDArray[np.float64]:
        left_out = guided_krige(scan, guide, U, device, nugget).left_out
        squared = np.where(usable, np.square(scan - left_out, dtype=np.float64), 0).sum(axis=(1, 2))
        return np.asarray(squared / np.maximum(usable.sum(axis=(1, 2)), 1))

    errors = np.array([[error(guide, nugget) for guide in guides] for nugget in TRIED]).min(axis=1)
    best = errors.argmin(axis=0)
    # Maps smoother than the covariance would have any nugget, but no prediction errs less than the noise of its pixel.
    most, spread = errors.min(axis=0), scan.var(axis=(1, 2), dtype=np.float64)
    bound = np.divide(most, spread - most, out=np.full(len(scan), MOST), where=spread > most)
    return np.asarray(np.clip(np.array(TRIED)[best], NUGGET, np.maximum(bound, NUGGET)))


def agreement(scan: NDArray[Any], predicted: NDArray[Any], nugget: NDArray[np.float64]) -> NDArray[np.float32]:
    """How far an estimate should be moved towards the scan: all the way without noise, not at all if all is noise.

    Wiener's factor 1 - σ²/E[r²] of the residual r between scan and estimate, whose variance is that of the noise and of
    the estimate's own errors.

    Parameters
    ----------
    scan, predicted : array, shape (line, coarse.y, coarse.x)
        The scan, and the estimate seen through U.
    nugget : array, shape (line,)

    Returns
    -------
    array of float32, shape (line, 1, 1)
    """
    spread = scan.var(axis=(1, 2), dtype=np.float64)
    noise = spread * nugget / (1 + nugget)
    residual = np.square(scan - predicted, dtype=np.float64).mean(axis=(1, 2))
    share = 1 - np.divide(noise, residual, out=np.zeros_like(noise), where=residual > 0)
    return np.asarray(np.clip(share, 0, 1)[:, None, None], dtype=np.float32)

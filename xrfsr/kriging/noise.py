"""Noise of each map relative to its contrast, which a noise-aware reconstruction needs.

It is taken from the scan's `uncertainty` where there is one. Else it is estimated from leave-one-out predictions:
kriging that attributes a share of the variance to noise (the nugget) predicts a pixel from its neighbours best if that
share is the true one, because neighbours carry no information on noise. Unpredictable detail counts as noise, so the
estimate is biased high.

The share of signal in each map, by which maps count as guides, comes from the variogram of the scan. Extrapolated
linearly to distance zero, only noise remains in it (Thong, Sim & Phang 2001, "Single-image signal-to-noise ratio
estimation", Scanning 23, 328-336). Sharp edges have a linear variogram, so they do not count as noise. Texture of
single pixels does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.features import Moments, pooled_variance
from xrfsr.kriging.guided import NUGGET, guided_krige
from xrfsr.kriging.photo_gain import photo_guide
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU

__all__ = ["Piece", "estimate_nugget_loo", "nugget_of", "signal_share", "wiener_gain"]

# Optima are flat: steps of half a decade suffice.
NUGGET_CANDIDATES = (NUGGET, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MAX_NUGGET = 1.0  # larger shares of noise cannot be distinguished from this one


class Piece(NamedTuple):
    """Scan with its photo, or a crop of both.

    Attributes
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Maps without gaps.
    photo : array, shape (band, fine.y, fine.x)
        Photo on the fine grid.
    U : Downsampling
        Operator from the fine grid to the scan's.
    measured : array of bool, shape like `scan`
        Pixels that were measured.
    """

    scan: NDArray[Any]
    photo: NDArray[Any]
    U: Downsampling
    measured: NDArray[np.bool_]


def nugget_of(pieces: Sequence[Piece], noise: NDArray[Any], device: torch.device = CPU) -> NDArray[np.float64]:
    """Return the variance of the noise over that of the signal, for every map.

    Parameters
    ----------
    pieces : sequence of Piece
        Crops that represent the painting, or all of it.
    noise : array, shape (line,)
        Standard deviation of the noise in the units of the scan, NaN where it is unknown.
    device : torch.device, optional
        Device that computes; the CPU if not given.

    Returns
    -------
    array, shape (line,)
        Nuggets from `xrfsr.kriging.guided.NUGGET` to 1.
    """
    spread = pooled_variance([Moments.of(piece.scan) for piece in pieces])
    known = np.isfinite(noise)
    signal = np.maximum(spread - noise**2, spread / (1 + MAX_NUGGET))
    made = np.divide(noise**2, signal, out=np.full(len(spread), NUGGET), where=known & (signal > 0))
    if not known.all():
        unknown = [Piece(scan[~known], photo, U, measured[~known]) for scan, photo, U, measured in pieces]
        made[~known] = estimate_nugget_loo(unknown, device)
    return np.asarray(np.clip(made, NUGGET, MAX_NUGGET))


def estimate_nugget_loo(pieces: Sequence[Piece], device: torch.device = CPU) -> NDArray[np.float64]:
    """Estimate the nugget that minimises the leave-one-out error, with the photo or without it.

    The estimate is bounded by that error.

    Parameters
    ----------
    pieces, device
        See `nugget_of`.

    Returns
    -------
    array, shape (line,)
    """
    guide = photo_guide([piece.photo for piece in pieces])
    counted = sum(piece.measured.sum(axis=(1, 2)) for piece in pieces)

    def error(nugget: float, *, guided: bool) -> NDArray[np.float64]:
        total = np.zeros(len(pieces[0].scan))
        for scan, photo, U, measured in pieces:
            shown = guide(photo) if guided else np.zeros_like(photo[:1])
            left_out = guided_krige(scan, shown, U, device, nugget).left_out
            total += np.where(measured, np.square(scan - left_out, dtype=np.float64), 0).sum(axis=(1, 2))
        return np.asarray(total / np.maximum(counted, 1))

    errors = np.array([[error(nugget, guided=guided) for guided in (True, False)] for nugget in NUGGET_CANDIDATES]).min(
        axis=1
    )
    best = errors.argmin(axis=0)
    # The error hardly depends on the nugget for maps smoother than the covariance, but it is never below the noise.
    most, spread = errors.min(axis=0), pooled_variance([Moments.of(piece.scan) for piece in pieces])
    bound = np.divide(most, spread - most, out=np.full(len(spread), MAX_NUGGET), where=spread > most)
    return np.asarray(np.clip(np.array(NUGGET_CANDIDATES)[best], NUGGET, np.maximum(bound, NUGGET)))


def wiener_gain(
    pieces: Sequence[tuple[NDArray[Any], NDArray[Any]]], nugget: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the share of the residual by which an estimate should be moved towards the scan: 1 without noise.

    It is Wiener's gain 1 - σ²/E[r²] for the residual r between scan and estimate, whose variance is that of the noise
    plus that of the estimate's own errors.

    Parameters
    ----------
    pieces : sequence of (scan, predicted), each of shape (line, coarse.y, coarse.x)
        Scan, and estimate seen through U; or crops of both.
    nugget : array, shape (line,)
        Variance of the noise over that of the signal.

    Returns
    -------
    array of float32, shape (line,)
    """
    spread = pooled_variance([Moments.of(scan) for scan, _ in pieces])
    noise = spread * nugget / (1 + nugget)
    count = sum(scan[0].size for scan, _ in pieces)
    squares = [np.square(scan - predicted, dtype=np.float64).sum(axis=(1, 2)) for scan, predicted in pieces]
    residual = np.sum(squares, axis=0) / count
    share = 1 - np.divide(noise, residual, out=np.zeros_like(noise), where=residual > 0)
    return np.asarray(np.clip(share, 0, 1), dtype=np.float32)


def signal_share(scans: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Return the share of the variance of every map that is not noise.

    Parameters
    ----------
    scans : sequence of array, shape (line, coarse.y, coarse.x)
        Scan, or crops that represent it.

    Returns
    -------
    array, shape (line,)
        0 for white noise and for constant maps, 1 where differences vanish linearly with the distance, or faster.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(64, 64))
    >>> step = np.zeros((64, 64))
    >>> step[:, 32:] = 2
    >>> np.round(signal_share([np.stack([noise, step, step + noise])]), 1).tolist()
    [0.0, 1.0, 0.5]
    """
    spread = pooled_variance([Moments.of(scan) for scan in scans])
    near, far = (_variogram(scans, lag) for lag in (1, 2))
    noise = np.maximum(2 * near - far, 0)
    return np.asarray(np.clip(1 - np.divide(noise, spread, out=np.ones_like(spread), where=spread > 0), 0, 1))


def _variogram(scans: Sequence[NDArray[Any]], lag: int) -> NDArray[np.float64]:
    """Half the mean squared difference of pixels at a distance along an axis, mean of both axes, shape (line,)."""
    total, count = np.zeros(len(scans[0])), 0
    for axis in (1, 2):
        for scan in scans:
            ahead, behind = (np.moveaxis(scan, axis, 0)[part] for part in (slice(lag, None), slice(-lag)))
            total += np.square(ahead.astype(np.float64) - behind).sum(axis=(0, 2))
            count += ahead[:, 0].size
    return total / (2 * max(count, 1))

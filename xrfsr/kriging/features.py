"""Guides for guided kriging: features that compare pixels by their 3 × 3 neighbourhoods.

The distance between two pixels is that between the 3 × 3 pixels around them, weighted by a Gaussian, as in non-local
means (Buades, Coll & Morel 2005, "A non-local algorithm for image denoising"). It depends less on the noise and texture
of single pixels, and still finds an edge that a beam or a lens has blurred.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Guide", "Moments", "neighbourhood", "pooled_variance"]

KEPT_VARIANCE = 0.999  # share of the variance of all neighbours that the channels of a guide keep
SAMPLE_PIXELS = 2**15  # pixels from which the principal components are computed
LEAST_CONTRAST = 1e-18
STRIP = 64  # rows processed at once
OFFSETS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


@dataclass(frozen=True, eq=False)
class Guide:
    """Linear map from a stack of maps to the channels of a guide, fitted once for a whole painting.

    Attributes
    ----------
    axes : array of float32, shape (9, channel, kept)
        Contribution of each of the nine neighbours to the channels of the guide.
    centre : array of float32, shape (kept,)
        Mean to subtract, so that the guide is centred on zero, where differences of squares lose no digits.
    """

    axes: NDArray[np.float32]
    centre: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        pieces: Iterable[NDArray[Any]],
        spread: float,
        *,
        count: int = 1,
        bandwidth: float | None = None,
        signal: NDArray[np.float64] | None = None,
    ) -> Self:
        """Fit a guide to maps like `pieces`.

        Parameters
        ----------
        pieces : iterable of array, shape (channel, y, x)
            Maps, or crops that represent them; they are read one after the other.
        spread : float
            Standard deviation of the Gaussian weights in pixels; the weights of all nine sum to one.
        count : int
            Number of pieces.
        bandwidth : float, optional
            Unit of the guide, as a share of the standard deviation of all maps together.
        signal : array, shape (channel,), optional
            Share of the variance of each map that is not noise. Maps count by that share: their standard deviation is
            that of the signal, here and in the unit, so that noise is not taken for edges. All of it by default.
        """
        weights = np.exp([-(down**2 + right**2) / (2 * spread**2) for down, right in OFFSETS])
        share = np.sqrt(weights / weights.sum()).astype(np.float32)
        samples, moments = [], []
        for piece in pieces:
            samples.append(_sample(piece, share, SAMPLE_PIXELS // count))
            moments.append(Moments.of(piece))
        sample = np.concatenate(samples, axis=1).astype(np.float64)
        samples.clear()
        spreads = pooled_variance(moments)
        if signal is not None:
            sample *= (gain := np.tile(np.sqrt(signal), len(OFFSETS))[:, None])
            spreads = spreads * signal
        mean = sample.mean(axis=1, keepdims=True)
        sample -= mean
        variance, axes = np.linalg.eigh(sample @ sample.T)
        total = np.cumsum(variance[::-1])
        kept = int(np.searchsorted(total, KEPT_VARIANCE * total[-1])) + 1 if total[-1] > 0 else 1
        channels = len(axes) // len(OFFSETS)
        unit = np.sqrt(spreads.sum()) * bandwidth if bandwidth else 1.0
        # A contrast so far below the rounding of single precision is none; dividing by it would overflow.
        chosen = axes[:, ::-1][:, :kept] / (unit if unit > LEAST_CONTRAST else 1.0)
        centre = (mean[:, 0] @ chosen).astype(np.float32)
        if signal is not None:
            chosen = chosen * gain
        chosen = chosen.astype(np.float32).reshape(len(OFFSETS), channels, -1)
        return cls(chosen * share[:, None, None], centre)

    def rescaled(self, unit: NDArray[Any]) -> Self:
        """Return the guide for the same maps multiplied by `unit` (channel,)."""
        return replace(self, axes=self.axes / unit.astype(np.float32)[:, None])

    def __call__(self, maps: NDArray[Any]) -> NDArray[np.float32]:
        """Return the guide (kept, y, x) of maps (channel, y, x); pixels beyond the border repeat the last ones.

        In memory the channels of a pixel are adjacent.
        """
        channels, height, width = maps.shape
        made = np.empty((height, width, self.axes.shape[2]), dtype=np.float32)
        for start in range(0, height, STRIP):
            stop = min(start + STRIP, height)
            rows = np.clip(np.arange(start - 1, stop + 1), 0, height - 1)
            padded = np.pad(maps[:, rows].astype(np.float32, copy=False), ((0, 0), (0, 0), (1, 1)), mode="edge")
            strip = made[start:stop].reshape(-1, made.shape[2])
            strip[:] = -self.centre
            for (down, right), turned in zip(OFFSETS, self.axes, strict=True):
                there = padded[:, 1 + down : 1 + down + stop - start, 1 + right : 1 + right + width]
                strip += there.reshape(channels, -1).T @ turned
        return np.moveaxis(made, -1, 0)


class Moments(NamedTuple):
    """Number of pixels, and mean and variance of each map of a stack, in double precision."""

    pixels: int
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, maps: NDArray[Any]) -> Self:
        """Compute the moments of maps (channel, y, x)."""
        axes = (1, 2)
        return cls(maps[0].size, maps.mean(axes, dtype=np.float64), maps.var(axes, dtype=np.float64))


def pooled_variance(pieces: Sequence[Moments]) -> NDArray[np.float64]:
    """Return the variance of each map over all pixels of several pieces."""
    if len(pieces) == 1:
        return pieces[0].variance
    share = np.array([piece.pixels for piece in pieces]) / sum(piece.pixels for piece in pieces)
    means, inside = (np.array(each) for each in (list(p.mean for p in pieces), list(p.variance for p in pieces)))
    return np.asarray(share @ inside + share @ (means - share @ means) ** 2)


def neighbourhood(maps: NDArray[Any], spread: float) -> NDArray[np.float32]:
    """Return channels whose squared difference between two pixels is the weighted one of their neighbourhoods.

    Parameters
    ----------
    maps : array, shape (channel, y, x)
        Stack of maps.
    spread : float
        Standard deviation of the Gaussian weights in pixels; the weights of all nine sum to one.

    Returns
    -------
    array of float32, shape (kept, y, x)
        Principal components of all neighbours that hold 99.9 % of their variance; the nine neighbours are highly
        redundant.

    Examples
    --------
    >>> import numpy as np
    >>> edge = np.zeros((1, 8, 8), dtype=np.float32)
    >>> edge[:, :, 4:] = 1.0
    >>> guide = neighbourhood(edge, 0.5)
    >>> round(float(np.square(guide[:, 4, 3] - guide[:, 4, 4]).sum()), 2)  # the weight of the middle column
    0.79
    """
    return Guide.fit([maps], spread)(maps)


def _sample(maps: NDArray[Any], share: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """Return the weighted neighbours of at most `most` evenly spaced pixels, (9 * channel, pixels)."""
    height, width = maps.shape[1:]
    chosen = np.linspace(0, height * width - 1, min(most, height * width)).astype(np.intp)
    row, column = np.divmod(chosen, width)
    parts = zip(OFFSETS, share, strict=True)
    neighbours = [
        part * maps[:, np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1)].astype(np.float32)
        for (down, right), part in parts
    ]
    return np.concatenate(neighbours)

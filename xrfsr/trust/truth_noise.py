r"""Noise of the truth that results are compared with, and errors without it.

A measured truth is noisy: even perfect maps differ from it by its noise, whose variance no method can gain. The error
against the maps without noise is what remains after it is subtracted. The noise is known of whole counts (its variance
is their mean, as Poisson's) and of maps with an uncertainty. Else it is estimated from the map itself, if it looks like
white noise at the finest scale: the median of the absolute second differences in both directions, divided by 0.6745,
which is Immerkær's filter with the robust scale of Donoho and Johnstone.

If the scan was made from the truth, a result that agrees with the scan has a share of the noise in it, too. A result
Q U (f + n) with U Q = I, for the truth f + n of N fine pixels with white noise n of variance σ², has

.. math:: E\,\lVert QU(f+n) - (f+n) \rVert^2 = E\,\lVert QU(f+n) - f \rVert^2 + N\sigma^2 - 2\sigma^2\,\mathrm{tr}(QU),

where the trace is the number of coarse pixels. Only the rest of the noise is subtracted then. In results that do not
agree with the scan the trace is smaller, so that their corrected error is slightly too large (by less than 2/16 of the
variance of the noise at 4×).

References
----------
J. Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64 (1996), 300-302.

D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994), 425-455.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.scan import ensure_scan
from xrfsr.methods.common.problem import known_noise
from xrfsr.operators import Downsampling

__all__ = ["SOURCES", "TruthNoise", "estimate_white_noise"]

SOURCES = ("uncertainty", "counts", "estimate", "unknown")

QUARTILE = 0.6745  # median of the absolute value of a standard normal variable
# Second differences of white noise along both axes have a correlation of -2/3 with their neighbours, and the signs one
# of 2/π arcsin(-2/3) = -0.465. Blurred, resampled and textured maps are nearer to zero: the signs of noise-free maps of
# simulated paintings have down to -0.37.
MOST_SIGN_CORRELATION = -0.4
LEAST_DIFFERENCES = 1000  # for an error of the variance below a fifth
MOST_ZEROS = 0.1  # share of differences that vanish; more in maps that are clipped or coarsely quantised
# What remains of an error must be larger than its standard error, and than what is left open by the estimate of noise.
STANDARD_ERRORS, LEAST_SHARE = 2.0, 0.1
SAME = 1e-5  # of the peak, by which a scan may differ from the averages of the truth


@dataclass(frozen=True, eq=False)
class TruthNoise:
    """Noise of every true map.

    Attributes
    ----------
    sigma : array, shape (line,)
        Standard deviation in the unit of the truth; NaN where it is unknown.
    source : tuple of str
        One of `SOURCES` for every line.
    weight : float
        Share of its variance that is part of the mean squared error of a result: 1 if the scan has noise of its own.
    """

    sigma: NDArray[np.float64]
    source: tuple[str, ...]
    weight: float = 1.0

    @classmethod
    def of(cls, truth: xr.Dataset | xr.DataArray, scan: NDArray[Any], U: Downsampling) -> Self:
        """Measure the noise of a truth in memory, and find out whether the scan is the truth seen through `U`.

        The maps of the scan have the lines of the truth, in the same order, and the same unit.
        """
        checked = ensure_scan(truth, values=False)
        maps = checked["intensity"].transpose("line", "y", "x")
        units, values = str(maps.attrs.get("units", "")), maps.values
        measured = np.isfinite(values)
        filled = np.where(measured, values, 0)
        counted = known_noise(filled, measured, units, None)
        given = np.full(len(values), np.nan, np.float32)
        if "uncertainty" in checked:
            sigma = checked["uncertainty"].transpose("line", "y", "x").values
            some = np.isfinite(sigma).any(axis=(1, 2))
            given[some] = known_noise(filled[some], measured[some], units, sigma[some])
        made, source = np.fmin(counted, given).astype(np.float64), []
        for line, plane in enumerate(values):
            if np.isfinite(made[line]):
                source.append("uncertainty" if given[line] == made[line] else "counts")
                continue
            made[line] = estimate_white_noise(plane)
            source.append("unknown" if np.isnan(made[line]) else "estimate")
        return cls(made, tuple(source), _weight(values, scan, U))

    @property
    def coords(self) -> dict[str, xr.Variable]:
        """Standard deviation and source as coordinates along `line`."""
        about = {"long_name": "standard deviation of the noise of the true map"}
        return {
            "truth_noise": xr.Variable("line", self.sigma, about),
            "truth_noise_source": xr.Variable("line", list(self.source)),
        }

    def corrected(
        self, square: NDArray[np.float64], peak: NDArray[Any], element: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], float]:
        """Return mean squared errors without the noise, of every line, and of all element lines together.

        Parameters
        ----------
        square : array, shape (line, y, x)
            Squared errors in units of the peak.
        peak : array, shape (line,)
            Peak of every true map.
        element : array of bool, shape (line,)
            Lines that are pooled.

        Returns
        -------
        each : array, shape (line,)
            NaN where the noise may be all of the error. Unknown noise is not subtracted: the error is then an upper
            bound.
        pooled : float
            NaN if the noise is all of the error of the lines together.
        """
        count = np.isfinite(square).sum(axis=(1, 2))
        mean, variance = np.nanmean(square, axis=(1, 2)), np.nanvar(square, axis=(1, 2))
        error = np.sqrt(variance / np.maximum(count, 1))
        noise = self.weight * np.nan_to_num(self.sigma / peak) ** 2
        mine, all_errors = (mean[element].mean(), noise[element].mean()), np.sqrt(np.sum(error[element] ** 2))
        return _remaining(mean, noise, error), float(_remaining(*mine, all_errors / max(element.sum(), 1)))


def estimate_white_noise(plane: NDArray[Any]) -> float:
    """Return the standard deviation of the white noise in a map, NaN if its finest scale shows something else.

    The noise is assumed to be independent in all pixels and equally strong. Where it grows with the signal, the result
    is that of a typical pixel, which is less than the root mean square.

    Parameters
    ----------
    plane : array, shape (y, x)
        Map; NaN where it was not measured.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(0, 2, (64, 64))
    >>> round(estimate_white_noise(noisy), 1)
    2.0
    >>> smooth = (noisy[1:] + noisy[:-1]) / 2
    >>> estimate_white_noise(smooth)
    nan
    """
    if min(plane.shape) < 3:
        return float("nan")
    filtered = np.diff(np.diff(plane.astype(np.float64), n=2, axis=0), n=2, axis=1) / 6
    known = np.isfinite(filtered)
    if known.sum() < LEAST_DIFFERENCES:
        return float("nan")
    sign = np.where(known, np.sign(filtered), np.nan)
    along = [np.nanmean(sign[1:] * sign[:-1]), np.nanmean(sign[:, 1:] * sign[:, :-1])]
    if not max(along) <= MOST_SIGN_CORRELATION or (sign[known] == 0).mean() > MOST_ZEROS:
        return float("nan")
    return float(np.median(np.abs(filtered[known])) / QUARTILE)


def _remaining(mean: Any, noise: Any, error: Any) -> NDArray[np.float64]:
    """Return mean squared errors less the noise, NaN where no more than chance remains."""
    rest = np.asarray(mean - noise)
    least = np.clip(STANDARD_ERRORS * error, LEAST_SHARE * noise, noise)
    return np.asarray(np.where((noise == 0) | (rest > least), rest, np.nan))


def _weight(truth: NDArray[Any], scan: NDArray[Any], U: Downsampling) -> float:
    """Return the share of the truth's noise by which errors are larger, less if the scan was made from the truth."""
    measured = np.isfinite(truth)
    averaged = U(np.where(measured, truth, 0).astype(np.float64))
    seen = np.isfinite(scan) & (U(measured.astype(np.float64)) > 1 - 1e-6)
    near = SAME * np.abs(averaged).max(axis=(1, 2), keepdims=True)
    if not seen.any() or (np.abs(scan - averaged) > near)[seen].any():
        return 1.0
    return float(1 - 2 * scan[0].size / truth[0].size)

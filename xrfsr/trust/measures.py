r"""Measures of fine maps against true ones, on plain arrays.

For maps f and true maps t of the lines k, over the pixels that both have:

- **RMSE** in units of the peak P of the true map, and **PSNR** = -20 log₁₀ RMSE. Pooled over lines, squares are
  averaged.
- **SSIM** (Wang et al. 2004): similarity of means, contrasts and structure within Gaussian windows (σ = 1.5 pixels, 11
  pixels wide, constants 0.01 P and 0.03 P), averaged over the windows within the map. Gaps have no weight in a window.
- **Spectral angle** (Kruse et al. 1993): angle between the vectors of all lines, mean over the pixels.
- **ERGAS** (Wald 2002): :math:`100\,r^{-1} \sqrt{\mathrm{mean}_k\,(\mathrm{RMSE}_k / \mu_k)^2}`, with the ratio r of
  coarse to fine pixel size and the mean μ of a true map.
- **Ratio error** of two lines: median of the factor by which f_a / f_b is above or below t_a / t_b, less one, over the
  pixels where both true maps exceed a tenth of their peak.
- **Edge sharpness**: :math:`\sum \Delta f\,\Delta t / \sum (\Delta t)^2` over the tenth of all neighbouring pixels
  whose difference per mm, Δt, is largest. It is 1 for the truth, and less for blurred maps. Noise of f averages out;
  noise of t lowers it.

References
----------
Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE Transactions on Image
Processing 13 (2004), 600-612.

F. A. Kruse et al., "The spectral image processing system (SIPS)", Remote Sensing of Environment 44 (1993), 145-163.

L. Wald, "Data Fusion: Definitions and Architectures", Presses de l'École des Mines, Paris 2002.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = [
    "Measures",
    "decibels",
    "edge_sharpness",
    "ergas",
    "measure",
    "peaks",
    "ratio_errors",
    "spectral_angle",
    "squared_errors",
    "ssim",
]

SIGMA, RADIUS = 1.5, 5  # of the windows of SSIM, in pixels
MEAN_CONSTANT, CONTRAST_CONSTANT = 0.01, 0.03
PRESENT = 0.1  # share of the peak above which a line is taken to be there
STEEPEST = 0.1  # share of neighbouring pixels that count as edges

Maps = NDArray[np.floating[Any]]


class Measures(NamedTuple):
    """Every measure of a stack of maps; NaN where one is not defined.

    Attributes
    ----------
    peak : array, shape (line,)
        Largest value of every true map, which `rmse` and `psnr` refer to; 1 for empty maps.
    rmse, psnr, ssim, edge_sharpness : array, shape (line,)
        Measures of single maps.
    ratio_error : array, shape (line, line)
        Error of the ratio of two element lines.
    pooled_rmse, pooled_psnr, spectral_angle, ergas : array, shape ()
        Measures of all element lines together; the angle in degrees.
    """

    peak: NDArray[np.float64]
    rmse: NDArray[np.float64]
    psnr: NDArray[np.float64]
    ssim: NDArray[np.float64]
    edge_sharpness: NDArray[np.float64]
    ratio_error: NDArray[np.float64]
    pooled_rmse: NDArray[np.float64]
    pooled_psnr: NDArray[np.float64]
    spectral_angle: NDArray[np.float64]
    ergas: NDArray[np.float64]


def measure(
    fine: Maps, truth: Maps, element: NDArray[np.bool_], spacing: tuple[float, float], scale: float
) -> Measures:
    """Measure a stack of maps.

    Parameters
    ----------
    fine, truth : array, shape (line, y, x)
        Maps and true maps; NaN marks gaps of either.
    element : array of bool, shape (line,)
        Lines that are measured together.
    spacing : (float, float)
        Pixel size (y, x).
    scale : float
        Ratio of coarse to fine pixel size for ERGAS, or NaN.
    """
    peak = peaks(truth)
    squares = squared_errors(fine, truth, peak)
    count = (~np.isnan(squares)).sum(axis=(1, 2))
    square = np.divide(np.nansum(squares, axis=(1, 2)), count, out=np.full(len(count), np.nan), where=count > 0)
    rmse, pooled = np.sqrt(square), np.sqrt(_mean(square[element]))
    pairs = list(zip(fine, truth, strict=True))
    return Measures(
        peak=peak,
        rmse=rmse,
        psnr=decibels(rmse),
        ssim=np.array([ssim(f, t, p) for (f, t), p in zip(pairs, peak, strict=True)]),
        edge_sharpness=np.array([edge_sharpness(f, t, spacing) for f, t in pairs]),
        ratio_error=ratio_errors(fine, truth, element),
        pooled_rmse=np.asarray(pooled),
        pooled_psnr=decibels(pooled),
        spectral_angle=np.asarray(spectral_angle(fine[element], truth[element])),
        ergas=np.asarray(ergas(fine[element], truth[element], scale)),
    )


def peaks(truth: Maps) -> NDArray[np.float64]:
    """Return the largest value of every map, shape (line,); 1 where there is none above zero."""
    found = np.fmax.reduce(truth, axis=(1, 2), initial=-np.inf).astype(np.float64)
    return np.where(np.isfinite(found) & (found > 0), found, 1.0)


def squared_errors(fine: Maps, truth: Maps, peak: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return squared errors in units of the peaks, shape (line, y, x)."""
    return np.square((fine - truth) / peak[:, None, None], dtype=np.float64)


def decibels(rmse: Any) -> NDArray[np.float64]:
    """Return -20 log₁₀ of errors in units of a peak: infinity for none.

    Examples
    --------
    >>> decibels([0.1, 0.0]).tolist()
    [20.0, inf]
    """
    with np.errstate(divide="ignore"):
        return np.asarray(-20 * np.log10(np.asarray(rmse, dtype=np.float64)))


def ssim(fine: Maps, truth: Maps, peak: float) -> float:
    """Return the structural similarity of two maps (y, x) of which the true one reaches up to `peak`.

    It equals ``skimage.metrics.structural_similarity(truth, fine, data_range=peak, gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False)`` if there are no gaps. NaN if no window lies within the map.

    Examples
    --------
    >>> steps = np.kron(np.eye(4), np.ones((8, 8)))
    >>> ssim(steps, steps, 1.0), round(ssim(0.5 * steps, steps, 1.0), 2)
    (1.0, 0.72)
    """
    known = ~(np.isnan(fine) | np.isnan(truth))
    inside = known.copy()
    inside[:RADIUS] = inside[-RADIUS:] = inside[:, :RADIUS] = inside[:, -RADIUS:] = False
    if not inside.any():
        return np.nan
    f, t = (np.where(known, each, 0).astype(np.float64) for each in (fine, truth))
    weight = _blurred(known.astype(np.float64))[inside]
    mean_f, mean_t, ff, tt, ft = (_blurred(each)[inside] / weight for each in (f, t, f * f, t * t, f * t))
    a, b = (MEAN_CONSTANT * peak) ** 2, (CONTRAST_CONSTANT * peak) ** 2
    likeness = (2 * mean_f * mean_t + a) / (mean_f**2 + mean_t**2 + a)
    likeness *= (2 * (ft - mean_f * mean_t) + b) / (ff - mean_f**2 + tt - mean_t**2 + b)
    return float(likeness.mean())


def _blurred(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(plane, SIGMA, radius=RADIUS))


def edge_sharpness(fine: Maps, truth: Maps, spacing: tuple[float, float] = (1.0, 1.0)) -> float:
    """Return how steep a map (y, x) is at the edges of the true one: 1 as steep, less if it is blurred.

    Examples
    --------
    >>> ramp = np.minimum(np.arange(20.0) // 10 * np.ones((8, 1)), 1)
    >>> blurred = (ramp[:, 1:] + ramp[:, :-1]) / 2
    >>> edge_sharpness(ramp, ramp), edge_sharpness(blurred, ramp[:, 1:])
    (1.0, 0.5)
    """
    f, t = (
        np.concatenate([(np.diff(each.astype(np.float64), axis=axis) / spacing[axis]).ravel() for axis in (0, 1)])
        for each in (fine, truth)
    )
    there = ~(np.isnan(f) | np.isnan(t))
    f, t = f[there], t[there]
    if not t.any():
        return np.nan
    edge = (np.abs(t) >= np.quantile(np.abs(t), 1 - STEEPEST)) & (t != 0)
    return float((f[edge] * t[edge]).sum() / np.square(t[edge]).sum())


def spectral_angle(fine: Maps, truth: Maps) -> float:
    """Return the mean angle in degrees between the vectors of two stacks (line, y, x); strong lines decide.

    Pixels where either vector is zero have none. NaN with a single line.

    Examples
    --------
    >>> float(spectral_angle(np.array([[[1.0, 2.0]], [[1.0, 0.0]]]), np.array([[[2.0, 0.0]], [[2.0, 1.0]]])))
    45.0
    """
    if len(truth) < 2:
        return np.nan
    f, t = fine.astype(np.float64), truth.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = (f * t).sum(axis=0) / np.sqrt((f * f).sum(axis=0) * (t * t).sum(axis=0))
    return float(np.degrees(_mean(np.arccos(np.clip(cosine, -1, 1)))))


def ergas(fine: Maps, truth: Maps, scale: float) -> float:
    """Return the relative global error (ERGAS) of a stack (line, y, x): 0 is perfect. Empty true maps do not count.

    Examples
    --------
    >>> truth = np.ones((2, 3, 3))
    >>> ergas(truth * 1.1, truth, 4.0)
    2.5...
    """
    known = np.where(np.isnan(fine), np.nan, truth.astype(np.float64))
    mean = np.array([_mean(each) for each in known])
    square = np.array([_mean(each) for each in (fine.astype(np.float64) - truth) ** 2])
    counted = mean > 0
    return float(100 / scale * np.sqrt(_mean(square[counted] / mean[counted] ** 2)))


def ratio_errors(fine: Maps, truth: Maps, element: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the typical relative error of the ratio of any two element lines, shape (line, line).

    A ratio whose fine maps are not positive is infinitely wrong.

    Examples
    --------
    >>> truth = np.ones((2, 3, 3))
    >>> fine = truth * np.array([[[1.2]], [[1.0]]])
    >>> ratio_errors(fine, truth, np.array([True, True])).round(3).tolist()
    [[nan, 0.2], [0.2, nan]]
    """
    count = len(truth)
    made = np.full((count, count), np.nan)
    present = (truth > PRESENT * peaks(truth)[:, None, None]) & ~np.isnan(fine)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.log(fine.astype(np.float64)) - np.log(truth.astype(np.float64))
    factor[~np.isfinite(factor)] = np.nan  # which no other line can make up for
    for a, b in combinations(np.flatnonzero(element).tolist(), 2):
        both = present[a] & present[b]
        if both.any():
            off = np.abs(factor[a][both] - factor[b][both])
            made[a, b] = made[b, a] = np.expm1(np.median(np.where(np.isnan(off), np.inf, off)))
    return made


def _mean(values: NDArray[Any]) -> Any:
    """Mean of what is not NaN, in double precision, and NaN of nothing."""
    known = ~np.isnan(values)
    return values[known].mean(dtype=np.float64) if known.any() else np.nan

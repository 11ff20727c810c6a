r"""The standard deviation of every value of the fine maps, calibrated on the scan itself.

Where the maps can be wrong shows in what they contain: the detail within a pixel of the scan, which nothing has
measured, and the disagreement of the estimates of which they were made,

.. math:: s^2 = \overline{(\hat y - \bar y)^2} + \tfrac12 \operatorname{var}_k \hat y_k + \sigma_n^2 + c^2,

with means over the pixel of the scan (bars), the estimates :math:`\hat y_k`, the noise :math:`\sigma_n` of the
scan where it is known, and a share c of the root mean square of the first two. How wrong they are is measured where the
truth is known: the method is applied, without changes, to the scan at half its resolution (Wald, Ranchin & Mangolini
1997). A factor for each map and intensity makes nine of ten errors there smaller than 1.645 standard deviations, as
those of a normal distribution are. This is split conformal prediction with groups (Lei et al. 2018, "Distribution-free
predictive inference for regression"; Vovk 2012, "Conditional validity of inductive conformal predictors"). Errors on
pixels on which networks were trained are too small. The factor of each map is therefore multiplied by that of pixels
held out from training over that of all pixels. All this rests on the
errors being as large, in units of s, at the resolution of the result as they are at half the scan's, which no scan can
prove.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from xrfsr.methods.common.method import ALL
from xrfsr.operators import Downsampling
from xrfsr.operators.separable import apply_separable

__all__ = ["Calibration", "Trial", "around", "rough_variance"]

COVERED, DEVIATIONS = 0.9, 1.6449  # share of the errors within so many standard deviations
SPREAD = 0.5  # weight of the spread; estimates also err together
LEAST = 0.02  # of the root mean square of s over a map
GROUPS = 16  # by intensity, for each map
FEW = 30  # pixels of a group that count as much as the factor of the whole map
MIN_PIXELS = 50  # of a map; with fewer, it has the median factor of the other maps
LEAST_FACTOR = 0.1  # also where the errors are zero, as in the empty parts of a map
TYPICAL = 1.0  # factor where the scan is too small for a test


def rough_variance(
    maps: NDArray[np.float32], spread: NDArray[np.float32] | None, U: Downsampling, seen: tuple[slice, slice] = ALL
) -> NDArray[np.float32]:
    """Return s² without noise and least value, shape (line, y, x).

    Parameters
    ----------
    maps : array of float32, shape (line, y, x)
        Fine maps.
    spread : array of float32, shape like `maps`, optional
        Variance over the estimates of which they were made.
    U : Downsampling
        Operator from the fine grid to that of the scan.
    seen : (slice, slice), optional
        Rows and columns of the fine grid that `maps` are, of whole pixels of the scan; all if not given.
    """
    axes = (U.coarse.y, U.fine.y, seen[0]), (U.coarse.x, U.fine.x, seen[1])
    y, x = (_mean_over_parents(coarse.parent_cell(fine)[part]) for coarse, fine, part in axes)
    detail = np.square(maps - apply_separable(y, x, maps))
    made = apply_separable(y, x, detail)
    if spread is not None:
        made += np.float32(SPREAD) * spread
    return np.asarray(made)


def around(core: tuple[slice, slice], U: Downsampling) -> tuple[slice, slice]:
    """Return the rows and columns of the fine grid on which s² of a part of it depends: whole pixels of the scan."""
    rows, columns = (
        _around(coarse.parent_cell(fine), part)
        for coarse, fine, part in ((U.coarse.y, U.fine.y, core[0]), (U.coarse.x, U.fine.x, core[1]))
    )
    return rows, columns


def _around(parent: NDArray[np.intp], part: slice) -> slice:
    inner = parent[part]
    first, last = np.searchsorted(parent, [inner[0], inner[-1] + 1])
    return slice(int(first), int(last))


def _mean_over_parents(parent: NDArray[np.intp]) -> csr_array:
    """Return the matrix that puts the mean over a coarse pixel in place of each of its fine pixels, along one axis."""
    _, number, count = np.unique(parent, return_inverse=True, return_counts=True)
    below = csr_array((np.ones(len(parent), np.float32), (number, np.arange(len(parent)))))
    return csr_array(csr_array(below.T) @ diags_array(1 / count.astype(np.float32)) @ below)


class Trial(NamedTuple):
    """Maps at half the resolution of the scan's, and the scan as their truth.

    Attributes
    ----------
    maps, variance : array of float32, shape (line, coarse.y, coarse.x)
        Maps, and s² of them without noise and least value.
    truth : array of float32, shape like `maps`
        Scan.
    measured : array of bool, shape like `maps`
        Where it was measured.
    unseen : array of bool, shape like `maps`
        Measured pixels on which nothing was trained.
    """

    maps: NDArray[np.float32]
    variance: NDArray[np.float32]
    truth: NDArray[np.float32]
    measured: NDArray[np.bool_]
    unseen: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What turns s into a standard deviation.

    Attributes
    ----------
    least : array of float32, shape (line,)
        Variance that is added to s²: noise of the scan, and least value.
    intensity : array of float64, shape (line, group)
        Intensities in the middle of the groups, in ascending order.
    factor : array of float64, shape (line, group)
        Logarithm of the standard deviation over s at these intensities; in between it is interpolated.
    """

    least: NDArray[np.float32]
    intensity: NDArray[np.float64]
    factor: NDArray[np.float64]

    @classmethod
    def of(cls, trials: Iterable[Trial], noise: NDArray[np.float32]) -> Self:
        """Compare errors with s at half the resolution of the scan.

        Parameters
        ----------
        trials : iterable of Trial
            Windows of the painting, or all of it; none for a scan that is too small.
        noise : array of float32, shape (line,)
            Standard deviation of the noise of a pixel of the scan, NaN where it is unknown.
        """
        lines, parts = len(noise), list(trials)
        least = np.nan_to_num(noise).astype(np.float32) ** 2
        intensity = np.tile(np.arange(GROUPS, dtype=np.float64), (lines, 1))
        factor = np.full((lines, GROUPS), np.nan)
        for line in range(lines):
            maps, variance, truth, unseen = (
                np.concatenate([part[i][line][part.measured[line]] for part in parts] or [np.zeros(0)]).astype(
                    np.float64
                )
                for i in (0, 1, 2, 4)
            )
            if maps.size < MIN_PIXELS:
                continue
            least[line] += LEAST**2 * variance.mean()
            rough = np.sqrt(variance + least[line])
            if rough.min() > 0:
                errors = np.abs(truth - maps) / rough
                intensity[line], factor[line] = _groups(maps, errors)
                if (apart := unseen > 0).sum() >= MIN_PIXELS:
                    factor[line] += _factor(errors[apart]) - _factor(errors)
        known = np.isfinite(factor).all(axis=1)
        factor[~known] = np.median(factor[known]) if known.any() else np.log(TYPICAL)
        return cls(least, intensity, factor)

    def __call__(self, maps: NDArray[np.float32], variance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the standard deviation of maps from s² without noise and least value, shape (line, y, x)."""
        made = np.sqrt(variance + self.least[:, None, None])
        for each, values, intensity, factor in zip(made, maps, self.intensity, self.factor, strict=True):
            each *= np.exp(np.interp(values, intensity, factor)).astype(np.float32)
        return np.asarray(made)


def _groups(maps: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return middle and logarithmic factor of groups by intensity, of errors in units of s."""
    whole = _factor(errors)
    order = np.array_split(np.argsort(maps, kind="stable"), GROUPS)
    middle = np.array([np.median(maps[group]) for group in order])
    share = np.array([group.size / (group.size + FEW) for group in order])
    made = share * np.array([_factor(errors[group]) for group in order]) + (1 - share) * whole
    # Ascending without ties, for interpolation.
    return middle + np.arange(GROUPS) * 1e-9 * max(np.abs(maps).max(), np.finfo(np.float64).tiny), made


def _factor(errors: NDArray[np.float64]) -> float:
    """Return the logarithm of the factor by which `COVERED` of the errors are within `DEVIATIONS`."""
    rank = min(1.0, COVERED * (1 + 1 / errors.size))
    return float(np.log(max(np.quantile(errors, rank, method="higher") / DEVIATIONS, LEAST_FACTOR)))

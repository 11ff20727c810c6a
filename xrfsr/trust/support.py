r"""How far detail is of a kind that the scan confirms: where the same colours change, the maps change too.

Around every fine pixel the photo differs from the mean colour of the surroundings in a direction :math:`\delta` of the
space of colours. Over the surrounding pixels of the scan (with Gaussian weights, 0.75 pixels wide), colours z and
values y of a map have the covariances C of z with itself and c of z with y. The share of the variance of y that goes
along with :math:`\delta` is the squared coefficient of correlation

.. math:: r^2 = \frac{c^T K c}{\operatorname{tr}(K C) \operatorname{var} y}, \qquad K = \langle \delta \delta^T \rangle,

and that which goes along with any colour is :math:`R^2 = c^T C^{-1} c / \operatorname{var} y`. Both are freed of what
chance would give. With their geometric mean g, the support is :math:`g^2 / (g^2 + 0.1^2)`. A word, a crack or a
retouching that the photo alone shows has little: its colour changes, and no map does. An element hidden under uniform
paint has little too, because no colour shows where it is. The support is zero for maps in which the photo has no share.

Detail far smaller than a pixel of the scan is not seen by it. It counts as supported if its colours are those of larger
shapes near it that the map confirms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xrfsr.methods import Problem
from xrfsr.network.prior import COMPONENTS, Components
from xrfsr.operators import Downsampling
from xrfsr.operators.interpolation import linear_matrix
from xrfsr.operators.separable import apply_separable

__all__ = ["REACH", "Evidence"]

WINDOW, TRUNCATED = 0.75, 4.0  # width of the surroundings in pixels of the scan, and where their weights end
REACH = 6  # coarse pixels around a pixel on which its support depends
PIXELS = 4 * np.pi * WINDOW**2  # of the scan, as many as have the same effect with equal weights
SOFTNESS, NEARNESS = 0.7 / 4, 1.0 / 4  # by which photo and K are smoothed, in pixels of the scan
LEAST_VARIANCE = 5e-3  # share of a map's variance that is added to that of the surroundings: less is no change
RIDGE = 1e-2  # share of the mean variance of the colours, likewise
HALF = 0.1  # geometric mean of the shares of variance that counts as half of full support
PAIRS = [(i, j) for i in range(COMPONENTS) for j in range(i, COMPONENTS)]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What holds for the whole painting.

    Attributes
    ----------
    photo : Components
        Principal components of the photo.
    colours : float
        Mean variance of a component over the painting.
    variance : array of float64, shape (line,)
        Variance of every map of the scan.
    """

    photo: Components
    colours: float
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, sample: Sequence[Problem]) -> Self:
        """Fit it to windows of the painting, or to all of it."""
        photo = Components.fit([problem.photo for problem in sample])
        seen = [problem.U(photo(problem.photo)) for problem in sample]
        colours = np.mean(np.concatenate([each.reshape(COMPONENTS, -1) for each in seen], axis=1).var(axis=1))
        return cls(photo, float(colours), Components.fit([problem.scan for problem in sample]).variance.astype(float))

    def __call__(self, problem: Problem, y: slice, x: slice) -> NDArray[np.float32]:
        """Return the support in some rows and columns of the fine grid, shape (line, y, x)."""
        U = problem.U
        photo = self.photo(problem.photo)
        pixels = [coarse / fine for coarse, fine in zip(U.coarse.spacing, U.fine.spacing, strict=True)]
        photo = _smooth(photo, [SOFTNESS * each for each in pixels])
        window = [WINDOW, WINDOW]
        colours = U(photo).astype(np.float64)
        mean = _smooth(colours, window)
        moments = {(i, j): _smooth(colours[i] * colours[j], window) - mean[i] * mean[j] for i, j in PAIRS}
        C = np.array([[moments[min(i, j), max(i, j)] for j in range(COMPONENTS)] for i in range(COMPONENTS)])
        ridge = RIDGE * self.colours
        inverse = np.linalg.inv(np.moveaxis(C, (0, 1), (-2, -1)) + (ridge + np.finfo(float).tiny) * np.eye(COMPONENTS))
        K = self._directions(problem, photo, mean, (y, x))
        upwards = _Upwards(U, y, x)
        twice = {(i, j): 1 if i == j else 2 for i, j in PAIRS}
        along = np.full(K[0, 0].shape, np.finfo(float).tiny)
        for i, j in PAIRS:
            along += K[i, j] * (twice[i, j] * upwards(moments[i, j]) + (ridge if i == j else 0))
        made = np.zeros((len(problem.scan), *along.shape), np.float32)
        for line, values in enumerate(problem.scan.astype(np.float64)):
            if self.variance[line] <= 0:
                continue
            middle = _smooth(values, window)
            c = np.array(
                [_smooth(values * each, window) - middle * own for each, own in zip(colours, mean, strict=True)]
            )
            variance = _smooth(values**2, window) - middle**2 + LEAST_VARIANCE * self.variance[line]
            whole = np.einsum("iyx,yxij,jyx->yx", c, inverse, c) / variance
            fine = [upwards(each) for each in c]
            part = sum(twice[i, j] * K[i, j] * fine[i] * fine[j] for i, j in PAIRS) / (along * upwards(variance))
            made[line] = _support(_beyond_chance(part, 1), _beyond_chance(upwards(whole), COMPONENTS))
        return made

    def _directions(
        self, problem: Problem, photo: NDArray[np.float32], mean: NDArray[np.float64], part: tuple[slice, slice]
    ) -> dict[tuple[int, int], NDArray[np.float64]]:
        """Return K in a part of the fine grid."""
        U = problem.U
        widths = [NEARNESS * coarse / fine for coarse, fine in zip(U.coarse.spacing, U.fine.spacing, strict=True)]
        # A little more than the part, so that its borders are smoothed as its inside.
        wide, inner = [], []
        for each, width, size in zip(part, widths, U.fine.shape, strict=True):
            start, stop, _ = each.indices(size)
            first = max(0, start - ceil(TRUNCATED * width) - 1)
            wide.append(slice(first, min(size, stop + ceil(TRUNCATED * width) + 1)))
            inner.append(slice(start - first, stop - first))
        away = photo[:, *wide] - _Upwards(U, *wide)(mean)
        return {(i, j): _smooth(away[i] * away[j], widths)[*inner] for i, j in PAIRS}


class _Upwards:
    """Linear interpolation from the scan's grid to a part of the fine one."""

    def __init__(self, U: Downsampling, y: slice, x: slice) -> None:
        self.y, self.x = linear_matrix(U.coarse.y, U.fine.y)[y], linear_matrix(U.coarse.x, U.fine.x)[x]

    def __call__(self, maps: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(apply_separable(self.y, self.x, maps))


def _smooth(maps: NDArray[Any], widths: Sequence[float]) -> NDArray[Any]:
    """Smooth the last two axes by a Gaussian; widths in their pixels."""
    sigma = (*(0,) * (maps.ndim - 2), *widths)
    return np.asarray(ndimage.gaussian_filter(maps, sigma, mode="nearest", truncate=TRUNCATED))


def _beyond_chance(share: Any, directions: int) -> NDArray[np.float64]:
    """Return an explained share of variance less what so many directions explain by chance."""
    chance = directions / PIXELS
    return np.asarray(np.clip((share - chance) / (1 - chance), 0, 1))


def _support(along: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the support from both shares of variance."""
    product = along * whole
    return np.asarray(product / (product + HALF**2), np.float32)

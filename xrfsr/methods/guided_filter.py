r"""The guided filter, upsampling: within every window a map is a linear function of the photo's colours.

K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35 (2013); fitted at the resolution of the scan as in K.
He, J. Sun, "Fast guided filter" (2015). In a window ω around every coarse pixel, with :math:`I = U Z` the photo as
the scan would see it, the coefficients (a: one for each band; b) minimise

.. math:: E(a, b) = \sum_{i \in \omega} (a^T I_i + b - Y_{\downarrow i})^2 + \epsilon \lVert a \rVert^2,

so :math:`a = (\Sigma + \epsilon 1)^{-1} \mathrm{cov}(I, Y_\downarrow)` and
:math:`b = \bar Y_\downarrow - a^T \bar I`. Their means :math:`\bar a, \bar b` over the windows that hold a pixel are
interpolated bilinearly to the fine grid, and :math:`\hat Y = \bar a^T Z + \bar b`.

Filled in: windows of 5 × 5 coarse pixels (``radius`` 2) and :math:`\epsilon = 10^{-3}` of a photo in [0, 1]; pixels
that were not measured, or that the photo does not show, have no weight in any window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from xrfsr.methods.common.fusion import FusionMethod, FusionOptions, projection_halo
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.operators import Downsampling, apply_separable, linear_matrix

__all__ = ["GuidedFilter", "GuidedFilterOptions", "guided_filter"]

WIDEST = 4


@dataclass(frozen=True, kw_only=True)
class GuidedFilterOptions(FusionOptions):
    """Options of `GuidedFilter`; the symbols are those of the module's docstring."""

    radius: int = setting(2, 1, WIDEST)
    epsilon: float = setting(1e-3, 1e-9)


def guided_filter(problem: Problem, radius: int, epsilon: float) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    U, scan = problem.U, problem.scan.astype(np.float64)
    image = U(problem.photo.astype(np.float64))
    bands = len(image)

    def total(maps: NDArray[np.float64]) -> NDArray[np.float64]:
        size = (1,) * (maps.ndim - 2) + (2 * radius + 1,) * 2
        return np.asarray(uniform_filter(maps, size, mode="constant"))

    fine = np.empty((len(scan), *U.fine.shape), dtype=np.float32)
    y, x = linear_matrix(U.coarse.y, U.fine.y), linear_matrix(U.coarse.x, U.fine.x)
    # Maps that were measured in the same places share their windows.
    for known, lines in _alike(problem.training_mask):
        weight = known.astype(np.float64)
        count = np.maximum(total(weight), 1e-12)

        def mean(
            maps: NDArray[np.float64], weight: NDArray[np.float64] = weight, count: NDArray[np.float64] = count
        ) -> NDArray[np.float64]:
            return total(maps * weight) / count

        centre = mean(image)
        spread = mean(image[:, None] * image) - centre[:, None] * centre
        values = mean(scan[lines])
        together = mean(image[:, None] * scan[lines]) - centre[:, None] * values
        system = np.moveaxis(spread, (0, 1), (-2, -1)) + epsilon * np.eye(bands)
        a = np.moveaxis(np.linalg.solve(system, np.moveaxis(together, (0, 1), (-2, -1))), (-2, -1), (0, 1))
        b = values - np.einsum("blyx,byx->lyx", a, centre)
        # Windows without a measured pixel are left out of the means.
        fitted = (total(weight) > 1e-9).astype(np.float64)
        windows = np.maximum(total(fitted), 1e-12)
        a, b = total(a * fitted) / windows, total(b * fitted) / windows
        made = apply_separable(y, x, b)
        for band, plane in enumerate(problem.photo):
            made += apply_separable(y, x, a[band]) * plane
        fine[lines] = made
    return fine


def _alike(known: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Return the distinct masks (y, x), each with the lines that have it."""
    masks, which = np.unique(known.reshape(len(known), -1), axis=0, return_inverse=True)
    return [(mask.reshape(known.shape[1:]), np.flatnonzero(which.ravel() == i)) for i, mask in enumerate(masks)]


class GuidedFilter(FusionMethod[GuidedFilterOptions]):
    """The guided filter."""

    name = "guided_filter"
    Options = GuidedFilterOptions

    def estimate(self, problem: Problem, options: GuidedFilterOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return guided_filter(problem, radius=options.radius, epsilon=options.epsilon)

    def halo(self, U: Downsampling) -> int:
        """See `xrfsr.methods.common.method.Method`: two windows, an interpolation, and the projection."""
        return 2 * WIDEST + 1 + projection_halo(U)

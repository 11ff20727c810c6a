r"""Guided kriging: interpolation of the scan under a covariance that drops where a guide has an edge.

.. math:: Q(p, q) = e^{-(|y_p - y_q| + |x_p - x_q|) / \ell}
          \left( a + (1 - a) \, e^{-\lVert g_p - g_q \rVert^2 / 2} \right)

is the covariance of the baseline (`xrfsr.kriging.simple`) times a Gaussian of the distance between the guides of two
fine pixels: the kernel of the bilateral filter (Tomasi & Manduchi 1998, "Bilateral filtering for gray and color
images"), used as a covariance between fine pixels that are observed through U. It does not factor into rows and
columns, so every coarse pixel is solved for from its own neighbourhood (ordinary kriging in a moving window; Chilès &
Delfiner 2012, "Geostatistics", 3.6), at a cost that is linear in the number of pixels. Leave-one-out predictions follow
from the same factorisation at no further cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from xrfsr.errors import InvalidInput
from xrfsr.kriging.geometry import AxisGeometry
from xrfsr.kriging.strip import HALO, PAIRS_ON_GPU, Strip, blocks, weights_of
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU, is_cpu
from xrfsr.utils.threads import available, parallel_map

__all__ = ["NUGGET", "GuidedKriging", "guided_krige", "leave_one_out"]

OFFSETS = [(down, right) for down in range(-HALO, HALO + 1) for right in range(-HALO, HALO + 1)]
MIDDLE = len(OFFSETS) // 2
NUGGET = 1e-4  # on the diagonal, so that the equations can be solved for a guide with hardly any contrast
# Largest number of guides along one axis of a footprint. Pixels of wider footprints are pooled, because the time grows
# with the square of the number of guides: at most 64 to a coarse pixel.
MAX_GROUPS = 8
FEW_GROUPS = 4  # the same where an approximation is enough
# Largest mean of a guide: further from zero, differences of squares lose digits.
MAX_OFFSET = 4.0
# Pairs of fine pixels for which a strip of rows is solved: few enough for the cache. A coarse pixel counts as at least
# 256 pairs. Every strip needs rows of its neighbours, so strips of wide scans have 16 rows, up to 4096 pixels.
PAIRS_PER_STRIP, LEAST_PAIRS = 2**19, 2**8
TALL, PIXELS_PER_STRIP = 16, 2**12
# Pixels whose equations are solved at a time.
PIXELS_PER_BLOCK = 2**8


class GuidedKriging(NamedTuple):
    """Result of guided kriging.

    Attributes
    ----------
    fine : array of float32, shape (line, fine.y, fine.x)
        Interpolated maps. They are consistent with the scan up to the nugget, and less so where footprints overlap:
        project them.
    left_out : array of float32, shape (line, coarse.y, coarse.x)
        Leave-one-out prediction of every coarse pixel, from its neighbours and the guide.
    """

    fine: NDArray[np.float32]
    left_out: NDArray[np.float32]


def guided_krige(
    scan: NDArray[Any],
    guide: NDArray[Any],
    U: Downsampling,
    device: torch.device = CPU,
    nugget: float | NDArray[Any] = NUGGET,
) -> GuidedKriging:
    """Interpolate every map of a scan along the edges that it shares with a guide.

    Parameters
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Maps without gaps.
    guide : array, shape (channel, fine.y, fine.x)
        Guide g in units of the kernel bandwidth (weight exp(-½) at distance 1, 0.01 at 3).
    U : Downsampling
        Operator from the fine grid to the scan's.
    device : torch.device, optional
        Device that computes; the CPU if not given.
    nugget : float or array of float, shape (line,)
        Variance of the scan's noise over that of the maps: Σ in (C + Σ)⁻¹. The default only makes the equations
        solvable.

    Returns
    -------
    GuidedKriging

    Examples
    --------
    The guide shows an edge inside a coarse pixel:

    >>> import numpy as np
    >>> from xrfsr.core.grid import Grid
    >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
    >>> U = Downsampling.between(coarse.refine(4), coarse)
    >>> edge = np.zeros((1, 32, 32), dtype=np.float32)
    >>> edge[:, :, 14:] = 1.0
    >>> sharp = guided_krige(U(edge), 4 * edge, U).fine
    >>> bool(abs(sharp - edge).max() < 0.2)
    True
    """
    if np.ndim(nugget):
        return _by_nugget(scan, guide, U, device, np.asarray(nugget))
    fine = np.empty((len(scan), *U.fine.shape), dtype=np.float32)
    left_out = np.empty((len(scan), *U.coarse.shape), dtype=np.float32)
    _Solver.of(scan, guide, U, device, float(nugget)).solve(left_out, fine)
    return GuidedKriging(fine, left_out)


def leave_one_out(
    scan: NDArray[Any],
    guide: NDArray[Any],
    U: Downsampling,
    device: torch.device = CPU,
    *,
    pooled: bool = False,
) -> NDArray[np.float32]:
    """Predict every pixel of a scan from its neighbours, along the edges that it shares with a guide.

    In two thirds of the time of `guided_krige`, whose `left_out` it is.

    Parameters
    ----------
    scan, guide, U, device
        See `guided_krige`.
    pooled : bool
        Whether 2 x 2 fine pixels share one guide, or as many as it takes for 4 x 4 guides in a footprint. It takes half
        the time for pixels of 4 x 4, and far less for wider footprints.

    Returns
    -------
    array of float32, shape (line, coarse.y, coarse.x)

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr.core.grid import Grid
    >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
    >>> U = Downsampling.between(coarse.refine(4), coarse)
    >>> guide = np.zeros((1, 32, 32), dtype=np.float32)
    >>> leave_one_out(np.full((1, 8, 8), 3.0), guide, U)[0, 4, 4].round(4)
    np.float32(3.0)
    """
    left_out = np.empty((len(scan), *U.coarse.shape), dtype=np.float32)
    _Solver.of(scan, guide, U, device, NUGGET, pooled=pooled).solve(left_out)
    return left_out


def _by_nugget(
    scan: NDArray[Any], guide: NDArray[Any], U: Downsampling, device: torch.device, nugget: NDArray[Any]
) -> GuidedKriging:
    """Interpolate maps grouped by nugget: those with the same one share their equations."""
    made = GuidedKriging(np.empty((len(scan), *U.fine.shape), np.float32), np.empty(scan.shape, np.float32))
    for value in np.unique(nugget):
        lines = np.flatnonzero(nugget == value)
        for whole, part in zip(made, guided_krige(scan[lines], guide, U, device, float(value)), strict=True):
            whole[lines] = part
    return made


@dataclass(frozen=True, eq=False)
class _Solver:
    """Kriging equations of a scan, solved strip by strip.

    Attributes
    ----------
    scan : Tensor, shape (line, y, x)
        Maps of the scan.
    guide, pooled : Tensor, shape (fine.y, fine.x, channel)
        Guide, and its mean over groups of pixels.
    axes : (AxisGeometry, AxisGeometry)
        Geometry along y and along x.
    offset : Tensor of int64, shape (neighbours, 2)
        Offsets of the neighbours in coarse pixels.
    nugget : float
        Σ over the variance of the maps.
    """

    scan: Tensor
    guide: Tensor
    pooled: Tensor
    axes: tuple[AxisGeometry, AxisGeometry]
    offset: Tensor
    nugget: float

    @classmethod
    def of(
        cls,
        scan: NDArray[Any],
        guide: NDArray[Any],
        U: Downsampling,
        device: torch.device,
        nugget: float,
        *,
        pooled: bool = False,
    ) -> Self:
        """Prepare the equations of a scan and a guide; see `guided_krige`."""
        length = U.correlation_length
        widths = [int(np.diff(u.indptr).max()) for u in (U.y, U.x)]
        steps = [-(-width // MAX_GROUPS) for width in widths]
        if pooled:
            steps = [max(min(2, width), -(-width // FEW_GROUPS)) for width in widths]
        axes = (
            AxisGeometry.of(U.y, U.fine.y, U.coarse.y, length, steps[0], device),
            AxisGeometry.of(U.x, U.fine.x, U.coarse.x, length, steps[1], device),
        )
        sharp = np.ascontiguousarray(np.moveaxis(guide, 0, -1), dtype=np.float32)
        middle = guide.mean(axis=(-2, -1), dtype=np.float64)
        if np.abs(middle).max() > MAX_OFFSET:
            sharp = sharp - middle.astype(np.float32)
        means = sharp
        for axis, step in enumerate(steps):
            if step > 1:
                means = uniform_filter1d(means, step, axis=axis, mode="nearest", origin=-((step - 1) % 2))
        seen = torch.as_tensor(sharp, device=device)
        return cls(
            torch.as_tensor(np.ascontiguousarray(scan, dtype=np.float32), device=device),
            seen,
            seen if means is sharp else torch.as_tensor(means, device=device),
            axes,
            torch.tensor(OFFSETS, device=device),
            nugget,
        )

    def solve(self, left_out: NDArray[np.float32], fine: NDArray[np.float32] | None = None) -> None:
        """Write the leave-one-out predictions to `left_out`, and the interpolated maps to `fine`."""
        _, height, width = self.scan.shape
        device = self.scan.device
        # Pairs of fine pixels for one coarse pixel and one of its neighbours.
        pairs = max(LEAST_PAIRS, math.prod(side.representative.shape[1] ** 2 for side in self.axes))
        most = (PAIRS_PER_STRIP if is_cpu(device) else PAIRS_ON_GPU) // pairs
        rows = max(2 * HALO, most // width)
        if is_cpu(device):
            rows = max(rows, min(TALL, PIXELS_PER_STRIP // width))
        workers = min(available(), -(-height // rows)) if is_cpu(device) else 1
        weights = weights_of(self.axes, to_pixels=fine is not None)

        def solve_strip(rows: slice) -> None:
            self.solve_rows(Strip.of(rows, self.axes, weights, self.pooled), left_out, fine)

        parallel_map(blocks(slice(0, height), rows), solve_strip, workers)

    def solve_rows(self, strip: Strip, left_out: NDArray[np.float32], fine: NDArray[np.float32] | None) -> None:
        """Solve for a strip of coarse pixels; see `solve`."""
        table = strip.between_cells()
        size = strip.rows.stop - strip.rows.start
        for part in blocks(strip.rows, PIXELS_PER_BLOCK // strip.width if is_cpu(self.scan.device) else size):
            to_pixels = None if fine is None else strip.to_pixels(self.guide, part)
            made = self._solve_pixels(part, strip.between_neighbours(table, part), to_pixels)
            left_out[:, part] = made.left_out.cpu().numpy()
            if fine is not None:
                self._store(made.fine, part, fine)

    def _solve_pixels(self, rows: slice, covariance: Tensor, to_pixels: Tensor | None) -> _Solution:
        """Solve the equations of the pixels of some rows; `covariance` is overwritten."""
        inside, values = self._neighbours(rows)
        covariance.diagonal(dim1=-2, dim2=-1).add_(1 - inside + self.nugget)
        unit = torch.zeros_like(inside)
        unit[..., MIDDLE] = 1
        right = torch.stack([inside, unit], dim=-2)
        if to_pixels is not None:
            right = torch.cat([right, values], dim=-2)
        try:
            # Transposed, both have the order that LAPACK needs.
            factor = torch.linalg.cholesky(covariance.mT)
        except torch.linalg.LinAlgError as failure:  # type: ignore[attr-defined]
            fault = f"the guide must hold finite numbers, in units of its contrast ({failure})"
            raise InvalidInput("guide", [fault]) from failure
        solved = torch.cholesky_solve(right.mT, factor).mT
        of_ones, of_unit, of_values = solved[..., :1, :], solved[..., 1:2, :], solved[..., 2:, :]
        # Ordinary kriging: the mean is unknown, and estimated from the neighbours by generalised least squares.
        total = of_ones.sum(dim=-1, keepdim=True)
        of_unit = of_unit - of_ones * (of_ones[..., MIDDLE : MIDDLE + 1] / total)
        error = (values * of_unit).sum(dim=-1) / of_unit[..., MIDDLE]
        here = self.scan[:, rows]
        left_out = here - error.movedim(-1, 0)
        if to_pixels is None:
            return _Solution(left_out, here[..., None])
        mean = of_values.sum(dim=-1, keepdim=True) / total
        made = (of_values - mean * of_ones) @ to_pixels.mT + mean
        return _Solution(left_out, made.movedim(2, 0) + here[..., None])

    def _store(self, maps: Tensor, rows: slice, fine: NDArray[np.float32]) -> None:
        """Write the values of fine pixels (line, rows, x, pixels) to their places in `fine`."""
        y, x = self.axes
        maps = maps.reshape(*maps.shape[:-1], y.pixels.shape[1], x.pixels.shape[1])
        (home, slot), (column, place) = y.parent, x.parent
        mine = torch.nonzero((home >= rows.start) & (home < rows.stop))[:, 0]
        found = maps[:, (home[mine] - rows.start)[:, None], column, slot[mine][:, None], place]
        fine[:, mine.cpu().numpy()] = found.cpu().numpy()

    def _neighbours(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Return which neighbours exist, (rows, x, neighbour), and their values less that of the pixel itself.

        The latter has shape (rows, x, line, neighbour). Differences keep flat maps exactly flat.
        """
        _, height, width = self.scan.shape
        offset = self.offset
        row = torch.arange(rows.start, rows.stop, device=offset.device)[:, None] + offset[:, 0]
        column = torch.arange(width, device=offset.device)[:, None] + offset[:, 1]
        inside = ((row >= 0) & (row < height))[:, None] & ((column >= 0) & (column < width))
        there = self.scan[:, row.clamp(0, height - 1)[:, None], column.clamp(0, width - 1)]
        there = (there - self.scan[:, rows, :, None]) * inside
        return inside.float(), there.movedim(0, 2).contiguous()


class _Solution(NamedTuple):
    """Maps of some rows.

    Attributes
    ----------
    left_out : Tensor, shape (line, rows, x)
        Leave-one-out predictions.
    fine : Tensor, shape (line, rows, x, pixel)
        Values of the fine pixels in every cell.
    """

    left_out: Tensor
    fine: Tensor

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

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from torch import Tensor

from xrfsr.errors import InvalidInput
from xrfsr.kriging.geometry import AxisGeometry
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU, is_cpu
from xrfsr.utils.threads import available, parallel_map

__all__ = ["NUGGET", "GuidedKriging", "guided_krige", "leave_one_out"]

HALO = 2  # coarse pixels to either side in a neighbourhood
OFFSETS = [(down, right) for down in range(-HALO, HALO + 1) for right in range(-HALO, HALO + 1)]
UNGUIDED = 0.2  # a: the share of the covariance that ignores the guide
NUGGET = 1e-4  # on the diagonal, so that the equations can be solved for a guide with hardly any contrast
# Largest number of guides along one axis of a footprint. Pixels of wider footprints are pooled, because the time grows
# with the square of the number of guides: at most 64 to a coarse pixel.
MAX_GROUPS = 8
FEW_GROUPS = 4  # the same where an approximation is enough
# Largest mean of a guide: further from zero, differences of squares lose digits.
MAX_OFFSET = 4.0
# Pairs of fine pixels for which a strip of rows is solved, and of which distances are computed at a time: few enough
# for the cache. Every strip needs rows of its neighbours, so strips of wide scans have 16 rows, up to 4096 pixels.
PAIRS_PER_STRIP, PAIRS_PER_BLOCK = 2**19, 2**18
TALL, PIXELS_PER_STRIP = 16, 2**12
# The same for a GPU, which is efficient only with much work at a time: 2 GB of memory. A coarse pixel counts as at
# least 256 pairs, because its linear system needs memory too.
PAIRS_ON_GPU, LEAST_PAIRS = 2**25, 2**8


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
        pairs = int(np.prod([side.representative.shape[1] ** 2 for side in self.axes]))
        most = PAIRS_PER_STRIP // pairs if is_cpu(device) else PAIRS_ON_GPU // max(pairs, LEAST_PAIRS)
        rows = max(2 * HALO, most // width)
        if is_cpu(device):
            rows = max(rows, min(TALL, PIXELS_PER_STRIP // width))
        strips = [slice(start, min(start + rows, height)) for start in range(0, height, rows)]
        workers = min(available(), len(strips)) if is_cpu(device) else 1
        parallel_map(strips, lambda strip: self.solve_rows(strip, left_out, fine), workers)

    def solve_rows(self, rows: slice, left_out: NDArray[np.float32], fine: NDArray[np.float32] | None) -> None:
        """Solve for some rows of coarse pixels; see `solve`."""
        inside, values = self._neighbours(rows)
        around = slice(max(0, rows.start - HALO), min(self.scan.shape[1], rows.stop + HALO))
        seen = self._footprint_guides(around)
        covariance = self._covariances(rows, around, seen, inside)
        middle = covariance.shape[-1] // 2
        ones = inside[..., None]
        unit = torch.zeros_like(ones)
        unit[:, :, middle] = 1
        wanted = [] if fine is None else [self._to_pixels(rows, around, seen) * ones]
        try:
            factor = torch.linalg.cholesky(covariance)
        except torch.linalg.LinAlgError as failure:  # type: ignore[attr-defined]
            fault = f"the guide must hold finite numbers, in units of its contrast ({failure})"
            raise InvalidInput("guide", [fault]) from failure
        solved = torch.cholesky_solve(torch.cat([*wanted, ones, unit], dim=-1), factor)
        # Lagrange multiplier for weights that sum to one: ordinary kriging, which needs no mean.
        weights, of_ones, of_unit = solved[..., :-2], solved[..., -2:-1], solved[..., -1:]
        total = (of_ones * ones).sum(dim=-2, keepdim=True)
        of_unit = of_unit - of_ones * (of_unit * ones).sum(dim=-2, keepdim=True) / total
        error = torch.einsum("lrwn,rwn->lrw", values, of_unit[..., 0]) / of_unit[..., middle, 0]
        left_out[:, rows] = (self.scan[:, rows] - error).cpu().numpy()
        if fine is not None:
            weights = weights + of_ones * (1 - (weights * ones).sum(dim=-2, keepdim=True)) / total
            self._store(torch.einsum("lrwn,rwnp->lrwp", values, weights), rows, fine)

    def _store(self, maps: Tensor, rows: slice, fine: NDArray[np.float32]) -> None:
        """Write the values of fine pixels (line, rows, x, pixels) to their places in `fine`."""
        y, x = self.axes
        maps = maps.reshape(*maps.shape[:-1], y.pixels.shape[1], x.pixels.shape[1])
        (home, slot), (column, place) = y.parent, x.parent
        mine = torch.nonzero((home >= rows.start) & (home < rows.stop))[:, 0]
        found = maps[:, (home[mine] - rows.start)[:, None], column, slot[mine][:, None], place]
        fine[:, mine.cpu().numpy()] = found.cpu().numpy()

    def _neighbours(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Return which neighbours exist, (rows, x, neighbours), and their values, (line, rows, x, neighbours)."""
        _, height, width = self.scan.shape
        offset = self.offset
        row = torch.arange(rows.start, rows.stop, device=offset.device)[:, None] + offset[:, 0]
        column = torch.arange(width, device=offset.device)[:, None] + offset[:, 1]
        inside = ((row >= 0) & (row < height))[:, None] & ((column >= 0) & (column < width))
        there = self.scan[:, row.clamp(0, height - 1)[:, None], column.clamp(0, width - 1)]
        return inside.float(), there * inside

    def _covariances(self, rows: slice, around: slice, seen: Tensor, inside: Tensor) -> Tensor:
        """Return C between the neighbours of every coarse pixel, (rows, x, neighbours, neighbours)."""
        width = self.scan.shape[2]
        y, x = self.axes
        reach = 2 * HALO
        top, bottom = around.start, around.stop
        one, other = _with_squares(seen)
        block = max(1, PAIRS_PER_BLOCK // (width * seen.shape[2] ** 2)) if is_cpu(seen.device) else bottom - top
        table = inside.new_zeros(2 * reach + 1, 2 * reach + 1, bottom - top, width)
        spans = {right: slice(max(0, -right), min(width, width - right)) for right in range(-reach, reach + 1)}
        across_x = {right: x.rho(at, right, of_pixels=False) for right, at in spans.items() if abs(right) < width}
        for down in range(min(reach, bottom - top - 1) + 1):
            rho_y = y.rho(slice(top, bottom - down), down, of_pixels=False)
            for right in range(-reach if down else 0, reach + 1):
                if abs(right) >= width:
                    continue
                at, rho_x = spans[right], across_x[right]
                across = slice(at.start + right, at.stop + right)
                for of in _blocks(bottom - top - down, block):
                    to = slice(of.start + down, of.stop + down)
                    along = rho_y if len(rho_y) == 1 else rho_y[of]
                    value = _weighted_covariance(one[of, at], other[to, across], along, rho_x, of_pixels=False)
                    table[reach + down, reach + right, of, at] = value
                    table[reach - down, reach - right, to, across] = value
        offset = self.offset
        row = torch.arange(rows.start - top, rows.stop - top, device=offset.device)[:, None] + offset[:, 0]
        row, column = (
            row.clamp(0, bottom - top - 1),
            (torch.arange(width, device=offset.device)[:, None] + offset[:, 1]).clamp(0, width - 1),
        )
        apart = offset[None] - offset[:, None] + reach
        made = table[apart[..., 0], apart[..., 1], row[:, None, :, None], column[None, :, :, None]]
        made = made * inside[..., None, :] * inside[..., :, None]
        made.diagonal(dim1=-2, dim2=-1).add_(1 - inside + self.nugget)
        return made

    def _to_pixels(self, rows: slice, around: slice, seen: Tensor) -> Tensor:
        """Return the covariance of fine pixels with the neighbours of their cell, (rows, x, neighbours, pixels)."""
        _, height, width = self.scan.shape
        y, x = self.axes
        pixels = self.guide[y.pixels[rows][:, None, :, None], x.pixels[None, :, None, :]].flatten(2, 3)
        made = pixels.new_zeros(rows.stop - rows.start, width, len(OFFSETS), pixels.shape[2])
        pixels, seen = _with_squares(pixels)[0], _with_squares(seen)[1]
        for number, (down, right) in enumerate(OFFSETS):
            of = slice(max(rows.start, -down), min(rows.stop, height - down))
            at = slice(max(0, -right), min(width, width - right))
            if of.stop <= of.start or at.stop <= at.start:
                continue
            here = pixels[of.start - rows.start : of.stop - rows.start, at]
            there = seen[of.start + down - around.start : of.stop + down - around.start]
            there = there[:, at.start + right : at.stop + right]
            rho_y, rho_x = y.rho(of, down, of_pixels=True), x.rho(at, right, of_pixels=True)
            made[of.start - rows.start : of.stop - rows.start, at, number] = _weighted_covariance(
                here, there, rho_y, rho_x, of_pixels=True
            )
        return made

    def _footprint_guides(self, rows: slice) -> Tensor:
        """Return the pooled guide under every footprint, (rows, x, pixels, channel)."""
        y, x = self.axes
        return self.pooled[y.representative[rows][:, None, :, None], x.representative[None, :, None, :]].flatten(2, 3)


def _blocks(rows: int, block: int) -> list[slice]:
    """Return slices of at most `block` rows."""
    return [slice(start, min(start + block, rows)) for start in range(0, rows, block)]


def _with_squares(guides: Tensor) -> tuple[Tensor, Tensor]:
    """Return two copies of guides (..., channel), so that one row of each gives -‖a - b‖²/2 as their product."""
    squares = guides.square().sum(dim=-1, keepdim=True) / -2
    ones = torch.ones_like(squares)
    return torch.cat([guides, squares, ones], dim=-1), torch.cat([guides, ones, squares], dim=-1)


def _weighted_covariance(here: Tensor, there: Tensor, rho_y: Tensor, rho_x: Tensor, *, of_pixels: bool) -> Tensor:
    """Return Q between pixels of pairs of cells, summed with their weights in U over those of the second cell.

    Parameters
    ----------
    here, there : Tensor, shape (rows, x, pixels, channel + 2)
        Guides of the pixels of both cells, from `_with_squares`.
    rho_y, rho_x : Tensor, shapes (rows or 1, a, b) and (x or 1, c, d)
        Factors along the axes, for a · c pixels here and b · d there.
    of_pixels : bool
        Whether every pixel here is kept; else they are summed, too.

    Returns
    -------
    Tensor, shape (rows, x, pixels here) or (rows, x)
    """
    rows, width, pixels, channels = here.shape
    kernel = torch.bmm(here.reshape(-1, pixels, channels), there.reshape(rows * width, -1, channels).mT)
    kernel = kernel.clamp_(max=0).exp_().view(rows, width, pixels, -1)
    rho = torch.einsum("rab,xcd->rxacbd", rho_y, rho_x).flatten(4, 5).flatten(2, 3)
    if of_pixels:
        return kernel.mul_(rho).sum(dim=-1).mul_(1 - UNGUIDED).add_(rho.sum(dim=-1), alpha=UNGUIDED)
    total = rho.sum(dim=(-2, -1))
    if rho.shape[:2] == (1, 1):
        made = (kernel.view(rows * width, -1) @ rho.view(-1)).view(rows, width)
    else:
        made = kernel.mul_(rho).sum(dim=(-2, -1))
    return made.mul_(1 - UNGUIDED).add_(total, alpha=UNGUIDED)

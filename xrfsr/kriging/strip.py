"""Covariances of guided kriging in a strip of rows of the scan, between cells and from cells to fine pixels.

A cell has the fine pixels under the footprint of a coarse pixel. Cells are held one after the other, with a gap at the
end of every row, so the neighbours of a cell in one row are adjacent in memory, and one product with a window onto
that row gives the distances to all of them. Windows near the ends of a row reach into the gap. What is found there is
replaced by zeros, or never used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from xrfsr.kriging.geometry import AxisGeometry
from xrfsr.kriging.pair_weights import PairWeights
from xrfsr.utils.device import is_cpu

__all__ = ["HALO", "PAIRS_ON_GPU", "UNGUIDED", "Strip", "blocks", "weights_of"]

HALO = 2  # coarse pixels to either side in a neighbourhood
REACH = 2 * HALO  # between two pixels of a neighbourhood
UNGUIDED = 0.2  # a: the share of the covariance that ignores the guide
# Pairs of fine pixels of which distances are computed at a time: few enough for the cache of a CPU. A GPU is efficient
# only with much work at a time.
PAIRS_PER_BLOCK, PAIRS_ON_GPU = 2**18, 2**25


@dataclass(frozen=True, eq=False)
class Strip:
    """Rows of coarse pixels, and the guides of their cells and of those around them.

    Attributes
    ----------
    rows : slice
        Rows of the strip.
    around : slice
        Rows of the cells: those of the strip, and two to either side as far as the scan reaches.
    width, stride : int
        Cells in a row, and from one row to the next.
    axes : (AxisGeometry, AxisGeometry)
        Geometry along y and along x.
    weights : mapping of (int, bool) to PairWeights
        See `weights_of`.
    here, there : Tensor, shape (cell, pixel, channel + 2)
        Guides of all cells, from `_with_squares`; those of `there` follow a gap.
    """

    rows: slice
    around: slice
    width: int
    stride: int
    axes: tuple[AxisGeometry, AxisGeometry]
    weights: Mapping[tuple[int, bool], PairWeights]
    here: Tensor
    there: Tensor

    @classmethod
    def of(
        cls,
        rows: slice,
        axes: tuple[AxisGeometry, AxisGeometry],
        weights: Mapping[tuple[int, bool], PairWeights],
        guide: Tensor,
    ) -> Self:
        """Gather the guides of all cells.

        Parameters
        ----------
        rows : slice
            Rows of the strip.
        axes, weights
            See the attributes.
        guide : Tensor, shape (fine.y, fine.x, channel)
            Guide, pooled over groups of pixels.
        """
        height, width = (len(side.representative) for side in axes)
        around = slice(max(0, rows.start - HALO), min(height, rows.stop + HALO))
        row, column = (side.representative[part] for side, part in zip(axes, (around, slice(None)), strict=True))
        seen = guide[row[:, None, :, None], column[None, :, None, :]].flatten(2, 3)
        one, other = (pad(each, (0, 0, 0, 0, 0, REACH)).flatten(0, 1) for each in _with_squares(seen))
        return cls(rows, around, width, width + REACH, axes, weights, one, pad(other, (0, 0, 0, 0, REACH, 0)))

    def between_cells(self) -> Tensor:
        """Return C between every cell and those around it, shape (cell, down, right).

        Cells are those of the strip and of two rows to either side, after a gap; `down` and `right` begin at -4.
        Wherever one of the two is outside of the scan there is a zero.
        """
        side, stride, width = 2 * REACH + 1, self.stride, self.width
        rows, count = self.rows.stop - self.rows.start + 2 * HALO, self.around.stop - self.around.start
        table = self.here.new_zeros(REACH + rows * stride, side, side)
        top = REACH + (HALO - self.rows.start + self.around.start) * stride
        for down in range(min(REACH, count - 1) + 1):
            of = slice(self.around.start, self.around.stop - down)
            for block, value in self._sums(self.here, of, down, REACH, of_pixels=False):
                table[top + block.start : top + block.stop, REACH + down] = value
                if down:
                    # The same pairs, from the other side.
                    first = ((top + block.start + down * stride - REACH) * side + REACH - down) * side + 2 * REACH
                    table.as_strided(value.shape, (side**2, side**2 - 1), first).copy_(value)
        by_row = table[REACH:].view(rows, stride, side, side)
        by_row[:, width:] = 0
        for right in range(1, REACH + 1):
            by_row[:, max(0, width - right) : width, :, REACH + right] = 0
            by_row[:, :right, :, REACH - right] = 0
        return table

    def between_neighbours(self, table: Tensor, rows: slice) -> Tensor:
        """Return C between the neighbours of every pixel of some rows, (rows, x, neighbours, neighbours).

        Parameters
        ----------
        table : Tensor
            Result of `between_cells`.
        rows : slice
            Some rows of the strip.
        """
        near, side = 2 * HALO + 1, 2 * REACH + 1
        cell, row = side**2, side**2 * self.stride
        # The first neighbour is two rows up and two columns to the left, and the offset of zero is in the middle.
        first = (rows.start - self.rows.start) * row + (REACH - HALO) * cell + REACH * side + REACH
        view = table.as_strided(
            (rows.stop - rows.start, self.width, near, near, near, near),
            (row, cell, row - side, cell - 1, side, 1),
            first,
        )
        return view.reshape(*view.shape[:2], near**2, near**2)

    def to_pixels(self, guide: Tensor, rows: slice) -> Tensor:
        """Return the covariance of fine pixels with the neighbours of their cell, (rows, x, pixel, neighbour).

        Those with neighbours outside of the scan are undefined, but finite.

        Parameters
        ----------
        guide : Tensor, shape (fine.y, fine.x, channel)
            Guide.
        rows : slice
            Some rows of the strip.
        """
        y, x = self.axes
        near = 2 * HALO + 1
        seen = guide[y.pixels[rows][:, None, :, None], x.pixels[None, :, None, :]].flatten(2, 3)
        pixels = pad(_with_squares(seen)[0], (0, 0, 0, 0, 0, REACH)).flatten(0, 1)
        made = pixels.new_zeros(*pixels.shape[:2], near, near)
        for down in range(-HALO, HALO + 1):
            of = slice(max(rows.start, self.around.start - down), min(rows.stop, self.around.stop - down))
            if of.stop <= of.start:
                continue
            skipped = (of.start - rows.start) * self.stride
            for block, value in self._sums(pixels[skipped:], of, down, HALO, of_pixels=True):
                made[skipped + block.start : skipped + block.stop, :, HALO + down] = value
        return made.view(-1, self.stride, made.shape[1], near**2)[:, : self.width]

    def _sums(
        self, pixels: Tensor, rows: slice, down: int, reach: int, *, of_pixels: bool
    ) -> Iterator[tuple[slice, Tensor]]:
        """Return Q, summed with their weights in U over the pixels of cells `down` rows below others, in blocks.

        Parameters
        ----------
        pixels : Tensor, shape (cell, p, channel + 2)
            Guides of the pixels of the other cells, from the first of `rows`.
        rows : slice
            Rows of the other cells.
        down, reach : int
            Distance of the rows, and largest distance along x.
        of_pixels : bool
            Whether Q are kept for every pixel of the other cells; else they are summed over these, too.

        Yields
        ------
        block : slice
            Some cells from the first of `rows`.
        value : Tensor, shape (cell, p, right) or (cell, right)
            Their covariances.
        """
        _, size, channels = self.there.shape
        side = 2 * reach + 1
        first = (rows.start + down - self.around.start) * self.stride + REACH - reach
        cells = (rows.stop - rows.start) * self.stride - REACH
        most = PAIRS_PER_BLOCK if is_cpu(pixels.device) else PAIRS_ON_GPU
        weights = self.weights[down, of_pixels]
        many = max(1, most // (side * size * pixels.shape[1]))
        # New memory for every block would take as long as a product.
        memory = pixels.new_empty(min(many, cells), pixels.shape[1], side * size)
        for block in blocks(slice(0, cells), many):
            windows = self.there.as_strided(
                (block.stop - block.start, side * size, channels),
                (size * channels, channels, 1),
                (first + block.start) * size * channels,
            )
            kernel = torch.bmm(pixels[block], windows.mT, out=memory[: len(windows)]).clamp_(max=0).exp_()
            weight, total = weights.of_cells(rows.start, block, self.stride)
            kernel = kernel.view(len(kernel), -1, side, size).mul_(weight)
            value = kernel.sum(dim=-1) if of_pixels else kernel.sum(dim=1).sum(dim=-1)
            yield block, value.mul_(1 - UNGUIDED).add_(total, alpha=UNGUIDED)


def weights_of(axes: tuple[AxisGeometry, AxisGeometry], *, to_pixels: bool) -> Mapping[tuple[int, bool], PairWeights]:
    """Return the weights of all strips, by the number of rows down and whether they are of fine pixels.

    The latter are left out unless `to_pixels`.
    """
    last = len(axes[0].representative) - 1
    made = {(down, False): PairWeights.of(axes, down, REACH, of_pixels=False) for down in range(min(REACH, last) + 1)}
    if to_pixels:
        near = range(-min(HALO, last), min(HALO, last) + 1)
        made |= {(down, True): PairWeights.of(axes, down, HALO, of_pixels=True) for down in near}
    return made


def blocks(whole: slice, block: int) -> list[slice]:
    """Return slices of at most `block`, and of at least one, that make up a whole one."""
    block = max(1, block)
    return [slice(start, min(start + block, whole.stop)) for start in range(whole.start, whole.stop, block)]


def _with_squares(guides: Tensor) -> tuple[Tensor, Tensor]:
    """Return two copies of guides (..., channel), so that one row of each gives -‖a - b‖²/2 as their product."""
    squares = guides.square().sum(dim=-1, keepdim=True) / -2
    ones = torch.ones_like(squares)
    return torch.cat([guides, squares, ones], dim=-1), torch.cat([guides, ones, squares], dim=-1)

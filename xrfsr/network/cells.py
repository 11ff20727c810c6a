"""Training data from the scan: coarse cells, the fine pixels under each, and the network's input there.

Every product of the network acts on one pixel alone. A random batch of coarse cells is therefore an unbiased sample of
the loss over the whole painting, and the cost of a step does not depend on the size of the painting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import pad

from xrfsr.kriging.simple import leave_out
from xrfsr.network.config import Input, View
from xrfsr.network.held_out import draw_held_out
from xrfsr.network.photo_views import photo_views
from xrfsr.operators import Downsampling, apply_separable, linear_matrix

__all__ = ["Batch", "CellDataset", "network_inputs"]

# Fine pixels per pass of the network where the whole image is one batch.
BLOCK = 16384


def network_inputs(
    scan: NDArray[Any],
    U: Downsampling,
    inputs: tuple[Input, ...],
    mean: NDArray[Any] | None = None,
) -> dict[Input, NDArray[np.float32]]:
    """Return the Y part of X, the upscaled maps (line, fine.y, fine.x), for each kind of input."""
    made: dict[Input, NDArray[np.float32]] = {}
    for kind in dict.fromkeys(inputs):
        if kind == "bilinear":
            y, x = linear_matrix(U.coarse.y, U.fine.y), linear_matrix(U.coarse.x, U.fine.x)
            upscaled = apply_separable(y, x, scan)
        else:
            upscaled = leave_out(scan, U, mean).full
        made[kind] = upscaled.astype(np.float32, copy=False)
    return made


@dataclass(frozen=True, eq=False)
class Footprints:
    """One axis of every cell's footprint: its fine pixels, their weights in U and in the right inverse.

    Attributes
    ----------
    offset : Tensor of int64, shape (cells, width)
        Offsets of the pixels in the tables of `CellDataset`; a pixel's row is the sum of its offsets along both axes.
    factors : Tensor, shape (cells, 2, width)
        Row of U, and column of the right inverse at the same pixels. Narrower footprints are padded with weight zero.
    """

    offset: Tensor
    factors: Tensor

    @classmethod
    def of(cls, u: csr_array, right_inverse: csr_array, offsets: NDArray[np.int64], device: torch.device) -> Self:
        """Build the footprints of one axis of U and its right inverse; `offsets` are the offsets of the fine pixels."""
        counts = np.diff(u.indptr)
        lane = np.arange(counts.max())
        entry = np.minimum(u.indptr[:-1, None] + lane, u.indptr[1:, None] - 1)
        index = u.indices[entry]
        weight = np.where(lane < counts[:, None], u.data[entry], 0.0)
        cell = np.broadcast_to(np.arange(u.shape[0])[:, None], index.shape)
        pull = np.asarray(right_inverse.tocsr()[index.ravel(), cell.ravel()]).reshape(index.shape)
        share = torch.as_tensor(np.stack([weight, pull], axis=1), dtype=torch.float32, device=device)
        return cls(torch.as_tensor(offsets[index], device=device), share)

    @classmethod
    def identity(cls, offsets: NDArray[np.int64], device: torch.device) -> Self:
        """Build footprints of one fine pixel each."""
        share = torch.tensor([1.0, 0.0], dtype=torch.float32, device=device).expand(len(offsets), 2)
        return cls(torch.as_tensor(offsets, device=device)[:, None], share[..., None].contiguous())

    @classmethod
    def concatenate(cls, parts: Sequence[Self], starts: Sequence[int]) -> Self:
        """Concatenate those of several scans, whose tables begin at `starts`."""
        widest = max(part.offset.shape[1] for part in parts)
        offsets, shares = [], []
        for part, start in zip(parts, starts, strict=True):
            missing = widest - part.offset.shape[1]
            offsets.append(torch.cat([part.offset + start, part.offset[:, -1:].expand(-1, missing) + start], dim=1))
            shares.append(pad(part.factors, (0, missing)))
        return cls(torch.cat(offsets), torch.cat(shares))


@dataclass(frozen=True, slots=True)
class ScanNumbering:
    """Numbering of the cells, rows and columns of several scans, one scan after the other.

    Attributes
    ----------
    cell, row, column, across : Tensor of int64, shape (scans,)
        Numbers of the first cell, row and column of each scan, and its number of columns.
    """

    cell: Tensor
    row: Tensor
    column: Tensor
    across: Tensor

    @classmethod
    def of(cls, shapes: Sequence[tuple[int, int]], device: torch.device) -> Self:
        """Build the numbering of scans of `shapes` (rows, columns)."""
        rows, across = np.array(shapes, dtype=np.int64).T
        before = (np.cumsum(count) - count for count in (rows * across, rows, across))
        return cls(*(torch.as_tensor(each, device=device) for each in (*before, across)))

    def rows_and_columns(self, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the row and column numbers of the cells `cell`."""
        scan = torch.bucketize(cell, self.cell, right=True) - 1
        inside, across = cell - self.cell[scan], self.across[scan]
        row = torch.div(inside, across, rounding_mode="floor")
        return row + self.row[scan], inside % across + self.column[scan]


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Order of the fine pixels in memory.

    Attributes
    ----------
    rows, columns : array of int64
        Offsets of rows and of columns; the position of a pixel is the sum of both.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, U: Downsampling) -> Self:
        """Lay pixels out cell by cell where the ratio is an integer, so that one cell is one block of memory."""
        (height, width), (down, across) = U.fine.shape, U.coarse.shape
        tall, wide = height // down, width // across
        if height % down or width % across:
            tall = wide = 1
        row, column = np.arange(height), np.arange(width)
        return cls(
            row // tall * (tall * width) + row % tall * wide,
            column // wide * (tall * wide) + column % wide,
        )

    def shifted(self, start: int) -> Self:
        """Return the same layout after `start` other pixels."""
        return replace(self, rows=self.rows + start)

    def arrange(self, stack: NDArray[Any], device: torch.device) -> Tensor:
        """Convert (channel, y, x) to (pixel, channel) float32 on `device`."""
        position = (self.rows[:, None] + self.columns).ravel()
        arranged = np.empty((position.size, len(stack)), dtype=np.float32)
        arranged[position] = stack.reshape(len(stack), -1).T
        return torch.as_tensor(arranged, device=device)


@dataclass(frozen=True, eq=False)
class Batch:
    """Pixels of some cells, and the target for the mean of the network's output over each cell.

    Attributes
    ----------
    x : Tensor, shape (members, cells * width, B + b + 1)
        Network input X. The last channel is ones, so that λ is one more row of the network's weights.
    weight : Tensor, shape (cells, width)
        Rows of U.
    target, measured : Tensor, shape (cells, B)
        Values of the scan, and 1 where they were measured, else 0.
    """

    x: Tensor
    weight: Tensor
    target: Tensor
    measured: Tensor


@dataclass(frozen=True, eq=False)
class CellDataset:
    """All coarse cells of a scan, on the device.

    Attributes
    ----------
    tables : tuple of Tensor, shape (fine pixels, B + b + 1)
        X and a column of ones for every pair of input and view, one row per pixel; b counts the channels of a view.
    layouts : tuple of PixelLayout
        Order of those rows, for each scan.
    table_index : tuple of int
        Table of each member.
    left_out : tuple of bool
        Whether a cell can be removed from the member's input.
    values : Tensor, shape (cells, 3, B)
        Scan, mask of measured values (0 or 1), and leave-one-out influence of each value.
    drawable : Tensor of int64
        Cells with at least one measured value.
    rows, columns : Footprints
        Footprints along y and x.
    numbering : ScanNumbering, optional
        Numbers of the first cells of each scan, if there are several.
    """

    tables: tuple[Tensor, ...]
    layouts: tuple[PixelLayout, ...]
    table_index: tuple[int, ...]
    left_out: tuple[bool, ...]
    values: Tensor
    drawable: Tensor
    rows: Footprints
    columns: Footprints
    numbering: ScanNumbering | None = None

    @classmethod
    def of(
        cls,
        scan: NDArray[Any],
        photo: NDArray[Any],
        U: Downsampling,
        measured: NDArray[np.bool_],
        inputs: tuple[Input, ...],
        device: torch.device,
        views: tuple[View, ...] | None = None,
        mean: NDArray[Any] | None = None,
    ) -> Self:
        """Prepare a scan (B, coarse.y, coarse.x) and a photo (b, fine.y, fine.x): one input and one view per member.

        If the scan is a crop, `mean` (B,) holds the means of the whole maps; else those of `scan` are used.
        """
        upscaled = network_inputs(scan, U, inputs, mean)
        plain: View = "pixel"
        seen = views or (plain,) * len(inputs)
        members: list[tuple[Input, View]] = list(zip(inputs, seen, strict=True))
        shown = photo_views(photo, seen)
        pairs = list(dict.fromkeys(members))
        layout = PixelLayout.of(U)
        ones = np.ones((1, *U.fine.shape), dtype=np.float32)
        influence = leave_out(scan, U, mean).influence if "leave-out" in upscaled else np.zeros_like(scan)
        right_inverse = U.right_inverse(U.correlation_length)
        return cls(
            tables=tuple(
                layout.arrange(np.concatenate([upscaled[kind], shown[view], ones]), device) for kind, view in pairs
            ),
            layouts=(layout,),
            table_index=tuple(pairs.index(member) for member in members),
            left_out=tuple(kind == "leave-out" for kind in inputs),
            values=_by_cell(scan, measured, influence, device),
            drawable=_drawable(measured, device),
            rows=Footprints.of(U.y, right_inverse.y, layout.rows, device),
            columns=Footprints.of(U.x, right_inverse.x, layout.columns, device),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the cells of several scans."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        before = np.cumsum([0, *(len(part.tables[0]) for part in parts)])[:-1]
        count = np.cumsum([0, *(len(part.values) for part in parts)])[:-1]
        return replace(
            first,
            tables=tuple(torch.cat(tables) for tables in zip(*(part.tables for part in parts), strict=True)),
            layouts=tuple(part.layouts[0].shifted(int(start)) for part, start in zip(parts, before, strict=True)),
            values=torch.cat([part.values for part in parts]),
            drawable=torch.cat([part.drawable + int(start) for part, start in zip(parts, count, strict=True)]),
            rows=Footprints.concatenate([part.rows for part in parts], before.tolist()),
            columns=Footprints.concatenate([part.columns for part in parts], [0] * len(parts)),
            numbering=ScanNumbering.of(
                [(len(part.rows.offset), len(part.columns.offset)) for part in parts], first.values.device
            ),
        )

    def as_pixels(self, target: NDArray[Any], measured: NDArray[np.bool_]) -> Self:
        """Return the same inputs of one scan with a known fine map (B, fine.y, fine.x) as the target of every pixel."""
        device = self.values.device
        (layout,) = self.layouts
        return replace(
            self,
            values=_by_cell(target, measured, np.zeros_like(target), device),
            drawable=_drawable(measured, device),
            rows=Footprints.identity(layout.rows, device),
            columns=Footprints.identity(layout.columns, device),
        )

    def select_members(self, members: slice) -> Self:
        """Return the dataset of some of the members."""
        return replace(self, table_index=self.table_index[members], left_out=self.left_out[members])

    def split(self, share: float, generator: torch.Generator) -> tuple[Self, Tensor]:
        """Hold out a random share of the drawable cells; return the rest, and the numbers of those held out.

        If the input of a member contains the held-out cells, as the bilinear one does, their errors would be
        meaningless, so no cell is held out.
        """
        layout = draw_held_out(len(self.drawable), share if all(self.left_out) else 0, generator)
        held_out = self.drawable[layout.to(self.drawable.device)]
        return self.without(held_out), held_out

    def without(self, cell: Tensor) -> Self:
        """Return the dataset from which the cells numbered `cell` are never drawn."""
        return replace(self, drawable=self.drawable[~torch.isin(self.drawable, cell)])

    @property
    def target(self) -> Tensor:
        """Values of the scan, shape (cells, B)."""
        return self.values[:, 0]

    @property
    def measured(self) -> Tensor:
        """Mask of measured values, 0 or 1, shape (cells, B)."""
        return self.values[:, 1]

    @property
    def influence(self) -> Tensor:
        """Influence of each value on the kriging, shape (cells, B); see `xrfsr.kriging.simple.Interpolation`."""
        return self.values[:, 2]

    @property
    def channels(self) -> int:
        """Number of columns of the tables."""
        return self.tables[0].shape[1]

    @property
    def width(self) -> int:
        """Number of fine pixels under the widest cell."""
        return self.rows.offset.shape[1] * self.columns.offset.shape[1]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the numbers of `count` cells with replacement, on the device."""
        device = self.drawable.device
        return self.drawable[torch.randint(len(self.drawable), (count,), generator=generator, device=device)]

    def blocks(self) -> Iterator[Tensor]:
        """Iterate over the numbers of all drawable cells, one block at a time."""
        yield from torch.split(self.drawable, max(1, BLOCK // self.width))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Return X at `count` random pixels, shape (members, count, B + b + 1)."""
        device = self.values.device
        position = torch.randint(len(self.tables[0]), (count,), generator=generator, device=device)
        return torch.stack([self.tables[kind][position] for kind in self.table_index])

    def rows_and_columns(self, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the row and column numbers of the cells `cell`, as in `rows` and `columns`."""
        if self.numbering is not None:
            return self.numbering.rows_and_columns(cell)
        columns = len(self.columns.offset)
        return torch.div(cell, columns, rounding_mode="floor"), cell % columns

    def batch(self, cell: Tensor, share: Tensor, out: Tensor | None = None) -> Batch:
        """Return the pixels of the cells numbered `cell`.

        `share` (members, cells) is the share of its own influence that is subtracted from a cell's input: 1 gives the
        leave-one-out interpolation, 0 the full one. Members with bilinear input ignore it. `out` receives the x of the
        batch.
        """
        row, column = self.rows_and_columns(cell)
        vertical, horizontal = self.rows.offset.index_select(0, row), self.columns.offset.index_select(0, column)
        position = (vertical[:, :, None] + horizontal[:, None]).flatten()
        vertical, horizontal = self.rows.factors.index_select(0, row), self.columns.factors.index_select(0, column)
        weight, pull = (vertical[..., None] * horizontal[:, :, None]).flatten(2).unbind(dim=1)
        target, measured, influence = self.values.index_select(0, cell).unbind(dim=1)
        if out is None:
            shape = (len(self.table_index), len(position), self.channels)
            out = torch.empty(shape, dtype=torch.float32, device=cell.device)
        for member, (kind, left_out) in enumerate(zip(self.table_index, self.left_out, strict=True)):
            torch.index_select(self.tables[kind], 0, position, out=out[member])
            if left_out:
                maps = out[member].view(len(cell), -1, self.channels)[..., : target.shape[1]]
                maps.addcmul_((share[member, :, None] * pull)[..., None], influence[:, None], value=-1)
        return Batch(out, weight, target, measured)


def _by_cell(scan: NDArray[Any], measured: NDArray[np.bool_], influence: NDArray[Any], device: torch.device) -> Tensor:
    """Convert three stacks (B, y, x) to (y * x, 3, B)."""
    stacked = np.stack([scan, measured.astype(np.float32), influence]).astype(np.float32, copy=False)
    rows = stacked.reshape(3, len(scan), -1).transpose(2, 0, 1)
    return torch.as_tensor(np.ascontiguousarray(rows), device=device)


def _drawable(measured: NDArray[np.bool_], device: torch.device) -> Tensor:
    return torch.as_tensor(np.flatnonzero(measured.any(axis=0)), device=device)

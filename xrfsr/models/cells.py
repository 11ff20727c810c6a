"""The scan as training material: coarse cells, the fine pixels under each, and what the network sees of them.

Every product of the network acts on one pixel alone, so a random batch of coarse cells is an unbiased sample of
the loss over the whole painting, and the cost of a step does not depend on the size of the painting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from xrfsr.kriging import leave_out
from xrfsr.models.config import Input
from xrfsr.sampling import Downsampling, Spreading, linear_matrix, separable

__all__ = ["Batch", "Cells", "by_pixel", "network_inputs"]

FEWEST_HELD_OUT = 64


def network_inputs(
    scan: NDArray[Any], U: Downsampling, inputs: tuple[Input, ...], spreading: Spreading
) -> NDArray[np.float32]:
    """Upscaled maps for each entry of `inputs`, shape (entries, line, fine.y, fine.x): the Y part of X."""
    upscaled: dict[str, NDArray[Any]] = {}
    for kind in set(inputs):
        if kind == "bilinear":
            y, x = linear_matrix(U.coarse.y, U.fine.y), linear_matrix(U.coarse.x, U.fine.x)
            upscaled[kind] = separable(y, x, scan)
        else:
            upscaled[kind] = leave_out(scan, U, spreading).full
    return np.stack([upscaled[kind] for kind in inputs]).astype(np.float32, copy=False)


def by_pixel(stack: NDArray[Any], device: torch.device) -> Tensor:
    """Channels last, one row per pixel: (..., channel, y, x) to (..., y * x, channel) float32 on `device`."""
    rows = np.moveaxis(stack, -3, -1).reshape(*stack.shape[:-3], -1, stack.shape[-3])
    return torch.as_tensor(np.ascontiguousarray(rows, dtype=np.float32), device=device)


@dataclass(frozen=True, eq=False)
class Table:
    """One axis of every cell's footprint: which fine pixels, their weight in U, and the cell's pull on them.

    Attributes
    ----------
    index : Tensor of int64, shape (cells, width)
    weight, pull : Tensor, shape (cells, width)
        Row of U, and column of the spreading matrix at the same pixels. Narrower footprints are padded with
        weight zero.
    """

    index: Tensor
    weight: Tensor
    pull: Tensor

    @classmethod
    def of(cls, u: csr_array, spreading: csr_array, device: torch.device) -> Self:
        counts = np.diff(u.indptr)
        lane = np.arange(counts.max())
        entry = np.minimum(u.indptr[:-1, None] + lane, u.indptr[1:, None] - 1)
        index = u.indices[entry].astype(np.int64)
        weight = np.where(lane < counts[:, None], u.data[entry], 0.0)
        cell = np.broadcast_to(np.arange(u.shape[0])[:, None], index.shape)
        pull = np.asarray(spreading.tocsr()[index.ravel(), cell.ravel()]).reshape(index.shape)
        return cls(
            torch.as_tensor(index, device=device),
            torch.as_tensor(weight, dtype=torch.float32, device=device),
            torch.as_tensor(pull, dtype=torch.float32, device=device),
        )

    @classmethod
    def identity(cls, size: int, device: torch.device) -> Self:
        """Every cell is one fine pixel."""
        index = torch.arange(size, device=device)[:, None]
        return cls(
            index,
            torch.ones(index.shape, dtype=torch.float32, device=device),
            torch.zeros(index.shape, dtype=torch.float32, device=device),
        )


@dataclass(frozen=True, eq=False)
class Batch:
    """Pixels of some cells, and what the network's output over them should average to.

    Attributes
    ----------
    x : Tensor, shape (members, cells * width, B + b)
    weight : Tensor, shape (cells, width)
        Rows of U.
    target, usable : Tensor, shape (cells, B)
    """

    x: Tensor
    weight: Tensor
    target: Tensor
    usable: Tensor


@dataclass(frozen=True, eq=False)
class Cells:
    """All coarse cells of a scan on the device.

    Attributes
    ----------
    upscaled : Tensor, shape (members, fine pixels, B)
    photo : Tensor, shape (fine pixels, b)
    target, usable, influence : Tensor, shape (cells, B)
        The scan, where it was measured (0 or 1), and the leave-out influence of each value.
    drawable : Tensor of int64
        Cells with at least one measured value.
    rows, columns : Table
    left_out : Tensor of bool, shape (members,)
    fine_columns : int
    """

    upscaled: Tensor
    photo: Tensor
    target: Tensor
    usable: Tensor
    influence: Tensor
    drawable: Tensor
    rows: Table
    columns: Table
    left_out: Tensor
    fine_columns: int

    @classmethod
    def of(
        cls,
        scan: NDArray[Any],
        photo: NDArray[Any],
        U: Downsampling,
        usable: NDArray[np.bool_],
        inputs: tuple[Input, ...],
        spreading: Spreading,
        device: torch.device,
    ) -> Self:
        """Prepare a scan (B, coarse.y, coarse.x) and a photo (b, fine.y, fine.x)."""
        measured = by_pixel(usable, device)
        return cls(
            upscaled=by_pixel(network_inputs(scan, U, inputs, spreading), device),
            photo=by_pixel(photo, device),
            target=by_pixel(scan, device),
            usable=measured,
            influence=by_pixel(leave_out(scan, U, spreading).influence, device),
            drawable=torch.nonzero(measured.any(dim=1)).ravel(),
            rows=Table.of(U.y, spreading.y, device),
            columns=Table.of(U.x, spreading.x, device),
            left_out=torch.tensor([kind == "leave-out" for kind in inputs], device=device),
            fine_columns=U.fine.x.size,
        )

    def as_pixels(self, target: NDArray[Any], usable: NDArray[np.bool_]) -> Self:
        """The same inputs with a known fine map (B, fine.y, fine.x) as the target, pixel by pixel."""
        device = self.photo.device
        measured = by_pixel(usable, device)
        return replace(
            self,
            target=by_pixel(target, device),
            usable=measured,
            influence=torch.zeros_like(measured),
            drawable=torch.nonzero(measured.any(dim=1)).ravel(),
            rows=Table.identity(target.shape[-2], device),
            columns=Table.identity(target.shape[-1], device),
        )

    def split(self, share: float, generator: torch.Generator) -> tuple[Self, Tensor]:
        """The same without a random share of its drawable cells, and the numbers of those.

        Of few cells more are taken, as far as a quarter: a verdict on a handful is chance. None are if the input of
        a member cannot leave them out, as the bilinear one cannot: their verdict would be worth nothing.
        """
        cells = len(self.drawable)
        count = max(round(share * cells), min(FEWEST_HELD_OUT, cells // 4)) if share > 0 else 0
        count = count if bool(self.left_out.all()) else 0
        order = torch.randperm(cells, generator=generator)[:count]
        held_out = self.drawable[order.to(self.drawable.device)]
        return self.without(held_out), held_out

    def without(self, cell: Tensor) -> Self:
        """The same, but the cells numbered `cell` are never drawn."""
        return replace(self, drawable=self.drawable[~torch.isin(self.drawable, cell)])

    @property
    def width(self) -> int:
        """Fine pixels under the widest cell."""
        return self.rows.index.shape[1] * self.columns.index.shape[1]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Numbers of `count` cells, drawn with replacement (on the CPU: the same on every device)."""
        chosen = torch.randint(len(self.drawable), (count,), generator=generator)
        return self.drawable[chosen.to(self.drawable.device)]

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """X at `count` random pixels, shape (members, count, B + b)."""
        pixel = torch.randint(len(self.photo), (count,), generator=generator).to(self.photo.device)
        members = len(self.upscaled)
        return torch.cat([self.upscaled[:, pixel], self.photo[pixel].expand(members, -1, -1)], dim=-1)

    def batch(self, cell: Tensor, share: Tensor) -> Batch:
        """The pixels of the cells numbered `cell`.

        `share` (members, cells) is how much of its own influence is taken out of a cell's input: 1 is the
        left-out interpolation, 0 the full one. Members with bilinear input ignore it.
        """
        columns = len(self.columns.index)
        row, column = torch.div(cell, columns, rounding_mode="floor"), cell % columns
        pixel = (self.rows.index[row][:, :, None] * self.fine_columns + self.columns.index[column][:, None]).flatten(1)
        weight = (self.rows.weight[row][:, :, None] * self.columns.weight[column][:, None]).flatten(1)
        members, bands = len(self.upscaled), self.target.shape[1]
        x = torch.empty((members, *pixel.shape, bands + self.photo.shape[1]), dtype=torch.float32, device=pixel.device)
        x[..., :bands] = self.upscaled[:, pixel]
        x[..., bands:] = self.photo[pixel]
        if self.left_out.any():
            pull = (self.rows.pull[row][:, :, None] * self.columns.pull[column][:, None]).flatten(1)
            share = share * self.left_out[:, None]
            x[..., :bands] -= (share[..., None] * pull)[..., None] * self.influence[cell][:, None]
        return Batch(x.flatten(1, 2), weight, self.target[cell], self.usable[cell])

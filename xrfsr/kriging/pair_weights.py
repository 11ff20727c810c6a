"""Weights of pairs of fine pixels in guided kriging: their covariance without the guide, times their weights in U."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from xrfsr.kriging.geometry import AxisGeometry
from xrfsr.utils.device import is_cpu

__all__ = ["PairWeights"]


# Numbers that the weights of all kinds of cells may have together, to be computed once.
MOST_NUMBERS = 2**22
ROUNDED = 1e-6  # of the largest: a smaller difference makes no other kind


@dataclass(frozen=True, eq=False)
class PairWeights:
    """Weights of pairs of pixels p and q, the latter in a cell some rows below and some columns to the right.

    Most cells are alike; those at the edges of the scan differ if footprints are wider than a pixel of it. So weights
    are computed for every kind of row and of column.

    Attributes
    ----------
    first : int
        First row of which the cells below are rows of the scan, too.
    y : Tensor, shape (kind of row, a, b)
        Factor along y: for a pixels of the first cell and b of the second.
    x : Tensor, shape (kind of column, c, right, d)
        Factor along x.
    row, column : Tensor of int64, shapes (rows,) and (columns,)
        Kind of every row from the first, and of every column.
    of_pixels : bool
        Whether p are the pixels inside a cell, which are not summed over; else they are those of its footprint.
    """

    first: int
    y: Tensor
    x: Tensor
    row: Tensor
    column: Tensor
    of_pixels: bool

    @classmethod
    def of(cls, axes: tuple[AxisGeometry, AxisGeometry], down: int, reach: int, *, of_pixels: bool) -> Self:
        """Compute the weights for cells `down` rows apart, and up to `reach` columns.

        Those for columns outside of the scan are arbitrary.
        """
        y, x = axes
        height, width = (len(side.representative) for side in axes)
        parts = []
        for right in range(-reach, reach + 1):
            at = slice(max(0, -right), min(width, width - right))
            if at.stop <= at.start:
                parts.append(x.rho(slice(0, 1), 0, of_pixels=of_pixels))
                continue
            part = x.rho(at, right, of_pixels=of_pixels)
            parts.append(part if len(part) == 1 else pad(part, (0, 0, 0, 0, at.start, width - at.stop)))
        columns = max(map(len, parts))
        along_x = torch.stack([part.expand(columns, -1, -1) for part in parts], dim=2)
        rows = slice(max(0, -down), min(height, height - down))
        along_y = y.rho(rows, down, of_pixels=of_pixels)
        kinds_y, row = _kinds(along_y, rows.stop - rows.start)
        kinds_x, column = _kinds(along_x, width)
        return cls(rows.start, kinds_y, kinds_x, row, column, of_pixels)

    def of_cells(self, row: int, cells: slice, stride: int) -> tuple[Tensor, Tensor]:
        """Return the weights of some cells, and their sums.

        Parameters
        ----------
        row : int
            Row of the scan of the first cell.
        cells : slice
            Cells, counted from the beginning of that row.
        stride : int
            Cells from one row to the next; those beyond the scan have arbitrary weights.

        Returns
        -------
        weights : Tensor, shape (cell or 1, p, right, q)
        sums : Tensor, shape (cell or 1, p, right) or (cell or 1, right)
            Sums over q, and over p unless the weights are those of pixels.
        """
        kinds = len(self.y) * len(self.x)
        if kinds == 1:
            return self._of_kinds
        cell = torch.arange(cells.start, cells.stop, device=self.y.device)
        down = self.row[cell // stride + (row - self.first)]
        right = self.column[(cell % stride).clamp(max=len(self.column) - 1)]
        if kinds * self.y[0].numel() * self.x[0].numel() > MOST_NUMBERS:
            return self._with_sums(_product(self.y[down], self.x[right]))
        kind = down * len(self.x) + right
        if is_cpu(kind.device) and bool((kind == kind[0]).all()):
            kind = kind[:1]
        weights, sums = self._of_kinds
        return weights[kind], sums[kind]

    @cached_property
    def _of_kinds(self) -> tuple[Tensor, Tensor]:
        """Weights of all kinds of cells, those of one kind of row after the other, and their sums."""
        y, x = self.y, self.x
        return self._with_sums(_product(y.repeat_interleave(len(x), dim=0), x.repeat(len(y), 1, 1, 1)))

    def _with_sums(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        return weights, weights.sum(dim=-1) if self.of_pixels else weights.sum(dim=(1, 3))


def _product(y: Tensor, x: Tensor) -> Tensor:
    """Return the products (cell, a * c, right, b * d) of factors (cell, a, b) and (cell, c, right, d)."""
    return (y[:, :, None, None, :, None] * x[:, None, :, :, None]).flatten(4, 5).flatten(1, 2)


def _kinds(factors: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the factors that differ, and for each of `count` rows or columns the number of its own."""
    if len(factors) == 1:
        return factors, torch.zeros(count, dtype=torch.int64, device=factors.device)
    flat = factors.flatten(1).cpu()
    rounded = (flat / (ROUNDED * flat.abs().max())).round()
    _, first, number = np.unique(rounded.numpy(), axis=0, return_index=True, return_inverse=True)
    return factors[torch.as_tensor(first)], torch.as_tensor(number.reshape(-1), device=factors.device)

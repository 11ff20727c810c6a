"""Weights of pairs of fine pixels in guided kriging: their covariance without the guide, times their weights in U."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from xrfsr.kriging.geometry import AxisGeometry

__all__ = ["PairWeights"]


@dataclass(frozen=True, eq=False)
class PairWeights:
    """Weights of pairs of pixels p and q, the latter in a cell some rows below and some columns to the right.

    Attributes
    ----------
    first : int
        First row of which the cells below are rows of the scan, too.
    y : Tensor, shape (rows or 1, a, b)
        Factor along y: for a pixels of the first cell and b of the second. One if those of all rows are equal.
    x : Tensor, shape (columns or 1, right, c, d)
        Factor along x.
    of_pixels : bool
        Whether p are the pixels inside a cell, which are not summed over; else they are those of its footprint.
    """

    first: int
    y: Tensor
    x: Tensor
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
        along_x = torch.stack([part.expand(columns, -1, -1) for part in parts], dim=1)
        rows = slice(max(0, -down), min(height, height - down))
        return cls(rows.start, y.rho(rows, down, of_pixels=of_pixels), along_x, of_pixels)

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
        if len(self.y) == len(self.x) == 1:
            return self._alike
        cell = torch.arange(cells.start, cells.stop, device=self.y.device)
        y = self.y if len(self.y) == 1 else self.y[cell // stride + (row - self.first)]
        x = self.x if len(self.x) == 1 else self.x[(cell % stride).clamp(max=len(self.x) - 1)]
        return self._product(y, x)

    @cached_property
    def _alike(self) -> tuple[Tensor, Tensor]:
        return self._product(self.y, self.x)

    def _product(self, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        made = torch.einsum("zab,zrcd->zacrbd", y.expand(max(len(y), len(x)), -1, -1), x)
        made = made.flatten(4, 5).flatten(1, 2)
        return made, made.sum(dim=-1) if self.of_pixels else made.sum(dim=(1, 3))

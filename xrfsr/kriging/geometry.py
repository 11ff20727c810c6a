"""Geometry of guided kriging along one axis: the fine pixels under each footprint and inside each coarse pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from xrfsr.core.grid import Axis

__all__ = ["AxisGeometry"]


@dataclass(frozen=True, eq=False)
class AxisGeometry:
    """Geometry of one axis: the fine pixels in the footprint of each coarse pixel, and those inside it.

    Attributes
    ----------
    footprint : Tensor of int64, shape (coarse, groups, step)
        Indices of the fine pixels under each footprint, in groups that share one guide; narrower rows repeat their last
        index.
    weight : Tensor, shape like `footprint`
        Weights of those pixels in U; zero for repeated ones.
    representative : Tensor of int64, shape (coarse, groups)
        Index of the middle pixel of each group.
    pixels : Tensor of int64, shape (coarse, pixels)
        Indices of the fine pixels whose centre is in the coarse one, padded like `footprint`.
    parent : Tensor of int64, shape (2, fine)
        Coarse pixel that holds each fine pixel, and the number of the fine pixel within it.
    position : Tensor, shape (fine,)
        Positions of the fine pixels in units of the range ℓ of the covariance.
    alike : bool
        Whether all coarse pixels have the same fine ones, some steps further.
    """

    footprint: Tensor
    weight: Tensor
    representative: Tensor
    pixels: Tensor
    parent: Tensor
    position: Tensor
    alike: bool

    @classmethod
    def of(cls, u: csr_array, fine: Axis, coarse: Axis, length: float, step: int, device: torch.device) -> Self:
        """Build the geometry from one factor of U, with groups of `step` pixels."""
        u = u.sorted_indices()
        rows = [slice(start, stop) for start, stop in zip(u.indptr[:-1], u.indptr[1:], strict=True)]
        groups = -(-max(row.stop - row.start for row in rows) // step)
        seen = _padded([u.indices[row] for row in rows], groups * step)
        weight = _padded([u.data[row] for row in rows], groups * step, 0.0)
        owner = coarse.parent_cell(fine)
        homes = [np.flatnonzero(owner == cell) for cell in range(coarse.size)]
        slot = np.empty(fine.size, dtype=np.int64)
        for home in homes:
            slot[home] = np.arange(len(home))
        grouped = seen.astype(np.int64).reshape(coarse.size, groups, step)
        inside = _padded(homes, max(map(len, homes))).astype(np.int64)
        at = np.arange(fine.size) * (abs(fine.step) / length)
        steps = np.diff(np.hstack([seen, inside]), axis=0)
        alike = not steps.size or bool(np.ptp(steps) == 0)
        return cls(
            torch.as_tensor(grouped, device=device),
            torch.as_tensor(weight.astype(np.float32).reshape(grouped.shape), device=device),
            torch.as_tensor(np.ascontiguousarray(grouped[..., (step - 1) // 2]), device=device),
            torch.as_tensor(inside, device=device),
            torch.as_tensor(np.stack([owner, slot]), device=device),
            torch.as_tensor(at.astype(np.float32), device=device),
            alike and np.allclose(weight, weight[0], rtol=1e-5, atol=1e-7),
        )

    def rho(self, cells: slice, shift: int, *, of_pixels: bool) -> Tensor:
        """Return exp(-distance) between pixels of cells and those seen `shift` cells further, times weights in U.

        Parameters
        ----------
        cells : slice
            Coarse cells of the first pixels.
        shift : int
            Distance to the coarse cells of the second pixels.
        of_pixels : bool
            Whether the first pixels are those inside a cell; else they are those of its footprint, weighted.

        Returns
        -------
        Tensor, shape (cells or 1, width, width)
            Covariances; one matrix if all cells are alike.
        """
        if self.alike:
            cells = slice(cells.start, cells.start + 1)
        other = slice(cells.start + shift, cells.stop + shift)
        there, weight = self.footprint[other].flatten(1), self.weight[other].flatten(1)
        here = self.pixels[cells] if of_pixels else self.footprint[cells].flatten(1)
        made = (
            torch.exp(-(self.position[here][:, :, None] - self.position[there][:, None, :]).abs()) * weight[:, None, :]
        )
        made = made.view(*made.shape[:2], *self.footprint.shape[1:]).sum(dim=-1)
        if not of_pixels:
            made = made * self.weight[cells].flatten(1)[:, :, None]
            made = made.view(len(made), *self.footprint.shape[1:], -1).sum(dim=2)
        return made


def _padded(rows: list[NDArray[Any]], length: int, fill: float | None = None) -> NDArray[Any]:
    """Stack rows of different lengths, the shorter ones padded with `fill` or with their last value."""
    return np.stack(
        [
            np.append(row, np.full(length - len(row), (row[-1] if len(row) else 0) if fill is None else fill))
            for row in rows
        ]
    )

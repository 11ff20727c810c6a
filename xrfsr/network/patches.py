"""Patches for the discriminator: reconstructed ones, from Proj(g(X)), and pseudo-real ones, from Eq. 14.

Reconstructed patches are cut from random windows of whole coarse cells. Within a window the projection is that of Eq.
10 with the pseudo-inverse of U between the window's cells and the fine pixels under them, which for integer ratios is
the projection of the whole image. The cost of a step therefore does not depend on the size of the painting.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from xrfsr.network.cells import CellDataset
from xrfsr.network.config import TrainingConfig
from xrfsr.operators import Downsampling

__all__ = ["PatchSampler", "WindowAxis", "most_correlated_band", "random_flips"]

WINDOW_SIDE = 1.5  # in patches


@dataclass(frozen=True, eq=False)
class WindowAxis:
    """One axis of all windows: runs of `n` neighbouring coarse cells and the fine pixels under them.

    Attributes
    ----------
    first : Tensor of int64, shape (runs,)
        Index of the first fine pixel of each run.
    u : Tensor, shape (runs, n, length)
        U between the fine pixels and the cells of a run; shorter runs are padded with zeros.
    right_inverse : Tensor, shape (runs, length, n)
        Pseudo-inverse of `u`.
    shortest : int
        Number of fine pixels under the shortest run.
    """

    first: Tensor
    u: Tensor
    right_inverse: Tensor
    shortest: int

    @classmethod
    def of(cls, u: csr_array, n: int, device: torch.device) -> Self:
        """Build all runs of `n` cells along the axis of `u`."""
        starts = range(u.shape[0] - n + 1)
        spans = [u.indices[u.indptr[i] : u.indptr[i + n]] for i in starts]
        first = np.array([span.min() for span in spans])
        lengths = np.array([span.max() + 1 for span in spans]) - first
        longest = int(lengths.max())
        # Every run must fit on the axis together with its padding.
        first = np.minimum(first, u.shape[1] - longest)
        dense = np.stack([u[i : i + n, f : f + longest].toarray() for i, f in zip(starts, first, strict=True)])
        inverse = np.linalg.pinv(dense)
        return cls(
            torch.as_tensor(first, device=device),
            torch.as_tensor(dense, dtype=torch.float32, device=device),
            torch.as_tensor(inverse, dtype=torch.float32, device=device),
            int(lengths.min()),
        )


@dataclass(frozen=True, eq=False)
class PatchSampler:
    """Sampler of patches of both kinds.

    Attributes
    ----------
    cells : CellDataset
        Cells of the scan, with the network's input.
    lines : int
        Number of maps.
    row_offset, column_offset : Tensor of int64
        Offsets of rows and columns of fine pixels in the tables of `cells`; the row of a pixel is their sum.
    rows, columns : WindowAxis
        Windows along y and x.
    band : Tensor of int64, shape (lines,)
        Index of the photo's band that is most correlated with each map.
    patch, patches, windows : int
        See `TrainingConfig`.
    beta : float
        See `TrainingConfig`.
    """

    cells: CellDataset
    lines: int
    row_offset: Tensor
    column_offset: Tensor
    rows: WindowAxis
    columns: WindowAxis
    band: Tensor
    patch: int
    patches: int
    windows: int
    beta: float

    @classmethod
    def of(
        cls,
        cells: CellDataset,
        scan: NDArray[Any],
        photo: NDArray[Any],
        U: Downsampling,
        config: TrainingConfig,
        device: torch.device,
    ) -> Self:
        """Build the sampler for a scan (B, coarse.y, coarse.x) and a photo (b, fine.y, fine.x)."""
        strips = []
        for u in (U.y, U.x):
            n, ratio = u.shape[0], u.shape[1] / u.shape[0]
            side = n if config.windows is None else min(n, int(np.ceil(WINDOW_SIDE * config.patch / ratio)) + 1)
            strips.append(WindowAxis.of(u, side, device))
        band = most_correlated_band(scan, U(photo))
        return cls(
            cells,
            len(scan),
            torch.as_tensor(cells.layouts[0].rows, device=device),
            torch.as_tensor(cells.layouts[0].columns, device=device),
            strips[0],
            strips[1],
            torch.as_tensor(band, device=device),
            config.patch,
            config.patches,
            config.windows or 1,
            config.beta,
        )

    def select_members(self, members: slice) -> Self:
        """Return the sampler of some of the members."""
        return replace(self, cells=self.cells.select_members(members))

    def reconstructed(self, network: Any, random: torch.Generator) -> Tensor:
        """Return patches of Proj(g(X)), shape (patches, members, patch, patch), for the full X of reconstruction."""
        projected = self._projected(network, random)
        return self._crop_patches(projected.permute(1, 4, 0, 2, 3), random)

    def pseudo_real(self, random: torch.Generator) -> Tensor:
        r"""Return patches of Eq. 14, :math:`\beta Y_{\downarrow\uparrow} + (1 - \beta) Z`, randomly flipped.

        Each patch mixes a random map and the band of the photo most correlated with it, with a random β up to `beta`;
        shape (patches, members, patch, patch).
        """
        device, side = self.band.device, torch.arange(self.patch, device=self.band.device)
        line = self._random_index(self.lines, random)
        top, left = (
            self._random_index(len(offsets) - self.patch + 1, random)[:, None] + side
            for offsets in (self.row_offset, self.column_offset)
        )
        position = (self.row_offset[top][:, :, None] + self.column_offset[left][:, None]).flatten(1)
        beta = self.beta * torch.rand((self.patches, 1), generator=random, dtype=torch.float32, device=device)
        mixed = []
        for kind in self.cells.table_index:
            table = self.cells.tables[kind]
            mixed.append(
                beta * table[position, line[:, None]]
                + (1 - beta) * table[position, (self.lines + self.band[line])[:, None]]
            )
        made = torch.stack(mixed, dim=1).reshape(self.patches, -1, self.patch, self.patch)
        return random_flips(made, random)

    def _random_index(self, below: int, random: torch.Generator) -> Tensor:
        return torch.randint(below, (self.patches,), generator=random, device=self.band.device)

    def _projected(self, network: Any, random: torch.Generator) -> Tensor:
        """Return Proj(g(X)) on random windows: (members, windows, height, width, lines)."""
        device = self.band.device
        i, j = (
            torch.randint(len(strips.first), (self.windows,), generator=random, device=device)
            for strips in (self.rows, self.columns)
        )
        height, width = self.rows.u.shape[2], self.columns.u.shape[2]
        row = self.rows.first[i][:, None] + torch.arange(height, device=device)
        column = self.columns.first[j][:, None] + torch.arange(width, device=device)
        position = (self.row_offset[row][:, :, None] + self.column_offset[column][:, None]).ravel()
        x = torch.stack([self.cells.tables[kind][position] for kind in self.cells.table_index])
        output: Tensor = network(x)
        estimate = output[..., : self.lines].reshape(len(x), self.windows, height, width, self.lines)
        n, m = self.rows.u.shape[1], self.columns.u.shape[1]
        cell = (i[:, None] + torch.arange(n, device=device))[:, :, None] * len(self.cells.columns.offset)
        cell = cell + (j[:, None] + torch.arange(m, device=device))[:, None]
        coarse = _apply_both_axes(self.rows.u[i], self.columns.u[j], estimate)
        missing = self.cells.target[cell] - coarse
        return estimate + _apply_both_axes(self.rows.right_inverse[i], self.columns.right_inverse[j], missing)

    def _crop_patches(self, maps: Tensor, random: torch.Generator) -> Tensor:
        """Cut random patches of single maps from windows (windows, lines, members, height, width) and flip them."""
        side = torch.arange(self.patch, device=maps.device)
        window, line = self._random_index(len(maps), random), self._random_index(self.lines, random)
        # Where runs differ in length, no patch includes the padding of the shorter ones.
        top, left = (
            self._random_index(strips.shortest - self.patch + 1, random)[:, None] + side
            for strips in (self.rows, self.columns)
        )
        chosen = maps.permute(0, 1, 3, 4, 2)[
            window[:, None, None], line[:, None, None], top[:, :, None], left[:, None, :]
        ]
        return random_flips(chosen.permute(0, 3, 1, 2), random)


def _apply_both_axes(y: Tensor, x: Tensor, maps: Tensor) -> Tensor:
    """Apply `y` (w, a, h) along rows and `x` (w, b, v) along columns of (members, w, h, v, lines)."""
    return torch.einsum("wbv,mwavl->mwabl", x, torch.einsum("wah,mwhvl->mwavl", y, maps))


def random_flips(patches: Tensor, random: torch.Generator) -> Tensor:
    """Flip each of (patches, ...) vertically, horizontally, both or neither, at random."""
    for axis in (-2, -1):
        turn = torch.rand(len(patches), generator=random, dtype=torch.float32, device=patches.device) < 0.5
        patches = torch.where(turn.reshape(-1, *(1,) * (patches.ndim - 1)), patches.flip(axis), patches)
    return patches


def most_correlated_band(scan: NDArray[Any], photo: NDArray[Any]) -> NDArray[np.int64]:
    """Return the band of a photo (b, coarse.y, coarse.x) most correlated with each map (B, coarse.y, coarse.x).

    The highest correlation counts, not the strongest: a mixture with a band of opposite sign would cancel. The
    correlation of constant maps and bands counts as the lowest.
    """
    maps, bands = (stack.reshape(len(stack), -1).astype(np.float64) for stack in (scan, photo))
    maps, bands = (stack - stack.mean(axis=1, keepdims=True) for stack in (maps, bands))
    scale = np.outer(np.linalg.norm(maps, axis=1), np.linalg.norm(bands, axis=1))
    correlation = np.divide(maps @ bands.T, scale, out=np.full(scale.shape, -np.inf), where=scale > 0)
    return np.asarray(correlation.argmax(axis=1), dtype=np.int64)

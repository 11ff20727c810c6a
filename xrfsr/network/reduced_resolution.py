r"""Validation at reduced resolution (Wald's protocol): reconstruct the scan, which is known, from half its resolution.

Held-out pixels show how well an estimate predicts the mean over a pixel of the scan. Which estimate has the better
detail within a pixel can be seen only at a scale at which that detail is known. The trained networks are therefore
applied, without changes, to the maps :math:`Y_{\downarrow}` downsampled once more, with the photo at the resolution of
the scan (Wald, Ranchin & Mangolini 1997, "Fusion of satellite images of different spatial resolutions").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.simple import krige
from xrfsr.network.cells import BLOCK, CellDataset
from xrfsr.network.config import TrainingConfig
from xrfsr.network.generator import Generator
from xrfsr.operators import Downsampling

__all__ = ["ReducedResolution"]

FACTOR = 2  # ratio of the resolutions
MIN_PIXELS = 8  # along a side of the downsampled scan; smaller ones are too small for a test


@dataclass(frozen=True, eq=False)
class ReducedResolution:
    """Problem at half the resolution, whose solution is the scan.

    Attributes
    ----------
    scan : array of float32, shape (B, y, x)
        Scan at half its resolution.
    photo : array of float32, shape (b, coarse.y, coarse.x)
        Photo at the resolution of the scan.
    truth : array, shape (B, coarse.y, coarse.x)
        Scan itself.
    U : Downsampling
        Operator from the scan to half its resolution.
    other_predictions : tuple of array, shape (B, coarse.y, coarse.x)
        Maps predicted by the other estimates of the ensemble.
    """

    scan: NDArray[np.float32]
    photo: NDArray[np.float32]
    truth: NDArray[Any]
    U: Downsampling
    other_predictions: tuple[NDArray[Any], ...] = ()

    @classmethod
    def of(cls, scan: NDArray[Any], photo: NDArray[Any], U: Downsampling) -> Self | None:
        """Build the problem from a scan (B, coarse.y, coarse.x) and a photo (b, fine.y, fine.x).

        Return None if the scan is too small.
        """
        if min(U.coarse.shape) < FACTOR * MIN_PIXELS:
            return None
        beam = None if U.fwhm is None else (FACTOR * U.fwhm[0], FACTOR * U.fwhm[1])
        halved = Downsampling.between(U.coarse, U.coarse.coarsen(FACTOR), U.footprint, fwhm=beam)
        return cls(halved(scan).astype(np.float32), U(photo).astype(np.float32), scan, halved)

    def with_predictions(self, *results: NDArray[Any]) -> Self:
        """Return the problem with the maps predicted by the other estimates."""
        return replace(self, other_predictions=results)

    @torch.no_grad()
    def reconstructions(
        self, network: Generator, config: TrainingConfig, device: torch.device
    ) -> Sequence[NDArray[Any]]:
        """Return consistent maps of all members, of the other estimates, and of the baseline (last)."""
        U = self.U
        everywhere = np.ones(self.scan.shape, dtype=bool)
        cells = CellDataset.of(self.scan, self.photo, U, everywhere, config.inputs, device, config.member_views)
        lines, (height, width) = len(self.scan), self.truth.shape[1:]
        (layout,) = cells.layouts
        position = (layout.rows[:, None] + layout.columns).ravel()
        estimates = []
        for start in range(0, len(position), BLOCK):
            part = torch.as_tensor(position[start : start + BLOCK], device=device)
            x = torch.stack([cells.tables[kind][part] for kind in cells.table_index])
            estimates.append(network(x)[..., :lines].cpu().numpy())
        members = np.concatenate(estimates, axis=1).transpose(0, 2, 1).reshape(-1, lines, height, width)
        candidates = [*members, *self.other_predictions, krige(self.scan, U)]
        return [U.project(each, self.scan, U.correlation_length) for each in candidates]

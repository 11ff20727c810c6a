r"""A rehearsal one step down: the scan at half its resolution, to be brought back to the scan, which is known.

Held-out pixels tell how well a candidate knows the mean over a pixel of the scan. Which candidate draws the better
detail within one is told only by a scale at which that detail is known. The same networks run, trained as they are,
on the maps :math:`Y_{\downarrow}` halved once more, with the photo at the resolution of the scan.
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

FACTOR = 2  # how much coarser the scan is made
MIN_PIXELS = 8  # pixels along a side of the halved scan, below which it tells nothing


@dataclass(frozen=True, eq=False)
class ReducedResolution:
    """A problem whose solution is known.

    Attributes
    ----------
    scan : array of float32, shape (B, y, x)
        The halved scan.
    photo : array of float32, shape (b, coarse.y, coarse.x)
        At the resolution of the scan.
    truth : array, shape (B, coarse.y, coarse.x)
        The scan itself.
    U : Downsampling
        From the scan to the halved one.
    beside : tuple of array, shape (B, coarse.y, coarse.x)
        Results of candidates beside the networks.
    """

    scan: NDArray[np.float32]
    photo: NDArray[np.float32]
    truth: NDArray[Any]
    U: Downsampling
    other_predictions: tuple[NDArray[Any], ...] = ()

    @classmethod
    def of(cls, scan: NDArray[Any], photo: NDArray[Any], U: Downsampling) -> Self | None:
        """From a scan (B, coarse.y, coarse.x) and a photo (b, fine.y, fine.x), unless there is too little of it."""
        if min(U.coarse.shape) < FACTOR * MIN_PIXELS:
            return None
        beam = None if U.fwhm is None else (FACTOR * U.fwhm[0], FACTOR * U.fwhm[1])
        halved = Downsampling.between(U.coarse, U.coarse.coarsen(FACTOR), U.footprint, fwhm=beam)
        return cls(halved(scan).astype(np.float32), U(photo).astype(np.float32), scan, halved)

    def with_predictions(self, *results: NDArray[Any]) -> Self:
        """The same, with results of candidates beside the networks."""
        return replace(self, other_predictions=results)

    @torch.no_grad()
    def reconstructions(
        self, network: Generator, config: TrainingConfig, device: torch.device
    ) -> Sequence[NDArray[Any]]:
        """Consistent results of every member, of the candidates beside them, and of the floor last."""
        U = self.U
        right_inverse = U.right_inverse(U.correlation_length)
        everywhere = np.ones(self.scan.shape, dtype=bool)
        cells = CellDataset.of(
            self.scan, self.photo, U, everywhere, config.inputs, right_inverse, device, config.member_views
        )
        lines, (height, width) = len(self.scan), self.truth.shape[1:]
        (layout,) = cells.layouts
        place = (layout.rows[:, None] + layout.columns).ravel()
        estimates = []
        for start in range(0, len(place), BLOCK):
            part = torch.as_tensor(place[start : start + BLOCK], device=device)
            x = torch.stack([cells.tables[kind][part] for kind in cells.table_index])
            estimates.append(network(x)[..., :lines].cpu().numpy())
        members = np.concatenate(estimates, axis=1).transpose(0, 2, 1).reshape(-1, lines, height, width)
        candidates = [*members, *self.other_predictions, krige(self.scan, U, right_inverse)]
        return [U.project(each, self.scan, U.correlation_length) for each in candidates]

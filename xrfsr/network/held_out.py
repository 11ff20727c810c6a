"""The pixels of the scan that are held out from training, which the seed decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.utils.device import CPU

__all__ = ["draw_held_out", "held_out_pixels"]

MIN_HELD_OUT = 64  # cells


def draw_held_out(cells: int, share: float, generator: torch.Generator) -> Tensor:
    """Draw the numbers of a share of the drawable cells.

    At least 64 are drawn, but at most a quarter: statistics of a few cells are unreliable.
    """
    count = max(round(share * cells), min(MIN_HELD_OUT, cells // 4)) if share > 0 else 0
    return torch.randperm(cells, generator=generator, device=CPU)[:count]


def held_out_pixels(measured: Sequence[NDArray[np.bool_]], share: float, seed: int) -> list[NDArray[np.bool_]]:
    """Return which pixels of the scan were held out from a training with this seed.

    Parameters
    ----------
    measured : sequence of array of bool, shape (line, y, x)
        Pixels that could be trained on, of every window of the painting.
    share : float
        Share that is held out.
    seed : int
        Seed of the training.

    Returns
    -------
    list of array of bool, shape (y, x)
    """
    drawable = [np.flatnonzero(each.any(axis=0)) for each in measured]
    counts = [len(each) for each in drawable]
    drawn = np.zeros(sum(counts), dtype=bool)
    drawn[draw_held_out(len(drawn), share, torch.Generator(CPU).manual_seed(seed)).numpy()] = True
    made = []
    for each, cells, part in zip(measured, drawable, np.split(drawn, np.cumsum(counts)[:-1]), strict=True):
        held_out = np.zeros(each[0].size, dtype=bool)
        held_out[cells[part]] = True
        made.append(held_out.reshape(each.shape[1:]))
    return made

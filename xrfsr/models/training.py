"""Pretraining of the generator on the painting at hand: no other data, no pretrained weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging import correlation_length
from xrfsr.models.cells import Cells
from xrfsr.models.config import TrainingConfig
from xrfsr.models.generator import Architecture, Generator
from xrfsr.models.losses import pretraining_loss
from xrfsr.models.validation import weigh
from xrfsr.progress import bar
from xrfsr.sampling import Downsampling

__all__ = ["pretrain"]

START_SAMPLE = 4000  # pixels on which the network is centred: enough for the mean and spread of 64 atoms
TRANSFER_SHARE = 4  # pixels of a step at the fine scale, for each one a scale down
WARM_UP = 0.1  # share of the steps in which the learning rate rises


def pretrain(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    usable: NDArray[np.bool_],
    config: TrainingConfig,
    *,
    device: torch.device,
    seed: int = 0,
    progress: bool | None = None,
) -> tuple[Generator, NDArray[np.float32]]:
    """Train a generator on one painting.

    Parameters
    ----------
    scan : array, shape (B, coarse.y, coarse.x)
        Maps scaled to about [0, 1], without NaN.
    photo : array, shape (b, fine.y, fine.x)
        In [0, 1].
    U : Downsampling
    usable : array of bool, shape (B, coarse.y, coarse.x)
        Where the scan was measured; the rest is never a target.
    config : TrainingConfig
    device : torch.device
    seed : int
        With the same device, the same bits.
    progress : bool, optional
        See `xrfsr.progress.bar`.

    Returns
    -------
    Generator
        On `device`.
    array, shape (members + 1, B)
        Weights of the members and of the floor in each map; see `xrfsr.models.validation.weigh`.
    """
    random = torch.Generator().manual_seed(seed)
    spreading = U.spreading(correlation_length(U))
    members = len(config.inputs)
    one = torch.ones(members, device=device)
    whole = Cells.of(scan, photo, U, usable, config.inputs, spreading, device)
    trained, held_out = whole.split(config.held_out, random)
    levels = [(one, trained, config.pixels)]
    transfer = torch.tensor(config.transfers, device=device)
    if transfer.any():
        # Pixel by pixel the error is known, so fewer of them give as steady a gradient as whole cells do.
        pixels = max(1, config.pixels // TRANSFER_SHARE)
        below = _one_scale_down(scan, photo, U, usable, config, device)
        levels.append((transfer, below.without(held_out), pixels))
    network = Generator(Architecture.of(config, len(scan), len(photo)), random).to(device)
    network.centre_on(whole.sample(START_SAMPLE, random))
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate, betas=(0.9, 0.99))
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.steps + 1, pct_start=WARM_UP
    )
    for _ in bar(range(config.steps), "training", progress):
        optimiser.zero_grad(set_to_none=True)
        for weight, cells, pixels in levels:
            count = max(1, pixels // cells.width)
            share = 1 - config.mixing * torch.rand(members, count, generator=random)
            batch = cells.batch(cells.draw(count, random), share.to(device))
            # The sum over members trains each on its own: they share no parameter.
            loss = (weight * pretraining_loss(network(batch.x), batch, config.alpha_1)).sum()
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cycle.step()
    return network, weigh(network, whole, held_out)


def _one_scale_down(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    usable: NDArray[np.bool_],
    config: TrainingConfig,
    device: torch.device,
) -> Cells:
    """The supervised pair (Y↓↓↑, Z↓) → Y↓: the scan takes the part of the fine maps, pixel by pixel."""
    ratio = U.fine.y.size / U.coarse.y.size
    down = Downsampling.between(U.coarse, U.coarse.coarsen(ratio))
    spreading = down.spreading(correlation_length(down))
    seen = down(usable.astype(np.float32)) > 0
    coarser = Cells.of(down(scan), U(photo), down, seen, config.inputs, spreading, device)
    return coarser.as_pixels(scan, usable)

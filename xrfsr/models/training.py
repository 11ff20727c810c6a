"""Pretraining of the generator on the painting at hand: no other data, no pretrained weights."""

from __future__ import annotations

from typing import Any, NamedTuple

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

__all__ = ["Trained", "pretrain"]

START_SAMPLE = 4000  # pixels on which the network is centred: enough for the mean and spread of 64 atoms
TRANSFER_SHARE = 4  # pixels of a step at the fine scale, for each one a scale down
WARM_UP = 0.1  # share of the steps in which the learning rate rises


class Trained(NamedTuple):
    """What training gives.

    Attributes
    ----------
    generator : Generator
        On the device of the training.
    weights : array of float32, shape (members + 1, B)
        Of the members and of the floor in each map; see `xrfsr.models.validation.weigh`.
    judged : array of bool, shape (B,)
        Maps for which held-out pixels decided about the weights.
    """

    generator: Generator
    weights: NDArray[np.float32]
    judged: NDArray[np.bool_]


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
) -> Trained:
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
    Trained
    """
    # Whatever the caller has set: a notebook may well have switched gradients off.
    with torch.inference_mode(False), torch.enable_grad():
        return _pretrain(scan, photo, U, usable, config, device, seed, progress)


def _pretrain(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    usable: NDArray[np.bool_],
    config: TrainingConfig,
    device: torch.device,
    seed: int,
    progress: bool | None,
) -> Trained:
    random = torch.Generator().manual_seed(seed)
    spreading = U.spreading(correlation_length(U))
    members = len(config.inputs)
    one = torch.ones(members, dtype=torch.float32, device=device)
    whole = Cells.of(scan, photo, U, usable, config.inputs, spreading, device)
    trained, held_out = whole.split(config.held_out, random)
    levels = [(one, trained, config.pixels)]
    transfer = torch.tensor(config.transfers, dtype=torch.float32, device=device)
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
            share = 1 - config.mixing * torch.rand(members, count, generator=random, dtype=torch.float32)
            batch = cells.batch(cells.draw(count, random), share.to(device))
            # The sum over members trains each on its own: they share no parameter.
            loss = (weight * pretraining_loss(network(batch.x), batch, config.alpha_1)).sum()
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cycle.step()
    return Trained(network, *weigh(network, whole, held_out))


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
    beam = None if U.fwhm is None else (ratio * U.fwhm[0], ratio * U.fwhm[1])
    down = Downsampling.between(U.coarse, U.coarse.coarsen(ratio), U.footprint, fwhm=beam)
    spreading = down.spreading(correlation_length(down))
    # The coarser cells are inputs only, so it does not matter which of them were measured.
    everywhere = np.ones((len(scan), *down.coarse.shape), dtype=bool)
    coarser = Cells.of(down(scan), U(photo), down, everywhere, config.inputs, spreading, device)
    return coarser.as_pixels(scan, usable)

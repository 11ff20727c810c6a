r"""The two stages of training, step by step, for some members of the ensemble.

Pretraining minimises Eq. 11 without its adversarial term on random batches of coarse cells (or on the whole image, as
in the paper). The adversarial stage adds :math:`\alpha_2 \mathcal L_{adv}` on patches of the projected output, and
trains a discriminator in alternation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.network.cells import CellDataset
from xrfsr.network.config import TrainingConfig
from xrfsr.network.discriminator import Discriminator
from xrfsr.network.generator import DTYPE, Architecture, Generator
from xrfsr.network.losses import adversarial_loss, discriminator_loss, pretraining_gradient, pretraining_loss
from xrfsr.network.optimizer import Adam, Soap, whitening
from xrfsr.network.patches import PatchSampler
from xrfsr.network.precision import product_dtype
from xrfsr.network.tensor_files import Layout
from xrfsr.network.trainer_state import CURVE, check_state, moments, set_moments, state_layout
from xrfsr.utils.device import CPU
from xrfsr.utils.documents import Fields, Flag, Integer, Many, Rule

__all__ = ["Scale", "Trainer", "TrainingData", "one_cycle"]

START_SAMPLE = 4000  # pixels for the initial weights: enough for the mean and spread of 64 atoms
TRANSFER_SUBSAMPLING = 4  # pixels of a step at the fine scale for each pixel one scale down
WARM_UP = 0.1  # share of the steps in which the learning rate rises
VALIDATION_CELLS = 512  # cells on which the loss is monitored
VALIDATIONS = 20  # per stage, unless their interval would be shorter than the least
MIN_VALIDATION_INTERVAL = 100  # steps


@dataclass(frozen=True, slots=True)
class Scale:
    """Training data of one scale.

    Attributes
    ----------
    cells : CellDataset
        Cells with their input and targets.
    weight : tuple of float
        Weight of the loss at this scale, for each member.
    subsampling : int
        Number of pixels drawn at the finest scale for each pixel drawn at this one.
    """

    cells: CellDataset
    weight: tuple[float, ...]
    subsampling: int = 1


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Constant data on the device, which all trainers share.

    Attributes
    ----------
    scales : sequence of Scale
        Data of each scale, the finest first.
    validation_cells : Tensor of int64
        Cells of the first scale on which the loss is monitored.
    patches : sequence of PatchSampler
        Samplers of patches, one per training example, for the adversarial stage.
    bands : (int, int)
        Number of maps, and of bands of the photo.
    device : torch.device
        Device of the data.
    """

    scales: Sequence[Scale]
    validation_cells: Tensor
    patches: Sequence[PatchSampler]
    bands: tuple[int, int]
    device: torch.device

    def select_members(self, members: slice) -> TrainingData:
        """Return the data of some of the members."""
        scales = [
            Scale(scale.cells.select_members(members), scale.weight[members], scale.subsampling)
            for scale in self.scales
        ]
        patches = [each.select_members(members) for each in self.patches]
        return TrainingData(scales, self.validation_cells, patches, self.bands, self.device)


class Trainer:
    """Some members of the ensemble, and all state that changes in training.

    Parameters
    ----------
    data : TrainingData
        Data of these members alone.
    config : TrainingConfig
        Settings of the training.
    seed : int
        Seed of the random numbers.
    first : int
        Number of the first of these members in the ensemble, so that all members draw different random numbers.
    """

    def __init__(self, data: TrainingData, config: TrainingConfig, seed: int, first: int) -> None:
        self.data, self.config = data, config
        start, steps = (
            int(np.random.SeedSequence([seed, first, stream]).generate_state(1, np.uint64)[0] >> 1) for stream in (0, 1)
        )
        self.random = torch.Generator(data.device).manual_seed(steps)
        members = len(data.scales[0].cells.table_index)
        lines, bands = data.bands
        architecture = Architecture.from_config(config, lines, bands, members)
        self.network = Generator(architecture, torch.Generator(CPU).manual_seed(start)).to(data.device)
        self.network.product_dtype = product_dtype(config.precision, data.device)
        sample = data.scales[0].cells.sample(START_SAMPLE, self.random)
        self.network.initialize_from(sample, config.weight_limit)
        self.optimizer = self._new_optimizer(sample[..., : architecture.channels])
        self.weights = [torch.tensor(scale.weight, dtype=DTYPE, device=data.device) for scale in data.scales]
        self.discriminator: Discriminator | None = None
        self.discriminator_optimizer: Adam | None = None
        self._buffers: dict[tuple[str, int, int], Tensor] = {}
        self.steps_taken = 0
        self.best = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        self.best_loss = torch.full((members,), math.inf, dtype=DTYPE, device=data.device)
        self.best_sigmoid = self.network.final_sigmoid
        self.curve: list[list[list[float | None]]] = [[] for _ in range(members)]

    def _new_optimizer(self, sample: Tensor) -> Adam:
        names, parameters = zip(*self.network.named_parameters(), strict=True)
        rate = self.config.learning_rate
        if self.config.optimizer == "adam":
            return Adam(parameters, rate, betas=(0.9, 0.99))
        return Soap(parameters, rate, {names.index("S"): whitening(sample)})

    @property
    def done(self) -> bool:
        """Whether all steps of both stages have been taken."""
        return self.steps_taken >= self.config.total_steps

    def step(self) -> None:
        """Take the next step."""
        if self.steps_taken < self.config.steps:
            self._pretraining_step()
        else:
            if self.steps_taken == self.config.steps:
                self._begin_adversarial()
            self._adversarial_step()
        self.steps_taken += 1
        if self._validation_is_due():
            self._validate()

    # ------------------------------------------------------------------------------------------------ pretraining

    def _pretraining_step(self) -> None:
        if self.config.schedule == "one-cycle":
            self.optimizer.rate, momentum = one_cycle(self.config, self.steps_taken)
            self.optimizer.betas = (momentum, self.optimizer.betas[1])
        self.optimizer.zero_grad()
        self._accumulate_fidelity_gradient()
        self.optimizer.step()
        if self.config.weight_limit is not None:
            self.network.limit(self.config.weight_limit)

    def _accumulate_fidelity_gradient(self) -> None:
        """Add the gradient of the loss without its adversarial term."""
        scales = self.data.scales
        if self.config.pixels is None:
            for scale, weight in zip(scales, self.weights, strict=True):
                every = len(scale.cells.drawable)
                for cell in scale.cells.blocks():
                    self._backward([(scale.cells, cell, weight * (len(cell) / every))])
            return
        drawn = []
        for scale, weight in zip(scales, self.weights, strict=True):
            count = max(1, self.config.pixels // scale.subsampling // scale.cells.width)
            drawn.append((scale.cells, scale.cells.draw(count, self.random), weight))
        self._backward(drawn)

    def _backward(self, drawn: Sequence[tuple[CellDataset, Tensor, Tensor]]) -> None:
        """Add the gradient of the weighted losses over some cells, all from one pass of the network."""
        pixels = [cells.width * len(cell) for cells, cell, _ in drawn]
        x = self._buffer("x", sum(pixels), drawn[0][0].channels)
        batches = []
        for (cells, cell, _), part in zip(drawn, torch.split(x, pixels, dim=1), strict=True):
            shape = (len(cells.table_index), len(cell))
            share = torch.rand(shape, generator=self.random, dtype=DTYPE, device=cell.device)
            batches.append(cells.batch(cell, share.mul_(-self.config.mixing).add_(1), part))
        output = self.network(x)
        # In closed form: autograd would take longer for this small loss than for a layer.
        gradient = self._buffer("gradient", sum(pixels), output.shape[-1])
        made, parts = (torch.split(tensor, pixels, dim=1) for tensor in (output.detach(), gradient))
        for estimate, batch, (_, _, weight), part in zip(made, batches, drawn, parts, strict=True):
            # The sum over members trains each of them separately, because they share no parameter.
            pretraining_gradient(estimate, batch, self.config.alpha_1, weight, part)
        torch.autograd.backward(output, gradient)

    def _buffer(self, name: str, pixels: int, width: int) -> Tensor:
        """Return memory for one step, which the next step reuses."""
        key = (name, pixels, width)
        if key not in self._buffers:
            shape = (len(self.best_loss), pixels, width)
            self._buffers[key] = torch.empty(shape, dtype=DTYPE, device=self.data.device)
        return self._buffers[key]

    # ------------------------------------------------------------------------------------------------ adversarial

    def _begin_adversarial(self) -> None:
        config, device = self.config, self.data.device
        self.network.final_sigmoid = (config.final_sigmoid != "never",) * len(self.best_loss)
        self.discriminator = self._new_discriminator()
        self.optimizer = Adam(list(self.network.parameters()), config.generator_rate)
        self.discriminator_optimizer = Adam(list(self.discriminator.parameters()), config.discriminator_rate)
        # The lowest loss so far belongs to another last layer, so it cannot be compared.
        if config.final_sigmoid == "adversarial":
            self.best_loss = torch.full_like(self.best_loss, math.inf, device=device)

    def _new_discriminator(self) -> Discriminator:
        seed = int(torch.randint(2**62, (1,), generator=self.random, device=self.data.device))
        members = len(self.best_loss)
        made = Discriminator(self.config.patch, members, torch.Generator(CPU).manual_seed(seed))
        return made.to(self.data.device)

    def _adversarial_step(self) -> None:
        discriminator, discriminator_optimizer = self.discriminator, self.discriminator_optimizer
        assert discriminator is not None
        assert discriminator_optimizer is not None
        patches = self._random_patches()
        self.optimizer.zero_grad()
        self._accumulate_fidelity_gradient()
        reconstructed = patches.reconstructed(self.network, self.random)
        discriminator.requires_grad_(False)
        loss = self.config.alpha_2 * adversarial_loss(discriminator(reconstructed)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

        discriminator.requires_grad_(True)
        discriminator_optimizer.zero_grad()
        real = patches.pseudo_real(self.random)
        loss = discriminator_loss(discriminator(reconstructed.detach()), discriminator(real)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        discriminator_optimizer.step()

    def _random_patches(self) -> PatchSampler:
        """Return the sampler of one training example, chosen at random in every step."""
        several, device = self.data.patches, self.data.device
        if len(several) == 1:
            return several[0]
        return several[int(torch.randint(len(several), (1,), generator=self.random, device=device))]

    # ------------------------------------------------------------------------------------------------ validation

    def _validation_is_due(self) -> bool:
        first = self.steps_taken <= self.config.steps
        taken, stage = (
            (self.steps_taken, self.config.steps)
            if first
            else (self.steps_taken - self.config.steps, self.config.adversarial_steps)
        )
        return taken == stage or taken % max(MIN_VALIDATION_INTERVAL, stage // VALIDATIONS) == 0

    @torch.no_grad()
    def _validate(self) -> None:
        """Keep the parameters of every member whose loss on the validation cells is the lowest so far."""
        cells = self.data.scales[0].cells
        cell = self.data.validation_cells
        whole = torch.ones((len(cells.table_index), len(cell)), dtype=DTYPE, device=cell.device)
        batch = cells.batch(cell, whole)
        loss = pretraining_loss(self.network(batch.x), batch, self.config.alpha_1)
        for points, value in zip(self.curve, loss.tolist(), strict=True):
            points.append([self.steps_taken, float(f"{value:.6g}") if math.isfinite(value) else None])
        better = loss < self.best_loss
        self.best_loss = torch.where(better, loss, self.best_loss)
        self.best_sigmoid = self.network.final_sigmoid
        for name, value in self.network.named_parameters():
            axis = self.network.member_axis(name)
            chosen = better.reshape([-1 if i == axis else 1 for i in range(value.ndim)])
            self.best[name] = torch.where(chosen, value, self.best[name])

    @torch.no_grad()
    def restore_best(self) -> None:
        """Restore the parameters with the lowest loss so far."""
        for name, value in self.network.named_parameters():
            value.copy_(self.best[name])
        self.network.final_sigmoid = self.best_sigmoid

    # ------------------------------------------------------------------------------------------------ state

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all state, as tensors by name and as plain values.

        After `restore`, training continues with the same bits.
        """
        tensors = {f"network.{name}": value.detach() for name, value in self.network.named_parameters()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {"best_loss": self.best_loss, "random": self.random.get_state()}
        tensors |= moments("optimiser", self.optimizer)
        if self.discriminator is not None and self.discriminator_optimizer is not None:
            tensors |= {f"adversary.{name}": value.detach() for name, value in self.discriminator.named_parameters()}
            tensors |= moments("opponent", self.discriminator_optimizer)
        plain = {
            "number": self.steps_taken,
            "final_sigmoid": self.network.final_sigmoid,
            "best_sigmoid": self.best_sigmoid,
            "curve": self.curve,
        }
        return tensors, plain

    @property
    def state_rule(self) -> Rule:
        """Condition on the plain values of a state."""
        members = Many(Flag(), len(self.best_loss), len(self.best_loss))
        taken = Integer(0, self.config.total_steps)
        curve = Many(CURVE, len(self.best_loss), len(self.best_loss))
        return Fields({"number": taken, "final_sigmoid": members, "best_sigmoid": members, "curve": curve})

    def state_layout(self, number: int) -> Layout:
        """Return the tensors of a state after `number` steps: their names, types and shapes."""
        parameters = {name: tuple(value.shape) for name, value in self.network.named_parameters()}
        adversary = {}
        if number > self.config.steps:
            adversary = Discriminator.shapes(self.config.patch, len(self.best_loss))
        optimised = {}
        if number:
            trained = Adam if adversary else type(self.optimizer)
            optimised = {"optimiser": [trained.shapes(shape) for shape in parameters.values()]}
        if adversary:
            optimised["opponent"] = [Adam.shapes(shape) for shape in adversary.values()]
        return state_layout(parameters, adversary, optimised, len(self.best_loss), self.random.get_state())

    @torch.no_grad()
    def restore(self, arrays: Mapping[str, NDArray[Any]], plain: Mapping[str, Any]) -> None:
        """Restore the state from `state`, as arrays of `state_layout` and plain values that fit `state_rule`.

        Raises
        ------
        InvalidInput
            If the state of the random numbers or of an optimiser is none that training can have.
        """
        tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
        check_state(tensors, self.data.device)
        self.steps_taken = int(plain["number"])
        if self.steps_taken > self.config.steps:
            self._begin_adversarial()
        for name, value in self.network.named_parameters():
            value.copy_(tensors[f"network.{name}"])
            self.best[name] = tensors[f"best.{name}"].to(value.device, copy=True)
        self.best_loss = tensors["best_loss"].to(self.best_loss.device, copy=True)
        self.network.final_sigmoid = tuple(plain["final_sigmoid"])
        self.best_sigmoid = tuple(plain["best_sigmoid"])
        self.curve = [[list(point) for point in points] for points in plain["curve"]]
        set_moments("optimiser", self.optimizer, tensors)
        if self.discriminator is not None and self.discriminator_optimizer is not None:
            for name, value in self.discriminator.named_parameters():
                value.copy_(tensors[f"adversary.{name}"])
            set_moments("opponent", self.discriminator_optimizer, tensors)
        # Last, because the code above may draw random numbers.
        self.random.set_state(tensors["random"])


def one_cycle(config: TrainingConfig, step: int) -> tuple[float, float]:
    """Return learning rate and memory of the first moment in the one-cycle schedule of pretraining, at `step`.

    The learning rate rises from 1/25 of its peak, which it has after 10 % of the steps, and falls to 1/250,000 of it
    one step after the last, along cosines. The memory moves the other way between 0.95 and 0.85.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates" (2018).
    """
    peak, top = config.learning_rate, WARM_UP * config.steps
    rising = step < top
    share = step / top if rising else (step - top) / (config.steps - top)
    height = (1 + math.cos(math.pi * share)) / 2
    if rising:
        height = 1 - height
    low = peak / 25 if rising else peak / 25e4
    return low + height * (peak - low), 0.95 - 0.1 * height

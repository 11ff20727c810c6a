"""Training of the generator on the painting itself: no other data, no pretrained weights."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.network.cells import CellDataset
from xrfsr.network.checkpoints import Checkpoint, digest
from xrfsr.network.config import TrainingConfig
from xrfsr.network.generator import Generator
from xrfsr.network.patches import PatchSampler
from xrfsr.network.reduced_resolution import ReducedResolution
from xrfsr.network.stacking import StackingWeights, stacking_weights
from xrfsr.network.trainer import TRANSFER_SUBSAMPLING, VALIDATION_CELLS, Scale, Trainer, TrainingData
from xrfsr.operators import Downsampling
from xrfsr.utils.describe import describe
from xrfsr.utils.device import CPU, is_cpu, reproducible
from xrfsr.utils.interactive import is_interactive
from xrfsr.utils.paths import local_path
from xrfsr.utils.progress import progress_bar
from xrfsr.utils.threads import round_robin

__all__ = ["Run", "TrainingExample", "TrainingResult", "prepare_data", "train"]

TIME_SLICE = 0.05  # seconds of a member's turn; an interruption waits until it ends, or until one step does


@dataclass(frozen=True, slots=True)
class Run:
    """Conditions of a training run. Unless it is stopped early, only `seed` and `device` affect the result.

    Parameters
    ----------
    device : torch.device
        Device that computes.
    seed : int
        Seed of the random numbers. On the same device, the same seed gives the same bits.
    progress : bool, optional
        See `xrfsr.utils.progress.progress_bar`.
    max_seconds : float, optional
        Time after which training stops and returns the best network so far.
    checkpoint : path, optional
        Folder for the state of the training, from which a killed or stopped run resumes.
    checkpoint_seconds : float
        Interval between two writes of the state, in seconds.
    keep_interrupted : bool, optional
        Whether an interruption from the keyboard ends the training with the best network so far, instead of being
        raised. If not given, it does so only in an interactive session (a Python prompt, IPython or a notebook): a
        script would continue with a half-trained network.
    """

    device: torch.device
    seed: int = 0
    progress: bool | None = None
    max_seconds: float | None = None
    checkpoint: str | PathLike[str] | None = None
    checkpoint_seconds: float = 60.0
    keep_interrupted: bool | None = None

    def __post_init__(self) -> None:
        faults: list[str] = []
        for name in ("max_seconds", "checkpoint_seconds"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and value >= 0) and not (value is None and name == "max_seconds"):
                faults.append(f"{name} must be a number of seconds ≥ 0, such as 600, got {describe(value)}")
        with collect_faults(faults):
            if self.checkpoint is not None:
                local_path(self.checkpoint, "the folder for the state of the training")
        if not isinstance(self.keep_interrupted, bool | None):
            faults.append(
                "keep_interrupted must be True, False, or None for True in an interactive session only, got "
                f"{describe(self.keep_interrupted)}"
            )
        if faults:
            raise InvalidInput("run", faults)


class TrainingResult(NamedTuple):
    """Result of training.

    Attributes
    ----------
    generator : Generator
        Trained networks, on the device of the training.
    stacking : StackingWeights
        Weight of each member and of the kriging baseline in each map, from held-out pixels.
    steps : int
        Number of steps that every member has taken.
    curve : list
        For every member pairs of a step and the loss on the validation cells after it.
    """

    generator: Generator
    stacking: StackingWeights
    steps: int
    curve: list[list[list[float | None]]]


@dataclass(frozen=True, eq=False)
class TrainingExample:
    """Painting, or one crop of a large one, to train on.

    Attributes
    ----------
    scan : array, shape (B, coarse.y, coarse.x)
        Maps scaled to about [0, 1], without NaN.
    photo : array, shape (b, fine.y, fine.x)
        Photo in [0, 1].
    U : Downsampling
        Operator from the fine grid to the scan's.
    measured : array of bool, shape (B, coarse.y, coarse.x)
        Pixels that were measured; the others are never a target.
    mean : array, shape (B,), optional
        Means of the whole maps; those of `scan` if not given.
    other_predictions : sequence of array, shape like `scan`
        Leave-one-out predictions of the scan by the other estimates of the ensemble.
    reduced : ReducedResolution, optional
        Validation problem at half the resolution.
    """

    scan: NDArray[Any]
    photo: NDArray[Any]
    U: Downsampling
    measured: NDArray[np.bool_]
    mean: NDArray[Any] | None = None
    other_predictions: Sequence[NDArray[np.float32]] = ()
    reduced: ReducedResolution | None = None


def train(examples: Sequence[TrainingExample], config: TrainingConfig, run: Run) -> TrainingResult:
    """Train a generator on one painting, or on crops of it.

    Parameters
    ----------
    examples : sequence of TrainingExample
        Painting, or crops of it.
    config : TrainingConfig
        Settings of the network and its training.
    run : Run
        Conditions of the run.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InvalidInput
        If the maps are smaller than the discriminator's patches, or the checkpoint belongs to another run or is used
        by one.
    KeyboardInterrupt
        If the training was interrupted and `run` does not keep what it had reached. The checkpoint is written before.

    Warns
    -----
    UserWarning
        If training was stopped early.
    """
    rows, columns = (min(sizes) for sizes in zip(*(example.U.fine.shape for example in examples), strict=True))
    if config.adversarial_steps and config.patch > min(rows, columns):
        raise InvalidInput(
            "training settings",
            [
                f"patch must not exceed the {rows} x {columns} pixels of the maps, got {config.patch}; use a "
                "smaller power of two, or omit the adversarial stage with adversarial_steps=0"
            ],
        )
    if run.checkpoint is None:
        return _train(examples, config, run, None)
    fingerprint = digest(*(array for example in examples for array in _identifying_arrays(example)))
    with Checkpoint.open(run.checkpoint, config, run.seed, run.device.type, fingerprint) as checkpoint:
        return _train(examples, config, run, checkpoint)


def _train(
    examples: Sequence[TrainingExample], config: TrainingConfig, run: Run, checkpoint: Checkpoint | None
) -> TrainingResult:
    """Train with a checkpoint that is open, if there is one."""
    started = time.monotonic()
    # Independent of the caller's setting: a notebook may have switched gradients off.
    with torch.inference_mode(False), torch.enable_grad(), reproducible(run.device):
        data, whole, held_out = prepare_data(examples, config, run)
        members = len(config.inputs)
        # In parallel threads on a CPU, as one batch elsewhere.
        groups = [slice(i, i + 1) for i in range(members)] if is_cpu(run.device) else [slice(0, members)]
        trainers = [Trainer(data.select_members(group), config, run.seed, group.start) for group in groups]
        reason = _run_steps(trainers, config, run, checkpoint, started)
        if reason:
            for trainer in trainers:
                trainer.restore_best()
        steps = min(trainer.steps_taken for trainer in trainers)
        if reason:
            warn(
                f"training stopped after {steps} of {config.total_steps} steps ({reason}); this is the best network so "
                "far" + (f", and the same call resumes from '{run.checkpoint}'" if checkpoint else "")
            )
        network = Generator.concatenate([trainer.network for trainer in trainers])
        bands = len(examples[0].scan)
        left_out = _concatenate_cells([example.other_predictions for example in examples], bands)
        reduced_problems = [example.reduced for example in examples if example.reduced is not None]
        reduced_results: Sequence[NDArray[Any]] = ()
        if len(held_out) and len(reduced_problems) == len(examples):
            results = [reduced.reconstructions(network, config, run.device) for reduced in reduced_problems]
            reduced_results = _concatenate_cells(results, bands)
        stacking = stacking_weights(network, whole, held_out, left_out, reduced_results)
        return TrainingResult(network, stacking, steps, [points for trainer in trainers for points in trainer.curve])


def _identifying_arrays(example: TrainingExample) -> list[NDArray[Any]]:
    """Return the arrays that distinguish one example from another."""
    factors = [part for u in (example.U.y, example.U.x) for part in (u.data, u.indices, u.indptr)]
    return [example.scan, example.photo, example.measured, *factors]


def _concatenate_cells(maps: Sequence[Sequence[NDArray[Any]]], bands: int) -> list[NDArray[Any]]:
    """Concatenate, for every estimate, the maps of all examples, (B, cells), in the order of their cells."""
    return [np.concatenate([each.reshape(bands, -1) for each in one], axis=1) for one in zip(*maps, strict=True)]


def _run_steps(
    trainers: list[Trainer], config: TrainingConfig, run: Run, checkpoint: Checkpoint | None, started: float
) -> str:
    """Train to the end, or until something stops the training; return the reason, or an empty text."""
    deadline = math.inf if run.max_seconds is None else started + run.max_seconds
    saved = dict.fromkeys(range(len(trainers)), time.monotonic())
    if checkpoint:
        for number, trainer in enumerate(trainers):
            checkpoint.restore(number, trainer)

    def take_turn(number: int) -> bool:
        trainer = trainers[number]
        over = min(deadline, time.monotonic() + TIME_SLICE)
        while not trainer.done:
            trainer.step()
            if time.monotonic() >= over:
                break
        if checkpoint and time.monotonic() - saved[number] >= run.checkpoint_seconds:
            checkpoint.save(number, trainer)
            saved[number] = time.monotonic()
        return not trainer.done and time.monotonic() < deadline

    members = len(config.inputs)
    label = f"training of {members} networks" if members > 1 else "training"
    with progress_bar(config.total_steps, label, run.progress) as show:
        interruption = round_robin(
            range(len(trainers)),
            take_turn,
            lambda number: trainers[number].steps_taken,
            lambda: show(min(trainer.steps_taken for trainer in trainers)),
        )
    if checkpoint:
        for number, trainer in enumerate(trainers):
            checkpoint.save(number, trainer)
    if interruption and not (is_interactive() if run.keep_interrupted is None else run.keep_interrupted):
        raise interruption
    if all(trainer.done for trainer in trainers):
        return ""
    return "interrupted from the keyboard" if interruption else f"max_seconds is {run.max_seconds:g}"


def prepare_data(
    examples: Sequence[TrainingExample], config: TrainingConfig, run: Run
) -> tuple[TrainingData, CellDataset, torch.Tensor]:
    """Return the training data of all members, all cells of the scan, and the numbers of those held out."""
    device = run.device
    # Random numbers of the CPU, so that the same cells are held out on every device.
    random = torch.Generator(CPU).manual_seed(run.seed)
    parts = [
        CellDataset.of(
            each.scan,
            each.photo,
            each.U,
            each.measured,
            config.inputs,
            device,
            config.member_views,
            each.mean,
        )
        for each in examples
    ]
    patches: list[PatchSampler] = []
    if config.adversarial_steps:
        patches = [
            PatchSampler.of(cells, each.scan, each.photo, each.U, config, device)
            for cells, each in zip(parts, examples, strict=True)
        ]
    whole = CellDataset.concatenate(parts)
    del parts  # frees the tables, of which there are copies if there are several examples
    drawn, held_out = whole.split(config.held_out, random)
    scales = [Scale(drawn, (1.0,) * len(config.inputs))]
    if any(config.member_transfers):
        # The error of every single pixel is known, so fewer pixels give as accurate a gradient as whole cells do.
        below = CellDataset.concatenate([_coarser_cells(each, config, device) for each in examples])
        scales.append(Scale(below.without(held_out), config.member_transfers, TRANSFER_SUBSAMPLING))
    if len(held_out):
        validation_cells = held_out[:VALIDATION_CELLS]
    else:
        layout = torch.randperm(len(drawn.drawable), generator=random, device=CPU)[:VALIDATION_CELLS]
        validation_cells = drawn.drawable[layout.to(device)]
    bands = (len(examples[0].scan), len(examples[0].photo))
    return TrainingData(scales, validation_cells, patches, bands, device), whole, held_out


def _coarser_cells(example: TrainingExample, config: TrainingConfig, device: torch.device) -> CellDataset:
    """Build the supervised pair (Y↓↓↑, Z↓) → Y↓: the scan replaces the fine maps, pixel by pixel."""
    scan, U = example.scan, example.U
    ratio = U.fine.y.size / U.coarse.y.size
    beam = None if U.fwhm is None else (ratio * U.fwhm[0], ratio * U.fwhm[1])
    down = Downsampling.between(U.coarse, U.coarse.coarsen(ratio), U.footprint, fwhm=beam)
    # The coarser cells are inputs only, so which of them were measured is irrelevant.
    everywhere = np.ones((len(scan), *down.coarse.shape), dtype=bool)
    photo, views = U(example.photo), config.member_views
    coarser = CellDataset.of(down(scan), photo, down, everywhere, config.inputs, device, views, example.mean)
    return coarser.as_pixels(scan, example.measured)

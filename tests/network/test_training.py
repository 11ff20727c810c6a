"""Training from start to end: its result, and that it can be repeated, stopped and resumed."""

from __future__ import annotations

import _thread
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from small import CPU, FOOTPRINTS, Array, fit, operator, painting, problem
from torch.utils._python_dispatch import TorchDispatchMode

from xrfsr.errors import InvalidInput
from xrfsr.kriging.simple import krige
from xrfsr.methods import Problem
from xrfsr.network import TrainingConfig
from xrfsr.network.cells import Batch, CellDataset, network_inputs
from xrfsr.network.losses import pretraining_loss
from xrfsr.network.patches import PatchSampler
from xrfsr.network.trainer import Trainer, one_cycle
from xrfsr.network.training import Run, TrainingExample, TrainingResult, prepare_data, train

TWO: dict[str, Any] = {"inputs": ("leave-out", "leave-out"), "views": "pixel", "transfer": (0.05, 1.0)}
TINY = TrainingConfig(K=2, M=8, steps=4, pixels=256, **TWO)
QUICK: dict[str, Any] = {"K": 2, "M": 8, "steps": 4, "pixels": 256, "progress": False, "device": "cpu"}


def trained(config: TrainingConfig, seed: int = 0, made: Problem | None = None, **how: Any) -> TrainingResult:
    made = problem() if made is None else made
    return train(
        [TrainingExample(made.scan, made.photo, made.U, made.training_mask)], config, Run(CPU, seed, False, **how)
    )


def each_look_at_the_clock_takes_a_second(patch: pytest.MonkeyPatch) -> None:
    """Stop a run after a number of looks at the clock, whatever the speed of the machine."""
    patch.setattr("xrfsr.network.training.time", SimpleNamespace(monotonic=itertools.count().__next__))


def same(one: TrainingResult, other: TrainingResult) -> bool:
    """Whether two runs ended with the same bits."""
    a, b = one.generator.state_dict(), other.generator.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a) and bool(
        (one.stacking.weights == other.stacking.weights).all()
    )


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    first = trained(TINY)
    # Other users of random numbers are irrelevant.
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    state = torch.get_rng_state()
    assert same(trained(TINY), first)
    assert torch.equal(torch.get_rng_state(), state), "and training leaves the common source alone"
    other = trained(TINY, seed=1).generator.state_dict()
    assert not any(torch.equal(value, other[name]) for name, value in first.generator.state_dict().items())


def test_members_draw_different_numbers() -> None:
    network = trained(TINY.override(transfer=0.5)).generator
    for name, value in network.named_parameters():
        one, other = value.unbind(network.member_axis(name))
        assert not torch.allclose(one, other)


def test_side_by_side_or_as_one_batch_members_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on a CPU all members are one batch: the same code, for several members at once."""
    monkeypatch.setattr("xrfsr.network.training.is_cpu", lambda device: False)
    batched = trained(TINY.override(adversarial_steps=3))
    assert batched.generator.architecture.members == 2
    assert batched.steps == 7
    # The first member starts from the same numbers either way.
    monkeypatch.undo()
    alone = trained(TINY.override(steps=1, learning_rate=0.0))
    monkeypatch.setattr("xrfsr.network.training.is_cpu", lambda device: False)
    together = trained(TINY.override(steps=1, learning_rate=0.0))
    assert alone.generator.S.shape == together.generator.S.shape


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_is_left_as_it_was(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        trained(TINY)
        assert torch.get_num_threads() == threads
        found = []
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert found == [threads], "also for threads that are started later"
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("transfer", [0.0, (0.0, 0.5)])
@pytest.mark.parametrize(("scale", "footprint", "fwhm"), [*FOOTPRINTS, (9.0, "area", None)])
def test_loss_falls(scale: float, footprint: str, fwhm: float | None, transfer: Any) -> None:
    """The loss of the whole image, with the left-out cells as inputs, before and after."""
    made = problem(scale, footprint, fwhm)
    made = replace(made, scan=made.scan / made.scan.max())
    cells = CellDataset.of(
        made.scan,
        made.photo,
        made.U,
        made.measured,
        ("leave-out", "leave-out"),
        CPU,
    )
    batch = cells.batch(torch.arange(90), torch.ones(2, 90))
    losses = []
    for steps in (1, 120):
        settings = {"K": 2, "M": 16, "steps": steps, "pixels": 2000, "transfer": transfer, "mixing": 0.5}
        config = TrainingConfig(**TWO | settings)
        network = trained(config, made=made).generator
        losses.append(pretraining_loss(network(batch.x), batch, config.alpha_1).detach().numpy())
    # Three seeds, with and without bfloat16, with AVX-512 and without AVX: 0.1 to 0.5; to 0.79 with the wider beam.
    assert (losses[1] < 0.95 * losses[0]).all()


def test_the_network_learns_from_the_photo() -> None:
    """Where colour determines the maps, it beats interpolation without having seen the fine maps."""
    U = operator(4, shape=(10, 12))
    scan, photo = painting(U)
    mixing = np.linalg.lstsq(U(photo).reshape(3, -1).T, scan.reshape(2, -1).T, rcond=None)[0].T
    truth = np.einsum("lb,byx->lyx", mixing, photo)
    made = Problem.of(scan, photo, U, ("Ca-K", "Fe-K"), np.array([True, True]))
    model = fit([made], device="cpu", progress=False, K=3, M=32, steps=150, pixels=1024, along_photo=False)
    found = model.predict(made.scan, made.photo, U, "cpu")
    floor = krige(scan, U)
    # 0.07 to 0.10, whatever the seed and the instruction set.
    assert ((found - truth) ** 2).mean() < 0.5 * ((floor - truth) ** 2).mean()


def test_prediction_is_the_weighted_mean_of_all_candidates() -> None:
    made = problem(2.5)
    model = fit([made], **QUICK | TWO)
    other_predictions = np.random.default_rng(0).random((2, *made.U.fine.shape)) * 40

    def predicted(*weights: float) -> Array:
        column = np.array(weights, dtype=np.float32)[:, None].repeat(2, axis=1)
        return replace(model, weights=column).predict(made.scan, made.photo, made.U, "cpu", [other_predictions])

    first, second, other, floor = (predicted(*weights) for weights in np.eye(4))
    np.testing.assert_allclose(floor, krige(made.scan, made.U), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(other, other_predictions, rtol=1e-4, atol=1e-4)
    mean = 0.4 * first + 0.2 * second + 0.1 * other + 0.3 * floor
    np.testing.assert_allclose(predicted(0.4, 0.2, 0.1, 0.3), mean, rtol=1e-4, atol=1e-4)
    with pytest.raises(InvalidInput, match="must hold 1 arrays, as in training, got 0"):
        model.predict(made.scan, made.photo, made.U, "cpu")
    # A member is the network on its own input, scaled to the peak and back.
    scaled = made.scan / model.peak[:, None, None]
    inputs = network_inputs(scaled, made.U, TINY.inputs)
    x = torch.tensor(np.stack([np.concatenate([inputs["leave-out"], made.photo])] * 2)).flatten(2).mT.contiguous()
    model.generator.product_dtype = None
    member = model.generator(x).detach().numpy()[0, :, :2].T.reshape(2, *made.U.fine.shape) * model.peak[:, None, None]
    np.testing.assert_allclose(first, member, rtol=1e-4, atol=1e-4)


def test_what_was_not_measured_has_no_influence() -> None:
    """Gaps are filled from their surroundings, so the values in them cannot influence the training."""
    gaps = (slice(None), slice(2, 4), slice(5, 9))
    made = problem(scan=gaps)
    assert not made.measured[gaps].any()
    assert np.isfinite(made.scan).all()
    scan, photo = painting(made.U)
    scan[gaps] = 1e6
    measured = np.where(made.measured, 50 * scan, np.nan)
    again = Problem.of(measured, photo, made.U, made.lines, np.array([True, True]))
    np.testing.assert_array_equal(again.scan, made.scan)
    # Measured values or means of them, so filling stays within their range.
    for plane, known in zip(made.scan, made.measured, strict=True):
        assert plane[known].min() <= plane[~known].min()
        assert plane[~known].max() <= plane[known].max()


def test_a_photo_that_shows_no_whole_cell_is_refused() -> None:
    """Every cell has one fine pixel that the photo does not show."""
    with pytest.raises(InvalidInput, match="photo"):
        fit([problem(photo=(slice(None), slice(None, None, 4), slice(None, None, 4)))], **QUICK)


def test_cells_that_the_photo_does_not_show_are_left_out() -> None:
    """Values of the scan where the photo has a hole are no target."""
    hole = np.zeros((3, 36, 40), bool)
    hole[:, ::4, ::4] = True
    hole[:, :24, :] = False  # 30 of the 90 cells have a hole
    made = problem(photo=hole)
    assert made.training_mask.any(axis=0).sum() == 60
    changed = replace(made, scan=np.where(made.training_mask, made.scan, 7.0 + 0 * made.scan))
    models: list[Batch] = []
    for targets in (made, changed):
        # The same input, so that the targets alone differ.
        cells = CellDataset.of(made.scan, made.photo, made.U, targets.training_mask, ("leave-out",), CPU)
        values = cells.values.clone()
        values[:, 0] = torch.as_tensor(targets.scan.reshape(2, -1).T.copy())
        cells = replace(cells, values=values)
        models.append(cells.batch(cells.draw(4000, torch.Generator().manual_seed(0)), torch.zeros(1, 4000)))
    assert torch.equal(models[0].target * models[0].measured, models[1].target * models[1].measured)
    assert models[0].measured.any(dim=1).all()
    with pytest.warns(UserWarning, match="too few measured pixels"):
        fit([made], **QUICK)


# ---------------------------------------------------------------------------------------------- the adversarial stage


ADVERSARIAL = TINY.override(adversarial_steps=6, patch=16, patches=4, windows=2)


def test_the_adversarial_stage_trains_generator_and_discriminator() -> None:
    made = problem()
    data, _, _ = prepare_data(
        [TrainingExample(made.scan, made.photo, made.U, made.training_mask)], ADVERSARIAL, Run(CPU)
    )
    trainer = Trainer(data.select_members(slice(0, 1)), ADVERSARIAL, 0, 0)
    for _ in range(5):
        trainer.step()
    assert trainer.discriminator is not None
    before = [
        value.detach().clone() for part in (trainer.network, trainer.discriminator) for value in part.parameters()
    ]
    trainer.step()
    after = [value for part in (trainer.network, trainer.discriminator) for value in part.parameters()]
    assert all((a != b).any() for a, b in zip(after, before, strict=True))
    assert trainer.optimizer.rate == 3e-4
    assert trainer.discriminator_optimizer is not None
    assert trainer.discriminator_optimizer.rate == 3e-6


def test_eq11_the_adversarial_term_has_its_weight() -> None:
    """Of one step, from one state: the gradient is that of the fidelity, and α₂ times that of the patches."""
    made = problem()
    examples = [TrainingExample(made.scan / made.scan.max(), made.photo, made.U, made.training_mask)]

    def gradient(alpha_2: float) -> torch.Tensor:
        config = ADVERSARIAL.override(alpha_2=alpha_2, precision="float32")
        data, _, _ = prepare_data(examples, config, Run(CPU))
        trainer = Trainer(data.select_members(slice(0, 1)), config, 0, 0)
        for _ in range(config.steps + 1):
            trainer.step()
        return torch.cat([value.grad.flatten() for value in trainer.network.parameters() if value.grad is not None])

    without, one, two = (gradient(alpha_2) for alpha_2 in (0.0, 1.0, 2.0))
    assert (one - without).norm() > 0.01 * without.norm()
    torch.testing.assert_close(two - without, 2 * (one - without), rtol=1e-3, atol=1e-5 * float(one.abs().max()))


def test_the_discriminator_learns_to_distinguish_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """With constant patches, vertical and horizontal stripes: against a generator the outcome is chaotic."""
    stripes = torch.arange(16).div(4, rounding_mode="floor").remainder(2).float().expand(16, 1, 16, 16)
    noise = 0.1 * torch.rand(2, *stripes.shape, generator=torch.Generator().manual_seed(0))
    fake, real = stripes + noise[0], stripes.mT + noise[1]
    monkeypatch.setattr(PatchSampler, "reconstructed", lambda self, network, random: fake + 0 * network.S.sum())
    monkeypatch.setattr(PatchSampler, "pseudo_real", lambda self, random: real)
    made = problem()
    config = ADVERSARIAL.override(adversarial_steps=30, discriminator_rate=1e-3, patches=16)
    data, _, _ = prepare_data([TrainingExample(made.scan, made.photo, made.U, made.training_mask)], config, Run(CPU))
    trainer = Trainer(data.select_members(slice(0, 1)), config, 0, 0)
    while not trainer.done:
        trainer.step()
    assert trainer.discriminator is not None
    with torch.no_grad():
        scores = trainer.discriminator(fake), trainer.discriminator(real)
    # Six seeds end at -14 to -10 and at +9 to +12.
    assert scores[0].max() < 0 < scores[1].min()


def test_maps_smaller_than_a_patch_are_refused() -> None:
    with pytest.raises(
        InvalidInput, match=r"patch must not exceed the 36 x 40 pixels of the maps, got 64; .* adversarial_steps=0"
    ):
        trained(ADVERSARIAL.override(patch=64))


@pytest.mark.parametrize(("when", "on"), [("never", False), ("adversarial", True), ("always", True)])
def test_eq8_the_final_sigmoid_is_switched_on_when_it_should_be(when: Any, on: bool) -> None:
    generator = trained(ADVERSARIAL.override(final_sigmoid=when)).generator
    assert generator.final_sigmoid == (on, on)
    pretrained = trained(TINY.override(final_sigmoid=when)).generator
    assert pretrained.final_sigmoid == (when == "always",) * 2


def test_weights_stay_below_their_limit_in_pretraining() -> None:
    config = TINY.override(weight_limit=0.3, steps=30, learning_rate=0.1)
    network = trained(config).generator
    for weights in (network.W, network.S, network.D):
        assert weights.abs().max().item() <= 0.3 + 1e-6
    assert network.threshold.abs().max().item() > 0.3, "λ is no weight"
    free = trained(config.override(weight_limit=None)).generator
    assert free.S.abs().max().item() > 0.3


def test_the_whole_image_as_a_batch_is_the_gradient_of_the_whole_image() -> None:
    made = problem(2.0)
    config = TINY.override(pixels=None, transfer=0.0, inputs=("bilinear",), held_out=0.0, precision="float32")
    data, whole, _ = prepare_data(
        [TrainingExample(made.scan, made.photo, made.U, made.training_mask)], config, Run(CPU)
    )
    trainer = Trainer(data, config, 0, 0)
    trainer._accumulate_fidelity_gradient()
    found = [value.grad.clone() for value in trainer.network.parameters() if value.grad is not None]
    trainer.network.zero_grad()
    batch = whole.batch(torch.arange(90), torch.ones(1, 90))
    pretraining_loss(trainer.network(batch.x), batch, config.alpha_1).sum().backward()
    for gradient, value in zip(found, trainer.network.parameters(), strict=True):
        torch.testing.assert_close(gradient, value.grad, rtol=1e-4, atol=1e-7)


def test_the_paper_preset_runs_to_the_letter() -> None:
    paper = TrainingConfig.preset("paper")
    assert (paper.steps, paper.adversarial_steps, paper.pixels, paper.windows) == (100_000, 2_000_000, None, None)
    assert (paper.K, paper.M, paper.alpha_1, paper.alpha_2) == (5, 64, 0.003, 0.5e-6)
    assert (paper.patch, paper.patches, paper.beta) == (32, 32, 0.9)
    assert (paper.generator_rate, paper.discriminator_rate) == (3e-4, 3e-6)
    assert (paper.inputs, paper.weight_limit, paper.final_sigmoid) == (("bilinear",), 1.0, "adversarial")
    ended = trained(paper.override(steps=3, adversarial_steps=2))
    assert ended.steps == 5
    assert ended.stacking.weights.tolist() == [[1, 1], [0, 0]], (
        "its input contains every pixel, so no pixel is held out"
    )


# ---------------------------------------------------------------------------------------------- cut short, taken up


@pytest.mark.parametrize("steps", [1, 3, 10, 101, 2000])
def test_the_one_cycle_peaks_at_a_tenth_of_the_steps(steps: int) -> None:
    config = TINY.override(steps=steps, learning_rate=0.02)
    top = 0.1 * steps
    for step in range(steps):
        share = step / top if step < top else (step - top) / (steps - top)
        bend = (1 - np.cos(np.pi * share)) / 2
        low, high = (0.02 / 25, 0.02) if step < top else (0.02, 0.02 / 25e4)
        moments = (0.95, 0.85) if step < top else (0.85, 0.95)
        rate, memory = one_cycle(config, step)
        assert rate == pytest.approx(low + bend * (high - low), abs=1e-15)
        assert memory == pytest.approx(moments[0] + bend * (moments[1] - moments[0]), abs=1e-15)


def test_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    each_look_at_the_clock_takes_a_second(monkeypatch)
    with pytest.warns(UserWarning, match=r"stopped after \d+ of 1000000 steps \(max_seconds is 50\)"):
        ended = trained(TINY.override(steps=10**6), max_seconds=50)
    assert 0 < ended.steps <= 50


def test_what_is_taken_is_the_best_so_far() -> None:
    made = problem()
    config = TINY.override(steps=1000, schedule="constant", held_out=0.1)
    data, _, held_out = prepare_data(
        [TrainingExample(made.scan, made.photo, made.U, made.training_mask)], config, Run(CPU)
    )
    assert torch.equal(data.validation_cells, held_out)
    trainer = Trainer(data.select_members(slice(0, 1)), config, 0, 0)
    while trainer.steps_taken < 100:
        trainer.step()
    good = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
    assert float(trainer.best_loss) < float("inf")
    # Worse parameters are not kept ...
    with torch.no_grad():
        trainer.network.threshold_out += 10
    trainer._validate()
    trainer.restore_best()
    for name, value in trainer.network.named_parameters():
        assert torch.equal(value, good[name])
    # ... better ones are; here the best loss so far is raised.
    before = float(trainer.best_loss)
    with torch.no_grad():
        trainer.network.threshold_out += 1e-3
    trainer.best_loss += 10
    trainer._validate()
    assert float(trainer.best_loss) < before + 1
    for name, value in trainer.network.named_parameters():
        assert torch.equal(trainer.best[name], value)
    assert not torch.equal(trainer.best["threshold_out"], good["threshold_out"])


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption from the keyboard after a few steps, in a process that is a script."""
    step, watched, taken = Trainer.step, threading.Event(), itertools.count()

    @contextmanager
    def bar(*_: object) -> Iterator[Callable[[int], None]]:
        yield lambda done: watched.set()

    def interrupting(trainer: Trainer) -> None:
        step(trainer)
        if watched.is_set() and next(taken) == 0:
            _thread.interrupt_main()

    monkeypatch.setattr("xrfsr.network.training.progress_bar", bar)
    monkeypatch.setattr(Trainer, "step", interrupting)
    monkeypatch.setattr("xrfsr.network.training.is_interactive", lambda: False)


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("keep", [None, False])
def test_a_script_ends_when_it_is_interrupted(keep: bool | None, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        trained(TINY.override(steps=10**6), keep_interrupted=keep, checkpoint=folder)
    with safe_open(folder / "member-0.safetensors", "pt") as kept:
        assert json.loads(kept.metadata()["state"])["number"] > 0, "what was reached is in the checkpoint"


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize(("keep", "interactive"), [(None, True), (True, False)])
def test_somebody_at_the_keyboard_gets_the_best_network_so_far(
    keep: bool | None, interactive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrfsr.network.training.is_interactive", lambda: interactive)
    with pytest.warns(UserWarning, match="interrupted from the keyboard"):
        ended = trained(TINY.override(steps=10**6), keep_interrupted=keep)
    assert 0 < ended.steps < 10**6


def test_what_is_kept_is_a_switch() -> None:
    with pytest.raises(InvalidInput, match=r"keep_interrupted must be True, False, or None .*, got 1"):
        Run(CPU, keep_interrupted=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("config", [TINY.override(steps=40), ADVERSARIAL.override(steps=20, adversarial_steps=20)])
def test_a_stopped_run_goes_on_and_ends_with_the_same_bits(
    tmp_path: Path, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(config)
    folder = tmp_path / "state"
    each_look_at_the_clock_takes_a_second(monkeypatch)
    cuts = 0
    while True:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ended = trained(config, checkpoint=folder, checkpoint_seconds=0, max_seconds=25)
        if not caught:
            break
        assert "resumes from" in str(caught[0].message)
        cuts += 1
        assert cuts < 500
    assert cuts > 1
    assert same(ended, expected)
    assert same(trained(config, checkpoint=folder), expected), "a finished run is there at once"


def killed_at(number: int, folder: str) -> None:
    """Train in a process that is killed by the system as soon as a member has taken so many steps."""
    step = Trainer.step

    def mortal(trainer: Trainer) -> None:
        step(trainer)
        if trainer.steps_taken == number:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", mortal)
        each_look_at_the_clock_takes_a_second(patch)  # the state is kept after every step
        trained(TINY.override(steps=2 * number), checkpoint=folder, checkpoint_seconds=0)


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    """A process that the system kills in the middle of training."""
    here, folder = Path(__file__), tmp_path / "state"
    code = f"import sys; sys.path[:0] = {[str(here.parent), *sys.path]!r}; import {here.stem} as t; "
    process = subprocess.run([sys.executable, "-c", f"{code}t.killed_at(40, {str(folder)!r})"], check=False)
    assert process.returncode == -signal.SIGKILL
    with safe_open(folder / "member-1.safetensors", "pt") as kept:
        number = json.loads(kept.metadata()["state"])["number"]
    assert 0 < number < 80, "it was killed in the middle"
    config = TINY.override(steps=80)
    assert same(trained(config, checkpoint=folder), trained(config))


def test_checkpoints_of_another_run_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    trained(TINY, checkpoint=folder)
    other = problem()
    other.scan[0, 0, 0] += 1
    for arguments, text in (
        ({"config": TINY.override(M=16)}, "M was 8 and is 16"),
        ({"config": TINY, "seed": 5}, "seed was 0 and is 5"),
        ({"config": TINY, "made": other}, "the scan or the photo differs"),
    ):
        with pytest.raises(InvalidInput, match=rf"'{folder}' belongs to another run: {text}"):
            trained(**arguments, checkpoint=folder)
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == ["member-0.safetensors", "member-1.safetensors", "run.json"]


def test_folders_that_are_not_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(InvalidInput, match="is not a checkpoint"):
        trained(TINY, checkpoint=tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"
    with pytest.raises(InvalidInput, match="cannot be written"):
        trained(TINY, checkpoint=tmp_path / "nowhere" / "state")
    with pytest.raises(InvalidInput, match=r"path must be .* got 3"):
        trained(TINY, checkpoint=3)
    trained(TINY, checkpoint=tmp_path / "state")
    (tmp_path / "state" / "member-0.safetensors").write_bytes(b"x" * 99)
    with pytest.raises(InvalidInput, match="remove the folder and start again"):
        trained(TINY, checkpoint=tmp_path / "state")
    (tmp_path / "state" / "run.json").write_text("{")
    with pytest.raises(InvalidInput, match="is not JSON"):
        trained(TINY, checkpoint=tmp_path / "state")


@pytest.mark.parametrize("wrong", [{"max_seconds": -1}, {"max_seconds": "10"}, {"checkpoint_seconds": None}])
def test_invalid_conditions_of_a_run(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="must be a number of seconds ≥ 0"):
        Run(CPU, **wrong)


class Reports(TorchDispatchMode):
    """Record of the operations for whose result the host would have to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.name()
        if any(part in name for part in ("_local_scalar_dense", "nonzero", "masked_select", "unique")):
            self.found.append(name)
        return function(*args, **(kwargs or {}))


def test_no_step_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    made = problem()
    config = ADVERSARIAL.override(steps=10, adversarial_steps=10)
    data, _, _ = prepare_data([TrainingExample(made.scan, made.photo, made.U, made.training_mask)], config, Run(CPU))
    trainer = Trainer(data, config, 0, 0)
    reports = Reports()
    while not trainer.done:
        if trainer.steps_taken == config.steps:
            trainer.step()  # the discriminator is made from a seed
            continue
        with reports:
            trainer.step()
    assert reports.found == []
    with reports:
        float(torch.rand(1))
    assert reports.found, "the net catches what it should"

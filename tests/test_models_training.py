"""Pretraining: the loss, the batches it is estimated from, what the network sees, and that it can be repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.grid import Grid
from xrfsr.kriging import correlation_length, krige
from xrfsr.methods.problem import Problem
from xrfsr.methods.unfolding import fit
from xrfsr.models import TrainingConfig
from xrfsr.models.cells import Batch, Cells, network_inputs
from xrfsr.models.generator import Architecture, Generator
from xrfsr.models.losses import pretraining_loss
from xrfsr.models.training import pretrain
from xrfsr.models.validation import simplex_weights, weigh
from xrfsr.sampling import Downsampling, linear_matrix

CPU = torch.device("cpu")
TINY = TrainingConfig(K=2, M=8, steps=4, pixels=256)
FOOTPRINTS = [(4.0, "area", None), (2.5, "area", None), (3.0, "gaussian", 1.1), (1.7, "gaussian", 0.6)]
Array = NDArray[Any]


def operator(scale: float, footprint: Any = "area", fwhm: float | None = None, shape: tuple[int, int] = (9, 10)) -> Any:
    coarse = Grid.from_shape(shape, 1.0)
    return Downsampling.between(coarse.refine(scale), coarse, footprint, fwhm=fwhm)


def painting(U: Downsampling, lines: int = 2, seed: int = 0) -> tuple[Array, Array]:
    """A photo of coloured patches, and maps that follow its colours: scan and photo."""
    rng = np.random.default_rng(seed)
    height, width = U.fine.shape
    patches = rng.random((3, 5, 6)).repeat(-(-height // 5), axis=1).repeat(-(-width // 6), axis=2)[:, :height, :width]
    photo = np.clip(patches + 0.02 * rng.standard_normal(patches.shape), 0, 1).astype(np.float32)
    mixing = rng.random((lines, 3)) / 3
    return U(np.einsum("lb,byx->lyx", mixing, photo).astype(np.float32)), photo


def cells_of(
    scan: Array, photo: Array, U: Downsampling, usable: Array | None = None, inputs: Any = ("bilinear", "leave-out")
) -> Cells:
    measured = np.ones(scan.shape, bool) if usable is None else usable
    return Cells.of(scan, photo, U, measured, inputs, U.spreading(correlation_length(U)), CPU)


def network_of(members: int = 2, lines: int = 2, seed: int = 0) -> Generator:
    return Generator(Architecture(B=lines, K=2, M=8, members=members), torch.Generator().manual_seed(seed))


def everything(cells: Cells, share: float = 0.0) -> Batch:
    number = torch.arange(len(cells.target))
    return cells.batch(number, torch.full((len(cells.upscaled), len(number)), share))


def whole_image_loss(
    network: Generator, scan: Array, photo: Array, U: Downsampling, usable: Array, inputs: Any, alpha_1: float
) -> Array:
    """Eq. 11 without batches: L(Y↓, Ŷ U) + α₁ L(Z, Ẑ), for every member."""
    losses = []
    upscaled = network_inputs(scan, U, inputs, U.spreading(correlation_length(U)))
    x = torch.tensor(np.concatenate([upscaled, np.broadcast_to(photo, (len(inputs), *photo.shape))], axis=1))
    with torch.no_grad():
        output = network(x.flatten(2).mT.contiguous()).mT.reshape(x.shape).numpy().astype(np.float64)
    for made in output:
        misfit = U(made[: len(scan)]) - scan
        losses.append((misfit[usable] ** 2).mean() + alpha_1 * ((made[len(scan) :] - photo) ** 2).mean())
    return np.array(losses)


def test_eq11_against_loops() -> None:
    rng = np.random.default_rng(0)
    members, cells, width, lines, bands, alpha_1 = 3, 4, 5, 2, 3, 0.07
    output = rng.random((members, cells * width, lines + bands))
    x = rng.random(output.shape)
    weight = rng.dirichlet(np.ones(width), cells)
    target, usable = rng.random((cells, lines)), np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    for member, found in enumerate(
        pretraining_loss(
            torch.tensor(output),
            Batch(*map(torch.tensor, (x, weight, target, usable.astype(float)))),
            alpha_1,
        ).tolist()
    ):
        scan_errors, photo_errors = [], []
        for c in range(cells):
            for line in range(lines):
                average = sum(weight[c, p] * output[member, c * width + p, line] for p in range(width))
                if usable[c, line]:
                    scan_errors.append((average - target[c, line]) ** 2)
            for p in range(width):
                for band in range(lines, lines + bands):
                    photo_errors.append((output[member, c * width + p, band] - x[member, c * width + p, band]) ** 2)
        assert found == pytest.approx(np.mean(scan_errors) + alpha_1 * np.mean(photo_errors), rel=1e-12)


def test_eq11_of_a_batch_without_a_measured_value() -> None:
    batch = Batch(torch.rand(1, 6, 5), torch.full((2, 3), 1 / 3), torch.rand(2, 2), torch.zeros(2, 2))
    assert pretraining_loss(batch.x, batch, 1.0).tolist() == [0.0]


@pytest.mark.parametrize("scale", [2, 4])
def test_batches_are_unbiased(scale: int) -> None:
    """A cell's loss, averaged over all cells, is the loss of the whole image: a random cell is a fair sample of it."""
    U = operator(scale)
    scan, photo = painting(U)
    inputs = ("bilinear", "leave-out")
    network, cells = network_of(), cells_of(scan, photo, U)
    one_by_one = [
        pretraining_loss(network(batch.x), batch, 0.3).detach().numpy()
        for batch in (cells.batch(torch.tensor([cell]), torch.zeros(2, 1)) for cell in range(90))
    ]
    expected = whole_image_loss(network, scan, photo, U, np.ones(scan.shape, bool), inputs, 0.3)
    np.testing.assert_allclose(np.mean(one_by_one, axis=0), expected, rtol=1e-5)
    assert np.std(one_by_one, axis=0).min() > 0.1 * expected.min(), "cells differ, so the test says something"


@pytest.mark.parametrize(("scale", "footprint", "fwhm"), FOOTPRINTS)
def test_all_cells_together_see_the_scan_through_u(scale: float, footprint: str, fwhm: float | None) -> None:
    U = operator(scale, footprint, fwhm)
    scan, photo = painting(U)
    usable = np.random.default_rng(3).random(scan.shape) > 0.3
    network, batch = network_of(), everything(cells_of(scan, photo, U, usable))
    found = pretraining_loss(network(batch.x), batch, 0.0).detach()
    expected = whole_image_loss(network, scan, photo, U, usable, ("bilinear", "leave-out"), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(batch.weight.sum(dim=1), 1.0, rtol=1e-6)


def test_every_cell_with_a_measured_value_is_as_likely_as_another() -> None:
    U = operator(2)
    scan, photo = painting(U)
    usable = np.ones(scan.shape, bool)
    usable[:, 2:5, 3] = False
    usable[0, 7] = False  # the other map is measured there
    cells = cells_of(scan, photo, U, usable)
    expected = usable.any(axis=0).ravel()
    drawn = np.bincount(cells.draw(200 * expected.sum(), torch.Generator().manual_seed(0)).numpy(), minlength=90)
    assert (drawn[~expected] == 0).all()
    assert expected.sum() == 87
    # Five standard deviations of a binomial with mean 200.
    assert np.abs(drawn[expected] - 200).max() < 5 * np.sqrt(200)


@pytest.mark.parametrize(("scale", "footprint", "fwhm"), FOOTPRINTS)
def test_left_out_input_is_the_kriging_without_the_cell(scale: float, footprint: str, fwhm: float | None) -> None:
    U = operator(scale, footprint, fwhm, (8, 8))
    scan, photo = painting(U)
    cells = cells_of(scan, photo, U, inputs=("leave-out",))
    full, without = everything(cells), everything(cells, 1.0)
    half = everything(cells, 0.5)

    length = correlation_length(U)
    covariance = [np.exp(-np.abs(np.subtract.outer(a.centres, a.centres)) / length) for a in (U.fine.y, U.fine.x)]
    Q = np.kron(*covariance)
    matrix = np.kron(U.y.toarray(), U.x.toarray())
    assert not np.allclose(full.x, without.x, atol=0.01)
    torch.testing.assert_close(half.x, (full.x + without.x) / 2, atol=1e-6, rtol=0)
    for cell in (0, 5, 27, 36, 63):
        rest = np.delete(matrix, cell, axis=0)
        for line, plane in enumerate(scan.astype(np.float64).reshape(2, -1)):
            residual = np.delete(plane, cell) - plane.mean()
            refit = plane.mean() + Q @ rest.T @ np.linalg.solve(rest @ Q @ rest.T, residual)
            own = matrix[cell] > 0
            # In ascending order of pixels, as `own` is; padding, which repeats pixels, has no weight.
            shown = without.weight[cell] > 0
            seen = without.x[0].reshape(64, -1, 5)[cell, shown, line]
            np.testing.assert_allclose(seen, refit[own], atol=2e-5)
            np.testing.assert_allclose(without.weight[cell][shown], matrix[cell][own], rtol=1e-5)


def test_bilinear_input_is_that_of_the_paper_whatever_is_left_out() -> None:
    U = operator(2.5)
    scan, photo = painting(U)
    cells = cells_of(scan, photo, U)
    y, x = linear_matrix(U.coarse.y, U.fine.y).toarray(), linear_matrix(U.coarse.x, U.fine.x).toarray()
    np.testing.assert_allclose(
        cells.upscaled[0].T.reshape(2, *U.fine.shape), np.einsum("yi,lij,xj->lyx", y, scan, x), atol=1e-6
    )
    assert torch.equal(everything(cells, 0.0).x[0], everything(cells, 1.0).x[0])
    np.testing.assert_allclose(cells.upscaled[1].T.reshape(2, *U.fine.shape), krige(scan, U), atol=1e-6)


def test_unmeasured_values_are_no_targets() -> None:
    U = operator(2)
    scan, photo = painting(U)
    usable = np.ones(scan.shape, bool)
    usable[0, 3:6, 2:5] = False
    cells = cells_of(scan, photo, U, usable)
    batch, network = everything(cells), network_of()
    before = pretraining_loss(network(batch.x), batch, 0.0)
    hidden = batch.usable == 0
    assert int(hidden.sum()) == 9
    changed = Batch(batch.x, batch.weight, batch.target + 1e3 * hidden, batch.usable)
    assert torch.equal(pretraining_loss(network(batch.x), changed, 0.0), before)
    shown = Batch(batch.x, batch.weight, batch.target + 1e-2 * ~hidden, batch.usable)
    assert not torch.equal(pretraining_loss(network(batch.x), shown, 0.0), before)


def test_held_out_cells_are_never_drawn() -> None:
    U = operator(2)
    whole = cells_of(*painting(U), U, inputs=("leave-out",))
    random = torch.Generator().manual_seed(1)
    trained, held_out = whole.split(0.2, random)
    # A fifth of so few cells would leave too few to judge by: a quarter is held out.
    assert len(held_out) == len(whole.drawable) // 4
    assert len(whole.drawable) == 90
    drawn = trained.draw(5000, random)
    assert set(drawn.tolist()) == set(range(90)) - set(held_out.tolist())
    # Where a member cannot leave a cell out of its input, none is held out.
    assert len(cells_of(*painting(U), U, inputs=("leave-out", "bilinear")).split(0.2, random)[1]) == 0


def problem(scale: float = 4.0, footprint: Any = "area", fwhm: float | None = None, **changes: Any) -> Problem:
    U = operator(scale, footprint, fwhm)
    scan, photo = painting(U)
    for name, array in (("scan", scan), ("photo", photo)):
        if name in changes:
            array[changes[name]] = np.nan
    return Problem.of(50 * scan, photo, U, ("Ca-K", "Fe-K"), np.array([True, True]))


def train(config: TrainingConfig, seed: int = 0, **options: Any) -> tuple[dict[str, torch.Tensor], Array]:
    made = problem(**options)
    trained = pretrain(made.scan, made.photo, made.U, made.usable, config, device=CPU, seed=seed, progress=False)
    return trained.generator.state_dict(), trained.weights


def test_same_seed_same_bits_other_seed_other_bits() -> None:
    first, weights = train(TINY)
    # What else draws random numbers does not matter.
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    state = torch.get_rng_state()
    again, weights_again = train(TINY)
    assert torch.equal(torch.get_rng_state(), state), "and training leaves the common source alone"
    other, _ = train(TINY, seed=1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert (weights == weights_again).all()
    assert not any(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("transfer", [0.0, (0.0, 0.5)])
@pytest.mark.parametrize(("scale", "footprint", "fwhm"), [*FOOTPRINTS, (9.0, "area", None)])
def test_loss_falls(scale: float, footprint: str, fwhm: float | None, transfer: Any) -> None:
    """The loss of the whole image, with the left-out cells as inputs, before and after."""
    made = problem(scale, footprint, fwhm)
    scan = made.scan / made.scan.max()
    cells = cells_of(scan, made.photo, made.U, inputs=("leave-out", "leave-out"))
    batch = everything(cells, 1.0)
    losses = []
    for steps in (1, 120):
        config = TrainingConfig(K=2, M=16, steps=steps, pixels=2000, transfer=transfer, mixing=0.5)
        network = pretrain(scan, made.photo, made.U, made.usable, config, device=CPU, progress=False).generator
        losses.append(pretraining_loss(network(batch.x), batch, config.alpha_1).detach().numpy())
    assert (losses[1] < 0.85 * losses[0]).all()


def test_the_network_learns_from_the_photo() -> None:
    """Where colour decides the maps it beats, without being told the fine maps, the best that the scan alone can do."""
    U = operator(4, shape=(10, 12))
    scan, photo = painting(U)
    mixing = np.linalg.lstsq(U(photo).reshape(3, -1).T, scan.reshape(2, -1).T, rcond=None)[0].T
    truth = np.einsum("lb,byx->lyx", mixing, photo)
    made = Problem.of(scan, photo, U, ("Ca-K", "Fe-K"), np.array([True, True]))
    model = fit(made, device="cpu", progress=False, config=TrainingConfig(K=3, M=32, steps=150, pixels=1024))
    found = model.predict(made.scan, made.photo, U, "cpu")
    floor = krige(scan, U)
    assert ((found - truth) ** 2).mean() < 0.5 * ((floor - truth) ** 2).mean()


def test_prediction_is_the_weighted_mean_of_members_and_floor() -> None:
    made = problem(2.5)
    model = fit(made, device="cpu", progress=False, config=TINY)

    def predicted(*weights: float) -> Array:
        column = np.array(weights, dtype=np.float32)[:, None].repeat(2, axis=1)
        return replace(model, weights=column).predict(made.scan, made.photo, made.U, "cpu")

    first, second, floor = predicted(1, 0, 0), predicted(0, 1, 0), predicted(0, 0, 1)
    np.testing.assert_allclose(floor, krige(made.scan, made.U), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(predicted(0.5, 0.2, 0.3), 0.5 * first + 0.2 * second + 0.3 * floor, rtol=1e-4, atol=1e-4)
    # A member is the network on its own input, scaled to the peak and back.
    scaled = made.scan / model.peak[:, None, None]
    inputs = network_inputs(scaled, made.U, TINY.inputs, made.U.spreading(correlation_length(made.U)))
    x = torch.tensor(np.concatenate([inputs, np.stack([made.photo] * 2)], axis=1)).flatten(2).mT.contiguous()
    member = model.generator(x).detach().numpy()[0, :, :2].T.reshape(2, *made.U.fine.shape) * model.peak[:, None, None]
    np.testing.assert_allclose(first, member, rtol=1e-4, atol=1e-4)


def test_what_was_not_measured_has_no_influence() -> None:
    """Problem fills gaps from their surroundings, so a network trained on it cannot know what was there."""
    gaps = (slice(None), slice(2, 4), slice(5, 9))
    made = problem(scan=gaps)
    assert not made.usable[gaps].any()
    assert np.isfinite(made.scan).all()
    scan, photo = painting(made.U)
    scan[gaps] = 1e6
    measured = np.where(made.usable, 50 * scan, np.nan)
    again = Problem.of(measured, photo, made.U, made.lines, np.array([True, True]))
    np.testing.assert_array_equal(again.scan, made.scan)
    # The nearest measured value, so filling adds no new ones.
    assert set(made.scan[gaps].ravel().tolist()) <= set(made.scan[made.usable].tolist())


def test_a_photo_that_shows_no_whole_cell_is_refused() -> None:
    """Every cell has one fine pixel that the photo does not show."""
    with pytest.raises(InvalidInput, match="photo"):
        fit(problem(photo=(slice(None), slice(None, None, 4), slice(None, None, 4))), device="cpu", config=TINY)


def test_cells_that_the_photo_does_not_show_are_left_out() -> None:
    """What the scan says where the photo has a hole is no target."""
    hole = np.zeros((3, 36, 40), bool)
    hole[:, ::4, ::4] = True
    hole[:, :24, :] = False  # 30 of the 90 cells have a hole
    made = problem(photo=hole)
    assert made.teaching.any(axis=0).sum() == 60
    changed = replace(made, scan=np.where(made.teaching, made.scan, 7.0 + 0 * made.scan))
    # The same input, so that the targets alone differ.
    models = []
    for targets in (made, changed):
        cells = cells_of(made.scan, made.photo, made.U, targets.teaching, inputs=("leave-out",))
        cells = replace(cells, target=torch.as_tensor(targets.scan.reshape(2, -1).T.copy()))
        models.append(cells.batch(cells.draw(4000, torch.Generator().manual_seed(0)), torch.zeros(1, 4000)))
    assert torch.equal(models[0].target * models[0].usable, models[1].target * models[1].usable)
    assert models[0].usable.any(dim=1).all()
    with pytest.warns(UserWarning, match="too few measured pixels"):
        fit(made, device="cpu", progress=False, config=TINY)


def test_weights_follow_the_better_predictor() -> None:
    """A network that returns nonsense loses its say to the floor, map by map."""
    U = operator(2, shape=(20, 20))
    rng = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(rng.standard_normal((2, 20, 20)), axis=1), axis=2)
    scan = (smooth / np.ptp(smooth)).astype(np.float32)
    cells = cells_of(scan, rng.random((3, 40, 40), dtype=np.float32), U, inputs=("leave-out", "leave-out"))
    network = network_of()
    with torch.no_grad():
        network.threshold_out[:] = 5.0
    held_out = torch.arange(0, 400, 4)
    weights, judged = weigh(network, cells, held_out)
    np.testing.assert_allclose(weights, [[0, 0], [0, 0], [1, 1]], atol=0.02)
    assert judged.tolist() == [True, True]
    # Too few to judge by: no trust without evidence.
    measured = torch.ones_like(cells.usable)
    measured[held_out[10:], 1] = 0
    weights, judged = weigh(network, replace(cells, usable=measured), held_out)
    assert weights[:, 1].tolist() == [0, 0, 1]
    assert judged.tolist() == [True, False]
    # Nobody asked for a verdict: the plain mean of the members.
    weights, judged = weigh(network, cells, held_out[:0])
    assert weights.T.tolist() == [[0.5, 0.5, 0]] * 2
    assert judged.tolist() == [False, False]


def test_floor_prediction_in_weights_is_the_kriging_without_the_cell() -> None:
    """A network that returns the left-out kriging and errs besides has nothing to add to it."""
    U = operator(2, shape=(16, 16))
    scan, photo = painting(U)
    cells = cells_of(scan, photo, U, inputs=("leave-out",))

    class Shifted(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 0.2

    # Were the floor off to the other side of the target, the two would share the weight.
    assert (weigh(Shifted(), cells, torch.arange(0, 256, 2))[0][1] > 0.95).all()  # type: ignore[arg-type]
    batch = everything(cells, 1.0)
    passed = torch.einsum("cp,cpb->cb", batch.weight, batch.x[0].reshape(256, -1, 5)[..., :2])
    torch.testing.assert_close(passed, batch.target - cells.influence, atol=1e-5, rtol=0)


@given(
    errors=st.lists(st.lists(st.floats(-3, 3), min_size=6, max_size=6), min_size=1, max_size=4),
    seed=st.integers(0, 9),
)
def test_simplex_weights_beat_every_single_candidate(errors: list[list[float]], seed: int) -> None:
    truth = np.random.default_rng(seed).random(6)
    candidates = truth + np.array(errors)
    weights = simplex_weights(candidates, truth)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    best = min(((candidate - truth) ** 2).sum() for candidate in candidates)
    assert ((weights @ candidates - truth) ** 2).sum() <= best + 1e-3 * max(1.0, np.abs(errors).max() ** 2)


def test_settings_are_checked_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        TrainingConfig(K=0, M=True, steps=1.5, learning_rate=float("nan"), inputs=("nearest",), transfer=(1.0, 2.0))
    assert len(caught.value.faults) == 6
    for part in ("K is 0", "M is True", "steps is 1.5", "learning_rate is nan", "nearest", "transfer"):
        assert part in str(caught.value)
    for bad in ({"mixing": 1.5}, {"held_out": 0.9}, {"alpha_1": -1}, {"inputs": ()}):
        with pytest.raises(InvalidInput, match=next(iter(bad))):
            TrainingConfig().override(**bad)


def test_settings_survive_json() -> None:
    config = TrainingConfig(inputs=("bilinear", "leave-out", "leave-out"), transfer=(0.0, 0.1, 0.2), K=3)
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert TrainingConfig(transfer=0.5).transfers == (0.5, 0.5)


def test_settings_are_taken_for_what_they_mean() -> None:
    meant = TrainingConfig(K=3, inputs=("bilinear",), transfer=0.5)
    assert TrainingConfig(K=np.int64(3), inputs="bilinear", transfer=np.float64(0.5)) == meant
    assert TrainingConfig(K=3, inputs=["bilinear"], transfer=[0.5]).transfers == (0.5,)


@pytest.mark.parametrize("wrong", [{"inputs": 5}, {"inputs": "nearest"}, {"zero_blocks": "no"}, {"held_out": 0.7}])
def test_settings_of_a_wrong_kind_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        TrainingConfig(**wrong)

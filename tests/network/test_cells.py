"""Coarse cells as training data: the contents of a batch, and that it is a fair sample of the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small import CPU, FOOTPRINTS, Array, operator, painting

from xrfsr.core.grid import Axis, Grid
from xrfsr.kriging.simple import krige
from xrfsr.network.cells import Batch, CellDataset, PixelLayout, network_inputs
from xrfsr.network.generator import Architecture, Generator
from xrfsr.network.losses import pretraining_loss
from xrfsr.operators import Downsampling, linear_matrix


def cells_of(
    scan: Array, photo: Array, U: Downsampling, measured: Array | None = None, inputs: Any = ("bilinear", "leave-out")
) -> CellDataset:
    measured = np.ones(scan.shape, bool) if measured is None else measured
    return CellDataset.of(scan, photo, U, measured, inputs, CPU)


def network_of(members: int = 2, lines: int = 2, seed: int = 0) -> Generator:
    return Generator(Architecture(B=lines, K=2, M=8, members=members), torch.Generator().manual_seed(seed))


def everything(cells: CellDataset, share: float = 0.0) -> Batch:
    number = torch.arange(len(cells.target))
    return cells.batch(number, torch.full((len(cells.table_index), len(number)), share))


def image(table: torch.Tensor, layout: PixelLayout) -> Array:
    """Convert the rows of a table to an image (channel, y, x)."""
    return np.moveaxis(table.numpy()[layout.rows[:, None] + layout.columns], -1, 0)


def whole_image_loss(
    network: Generator, scan: Array, photo: Array, U: Downsampling, measured: Array, inputs: Any, alpha_1: float
) -> Array:
    """Eq. 11 without batches: L(Y↓, Ŷ U) + α₁ L(Z, Ẑ), for every member."""
    losses = []
    made = network_inputs(scan, U, inputs)
    upscaled = np.stack([made[kind] for kind in inputs])
    x = torch.tensor(np.concatenate([upscaled, np.broadcast_to(photo, (len(inputs), *photo.shape))], axis=1))
    with torch.no_grad():
        output = network(x.flatten(2).mT.contiguous()).mT.reshape(x.shape).numpy().astype(np.float64)
    for made in output:
        misfit = U(made[: len(scan)]) - scan
        losses.append((misfit[measured] ** 2).mean() + alpha_1 * ((made[len(scan) :] - photo) ** 2).mean())
    return np.array(losses)


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
    assert np.std(one_by_one, axis=0).min() > 0.1 * expected.min(), "cells differ, so the test is meaningful"


@pytest.mark.parametrize(("scale", "footprint", "fwhm"), FOOTPRINTS)
def test_all_cells_together_see_the_scan_through_u(scale: float, footprint: str, fwhm: float | None) -> None:
    U = operator(scale, footprint, fwhm)
    scan, photo = painting(U)
    measured = np.random.default_rng(3).random(scan.shape) > 0.3
    network, batch = network_of(), everything(cells_of(scan, photo, U, measured))
    found = pretraining_loss(network(batch.x), batch, 0.0).detach()
    expected = whole_image_loss(network, scan, photo, U, measured, ("bilinear", "leave-out"), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(batch.weight.sum(dim=1), 1.0, rtol=1e-6)


def test_every_cell_with_a_measured_value_is_as_likely_as_another() -> None:
    U = operator(2)
    scan, photo = painting(U)
    measured = np.ones(scan.shape, bool)
    measured[:, 2:5, 3] = False
    measured[0, 7] = False  # the other map is measured there
    cells = cells_of(scan, photo, U, measured)
    expected = measured.any(axis=0).ravel()
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

    length = U.correlation_length
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
            seen = without.x[0].reshape(64, -1, 6)[cell, shown, line]
            np.testing.assert_allclose(seen, refit[own], atol=2e-5)
            np.testing.assert_allclose(without.weight[cell][shown], matrix[cell][own], rtol=1e-5)


def test_bilinear_input_is_that_of_the_paper_whatever_is_left_out() -> None:
    U = operator(2.5)
    scan, photo = painting(U)
    cells = cells_of(scan, photo, U)
    y, x = linear_matrix(U.coarse.y, U.fine.y).toarray(), linear_matrix(U.coarse.x, U.fine.x).toarray()
    bilinear, kriging = (image(table, cells.layouts[0]) for table in cells.tables)
    np.testing.assert_allclose(bilinear[:2], np.einsum("yi,lij,xj->lyx", y, scan, x), atol=1e-6)
    assert torch.equal(everything(cells, 0.0).x[0], everything(cells, 1.0).x[0])
    np.testing.assert_allclose(kriging[:2], krige(scan, U), atol=1e-6)
    for table in (bilinear, kriging):
        np.testing.assert_array_equal(table[2:5], photo)
        assert (table[5] == 1).all()


def test_unmeasured_values_are_no_targets() -> None:
    U = operator(2)
    scan, photo = painting(U)
    measured = np.ones(scan.shape, bool)
    measured[0, 3:6, 2:5] = False
    cells = cells_of(scan, photo, U, measured)
    batch, network = everything(cells), network_of()
    before = pretraining_loss(network(batch.x), batch, 0.0)
    hidden = batch.measured == 0
    assert int(hidden.sum()) == 9
    changed = Batch(batch.x, batch.weight, batch.target + 1e3 * hidden, batch.measured)
    assert torch.equal(pretraining_loss(network(batch.x), changed, 0.0), before)
    shown = Batch(batch.x, batch.weight, batch.target + 1e-2 * ~hidden, batch.measured)
    assert not torch.equal(pretraining_loss(network(batch.x), shown, 0.0), before)


def test_held_out_cells_are_never_drawn() -> None:
    U = operator(2)
    whole = cells_of(*painting(U), U, inputs=("leave-out",))
    random = torch.Generator().manual_seed(1)
    trained, held_out = whole.split(0.2, random)
    # A fifth of 90 cells would be too few, so a quarter is held out.
    assert len(held_out) == len(whole.drawable) // 4
    assert len(whole.drawable) == 90
    drawn = trained.draw(5000, random)
    assert set(drawn.tolist()) == set(range(90)) - set(held_out.tolist())
    # No cell is held out if the input of a member contains it.
    assert len(cells_of(*painting(U), U, inputs=("leave-out", "bilinear")).split(0.2, random)[1]) == 0


@pytest.mark.parametrize("directions", [(1, 1), (-1, 1), (1, -1)])
@pytest.mark.parametrize("scale", [2, 4, 2.5, 1.7])
def test_pixels_stand_in_memory_cell_by_cell_where_they_can(scale: float, directions: tuple[int, int]) -> None:
    coarse = Grid(Axis(6, directions[0] * 1.0, 3.0), Axis(8, directions[1] * 1.0, -2.0))
    U = Downsampling.between(coarse.refine(scale), coarse)
    layout = PixelLayout.of(U)
    place = layout.rows[:, None] + layout.columns
    assert sorted(place.ravel().tolist()) == list(range(place.size)), "every pixel has a place of its own"
    if float(scale).is_integer():
        block = place.reshape(6, scale, 8, scale).swapaxes(1, 2).reshape(48, -1)
        assert (block.max(axis=1) - block.min(axis=1) == scale**2 - 1).all()
    stack = np.random.default_rng(0).random((3, *place.shape), dtype=np.float32)
    np.testing.assert_array_equal(image(layout.arrange(stack, CPU), layout), stack)


def test_members_with_the_same_input_share_its_memory() -> None:
    U = operator(2)
    cells = cells_of(*painting(U), U, inputs=("leave-out", "bilinear", "leave-out"))
    assert len(cells.tables) == 2
    assert cells.table_index == (0, 1, 0)
    part = cells.select_members(slice(1, 3))
    assert (part.table_index, part.left_out) == ((1, 0), (False, True))
    share = torch.rand(3, 90)
    torch.testing.assert_close(
        part.batch(torch.arange(90), share[1:]).x, cells.batch(torch.arange(90), share).x[1:], rtol=0, atol=0
    )


def test_blocks_hold_every_drawable_cell_once() -> None:
    U = operator(4, shape=(40, 50))
    scan, photo = painting(U)
    measured = np.random.default_rng(0).random(scan.shape) > 0.6
    cells = cells_of(scan, photo, U, measured)
    blocks = list(cells.blocks())
    assert len(blocks) > 1
    assert torch.equal(torch.cat(blocks), cells.drawable)


def test_scale_transfer_shows_known_pixels_one_scale_down() -> None:
    """Every fine pixel of the coarser problem is a cell of its own, whose value is known."""
    U = operator(2, shape=(8, 10))
    scan, photo = painting(U)
    fine = np.random.default_rng(0).random((2, *U.fine.shape), dtype=np.float32)
    measured = np.ones(fine.shape, bool)
    measured[:, 3, 4] = False
    below = cells_of(scan, photo, U, inputs=("leave-out",)).as_pixels(fine, measured)
    assert below.width == 1
    assert len(below.drawable) == fine[0].size - 1
    batch = everything(below, 1.0)
    np.testing.assert_array_equal(batch.target.numpy().T.reshape(fine.shape), fine)
    np.testing.assert_array_equal(batch.x[0, :, :2].numpy().T.reshape(fine.shape), krige(scan, U).astype(np.float32))
    np.testing.assert_array_equal(batch.x[0, :, 2:5].numpy().T.reshape(photo.shape), photo)

"""Views of the photo, the input of the members from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d
from small import fit, problem, reconstruct

from xrfsr.network.cells import CellDataset
from xrfsr.network.config import VIEWS, TrainingConfig
from xrfsr.network.photo_views import photo_views

Array = NDArray[Any]


@pytest.fixture
def photo() -> Array:
    return np.random.default_rng(0).random((3, 48, 40)).astype(np.float32)


def test_bands_come_first_by_the_first_width(photo: Array) -> None:
    made = photo_views(photo, ("soft", "sharp", "soft", "pixel"))
    assert list(made) == ["soft", "sharp", "pixel"]
    np.testing.assert_array_equal(made["pixel"], photo)
    np.testing.assert_array_equal(made["sharp"][:3], photo)
    assert {len(view) for name, view in made.items() if name != "pixel"} == {9}


def test_a_view_is_smoothed_by_a_gaussian(photo: Array) -> None:
    soft = photo_views(photo, ("soft",))["soft"]
    position = np.arange(-3, 4)
    kernel = np.exp(-(position**2) / (2 * VIEWS["soft"][0] ** 2))
    kernel /= kernel.sum()
    expected = convolve2d(photo[1], np.outer(kernel, kernel), mode="valid")
    np.testing.assert_allclose(soft[1, 3:-3, 3:-3], expected, atol=1e-5)


def test_tables_hold_every_pair_of_input_and_view_once() -> None:
    made = problem()
    inputs = ("leave-out", "leave-out", "bilinear", "leave-out")
    views = ("sharp", "soft", "soft", "sharp")
    arguments = (made.scan, made.photo, made.U, made.training_mask, inputs, torch.device("cpu"))
    cells = CellDataset.of(*arguments, views)
    assert cells.table_index == (0, 1, 2, 0)
    shown = photo_views(made.photo, views)
    place = cells.layouts[0].rows[:, None] + cells.layouts[0].columns
    for table, view in zip(cells.tables, ("sharp", "soft", "soft"), strict=True):
        expected = np.moveaxis(shown[view], 0, -1)
        np.testing.assert_array_equal(table[place][..., len(made.scan) : -1].numpy(), expected)


def test_training_and_prediction_see_the_same() -> None:
    """Prediction of the whole image equals the network's output on the tables of its training."""
    made = problem()
    model = fit([made], device="cpu", progress=False, K=2, M=8, steps=4, pixels=256, held_out=0.0, along_photo=False)
    peak = model.peak[:, None, None]
    arguments = (made.scan / peak, made.photo, made.U, made.training_mask, model.config.inputs)
    cells = CellDataset.of(*arguments, torch.device("cpu"), model.config.member_views)
    with torch.no_grad():
        x = torch.stack([cells.tables[kind] for kind in cells.table_index])
        model.generator.product_dtype = None
        found = model.generator(x)[..., : len(made.scan)].mean(dim=0).numpy()
    place = cells.layouts[0].rows[:, None] + cells.layouts[0].columns
    expected = np.moveaxis(found[place], -1, 0) * peak
    np.testing.assert_allclose(model.predict(made.scan, made.photo, made.U, "cpu"), expected, rtol=1e-3, atol=1e-3)


def test_surroundings_reach_the_result() -> None:
    """A change five pixels away changes a pixel of the network's estimate with a wide view only."""
    made = problem()
    moved = made.photo.copy()
    moved[:, :4, :4] = 1 - moved[:, :4, :4]
    quick: dict[str, Any] = {"device": "cpu", "progress": False, "K": 2, "M": 8, "steps": 30, "pixels": 256}
    for views, reaches in (("pixel", False), ("sharp", True)):
        model = fit([made], **quick, views=views, along_photo=False, held_out=0.0)
        one, other = (model.predict(made.scan, photo, made.U, "cpu") for photo in (made.photo, moved))
        assert (np.abs(one - other)[:, 5, 5] > 0).all() == reaches


def test_the_paper_sees_the_pixel_alone() -> None:
    paper = TrainingConfig.preset("paper")
    assert paper.photo_channels(3) == 3
    made = problem()
    result = reconstruct("unfolding", made, preset="paper", K=2, M=8, steps=2, adversarial_steps=0, pixels=256)
    assert np.isfinite(result.maps).all()

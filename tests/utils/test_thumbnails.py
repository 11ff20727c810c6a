"""Small pictures: the colours of the values, missing pixels transparent, and never many characters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import pixels_of

from xrfsr.utils.thumbnails import fit_box, map_uri, photo_uri, shrink


def test_maps_have_the_colours_of_magma() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    shown = pixels_of(map_uri(np.linspace(0, 1, 200).reshape(10, 20), 10_000))[..., :3].astype(int)
    expected = matplotlib.colormaps["magma"](np.linspace(0, 1, 200).reshape(10, 20))[..., :3] * 255
    assert np.abs(shown - expected).max() < 8


def test_missing_pixels_are_transparent() -> None:
    values = np.arange(12.0).reshape(3, 4)
    values[1, 2] = np.nan
    photo = np.repeat(values[..., None] / 12, 3, axis=-1)
    for shown in (pixels_of(map_uri(values, 10_000)), pixels_of(photo_uri(photo, 10_000))):
        assert (shown[..., 3] == np.where(np.isnan(values), 0, 255)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -3.0, 1e30])
def test_maps_of_one_value_are_shown(value: float) -> None:
    assert pixels_of(map_uri(np.full((3, 4), value), 10_000)).shape == (3, 4, 4)


@pytest.mark.parametrize("most", [3_000, 30_000])
def test_noise_has_no_more_characters_than_allowed(most: int) -> None:
    noise = np.random.default_rng(0).random((200, 230, 3))
    for uri in (map_uri(noise[..., 0], most), photo_uri(noise, most)):
        assert len(uri) <= most
        height, width, _ = pixels_of(uri).shape
        assert width / height == pytest.approx(1.15, rel=0.1)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
def test_shrinking_keeps_the_mean_of_whole_blocks(rows: int, columns: int, side: int) -> None:
    step = -(-max(rows, columns) // side)
    values = np.random.default_rng(0).random((2, rows, columns))
    small = shrink(values, side)
    assert max(small.shape[1:]) <= side
    assert small[1, 0, 0] == pytest.approx(values[1, :step, :step].mean(), rel=1e-5)


def test_narrow_pictures_can_be_seen() -> None:
    assert min(fit_box((1.0, 500.0), (100, 200))) >= 4
    assert fit_box((50.0, 100.0), (100, 400)) == (200.0, 100.0)

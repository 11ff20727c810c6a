"""The grid with 4 × 4 cells in every pixel of a scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrfsr.core.grid import Axis, Grid
from xrfsr.operators import Downsampling
from xrfsr.operators.subdivision import Subdivision


def operator(scale: float, shape: tuple[int, int] = (9, 11), step: float = 1.0, **beam: Any) -> Downsampling:
    coarse = Grid(Axis(shape[0], step, 3.0), Axis(shape[1], abs(step), 0.5))
    return Downsampling.between(coarse.refine(scale), coarse, **beam)


@settings(max_examples=25)
@given(st.sampled_from([2, 3, 4, 5, 6, 8]), st.sampled_from([1.0, -1.0, 0.25]), st.integers(0, 3))
def test_means_over_pixels_are_kept_both_ways(scale: float, step: float, seed: int) -> None:
    U = operator(scale, step=step)
    maps = np.random.default_rng(seed).standard_normal((2, *U.fine.shape))
    made = Subdivision.of(U, 4)
    cells = made.cells(maps)
    assert cells.shape == (2, 36, 44)
    np.testing.assert_allclose(cells.reshape(2, 9, 4, 11, 4).mean(axis=(2, 4)), U(maps), atol=1e-9)
    np.testing.assert_allclose(U(made.fine(cells)), U(maps), atol=1e-9)


@settings(max_examples=25)
@given(st.floats(1.3, 9.0), st.sampled_from([1.0, -1.0, 0.25]))
def test_smooth_maps_survive_both_ways_at_any_ratio(scale: float, step: float) -> None:
    U = operator(scale, (16, 16), step)
    y, x = np.meshgrid(U.fine.y.centres, U.fine.x.centres, indexing="ij")
    maps = np.sin(y / abs(step) / 3) + np.cos(x / abs(step) / 4)
    made = Subdivision.of(U, 4)
    np.testing.assert_allclose(made.fine(made.cells(maps)), maps, atol=0.12)


def test_at_the_same_ratio_nothing_is_changed() -> None:
    U = operator(4)
    maps = np.random.default_rng(0).random((1, *U.fine.shape)).astype(np.float32)
    made = Subdivision.of(U, 4)
    assert np.array_equal(made.cells(maps), maps)
    assert np.array_equal(made.fine(maps), maps)


@pytest.mark.parametrize("scale", [2.0, 2.5, 3.0, 6.0, 8.0])
def test_a_constant_stays_one(scale: float) -> None:
    U = operator(scale)
    made = Subdivision.of(U, 4)
    np.testing.assert_allclose(made.cells(np.ones(U.fine.shape)), 1, atol=0.05)  # kriging, whose mean is zero
    np.testing.assert_allclose(made.fine(np.ones((36, 44))), 1, atol=0.05)


@pytest.mark.parametrize("scale", [4.0, 2.5])
def test_fine_pixels_that_only_a_beam_sees_are_left_alone(scale: float) -> None:
    U = operator(scale, footprint="gaussian", fwhm=1.0)
    part = U.crop(slice(3, 6), slice(4, 8)).U
    made = Subdivision.of(part, 4)
    cells = made.cells(np.ones(part.fine.shape))
    assert cells.shape == (12, 16)
    fine = made.fine(np.ones((12, 16)))
    assert fine.shape == part.fine.shape
    assert fine[0, 0] == 0
    assert np.isclose(fine[fine.shape[0] // 2, fine.shape[1] // 2], 1, atol=0.05)

"""Resampling of an image that was moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrfsr.core.grid import Axis
from xrfsr.operators.footprints import footprint_matrix
from xrfsr.operators.moving import moved_matrix


@given(st.integers(4, 12), st.sampled_from([-0.5, 0.25, 2.0]), st.integers(-3, 3))
def test_whole_pixels_are_counted(size: int, step: float, pixels: int) -> None:
    axis = Axis(size, step, 1.5)
    values = np.random.default_rng(size).random(size)
    expected = values[np.clip(np.arange(size) - pixels, 0, size - 1)]
    np.testing.assert_allclose(moved_matrix(axis, axis, pixels * step) @ values, expected, atol=1e-12)


@given(st.floats(-2, 2), st.sampled_from([1.0, 0.3, 0.125]))
def test_weights_sum_to_one(shift: float, step: float) -> None:
    source, target = Axis(round(16 / step), step, step / 2), Axis(16, 1.0, 0.5)
    np.testing.assert_allclose(moved_matrix(source, target, shift).sum(axis=1), 1, atol=1e-12)


@given(st.floats(-1.5, 1.5), st.floats(4, 40), st.floats(0, 6))
def test_a_moved_wave_is_as_high_as_before(shift: float, period: float, phase: float) -> None:
    axis = Axis(24, 1.0, 0.0)
    made = moved_matrix(axis, axis, shift) @ np.sin(2 * np.pi * axis.centres / period + phase)
    expected = np.sin(2 * np.pi * (axis.centres - shift) / period + phase)
    inner = slice(5, -5)
    np.testing.assert_allclose(made[inner], expected[inner], atol=0.03)


@pytest.mark.parametrize("shift", [0.7, -1.1])
def test_finer_pixels_are_averaged_under_the_area_of_the_new_ones(shift: float) -> None:
    source, target = Axis(120, 0.1, 0.05), Axis(12, 1.0, 0.5)
    values = np.random.default_rng(0).random(120)
    # Within the image, an average over the same image at the coordinates it has after the move.
    moved = Axis(120, 0.1, 0.05 + shift)
    inside = Axis(8, 1.0, 2.5)
    expected = footprint_matrix(moved, inside) @ values
    np.testing.assert_allclose((moved_matrix(source, target, shift) @ values)[2:10], expected, atol=1e-9)

"""Maps as text: what comes back is what was stored, to within half a step."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from xrfsr.report.encoding import LARGEST, LEVELS, decoded, encoded, nice_step

VALUES = st.floats(-1e4, 1e4, width=32) | st.just(np.nan)


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=VALUES))
def test_maps_come_back_within_half_a_step(values: np.ndarray) -> None:
    known = np.abs(values[np.isfinite(values)])
    step = nice_step(100.0, float(known.max(initial=0.0)))
    made = decoded(encoded(values, step), values.shape)
    assert np.array_equal(np.isnan(made), np.isnan(values))
    assert np.abs(np.nan_to_num(made) - np.nan_to_num(values)).max() <= step / 2 * (1 + 1e-5)


@given(st.floats(1e-20, 1e20), st.floats(0, 1e20))
def test_steps_are_fine_round_and_fit(span: float, largest: float) -> None:
    step = nice_step(span, largest)
    assert largest / step <= LARGEST * (1 + 1e-9)
    assert f"{step:.6e}"[0] in "125"
    assert set(f"{step:.6e}"[2:8]) == {"0"}
    if largest <= span:
        assert span / LEVELS / 2.5 * (1 - 1e-9) <= step <= span / LEVELS * (1 + 1e-9)


def test_smooth_maps_take_less_than_a_byte_a_pixel() -> None:
    y, x = np.mgrid[:128, :128]
    values = (1000 * np.sin(y / 20) * np.cos(x / 15) + np.random.default_rng(0).normal(0, 5, (128, 128))).astype("f4")
    assert len(encoded(values, nice_step(2000.0, 1000.0)).data) < 0.7 * values.size


def test_infinite_values_are_missing() -> None:
    assert np.isnan(decoded(encoded(np.array([[np.inf, 1.0]], np.float32), 1.0), (1, 2))[0, 0])


@pytest.mark.parametrize("shape", [(1, 1), (3, 5)])
def test_the_stored_bytes_are_two_planes(shape: tuple[int, int]) -> None:
    assert len(zlib.decompress(encoded(np.ones(shape, np.float32), 0.5).data)) == 2 * shape[0] * shape[1]

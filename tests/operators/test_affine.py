"""Resampling of an image that was moved, turned, stretched or sheared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid
from xrfsr.operators import apply_separable
from xrfsr.operators.affine import resample_affine
from xrfsr.operators.moving import moved_matrix

Array = NDArray[np.float64]
small = st.floats(-0.1, 0.1)


@given(small, small, small, small, st.floats(-1, 1), st.sampled_from([1.0, -1.0]))
def test_a_smooth_picture_has_its_values_at_the_new_places(
    a: float, b: float, c: float, d: float, shift: float, step: float
) -> None:
    grid = Grid(Axis(24, step, -11.5 * step), Axis(20, 1.0, -9.5))

    def value(y: Array, x: Array) -> Array:
        return np.asarray(np.sin(0.5 * y + 0.2) * np.cos(0.7 * x))

    matrix, offset = np.array([[1 + a, b], [c, 1 + d]]), np.array([shift, -shift])
    y, x = np.meshgrid(grid.y.centres, grid.x.centres, indexing="ij")
    there = np.einsum("ij,jyx->iyx", matrix, np.stack([y, x])) + offset[:, None, None]
    inner = (slice(7, -7), slice(7, -7))
    made = resample_affine(value(y, x)[None], grid, grid, matrix, offset)[0]
    np.testing.assert_allclose(made[inner], value(*there)[inner], atol=0.03)


@pytest.mark.parametrize("step", [1.0, 0.25, 0.3])
def test_a_shift_is_that_of_the_separable_matrices(step: float) -> None:
    size = round(12 / step)
    source, target = Grid(*[Axis(size, step, step / 2)] * 2), Grid(*[Axis(12, 1.0, 0.5)] * 2)
    y, x = np.meshgrid(source.y.centres, source.x.centres, indexing="ij")
    picture = (np.sin(0.5 * y) + np.cos(0.6 * x))[None]
    shift = 0.4, -0.7
    down, across = (
        moved_matrix(s, t, d) for s, t, d in zip((source.y, source.x), (target.y, target.x), shift, strict=True)
    )
    made = resample_affine(picture, source, target, np.eye(2), -np.array(shift))
    inner = (slice(None), slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(
        made[inner], apply_separable(down, across, picture)[inner], atol=1e-9 if step == 1 else 0.02
    )


def test_the_outermost_values_are_repeated() -> None:
    grid = Grid.from_shape((8, 8), 1.0)
    picture = np.random.default_rng(0).random((2, 8, 8))
    made = resample_affine(picture, grid, grid, np.eye(2), np.array([-20.0, 0.0]))
    np.testing.assert_allclose(made, np.broadcast_to(picture[:, :1], made.shape), atol=1e-12)

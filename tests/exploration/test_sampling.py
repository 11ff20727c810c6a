"""Pixels within a window: the right ones, the right way up, averaged over blocks; of lazy maps no others."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xrfsr.core.coordinates import grid_coords
from xrfsr.core.grid import Axis, Grid
from xrfsr.exploration.sampling import Window, sample


def maps_on(grid: Grid) -> xr.DataArray:
    values = np.random.default_rng(0).random((2, *grid.shape), np.float32)
    return xr.DataArray(values, grid_coords(grid), ("band", "y", "x"))


@settings(max_examples=40)
@given(
    st.tuples(st.integers(2, 30), st.integers(2, 30)),
    st.tuples(st.sampled_from([1, -1]), st.sampled_from([1, -1])),
    st.integers(1, 12),
    st.integers(0, 2**30),
)
def test_every_pixel_has_the_mean_of_its_block(
    shape: tuple[int, int], ways: tuple[int, int], pixels: int, seed: int
) -> None:
    grid = Grid(Axis(shape[0], 0.5 * ways[0], 3.0), Axis(shape[1], 0.25 * ways[1], -1.0))
    maps = maps_on(grid)
    found = sample({"a": maps}, grid, Window.of(grid), pixels)
    assert found is not None
    assert found.step == max(1, -(-max(shape) // pixels))
    assert max(found.maps["a"].shape[-2:]) <= pixels or found.step == 1
    row, column = (seed % size for size in shape)
    block = maps.values[
        :,
        (first := row // found.step * found.step) : first + found.step,
        (left := column // found.step * found.step) : left + found.step,
    ]
    at = found.at(float(maps.y[row]), float(maps.x[column]))
    np.testing.assert_allclose(at["a"], block.mean(axis=(1, 2)), rtol=1e-5)


def test_a_part() -> None:
    grid = Grid.from_shape((20, 30), 1.0)
    found = sample({"a": maps_on(grid)}, grid, Window(4.2, 7.5, 10.0, 12.0))
    assert found is not None
    assert found.window == Window(4, 8, 10, 12)
    assert found.at(3.0, 11.0) == {}
    assert sample({"a": maps_on(grid)}, grid, Window(40, 50, 0, 5)) is None


def test_missing_pixels_are_left_out() -> None:
    grid = Grid.from_shape((4, 4), 1.0)
    maps = xr.DataArray(np.ones((4, 4), np.float32), grid_coords(grid), ("y", "x"))
    maps[0, 0], maps[:2, 2:] = np.nan, np.nan
    found = sample({"a": maps}, grid, Window.of(grid), 2)
    assert found is not None
    np.testing.assert_array_equal(found.maps["a"], [[1, np.nan], [1, 1]])


def test_only_the_chunks_in_view_are_computed() -> None:
    dask = pytest.importorskip("dask.array")
    seen = set()

    def block(block_info: dict) -> np.ndarray:
        seen.add(block_info[None]["chunk-location"])
        return np.ones(block_info[None]["chunk-shape"], np.float32)

    grid = Grid.from_shape((40, 40), 1.0)
    data = dask.map_blocks(block, chunks=((10,) * 4, (10,) * 4), dtype=np.float32, meta=np.empty((0, 0), np.float32))
    maps = xr.DataArray(data, grid_coords(grid), ("y", "x"))
    assert sample({"a": maps}, grid, Window(11, 19, 21, 29)) is not None
    assert seen == {(1, 2)}

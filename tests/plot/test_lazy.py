"""Of lazy maps only what is shown is computed, chunk by chunk, and once."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from xrfsr.core.grid import Grid
from xrfsr.core.scan import scan_coords
from xrfsr.plot.pixels import AMONG

pytest.importorskip("matplotlib")

SIDE, CHUNK = 2400, 600


@pytest.fixture
def computed() -> list[Any]:
    return []


@pytest.fixture
def large(computed: list[Any]) -> xr.Dataset:
    """Return three maps of 2400 × 2400 pixels, each chunk of which notes that it is computed."""

    def chunk(block_info: Any = None) -> np.ndarray:
        place = block_info[None]["chunk-location"]
        computed.append(place)
        shape = block_info[None]["chunk-shape"]
        return np.full(shape, 1.0 + sum(place), np.float32)

    chunks = ((1,) * 3, (CHUNK,) * 4, (CHUNK,) * 4)
    lazy = da.map_blocks(chunk, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0)))
    coords = scan_coords(["Ca-K", "Fe-K", "Pb-L"], Grid.from_shape((SIDE, SIDE), 0.1))
    maps = {name: (("line", "y", "x"), lazy, {"units": "count"}) for name in ("intensity", "uncertainty")}
    return xr.Dataset(maps, coords)


def test_only_the_line_that_is_shown_is_computed(large: xr.Dataset, computed: list[Any]) -> None:
    axes = large.xrfsr.plot("Fe")
    assert {place[0] for place in computed} == {1}
    assert len(computed) == 16
    (image,) = axes.get_images()
    assert AMONG <= image.get_array().shape[0] < 2 * AMONG
    assert axes.get_xlim() == pytest.approx((0, 0.1 * SIDE))
    left, right, bottom, top = image.get_extent()
    assert right >= 0.1 * SIDE - 1e-9
    # A pixel at the edge of the second chunk lies where it belongs.
    shown = image.get_array()
    row = int((0.1 * CHUNK + 0.3 - top) / (bottom - top) * shown.shape[0])
    assert [shown[row - 2, 0], shown[row, 0]] == [2, 3]
    assert left == pytest.approx(0)


def test_maps_are_computed_once(large: xr.Dataset, computed: list[Any]) -> None:
    large.xrfsr.plot()
    assert len(computed) == len(set(computed)) == 48


def test_a_profile_reads_the_chunks_below_it_and_a_thin_picture(large: xr.Dataset, computed: list[Any]) -> None:
    large.drop_vars("uncertainty").xrfsr.plot.profile((1, 1), (1, 50), lines=["Pb", "Ca"])
    assert {place[0] for place in computed} == {0, 2}
    assert sum(place[0] == 0 for place in computed) == 1  # the line that has no picture


def test_ratio_needs_two_lines(large: xr.Dataset, computed: list[Any]) -> None:
    large.drop_vars("uncertainty").xrfsr.plot.ratio("Ca", "Pb")
    assert {place[0] for place in computed} == {0, 2}
    assert len(computed) == len(set(computed)) == 32


def test_files_are_read_thinly(large: xr.Dataset, tmp_path: Any) -> None:
    part = large.isel(y=slice(0, 1600), x=slice(0, 1600))
    part.xrfsr.to_zarr(tmp_path / "maps.zarr")
    stored = xr.open_dataset(tmp_path / "maps.zarr", engine="zarr")
    axes = stored.xrfsr.plot("Ca")
    assert axes.get_images()[0].get_array().shape == (800, 800)
    assert not stored.intensity._in_memory

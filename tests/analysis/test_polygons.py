"""Polygons as masks: the pixels whose centres lie inside, whichever way y and x point."""

from __future__ import annotations

import numpy as np
import pint
import pytest
import xarray as xr
from grids import GRIDS, at, maps_on
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import assert_faults, faults_of, masked_scan, nothing_computed

from xrfsr.analysis import region
from xrfsr.core.grid import Grid

SHARES = st.floats(-0.3, 1.3)


def even_odd(grid: Grid, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which centres lie inside, by counting sides to the right of them, and how far each is from a side."""
    y, x = np.meshgrid(grid.y.centres, grid.x.centres, indexing="ij")
    inside, apart = np.zeros(y.shape, bool), np.full(y.shape, np.inf)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / np.where(crosses, y1 - y0, 1))
        squared = max((y1 - y0) ** 2 + (x1 - x0) ** 2, 1e-30)
        share = np.clip(((y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)) / squared, 0, 1)
        apart = np.minimum(apart, np.hypot(y - y0 - share * (y1 - y0), x - x0 - share * (x1 - x0)))
    return inside, apart


@settings(max_examples=30)
@given(GRIDS, st.lists(st.tuples(SHARES, SHARES), min_size=3, max_size=7))
def test_centres_inside_by_the_even_odd_rule(grid: Grid, shares: list[tuple[float, float]]) -> None:
    corners = at(grid, shares)
    inside, apart = even_odd(grid, corners)
    certain = apart > 1e-6
    if (inside & certain).any():
        np.testing.assert_array_equal(region(maps_on(grid), corners).values[certain], inside[certain])
    elif not (inside | ~certain).any():
        assert_faults(faults_of(region, maps_on(grid), corners), "the polygon must contain the centre of a pixel")


@settings(max_examples=20)
@given(GRIDS, st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_two_parts_are_the_whole_and_share_no_pixel(grid: Grid, top: float, bottom: float) -> None:
    """But for centres that lie on the cut to within rounding."""
    one = at(grid, [(-0.1, -0.1), (-0.1, top), (1.1, bottom), (1.1, -0.1)])
    other = at(grid, [(-0.1, top), (-0.1, 1.1), (1.1, 1.1), (1.1, bottom)])
    maps = maps_on(grid)
    parts = [region(maps, each) for each in (one, other) if not faults_there(maps, each)]
    certain = np.min([even_odd(grid, each)[1] for each in (one, other)], axis=0) > 1e-6
    np.testing.assert_array_equal(sum(part.values.astype(int) for part in parts)[certain], 1)


def faults_there(maps: xr.DataArray, corners: np.ndarray) -> bool:
    inside, apart = even_odd(maps.xrfsr.grid, corners)
    return not (inside | (apart < 1e-6)).any()


def test_a_mask_selects_what_it_shows_whichever_way_the_maps_are_stored() -> None:
    scan = masked_scan()
    corners = [(0, "0.5 mm"), ("1.25 mm", 0.5), (1.25, "2 mm"), (0, 2)]
    mask = scan.xrfsr.region(corners)
    assert mask.name == "region"
    assert mask.dtype == bool
    assert mask.values.tolist() == [[False, True, True, True, False, False]] * 2 + [[False] * 6] * 3
    for part in (scan.isel(y=slice(None, None, -1)), scan.isel(x=slice(None, None, -1)), scan.xrfsr.to_dataset()):
        xr.testing.assert_equal(part.xrfsr.region(corners), mask.sel(y=part.y, x=part.x))
    micrometres = scan.assign_coords({name: (name, 1000 * scan[name].values, {"units": "um"}) for name in ("y", "x")})
    np.testing.assert_array_equal(region(micrometres, corners), mask)
    assert micrometres.where(region(micrometres, corners)).sizes == scan.sizes
    lengths = [
        pint.application_registry.Quantity(corner, "mm") for corner in ([0, 0.5], [1.25, 0.5], [1.25, 2], [0, 2])
    ]
    np.testing.assert_array_equal(region(scan, lengths), mask)
    hole = mask & ~scan.xrfsr.region([(0, 1), (0, 1.5), (0.5, 1.5), (0.5, 1)])
    assert int(hole.sum()) == 5


def test_maps_are_not_read() -> None:
    with nothing_computed():
        mask = masked_scan().chunk(y=2).xrfsr.region([(0, 0), (0, 1), (1, 1), (1, 0)])
    assert int(mask.sum()) == 4


def test_every_corner_that_is_no_position_is_named() -> None:
    scan = masked_scan()
    assert_faults(
        faults_of(region, scan, [(0, 0), (0, "2 kg"), 5, (1, 2, 3), (np.nan, 1)]),
        "corner 2: corner is '2 kg'",
        "corner 3: corner must be a pair of lengths (y, x)",
        "corner 4: corner must be a pair",
        "corner 5: corner must be finite",
    )
    assert_faults(faults_of(region, scan, [(0, 0), (1, 1)]), "polygon must be at least three corners")
    unplaced = scan.drop_vars(["y", "x"])
    assert_faults(faults_of(region, unplaced, "round"), "no coordinate 'y'", "no coordinate 'x'", "got 'round'")
    assert_faults(
        faults_of(region, scan, [(0, 0), (0, 1), (1e9, 1)]), "corners must lie within 1e+08 pixels of the maps"
    )
    with pytest.raises(ValueError, match=r"its corners .* y 20 to 30"):
        region(scan, [(20, 0), (20, 2), (30, 2)])

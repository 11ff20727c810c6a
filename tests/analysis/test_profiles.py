"""Profiles: linear maps, mean and standard error across the width, gaps, edges, laziness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from grids import at, grids, maps_on
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scans import assert_faults, faults_of, masked_scan, nothing_computed

from xrfsr.analysis import profile
from xrfsr.analysis import profiles as module
from xrfsr.core.grid import Grid


@settings(max_examples=25)
@given(
    grids(7),  # a strip narrower than two pixels around a line two pixels from the edge stays between the centres
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    st.sampled_from([None, 0.1, 1.0]),
)
def test_a_linear_map_is_linear_along_any_line(
    grid: Grid, ends: list[float], slopes: list[float], width: float | None
) -> None:
    """Between the outermost centres, on grids of either direction."""
    inner = Grid(grid.y.crop(slice(2, grid.shape[0] - 2)), grid.x.crop(slice(2, grid.shape[1] - 2)))
    start, end = at(inner, [ends[:2], ends[2:]])
    assume(np.hypot(*(end - start)) > 0.01)
    maps = maps_on(grid)
    flat, by_y, by_x = slopes
    maps = (flat + by_y * maps.y + by_x * maps.x).rename("plane").assign_coords(maps.coords)
    along = profile(maps, start, end, width=None if width is None else width * min(grid.spacing))
    expected = flat + by_y * along.y + by_x * along.x
    np.testing.assert_allclose(along.plane, expected, atol=1e-9)
    steps = np.diff(along.plane)
    np.testing.assert_allclose(steps, steps[0], atol=1e-8)
    np.testing.assert_allclose(along.distance[[0, -1]], [0, np.hypot(*(end - start))])
    assert np.diff(along.distance).max() <= min(grid.spacing) * (1 + 1e-9)


def test_layout() -> None:
    scan = masked_scan().drop_vars("valid")
    along = scan.xrfsr.profile((0.25, 0.25), ("2.25 mm", 0.25), width="0.5 mm")
    assert along.intensity.dims == along.standard_error.dims == ("line", "distance")
    assert along.distance.attrs["units"] == along.x.attrs["units"] == "mm"
    assert along.standard_error.attrs["units"] == along.intensity.attrs["units"] == "count"
    np.testing.assert_allclose(along.distance, [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(along.intensity, scan.intensity[:, :, 0])
    np.testing.assert_allclose(along.uncertainty, scan.uncertainty[:, :, 0])
    assert along.standard_error.isnull().all()  # of one value
    assert along.element.values.tolist() == scan.element.values.tolist()
    back = scan.xrfsr.profile((2.25, 0.25), (0.25, 0.25))
    np.testing.assert_allclose(back.intensity, along.intensity[:, ::-1])
    xr.testing.assert_allclose(scan.isel(y=slice(None, None, -1)).xrfsr.profile((2.25, 0.25), (0.25, 0.25)), back)


def test_mean_and_standard_error_across_the_width() -> None:
    scan = masked_scan().drop_vars("valid")
    along = scan.xrfsr.profile((1.25, 0.25), (1.25, 2.75), width=1.5)
    rows = scan.intensity[:, 1:4].values.astype(float)
    np.testing.assert_allclose(along.intensity, rows.mean(axis=1))
    np.testing.assert_allclose(along.standard_error, rows.std(axis=1, ddof=1) / np.sqrt(3))
    np.testing.assert_allclose(along.uncertainty, scan.uncertainty[:, 1:4].mean("y"))


def test_the_standard_error_is_that_of_many_scans() -> None:
    maps = np.random.default_rng(20).normal(100, 5, (400, 9, 6))
    scan = xr.DataArray(maps, dict(maps_on(Grid.from_shape((9, 6), 1.0)).coords), ("scan", "y", "x"), name="counts")
    along = profile(scan, (4.5, 0.5), (4.5, 5.5), width=9)
    assert float(along.counts.std("scan").mean()) == pytest.approx(5 / 3, rel=0.1)
    assert float(along.standard_error.mean()) == pytest.approx(5 / 3, rel=0.1)


def test_gaps_and_edges() -> None:
    """What is not valid is left out; beyond the outermost centre a pixel goes on to its edge, and nothing beyond."""
    scan = masked_scan()
    along = scan.xrfsr.profile((0.25, 0), (0.25, 3), width=1)
    assert along.intensity.isnull().all("line").values.tolist() == [True] * 2 + [False] * 5
    # One half of the strip is on the edge of the first row, the other half-way between its centre and the next one.
    np.testing.assert_allclose(along.intensity[:, -1], scan.intensity[:, :2, -1].values @ [0.75, 0.25])
    assert along.standard_error.notnull()[:, -1].all()
    one = scan.xrfsr.profile((0, 1), (0, 3), width=1)  # half of the strip is off the maps
    np.testing.assert_allclose(one.intensity[:, -1], scan.intensity[:, 0, -1])
    maps = scan.intensity.where(scan.intensity != scan.intensity[1, 2, 3])
    assert maps.xrfsr.profile((1.25, 1.75), (1.25, 2.75)).intensity[1].isnull()[0]


def test_any_map_has_a_profile() -> None:
    scan = masked_scan()
    ratio = scan.xrfsr.ratio("Ca", "Pb")
    assert list(ratio.xrfsr.profile((1, 1), (2, 2)).data_vars) == ["ratio", "standard_error"]
    known = scan.intensity.assign_coords(uncertainty=scan.uncertainty)
    xr.testing.assert_allclose(known.xrfsr.profile((1, 1), (2, 2)), scan.xrfsr.profile((1, 1), (2, 2)))
    apart = scan.xrfsr.to_dataset().xrfsr.profile((1, 1), (2, 2))
    np.testing.assert_allclose(apart.intensity, scan.xrfsr.profile((1, 1), (2, 2)).intensity)
    picture = scan.xrfsr.composite(red="Pb")
    assert profile(picture, (1, 1), (2, 2)).rgb.dims == ("band", "distance")
    assert "profile" in profile(ratio.rename(None), (1, 1), (2, 2))


def test_dask_stays_lazy() -> None:
    scan = masked_scan()
    with nothing_computed():
        lazy = scan.chunk(line=2, y=2, x=4).xrfsr.profile((0.5, 0), (2, 3), width="1 mm")
        assert all(each.chunks is not None for each in lazy.data_vars.values())
    xr.testing.assert_allclose(lazy.compute(), scan.xrfsr.profile((0.5, 0), (2, 3), width="1 mm"))


@pytest.mark.parametrize("lazy", [False, True])
def test_a_long_profile_is_made_in_pieces(monkeypatch: pytest.MonkeyPatch, lazy: bool) -> None:
    scan = masked_scan()
    whole = scan.xrfsr.profile((0, 3), (2.5, 0), width=1)
    monkeypatch.setattr(module, "LONGEST", 2)
    pieces = (scan.chunk(y=3) if lazy else scan).xrfsr.profile((0, 3), (2.5, 0), width=1)
    xr.testing.assert_allclose(pieces, whole)


def test_quantities() -> None:
    pytest.importorskip("pint_xarray")
    scan = masked_scan()
    xr.testing.assert_allclose(scan.pint.quantify().xrfsr.profile((1, 1), (2, 2)), scan.xrfsr.profile((1, 1), (2, 2)))


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (((9, 0), (0, 9), None), ["start must lie between y 0 and 2.5, x 0 and 3 mm, got y 9, x 0", "end must lie"]),
        (((1, 1), (1, "1 mm"), None), ["start and end must be different positions"]),
        (((1, 1), (2, 2), -1), ["width must be > 0"]),
        (((1, 1), (2, 2), "1 kg"), ["width is '1 kg'"]),
        (((1, 1), (2, 2), 1e6), ["at most the diagonal of the maps"]),
        ((1, "here", True), ["start must be a pair of lengths (y, x)", "end must be a pair", "width must be a length"]),
    ],
)
def test_positions_that_are_none(arguments: tuple[Any, Any, Any], texts: list[str]) -> None:
    start, end, width = arguments
    assert_faults(faults_of(profile, masked_scan(), start, end, width=width), *texts)


def test_no_maps() -> None:
    scan = masked_scan()
    assert_faults(faults_of(profile, scan.drop_vars("intensity"), (1, 1), (2, 2)), "a Dataset must have 'intensity'")
    assert_faults(faults_of(profile, scan.isel(y=0).intensity, (1, 1), (2, 2)), "maps of numbers along 'y' and 'x'")
    assert_faults(faults_of(profile, "scan.h5", (1, 1), 2), "a Dataset or DataArray with maps", "end must be a pair")
    assert_faults(faults_of(profile, scan.isel(y=[0]), (0, 1), (0, 2)), "at least two cell centres")

"""Pictures in false colours: the stretch, gaps, maps of others, laziness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scans import assert_faults, faults_of, masked_scan, nothing_computed

import xrfsr
from xrfsr import as_scan
from xrfsr.analysis import composite
from xrfsr.analysis import composites as module

COLOURS = {"red": "Pb-L", "green": "Ca_K", "blue": "compton"}


@settings(max_examples=12)
@given(
    arrays(np.float32, (3, 5, 6), elements=st.floats(0, 1e6, width=32), fill=st.nothing()),
    st.floats(0, 0.5),
    st.tuples(st.floats(0, 40), st.floats(60, 100)),
)
def test_the_stretch_is_that_of_percentiles(maps: np.ndarray, gaps: float, percentiles: tuple[float, float]) -> None:
    maps[np.random.default_rng(0).random(maps.shape) < gaps] = np.nan
    maps[:, 0, 0] = 1
    intensity = xr.DataArray(maps, {"line": ["Ca-K", "Fe-K", "Pb-L"]}, ("line", "y", "x"))
    picture = composite(intensity, red="Ca-K", green="Fe-K", blue="Pb-L", percentiles=percentiles)
    np.testing.assert_array_equal(picture.isnull(), np.broadcast_to(np.isnan(maps).any(axis=0), maps.shape))
    assert picture.dtype == np.float32
    for plane, shown in zip(maps, picture.values, strict=True):
        there = ~np.isnan(shown)
        assert ((shown[there] >= 0) & (shown[there] <= 1)).all()
        low, high = np.nanpercentile(plane, percentiles)
        if high - low > 1e-3 * high:
            np.testing.assert_allclose(shown[there], np.clip((plane - low) / (high - low), 0, 1)[there], atol=1e-3)


def test_layout_and_attributes() -> None:
    scan = masked_scan()
    picture = scan.xrfsr.composite(**COLOURS)
    assert picture.name == "rgb"
    assert picture.dims == ("band", "y", "x")
    assert picture.band.values.tolist() == ["red", "green", "blue"]
    assert picture.attrs == {
        "long_name": "red Pb-L, green Ca-K, blue compton", "stretch": "percentiles 1 and 99 of each map"
    }  # fmt: skip
    xr.testing.assert_identical(picture.x.variable, scan.x.variable)
    assert picture.isnull().sum() == 3  # the pixel that is not valid
    whole = composite(scan.drop_vars("valid"), red="Pb", percentiles=(0, 100))
    np.testing.assert_array_equal(whole.sel(band=["green", "blue"]), 0)
    lead = scan.intensity.sel(line="Pb-L").values
    np.testing.assert_allclose(whole[0], (lead - lead.min()) / np.ptp(lead), rtol=1e-5)
    xr.testing.assert_identical(composite(scan.transpose("x", "line", "y"), **COLOURS), picture)
    xr.testing.assert_identical(composite(scan.xrfsr.to_dataset(), **COLOURS), picture)


def test_sparse_and_constant_and_missing_maps() -> None:
    """Percentiles of a map with one grain are equal: it is stretched to its maximum. A constant map is dark."""
    maps = np.zeros((3, 20, 20))
    maps[0, 3, 4] = 7
    maps[1] = 5
    maps[2] = np.nan
    scan = xr.DataArray(maps, {"line": ["Ca-K", "Fe-K", "Pb-L"]}, ("line", "y", "x"))
    picture = composite(scan, red="Ca", green="Fe")
    assert float(picture[0, 3, 4]) == 1
    assert float(picture.sum()) == 1
    assert composite(scan, red="Ca", blue="Pb").isnull().all()


def test_a_ratio_is_a_colour() -> None:
    scan = masked_scan()
    ratio = scan.xrfsr.ratio("Ca", "Pb")
    picture = scan.xrfsr.composite(red="Pb", blue=ratio)
    assert picture.attrs["long_name"] == "red Pb-L, blue Ca-K / Pb-L"
    np.testing.assert_array_equal(picture.isnull().any("band"), ratio.isnull())
    assert float(picture.sel(band="blue").max()) == 1


def test_a_picture_is_a_photo(tmp_path: Path) -> None:
    picture = masked_scan().xrfsr.composite(**COLOURS)
    picture.xrfsr.plot()
    picture.xrfsr.to_geotiff(tmp_path / "picture.tif")
    again = xrfsr.open_photo(tmp_path / "picture.tif", like=masked_scan())
    np.testing.assert_allclose(again.fillna(-1), picture.fillna(-1), atol=0.003)


def test_dask_stays_lazy() -> None:
    scan = masked_scan()
    with nothing_computed():
        parts = scan.chunk(line=1, y=2, x=4)
        lazy = composite(parts, red="Pb", green="Ca", blue=parts.xrfsr.ratio("Ca", "Pb"))
        assert lazy.chunks is not None
        assert lazy.dtype == np.float32
    xr.testing.assert_allclose(
        lazy.compute(), composite(scan, red="Pb", green="Ca", blue=scan.xrfsr.ratio("Ca", "Pb")), atol=1e-6
    )
    assert lazy.compute().dtype == np.float32


def test_large_maps_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLED", 400)
    maps = np.random.default_rng(0).random((1, 200, 100))
    scan = as_scan(maps, ["Pb-L"], 1)
    picture = composite(scan, red="Pb")
    low, high = np.percentile(maps, (1, 99))
    np.testing.assert_allclose(picture[0], np.clip((maps[0] - low) / (high - low), 0, 1), atol=0.03)
    xr.testing.assert_allclose(composite(scan.chunk(y=30), red="Pb"), picture, atol=1e-6)


def test_every_fault_is_named() -> None:
    scan = masked_scan()
    assert_faults(
        faults_of(composite, scan, percentiles=(99, 1)),
        "percentiles must be two numbers from 0 to 100, the lower first, got (99, 1)",
        "no colour was given; pass lines such as red='Pb-L'",
    )
    assert_faults(
        faults_of(composite, scan, red="Hg", green=3, blue=scan.intensity),
        "the scan has no line 'Hg'",
        "green must be a line such as 'Pb-L', or a map (y, x), got 3",
        "blue must have the dimensions ('y', 'x')",
    )
    assert_faults(
        faults_of(composite, scan, red=scan.xrfsr.ratio("Ca", "Pb").isel(x=slice(3))),
        "red must have the pixels of the maps",
    )

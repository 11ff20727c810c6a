"""Ratios of lines: values, units, gaps, laziness."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from xrfsr import InvalidInput, as_scan
from xrfsr.processing.ratio import ratio


@pytest.fixture
def scan() -> xr.Dataset:
    calcium = [[6.0, 4.0, 1.0], [0.0, np.nan, 5.0]]
    lead = [[3.0, 0.0, 0.5], [2.0, 1.0, 10.0]]
    return as_scan(
        [calcium, lead, lead], ["Ca_K", "Pb_La", "compton"], "0.5 mm", valid=np.array([[1, 1, 1], [1, 1, 0]]) > 0
    )


def test_values_and_attributes(scan: xr.Dataset) -> None:
    result = ratio(scan, "Ca K", "Pb Lα")
    np.testing.assert_array_equal(result, [[2.0, np.nan, 2.0], [0.0, np.nan, np.nan]])
    assert result.name == "ratio"
    assert result.dims == ("y", "x")
    assert result.dtype == np.float32
    assert result.attrs == {"units": "dimensionless", "long_name": "Ca-K / Pb-La"}
    assert result.x.attrs["units"] == "mm"
    assert set(result.coords) == {"y", "x", "valid"}
    assert scan.intensity.attrs["units"] == "count"
    xr.testing.assert_identical(scan.xrfsr.ratio("Ca-K", "Pb-La"), result)


def test_symbols_mean_the_one_line_of_their_element(scan: xr.Dataset) -> None:
    xr.testing.assert_identical(ratio(scan, "Ca", "Pb"), ratio(scan, "Ca-K", "Pb-La"))
    both = xr.concat([scan, scan.sel(line=["Pb-La"]).assign_coords(line=["Pb-M"])], "line", data_vars="minimal")
    with pytest.raises(InvalidInput, match="'Pb' may be any of its lines; write 'Pb-La' or 'Pb-M'"):
        ratio(both, "Ca", "Pb")
    with pytest.raises(InvalidInput, match="the scan has no line 'Hg'; it has Ca-K, Pb-La, compton"):
        ratio(scan, "Ca", "Hg")


def test_minimum(scan: xr.Dataset) -> None:
    result = scan.xrfsr.ratio("Ca-K", "Pb-La", minimum=1)
    assert result.notnull().values.tolist() == [[True, False, False], [True, False, False]]
    assert ratio(scan, "Ca-K", "Pb-La", minimum=0.5).notnull().sum() == 3


def test_a_dataarray_needs_no_mask(scan: xr.Dataset) -> None:
    result = scan.intensity.drop_vars("valid").xrfsr.ratio("Ca-K", "Pb-La")
    assert float(result[1, 2]) == 0.5
    assert np.isnan(scan.intensity.xrfsr.ratio("Ca-K", "Pb-La")[1, 2])


@pytest.mark.parametrize("minimum", [-1, np.nan, "a", np.ones(2)])
def test_minimum_is_a_number(scan: xr.Dataset, minimum: Any) -> None:
    with pytest.raises(InvalidInput, match="minimum must be a number ≥ 0"):
        scan.xrfsr.ratio("Ca-K", "Pb-La", minimum=minimum)


def test_other_maps_and_parts_of_a_scan(scan: xr.Dataset) -> None:
    assert ratio(scan, "Ca-K", "compton").attrs["long_name"] == "Ca-K / compton"
    assert ratio(scan.isel(y=0), "Ca-K", "Pb-La").dims == ("x",)
    assert ratio(scan.assign_coords(line=["Ca_K", "PbLa", "compton"]), "Ca-K", "Pb-La").shape == (2, 3)


def test_quantities(scan: xr.Dataset) -> None:
    pytest.importorskip("pint_xarray")
    xr.testing.assert_identical(ratio(scan.pint.quantify(), "Ca-K", "Pb-La"), ratio(scan, "Ca-K", "Pb-La"))


def test_dask_stays_lazy(scan: xr.Dataset) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a Dask array was computed")

    with dask.config.set(scheduler=refuse):
        lazy = ratio(scan.chunk(y=1), "Ca-K", "Pb-La", minimum=1)
    assert lazy.chunks == ((1, 1), (3,))
    xr.testing.assert_identical(lazy.compute(), ratio(scan, "Ca-K", "Pb-La", minimum=1))


def test_missing_lines_are_named_with_those_there_are(scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput) as caught:
        ratio(scan, "Fe", "Pb-L", minimum=-1)
    assert len(caught.value.faults) == 3
    assert "the scan has no line 'Fe' (Fe-K); it has Ca-K, Pb-La, compton" in str(caught.value)
    assert "the scan has no line 'Pb-L' (Pb-L)" in str(caught.value)
    assert "got -1" in str(caught.value)


def test_unknown_labels(scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput, match="unknown line 'Foo'"):
        ratio(scan, "Foo", "Pb-La")


def test_no_lines_to_take(scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput, match="must have 'intensity'"):
        ratio(scan.drop_vars("intensity"), "Ca-K", "Pb-La")
    with pytest.raises(InvalidInput, match="dimension and coordinate 'line'"):
        ratio(scan.sel(line="Ca-K"), "Ca-K", "Pb-La")

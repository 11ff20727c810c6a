"""Ratios of lines: values, uncertainty, units, gaps, laziness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from scans import assert_faults, faults_of, nothing_computed

from xrfsr import InvalidInput, as_scan
from xrfsr.analysis import ratio


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
    scan["uncertainty"] = np.sqrt(scan.intensity)
    with nothing_computed():
        parts = scan.chunk(y=1)
        lazy = ratio(parts, "Ca-K", "Pb-La", minimum=1)
        known = ratio(parts, "Ca-K", "Pb-La", uncertainty=True)
        alone = ratio(parts.intensity.assign_coords(uncertainty=parts.uncertainty), "Ca-K", "Pb-La")
        both = lazy - alone  # of other coordinates, which xarray would compare
    assert lazy.chunks == alone.chunks == both.chunks == ((1, 1), (3,))
    assert {name: each.chunks for name, each in known.items()} == dict.fromkeys(known, ((1, 1), (3,)))
    xr.testing.assert_identical(lazy.compute(), ratio(scan, "Ca-K", "Pb-La", minimum=1))
    xr.testing.assert_identical(known.compute(), ratio(scan, "Ca-K", "Pb-La", uncertainty=True))


def test_uncertainty_is_that_of_many_measurements() -> None:
    """Errors of 1 to 10 % in either line, 4000 times."""
    rng = np.random.default_rng(20)
    truth = rng.uniform(50, 200, (2, 5, 6))
    error = truth * rng.uniform(0.01, 0.1, truth.shape)
    many = rng.normal(truth, error, (4000, *truth.shape))
    known = ratio(as_scan(truth, ["Ca-K", "Pb-L"], 1, uncertainty=error), "Ca-K", "Pb-L", uncertainty=True)
    np.testing.assert_allclose(known.uncertainty, (many[:, 0] / many[:, 1]).std(axis=0), rtol=0.08)
    assert known.significant.all()


def test_uncertainty_and_what_is_significant(scan: xr.Dataset) -> None:
    scan["uncertainty"] = xr.full_like(scan.intensity, 0.5)
    known = scan.xrfsr.ratio("Ca", "Pb", uncertainty=True)
    xr.testing.assert_identical(known.ratio.drop_attrs(deep=False), scan.xrfsr.ratio("Ca", "Pb").drop_attrs(deep=False))
    assert list(known.data_vars) == ["ratio", "uncertainty", "significant"]
    assert {name: each.dtype for name, each in known.items()} == {
        "ratio": np.float32, "uncertainty": np.float32, "significant": bool
    }  # fmt: skip
    assert known.uncertainty.attrs == {"units": "dimensionless", "long_name": "standard deviation of Ca-K / Pb-La"}
    assert known.ratio.attrs["ancillary_variables"] == "uncertainty significant"
    # 6 ± 0.5 by 3 ± 0.5; 1 ± 0.5 by 0.5 ± 0.5; 0 ± 0.5 by 2 ± 0.5
    np.testing.assert_allclose(known.uncertainty[0, 0], 0.5 * np.sqrt(1 + 4) / 3)
    np.testing.assert_array_equal(known.significant, [[True, False, False], [False, False, False]])
    assert ratio(scan, "Ca", "Pb", uncertainty=True, significance=0.5).significant.sum() == 2
    np.testing.assert_array_equal(known.uncertainty.isnull(), known.ratio.isnull())


def test_arithmetic_and_assignment_leave_the_scan_as_it_was(scan: xr.Dataset) -> None:
    """A ratio must not bring an uncertainty of its own to a scan that has one."""
    scan["uncertainty"] = np.sqrt(scan.intensity)
    made = scan.assign(ca_pb=scan.xrfsr.ratio("Ca", "Pb"), pb_ca=scan.xrfsr.ratio("Pb", "Ca"))
    xr.testing.assert_identical(made.uncertainty, scan.uncertainty)
    known = scan.xrfsr.ratio("Ca", "Pb", uncertainty=True)
    twice = 2 * known[["ratio", "uncertainty"]]
    np.testing.assert_array_equal(twice.uncertainty, 2 * known.uncertainty)
    kept = known.where(known.significant)
    np.testing.assert_array_equal(kept.ratio.notnull(), known.significant)


def test_ratio_and_uncertainty_are_bands_of_a_geotiff(scan: xr.Dataset, tmp_path: Path) -> None:
    scan["uncertainty"] = np.sqrt(scan.intensity)
    known = scan.xrfsr.ratio("Ca", "Pb", uncertainty=True)
    known.xrfsr.to_geotiff(tmp_path / "ratio.tif")
    with rasterio.open(tmp_path / "ratio.tif") as file:
        assert file.descriptions[:2] == ("Ca-K / Pb-La", "standard deviation of Ca-K / Pb-La")
        np.testing.assert_array_equal(file.read(), [known[name] for name in known])


def test_an_uncertainty_is_there_or_missed(scan: xr.Dataset) -> None:
    assert_faults(
        faults_of(ratio, scan, "Ca", "Pb", uncertainty=True, significance=0),
        "significance must be a number of standard deviations > 0, got 0",
        "there is no 'uncertainty' to propagate",
    )
    assert_faults(faults_of(ratio, scan, "Ca", "Pb", uncertainty="yes"), "uncertainty must be True or False, got 'yes'")
    scan["uncertainty"] = np.sqrt(scan.intensity)
    of_array = ratio(scan.intensity.assign_coords(uncertainty=scan.uncertainty), "Ca", "Pb", uncertainty=True)
    xr.testing.assert_identical(of_array, ratio(scan, "Ca", "Pb", uncertainty=True))
    of_maps = ratio(scan.xrfsr.to_dataset(), "Ca", "Pb", uncertainty=True)
    xr.testing.assert_identical(of_maps, ratio(scan, "Ca", "Pb", uncertainty=True))


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

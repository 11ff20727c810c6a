"""Scans: accepted forms, conversions to the standard form, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import pint_xarray  # noqa: F401 - gives xarray objects their .pint
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scans import LABELS, assert_faults, faults_of, maps, masked_scan, nothing_computed

from xrfsr import Grid, InvalidInput
from xrfsr.core.coordinates import dequantify, grid_coords, grid_of
from xrfsr.core.scan import ensure_scan, validate
from xrfsr.utils.describe import describe

REGISTRY = pint.get_application_registry()


@pytest.fixture
def scan() -> xr.Dataset:
    return masked_scan()


class TestValidate:
    def test_a_valid_scan_is_returned_identical(self, scan: xr.Dataset) -> None:
        xr.testing.assert_identical(validate(scan), scan)
        xr.testing.assert_identical(scan.xrfsr.validate(), scan)

    def test_every_fault_at_once(self) -> None:
        values = maps()
        values[0, 0, 0] = np.inf
        bad = xr.Dataset(
            {
                "intensity": (("line", "y", "x"), values, {"units": "arb. units"}),
                "uncertainty": (("y", "x"), values[0], {"units": "count"}),
                "valid": (("y", "x"), np.ones((5, 6), np.int64)),
            },
            {"line": ["Ca-K", "Ca Kα", "Foo", "CaK"], "y": ("y", [0.0, 0.5, 1.0, 2.0, 2.5], {"units": "mm"})},
        )
        assert_faults(
            faults_of(validate, bad),
            "'uncertainty' must have the dimensions ('line', 'y', 'x') in any order, got ('y', 'x')",
            "'valid' must be bool, got dtype int64; use valid != 0",
            "unknown line 'Foo'",
            "'CaK' and 'Ca-K' are the same line",
            "'intensity': units must be 'count', 'count/s' or 'dimensionless'",
            "no coordinate 'x'",
            "'y' is irregular",
            "'intensity' is infinite for Ca-K (1 pixels)",
        )

    def test_missing_parts(self) -> None:
        bare = xr.Dataset({"maps": (("line", "y", "x"), maps())})
        assert_faults(
            faults_of(validate, bare),
            "no variable 'intensity', got a Dataset with maps",
            "no coordinate 'line'",
            "no coordinate 'y'",
            "no coordinate 'x'",
        )

    def test_missing_units(self, scan: xr.Dataset) -> None:
        for name in ("x", "y", "intensity", "uncertainty"):
            del scan[name].attrs["units"]
        assert_faults(
            faults_of(validate, scan),
            "'intensity' has no units",
            "'uncertainty' has no units",
            "coordinate 'x' has no units; set .x.attrs['units'] = 'mm'",
            "coordinate 'y' has no units",
        )

    @pytest.mark.parametrize("unit", ["px", "s", "", "degrees", "pixel"])
    def test_units_that_are_no_length(self, scan: xr.Dataset, unit: str) -> None:
        scan.x.attrs["units"] = unit
        assert_faults(faults_of(validate, scan), f"units of coordinate 'x': unknown unit of length {unit!r}")

    def test_two_units(self, scan: xr.Dataset) -> None:
        scan.uncertainty.attrs["units"] = "cps"
        assert_faults(faults_of(validate, scan), "'uncertainty' must be in the unit of 'intensity', count, got count/s")

    def test_lengths_become_mm(self, scan: xr.Dataset) -> None:
        for name, unit, factor in (("x", "um", 1000), ("y", "cm", 0.1)):
            scan[name] = (name, (scan[name].values * factor).astype(np.float32), {"units": unit, "axis": name})
        result = validate(scan)
        np.testing.assert_allclose(result.x, [0.25, 0.75, 1.25, 1.75, 2.25, 2.75], rtol=1e-6)
        np.testing.assert_allclose(result.y, [0.25, 0.75, 1.25, 1.75, 2.25], rtol=1e-6)
        assert result.x.dtype == result.y.dtype == np.float64
        assert (result.x.attrs["units"], result.x.attrs["axis"]) == ("mm", "x")

    def test_order_direction_dtype_and_labels(self, scan: xr.Dataset) -> None:
        given_scan = scan.isel(y=slice(None, None, -1)).transpose("x", "line", "y")
        given_scan = given_scan.assign_coords(line=["Ca_K", "Pb L", "compton", "r_factor"]).drop_vars(
            ["element", "family", "energy", "kind"]
        )
        given_scan["intensity"] = given_scan.intensity.astype("f8").assign_attrs(units="counts")
        before = given_scan.copy(deep=True)
        result = validate(given_scan)
        xr.testing.assert_identical(result, scan.isel(y=slice(None, None, -1)))
        assert result.intensity.dims == ("line", "y", "x")
        xr.testing.assert_identical(given_scan, before)

    def test_what_else_there_is_is_kept(self, scan: xr.Dataset) -> None:
        scan.attrs["painting"] = "Girl"
        scan.intensity.attrs["detector"] = 2
        scan["dwell"] = (("x", "y"), np.ones((6, 5), np.int8), {"units": "s"})
        scan = scan.assign_coords(row=("y", np.arange(5)), session=3)
        xr.testing.assert_identical(validate(scan), scan)

    def test_encodings_are_cleared(self, scan: xr.Dataset) -> None:
        scan.intensity.encoding = {"_FillValue": -1, "chunks": (1, 9, 9)}
        scan.x.encoding = {"dtype": "int16"}
        scan["dwell"] = (("y", "x"), np.ones((5, 6)), {}, {"chunks": (9, 9)})
        result = validate(scan)
        assert not any(variable.encoding for variable in result.variables.values())
        assert scan.intensity.encoding

    def test_values_outside_the_mask_do_not_count(self, scan: xr.Dataset) -> None:
        scan.intensity[0, 0, 0] = -1
        scan.intensity[1, 0, 0] = np.inf
        validate(scan)
        assert_faults(
            faults_of(validate, scan.drop_vars("valid")), "is negative for Ca-K (1 pixels", "is infinite for Pb-L (1"
        )

    def test_nan_pixels_and_negative_diagnostic_are_fine(self, scan: xr.Dataset) -> None:
        scan.intensity[:, 2, 2] = np.nan
        scan.intensity[3, 1, 1] = -4
        xr.testing.assert_identical(validate(scan), scan)

    def test_the_advised_fixes_work(self, scan: xr.Dataset) -> None:
        scan.intensity[0, 1, 1] = -1
        scan.intensity[1] = np.nan
        scan.intensity[2, 1, 1] = np.inf
        assert len(faults_of(validate, scan)) == 3
        scan = scan.assign(intensity=scan["intensity"].clip(min=0))
        scan = scan.drop_sel(line=["Pb-L"])
        scan["intensity"] = scan.intensity.where(np.isfinite(scan.intensity))
        validate(scan)

    def test_negative_uncertainty(self, scan: xr.Dataset) -> None:
        scan.uncertainty[0, 1, 1] = -1
        assert_faults(faults_of(validate, scan), "'uncertainty' is negative for Ca-K (1 pixels, down to -1)")

    def test_dask_values_are_looked_at_on_request(self, scan: xr.Dataset) -> None:
        lazy = scan.assign(intensity=-scan.intensity).chunk(line=1)
        with nothing_computed():
            result = ensure_scan(lazy)
        assert result.intensity.chunks is not None
        with pytest.raises(InvalidInput, match="negative"):
            ensure_scan(lazy, values=True)

    def test_values_can_be_passed_over(self, scan: xr.Dataset) -> None:
        scan.intensity[0] = -1
        ensure_scan(scan, values=False)

    def test_one_line_selected_away(self, scan: xr.Dataset) -> None:
        assert validate(scan.sel(line="Ca-K")).identical(validate(scan.sel(line=["Ca-K"])))
        faults = faults_of(validate, scan.sel(line="Ca-K", drop=True))
        assert any(".sel(line=['Ca-K'])" in fault for fault in faults)

    def test_nothing_selected(self, scan: xr.Dataset) -> None:
        turned = scan.isel(y=slice(None, None, -1)).sel(y=slice(0.5, 2))
        assert turned.sizes["y"] == 0
        faults = faults_of(validate, turned)
        assert any("there is no pixel" in fault and "slices have the direction" in fault for fault in faults)

    def test_a_further_dimension(self, scan: xr.Dataset) -> None:
        assert_faults(
            faults_of(validate, scan[["intensity"]].expand_dims(time=2)),
            "in any order, got ('time', 'line', 'y', 'x')",
        )

    @pytest.mark.parametrize("obj", [None, np.zeros((1, 2, 3)), {"intensity": 1}])
    def test_not_xarray(self, obj: Any) -> None:
        assert_faults(faults_of(ensure_scan, obj), f"is needed, got {describe(obj)}; xrfsr.as_scan(")


class TestDataArray:
    def test_any_name(self, scan: xr.Dataset) -> None:
        array = scan.intensity.rename("counts").transpose("y", "x", "line")
        xr.testing.assert_identical(ensure_scan(array), scan[["intensity"]])
        result = array.xrfsr.validate()
        assert (result.name, result.dims) == ("counts", ("line", "y", "x"))
        xr.testing.assert_identical(ensure_scan(array.rename(None)), scan[["intensity"]])

    def test_the_mask_travels_as_coordinate(self, scan: xr.Dataset) -> None:
        array = scan.intensity.assign_coords(valid=scan.valid)
        assert "valid" in ensure_scan(array).coords
        xr.testing.assert_identical(validate(array), array)

    def test_dividing_maps_leaves_the_mask_alone(self, scan: xr.Dataset) -> None:
        for obj in (scan, scan.reset_coords("valid"), scan.intensity):
            checked = validate(obj)
            ratio = checked.sel(line="Ca-K") / checked.sel(line="Pb-L")
            assert ratio.coords["valid"].dtype == bool
            np.testing.assert_array_equal(ratio["valid"], scan["valid"])


class TestPint:
    def test_quantities(self, scan: xr.Dataset) -> None:
        quantified = scan.pint.quantify()
        assert type(quantified.intensity.data).__module__.startswith("pint")
        xr.testing.assert_identical(validate(quantified), scan)

    def test_units_are_honoured(self, scan: xr.Dataset) -> None:
        scan.intensity.attrs["units"] = scan.uncertainty.attrs["units"] = "count/s"
        quantified = scan.pint.quantify().pint.to(x=REGISTRY.Unit("um"), y=REGISTRY.Unit("m"))
        result = validate(quantified)
        assert result.intensity.attrs["units"] == "count/s"
        np.testing.assert_allclose(result.x, scan.x)
        np.testing.assert_allclose(result.y, scan.y)
        assert grid_of(quantified).spacing == pytest.approx((0.5, 0.5))

    def test_units_come_back_short(self, scan: xr.Dataset) -> None:
        for name in ("intensity", "uncertainty"):
            scan[name].attrs["units"] = "count/s"
        xr.testing.assert_identical(dequantify(scan.pint.quantify()), scan)
        xr.testing.assert_identical(dequantify(scan.intensity.pint.quantify()), scan.intensity)

    def test_lazy_quantities_stay_lazy(self, scan: xr.Dataset) -> None:
        with nothing_computed():
            result = validate(scan.chunk().pint.quantify())
        assert result.intensity.chunks is not None

    def test_units_as_objects(self, scan: xr.Dataset) -> None:
        scan.x.attrs["units"] = REGISTRY.Unit("mm")
        scan.intensity.attrs["units"] = scan.uncertainty.attrs["units"] = REGISTRY.Unit("count")
        assert validate(scan).x.attrs["units"] == "mm"


class TestGrid:
    @given(st.integers(2, 50), st.integers(2, 50), st.floats(0.01, 5), st.floats(-100, 100))
    def test_round_trip(self, height: int, width: int, step: float, first: float) -> None:
        grid = Grid.from_shape((height, width), step, (first, -first)).refine(2)
        result = grid_of(xr.Dataset(coords=grid_coords(grid)))
        assert result.shape == grid.shape
        np.testing.assert_allclose(result.y.centres, grid.y.centres, rtol=0, atol=1e-9)
        np.testing.assert_allclose(result.x.centres, grid.x.centres, rtol=0, atol=1e-9)

    def test_accessor(self, scan: xr.Dataset) -> None:
        assert scan.xrfsr.grid == scan.intensity.xrfsr.grid == Grid.from_shape((5, 6), 0.5)
        assert [line.label for line in scan.intensity.xrfsr.lines] == LABELS

    def test_every_axis_is_reported(self) -> None:
        ds = xr.Dataset(coords={"y": ("y", ["a", "b"], {"units": "mm"}), "x": ("x", [1, 2], {"units": "s"})})
        assert_faults(faults_of(grid_of, ds), "'y' must hold numbers, got dtype", "'x': unknown unit of length 's'")


def test_a_scan_survives_zarr(scan: xr.Dataset, tmp_path: Any) -> None:
    scan.xrfsr.to_zarr(tmp_path / "scan.zarr")
    again = xr.open_zarr(tmp_path / "scan.zarr")
    xr.testing.assert_identical(again.load(), scan)
    xr.testing.assert_identical(validate(again), scan)

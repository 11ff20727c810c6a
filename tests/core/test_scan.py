"""Scans and photos: accepted forms, conversions to the standard form, and refusals."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
import dask.array as da
import numpy as np
import pint
import pint_xarray  # noqa: F401 - gives xarray objects their .pint
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xrfsr import Grid, InvalidInput, as_photo, as_scan
from xrfsr.core.coordinates import dequantify, grid_coords, grid_of
from xrfsr.core.photo import ensure_photo
from xrfsr.core.scan import ensure_scan, validate
from xrfsr.utils.describe import describe

REGISTRY = pint.get_application_registry()
LABELS = ["Ca-K", "Pb-L", "compton", "r_factor"]


def maps(lines: int = 4, height: int = 5, width: int = 6) -> np.ndarray:
    return np.random.default_rng(0).poisson(20, (lines, height, width)).astype(np.float32)


@pytest.fixture
def scan() -> xr.Dataset:
    valid = np.ones((5, 6), bool)
    valid[0, 0] = False
    return as_scan(maps(), LABELS, "0.5 mm", uncertainty=np.sqrt(maps()), valid=valid)


@contextmanager
def nothing_computed() -> Iterator[None]:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a Dask array was computed")

    with dask.config.set(scheduler=refuse):
        yield


def faults_of(function: Any, *args: Any, **kwargs: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidInput) as caught:
        function(*args, **kwargs)
    return caught.value.faults


def assert_faults(faults: tuple[str, ...], *texts: str) -> None:
    """Check that each text occurs in one fault, and that there are no other faults."""
    for text in texts:
        assert any(text in fault for fault in faults), f"{text!r} not in {faults}"
    assert len(faults) == len(texts), faults


class TestAsScan:
    def test_layout(self, scan: xr.Dataset) -> None:
        assert scan.intensity.dims == scan.uncertainty.dims == ("line", "y", "x")
        assert scan.intensity.dtype == scan.uncertainty.dtype == np.float32
        assert scan.intensity.attrs["units"] == scan.uncertainty.attrs["units"] == "count"
        assert scan.valid.dims == ("y", "x")
        assert scan.valid.dtype == bool
        assert scan.line.values.tolist() == LABELS
        assert scan.element.values.tolist() == ["Ca", "Pb", "", ""]
        assert scan.family.values.tolist() == ["K", "L", "", ""]
        assert scan.kind.values.tolist() == ["element", "element", "scatter", "diagnostic"]
        assert {scan[name].dtype.kind for name in ("line", "element", "family", "kind")} == {"U"}
        assert scan.energy.attrs["units"] == "keV"
        np.testing.assert_allclose(scan.energy, [3.73, 11.86, np.nan, np.nan], atol=0.05)
        assert scan.y.values.tolist() == [0.25, 0.75, 1.25, 1.75, 2.25]
        assert scan.x.attrs["units"] == scan.y.attrs["units"] == "mm"
        np.testing.assert_array_equal(scan.intensity, maps())

    def test_pixel_size_and_origin(self) -> None:
        scan = as_scan(maps(), LABELS, ("500 um", 0.25), origin=("1 cm", -1))
        assert grid_of(scan) == Grid.from_shape((5, 6), (0.5, 0.25), (10.0, -1.0))

    @given(
        hnp.arrays(
            dtype=st.sampled_from(["u1", "<u2", ">u2", "i4", "i8", "f2", "<f4", ">f4", "f8"]),
            shape=(2, 3, 4),
            elements=st.integers(0, 100),
        )
    )
    def test_any_real_dtype(self, values: np.ndarray) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hypothesis often draws constant maps
            scan = as_scan(values, ["Ca-K", "Fe-K"], 1)
        assert scan.intensity.dtype == np.float32
        np.testing.assert_array_equal(scan.intensity, values)

    def test_lists_masked_arrays_and_dataarrays(self) -> None:
        assert as_scan([[[1, 2], [3, 4]]], "Ca_K", 1).line.values.tolist() == ["Ca-K"]
        masked = np.ma.masked_equal([[[1, 2], [3, 4]]], 2)
        assert np.isnan(as_scan(masked, ["Ca-K"], 1).intensity.values).tolist() == [[[False, True], [False, False]]]
        array = xr.DataArray(maps(), dims=("a", "b", "c"))
        np.testing.assert_array_equal(as_scan(array, LABELS, 1).intensity, maps())

    def test_dimensions_are_found_by_name(self) -> None:
        square = np.random.default_rng(0).random((2, 6, 6))
        array = xr.DataArray(square, dims=("line", "y", "x"))
        expected = as_scan(square, LABELS[:2], 1)
        for other in (array.transpose("x", "line", "y"), array.assign_coords(line=LABELS[:2])):
            xr.testing.assert_identical(as_scan(other, LABELS[:2], 1), expected)
        valid = xr.DataArray(square[0] > 0.2, dims=("y", "x"))
        np.testing.assert_array_equal(as_scan(square, LABELS[:2], 1, valid=valid.T).valid, valid)

    def test_labels_of_its_own_must_be_those_given(self) -> None:
        array = xr.DataArray(maps(2), {"line": ["Pb_L", "Ca-K"]}, dims=("line", "y", "x"))
        assert as_scan(array, ["Pb-L", "Ca_K"], 1).line.values.tolist() == ["Pb-L", "Ca-K"]
        assert_faults(faults_of(as_scan, array, ["Ca-K", "Pb-L"], 1), "has the labels Pb_L, Ca-K, but")

    def test_masked_entries_of_a_mask_are_not_valid(self) -> None:
        valid = np.ma.MaskedArray(np.ones((5, 6), bool), np.eye(5, 6, dtype=bool))
        np.testing.assert_array_equal(as_scan(maps(), LABELS, 1, valid=valid).valid, ~np.eye(5, 6, dtype=bool))

    @pytest.mark.parametrize(
        ("values", "lines", "text"),
        [
            (None, LABELS, "'maps' must be an array (line, y, x) of numbers, got None"),
            (maps(), None, "lines are missing; name the maps: lines=['Ca-K', ...], one label for each"),
            (maps(), 3, "lines must be a list of labels, got 3; pass labels, such as lines=['Ca-K', 'Pb-L']"),
            (maps(), set(LABELS), "lines must have an order, got "),
            (
                [[[1, 2], [3]]],
                ["Ca-K"],
                "of numbers, got a list of 1 entry; convert it to a NumPy array whose parts are",
            ),
            (xr.Dataset({"a": 1}), ["Ca-K"], "of numbers, got a Dataset with a; pass its variable"),
            ("maps.h5", ["Ca-K"], "of numbers, got 'maps.h5'; xrfsr.open_scan(path) opens a file"),
        ],
    )
    def test_what_is_no_array(self, values: Any, lines: Any, text: str) -> None:
        assert any(text in fault for fault in faults_of(as_scan, values, lines, 1))

    def test_warnings_point_to_the_line_that_called(self) -> None:
        with pytest.warns(UserWarning, match="constant") as caught:
            scan = as_scan(np.ones((1, 8, 8)), ["Ca-K"], 1)
        assert caught[0].filename == __file__
        with pytest.warns(UserWarning, match="constant") as caught:
            scan.xrfsr.validate()
        assert caught[0].filename == __file__

    def test_the_input_is_not_changed(self) -> None:
        given_maps, given_lines = maps(), list(LABELS)
        as_scan(given_maps, given_lines, 1)
        np.testing.assert_array_equal(given_maps, maps())
        assert given_lines == LABELS

    def test_dask_stays_lazy(self) -> None:
        with nothing_computed():
            scan = as_scan(da.from_array(-maps(), chunks=(1, 5, 6)), LABELS, 1, uncertainty=da.ones((4, 5, 6)))
        assert scan.intensity.chunks == ((1, 1, 1, 1), (5,), (6,))
        assert scan.intensity.dtype == np.float32

    def test_every_fault_of_every_argument(self) -> None:
        faults = faults_of(
            as_scan,
            maps(),
            ["Ca-K", "Foo", "Ca_K"],
            "3 px",
            units="arb. units",
            uncertainty=maps(3),
            valid=np.ones(5, bool),
            origin=(0, "nowhere"),
        )
        assert_faults(
            faults,
            "'3 px': unknown unit of length 'px'",
            "origin must be a number with a unit, got 'nowhere'",
            "'uncertainty' must cover the pixels of 'maps' (4, 5, 6), got shape (3, 5, 6)",
            "'valid' must have shape (y, x), got (5,)",
            "'lines' must have 4 labels for 'maps' of shape (4, 5, 6) (line, y, x), got 3",
            "unknown line 'Foo'",
            "'Ca_K' and 'Ca-K' are the same line",
            "'ppm' or 'percent', got 'arb. units'",
        )

    def test_values_are_reported_along_with_the_rest(self) -> None:
        values = maps(2)
        values[0] = np.nan
        values[1, 0, :2] = -3.0, -5.0
        faults = faults_of(as_scan, values, ["Ca_K", "Pb_L"], 0, units="foo")
        assert_faults(
            faults,
            "pixel_size must be > 0, got 0",
            "'ppm' or 'percent', got 'foo'",
            "'intensity' holds no finite value for Ca_K; leave out: .drop_sel(line=['Ca_K'])",
            "'intensity' is negative for Pb_L (2 pixels, down to -5); set to zero: ds.assign(",
        )

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            (np.zeros((5, 6)), "'maps' must have shape (line, y, x), got (5, 6)"),
            (maps().astype(complex), "must hold real numbers, got dtype complex128"),
            (maps().astype(str), "must hold real numbers, got dtype"),
            (maps() > 20, "must hold real numbers, got dtype bool"),
            (np.where(maps() > 20, 1e39, maps().astype(np.float64)), "'intensity' is infinite for Ca-K"),
        ],
    )
    def test_arrays_refused(self, values: np.ndarray, text: str) -> None:
        assert any(text in fault for fault in faults_of(as_scan, values, LABELS, 1))

    def test_an_uncertainty_is_no_line(self) -> None:
        assert_faults(faults_of(as_scan, maps(2), ["Fe_Ka", "s(Fe_Ka)"], 1), "'s(Fe_Ka)' names an uncertainty")

    def test_no_lines(self) -> None:
        assert_faults(faults_of(as_scan, maps(0), [], 1), "there is no line")

    def test_a_single_row_has_no_pixel_size(self) -> None:
        assert_faults(faults_of(as_scan, maps(4, 1, 6), LABELS, 1), "pixel size; got shape (1,)")


class TestWarnings:
    def test_flat_maps_are_named_and_kept(self) -> None:
        values = maps(4)
        values[0], values[1], values[2], values[3] = 0, 7, 7, 0
        with pytest.warns(UserWarning, match="constant .*: Ca-K, Pb-L$"):
            scan = as_scan(values, LABELS, 1)
        assert scan.sizes["line"] == 4

    def test_lines_counted_twice(self) -> None:
        with pytest.warns(UserWarning, match="same photons twice: Fe-K and Fe-Ka; Fe-K and Fe-Kb$"):
            as_scan(maps(3), ["Fe_K", "Fe_Ka", "Fe_Kb"], 1)


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


class TestAsPhoto:
    def test_edges_and_bands(self, scan: xr.Dataset) -> None:
        photo = as_photo(np.zeros((3, 11, 13)), like=scan)
        assert (photo.name, photo.dims, photo.dtype) == ("rgb", ("band", "y", "x"), np.float32)
        assert photo.band.values.tolist() == ["red", "green", "blue"]
        assert photo.band.dtype.kind == "U"
        assert grid_of(photo).y.edges == pytest.approx((0.0, 2.5))
        assert grid_of(photo).x.edges == pytest.approx((0.0, 3.0))
        xr.testing.assert_identical(ensure_photo(photo), photo)

    def test_it_follows_a_descending_scan(self, scan: xr.Dataset) -> None:
        photo = as_photo(np.zeros((3, 10, 12)), like=scan.isel(y=slice(None, None, -1)))
        assert photo.y.values[:2].tolist() == [2.375, 2.125]

    @pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "u4"])
    def test_integers_are_scaled(self, scan: xr.Dataset, dtype: str) -> None:
        top = np.iinfo(dtype).max
        photo = as_photo(np.array([0, top // 5, top], dtype)[:, None, None].repeat(4, 1).repeat(5, 2), like=scan)
        np.testing.assert_allclose(photo[:, 0, 0], [0, 0.2, 1], rtol=1e-6)

    def test_layouts_agree(self, scan: xr.Dataset) -> None:
        rgb = np.random.default_rng(1).random((3, 10, 12))
        expected = as_photo(rgb, like=scan)
        np.testing.assert_allclose(expected, rgb, rtol=1e-6)
        last = rgb.transpose(1, 2, 0)
        for other in (
            last,
            last.tolist(),
            xr.DataArray(last, dims=("y", "x", "band")),
            xr.DataArray(last, dims=tuple("abc")),
        ):
            xr.testing.assert_identical(as_photo(other, like=scan), expected)

    @pytest.mark.parametrize("shape", [(10, 12), (1, 10, 12), (10, 12, 1)])
    def test_grey_is_repeated(self, scan: xr.Dataset, shape: tuple[int, ...]) -> None:
        grey = np.random.default_rng(1).random((10, 12))
        photo = as_photo(grey.reshape(shape), like=scan)
        np.testing.assert_allclose(photo, np.stack([grey] * 3), rtol=1e-6)

    @pytest.mark.parametrize("axis", [0, 2])
    def test_transparent_pixels_are_missing(self, scan: xr.Dataset, axis: int) -> None:
        rgba = np.arange(1, 4 * 10 * 12 + 1, dtype=np.uint16).reshape(4, 10, 12)
        rgba[3, 2:5] = 0
        photo = as_photo(np.moveaxis(rgba, 0, axis), like=scan)
        assert photo.isnull().values.all(axis=(0, 2)).tolist() == [row in (2, 3, 4) for row in range(10)]
        np.testing.assert_allclose(photo[:, 5:] * 65535, rgba[:3, 5:], atol=1e-2)

    @pytest.mark.parametrize("axis", [0, 2])
    def test_masked_pixels_are_missing(self, scan: xr.Dataset, axis: int) -> None:
        rgb = np.random.default_rng(1).integers(0, 255, (3, 10, 12), dtype=np.uint8)
        masked = np.ma.masked_greater(rgb, 200)
        photo = as_photo(np.ma.MaskedArray(np.moveaxis(rgb, 0, axis), np.moveaxis(masked.mask, 0, axis)), like=scan)
        np.testing.assert_array_equal(photo.isnull(), np.broadcast_to(masked.mask.any(axis=0), (3, 10, 12)))

    def test_dimensions_and_bands_are_found_by_name(self, scan: xr.Dataset) -> None:
        rgb = xr.DataArray(np.random.default_rng(1).random((3, 10, 12)), dims=("band", "y", "x"))
        expected = as_photo(rgb, like=scan)
        named = rgb.assign_coords(band=["red", "green", "blue"])
        for other in (
            rgb.transpose("x", "y", "band"),
            rgb.rename(band="channel").transpose("x", "channel", "y"),
            named.isel(band=[2, 0, 1]),
            named.isel(band=[2, 1, 0]).transpose("y", "x", "band"),
        ):
            xr.testing.assert_identical(as_photo(other, like=scan), expected)
        xr.testing.assert_identical(as_photo(rgb[0].T, like=scan), as_photo(rgb[0], like=scan))

    def test_ambiguous_shapes_are_explained(self, scan: xr.Dataset) -> None:
        rgb = np.random.default_rng(1).random((3, 10, 3))
        assert_faults(faults_of(as_photo, rgb, scan), "xr.DataArray(rgb, dims=('band', 'y', 'x'))")
        with pytest.warns(UserWarning, match="10 x 3 pixels .* 2.5 x 3 mm .* not square"):
            assert as_photo(xr.DataArray(rgb, dims=("band", "y", "x")), like=scan).shape == (3, 10, 3)
        with pytest.warns(UserWarning, match="3 x 10 pixels"):
            assert as_photo(xr.DataArray(rgb, dims=("y", "x", "band")), like=scan).shape == (3, 3, 10)

    def test_a_photo_on_its_side_is_noticed(self) -> None:
        wide = as_scan(np.random.default_rng(0).random((1, 8, 16)), lines=["Ca-K"], pixel_size=1)
        with pytest.warns(UserWarning, match="columns seem to be exchanged: rotate it by 90 degrees"):
            as_photo(np.zeros((64, 32, 3)), like=wide)
        oblong = as_scan(np.random.default_rng(0).random((1, 8, 16)), lines=["Ca-K"], pixel_size=("2 mm", "1 mm"))
        as_photo(np.zeros((3, 32, 64)), like=oblong)  # on the pixels of the scan, each divided by four
        as_photo(np.zeros((3, 64, 64)), like=oblong)
        as_photo(np.zeros((3, 65, 63)), like=oblong)  # cropped by hand

    def test_the_grid_of_a_scan_will_do(self, scan: xr.Dataset) -> None:
        rgb = np.random.default_rng(1).random((3, 10, 12))
        xr.testing.assert_identical(as_photo(rgb, like=scan.xrfsr.grid), as_photo(rgb, like=scan))

    @pytest.mark.parametrize("like", [None, "maps", np.zeros((3, 4))])
    def test_like_is_a_scan(self, like: Any) -> None:
        assert_faults(faults_of(as_photo, np.zeros((3, 10, 12)), like), "a Dataset, DataArray or xrfsr.Grid is needed")

    @pytest.mark.parametrize(
        ("rgb", "text"),
        [
            (np.zeros((8, 10, 12)), "got (8, 10, 12)"),
            (np.zeros(12), "got (12,)"),
            (np.zeros((0, 12, 3)), "has no pixel"),
            (
                [[[0.1, 0.2, 0.3]], [[0.1, 0.2]]],
                "got a list of 2 entries; convert it to a NumPy array of numbers",
            ),
            (
                np.full((3, 10, 12), 255.0),
                "must lie in [0, 1], got values from 255 to 255; divide by the white value, 255 as it seems, or",
            ),
            (np.full((3, 10, 12), -0.1), "got values from -0.1"),
            (np.full((3, 10, 12), np.inf), "got values from inf"),
            (np.full((3, 10, 12), np.nan), "all values of 'rgb' are NaN"),
            (np.zeros((3, 10, 12), int), "got dtype int64"),
            (np.zeros((3, 10, 12), complex), "got dtype complex128"),
        ],
    )
    def test_refused(self, scan: xr.Dataset, rgb: np.ndarray, text: str) -> None:
        assert_faults(faults_of(as_photo, rgb, scan), text)

    def test_faults_of_photo_and_scan_together(self, scan: xr.Dataset) -> None:
        assert_faults(faults_of(as_photo, np.zeros(3), scan.drop_vars(["x", "y"])), "got (3,)", "'y'", "'x'")

    def test_missing_pixels_stay_missing(self, scan: xr.Dataset) -> None:
        rgb = np.full((3, 10, 12), 0.5)
        rgb[:, 0, 0] = np.nan
        assert int(as_photo(rgb, like=scan).isnull().sum()) == 3

    def test_dask_stays_lazy(self, scan: xr.Dataset) -> None:
        rgb = da.full((10, 12, 3), 300.0, chunks=(5, 12, 3))
        with nothing_computed():
            photo = ensure_photo(as_photo(rgb, like=scan))
            as_photo((rgb / 2).astype("u1"), like=scan)
            as_photo(rgb[..., 0], like=scan)
        assert photo.chunks is not None
        with pytest.raises(InvalidInput, match="got values from 300 to 300"):
            ensure_photo(photo, values=True)


class TestEnsurePhoto:
    @pytest.fixture
    def photo(self, scan: xr.Dataset) -> xr.DataArray:
        return as_photo(np.random.default_rng(1).random((3, 10, 12)), like=scan)

    def test_repairs(self, photo: xr.DataArray) -> None:
        other = photo.isel(band=[2, 0, 1]).transpose("x", "band", "y").astype("f8").rename("picture")
        other["x"] = ("x", photo.x.values * 1000, {"units": "um"})
        xr.testing.assert_allclose(ensure_photo(other), photo, rtol=1e-12)
        xr.testing.assert_identical(ensure_photo(photo.to_dataset()), photo)
        for unnamed in (photo.assign_coords(band=[1, 2, 3]), photo.drop_vars("band")):
            xr.testing.assert_identical(ensure_photo(unnamed), photo)
        integers = (photo * 255).round().astype("u1")
        np.testing.assert_allclose(ensure_photo(integers), photo, atol=0.5 / 255 + 1e-6)

    @pytest.mark.parametrize(
        ("change", "texts"),
        [
            (lambda p: p.isel(band=0, drop=True), ["in any order, got ('y', 'x')"]),
            (lambda p: p.isel(band=[]), ["has no band"]),
            (lambda p: p.assign_coords(band=["r", "g", "b"]), ["unknown bands ['r', 'g', 'b']"]),
            (lambda p: p * 255, ["must lie in [0, 1]"]),
            (
                lambda p: p.drop_vars(["x", "y"]),
                ["no coordinates 'y' and 'x' in mm; xrfsr.as_photo("],
            ),
            (lambda p: p.assign_coords(x=p.x.values, band=[3, 2, 1]), ["unknown bands", "'x' has no units"]),
            (
                lambda p: p.values,
                ["got an array of shape (3, 10, 12) and dtype float32; xrfsr.as_photo(rgb, like=scan) builds"],
            ),
            (lambda p: xr.Dataset({"a": p}), ["got a Dataset"]),
        ],
    )
    def test_refused(self, photo: xr.DataArray, change: Any, texts: list[str]) -> None:
        assert_faults(faults_of(ensure_photo, change(photo)), *texts)


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


def test_positions_that_are_replaced_are_named() -> None:
    scan = as_scan(np.random.default_rng(0).random((1, 4, 6)), ["Ca-K"], 0.5)
    photo = as_photo(np.random.default_rng(1).random((16, 24)), like=scan)
    assert as_photo(photo, like=scan).identical(photo)
    for moved in (photo[:, ::-1], photo[..., ::-1], photo[:, :8, :12]):
        with pytest.warns(UserWarning, match="photo: its own positions in mm .* are replaced"):
            as_photo(moved, like=scan)
    maps = scan["intensity"]
    assert as_scan(maps, pixel_size=0.5).identical(scan)
    for moved, size in ((maps[:, ::-1], 0.5), (maps[:, 1:], 0.5), (maps, 0.25)):
        with pytest.warns(UserWarning, match="maps: its own positions in mm .* are replaced"):
            as_scan(moved, pixel_size=size)

"""Scans from arrays: accepted forms, conversions, warnings and refusals."""

from __future__ import annotations

import warnings
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scans import LABELS, assert_faults, faults_of, maps, masked_scan, nothing_computed

from xrfsr import Grid, as_photo, as_scan
from xrfsr.core.coordinates import grid_of


@pytest.fixture
def scan() -> xr.Dataset:
    return masked_scan()


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

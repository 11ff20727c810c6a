"""Order and names of the dimensions and of the maps in netCDF, in both formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from written import ERRORS, LABELS, MAPS, netcdf4

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.readers.netcdf_dimensions import is_sideways

ENGINES = pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
VALID = np.eye(*MAPS.shape[1:]) == 0


def save(dataset: Any, path: Path, engine: str) -> Path:
    dataset.to_netcdf(path, engine=engine)
    return path


@ENGINES
@pytest.mark.parametrize("rest", [["intensity"], ["intensity", "uncertainty"], ["intensity", "uncertainty", "valid"]])
def test_maps_that_are_stored_sideways(tmp_path: Path, engine: str, rest: list[str]) -> None:
    before = xrfsr.as_scan(MAPS, LABELS, ("250 um", "1 mm"), uncertainty=ERRORS, valid=VALID)
    turned = before.copy()
    for name in rest:
        turned[name] = before[name].transpose(..., "x", "y")
    after = xrfsr.open_scan(save(turned, tmp_path / "scan.nc", engine))
    np.testing.assert_array_equal(after["intensity"][1:, ::2, 1:4], before["intensity"][1:, ::2, 1:4])
    xr.testing.assert_allclose(after.load(), before)


@ENGINES
@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize(
    "dims", [("col", "row"), ("X", "Y"), ("x_mm", "other"), ("other", "y_mm"), ("width", "height")]
)
def test_other_names_of_sideways_dimensions(tmp_path: Path, engine: str, square: bool, dims: tuple[str, str]) -> None:
    maps = MAPS[:, :3, :3] if square else MAPS
    stored = xr.DataArray(maps.swapaxes(1, 2), {"element": LABELS}, ("element", *dims), name="maps")
    found = xrfsr.open_scan(save(stored, tmp_path / "maps.nc", engine), 0.5)
    assert found["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(found["intensity"], maps)


@ENGINES
def test_the_attribute_axis(tmp_path: Path, engine: str) -> None:
    coords = {"element": LABELS} | {
        name: (name, np.arange(size) * 0.5, {"units": "mm", "axis": axis})
        for name, size, axis in zip(("fast", "slow"), MAPS.shape[:0:-1], "XY", strict=True)
    }
    stored = xr.DataArray(MAPS.swapaxes(1, 2), coords, ("element", "fast", "slow"), name="maps")
    found = xrfsr.open_scan(save(stored, tmp_path / "maps.nc", engine))
    np.testing.assert_array_equal(found["intensity"], MAPS)


def test_version_4_without_names_of_dimensions(tmp_path: Path) -> None:
    path = netcdf4(tmp_path)
    with h5py.File(path, "a") as file:
        for name in ("intensity", "uncertainty"):
            values = file[name][()].swapaxes(1, 2)
            del file[name]
            file[name] = values
    np.testing.assert_array_equal(xrfsr.open_scan(path)["intensity"], MAPS)


@ENGINES
@pytest.mark.parametrize("dims", [("y", "x", "line"), ("y", "line", "x")])
def test_labels_along_another_dimension_of_the_same_length(tmp_path: Path, engine: str, dims: tuple[str, ...]) -> None:
    stored = xr.Dataset({"intensity": (dims, MAPS[:, :3, :3])}, {"line": LABELS})
    with pytest.raises(InvalidInput, match=r"has the dimensions \('y', .*\) without a label for each map"):
        xrfsr.open_scan(save(stored, tmp_path / "scan.nc", engine), 0.5)


@ENGINES
def test_labels_along_a_dimension_of_another_name(tmp_path: Path, engine: str) -> None:
    stored = xr.Dataset({"intensity": (("element", "y", "x"), MAPS)}, {"line": ("element", LABELS)})
    found = xrfsr.open_scan(save(stored, tmp_path / "scan.nc", engine), 0.5)
    assert found["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(found["intensity"], MAPS)


@ENGINES
def test_the_only_variable_with_three_dimensions(tmp_path: Path, engine: str) -> None:
    stored = xr.Dataset(
        {"areal": (("element", "row", "col"), MAPS), "mean": (("row", "col"), MAPS[0])}, {"element": LABELS}
    )
    found = xrfsr.open_scan(save(stored, tmp_path / "maps.nc", engine), 0.5)
    assert found["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(found["intensity"], MAPS)


@ENGINES
def test_a_variable_for_each_element(tmp_path: Path, engine: str) -> None:
    stored = xr.Dataset({label: (("y", "x"), one) for label, one in zip(LABELS, MAPS, strict=True)})
    found = xrfsr.open_scan(save(stored, tmp_path / "maps.nc", engine), 0.5)
    np.testing.assert_array_equal(found["intensity"].sel(line=LABELS), MAPS)


@pytest.mark.parametrize(
    ("dims", "sideways"),
    [
        (("line", "y", "x"), False),
        (("line", "x", "y"), True),
        (("y", "x", "line"), False),
        (("line", "dim_1", "dim_2"), False),
        (("line", "x", "col"), False),
        (("x",), False),
        (("col", "row"), True),
    ],
)
def test_is_sideways(dims: tuple[str, ...], sideways: bool) -> None:
    assert is_sideways(dims, {}) is sideways

"""Scans that ewoksfluo simulates, fits and regrids are read back, and its fits of points are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput

LINES = {"Ca-K": "Ca_K", "Ce-L": "Ce_L", "Fe-K": "Fe_K", "Si-K": "Si_K"}


@pytest.mark.parametrize("detectors", [1, 2])
@pytest.mark.parametrize(("quantity", "name"), [("count", "parameters"), ("mass_fraction", "massfractions")])
def test_the_regridded_fit_of_a_scan(detectors: int, quantity: str, name: str, produced: Callable[[str], Path]) -> None:
    path = produced("ewoksfluo") / f"scan{detectors}.h5"
    with h5py.File(path) as file:
        group = file[f"1.1/regrid/results/{name}"]
        maps = {line: group[line][()].astype(np.float32) for line in LINES.values()}
        axes = {axis: group[axis][()] for axis in ("sampz", "sampy")}
        assert {group[axis].attrs["units"] for axis in axes} == {"um"}
    scan = xrfsr.open_scan(path, quantity=quantity)  # type: ignore[arg-type]
    for line, own in LINES.items():
        np.testing.assert_array_equal(scan["intensity"].sel(line=line), maps[own])
    for dim, axis in (("y", "sampz"), ("x", "sampy")):
        np.testing.assert_allclose(scan[dim], axes[axis] / 1000)
    assert ("uncertainty" in scan) == (quantity == "count")
    assert scan.attrs["source_program"] == "ewoksfluo"


@pytest.mark.parametrize("name", ["scan1", "scan2", "stack"])
def test_a_fit_of_points_is_refused(name: str, produced: Callable[[str], Path]) -> None:
    path = produced("ewoksfluo") / f"{name}.h5"
    with pytest.raises(InvalidInput, match=r"108 points.* not arranged on a grid; choose .* group='/1\.1/regrid'"):
        xrfsr.open_scan(path, 1.0, group="1.1/fit/mca0")
    with pytest.raises(InvalidInput, match="run the task RegridXrfResults"):
        xrfsr.open_scan(path.with_name(f"{name}_points.h5"), 1.0)


def test_a_scan_of_a_stack(produced: Callable[[str], Path]) -> None:
    path = produced("ewoksfluo") / "stack.h5"
    with pytest.raises(InvalidInput, match=r"stack of 3 scans along 'energy' \(12 to 12\.02 keV\)"):
        xrfsr.open_scan(path)
    with h5py.File(path) as file:
        iron = file["1.1/regrid/results/parameters/Fe_K"][()].astype(np.float32)
    tree = xr.open_datatree(path, engine="xrfsr")
    for index in range(3):
        scan = xrfsr.open_scan(path, index=index)
        np.testing.assert_array_equal(scan["intensity"].sel(line="Fe-K"), iron[index])
        np.testing.assert_array_equal(tree[f"1.1/regrid/{index}/intensity"].sel(line="Fe-K"), iron[index])
        assert scan.attrs["source_position"] == f"energy = {12 + index / 100:g} keV"

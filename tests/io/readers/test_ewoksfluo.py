"""Fits of ewoksfluo: of points that lie on no grid, on a grid, in a stack, and wherever they are in the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

import xrfsr
from xrfsr.errors import InvalidInput

LINES = ("Ca_K", "Fe_K", "Pb_L")
MAPS = np.arange(3 * 4 * 5 * 7, dtype=np.float64).reshape(3, 4, 5, 7) + 1  # (line, scan, y, x)


def add_fit(
    path: Path, place: str, values: np.ndarray, axes: Sequence[str] = (), *, program: str | None = "ewoksfluo"
) -> None:
    """Add a fit as ewoksfluo writes it; `values` has the shape (line, ...)."""
    with h5py.File(path, "a") as file:
        process = file.create_group(place)
        process.attrs["NX_class"] = "NXprocess"
        if program is not None:
            process["program"] = program
        entry, *between = place.strip("/").split("/")[:-1]
        file[entry].attrs["NX_class"] = "NXentry"
        for depth in range(len(between)):
            file["/".join([entry, *between[: depth + 1]])].attrs["NX_class"] = "NXcollection"
        for name, factor in (("parameters", 1.0), ("uncertainties", 0.1), ("massfractions", 0.001)):
            group = process.create_group(f"results/{name}")
            group.attrs.update({"NX_class": "NXdata", "signal": LINES[0], "auxiliary_signals": LINES[1:]})
            for line, one in zip(LINES, values, strict=True):
                group[line] = factor * one
            if not axes:
                continue
            group.attrs["axes"] = list(axes)
            for axis, size in zip(axes, values.shape[1:], strict=True):
                stack = axis == "energy"
                group[axis] = 12 + 0.01 * np.arange(size) if stack else 250.0 * np.arange(size)
                group[axis].attrs["units"] = "keV" if stack else "um"


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, **options)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("scans", [None, 1, 2, 3, 48])
@pytest.mark.parametrize("place", ["1.1/fit/mca0", "1.1/norm", "entry/fit/mca0", "12.2/a/b/c"])
def test_points_on_no_grid_are_refused_however_many_scans(tmp_path: Path, place: str, scans: int | None) -> None:
    points = np.ones((3, 108) if scans is None else (3, scans, 108))
    add_fit(tmp_path / "fit.h5", place, points)
    said = refusal(tmp_path / "fit.h5", pixel_size=1.0)
    assert "108 points" in said
    assert "are not arranged on a grid; run the task RegridXrfResults of ewoksfluo" in said
    if scans is not None:
        assert f"of {scans} scan" in said


@pytest.mark.parametrize(("place", "points"), [("1.1/norm", True), ("entry/fit/mca0", True), ("painting/fit", False)])
def test_two_dimensions_of_an_unknown_program(tmp_path: Path, place: str, points: bool) -> None:
    """PyMca writes maps without axes, ewoksfluo never does: where the program is not named, the place tells."""
    path = tmp_path / "fit.h5"
    add_fit(path, place, MAPS[:, 0], program=None)
    if points:
        assert "are not arranged on a grid" in refusal(path, pixel_size=1.0)
    else:
        np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0).intensity, MAPS[:, 0])


def test_maps_of_pymca_need_no_axes_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "fit.h5"
    add_fit(path, "1.1/xrf_fit", MAPS[:, 0], program="pymca")
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0).intensity, MAPS[:, 0])


@pytest.mark.parametrize("place", ["1.1/fit/mca0", "1.1/regrid", "1.1/a/b/regrid"])
def test_a_fit_at_any_depth_is_found(tmp_path: Path, place: str) -> None:
    path = tmp_path / "fit.h5"
    add_fit(path, place, MAPS[:, 0], ["samz", "samy"])
    scan = xrfsr.open_scan(path)
    np.testing.assert_array_equal(scan.intensity, MAPS[:, 0])
    assert float(scan.y[1] - scan.y[0]) == pytest.approx(0.25)
    assert scan.attrs["source_group"] == f"/{place}/results/parameters"


def test_the_only_fit_on_a_grid_is_read(tmp_path: Path) -> None:
    path = tmp_path / "fit.h5"
    for detector in ("mca0", "mca1"):
        add_fit(path, f"1.1/fit/{detector}", np.zeros((3, 35)))
    add_fit(path, "1.1/norm", np.zeros((3, 35)))
    add_fit(path, "1.1/regrid", MAPS[:, 0], ["samz", "samy"])
    np.testing.assert_array_equal(xrfsr.open_scan(path).intensity, MAPS[:, 0])
    said = refusal(path, group="1.1/fit/mca1")
    assert "shape (35,): 35 points, which are not arranged on a grid; choose one that is: group='/1.1/regrid'" in said
    add_fit(path, "2.1/regrid", MAPS[:, 1], ["samz", "samy"])
    assert "contains 2 fits; choose one: group='/1.1/regrid', group='/2.1/regrid'" in refusal(path)
    np.testing.assert_array_equal(xrfsr.open_scan(path, group="2.1").intensity, MAPS[:, 1])


def test_a_second_name_of_a_group_or_a_circle_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "fit.h5"
    add_fit(path, "1.1/fit/mca0", MAPS[:, 0], ["samz", "samy"])
    with h5py.File(path, "a") as file:
        file["1.1/fit/again"] = file["1.1"]
        file["1.1/root"] = file["/"]
        file["1.1/copy"] = file["1.1/fit/mca0"]
    np.testing.assert_array_equal(xrfsr.open_scan(path).intensity, MAPS[:, 0])


@pytest.mark.parametrize("index", [0, 1, 3, np.int64(2)])
def test_a_scan_of_a_stack(tmp_path: Path, index: int) -> None:
    path = tmp_path / "fit.h5"
    add_fit(path, "1.1/regrid", MAPS, ["energy", "samz", "samy"])
    scan = xrfsr.open_scan(path, index=index)
    np.testing.assert_array_equal(scan.intensity, MAPS[:, index])
    np.testing.assert_allclose(scan.uncertainty, 0.1 * MAPS[:, index], rtol=1e-6)
    assert scan.attrs["source_index"] == index
    assert scan.attrs["source_position"] == f"energy = {12 + 0.01 * index:g} keV"
    assert scan.y.values.tolist() == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    part = xrfsr.open_scan(path, index=index, quantity="mass_fraction", lines=["Pb-L"], chunks={})
    np.testing.assert_allclose(part.intensity[0, 2:, ::3], 0.001 * MAPS[2, index, 2:, ::3], rtol=1e-6)


def test_which_scan_of_a_stack_must_be_said(tmp_path: Path) -> None:
    path = tmp_path / "fit.h5"
    add_fit(path, "1.1/regrid", MAPS, ["energy", "samz", "samy"])
    assert "is a stack of 4 scans along 'energy' (12 to 12.03 keV); choose one with index=0 to index=3" in refusal(path)
    assert "index must be from 0 to 3 for the stack" in refusal(path, index=4)
    for wrong in (-1, 1.0, "1", True):
        assert "index must be an integer ≥ 0, got" in refusal(path, index=wrong)
    with h5py.File(path, "a") as file:
        del file["1.1/regrid/results/parameters/energy"]  # no reason to refuse the maps
    assert "is a stack of 4 scans along 'energy'; choose" in refusal(path)
    np.testing.assert_array_equal(xrfsr.open_scan(path, index=1).intensity, MAPS[:, 1])


def test_a_stack_of_one_scan_and_an_index_without_a_stack(tmp_path: Path) -> None:
    add_fit(tmp_path / "one.h5", "1.1/regrid", MAPS[:, :1], ["energy", "samz", "samy"])
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "one.h5").intensity, MAPS[:, 0])
    add_fit(tmp_path / "map.h5", "1.1/regrid", MAPS[:, 0], ["samz", "samy"])
    assert "index=0 was passed, but" in refusal(tmp_path / "map.h5", index=0)

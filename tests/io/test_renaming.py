"""Maps are given labels by their names in the file, and chosen by their element alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr

import xrfsr
from tests import written
from xrfsr import InvalidInput

FORMATS: list[Callable[[Path], Path]] = [
    written.pymca_hdf5,
    written.pymca_csv,
    written.pymca_pages,
    written.pymca_folder,
    written.ewoksfluo,
    written.pyxrf,
    written.xrf_maps,
    written.datamuncher,
    written.datastack,
    written.tiff_folder,
    written.imagej,
]


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_maps_get_the_labels_of_the_caller(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path)
    size = None if write is written.ewoksfluo else "1 mm"
    plain = xrfsr.open_scan(path, pixel_size=size)
    # Names that are lines may be in any spelling; these exchange two labels.
    scan = xrfsr.open_scan(path, pixel_size=size, lines={"Pb-L": "Ca-K", "Ca-K": "Hg-La"})
    assert scan.line.values.tolist() == ["Ca-K", "Hg-La"]
    assert scan.element.values.tolist() == ["Ca", "Hg"]
    np.testing.assert_array_equal(scan.intensity, plain.intensity.sel(line=["Pb-L", "Ca-K"]))
    if "uncertainty" in plain:
        np.testing.assert_array_equal(scan.uncertainty, plain.uncertainty.sel(line=["Pb-L", "Ca-K"]))
    again = xrfsr.open_scan(path, pixel_size=size, lines=["Pb", "Fe"])
    assert again.line.values.tolist() == ["Pb-L", next(label for label in plain.line.values if label.startswith("Fe"))]


@pytest.mark.parametrize("name", ["Pb", "Au", "Hg", "PbLg", "BSE", "map 3", "Pb_Sn"])
@pytest.mark.parametrize("called", ["{}", "{}.tif", "xrf_{}", "xrf_{}.tif"])
def test_names_that_are_no_lines_are_given_one(tmp_path: Path, name: str, called: str) -> None:
    for number, each in enumerate((name, "Ca_K", "Fe_Ka")):
        tifffile.imwrite(tmp_path / f"xrf_{each}.tif", written.MAPS[number])
        tifffile.imwrite(tmp_path / f"xrf_s({each}).tif", written.ERRORS[number])
    lines = {called.format("Ca_K"): "Ca-K", called.format(name): "Pb-Lb"}
    if called in ("{}.tif",):
        lines = {"Ca_K": "Ca-K", name: "Pb-Lb"}
    scan = xrfsr.open_scan(tmp_path, pixel_size="1 mm", lines=lines)
    assert scan.line.values.tolist() == ["Ca-K", "Pb-Lb"]
    np.testing.assert_array_equal(scan.intensity, written.MAPS[[1, 0]])
    np.testing.assert_array_equal(scan.uncertainty, written.ERRORS[[1, 0]])


def test_columns_of_a_table_are_given_labels(tmp_path: Path) -> None:
    path = tmp_path / "fit.csv"
    path.write_text('"row";"column";"Au";"Hg";"s(Hg)"\n0;0;1;2;0.5\n0;1;3;4;0.7\n')
    with pytest.raises(InvalidInput, match="'Au' alone would mean the K line"):
        xrfsr.open_scan(path, pixel_size="1 mm")
    scan = xrfsr.open_scan(path, pixel_size="1 mm", lines={"Hg": "Hg-L"})
    assert scan.line.values.tolist() == ["Hg-L"]
    np.testing.assert_allclose(scan.uncertainty, [[[0.5, 0.7]]], rtol=1e-6)


def test_stores_are_given_labels(tmp_path: Path) -> None:
    scan = xrfsr.as_scan(written.MAPS, written.LABELS, "1 mm")
    scan.xrfsr.to_zarr(tmp_path / "scan.zarr")
    found = xrfsr.open_scan(tmp_path / "scan.zarr", lines={"Pb_L": "Hg-L", "Ca-K": "Ca-Ka"})
    assert found.line.values.tolist() == ["Hg-L", "Ca-Ka"]
    assert found.element.values.tolist() == ["Hg", "Ca"]
    np.testing.assert_array_equal(found.intensity, written.MAPS[[2, 0]])
    assert xrfsr.open_scan(tmp_path / "scan.zarr", lines=["Pb"]).line.item() == "Pb-L"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ({}, "lines is empty; give names in the file and labels"),
        ({"Qq": "Ca-K"}, "lines names Qq, but the maps of '.*' are Ca K, Fe Ka, Pb L; choose from these"),
        ({"Ca K": "Pb"}, "'Pb' alone would mean the K line"),
        ({"Ca K": "Ca-K", "Pb L": "Ca_K"}, "are the same line, Ca-K"),
        ({"Ca K": "Ca-K", "Ca_K": "Fe-K"}, "lines names the map 'Ca K' twice"),
        ({"Ca K": "s(Ca-K)"}, r"'s\(Ca-K\)' names an uncertainty"),
        ({"Ca K": 20}, "labels must be text such as 'Ca-K', got 20"),
        ({3: "Ca-K"}, "lines names 3, but"),
        (["Sn", "Ca"], "Sn: not in"),
        (["Ca", "Ca-K"], "'Ca-K' and 'Ca' are the same line, Ca-K"),
    ],
)
def test_faults_of_labels(tmp_path: Path, lines: object, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        xrfsr.open_scan(written.datamuncher(tmp_path), pixel_size="1 mm", lines=lines)  # type: ignore[arg-type]


def test_a_symbol_with_several_lines_in_the_file_names_them(tmp_path: Path) -> None:
    for number, name in enumerate(("Sn_K", "Sn_L", "Ca_K")):
        tifffile.imwrite(tmp_path / f"{name}.tif", written.MAPS[number])
    with pytest.raises(InvalidInput, match="write 'Sn-K' or 'Sn-L'"):
        xrfsr.open_scan(tmp_path, pixel_size="1 mm", lines=["Sn"])


def test_spectra_have_no_names_and_take_the_labels(tmp_path: Path) -> None:
    path = written.ripple(tmp_path)
    scan = xrfsr.open_scan(path, lines={"Fe_K": "Fe-K", "calcium": "Ca-K"})
    xr.testing.assert_identical(scan.load(), xrfsr.open_scan(path, lines=["Fe-K", "Ca-K"]).load())

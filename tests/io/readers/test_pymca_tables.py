"""Tables and HDF5 files of PyMca that were changed after the fit: other columns, sorted rows, decimal commas."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from written import ERRORS, LABELS, MAPS, pymca

import xrfsr
from xrfsr.errors import InvalidInput

HEADER = ["row", "column", "w(Ca_K)", "Ca_K", "Fe_Ka", "Pb_L", "s(Ca_K)", "s(Fe_Ka)", "s(Pb_L)"]
PIXELS = [(y, x) for y in range(MAPS.shape[1]) for x in range(MAPS.shape[2])]
ROWS = [
    [str(y), str(x), *(f"{value:.9g}" for value in (0.5, *(MAPS[:, y, x] + 0.25), *ERRORS[:, y, x]))] for y, x in PIXELS
]


def write(path: Path, rows: list[list[str]], header: list[str] = HEADER, separator: str = ";", end: str = "\n") -> Path:
    path.write_bytes((end.join(map(separator.join, [header, *rows])) + end).encode())
    return path


def opened(path: Path, **options: object) -> tuple[xr.Dataset, list[str]]:
    """Open a file; return the scan and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scan = xrfsr.open_scan(path, 1.0, **options).load()  # type: ignore[arg-type]
    return scan, [str(one.message) for one in caught]


def check_maps(scan: xr.Dataset) -> None:
    np.testing.assert_array_equal(scan["intensity"].sel(line=LABELS), MAPS + np.float32(0.25))
    np.testing.assert_allclose(scan["uncertainty"].sel(line=LABELS), ERRORS)


@pytest.mark.parametrize("name", ["total", "foo_bar", "sum", "I0", "s(total)", "s(Zn_K)", "Pb"])
@pytest.mark.parametrize(("suffix", "separator"), [("csv", ";"), ("dat", "  ")])
def test_a_column_that_is_no_line_is_left_out_with_one_warning(
    tmp_path: Path, name: str, suffix: str, separator: str
) -> None:
    rows = [[*row, "1.5"] for row in ROWS]
    path = write(tmp_path / f"fit.{suffix}", rows, [*HEADER, name], separator)
    scan, [message] = opened(path)
    assert f"are left out: {name} in" in message
    assert scan["line"].values.tolist() == LABELS
    check_maps(scan)
    scan, said = opened(path, lines={name: "Zn-K", "Ca_K": "Ca-K"})
    assert scan["line"].values.tolist() == ["Zn-K", "Ca-K"]
    assert (scan["intensity"][0] == 1.5).all()
    assert not any("left out" in each for each in said)
    assert opened(path, lines=["Ca-K"])[1] == []
    assert opened(path, quantity="mass_fraction")[1] == []


def test_an_unknown_column_goes_with_its_uncertainty_and_two_are_named_once(tmp_path: Path) -> None:
    rows = [[*row, "1", "2", "3", "4"] for row in ROWS]
    scan, [message] = opened(write(tmp_path / "fit.csv", rows, [*HEADER, "total", "s(total)", "w(total)", "my_sum"]))
    assert "are left out: total, my_sum in" in message
    check_maps(scan)


@pytest.mark.parametrize("name", ["chisq", "Compton", "scatter_peak"])
def test_scatter_and_quality_of_the_fit_are_maps_of_their_own_kind(tmp_path: Path, name: str) -> None:
    scan, _ = opened(write(tmp_path / "fit.csv", [[*row, "1.5"] for row in ROWS], [*HEADER, name]))
    assert scan["line"].values.tolist() == [*LABELS, name]
    assert scan["kind"].values.tolist()[:4] != ["element"] * 4
    check_maps(scan)


@pytest.mark.parametrize("name", ["total", "foo bar", "s(Zn K)"])
def test_a_dataset_of_a_fit_that_is_no_line_is_left_out_with_one_warning(tmp_path: Path, name: str) -> None:
    path = pymca(tmp_path) / "IMAGES.h5"
    with h5py.File(path, "a") as file:
        group = file["painting/xrf_fit/results/parameters"]
        group[name] = MAPS[0] / 2
        group.attrs["auxiliary_signals"] = [*group.attrs["auxiliary_signals"], name]
    scan, [message] = opened(path)
    assert f"are left out: {name} in" in message
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], MAPS)
    scan, _ = opened(path, lines={name: "Zn-K"})
    np.testing.assert_array_equal(scan["intensity"][0], MAPS[0] / 2)


def test_a_table_of_unknown_columns_alone_is_refused(tmp_path: Path) -> None:
    rows = [row[:4] for row in ROWS]
    with pytest.raises(InvalidInput, match="unknown line 'total'") as caught:
        opened(write(tmp_path / "fit.csv", rows, ["row", "column", "total", "sum"]))
    assert "unknown line 'sum'" in str(caught.value)


@pytest.mark.parametrize("last", [(4, 6), (2, 3), (6, 4), (0, 0)])
def test_rows_in_any_order(tmp_path: Path, last: tuple[int, int]) -> None:
    order = np.random.default_rng(sum(last)).permutation(len(ROWS)).tolist()
    if last in PIXELS:
        order.append(order.pop(order.index(PIXELS.index(last))))
    scan, said = opened(write(tmp_path / "fit.csv", [ROWS[at] for at in order]))
    check_maps(scan)
    assert said == []


@pytest.mark.parametrize("byte_order_mark", [False, True])
@pytest.mark.parametrize("separator", [";", "\t", "  "])
def test_a_table_that_a_german_spreadsheet_saved(tmp_path: Path, separator: str, byte_order_mark: bool) -> None:
    rows = [[cell.replace(".", ",") for cell in row] for row in ROWS]
    header = HEADER
    if separator != "  ":
        rows, header = [[*row, ""] for row in [*rows, [""] * len(HEADER)]], [*HEADER, ""]
    path = write(tmp_path / "fit.csv", rows, header, separator, "\r\n")
    if byte_order_mark:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    scan, said = opened(path)
    check_maps(scan)
    assert said == []


def test_quoted_cells(tmp_path: Path) -> None:
    rows = [[f'"{cell}"' for cell in row] for row in ROWS]
    check_maps(opened(write(tmp_path / "fit.csv", rows, separator=","))[0])


def changed(**cells: str) -> list[list[str]]:
    """Return the rows with other texts in the columns of some pixels: ``r3c1="x"``."""
    rows = [list(row) for row in ROWS]
    for name, cell in cells.items():
        row, column = map(int, name[1:].split("c"))
        rows[row][column] = cell
    return rows


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([*ROWS, *ROWS[3:5]], ["2 of the pixels of 5 rows and 7 columns are there more than once", "lines 5, 37"]),
        ([*ROWS[:3], ROWS[4], *ROWS[4:]], ["row 0, column 4 (lines 5, 6)", "1 of the", "is missing: row 0, column 3"]),
        ([*ROWS[:10], *ROWS[20:]], ["10 of the pixels of 5 rows and 7 columns are missing: such as row 1, column 3"]),
        (ROWS[1:], ["is missing: row 0, column 0"]),
        (ROWS[:-2], ["are missing: row 4, column 5; row 4, column 6"]),
        ([*ROWS[:-1], ROWS[-1][:5]], ["line 36", "has too few values: the first line has 9 names"]),
        (changed(r4c0="0.5"), ["line 6", "does not begin with a row and a column"]),
        (changed(r4c0=""), ["line 6", "does not begin with a row and a column"]),
        (changed(r4c1="x"), ["line 6", "does not begin with a row and a column"]),
        (changed(r4c1="-1"), ["line 6", "does not begin with a row and a column"]),
        (changed(r4c0="9" * 30), ["line 6", "does not begin with a row and a column"]),
        (changed(r4c0="999999999"), ["of the pixels of 1000000000 rows and 7 columns are missing"]),
        (changed(r4c4="100,5"), ["decimal commas (line 6) and points (line 2)"]),
        ([["0", "0", "1", "1,234", "567", "1", "1", "1", "1"]], ["'1,234'", "thousands or decimals"]),
        (changed(r4c3="01. Mai"), ["a value that is not a number", "01. Mai"]),
        ([], ["contains no pixel"]),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, rows: list[list[str]], parts: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        opened(write(tmp_path / "fit.csv", rows))
    assert all(part in str(caught.value) for part in [*parts, "fit.csv"]), str(caught.value)


def test_a_table_that_loses_a_pixel_after_it_was_opened(tmp_path: Path) -> None:
    path = write(tmp_path / "fit.csv", ROWS)
    scan = xrfsr.open_scan(path, 1.0)
    write(path, ROWS[:-1])
    with pytest.raises(InvalidInput, match="has other pixels than when it was opened"):
        scan.load()

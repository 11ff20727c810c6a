"""Which of several results in a datastack of maxrf4u is read, and how its elements are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import xrfsr
from xrfsr.errors import InvalidInput

MAPS = np.arange(3 * 5 * 7, dtype=np.float32).reshape(3, 5, 7) + 1
# zarr v3 warns that fixed-width text is in no standard.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*does not have a Zarr V3 specification")

Text = Sequence[str]
Numbers = Sequence[float]


def write(path: Path, *arrays: tuple[str, Any], zarr_format: Any = 3) -> Path:
    """Write arrays in this order; a float is a number of maps to write, each of which is that float."""
    store = zarr.storage.ZipStore(path, mode="w")
    root = zarr.create_group(store, zarr_format=zarr_format)
    for name, values in arrays:
        root.create_array(name, data=np.asarray(values))
    store.close()
    return path


def opened(path: Path) -> tuple[list[str], float]:
    scan = xrfsr.open_scan(path, 1.0)
    return scan["line"].values.tolist(), float(scan["intensity"][0, 0, 0])


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, 1.0)
    return str(caught.value)


@pytest.mark.parametrize(("kind", "zarr_format"), [("text", 2), ("text", 3), ("numbers", 3)])
@pytest.mark.parametrize("results", [2, 3, 11])
def test_the_newest_result_is_read(tmp_path: Path, results: int, kind: str, zarr_format: int) -> None:
    arrays: list[tuple[str, Any]] = [("maxrf_cube", np.zeros((5, 7, 4)))]
    for number in range(results):
        last = number == results - 1
        arrays.append((f"nmf_elementmaps{'_' * number}", MAPS[: 3 if last else 2] * 10 ** (number % 4)))
        arrays.append((f"nmf_peaks2elements_matrix{'_' * number}", np.ones((2, 9))))
        names: Any = ["Fe", "Cu", "Ca"] if last else ["Ti", "Zn"]
        if kind == "numbers":
            names = [26, 29, 20] if last else [22, 30]
        arrays.append((f"nmf_{'elements' if kind == 'text' else 'atomnums'}{'_' * number}", names))
    path = write(tmp_path / "maps.datastack", *arrays, zarr_format=zarr_format)
    assert opened(path) == (["Fe-K", "Cu-K", "Ca-K"], 10.0 ** ((results - 1) % 4))


@pytest.mark.parametrize(
    ("number", "line", "dtype"), [(12, "Mg-K", "u1"), (20, "Ca-K", "<i4"), (26, "Fe-K", "<i8"), (50, "Sn-K", "<f8")]
)
def test_atomic_numbers(tmp_path: Path, number: int, line: str, dtype: str) -> None:
    names = np.array([13, number, 47], dtype)
    path = write(tmp_path / "a.datastack", ("nmf_elementmaps", MAPS), ("nmf_atomnums", names))
    assert opened(path)[0] == ["Al-K", line, "Ag-K"]


@pytest.mark.parametrize("wrong", [[0, 1, 2], [20, 26, 99], [20, 26, -1], [20.0, 26.5, 29.0], [20, 26, np.nan]])
def test_numbers_that_are_no_elements(tmp_path: Path, wrong: Numbers) -> None:
    path = write(tmp_path / "a.datastack", ("nmf_elementmaps", MAPS), ("nmf_atomnums", wrong))
    assert "expected atomic numbers from 1 to 98" in refusal(path)


def test_text_of_a_release_and_numbers_of_a_later_one(tmp_path: Path) -> None:
    old = [("nmf_elementmaps", MAPS), ("nmf_elements", ["Ti", "Zn", "Mn"])]
    new = [("nmf_elementmaps_", 5 * MAPS), ("nmf_atomnums", [26, 29, 20])]
    assert opened(write(tmp_path / "a.datastack", *old, *new)) == (["Fe-K", "Cu-K", "Ca-K"], 5.0)
    # An older release used after a newer one.
    old = [("nmf_elementmaps", MAPS), ("nmf_atomnums", [26, 29, 20])]
    new = [("nmf_elementmaps_", 5 * MAPS), ("nmf_elements", ["Ti", "Zn", "Mn"])]
    assert opened(write(tmp_path / "b.datastack", *old, *new)) == (["Ti-K", "Zn-K", "Mn-K"], 5.0)


def test_a_repacked_file_with_text_and_numbers(tmp_path: Path) -> None:
    """maxrf4u's `repack` keeps the newest array of each name, sorted by name, so that their order says nothing."""
    numbers, maps = ("nmf_atomnums", [26, 29, 20]), ("nmf_elementmaps", MAPS)
    path = write(tmp_path / "same.datastack", numbers, maps, ("nmf_elements", ["Fe", "Cu", "Ca"]))
    assert opened(path)[0] == ["Fe-K", "Cu-K", "Ca-K"]
    path = write(tmp_path / "count.datastack", numbers, maps, ("nmf_elements", ["Ti", "Zn"]))
    assert opened(path)[0] == ["Fe-K", "Cu-K", "Ca-K"]
    path = write(tmp_path / "other.datastack", numbers, maps, ("nmf_elements", ["Ti", "Zn", "Mn"]))
    assert "'nmf_elements', 'nmf_atomnums' in" in (said := refusal(path))
    assert "name different elements" in said


def test_maps_that_are_newer_than_their_names(tmp_path: Path) -> None:
    """As after an interruption: the same names may be right, so a warning says which are taken."""
    old = [("nmf_elementmaps", MAPS), ("nmf_elements", ["Fe", "Cu", "Ca"])]
    path = write(tmp_path / "a.datastack", *old, ("nmf_elementmaps__", 5 * MAPS))
    with pytest.warns(UserWarning, match="2 results but the elements of 1: those of nmf_elements are taken for"):
        assert opened(path) == (["Fe-K", "Cu-K", "Ca-K"], 5.0)
    path = write(tmp_path / "b.datastack", *old, ("nmf_elementmaps_", MAPS[:2]))
    assert "'nmf_elementmaps_' in" in (said := refusal(path))
    assert "has 2 maps, but 'nmf_elements' has 3 names" in said


def test_names_that_only_begin_alike_are_other_arrays(tmp_path: Path) -> None:
    more = [("nmf_elementmaps_old", 9 * MAPS), ("nmf_elements2", ["Ti", "Zn"]), ("nmf_atomnums_x", [1, 2, 3])]
    path = write(tmp_path / "a.datastack", ("nmf_elementmaps", MAPS), ("nmf_elements", ["Fe", "Cu", "Ca"]), *more)
    assert opened(path) == (["Fe-K", "Cu-K", "Ca-K"], 1.0)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert "has no nmf_elementmaps and no nmf_elements or nmf_atomnums" in refusal(write(tmp_path / "a.datastack"))
    path = write(tmp_path / "b.datastack", ("nmf_elementmaps", MAPS))
    assert "has no nmf_elements or nmf_atomnums; compute the element maps in maxrf4u first" in refusal(path)

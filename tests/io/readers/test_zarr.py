"""Scans from zarr stores: lazy, in consistent chunks, and with errors that name what is damaged."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput
from xrfsr.io.open import open_scan
from xrfsr.io.writers.zarr import to_zarr

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def store(tmp_path: Path, scan: xr.Dataset) -> Path:
    """Write a scan with all optional variables in small chunks."""
    valid = (("y", "x"), np.arange(12 * 16).reshape(12, 16) % 5 > 0)
    full = scan.assign(uncertainty=np.sqrt(scan["intensity"]).assign_attrs(units="count"), valid=valid)
    full = full.assign_coords(share=("line", [0.1, 0.5, 0.9]), note=("line", np.array(["a", "b", "c"], object)))
    to_zarr(ensure_scan(full), tmp_path / "scan.zarr", chunks={"y": 5, "x": 7})
    return tmp_path / "scan.zarr"


def test_opens_lazily_and_identical(store: Path) -> None:
    assert not open_scan(store).chunks
    scan = open_scan(store, chunks={})
    assert scan.chunks == {"line": (1, 1, 1), "y": (5, 5, 2), "x": (7, 7, 2)}
    assert scan["share"].chunks == ((1, 1, 1),)
    xr.testing.assert_identical(scan.load(), xr.open_zarr(store).load())


def test_can_be_worked_on_piece_by_piece(store: Path) -> None:
    scan = open_scan(store, lines=["pb_l", "Ca-K"], chunks={})
    assert scan["line"].values.tolist() == ["Pb-L", "Ca-K"]
    doubled = scan[["intensity"]].map_blocks(lambda block: block * 2)
    xr.testing.assert_allclose(doubled.load(), scan[["intensity"]].load() * 2)
    xr.testing.assert_identical(pickle.loads(pickle.dumps(open_scan(store))).load(), open_scan(store).load())


@pytest.mark.parametrize("consolidated", [True, False])
def test_opens_stores_of_other_programs(tmp_path: Path, store: Path, consolidated: bool) -> None:
    scan = open_scan(store).load()
    # Maps in chunks and other variables in one, which xarray would report as inconsistent.
    encoding = {"intensity": {"chunks": (1, 4, 4)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of zarr about consolidated metadata and text
        scan.to_zarr(tmp_path / "other.zarr", zarr_format=3, consolidated=consolidated, encoding=encoding)
    again = open_scan(tmp_path / "other.zarr", chunks={})
    assert again.chunks["line"] == (1, 1, 1)
    assert again.chunks["y"] == (4, 4, 4)
    xr.testing.assert_identical(again.load(), scan)


def test_arguments_that_a_store_has_no_use_for_come_together(store: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_scan(store, "0.5 mm", units="count/s", lines=["Hg-L", "Qq"])
    assert len(caught.value.faults) == 4
    for part in (
        "pixel_size='0.5 mm' was passed, but .* stores its own coordinates",
        "units='count/s' was passed, but .* stores its own units",
        "unknown line 'Qq'",
        "Hg-L: not in .* which has Ca-K, Fe-Ka, Pb-L",
    ):
        caught.match(part)
    assert str(store) in str(caught.value)


def test_units_are_those_of_the_store(tmp_path: Path, scan: xr.Dataset) -> None:
    scan["intensity"].attrs["units"] = "count/s"
    to_zarr(scan, tmp_path / "rate.zarr")
    assert open_scan(tmp_path / "rate.zarr")["intensity"].attrs["units"] == "count/s"


@pytest.mark.parametrize("text", ["{", "[]", "", '{"zarr_format": 3, "node_type": "gro'])
def test_broken_metadata_are_reported(store: Path, text: str) -> None:
    (store / "zarr.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"scan\.zarr' cannot be read \(.+\): it is damaged"):
        open_scan(store)


def test_broken_metadata_of_one_variable_are_reported(store: Path) -> None:
    root = json.loads((store / "zarr.json").read_text())
    del root["consolidated_metadata"]
    (store / "zarr.json").write_text(json.dumps(root))
    (store / "intensity" / "zarr.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"scan\.zarr'"):
        open_scan(store)


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize(
    ("chunk", "when"),
    [("line/c/0", "opened"), ("x/c/0", "opened"), ("intensity/c/1/2/0", "read"), ("share/c/0", "read")],
)
def test_a_broken_chunk_is_reported_by_name(store: Path, chunk: str, when: str, share: float) -> None:
    whole = (store / chunk).read_bytes()
    (store / chunk).write_bytes(whole[: int(share * len(whole))])
    if when == "opened":
        with pytest.raises(InvalidInput, match=r"scan\.zarr' cannot be read"):
            open_scan(store)
        return
    scan = open_scan(store)
    name = chunk.partition("/")[0]
    with pytest.raises(InvalidInput, match=rf"'{name}' in '.*scan\.zarr' cannot be read \(.+\): it is damaged"):
        scan.load()
    # Other variables can still be read.
    np.testing.assert_array_equal(scan["valid"].values, open_scan(store)["valid"].values)


@pytest.mark.parametrize("mark", [".zgroup", ".zattrs", ".zmetadata"])
def test_stores_of_version_2_are_refused_with_the_fix(tmp_path: Path, scan: xr.Dataset, mark: str) -> None:
    scan.to_zarr(tmp_path / "old.zarr", zarr_format=2)
    for name in {".zgroup", ".zattrs", ".zmetadata"} - {mark}:
        (tmp_path / "old.zarr" / name).unlink()
    with pytest.raises(InvalidInput, match=r"old\.zarr' is a zarr store of version 2.*xr\.open_zarr"):
        open_scan(tmp_path / "old.zarr")


def test_stores_of_other_things_are_named(tmp_path: Path, photo: xr.DataArray) -> None:
    to_zarr(photo, tmp_path / "photo.zarr")
    with pytest.raises(InvalidInput, match=r"zarr store '.*photo\.zarr'") as caught:
        open_scan(tmp_path / "photo.zarr")
    caught.match("no variable 'intensity'")
    zarr.create_array(tmp_path / "array.zarr", shape=(3,), dtype="f4")
    with pytest.raises(InvalidInput, match=r"array\.zarr' cannot be read"):
        open_scan(tmp_path / "array.zarr")

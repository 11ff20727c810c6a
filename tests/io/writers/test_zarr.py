"""Zarr stores are read back identically, and are either complete or absent."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xrfsr.core.from_arrays import as_scan
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.zarr import MIN_SHARDED_SIDE, to_zarr

pytestmark = pytest.mark.filterwarnings("error")


def nan_scan(scan: xr.Dataset) -> xr.Dataset:
    """Return a scan with everything that a scan may contain, including NaN pixels."""
    full = as_scan(
        scan["intensity"].where(scan["intensity"] > 20).values,
        lines=["Ca-K", "Fe-Ka", "Scatter_Peak000"],
        pixel_size=0.3,
        uncertainty=np.sqrt(scan["intensity"].values),
        valid=scan["intensity"].values[0] > 10,
    )
    full.attrs = {"method": "unfolding", "scale": 4, "seed": 0, "weight": 0.25, "supervised": True}
    return full


@pytest.mark.parametrize("options", [{}, {"chunks": None}, {"decode_cf": True}])
def test_opens_identical(tmp_path: Path, scan: xr.Dataset, options: dict[str, object]) -> None:
    full = nan_scan(scan)
    to_zarr(full, tmp_path / "scan.zarr")
    again = xr.open_zarr(tmp_path / "scan.zarr", **options).load()
    xr.testing.assert_identical(again, full)
    assert again["intensity"].dtype == np.float32
    assert again["valid"].dtype == bool
    xr.testing.assert_identical(xr.open_dataset(tmp_path / "scan.zarr", engine="zarr").load(), full)


def test_is_zarr_v3_with_units_as_text(tmp_path: Path, scan: xr.Dataset) -> None:
    to_zarr(scan, tmp_path / "scan.zarr")
    stored = json.loads((tmp_path / "scan.zarr" / "intensity" / "zarr.json").read_text())
    assert stored["zarr_format"] == 3
    assert stored["attributes"]["units"] == "count"
    assert json.loads((tmp_path / "scan.zarr" / "x" / "zarr.json").read_text())["attributes"]["units"] == "mm"
    assert json.loads((tmp_path / "scan.zarr" / "line" / "zarr.json").read_text())["data_type"] == "string"


@settings(max_examples=15)
@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 30), st.integers(1, 30)),
    chunks=st.fixed_dictionaries({}, optional={name: st.integers(1, 40) for name in ("line", "y", "x")}),
    pieces=st.none() | st.tuples(st.integers(1, 4), st.integers(1, 30), st.integers(1, 30)),
)
def test_any_chunks_from_numpy_and_dask(
    tmp_path_factory: pytest.TempPathFactory,
    size: tuple[int, int, int],
    chunks: dict[str, int],
    pieces: tuple[int, int, int] | None,
) -> None:
    path = tmp_path_factory.mktemp("store") / "maps.zarr"
    maps = np.arange(np.prod(size), dtype="float32").reshape(size)
    plain = xr.Dataset({"intensity": (("line", "y", "x"), maps)}, {"line": np.array(list("abcd")[: size[0]], object)})
    given = plain if pieces is None else plain.chunk(dict(zip(("line", "y", "x"), pieces, strict=True)))
    to_zarr(given, path, chunks=chunks)
    xr.testing.assert_identical(xr.open_zarr(path).load(), plain)


@pytest.mark.parametrize("lazy", [False, True])
def test_large_maps_are_sharded(tmp_path: Path, lazy: bool) -> None:
    side = MIN_SHARDED_SIDE + 50
    maps = np.random.default_rng(0).random((2, 60, side), dtype="float32")
    plain = xr.Dataset({"intensity": (("line", "y", "x"), maps)}, {"line": np.array(["a", "b"], object)})
    # Chunks that match no shard: if they were written unchanged, two of them would write to the same file.
    to_zarr(plain.chunk({"line": 2, "x": 777}) if lazy else plain, tmp_path / "maps.zarr")
    again = xr.open_zarr(tmp_path / "maps.zarr")
    assert again["intensity"].encoding["chunks"] == (1, 60, 512)
    assert again["intensity"].encoding["shards"] == (1, 60, 2048)
    assert len(list((tmp_path / "maps.zarr" / "intensity" / "c").rglob("[0-9]*/[0-9]*/[0-9]*"))) == 4
    xr.testing.assert_identical(again.load(), plain)


def test_part_of_a_sharded_store_can_be_stored_again(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).random((40, MIN_SHARDED_SIDE + 50), dtype="float32")
    to_zarr(xr.Dataset({"map": (("y", "x"), maps)}), tmp_path / "whole.zarr")
    # The reopened part has an encoding with chunks and shards that no longer fit.
    part = xr.open_zarr(tmp_path / "whole.zarr").isel(y=slice(3, 20), x=slice(5, 700))
    to_zarr(part, tmp_path / "part.zarr")
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "part.zarr").load(), part.load())


def test_fixed_width_text_is_stored_without_a_warning(tmp_path: Path) -> None:
    narrow = xr.Dataset(
        {"a": ("line", [1.0, 2.0])}, {"line": ["Ca-K", "Pb-L"], "note": ("line", np.array(["x", "yy"]))}
    )
    assert narrow["note"].dtype.kind == "U"
    to_zarr(narrow, tmp_path / "text.zarr")
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "text.zarr").load(), narrow)


@pytest.mark.parametrize("name", ["rgb", None])
def test_data_arrays(tmp_path: Path, photo: xr.DataArray, name: str | None) -> None:
    given = photo.rename(name)
    to_zarr(given, tmp_path / "photo.zarr")
    xr.testing.assert_identical(xr.open_dataarray(tmp_path / "photo.zarr", engine="zarr").load(), given)


def test_one_line_with_its_scalar_coordinates(tmp_path: Path, scan: xr.Dataset) -> None:
    one = scan.sel(line="Ca-K")
    to_zarr(one, tmp_path / "one.zarr")
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "one.zarr").load(), one)


@pytest.mark.filterwarnings("default")  # pint's own, on import
@pytest.mark.parametrize("units", ["count", "count/s", "dimensionless"])
def test_quantities_become_units_as_text(tmp_path: Path, scan: xr.Dataset, units: str) -> None:
    import pint_xarray  # noqa: F401

    scan["intensity"].attrs["units"] = units
    quantified = scan.pint.quantify()
    to_zarr(quantified, tmp_path / "scan.zarr")
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "scan.zarr").load(), scan)


def test_an_existing_path_is_refused_and_left_alone(tmp_path: Path, scan: xr.Dataset) -> None:
    path = tmp_path / "scan.zarr"
    to_zarr(scan, path)
    with pytest.raises(InvalidInput, match=r"scan\.zarr' exists; .*overwrite=True"):
        to_zarr(scan * 2, path)
    xr.testing.assert_identical(xr.open_zarr(path).load(), scan)


def test_overwrite_replaces_a_store_even_by_itself(tmp_path: Path, scan: xr.Dataset) -> None:
    path = tmp_path / "scan.zarr"
    to_zarr(scan.assign(extra=("x", np.arange(16.0))), path)
    stored = xr.open_zarr(path)[["intensity"]]
    to_zarr(stored, path, overwrite=True)
    xr.testing.assert_identical(xr.open_zarr(path).load(), scan)
    assert os.listdir(tmp_path) == ["scan.zarr"]


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("fault", ["compute", "attribute", "chunks"])
def test_nothing_half_written_after_a_failure(tmp_path: Path, scan: xr.Dataset, existing: bool, fault: str) -> None:
    path = tmp_path / "scan.zarr"
    if existing:
        to_zarr(scan, path)

    def burst(block: np.ndarray) -> np.ndarray:
        raise RuntimeError("out of luck")

    bad, chunks = scan, None
    if fault == "compute":
        bad = scan.chunk({"line": 1})
        bad["intensity"] = bad["intensity"].copy(
            data=dask.array.map_blocks(burst, bad["intensity"].data, meta=np.zeros((0, 0, 0), "f4"))
        )
    elif fault == "attribute":
        bad = scan.assign_attrs(thing=object())
    else:
        chunks = {"y": 0}
    with pytest.raises(RuntimeError if fault == "compute" else InvalidInput):
        to_zarr(bad, path, overwrite=existing, chunks=chunks)
    if existing:
        xr.testing.assert_identical(xr.open_zarr(path).load(), scan)
    assert os.listdir(tmp_path) == (["scan.zarr"] if existing else [])


def test_bad_chunks_and_a_missing_parent_come_together(tmp_path: Path, scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput) as caught:
        to_zarr(scan, tmp_path / "nowhere" / "scan.zarr", chunks={"row": 4, "x": 0, "y": 1.5, "line": "a"})  # type: ignore[dict-item]
    assert len(caught.value.faults) == 5
    for part in (
        r"nowhere' does not exist",
        "'row' is not a dimension",
        "'x' must be .* got 0",
        r"'y' must be .* got 1\.5",
        "'line' must be .* got 'a'",
    ):
        caught.match(part)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("chunks", ["auto", 3, [1], {"y": None}, {"y": True}, {"y": -1}])
def test_invalid_chunks_are_refused(tmp_path: Path, scan: xr.Dataset, chunks: object) -> None:
    with pytest.raises(InvalidInput, match="chunks"):
        to_zarr(scan, tmp_path / "scan.zarr", chunks=chunks)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_chunks_of_numpy_are_numbers(tmp_path: Path, scan: xr.Dataset) -> None:
    to_zarr(scan, tmp_path / "scan.zarr", chunks={"y": np.int64(5)})
    assert xr.open_zarr(tmp_path / "scan.zarr")["intensity"].encoding["chunks"] == (1, 5, 16)


class Thing:
    """Class that no file format can store."""


UNSTORABLE = {
    "path": Path("photo.tif"),
    "time": datetime(2024, 5, 6),
    "day": np.datetime64("2024-05-06"),
    "thing": Thing(),
    "set": {1, 2},
    "bytes": b"abc",
    "complex": 1j,
    "nested": {"a": [1, Path("b")]},
    "numbered": {1: "a"},
    "single": [np.float32(1)],
    "scale_factor": 2.0,
    "_FillValue": 5.0,
    "missing_value": 5.0,
    "coordinates": "y x",
}
STORABLE = {
    "text": "a",
    "whole": 3,
    "real": 0.5,
    "infinite": [np.inf, -np.inf],
    "yes": True,
    "none": None,
    "list": [1, "a", [2.5]],
    "mapping": {"a": {"b": [1]}},
    "array": np.arange(3),
    "numpy": np.float32(0.25),
    "flag": np.bool_(True),
    "double": [np.float64(1.5)],
}


@pytest.mark.parametrize("owner", ["Dataset", "intensity", "x"])
def test_attributes_that_would_not_come_back_are_named(tmp_path: Path, scan: xr.Dataset, owner: str) -> None:
    (scan if owner == "Dataset" else scan[owner]).attrs.update(UNSTORABLE | STORABLE)
    with pytest.raises(InvalidInput) as caught:
        to_zarr(scan, tmp_path / "scan.zarr")
    named = [re.match(r"attribute '(\w+)' of (?:the )?'?(\w+)", fault) for fault in caught.value.faults]
    assert {match.groups() for match in named if match} == {(name, owner) for name in UNSTORABLE}
    assert len(named) == len(UNSTORABLE)
    assert os.listdir(tmp_path) == []


def test_attributes_that_come_back(tmp_path: Path, scan: xr.Dataset) -> None:
    for owner in (scan, scan["intensity"], scan["x"]):
        owner.attrs.update(STORABLE)
    to_zarr(scan, tmp_path / "scan.zarr")
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "scan.zarr").load(), scan)


VARIABLES = {
    "bytes": np.array([b"a", b"bc"]),
    "bytes_as_objects": np.array([b"a", b"bc"], object),
    "mixed": np.array(["a", 1], object),
    "things": np.array([Thing(), Thing()], object),
    "long": np.ones(2, "V7"),
    "fields": np.zeros(2, [("a", "i4"), ("b", "f4")]),
    "categories": pd.Categorical(["a", "b"]),
    "a/b": np.ones(2),
    "a\\b": np.ones(2),
    "zarr.json": np.ones(2),
    "..": np.ones(2),
    "": np.ones(2),
    7: np.ones(2),
}


def test_variables_that_would_not_come_back_are_named(tmp_path: Path, scan: xr.Dataset) -> None:
    bad = scan.assign_coords({name: ("part", values) for name, values in VARIABLES.items()})
    bad["time"] = ("part", np.array(["2024-05-06", "2024-05-07"], "M8[ns]"), {"units": "day"})
    bad["since"] = ("part", [1.0, 2.0], {"units": "days since 2024-05-06"})
    levels = pd.MultiIndex.from_product([["p", "q"], [1, 2]], names=["letter", "number"])
    bad = bad.assign_coords(xr.Coordinates.from_pandas_multiindex(levels, "both"))
    with pytest.raises(InvalidInput) as caught:
        to_zarr(bad, tmp_path / "scan.zarr")
    for name in [*VARIABLES, "time", "since"]:
        assert sum(fault.startswith(f"{name!r} ") for fault in caught.value.faults) == 1, name
    caught.match(r"both, letter, number form a multi-index.*reset_index\('both'\)")
    assert len(caught.value.faults) == len(VARIABLES) + 3
    assert os.listdir(tmp_path) == []


def test_the_ways_out_lead_out(tmp_path: Path, scan: xr.Dataset) -> None:
    levels = pd.MultiIndex.from_product([["p", "q"], [1, 2]], names=["letter", "number"])
    better = scan.assign_coords(xr.Coordinates.from_pandas_multiindex(levels, "both")).reset_index("both")
    for name in ("bytes", "bytes_as_objects"):
        better[name] = xr.DataArray(VARIABLES[name], dims="part").str.decode("utf-8")
    better["mixed"] = xr.DataArray(VARIABLES["mixed"], dims="part").astype(str)
    better["categories"] = xr.DataArray(VARIABLES["categories"], dims="part").astype(object)
    better = better.assign(a_b=("part", np.ones(2)), since=("part", [1.0, 2.0], {"units": "days since 2024-05-06"}))
    to_zarr(xr.decode_cf(better), tmp_path / "scan.zarr")
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "scan.zarr").load(), xr.decode_cf(better))


def test_data_arrays_that_cannot_be_stored(tmp_path: Path, photo: xr.DataArray) -> None:
    with pytest.raises(InvalidInput, match="attribute 'from' of the DataArray must be"):
        to_zarr(photo.rename(None).assign_attrs({"from": Path("photo.tif")}), tmp_path / "photo.zarr")
    with pytest.raises(InvalidInput, match=r"name of its own coordinate 'band'.*rename"):
        to_zarr(photo.rename("band"), tmp_path / "photo.zarr")
    with pytest.raises(InvalidInput, match="must be a Dataset or DataArray, got an array of shape"):
        to_zarr(photo.values, tmp_path / "photo.zarr")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", [None, 3, b"scan.zarr", "", "a\0b"])
def test_invalid_paths_are_refused(scan: xr.Dataset, path: object) -> None:
    with pytest.raises(InvalidInput, match=r"path must be .* pass the folder to make"):
        to_zarr(scan, path)  # type: ignore[arg-type]


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path, scan: xr.Dataset) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    # A user who may write anywhere still may not write to /proc.
    for place in [folder] if not os.access(folder, os.W_OK) else [Path("/proc")] if Path("/proc/self").exists() else []:
        with pytest.raises(InvalidInput) as caught:
            to_zarr(scan, place / "scan.zarr")
        caught.match(rf"'scan\.zarr' cannot be written to the folder '{place}'")
        assert ".scan.zarr." not in str(caught.value)
    folder.chmod(0o700)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("side", [40, MIN_SHARDED_SIDE + 50])
@pytest.mark.parametrize("kind", [xr.Dataset, xr.DataArray])
def test_is_in_one_chunking_when_opened_again(tmp_path: Path, lazy: bool, side: int, kind: type) -> None:
    whole = as_scan(
        np.random.default_rng(0).random((3, 30, side), dtype="float32"),
        lines=["Ca-K", "Fe-Ka", "Pb-L"],
        pixel_size=0.3,
        valid=np.ones((30, side), bool),
    )
    times = np.datetime64("2024-05-06", "ns") + np.arange(side) * np.timedelta64(1, "s")
    whole = whole.assign_coords(share=("line", [0.1, 0.5, 0.9]), when=("x", times))
    given = whole if kind is xr.Dataset else whole["intensity"]
    chunk = 16 if side == 40 else 128
    to_zarr(given.chunk({"x": chunk + 1}) if lazy else given, tmp_path / "maps.zarr", chunks={"x": chunk})
    if kind is xr.Dataset:
        again = xr.open_zarr(tmp_path / "maps.zarr")
    else:
        again = xr.open_dataarray(tmp_path / "maps.zarr", engine="zarr", chunks={})
    assert isinstance(xr.open_zarr(tmp_path / "maps.zarr").chunks, Mapping)  # raises if chunks are inconsistent
    assert {again[name].chunksizes["line"] for name in ("share", "kind", "energy")} == {(1, 1, 1)}
    assert again["when"].chunksizes["x"] == again["valid"].chunksizes["x"] == again.chunksizes["x"]
    part = slice(8, 40)
    xr.testing.assert_identical(again.isel(x=part).map_blocks(lambda block: block).compute(), given.isel(x=part))
    xr.testing.assert_identical(again.compute(), given)
    for name in ("share", "kind", "when"):  # but in one file
        assert os.listdir(tmp_path / "maps.zarr" / name / "c") == ["0"]


def test_variables_without_a_dimension_of_a_map_are_not_chunked(tmp_path: Path) -> None:
    spectrum = xr.Dataset({"counts": ("channel", np.arange(5000.0)), "y": ("y", [1.0])})
    to_zarr(spectrum, tmp_path / "spectrum.zarr")
    assert xr.open_zarr(tmp_path / "spectrum.zarr")["counts"].chunks == ((5000,),)


def test_the_store_has_the_usual_permissions(tmp_path: Path, scan: xr.Dataset) -> None:
    to_zarr(scan, tmp_path / "scan.zarr")
    (tmp_path / "folder").mkdir()
    assert (tmp_path / "scan.zarr").stat().st_mode == (tmp_path / "folder").stat().st_mode


def test_warns_of_nothing_in_a_plain_session(tmp_path: Path, scan: xr.Dataset) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        to_zarr(scan, tmp_path / "scan.zarr")
        xr.open_zarr(tmp_path / "scan.zarr").load()
    assert [
        str(warning.message) for warning in caught if "xrfsr" in warning.filename or "zarr" in str(warning.message)
    ] == []

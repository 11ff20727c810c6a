"""Stores that open again identical, and are there completely or not at all."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import dask.array
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xrfsr.errors import InvalidInput
from xrfsr.io.zarr import SHARDED_FROM, to_zarr
from xrfsr.scan import as_scan

pytestmark = pytest.mark.filterwarnings("error")


def nan_scan(scan: xr.Dataset) -> xr.Dataset:
    """With everything a scan may hold, NaN pixels included."""
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
    side = SHARDED_FROM + 50
    maps = np.random.default_rng(0).random((2, 60, side), dtype="float32")
    plain = xr.Dataset({"intensity": (("line", "y", "x"), maps)}, {"line": np.array(["a", "b"], object)})
    # Pieces that fit no shard: written as they are, two of them would overwrite each other's.
    to_zarr(plain.chunk({"line": 2, "x": 777}) if lazy else plain, tmp_path / "maps.zarr")
    again = xr.open_zarr(tmp_path / "maps.zarr")
    assert again["intensity"].encoding["chunks"] == (1, 60, 512)
    assert again["intensity"].encoding["shards"] == (1, 60, 2048)
    assert len(list((tmp_path / "maps.zarr" / "intensity" / "c").rglob("[0-9]*/[0-9]*/[0-9]*"))) == 4
    xr.testing.assert_identical(again.load(), plain)


def test_part_of_a_sharded_store_can_be_stored_again(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).random((40, SHARDED_FROM + 50), dtype="float32")
    to_zarr(xr.Dataset({"map": (("y", "x"), maps)}), tmp_path / "whole.zarr")
    # Reopened, it remembers chunks and shards that no longer fit.
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


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_overwrite_replaces_nothing_but_stores(tmp_path: Path, scan: xr.Dataset, kind: str) -> None:
    path = tmp_path / "thesis"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_text("chapter one")
    with pytest.raises(InvalidInput, match="no zarr v3 store"):
        to_zarr(scan, path, overwrite=True)
    assert path.exists()


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("fault", ["compute", "encode"])
def test_nothing_half_written_after_a_failure(tmp_path: Path, scan: xr.Dataset, existing: bool, fault: str) -> None:
    path = tmp_path / "scan.zarr"
    if existing:
        to_zarr(scan, path)

    def burst(block: np.ndarray) -> np.ndarray:
        raise RuntimeError("out of luck")

    if fault == "compute":
        bad = scan.chunk({"line": 1})
        bad["intensity"] = bad["intensity"].copy(
            data=dask.array.map_blocks(burst, bad["intensity"].data, meta=np.zeros((0, 0, 0), "f4"))
        )
    else:
        bad = scan.assign_attrs(thing=object())
    with pytest.raises((RuntimeError, TypeError)):
        to_zarr(bad, path, overwrite=existing)
    if existing:
        xr.testing.assert_identical(xr.open_zarr(path).load(), scan)
    assert os.listdir(tmp_path) == (["scan.zarr"] if existing else [])


def test_missing_parent_and_bad_chunks(tmp_path: Path, scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere' does not exist"):
        to_zarr(scan, tmp_path / "nowhere" / "scan.zarr")
    with pytest.raises(InvalidInput) as caught:
        to_zarr(scan, tmp_path / "scan.zarr", chunks={"row": 4, "x": 0})
    assert "'row' is no dimension" in str(caught.value)
    assert "'x' is 0" in str(caught.value)
    assert os.listdir(tmp_path) == []


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

"""``chunks="auto"``, whoever opens or chunks a scan: text has a size that Dask knows."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.core.photo import as_photo

LABELS = ["Ca-K", "Pb-La", "Compton", "Hg-L3"]


@pytest.fixture
def scan() -> xr.Dataset:
    maps = np.random.default_rng(0).poisson(9, (4, 12, 10))
    return xrfsr.as_scan(maps, LABELS, 0.5, uncertainty=np.sqrt(maps + 1), valid=np.ones((12, 10), bool))


@pytest.fixture
def store(scan: xr.Dataset, tmp_path: Path) -> Path:
    scan.xrfsr.to_zarr(tmp_path / "scan.zarr")
    return tmp_path / "scan.zarr"


def is_lazy(obj: Any) -> bool:
    return bool(obj.chunks)


def test_in_memory(scan: xr.Dataset) -> None:
    photo = as_photo(np.zeros((24, 20, 3)), like=scan)
    fine = scan.xrfsr.superresolve(method="bilinear", scale=2)
    for obj in (scan, scan.intensity, fine, photo, scan.xrfsr.bin(2), scan.sel(line=["Ca-K"])):
        assert is_lazy(obj.chunk("auto"))
    assert is_lazy(scan.chunk("auto").xrfsr.superresolve(method="bilinear", scale=2).intensity)


@pytest.mark.parametrize(
    "opened",
    [
        lambda path: xr.open_zarr(path, chunks="auto"),
        lambda path: xr.open_zarr(path, chunks="auto", consolidated=False),
        lambda path: xr.open_dataset(path, engine="zarr", chunks="auto"),
        lambda path: xr.open_dataset(path, engine="xrfsr", chunks="auto"),
        lambda path: xrfsr.open_scan(path, chunks="auto"),
        lambda path: xr.open_zarr(path).chunk("auto"),
        lambda path: xr.open_zarr(path, chunks={"x": "auto"}),
    ],
)
def test_stores(store: Path, scan: xr.Dataset, opened: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = opened(store)
        assert is_lazy(made.intensity)
        xr.testing.assert_equal(made.compute(), scan)


@pytest.mark.filterwarnings("ignore:The specified chunks separate")
def test_chunks_are_the_same_for_all_variables(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).poisson(5, (4, 200, 150))
    large = xrfsr.as_scan(maps, LABELS, 0.5, uncertainty=np.sqrt(maps + 1), valid=np.ones((200, 150), bool))
    large.xrfsr.to_zarr(tmp_path / "scan.zarr")
    with dask.config.set({"array.chunk-size": "64KiB"}):
        made = xrfsr.open_scan(tmp_path / "scan.zarr", chunks="auto")
        assert len(made.chunks["y"]) > 1  # one answer for all variables
        xr.testing.assert_equal(made.compute(), large)
        fine = xr.open_zarr(tmp_path / "scan.zarr", chunks="auto").xrfsr.superresolve(method="bilinear", scale=2)
        fine.xrfsr.to_zarr(tmp_path / "fine.zarr")
    expected = large.xrfsr.superresolve(method="bilinear", scale=2)
    xr.testing.assert_allclose(xr.open_zarr(tmp_path / "fine.zarr").compute(), expected)


def test_files_of_other_formats(scan: xr.Dataset, tmp_path: Path) -> None:
    scan = scan.drop_vars("valid")
    scan.xrfsr.to_tiffs(tmp_path / "tiffs")
    scan.xrfsr.to_pymca(tmp_path / "fit.h5")
    for name in ("tiffs", "fit.h5"):
        made = xrfsr.open_scan(tmp_path / name, pixel_size=0.5, units="count", chunks="auto")
        assert is_lazy(made.intensity)
        assert made.line.values.tolist() == made.compute().line.values.tolist()


def test_stores_of_regions(scan: xr.Dataset, tmp_path: Path) -> None:
    tree = xr.DataTree.from_dict({"a/b": scan, "c": scan})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xrfsr.regions.run(tree, None, tmp_path / "all.zarr", method="bilinear", workers=2, progress=False)
        with xr.open_datatree(tmp_path / "all.zarr", engine="zarr", chunks="auto") as made:
            assert is_lazy(made["a/b"].intensity)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (np.array(["azurite", "ocre", "", "smalt"], object), "U"),
        (np.array(["azurite", "ocre", "", "smalt"], np.dtypes.StringDType()), "U"),
        (np.array(["Ω", "é" * 9, "🙂", "x"]), "U"),
        (np.array(["ends with a null\0", "a", "b", "c"], object), "T"),
        (np.array(["long" * 50_000, "a", "b", "c"], object), "T"),
    ],
)
def test_text_of_the_user_comes_back(scan: xr.Dataset, tmp_path: Path, texts: np.ndarray[Any, Any], kind: str) -> None:
    scan.assign_coords(note=("line", texts)).xrfsr.to_zarr(tmp_path / "scan.zarr")
    note = xr.open_zarr(tmp_path / "scan.zarr", chunks=None).note
    assert note.values.tolist() == texts.tolist()
    assert note.dtype.kind == kind

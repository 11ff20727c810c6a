"""Results in the tree of the scans they were made from: known by their attributes, and not made finer again."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr
from quick import assert_same

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.pipeline.result import is_result
from xrfsr.regions import run

FILES = {"to_geotiff": "fine.tif", "to_pymca": "fine.h5", "to_imagej": "stack.tif"}
FILE = ("to_geotiff", "fine.tif")
FAST: dict[str, Any] = {"method": "bilinear", "progress": False}


@pytest.fixture(scope="module")
def scan() -> xr.Dataset:
    return xrfsr.simulate.painting(32, 48, 4, seed=0, lines=["Fe-K", "Pb-L"]).scan


@pytest.fixture(scope="module")
def fine(scan: xr.Dataset) -> xr.Dataset:
    made: xr.Dataset = scan.xrfsr.superresolve(**FAST)
    return made


def from_zarr(fine: xr.Dataset, folder: Path) -> xr.Dataset:
    fine.xrfsr.to_zarr(folder / "fine.zarr")
    return xr.open_zarr(folder / "fine.zarr")


def written(how: str, name: str) -> Callable[[xr.Dataset, Path], xr.Dataset]:
    """Return a function that writes a result and opens the file."""

    def reopened(fine: xr.Dataset, folder: Path) -> xr.Dataset:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* has no place for")
            getattr(fine.xrfsr, how)(folder / name)
        return xrfsr.open_scan(folder / name)

    return reopened


def without_record(fine: xr.Dataset) -> xr.Dataset:
    """What arithmetic leaves of a result of the network."""
    fine = fine.assign_coords(guided_share=("line", [0.5, 0.0]))
    fine.attrs = {}
    return fine


VARIANTS: dict[str, Callable[[xr.Dataset, Path], xr.Dataset]] = {
    "as it was made": lambda fine, _: fine,
    "cropped": lambda fine, _: fine.xrfsr.crop(x=("0 mm", "4 mm")),
    "one line": lambda fine, _: fine.sel(line=["Pb-L"]),
    "a DataArray": lambda fine, _: fine.intensity.assign_attrs(fine.attrs).to_dataset(name="intensity"),
    "averaged": lambda fine, _: fine.xrfsr.resample(scale=0.5),
    "opened by xarray": from_zarr,
    "opened by xrfsr": lambda fine, folder: xrfsr.open_scan((from_zarr(fine, folder), folder / "fine.zarr")[1]),
    "opened from GeoTIFF": lambda fine, folder: written(*FILE)(fine, folder),
    "without attributes": lambda fine, _: without_record(fine),
    "lazy": lambda fine, _: fine.chunk(x=16),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_results_in_the_tree_are_left_out(scan: xr.Dataset, fine: xr.Dataset, variant: str, tmp_path: Path) -> None:
    result = VARIANTS[variant](fine, tmp_path)
    tree = xr.DataTree.from_dict({"left": scan, "fine/left": result, "right": scan.isel(x=slice(2, 12))})
    made = tree.xrfsr.superresolve(**FAST)
    assert [node.path for node in made.leaves] == ["/left", "/right"]
    assert made["left"].sizes["x"] == 4 * scan.sizes["x"]
    report = run(tree, None, tmp_path / "all.zarr", workers=1, **FAST)
    assert (report.written, report.failed) == (("left", "right"), {})


@pytest.mark.parametrize("how", FILES)
def test_files_keep_the_method_and_other_programs_open_them(
    scan: xr.Dataset, fine: xr.Dataset, how: str, tmp_path: Path
) -> None:
    path = tmp_path / FILES[how]
    assert written(how, FILES[how])(fine, tmp_path).attrs["xrfsr_method"] == "bilinear"
    if how == "to_geotiff":
        with rasterio.open(path) as file:
            assert (file.tags()["XRFSR_METHOD"], file.descriptions) == ("bilinear", ("Fe-K", "Pb-L"))
    elif how == "to_imagej":
        with tifffile.TiffFile(path) as file:
            assert file.imagej_metadata is not None
            assert file.imagej_metadata["Info"].splitlines() == ["units: count", "xrfsr_method: bilinear"]
            np.testing.assert_array_equal(file.asarray(), fine.intensity)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from PyMca5.PyMcaIO.HDF5Stack1D import HDF5Stack1D

            selection = {"x": [], "y": "/xrf_fit/results/parameters/Fe_K", "m": []}
            stack = HDF5Stack1D([str(path)], selection, scanlist=["/scan"])
        np.testing.assert_array_equal(np.squeeze(stack.data), fine.intensity.sel(line="Fe-K"))
    plain = written(how, f"plain_{FILES[how]}")(scan, tmp_path)
    assert "xrfsr_method" not in plain.attrs


@pytest.mark.parametrize("how", FILES)
@pytest.mark.parametrize("form", ["Dataset", "DataArray", "without attributes", "written once more", "scan"])
def test_results_are_known_from_files(scan: xr.Dataset, fine: xr.Dataset, how: str, form: str, tmp_path: Path) -> None:
    made: Any = fine
    if form == "DataArray":
        made = fine.intensity.assign_attrs(fine.attrs)
    elif form == "without attributes":
        made = without_record(fine)
    elif form == "written once more":
        made = written("to_geotiff", "first.tif")(fine, tmp_path)
    elif form == "scan":
        made = scan
    assert is_result(written(how, FILES[how])(made, tmp_path)) == (form != "scan")


def test_a_tree_may_be_completed_step_by_step(scan: xr.Dataset) -> None:
    tree = xr.DataTree.from_dict({"a": scan})
    tree["a made finer"] = tree.xrfsr.superresolve(**FAST)["a"]
    again = tree.xrfsr.superresolve(**FAST)
    assert_same(again["a"].to_dataset(), tree["a made finer"].to_dataset())
    assert list(again.children) == ["a"]


def test_results_alone_are_refused(fine: xr.Dataset, tmp_path: Path) -> None:
    tree = xr.DataTree.from_dict({"a": fine, "b/c": fine})
    for call in (
        lambda: tree.xrfsr.superresolve(**FAST),
        lambda: tree.xrfsr.train(None),
        lambda: run(tree, None, tmp_path / "all.zarr", workers=1, **FAST),
    ):
        with pytest.raises(InvalidInput, match=r"all maps of the tree are results of superresolve: a, b/c; to refine"):
            call()
    assert not list(tmp_path.iterdir())

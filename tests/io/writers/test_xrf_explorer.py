"""Files for Datamuncher and XRF-Explorer: maps from the top left of the painting, and a workspace with the photo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
from PIL import Image
from trees import snapshot

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.dms import to_dms
from xrfsr.io.writers.xrf_explorer import to_xrf_explorer

REAL = "formats/xrf_explorer"


def dms(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read a .dms file as XRF-Explorer does."""
    with path.open("rb") as file:
        assert file.readline() == b"2\n"
        width, height, count = map(int, file.readline().split())
        maps = np.frombuffer(file.read(4 * width * height * count), "<f4").reshape(count, height, width)
        return maps, file.read().decode().split("\n")


def on_photo(folder: Path, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return where XRF-Explorer shows points of the maps on the photo, both in pixels from the top left edges.

    It scales the maps by one factor until they fill the photo in one direction, then applies the perspective transform
    that takes the moving points of the recipe to its target points.
    """
    target_moving = np.array(
        [line.split("|") for line in (folder / "recipe.csv").read_text().splitlines()[-4:]], float
    ).reshape(4, 2, 2)
    equations, right = [], []
    for (tx, ty), (mx, my) in target_moving:
        equations += [[mx, my, 1, 0, 0, 0, -mx * tx, -my * tx], [0, 0, 0, mx, my, 1, -mx * ty, -my * ty]]
        right += [tx, ty]
    matrix = np.append(np.linalg.solve(equations, right), 1).reshape(3, 3)
    _, height, width = dms(folder / "maps.dms")[0].shape
    with Image.open(folder / "photo.png") as picture:
        wide, high = picture.size
    factor = min(wide / width, high / height)
    x, y, w = matrix @ np.stack([factor * columns, factor * rows, np.ones_like(columns)])
    return np.stack([x / w, y / w])


@pytest.mark.parametrize("turned", ["", "y", "x", "yx"])
def test_dms_begins_at_the_top_left(turned: str, tmp_path: Path, scan: xr.Dataset) -> None:
    scan["intensity"][1, 2, 3] = np.nan
    to_dms(scan.isel({dim: slice(None, None, -1) for dim in turned}), tmp_path / "maps.dms")
    maps, names = dms(tmp_path / "maps.dms")
    np.testing.assert_array_equal(maps, scan["intensity"])
    assert names == ["Ca K", "Fe Ka", "Pb L"]
    back = xrfsr.open_scan(tmp_path / "maps.dms", 0.5)
    xr.testing.assert_identical(back["intensity"], scan["intensity"])


@pytest.mark.parametrize("label", ["Ca-K", "Hg-L3", "W-L1", "Pb-Ma", "compton", "elastic", "total_cnt"])
def test_every_label_is_read_back(label: str, tmp_path: Path) -> None:
    maps = np.random.default_rng(0).random((2, 12, 16))
    scan = xrfsr.as_scan(maps, ["Fe-K", label], 1)
    to_dms(scan, tmp_path / "maps.dms")
    assert xrfsr.open_scan(tmp_path / "maps.dms", 1).line.values.tolist() == ["Fe-K", label]


def test_ratios_follow_the_maps(tmp_path: Path, scan: xr.Dataset) -> None:
    ratio = scan.xrfsr.ratio("Ca-K", "Pb-L")
    scan.assign(ratio=ratio).xrfsr.to_dms(tmp_path / "maps.dms")
    maps, names = dms(tmp_path / "maps.dms")
    assert names[3] == "Ca-K / Pb-L"
    np.testing.assert_array_equal(maps[3], ratio)
    with pytest.warns(UserWarning, match="no element lines are left out: Ca-K / Pb-L"):
        back = xrfsr.open_scan(tmp_path / "maps.dms", 0.5)
    np.testing.assert_array_equal(back["intensity"], scan["intensity"])
    ratio.xrfsr.to_dms(tmp_path / "ratio.dms")
    np.testing.assert_array_equal(dms(tmp_path / "ratio.dms")[0], ratio.values[None])


def test_what_dms_cannot_store(tmp_path: Path, scan: xr.Dataset, photo: xr.DataArray) -> None:
    with pytest.raises(InvalidInput, match="holds maps, got a photo; write it with to_geotiff"):
        to_dms(photo, tmp_path / "photo.dms")
    with pytest.warns(UserWarning, match="has no place for uncertainty; to_zarr"):
        to_dms(scan.assign(uncertainty=scan["intensity"]), tmp_path / "maps.dms")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidInput, match=r"maps\.dms' exists; choose another name"):
        to_dms(scan, tmp_path / "maps.dms")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("there", ["link", "pipe", "folder", "no folder"])
def test_what_is_in_the_way_of_dms_stays(there: str, tmp_path: Path, scan: xr.Dataset) -> None:
    path = tmp_path / "maps.dms"
    if there == "link":
        path.symlink_to("other.dms")
    elif there == "pipe":
        os.mkfifo(path)
    elif there == "folder":
        path.mkdir()
    else:
        path = tmp_path / "no" / "maps.dms"
    before = snapshot(tmp_path)
    with pytest.raises(InvalidInput, match=r"symbolic link|pipe|exists|does not exist"):
        to_dms(scan, path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("write", [to_dms, to_xrf_explorer])
def test_nothing_is_left_half_written(
    write: Callable[..., None], tmp_path: Path, scan: xr.Dataset, photo: xr.DataArray
) -> None:
    def fail(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 2:
            raise RuntimeError("in the middle")
        return block

    maps = dask.array.map_blocks(fail, scan["intensity"].chunk(line=1).data, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    broken = scan.assign(intensity=(("line", "y", "x"), maps, {"units": "count"}))
    options = {"photo": photo} if write is to_xrf_explorer else {}
    with pytest.raises(RuntimeError, match="in the middle"):
        write(broken, tmp_path / "maps.dms", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("turned", ["", "y", "x"])
def test_a_workspace_lays_the_maps_on_the_photo(turned: str, tmp_path: Path) -> None:
    """Also where the photo shows more than the scan, in one direction more than in the other, in pixels of its own."""
    scan = xrfsr.as_scan(np.random.default_rng(0).random((2, 10, 14)), ["Ca-K", "Pb-L"], (0.5, 0.75), origin=(3, 2))
    wall = xrfsr.Grid.from_shape((80, 100), 0.2, origin=(0.4, -1))
    photo = xrfsr.as_photo(np.random.default_rng(1).random((3, 80, 100)), like=wall)
    turn = {dim: slice(None, None, -1) for dim in turned}
    scan.assign(ratio=scan.xrfsr.ratio("Ca-K", "Pb-L")).isel(turn).xrfsr.to_xrf_explorer(
        tmp_path / "portrait", photo=photo.isel(turn)
    )
    folder = tmp_path / "portrait"
    workspace = json.loads((folder / "workspace.json").read_text("utf-8"))
    assert workspace["name"] == "portrait"
    assert [channel["name"] for channel in workspace["elementalChannels"]] == ["Ca K", "Pb L", "Ca-K / Pb-L"]
    [cube] = workspace["elementalCubes"]
    assert {cube["dataLocation"], cube["recipeLocation"], workspace["baseImage"]["imageLocation"]} < set(
        file.name for file in folder.iterdir()
    )
    np.testing.assert_array_equal(dms(folder / "maps.dms")[0][:2], scan["intensity"])
    with Image.open(folder / "photo.png") as picture:
        np.testing.assert_array_equal(np.moveaxis(np.asarray(picture), -1, 0), np.rint(255 * photo))
    columns, rows = np.array([0.5, 13.5, 7]), np.array([0.5, 2.5, 9.5])
    expected = [(2 + 0.75 * columns + 1) / 0.2, (3 + 0.5 * rows - 0.4) / 0.2]
    np.testing.assert_allclose(on_photo(folder, columns, rows), expected, atol=1e-4)


def test_a_workspace_has_what_those_of_xrf_explorer_have(shared: Path, tmp_path: Path, scan: xr.Dataset) -> None:
    real = json.loads((shared / REAL / "workspace.json").read_text())
    photo = xrfsr.as_photo(np.zeros((3, 24, 32)), like=scan)
    to_xrf_explorer(scan.assign(rgb=photo.interp(y=scan.y, x=scan.x).astype("f4")), tmp_path / "made")
    made = json.loads((tmp_path / "made" / "workspace.json").read_text())
    assert real.keys() <= made.keys()
    for key in ("baseImage", "spectralParams"):
        assert real[key].keys() == made[key].keys()
    for key in ("elementalCubes", "elementalChannels"):
        assert real[key][0].keys() == made[key][0].keys()
    heads = [(place / name).read_text().splitlines()[:4] for place, name in
             ((shared / REAL, "recipe_cubes.csv"), (tmp_path / "made", "recipe.csv"))]  # fmt: skip
    assert heads[0] == heads[1]


def test_missing_pixels(tmp_path: Path, scan: xr.Dataset, photo: xr.DataArray) -> None:
    scan["intensity"][1, 2, 3] = np.nan
    with pytest.warns(UserWarning, match="missing pixels are zero in .*, because XRF-Explorer has no value for them"):
        to_xrf_explorer(scan, tmp_path / "made", photo=photo.where(photo.y > 1))
    np.testing.assert_array_equal(dms(tmp_path / "made" / "maps.dms")[0], scan["intensity"].fillna(0))
    with Image.open(tmp_path / "made" / "photo.png") as picture:
        alpha = np.asarray(picture)[..., 3]
    np.testing.assert_array_equal(alpha[:, 0], np.where(photo.y > 1, 255, 0))


def test_a_workspace_needs_maps_and_a_photo(tmp_path: Path, scan: xr.Dataset, photo: xr.DataArray) -> None:
    with pytest.raises(InvalidInput, match="needs a photo as its base image; pass photo=rgb"):
        to_xrf_explorer(scan, tmp_path / "made")
    with pytest.raises(InvalidInput, match="needs element maps; pass a scan"):
        to_xrf_explorer(photo, tmp_path / "made")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("changed", ["generated/", "notes.txt", "maps.dms", "photo.png", "workspace.json"])
def test_a_workspace_that_others_changed_stays(
    changed: str, tmp_path: Path, scan: xr.Dataset, photo: xr.DataArray
) -> None:
    folder = tmp_path / "made"
    to_xrf_explorer(scan, folder, photo=photo)
    to_xrf_explorer(scan, folder, photo=photo, overwrite=True)
    if changed.endswith("/"):
        (folder / changed).mkdir()
    else:
        (folder / changed).write_text("{}")
    before = snapshot(tmp_path)
    message = (
        "is not a workspace" if changed == "workspace.json" else f"contains '{changed.rstrip('/')}', which xrfsr did"
    )
    with pytest.raises(InvalidInput, match=message):
        to_xrf_explorer(scan, folder, photo=photo, overwrite=True)
    assert snapshot(tmp_path) == before

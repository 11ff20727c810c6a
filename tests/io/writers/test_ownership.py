"""Writers replace what they wrote themselves, and nothing else: no file, folder, link or store of others is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr
import zarr
from PIL import Image
from trees import snapshot

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.geotiff import to_geotiff
from xrfsr.io.writers.imagej import to_imagej
from xrfsr.io.writers.pymca import to_pymca
from xrfsr.io.writers.tiffs import to_tiffs
from xrfsr.io.writers.xrf_explorer import to_xrf_explorer
from xrfsr.io.writers.zarr import to_zarr


def to_workspace(scan: xr.Dataset, path: Path, *, overwrite: bool = False) -> None:
    photo = xrfsr.as_photo(np.zeros((3, 24, 32)), like=scan)
    to_xrf_explorer(scan, path, photo=photo, overwrite=overwrite)


WRITERS: dict[str, tuple[Callable[..., None], str]] = {
    "zarr": (to_zarr, "fine.zarr"),
    "tiffs": (to_tiffs, "fine"),
    "imagej": (to_imagej, "stack.tif"),
    "geotiff": (to_geotiff, "fine.tif"),
    "pymca": (to_pymca, "fine.h5"),
    "workspace": (to_workspace, "fine"),
}
every_writer = pytest.mark.parametrize("form", WRITERS)
folder_writers = pytest.mark.parametrize("form", ["zarr", "tiffs"])


def opened(form: str, path: Path) -> xr.Dataset:
    """Open what a writer wrote."""
    if form == "workspace":
        return xrfsr.open_scan(path / "maps.dms", 0.5)
    return xrfsr.open_scan(path, **({"pixel_size": 0.5} if form == "tiffs" else {}))  # type: ignore[arg-type]


def refuse(form: str, scan: xr.Dataset, place: Path, message: str) -> None:
    """Write over what is in the way, and compare the whole folder before and after."""
    write, name = WRITERS[form]
    before = snapshot(place)
    assert before, "something is in the way"
    with pytest.raises(InvalidInput, match=message):
        write(scan, place / name, overwrite=True)
    with pytest.raises(InvalidInput):
        write(scan, place / name)
    assert snapshot(place) == before


@every_writer
def test_own_files_are_replaced(form: str, scan: xr.Dataset, tmp_path: Path) -> None:
    write, name = WRITERS[form]
    write(scan, tmp_path / name)
    write(scan.isel(line=[0]), tmp_path / name, overwrite=True)
    assert opened(form, tmp_path / name).sizes["line"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


@every_writer
@pytest.mark.parametrize("link", ["to its own kind", "to another", "to nothing"])
def test_symbolic_links_are_neither_followed_nor_replaced(
    form: str, link: str, scan: xr.Dataset, tmp_path: Path
) -> None:
    write, name = WRITERS[form]
    if link == "to its own kind":
        write(scan, tmp_path / f"real-{name}")
    elif link == "to another":
        (tmp_path / f"real-{name}").write_text("keep me")
    (tmp_path / name).symlink_to(f"real-{name}")
    refuse(form, scan, tmp_path, "is a symbolic link to 'real-")


@every_writer
def test_devices_and_pipes_are_refused(form: str, scan: xr.Dataset, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / WRITERS[form][1])
    refuse(form, scan, tmp_path, "is a device, pipe or socket; choose another name")


@every_writer
@pytest.mark.parametrize("kind", ["text", "folder", "zarr group", "tiff", "hdf5", "regions"])
def test_what_others_wrote_stays(form: str, kind: str, scan: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / WRITERS[form][1]
    if kind == "text":
        path.write_text("chapter one")
    elif kind == "folder":
        path.mkdir()
        (path / "letter.txt").write_text("keep me")
        (path / "zarr.json").write_text("not even JSON")
    elif kind == "zarr group":
        scan.to_zarr(path, zarr_format=3, consolidated=False)  # by xarray alone
        zarr.open_group(path / "deeper", mode="a").create_array("a", shape=(3,), dtype="i4")[:] = 1
    elif kind == "tiff":
        tifffile.imwrite(path, scan["intensity"].values, photometric="minisblack", software="a camera")
    elif kind == "hdf5":
        with h5py.File(path, "w") as file:
            file["measured"] = np.arange(9)
    else:
        zarr.open_group(path, mode="a", attributes={"_nc_xrfsr": "regions"})
        to_zarr(scan, path / "panel")
    refuse(form, scan, tmp_path, "so it is not replaced; remove it first, or choose another name")


@folder_writers
@pytest.mark.parametrize(
    "added", ["notes.txt", "sub/notes.txt", "Fe-K.tif", ".hidden", "link", "empty/", "intensity/c/9/9/9"]
)
def test_folders_to_which_something_was_added_stay(form: str, added: str, scan: xr.Dataset, tmp_path: Path) -> None:
    write, name = WRITERS[form]
    write(scan, tmp_path / name)
    place = tmp_path / name / added
    place.parent.mkdir(exist_ok=True, parents=True)
    if added == "link":
        place.symlink_to(tmp_path)
    elif added.endswith("/"):
        place.mkdir()
    else:
        place.write_text("II*\0 mine")
    first = added.rstrip("/") if form == "zarr" else added.split("/")[0]
    refuse(form, scan, tmp_path, rf"contains '{first}', which xrfsr did not write")


def test_a_variable_that_was_added_to_a_store_stays(scan: xr.Dataset, tmp_path: Path) -> None:
    to_zarr(scan, tmp_path / "fine.zarr")
    zarr.open_group(tmp_path / "fine.zarr", mode="a").create_array("ratio", shape=(3,), dtype="f4")[:] = 1
    refuse("zarr", scan, tmp_path, "contains 'ratio/c/0', 'ratio/zarr.json', which xrfsr did not write")


def test_a_store_without_a_chunk_is_still_ours(scan: xr.Dataset, tmp_path: Path) -> None:
    to_zarr(scan, tmp_path / "fine.zarr")
    shutil.rmtree(tmp_path / "fine.zarr" / "intensity" / "c" / "0")
    to_zarr(scan, tmp_path / "fine.zarr", overwrite=True)
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "fine.zarr").load(), scan)


@every_writer
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_while_maps_are_computed_stays_and_so_do_the_maps(
    form: str, overwrite: bool, scan: xr.Dataset, tmp_path: Path
) -> None:
    """Hours may pass between the first check and the last step."""
    write, name = WRITERS[form]

    def meanwhile(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info:
            (tmp_path / name).write_text("somebody was faster")
        return block

    maps = dask.array.map_blocks(meanwhile, scan["intensity"].chunk().data, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    lazy = scan.assign(intensity=(("line", "y", "x"), maps, {"units": "count"}))
    path = tmp_path / name
    kept = path.with_name(f"{path.stem}-1{path.suffix}")
    with pytest.raises(InvalidInput, match=rf"the new .* is in '{kept}'"):
        write(lazy, path, overwrite=overwrite)
    assert path.read_text() == "somebody was faster"
    np.testing.assert_array_equal(opened(form, kept)["intensity"], scan["intensity"])
    assert len(list(tmp_path.iterdir())) == 2


def test_the_overlay_of_a_registration_replaces_its_own_kind(tmp_path: Path) -> None:
    _, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    points = [[0, 0, -0.375, -0.375], [63, 0, 15.375, -0.375], [0, 63, -0.375, 15.375], [63, 63, 15.375, 15.375]]
    check = tmp_path / "check.png"
    for _ in range(2):
        xrfsr.register(rgb, scan, control_points=points, overlay=check)
    with Image.open(check) as picture:
        assert picture.width > 16
    Image.new("RGB", (3, 3)).save(check)  # the user's own picture
    (tmp_path / "link.png").symlink_to("check.png")
    before = snapshot(tmp_path)
    for name, message in (("check.png", "is not a picture that xrfsr wrote"), ("link.png", "is a symbolic link")):
        with pytest.raises(InvalidInput, match=message):
            xrfsr.register(rgb, scan, control_points=points, overlay=tmp_path / name)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["..", ".", "zarr.json", "a\\b", "a/b", "a\nb", "x" * 201, " ", "\ud800"])
def test_names_of_variables_never_leave_the_store(name: str, scan: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "mine.txt").write_text("keep me")
    before = snapshot(tmp_path)
    with pytest.raises(InvalidInput, match="must be a valid folder name"):
        to_zarr(scan.assign({name: ("x", np.arange(16.0))}), tmp_path / "inner" / "fine.zarr")
    assert snapshot(tmp_path) == before


def test_names_that_some_systems_confuse(scan: xr.Dataset, tmp_path: Path) -> None:
    more = scan.assign(ratio=("x", np.arange(16.0)), Ratio=("x", np.arange(16.0)))
    with pytest.raises(InvalidInput, match="'ratio' and 'Ratio' are one folder on systems that ignore case"):
        to_zarr(more, tmp_path / "fine.zarr")


def test_attributes_that_xarray_would_hide_are_refused(scan: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="attribute '_NCmine' of the Dataset would be hidden by xarray"):
        to_zarr(scan.assign_attrs(_NCmine="a"), tmp_path / "fine.zarr")

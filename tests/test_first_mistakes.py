"""The mistakes of the first hour: what a conservator with files of her own does wrong, and what she reads then.

Every message names the thing, its value, what is accepted, and how to go on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr
from PIL import Image

import xrfsr

# Quick, and otherwise as every method.
QUICK: dict[str, Any] = {"method": "guided_filter", "progress": False}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Her folder, and what she has opened."""
    folder = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    counts = rng.poisson(30.0, (2, 8, 10)).astype(np.float32)
    pixels = rng.integers(0, 255, (32, 40, 4), np.uint8)
    scan = xrfsr.as_scan(counts, ["Ca-K", "Pb-L"], "0.5 mm")
    for name, picture in {
        "photo.jpg": pixels[..., :3], "small.png": pixels[:6, :8, :3], "rgba.png": pixels, "grey.png": pixels[..., 0],
    }.items():  # fmt: skip
        Image.fromarray(picture).save(folder / name)
    for name in ("maps", "empty", "letters"):
        (folder / name).mkdir()
    for line, counted in zip(("Ca-K", "Pb-L"), counts, strict=True):
        tifffile.imwrite(folder / "maps" / f"{line}.tif", counted)
    (folder / "letters" / "letter.docx").write_bytes(b"PK")
    scan.xrfsr.to_zarr(folder / "there.zarr")
    scan.xrfsr.to_pymca(folder / "fit.h5")
    photo = xrfsr.as_photo(pixels[..., :3], like=scan)
    return SimpleNamespace(folder=folder, counts=counts, pixels=pixels, scan=scan, photo=photo)


@pytest.fixture(autouse=True)
def in_her_folder(desk: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.folder)


def same_scan_twice(desk: SimpleNamespace) -> Any:
    fine = desk.scan.xrfsr.superresolve(desk.photo, 2, **QUICK)
    return fine.xrfsr.superresolve(desk.photo, 2, **QUICK)


def open_while_written(desk: SimpleNamespace) -> Any:
    with h5py.File("fit.h5", "r+"):
        return xrfsr.open_scan("fit.h5", pixel_size="0.5 mm")


# What she does: the call, then the thing, its value, what is accepted, and the fix, as words of the message.
MISTAKES: dict[str, tuple[Callable[[SimpleNamespace], Any], tuple[str, ...]]] = {
    "opens the photo as the scan": (
        lambda at: xrfsr.open_scan("photo.jpg", pixel_size="0.5 mm"),
        ("'photo.jpg'", "is a photo, not a scan", "open it with", "xrfsr.open_photo or xrfsr.register"),
    ),
    "uses the photo as the scan": (
        lambda at: at.photo.xrfsr.superresolve(at.photo),
        ("a photo was passed as the scan", "(band: 3, y: 32, x: 40)", "swapped", "scan.xrfsr.superresolve(photo)"),
    ),
    "uses the scan as the photo": (
        lambda at: at.scan.xrfsr.superresolve(at.scan),
        ("a scan was passed as the photo", "a Dataset with intensity", "swapped", "xrfsr.register(photo, scan)"),
    ),
    "passes the path of the photo": (
        lambda at: at.scan.xrfsr.superresolve("photo.jpg"),
        ("photo", "got 'photo.jpg'", "a DataArray (band, y, x) is needed", "xrfsr.open_photo(path, like=scan)"),
    ),
    "passes the pixels of the photo": (
        lambda at: at.scan.xrfsr.superresolve(at.pixels),
        ("photo", "an array of shape (32, 40, 4)", "a DataArray (band, y, x) is needed", "xrfsr.as_photo(rgb,"),
    ),
    "forgets to register the photo": (
        lambda at: xrfsr.open_photo("photo.jpg"),
        ("'photo.jpg'", "like is missing", "like=scan if it ends at the edges", "xrfsr.register(path, scan).photo"),
    ),
    "passes the registration in place of its photo": (
        lambda at: at.scan.xrfsr.superresolve(
            xrfsr.register(
                "photo.jpg", at.scan, control_points=[[0, 0, 0, 0], [39, 0, 9, 0], [0, 31, 0, 7], [39, 31, 9, 7]]
            )
        ),
        ("photo", "got <Registration", "a DataArray (band, y, x) is needed", "pass its photo: .photo"),
    ),
    "forgets the pixel size": (
        lambda at: xrfsr.open_scan("maps"),
        ("pixel_size is missing", "'maps' does not store it", "pass it", "pixel_size='0.5 mm'"),
    ),
    "writes the pixel size as text without a unit": (
        lambda at: xrfsr.open_scan("maps", pixel_size="0.5"),
        ("pixel_size", "got '0.5'", "must have a unit", "pixel_size='0.5 mm'"),
    ),
    "writes a decimal comma": (
        lambda at: xrfsr.open_scan("maps", pixel_size="0,5 mm"),
        ("pixel_size", "got '0,5 mm'", "a number with a unit", "write decimals with a point"),
    ),
    "gives the resolution in place of the pixel size": (
        lambda at: xrfsr.open_scan("maps", pixel_size="50 dpi"),
        ("pixel_size", "'50 dpi'", "accepted are mm, um, nm, cm, m and inch", "unknown unit of length 'dpi'"),
    ),
    "writes micrometres as a number": (
        lambda at: xrfsr.open_scan("maps", pixel_size=500),
        ("pixel_size=500", "counts as 500 mm", "has no unit", "'500 um'"),
    ),
    "has a photo with fewer pixels than the scan": (
        lambda at: at.scan.xrfsr.superresolve(xrfsr.open_photo("small.png", like=at.scan), **QUICK),
        ("the photo is coarser", "0.6667 x 0.625 mm", "0.125 x 0.125 mm", "use a sharper photo"),
    ),
    "asks for more than the photo shows": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, 16, **QUICK),
        ("the photo is coarser", "0.125 x 0.125 mm", "0.03125 x 0.03125 mm", "use scale=4 or less"),
    ),
    "writes the scale as text": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, "4x", **QUICK),
        ("scale", "got '4x'", "a number > 1", "such as 4"),
    ),
    "takes the scale for a share": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, 0, **QUICK),
        ("scale", "got 0", "a number > 1", "such as 4"),
    ),
    "misspells a line": (
        lambda at: at.scan.xrfsr.sel("Lead"),
        ("line", "'Lead'", "write element and line", "did you mean 'Pb-L'"),
    ),
    "asks for a line that was not mapped": (
        lambda at: at.scan.xrfsr.ratio("Ca-K", "Cu-K"),
        ("the scan", "has no line 'Cu-K'", "it has", "Ca-K, Pb-L"),
    ),
    "writes all lines in one text": (
        lambda at: xrfsr.as_scan(at.counts, "Ca-K, Pb-L", "0.5 mm"),
        ("'lines'", "got 1", "must have 2 labels", "give one label for each map"),
    ),
    "names elements in place of lines": (
        lambda at: xrfsr.as_scan(at.counts, ["Calcium", "Pb-L"], "0.5 mm"),
        ("line", "'Calcium'", "write element and line", "did you mean 'Ca-K'"),
    ),
    "wants some lines alone": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, lines=["Pb-L"], **QUICK),
        ("option", "'lines'", "its options are", "scan.xrfsr.sel(line=['Pb-L', ...])"),
    ),
    "has the axes in another order": (
        lambda at: xrfsr.as_scan(at.counts.transpose(1, 2, 0), ["Ca-K", "Pb-L"], "0.5 mm"),
        ("'maps'", "(8, 10, 2)", "(line, y, x)", "np.moveaxis(maps, -1, 0)"),
    ),
    "has a photo on its side": (
        lambda at: xrfsr.as_photo(at.pixels.swapaxes(0, 1), like=at.scan),
        ("the photo", "40 x 32 pixels", "4 x 5 mm", "rotate it by 90 degrees, or transpose it"),
    ),
    "has a photo of percentages": (
        lambda at: xrfsr.as_photo(at.pixels[..., :3] / 2.55, like=at.scan),
        ("'rgb'", "values from 0", "must lie in [0, 1]", "divide by the white value, 100 as it seems"),
    ),
    "has a photo of 0 to 255 as floats": (
        lambda at: at.scan.xrfsr.superresolve(at.photo * 255, **QUICK),
        ("photo: 'rgb'", "to 254", "must lie in [0, 1]", "divide by the white value, 255 as it seems"),
    ),
    "has a map without any value": (
        lambda at: xrfsr.as_scan([at.counts[0], at.counts[1] * np.nan], ["Ca-K", "Pb-L"], "0.5 mm"),
        ("'intensity'", "Pb-L", "no finite value", ".drop_sel(line=['Pb-L'])"),
    ),
    "has counts below zero after subtracting a background": (
        lambda at: xrfsr.as_scan(at.counts - 30, ["Ca-K", "Pb-L"], "0.5 mm"),
        ("'intensity'", "down to -", "is negative", ".clip(min=0)"),
    ),
    "forgets .xrfsr, and looks for the function": (
        lambda at: xrfsr.superresolve(at.scan, at.photo),
        ("'superresolve'", "module 'xrfsr' has no attribute", "it is a method of scans", "scan.xrfsr.superresolve("),
    ),
    "makes a result finer again": (
        same_scan_twice,
        ("the scan", "method 'guided_filter'", "estimated, not measured", "pass the scan that it was made of"),
    ),
    "misspells a method": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, method="guidedfilter"),
        ("method", "'guidedfilter' is unknown", "accepted are unfolding, kriging", "did you mean 'guided_filter'?"),
    ),
    "misspells an argument": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, uncertanty=True, **QUICK),
        ("option", "'uncertanty'", "its options are", "did you mean 'uncertainty'?"),
    ),
    "misspells an argument of a figure": (
        lambda at: at.scan.xrfsr.plot(line="Pb-L"),
        ("maps()", "no argument 'line'", "its arguments are", "did you mean 'lines'?"),
    ),
    "passes the method by position": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, 4, "guided_filter"),
        ("superresolve()", "got 3 values", "takes rgb, scale by position", "name the others: its arguments are"),
    ),
    "misspells the photo's name": (
        lambda at: xrfsr.open_photo("foto.jpg", like=at.scan),
        ("'foto.jpg'", "does not exist", "a PNG, JPEG or TIFF file", "did you mean 'photo.jpg'?"),
    ),
    "misspells the folder's name": (
        lambda at: xrfsr.open_scan("mapz", pixel_size="0.5 mm"),
        ("'mapz'", "does not exist", "the file or folder that holds the maps", "did you mean 'maps'?"),
    ),
    "opens a folder without maps": (
        lambda at: xrfsr.open_scan("empty", pixel_size="0.5 mm"),
        ("'empty'", "contains no file of TIFF, EDF, text, PNG", "expected one per line", "named like 'Ca-K.tif'"),
    ),
    "opens another file": (
        lambda at: xrfsr.open_scan("letters/letter.docx", pixel_size="0.5 mm"),
        ("'letters/letter.docx'", "unknown format", "supported are", "folder of TIFF"),
    ),
    "opens a file that she has open": (
        open_while_written,
        ("'fit.h5'", "cannot be read", "it is open for writing", "close it in the program that has it open"),
    ),
    "writes a result a second time": (
        lambda at: at.scan.xrfsr.to_zarr("there.zarr"),
        ("'there.zarr'", "exists", "choose another name", "pass overwrite=True to replace it"),
    ),
    "writes to a folder that is not there": (
        lambda at: at.scan.xrfsr.to_zarr("results/fine.zarr"),
        ("'results/fine.zarr'", "the folder 'results' does not exist", "create it first", "choose another"),
    ),
    "has an array without names": (
        lambda at: xr.DataArray(at.counts).xrfsr.superresolve(at.photo),
        ("'intensity'", "('dim_0', 'dim_1', 'dim_2')", "must have the dimensions", ".rename(dim_0='line', "),
    ),
    "registers an array": (
        lambda at: xrfsr.register("photo.jpg", at.counts),
        ("a Dataset", "an array of shape (2, 8, 10)", "'intensity' (line, y, x) is needed", "xrfsr.as_scan(maps,"),
    ),
    "asks for a GPU by its kind": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, device="gpu"),
        ("device", "'gpu'", "accepted here are 'auto', 'cpu'", "'auto' takes a GPU if there is one"),
    ),
    "has no such GPU": (
        lambda at: at.scan.xrfsr.superresolve(at.photo, device="cuda:77"),
        ("device", "'cuda:77' is not present", "accepted here are 'auto', 'cpu'", "'auto' takes a GPU"),
    ),
    "has the photo in another place": (
        lambda at: at.scan.xrfsr.superresolve(at.photo.assign_coords(x=at.photo.x + 500), **QUICK),
        ("do not overlap", "x 500 to 505 mm", "x 0 to 5 mm", "xrfsr.as_photo(rgb, like=scan) if both show the same"),
    ),
    "passes several scans as a list": (
        lambda at: xrfsr.regions.run([at.scan, at.scan], at.photo, "all.zarr"),
        ("run over regions", "a list of 2 entries", "a DataTree of scans is needed", "xr.DataTree.from_dict({"),
    ),
    "gives regions no names": (
        lambda at: xrfsr.regions.run(xr.DataTree(at.scan), at.photo, "all.zarr", progress=False),
        ("the scan is at the root '/'", "the whole store", "name it", "DataTree.from_dict({'a': scan})"),
    ),
}


def reads(call: Callable[[SimpleNamespace], Any], desk: SimpleNamespace) -> str:
    """What she reads: the error, or the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            call(desk)
        except (xrfsr.InvalidInput, AttributeError, TypeError) as error:
            return str(error)
    return "\n".join(str(one.message) for one in caught)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_message_names_thing_value_what_is_accepted_and_the_fix(mistake: str, desk: SimpleNamespace) -> None:
    call, parts = MISTAKES[mistake]
    said = reads(call, desk)
    assert said
    assert [part for part in parts if part not in said] == [], said
    assert len(said) < 1200


# What looks like a mistake, and works: to the same values, where there is something to compare with.
def test_every_kind_of_photo_opens(desk: SimpleNamespace) -> None:
    rgba, grey = (xrfsr.open_photo(name, like=desk.scan) for name in ("rgba.png", "grey.png"))
    opaque = desk.pixels[..., 3] > 0
    np.testing.assert_array_equal(rgba.values[:, opaque], desk.photo.values[:, opaque])
    assert np.isnan(rgba.values[:, ~opaque]).all()
    np.testing.assert_array_equal(grey.values, np.stack([desk.photo.values[0]] * 3))


def test_lengths_in_centimetres_and_quantities_without_a_fault(desk: SimpleNamespace) -> None:
    for size in ("0.05 cm", "500 um", 0.5, "0.5mm"):
        assert xrfsr.open_scan("maps", pixel_size=size).xrfsr.grid.spacing == (0.5, 0.5)


def test_dimensions_in_another_order_and_lazy_maps_are_the_same(desk: SimpleNamespace) -> None:
    fine = desk.scan.xrfsr.superresolve(desk.photo, **QUICK)
    turned = desk.scan.transpose("x", "y", "line").xrfsr.superresolve(desk.photo, **QUICK)
    np.testing.assert_array_equal(turned.intensity.transpose(*fine.intensity.dims), fine.intensity)
    lazy = desk.scan.chunk().xrfsr.superresolve(desk.photo, **QUICK)
    np.testing.assert_allclose(lazy.intensity, fine.intensity, rtol=1e-5)
    assert len(lazy.xrfsr.plot()) == 2  # computed where it is shown


def test_nothing_was_left_in_her_folder(desk: SimpleNamespace) -> None:
    made = {"photo.jpg", "small.png", "rgba.png", "grey.png", "maps", "empty", "letters", "there.zarr", "fit.h5"}
    assert {path.name for path in Path(desk.folder).iterdir()} == made

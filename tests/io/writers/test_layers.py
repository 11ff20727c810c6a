"""Photos and maps such as ratios are written by every writer, in place, and leave the element maps as they were."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.geotiff import to_geotiff
from xrfsr.io.writers.imagej import to_imagej
from xrfsr.io.writers.pymca import to_pymca
from xrfsr.io.writers.tiffs import to_tiffs

RATIO = "Ca-K / Pb-L"
WRITERS: dict[str, tuple[Callable[..., None], str]] = {
    "geotiff": (to_geotiff, "maps.tif"),
    "tiffs": (to_tiffs, "maps"),
    "imagej": (to_imagej, "stack.tif"),
    "pymca": (to_pymca, "maps.h5"),
}
every_writer = pytest.mark.parametrize("form", WRITERS)


def written_ratio(form: str, path: Path, name: str = RATIO) -> np.ndarray:
    """Return the map that is no element map, from what was written."""
    if form == "imagej":
        with tifffile.TiffFile(path) as file:
            labels = np.atleast_1d(file.imagej_metadata["Labels"]).tolist()  # type: ignore[index]
            return file.asarray().reshape(len(labels), 12, 16)[[label.split("\n")[0] for label in labels].index(name)]
    if form == "geotiff":
        with rasterio.open(path) as file:
            return file.read(file.descriptions.index(name) + 1)
    if form == "tiffs":
        return tifffile.imread(path / "derived" / f"{name.replace(' / ', '_')}.tif")
    with h5py.File(path) as file:
        group = file["scan/maps"]
        assert group.attrs["NX_class"] == "NXdata"
        names = [group.attrs["signal"], *group.attrs["auxiliary_signals"]]
        [found] = [group[one] for one in names if group[one].attrs["long_name"] == name]
        assert found.attrs["units"] == "dimensionless"
        np.testing.assert_array_equal(group["x"], 0.25 + 0.5 * np.arange(found.shape[1]))
        return found[:]


def written_photo(form: str, path: Path) -> np.ndarray:
    """Return a colour photo (y, x, band) from what was written."""
    if form == "imagej":
        return tifffile.imread(path)
    if form == "geotiff":
        with rasterio.open(path) as file:
            return np.moveaxis(file.read(), 0, -1)
    if form == "tiffs":
        return tifffile.imread(path / "photo.tif")
    with h5py.File(path) as file:
        group = file["scan/photo"]
        assert (group.attrs["NX_class"], group.attrs["signal"]) == ("NXdata", "rgb")
        assert list(group.attrs["axes"]) == ["y", "x", "."]
        assert group["rgb"].attrs["interpretation"] == "rgb-image"
        assert (group["x"].attrs["units"], group["x"].shape) == ("mm", group["rgb"].shape[1:2])
        return group["rgb"][:]


@every_writer
def test_ratios_go_with_the_maps(form: str, tmp_path: Path, scan: xr.Dataset) -> None:
    write, name = WRITERS[form]
    ratios = {"ca_pb": scan.xrfsr.ratio("Ca-K", "Pb-L"), "fe_pb": scan.xrfsr.ratio("Fe-Ka", "Pb-L", minimum=25)}
    write(scan.assign(ratios), tmp_path / name)  # without a warning that something is dropped
    np.testing.assert_array_equal(written_ratio(form, tmp_path / name), ratios["ca_pb"])
    np.testing.assert_array_equal(written_ratio(form, tmp_path / name, "Fe-Ka / Pb-L"), ratios["fe_pb"])
    if form == "geotiff":
        with pytest.warns(UserWarning, match="also has Ca-K / Pb-L, Fe-Ka / Pb-L, which are ignored"):
            back = xrfsr.open_scan(tmp_path / name)
    else:
        back = xrfsr.open_scan(tmp_path / name, **({"pixel_size": 0.5} if form == "tiffs" else {}))  # type: ignore[arg-type]
    np.testing.assert_array_equal(back["intensity"], scan["intensity"])
    write(scan.assign(ratios), tmp_path / name, overwrite=True)


@every_writer
def test_a_ratio_alone(form: str, tmp_path: Path, scan: xr.Dataset) -> None:
    _, name = WRITERS[form]
    ratio = scan.xrfsr.ratio("Ca-K", "Pb-L")
    getattr(ratio.xrfsr, f"to_{form}")(tmp_path / name)
    np.testing.assert_array_equal(written_ratio(form, tmp_path / name), ratio)
    plain = xr.DataArray(ratio.values, {"y": ratio.y, "x": ratio.x}, ("y", "x"), name="my map")
    getattr(plain.T.xrfsr, f"to_{form}")(tmp_path / name, overwrite=True)
    np.testing.assert_array_equal(written_ratio(form, tmp_path / name, "my map"), ratio)
    with pytest.raises(InvalidInput, match="coordinate 'y' has no units"):
        plain.assign_coords(y=np.arange(12.0)).xrfsr.to_geotiff(tmp_path / "other.tif")


def test_ratios_without_the_maps(tmp_path: Path, scan: xr.Dataset) -> None:
    ratios = xr.Dataset({name: scan.xrfsr.ratio(name, "Pb-L") for name in ("Ca-K", "Fe-Ka")})
    ratios = ratios.rename({"Ca-K": "ca", "Fe-Ka": "fe"})
    to_geotiff(ratios, tmp_path / "maps.tif")
    with rasterio.open(tmp_path / "maps.tif") as file:
        assert file.descriptions == (RATIO, "Fe-Ka / Pb-L")
        np.testing.assert_array_equal(file.read(), ratios.to_dataarray())


def test_names_of_further_maps_do_not_collide(tmp_path: Path, scan: xr.Dataset) -> None:
    further = {
        "y_x": scan["intensity"][0].drop_vars("line").assign_attrs(long_name="Ca-K"),  # like a line
        "Y_x": scan["intensity"][1].drop_vars("line"),
        "a/b": scan["intensity"][1].drop_vars("line"),
        "a_b": scan["intensity"][2].drop_vars("line"),
    }
    data = scan.assign({name: map_.reset_coords(drop=True) for name, map_ in further.items()})
    to_tiffs(data, tmp_path / "maps")
    files = sorted(file.name for file in (tmp_path / "maps" / "derived").iterdir())
    assert len({name.casefold() for name in files}) == 4
    to_pymca(data, tmp_path / "maps.h5")
    with h5py.File(tmp_path / "maps.h5") as file:
        assert len(file["scan/maps"]) == 2 + 4
    to_geotiff(data, tmp_path / "maps.tif")
    with rasterio.open(tmp_path / "maps.tif") as file:
        assert file.descriptions == ("Ca-K", "Fe-Ka", "Pb-L", *further)


@every_writer
def test_a_photo_alone(form: str, tmp_path: Path, photo: xr.DataArray) -> None:
    _, name = WRITERS[form]
    expected = np.rint(255 * np.moveaxis(photo.values, 0, -1))
    getattr(photo.xrfsr, f"to_{form}")(tmp_path / name)
    np.testing.assert_array_equal(written_photo(form, tmp_path / name), expected)
    shuffled = photo.chunk(y=10).transpose("y", "x", "band").isel(band=[2, 0, 1])
    getattr(shuffled.xrfsr, f"to_{form}")(tmp_path / name, overwrite=True)
    np.testing.assert_array_equal(written_photo(form, tmp_path / name), expected)


@pytest.mark.parametrize("form", ["tiffs", "pymca"])
def test_the_photo_goes_with_the_maps(form: str, tmp_path: Path, photo: xr.DataArray, scan: xr.Dataset) -> None:
    """Also where it is finer than they are; and as a variable of a result on its own grid."""
    write, name = WRITERS[form]
    expected = np.rint(255 * np.moveaxis(photo.values, 0, -1))
    write(scan, tmp_path / name, photo=photo)
    np.testing.assert_array_equal(written_photo(form, tmp_path / name), expected)
    fine = scan.xrfsr.resample(scale=4)
    write(fine.assign(rgb=photo), tmp_path / name, overwrite=True)
    np.testing.assert_array_equal(written_photo(form, tmp_path / name), expected)
    with pytest.raises(InvalidInput, match="a scan was passed as the photo"):
        write(scan, tmp_path / name, photo=scan)
    if form == "tiffs":
        with pytest.warns(UserWarning, match=r"pictures are ignored: photo\.tif .* open_photo"):
            xrfsr.open_scan(tmp_path / name, 0.125)
    else:
        assert xrfsr.open_scan(tmp_path / name).sizes == {"line": 3, "y": 48, "x": 64}


def test_a_geotiff_of_maps_has_no_place_for_the_photo(tmp_path: Path, photo: xr.DataArray, scan: xr.Dataset) -> None:
    fine = scan.xrfsr.resample(scale=4).assign(rgb=photo)
    with pytest.warns(UserWarning, match="has no place for .*rgb"):
        to_geotiff(fine, tmp_path / "maps.tif")


def test_gaps_of_a_photo_are_transparent(tmp_path: Path, photo: xr.DataArray) -> None:
    to_tiffs(photo.where(photo.x > 1), tmp_path / "maps")
    pixels = tifffile.imread(tmp_path / "maps" / "photo.tif")
    np.testing.assert_array_equal(pixels[..., 3], np.broadcast_to(np.where(photo.x > 1, 255, 0), (48, 64)))


def test_photos_of_other_bands_are_maps(tmp_path: Path, scan: xr.Dataset) -> None:
    pixels = np.random.default_rng(0).random((2, 24, 32)).astype(np.float32)
    photo = xrfsr.as_photo(xr.DataArray(pixels, dims=("band", "y", "x")), like=scan, bands=["infrared", "uv"])
    to_tiffs(scan, tmp_path / "maps", photo=photo)
    to_pymca(scan, tmp_path / "maps.h5", photo=photo)
    to_imagej(photo, tmp_path / "photo.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "photo.tif"), pixels)
    for number, name in enumerate(("infrared", "uv")):
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "maps" / "derived" / f"{name}.tif"), pixels[number])
        with h5py.File(tmp_path / "maps.h5") as file:
            np.testing.assert_array_equal(file["scan/photo"][name], pixels[number])
    with pytest.raises(InvalidInput, match="must have the bands red, green and blue, got infrared, uv"):
        scan.xrfsr.to_xrf_explorer(tmp_path / "workspace", photo=photo)


@pytest.mark.parametrize("added", ["derived/notes.txt", "derived/mine.tif"])
def test_further_maps_of_others_stay(added: str, tmp_path: Path, scan: xr.Dataset) -> None:
    data = scan.assign(ratio=scan.xrfsr.ratio("Ca-K", "Pb-L"))
    to_tiffs(data, tmp_path / "maps")
    (tmp_path / "maps" / added).write_text("II*\0 mine")
    with pytest.raises(InvalidInput, match=f"contains '{added}', which xrfsr did not write"):
        to_tiffs(data, tmp_path / "maps", overwrite=True)


def test_zarr_and_hyperspy_take_them_too(tmp_path: Path, photo: xr.DataArray, scan: xr.Dataset) -> None:
    ratio = scan.xrfsr.ratio("Ca-K", "Pb-L")
    for name, data in (("photo", photo), ("ratio", ratio)):
        data.xrfsr.to_zarr(tmp_path / f"{name}.zarr")
        xr.testing.assert_equal(xr.open_dataarray(tmp_path / f"{name}.zarr", engine="zarr"), data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("hyperspy.api", reason="the extra hyperspy is not installed")
        picture, signal = photo.xrfsr.to_hyperspy(), ratio.xrfsr.to_hyperspy()
        lazy = scan.chunk(line=1).xrfsr.ratio("Ca-K", "Pb-L").xrfsr.to_hyperspy()
    assert picture.data.dtype.names == ("R", "G", "B")
    for number, name in enumerate("RGB"):
        np.testing.assert_array_equal(picture.data[name], np.rint(255 * photo[number]))
    assert (picture.axes_manager["y"].scale, picture.axes_manager["x"].units) == (0.125, "mm")
    np.testing.assert_array_equal(signal.data, ratio)
    assert signal.metadata.General.title == RATIO
    assert signal.axes_manager["x"].offset == 0.25
    assert lazy._lazy

"""GeoTIFF of maps and photos: the top of the painting is north, so that GIS programs show both upright and in place."""

from __future__ import annotations

from pathlib import Path

import dask.array
import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import Affine, array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.raster import read_raster
from xrfsr.io.readers import tiff
from xrfsr.io.writers.geotiff import to_geotiff

LOCAL = 'LOCAL_CS["painting",UNIT["millimetre",0.001]]'


def turn(obj: xr.Dataset | xr.DataArray, turned: str) -> xr.Dataset | xr.DataArray:
    """Reverse the axes that `turned` names, coordinates included."""
    return obj.isel({dim: slice(None, None, -1) for dim in turned})


def ramp(height: int = 6, width: int = 8, **options: object) -> xr.Dataset:
    """Return a scan whose values rise from the top to the bottom, and a little from left to right."""
    rows = 10.0 * np.arange(height)[:, None] + np.arange(width)
    return xrfsr.as_scan(np.stack([rows + 1, rows + 2]), ["Ca-K", "Pb-L"], **{"pixel_size": 0.5, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("turned", ["", "y", "x", "yx"])
@pytest.mark.parametrize("origin", [(0, 0), (12.5, -3)])
def test_the_top_of_the_painting_is_north(
    turned: str, origin: tuple[float, float], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    scan = ramp(pixel_size=(0.25, 0.5), origin=origin)
    to_geotiff(turn(scan, turned), tmp_path / "maps.tif")
    with rasterio.open(tmp_path / "maps.tif") as file:
        assert file.transform == Affine(0.5, 0, origin[1], 0, -0.25, -origin[0])
        assert file.bounds == (origin[1], -origin[0] - 1.5, origin[1] + 4, -origin[0])
        np.testing.assert_array_equal(file.read(1), scan["intensity"][0])  # row 0 is the top, column 0 the left
        assert ",0.001]" in file.crs.to_wkt()
    back = xrfsr.open_scan(tmp_path / "maps.tif")
    xr.testing.assert_allclose(back["intensity"].drop_attrs(), turn(scan, turned)["intensity"].drop_attrs())
    assert list(tmp_path.iterdir()) == [tmp_path / "maps.tif"]
    assert not [one for one in recwarn if issubclass(one.category, UserWarning)]


@pytest.mark.parametrize("turned", ["y", "x", "yx"])
def test_a_part_of_a_reversed_scan_is_read_alone(turned: str, tmp_path: Path) -> None:
    scan = turn(ramp(9, 11), turned)
    to_geotiff(scan, tmp_path / "maps.tif")
    for part in ({"y": slice(2, 5), "x": slice(1, 4)}, {"y": slice(0, 9, 2)}, {"x": slice(3, None, 3)}, {"y": 4}):
        back = xrfsr.open_scan(tmp_path / "maps.tif").isel(part)  # type: ignore[arg-type]
        np.testing.assert_array_equal(back["intensity"], scan["intensity"].isel(part))  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 3, 4])
def test_maps_are_cloud_optimised_with_names_and_smaller_copies(count: int, tmp_path: Path) -> None:
    labels = ["Ca-K", "Fe-Ka", "Pb-L", "Hg-L", "compton"][:count]
    maps = np.random.default_rng(0).random((len(labels), 520, 530), np.float32)
    maps[0, :9, :9] = np.nan
    scan = xrfsr.as_scan(maps, labels, "0.5 mm")
    to_geotiff(scan, tmp_path / "maps.tif")
    with rasterio.open(tmp_path / "maps.tif") as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.descriptions == tuple(labels)
        assert set(file.units) == {"count"}
        assert np.isnan(file.nodata)
        assert file.overviews(1)[0] == 2
        assert not {ColorInterp.alpha, ColorInterp.palette, ColorInterp.red} & set(file.colorinterp)
        np.testing.assert_array_equal(file.read(), maps)
    back = xrfsr.open_scan(tmp_path / "maps.tif", chunks={})
    np.testing.assert_array_equal(back["intensity"], maps)


def test_bands_are_decoded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands of a block are stored together, so that each further reading would decode all of them again."""
    calls = []
    monkeypatch.setattr(tiff, "read_raster", lambda *args: calls.append(args) or read_raster(*args))
    to_geotiff(ramp(), tmp_path / "maps.tif")
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "maps.tif")["intensity"], ramp()["intensity"])
    assert len(calls) == 1


def test_map_and_photo_lie_on_each_other(tmp_path: Path) -> None:
    """What GIS programs do: bring both to one grid, here that of the scan, and draw it from the north down."""
    grey = np.random.default_rng(0).random((24, 32)).round(2)
    scan = xrfsr.as_scan(1000 * grey.reshape(6, 4, 8, 4).mean((1, 3))[None], ["Pb-L"], 2.0, origin=(5, 3))
    photo = xrfsr.as_photo(np.stack([grey, grey**2, 0 * grey]), like=scan)
    to_geotiff(scan, tmp_path / "maps.tif")
    photo.xrfsr.to_geotiff(tmp_path / "photo.tif")
    shown = []
    for name in ("maps.tif", "photo.tif"):
        with rasterio.open(tmp_path / name) as file:
            assert file.transform.e < 0
            assert array_bounds(file.height, file.width, file.transform) == (3, -17, 19, -5)
            target = {"crs": LOCAL, "transform": Affine(2, 0, 3, 0, -2, -5), "width": 8, "height": 6}
            with WarpedVRT(file, resampling=Resampling.average, **target) as warped:
                shown.append(warped.read(1))
    expected = scan["intensity"][0].values
    np.testing.assert_allclose(shown[0], expected)
    np.testing.assert_allclose(shown[1] / 255, expected / 1000, atol=0.003)
    for row in range(6):
        assert np.abs(shown[1][row] / 255 - expected[row] / 1000).max() < 0.003
        assert np.abs(shown[1][row] / 255 - expected[5 - row] / 1000).max() > 0.01


def test_rioxarray_reads_maps_and_photo(tmp_path: Path, photo: xr.DataArray, scan: xr.Dataset) -> None:
    import rioxarray

    to_geotiff(scan, tmp_path / "maps.tif")
    photo.xrfsr.to_geotiff(tmp_path / "photo.tif")
    with rioxarray.open_rasterio(tmp_path / "maps.tif") as maps, rioxarray.open_rasterio(tmp_path / "photo.tif") as rgb:
        np.testing.assert_array_equal(maps, scan["intensity"])
        np.testing.assert_allclose(maps.y, -scan.y)
        assert maps.attrs["long_name"] == ("Ca-K", "Fe-Ka", "Pb-L")
        assert maps.rio.bounds() == rgb.rio.bounds() == (0, -6, 8, 0)
        np.testing.assert_allclose(rgb.rio.reproject_match(maps).y, maps.y)


@pytest.mark.parametrize("turned", ["", "y", "x"])
def test_a_photo_is_a_picture(turned: str, tmp_path: Path, photo: xr.DataArray, scan: xr.Dataset) -> None:
    turn(photo, turned).xrfsr.to_geotiff(tmp_path / "photo.tif")
    with rasterio.open(tmp_path / "photo.tif") as file:
        assert file.dtypes == ("uint8",) * 3
        assert file.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.bounds == (0, -6, 8, 0)
        np.testing.assert_array_equal(file.read(), np.rint(255 * photo.values))
        assert file.dataset_mask().all()
        assert "nodata" not in file.profile or file.nodata is None
    back = xrfsr.open_photo(tmp_path / "photo.tif", like=scan)
    np.testing.assert_allclose(back, photo, atol=0.5 / 255 + 1e-6)
    assert tifffile.imread(tmp_path / "photo.tif").shape == (48, 64, 3)


@pytest.mark.parametrize("size", [48, 2100])
def test_what_a_photo_does_not_show_is_masked(size: int, tmp_path: Path) -> None:
    """Also in later strips of a photo that is written strip by strip, and in its smaller copies."""
    pixels = np.full((3, size, 40), 0.5, np.float32)
    pixels[:, -7:, 3:9] = np.nan
    pixels[1, 0, 0] = 0.0
    scan = xrfsr.as_scan(np.arange(float(10 * size)).reshape(1, size, 10), ["Ca-K"], (1, 4))
    photo = xrfsr.as_photo(pixels, like=scan)
    photo.chunk(y=16).xrfsr.to_geotiff(tmp_path / "photo.tif")
    with rasterio.open(tmp_path / "photo.tif") as file:
        shown = file.dataset_mask() > 0
        np.testing.assert_array_equal(shown, ~np.isnan(pixels[0]))
        assert file.count == 3
    back = xrfsr.open_photo(tmp_path / "photo.tif", like=scan)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(pixels))


def test_a_photo_opens_where_it_was(tmp_path: Path, scan: xr.Dataset) -> None:
    """It may show more than the scan; files of others are still placed on the scan."""
    wall = xrfsr.Grid.from_shape((40, 50), 0.25, origin=(-2, -1.5))
    photo = xrfsr.as_photo(np.random.default_rng(0).random((3, 40, 50)), like=wall)
    photo.attrs["native_pixel_mm"] = [0.4, 0.5]
    for turned in ("", "yx"):
        turn(photo, turned).xrfsr.to_geotiff(tmp_path / "photo.tif", overwrite=True)
        back = xrfsr.open_photo(tmp_path / "photo.tif", like=scan)
        np.testing.assert_allclose(back, photo, atol=0.5 / 255 + 1e-6)
        for dim in ("y", "x"):
            np.testing.assert_allclose(back[dim], photo[dim])
        assert back.attrs["native_pixel_mm"] == [0.4, 0.5]
    with pytest.raises(InvalidInput, match=r"is stored at .*, where the scan is not: .*as_photo"):
        xrfsr.open_photo(tmp_path / "photo.tif", like=scan.assign_coords(x=scan.x + 100))
    tifffile.imwrite(tmp_path / "plain.tif", tifffile.imread(tmp_path / "photo.tif")[:30, :40], photometric="rgb")
    assert xrfsr.open_photo(tmp_path / "plain.tif", like=scan).xrfsr.grid.y.edges == (0, 6)


@pytest.mark.parametrize(
    "names", [["infrared"], ["uv", "infrared"], ["red", "green", "blue", "infrared"], ["a", "b", "c"], ["red"]]
)
def test_photos_of_other_bands_keep_names_and_values(names: list[str], tmp_path: Path, scan: xr.Dataset) -> None:
    pixels = np.random.default_rng(0).random((len(names), 24, 32)).astype(np.float32)
    pixels[:, 3, 4] = np.nan
    photo = xrfsr.as_photo(xr.DataArray(pixels, dims=("band", "y", "x")), like=scan, bands=names)
    photo.xrfsr.to_geotiff(tmp_path / "photo.tif")
    with rasterio.open(tmp_path / "photo.tif") as file:
        assert list(file.descriptions) == names
        assert file.dtypes == ("float32",) * len(names)
        assert file.bounds == (0, -6, 8, 0)
    xr.testing.assert_equal(xrfsr.open_photo(tmp_path / "photo.tif", like=scan), photo)
    with pytest.raises(InvalidInput, match="has no element maps, only"):
        xrfsr.open_scan(tmp_path / "photo.tif")


def test_photos_are_replaced_only_if_they_are_ours(tmp_path: Path, photo: xr.DataArray) -> None:
    path = tmp_path / "photo.tif"
    photo.xrfsr.to_geotiff(path)
    with pytest.raises(InvalidInput, match="exists; choose another name, or pass overwrite=True"):
        photo.xrfsr.to_geotiff(path)
    (1 - photo).xrfsr.to_geotiff(path, overwrite=True)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), np.rint(255 * (1 - photo).values))
    tifffile.imwrite(path, np.zeros((4, 4, 3), np.uint8), photometric="rgb", software="a camera")
    with pytest.raises(InvalidInput, match="is not a TIFF file that xrfsr wrote, so it is not replaced"):
        photo.xrfsr.to_geotiff(path, overwrite=True)


def test_a_photo_that_cannot_be_placed_is_refused(tmp_path: Path, photo: xr.DataArray) -> None:
    with pytest.raises(InvalidInput) as caught:
        photo.drop_vars(["y", "x"]).xrfsr.to_geotiff(tmp_path / "no" / "photo.png")
    assert len(caught.value.faults) == 3
    caught.match("must end in .tif or .tiff")
    caught.match("does not exist; create it first")
    caught.match("no coordinates 'y' and 'x' in mm")


def test_files_of_earlier_versions_open_to_the_same_values_and_are_replaced(tmp_path: Path) -> None:
    """They had y upwards as it is, and bands one after the other."""
    scan = ramp(origin=(2, 1))
    for turned in ("", "y"):
        path, old = tmp_path / f"old{turned}.tif", turn(scan, turned)
        step = -0.5 if turned else 0.5
        shape = {"count": 2, "height": 6, "width": 8, "dtype": "float32", "nodata": np.nan, "interleave": "band"}
        transform = Affine(0.5, 0, 1, 0, step, 5 if turned else 2)
        with rasterio.open(path, "w", driver="GTiff", crs=LOCAL, transform=transform, **shape) as file:
            file.update_tags(TIFFTAG_SOFTWARE="xrfsr 0.0")
            file.write(old["intensity"].values)
            file.descriptions, file.units = ["Ca-K", "Pb-L"], ["count/s"] * 2
        back = xrfsr.open_scan(path)
        xr.testing.assert_equal(back["intensity"], old["intensity"])
        assert back["intensity"].attrs["units"] == "count/s"
        to_geotiff(scan, path, overwrite=True)
        xr.testing.assert_equal(xrfsr.open_scan(path)["intensity"], scan["intensity"])


@pytest.mark.parametrize("driver", ["GTiff", "COG"])
@pytest.mark.parametrize("turned", ["", "y", "yx"])
def test_what_gis_programs_save_again_or_cut_out_keeps_its_place(driver: str, turned: str, tmp_path: Path) -> None:
    from rasterio.shutil import copy

    scan = ramp(9, 11)
    to_geotiff(turn(scan, turned), tmp_path / "maps.tif")
    copy(tmp_path / "maps.tif", tmp_path / "again.tif", driver=driver)
    with rasterio.open(tmp_path / "maps.tif") as file:
        window = Window(2, 3, 5, 4)
        transform = Affine(0.5, 0, 1.0, 0, -0.5, -1.5)
        profile = {"driver": "GTiff", "count": 2, "dtype": "float32", "crs": file.crs, "transform": transform}
        with rasterio.open(tmp_path / "part.tif", "w", width=5, height=4, **profile) as part:
            part.write(file.read(window=window))
            part.update_tags(**file.tags())
            part.descriptions = file.descriptions
    for name, expected in (("again.tif", scan), ("part.tif", scan.isel(y=slice(3, 7), x=slice(2, 7)))):
        back = xrfsr.open_scan(tmp_path / name).sortby(["y", "x"])
        xr.testing.assert_allclose(back["intensity"].drop_attrs(), expected["intensity"].drop_attrs())


def test_lazy_photos_are_written_strip_by_strip(tmp_path: Path) -> None:
    seen = []

    def block(part: np.ndarray, block_info: object = None) -> np.ndarray:
        if block_info:
            seen.append(part.shape)
        return part

    scan = ramp(8, 8)
    pixels = dask.array.zeros((3, 2048, 512), np.float32, chunks=(3, 512, 512))
    photo = xrfsr.as_photo(
        pixels.map_blocks(block, dtype="f4", meta=np.empty((0, 0, 0), "f4")), like=scan.isel(x=[0, 1])
    )
    photo.xrfsr.to_geotiff(tmp_path / "photo.tif")
    assert seen == [(3, 512, 512)] * 4  # each block once

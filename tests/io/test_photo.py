"""Reading of photographs."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from PIL import Image, ImageOps
from rasterio.errors import NotGeoreferencedWarning

from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput
from xrfsr.io.photo import open_photo


def area(height: int, width: int) -> Grid:
    """Return a grid of that many pixels."""
    return Grid.from_shape((height, width), pixel_size=0.1)


def write(path: Path, bands: np.ndarray, mask: np.ndarray | None = None, **options: object) -> None:
    """Write (band, y, x) as TIFF or PNG, with an optional mask."""
    count, height, width = bands.shape
    shape = {"count": count, "height": height, "width": width, "dtype": bands.dtype}
    driver = "PNG" if path.suffix == ".png" else "GTiff"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", driver=driver, **shape, **options) as file,
        ):
            file.write(bands)
            if mask is not None:
                file.write_mask(mask)


@pytest.fixture
def colours() -> np.ndarray:
    """Pixels (y, x, 3) uint8, smooth enough for JPEG, and changed by any rotation or reflection."""
    y, x = np.mgrid[0:40, 0:56]
    return np.stack([4 * x, 6 * y, 100 + x - y], axis=-1).astype("uint8")


@pytest.mark.parametrize(("suffix", "tolerance"), [("png", 0), ("tif", 0), ("jpg", 0.02)])
def test_reads_8_bit(tmp_path: Path, scan: xr.Dataset, colours: np.ndarray, suffix: str, tolerance: float) -> None:
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(colours).save(path, **({"quality": 97, "subsampling": 0} if suffix == "jpg" else {}))
    photo = open_photo(path, like=scan)
    assert photo.name == "rgb"
    assert photo.dims == ("band", "y", "x")
    assert photo["band"].values.tolist() == ["red", "green", "blue"]
    assert photo.dtype == np.float32
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), colours / 255, atol=tolerance + 1e-6)
    # Outer edges on the outer edges of the scan: 8 mm in 56 pixels.
    assert float(photo["x"][0]) == pytest.approx(8 / 56 / 2)
    assert photo["x"].attrs["units"] == "mm"


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_keeps_16_bits(tmp_path: Path, scan: xr.Dataset, suffix: str) -> None:
    deep = np.random.default_rng(0).integers(0, 2**16, (20, 30, 3), dtype="uint16")
    write(tmp_path / f"deep.{suffix}", np.moveaxis(deep, -1, 0), photometric="rgb")
    photo = open_photo(tmp_path / f"deep.{suffix}", like=scan)
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), deep / 65535, atol=1e-6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_are_turned_upright(tmp_path: Path, colours: np.ndarray, suffix: str, orientation: int) -> None:
    image = Image.fromarray(colours)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"turned.{suffix}", exif=exif)
    with Image.open(tmp_path / f"turned.{suffix}") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    photo = open_photo(tmp_path / f"turned.{suffix}", like=area(*expected.shape[:2]))
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), expected / 255, atol=0.04)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P"])
def test_grey_alpha_and_palette(tmp_path: Path, scan: xr.Dataset, colours: np.ndarray, mode: str) -> None:
    image = Image.fromarray(colours).convert(mode)
    image.save(tmp_path / "photo.png")
    photo = open_photo(tmp_path / "photo.png", like=scan)
    expected = np.asarray(image.convert("L" if mode[0] == "L" else "RGB"))
    expected = np.stack([expected] * 3, axis=-1) if expected.ndim == 2 else expected
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), expected / 255, atol=1e-6)


def test_photos_beyond_pillows_limit(
    tmp_path: Path, scan: xr.Dataset, colours: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(colours).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # as if the picture had a thousand million pixels
    with pytest.raises(Image.DecompressionBombError):
        Image.open(tmp_path / "large.png")
    assert open_photo(tmp_path / "large.png", like=scan).shape == (3, 40, 56)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_unusable_files_are_named(tmp_path: Path, scan: xr.Dataset, colours: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match=r"nothing\.png' does not exist"):
        open_photo(tmp_path / "nothing.png", like=scan)
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(InvalidInput, match=r"notes\.jpg' is not a PNG, JPEG or TIFF file"):
        open_photo(tmp_path / "notes.jpg", like=scan)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_damaged_files_are_no_photos(tmp_path: Path, scan: xr.Dataset, suffix: str, share: float) -> None:
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 70, 3), "uint8")).save(whole)
    cut.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    with pytest.raises(InvalidInput, match=rf"cut\.{suffix}' cannot be read"):
        open_photo(cut, like=scan)


def test_two_bands_are_no_photo(tmp_path: Path, scan: xr.Dataset) -> None:
    write(tmp_path / "two.tif", np.zeros((2, 9, 9), "uint8"))
    with pytest.raises(InvalidInput, match=r"two\.tif' has the bands gray, undefined"):
        open_photo(tmp_path / "two.tif", like=scan)


@pytest.mark.parametrize("count", [3, 4, 6, 12])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_any_number_of_bands(tmp_path: Path, count: int, dtype: str) -> None:
    rng = np.random.default_rng(count)
    white = 1 if dtype == "float32" else np.iinfo(dtype).max
    pixels = (rng.random((count, 20, 30)) * white).astype(dtype)
    write(tmp_path / "bands.tif", pixels, photometric="minisblack")
    photo = open_photo(tmp_path / "bands.tif", like=area(20, 30))
    assert photo.band.values.tolist() == [f"band {number}" for number in range(1, count + 1)]
    np.testing.assert_allclose(photo, pixels / white, atol=1e-6)
    names = [f"component {number}" for number in range(count)]
    named = open_photo(tmp_path / "bands.tif", like=area(20, 30), bands=names)
    assert named.band.values.tolist() == names
    np.testing.assert_array_equal(named, photo)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "bands.tif", "r+") as file:
            file.descriptions = names
    assert open_photo(tmp_path / "bands.tif", like=area(20, 30)).band.values.tolist() == names


def test_bands_with_names_given(tmp_path: Path, colours: np.ndarray) -> None:
    grey = colours[..., 0]
    Image.fromarray(grey).save(tmp_path / "infrared.png")
    photo = open_photo(tmp_path / "infrared.png", like=area(40, 56), bands=["infrared"])
    assert photo.band.values.tolist() == ["infrared"]
    np.testing.assert_allclose(photo[0], grey / 255, atol=1e-6)
    write(tmp_path / "two.tif", np.moveaxis(colours[..., :2], -1, 0))
    assert open_photo(tmp_path / "two.tif", like=area(40, 56), bands=["a", "b"]).shape == (2, 40, 56)
    with pytest.raises(InvalidInput, match=r"two\.tif' has 2 bands .*, but bands= has 3 names"):
        open_photo(tmp_path / "two.tif", like=area(40, 56), bands=["a", "b", "c"])
    Image.fromarray(colours).save(tmp_path / "false.png")
    false = open_photo(tmp_path / "false.png", like=area(40, 56), bands=["infrared", "red", "green"])
    assert false.band.values.tolist() == ["infrared", "red", "green"]
    np.testing.assert_allclose(false.transpose("y", "x", "band"), colours / 255, atol=1e-6)


def test_red_green_and_blue_among_more_bands(tmp_path: Path, colours: np.ndarray) -> None:
    pixels = np.concatenate([np.moveaxis(colours, -1, 0), colours[None, ..., 0] // 2])
    write(tmp_path / "four.tif", pixels, photometric="rgb", alpha="unspecified")
    with pytest.warns(UserWarning, match=r"four\.tif' has 1 more band than red, green and blue, which is ignored"):
        photo = open_photo(tmp_path / "four.tif", like=area(40, 56))
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), colours / 255, atol=1e-6)
    names = ["red", "green", "blue", "infrared"]
    np.testing.assert_allclose(open_photo(tmp_path / "four.tif", area(40, 56), names), pixels / 255, atol=1e-6)


def test_pages_are_bands_if_they_are_named(tmp_path: Path, colours: np.ndarray) -> None:
    pages = [Image.fromarray(colours[..., band]) for band in range(3)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    photo = open_photo(tmp_path / "pages.tif", like=area(40, 56), bands=["uv", "infrared", "radiograph"])
    assert photo.band.values.tolist() == ["uv", "infrared", "radiograph"]
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), colours / 255, atol=1e-6)
    odd = [pages[0], pages[1].crop((0, 0, 9, 9)), pages[2]]
    odd[0].save(tmp_path / "odd.tif", save_all=True, append_images=odd[1:])
    with pytest.raises(InvalidInput, match="must all be grey and of one size"):
        open_photo(tmp_path / "odd.tif", like=area(40, 56), bands=["uv", "infrared", "radiograph"])


@pytest.mark.parametrize("count", [2, 3, 5])
def test_several_grey_pages_are_refused_with_a_way_out(tmp_path: Path, colours: np.ndarray, count: int) -> None:
    pages = [Image.fromarray(colours[..., i % 3]) for i in range(count)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InvalidInput, match=rf"pages\.tif' has {count} pages and the first is grey") as caught:
        open_photo(tmp_path / "pages.tif", like=area(40, 56))
    assert "save the photo as RGB" in str(caught.value)
    assert ("as_photo(tifffile.imread(" in str(caught.value)) == (count == 3)


@pytest.mark.parametrize(("mode", "count"), [("RGB", 2), ("RGBA", 3), ("P", 2)])
def test_more_pages_after_one_in_colour_are_named(tmp_path: Path, colours: np.ndarray, mode: str, count: int) -> None:
    pages = [Image.fromarray(np.roll(colours, 20 * i, axis=0)).convert(mode) for i in range(count)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    with pytest.warns(UserWarning, match=rf"pages\.tif' has {count - 1} more page") as caught:
        photo = open_photo(tmp_path / "pages.tif", like=area(40, 56))
    assert caught[0].filename == __file__
    # The palettes of TIFF have 16 bits, which older releases of GDAL round another way.
    tolerance = 1.01 / 255 if mode == "P" else 1e-6
    shown = np.asarray(pages[0].convert("RGB")) / 255
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), shown, atol=tolerance)


@pytest.mark.parametrize("bands", [1, 3])
def test_smaller_copies_are_no_pages(tmp_path: Path, bands: int) -> None:
    path = tmp_path / "pyramid.tif"
    pixels = np.random.default_rng(0).integers(0, 256, (bands, 400, 300), "uint8")
    write(path, pixels, tiled=True, blockxsize=64, blockysize=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2, 4])
    with Image.open(path) as stored:
        assert getattr(stored, "n_frames", 1) == 3
    photo = open_photo(path, like=area(400, 300))
    np.testing.assert_allclose(photo, np.broadcast_to(pixels, (3, 400, 300)) / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_transparent_pixels_are_missing(tmp_path: Path, suffix: str, grey: bool, dtype: str) -> None:
    white = np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, white, (2 if grey else 4, 20, 30), dtype, endpoint=True)
    pixels[-1] = rng.choice([0, 1, white // 2, white], (20, 30))
    write(tmp_path / f"photo.{suffix}", pixels, photometric="minisblack" if grey else "rgb", alpha="yes")
    photo = open_photo(tmp_path / f"photo.{suffix}", like=area(20, 30))
    assert photo.dtype == np.float32
    shown = np.broadcast_to(pixels[:-1], (3, 20, 30)) / white
    np.testing.assert_allclose(photo, np.where(pixels[-1] == 0, np.nan, shown), atol=1e-6)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 128, 0])])
def test_transparent_colours_of_a_palette_are_missing(tmp_path: Path, transparency: int | bytes) -> None:
    indices = np.arange(600, dtype="uint8").reshape(20, 30) % 4
    image = Image.fromarray(indices, mode="P")
    table = np.array([[255, 0, 0], [0, 90, 0], [10, 20, 30], [7, 7, 200]])
    image.putpalette(table.ravel().tolist())
    image.save(tmp_path / "photo.png", transparency=transparency)
    gone = [1] if transparency == 1 else [1, 3]
    photo = open_photo(tmp_path / "photo.png", like=area(20, 30))
    expected = np.where(np.isin(indices, gone)[..., None], np.nan, table[indices] / 255)
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), expected, atol=1e-6)


def test_one_transparent_colour_is_missing(tmp_path: Path, colours: np.ndarray) -> None:
    Image.fromarray(colours).save(tmp_path / "photo.png", transparency=tuple(map(int, colours[3, 5])))
    photo = open_photo(tmp_path / "photo.png", like=area(40, 56))
    expected = np.where((colours == colours[3, 5]).all(axis=-1, keepdims=True), np.nan, colours / 255)
    assert np.isnan(expected).any()
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), expected, atol=1e-6)


@pytest.mark.parametrize("how", ["nodata", "mask"])
def test_no_data_is_missing(tmp_path: Path, colours: np.ndarray, how: str) -> None:
    bands = np.moveaxis(colours, -1, 0)
    gone = np.zeros((40, 56), bool)
    gone[3:9, 5:20] = True
    stored = np.where(gone, 0, bands | 1).astype("uint8")
    stored[0, 0, 0] = 0  # no data is what has it in every band
    if how == "nodata":
        write(tmp_path / "photo.tif", stored, photometric="rgb", nodata=0)
    else:
        write(tmp_path / "photo.tif", stored, photometric="rgb", mask=~gone)
    expected = np.where(gone, np.nan, stored / 255)
    photo = open_photo(tmp_path / "photo.tif", like=area(40, 56))
    np.testing.assert_allclose(photo, expected, atol=1e-6)


@pytest.mark.parametrize("nothing", [-9999.5, float("nan"), 0.0])
def test_no_data_among_real_numbers(tmp_path: Path, nothing: float) -> None:
    bands = np.random.default_rng(0).uniform(0.1, 1, (3, 20, 30)).astype("float32")
    stored = bands.copy()
    stored[:, 2:5, 7:9] = nothing
    write(tmp_path / "photo.tif", stored, photometric="rgb", nodata=nothing)
    bands[:, 2:5, 7:9] = np.nan
    np.testing.assert_array_equal(open_photo(tmp_path / "photo.tif", like=area(20, 30)), bands)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(("orientation", "quarters"), [(1, 0), (8, 1), (3, 2), (6, 3)])
def test_missing_pixels_are_rotated_too(
    tmp_path: Path, colours: np.ndarray, suffix: str, orientation: int, quarters: int
) -> None:
    alpha = np.where(colours[..., :1] < 60, 0, 255).astype("uint8")
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.dstack([colours, alpha])).save(tmp_path / f"turned.{suffix}", exif=exif)
    expected = np.rot90(np.where(alpha == 0, np.nan, colours / 255), quarters)
    photo = open_photo(tmp_path / f"turned.{suffix}", like=area(*expected.shape[:2]))
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), expected, atol=1e-6)


def test_a_photo_of_nothing_is_refused(tmp_path: Path, colours: np.ndarray) -> None:
    Image.fromarray(np.dstack([colours, np.zeros_like(colours[..., 0])])).save(tmp_path / "photo.png")
    with pytest.raises(InvalidInput, match=r"photo\.png' is empty"):
        open_photo(tmp_path / "photo.png", like=area(40, 56))


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8, 12, 16, 32])
@pytest.mark.parametrize("zero", ["black", "white"])
def test_any_number_of_bits_and_either_meaning_of_zero(tmp_path: Path, bits: int, zero: str) -> None:
    dtype = "uint8" if bits <= 8 else "uint16" if bits <= 16 else "uint32"
    white = 2**bits - 1
    grey = np.random.default_rng(0).integers(0, white, (1, 20, 30), dtype, endpoint=True)
    write(tmp_path / "photo.tif", grey, nbits=bits, photometric=f"minis{zero}")
    photo = open_photo(tmp_path / "photo.tif", like=area(20, 30))
    shown = grey / white if zero == "black" else 1 - grey / white
    np.testing.assert_allclose(photo, np.broadcast_to(shown, (3, 20, 30)), atol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_few_bits(tmp_path: Path, bits: int) -> None:
    grey = np.random.default_rng(0).integers(0, 2**bits, (1, 20, 30), "uint8")
    write(tmp_path / "photo.png", grey, nbits=bits)
    photo = open_photo(tmp_path / "photo.png", like=area(20, 30))
    np.testing.assert_allclose(photo[0], grey[0] / (2**bits - 1), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_zero_as_white_needs_to_know_black(tmp_path: Path, dtype: str) -> None:
    write(tmp_path / "photo.tif", np.zeros((1, 20, 30), dtype), photometric="miniswhite")
    with pytest.raises(InvalidInput, match=rf"photo\.tif' .*MinIsWhite.* {dtype}"):
        open_photo(tmp_path / "photo.tif", like=area(20, 30))


@pytest.mark.parametrize(("suffix", "reason"), [("png", "libpng"), ("jpg", "libjpeg"), ("tif", "Read error")])
def test_damage_is_reported_with_the_message_of_the_decoder(tmp_path: Path, suffix: str, reason: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 70, 3), "uint8")).save(path)
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    with pytest.raises(InvalidInput, match=rf"cannot be read as a picture \(.*{reason}") as caught:
        open_photo(path, like=area(90, 70))
    assert "previous exception" not in str(caught.value)


@pytest.mark.parametrize("path", [None, 3, b"photo.png", "", " ", "a\0b"])
def test_invalid_paths_are_refused(path: object, scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput, match=r"path must be .*; pass the path of a PNG, JPEG or TIFF file"):
        open_photo(path, like=scan)  # type: ignore[arg-type]


def test_folders_are_no_photos_and_faults_come_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_photo(tmp_path, like=xr.Dataset())
    assert "is a folder" in caught.value.faults[0]
    assert len(caught.value.faults) == 3  # and of the scan, y and x


def test_real_photo(shared: Path) -> None:
    photo = open_photo(shared / "soldier" / "photo.png", like=area(811, 285))
    assert photo.shape == (3, 811, 285)
    assert 0 <= float(photo.min()) < float(photo.max()) <= 1

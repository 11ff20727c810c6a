"""Photographs from files."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from PIL import Image, ImageOps
from rasterio.errors import NotGeoreferencedWarning

from xrfsr.errors import InvalidInput
from xrfsr.io.photo import open_photo


@pytest.fixture
def colours() -> np.ndarray:
    """(y, x, 3) uint8, smooth enough for JPEG, and not alike under any turn."""
    y, x = np.mgrid[0:40, 0:56]
    return np.stack([4 * x, 6 * y, 100 + x - y], axis=-1).astype("uint8")


def write16(path: Path, pixels: np.ndarray, driver: str) -> None:
    bands = np.moveaxis(pixels, -1, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        shape = {"count": 3, "height": pixels.shape[0], "width": pixels.shape[1], "dtype": "uint16"}
        with rasterio.open(path, "w", driver=driver, photometric="rgb", **shape) as file:
            file.write(bands)


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


@pytest.mark.parametrize(("driver", "suffix"), [("PNG", "png"), ("GTiff", "tif")])
def test_keeps_16_bits(tmp_path: Path, scan: xr.Dataset, driver: str, suffix: str) -> None:
    deep = np.random.default_rng(0).integers(0, 2**16, (20, 30, 3), dtype="uint16")
    write16(tmp_path / f"deep.{suffix}", deep, driver)
    photo = open_photo(tmp_path / f"deep.{suffix}", like=scan)
    np.testing.assert_allclose(photo.transpose("y", "x", "band"), deep / 65535, atol=1e-6)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos_are_turned_upright(
    tmp_path: Path, scan: xr.Dataset, colours: np.ndarray, suffix: str, orientation: int
) -> None:
    image = Image.fromarray(colours)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"turned.{suffix}", exif=exif)
    photo = open_photo(tmp_path / f"turned.{suffix}", like=scan)
    with Image.open(tmp_path / f"turned.{suffix}") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
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
    with pytest.raises(InvalidInput, match=r"notes\.jpg' cannot be read"):
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            tmp_path / "two.tif", "w", driver="GTiff", count=2, height=9, width=9, dtype="uint8"
        ) as file:
            file.write(np.zeros((2, 9, 9), "uint8"))
    with pytest.raises(InvalidInput, match=r"two\.tif' has the bands gray, undefined"):
        open_photo(tmp_path / "two.tif", like=scan)


def test_real_photo(shared: Path, scan: xr.Dataset) -> None:
    photo = open_photo(shared / "soldier" / "photo.png", like=scan)
    assert photo.shape == (3, 811, 285)
    assert 0 <= float(photo.min()) < float(photo.max()) <= 1

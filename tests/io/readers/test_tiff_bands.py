"""Bands of a TIFF that lack values where others have some."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

import xrfsr

MAPS = np.random.default_rng(0).poisson(40, (3, 5, 7)).astype(float)
NAMES = ["Ca-K", "Fe-K", "Pb-L"]


def write(path: Path, maps: NDArray[Any], names: list[str] = NAMES, **options: Any) -> Path:
    count, height, width = maps.shape
    profile = {"count": count, "height": height, "width": width, "dtype": maps.dtype, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **profile) as file:
            file.write(maps)
            file.descriptions = names
    return path


@pytest.mark.parametrize("interleave", ["band", "pixel"])
@pytest.mark.parametrize(
    ("dtype", "absent"),
    [
        ("float32", -9999),
        ("float64", -9999),
        ("int16", -9999),
        ("int32", -(2**31)),
        ("uint16", 65535),
        ("uint8", 255),
        ("float32", -3.4028234663852886e38),
        ("float32", np.nan),
    ],
)
def test_a_pixel_that_one_band_lacks_is_missing_in_that_band(
    tmp_path: Path, dtype: str, absent: float, interleave: str
) -> None:
    lacking = np.zeros(MAPS.shape, bool)
    lacking[1, 2, 3] = lacking[2, :2] = lacking[:, 4, 6] = True
    stored = np.where(lacking, absent, MAPS).astype(dtype)
    expected = np.where(lacking, np.nan, MAPS)
    path = write(tmp_path / "maps.tif", stored, nodata=absent, interleave=interleave)
    scan = xrfsr.open_scan(path, 1)
    np.testing.assert_array_equal(scan["intensity"], expected)
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1)["intensity"][1, 1:4, 2:5], expected[1, 1:4, 2:5])
    xr.testing.assert_identical(xrfsr.open_scan(path, 1, lines=["Pb-L"]).load(), scan.isel(line=[2]).load())


def test_what_one_uncertainty_lacks(tmp_path: Path) -> None:
    stored = MAPS[:2].copy()
    stored[1, 0, 0] = -1
    scan = xrfsr.open_scan(write(tmp_path / "maps.tif", stored, ["Ca-K", "s(Ca-K)"], nodata=-1), 1)
    np.testing.assert_array_equal(scan["intensity"][0], MAPS[0])
    np.testing.assert_array_equal(scan["uncertainty"][0], np.where(stored[1] == -1, np.nan, MAPS[1]))


def test_a_block_of_one_band_that_was_never_written(tmp_path: Path) -> None:
    path = tmp_path / "maps.tif"
    profile = {"count": 2, "height": 5, "width": 7, "dtype": "float32", "nodata": -9999, "sparse_ok": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", interleave="band", **profile) as file:
            file.write(MAPS[0].astype("float32"), 1)
            file.descriptions = NAMES[:2]
    found = xrfsr.open_scan(path, 1)["intensity"]
    np.testing.assert_array_equal(found[0], MAPS[0])
    assert np.isnan(found[1]).all()


def test_a_colour_photo_is_missing_only_where_every_band_is(tmp_path: Path) -> None:
    pixels = MAPS.astype("uint8")
    pixels[0, 1, 1], pixels[:, 2, 2] = 0, 0
    write(tmp_path / "photo.tif", pixels, ["", "", ""], nodata=0, photometric="RGB")
    like = xrfsr.as_scan(MAPS, NAMES, 1)
    photo = xrfsr.open_photo(tmp_path / "photo.tif", like=like)
    assert photo[0, 1, 1] == 0
    assert np.argwhere(np.isnan(photo.values)).tolist() == [[0, 2, 2], [1, 2, 2], [2, 2, 2]]

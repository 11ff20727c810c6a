"""Scale and offset of the bands of a TIFF, as GDAL and rasterio write them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrfsr
from xrfsr.errors import InvalidInput

STORED = np.arange(24, dtype="u2").reshape(2, 3, 4)


def write(path: Path, stored: Any = STORED, **attributes: Any) -> Path:
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        count, height, width = stored.shape
        nodata = attributes.pop("nodata", None)
        options = {"count": count, "height": height, "width": width, "dtype": stored.dtype, "nodata": nodata}
        with rasterio.open(path, "w", driver="GTiff", **options) as file:
            file.write(stored)
            file.descriptions = ["Ca-K", "Fe-K"][:count]
            for name, value in attributes.items():
                setattr(file, name, value)
    return path


def test_each_band_has_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "maps.tif", scales=(0.5, 1.0), offsets=(100.0, -2.0), nodata=3)
    found = xrfsr.open_scan(path, 1)["intensity"]
    expected = np.where(STORED == 3, np.nan, STORED * np.array([0.5, 1])[:, None, None] + [[[100]], [[-2]]])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
def test_files_in_a_folder(tmp_path: Path, dtype: str) -> None:
    stored = STORED.astype(dtype)
    write(tmp_path / "Ca-K.tif", stored[:1], scales=(0.25,))
    write(tmp_path / "Fe-K.tif", stored[1:], offsets=(7.0,))
    found = xrfsr.open_scan(tmp_path, 1)["intensity"]
    np.testing.assert_array_equal(found.sel(line="Ca-K"), STORED[0] * 0.25)
    np.testing.assert_array_equal(found.sel(line="Fe-K"), STORED[1] + 7.0)


@pytest.mark.parametrize("attributes", [{"scales": (np.nan, 1)}, {"offsets": (np.inf, 0)}])
def test_scales_that_leave_no_values(tmp_path: Path, attributes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"declares the scale .* and the offset .*; export the plain values"):
        xrfsr.open_scan(write(tmp_path / "maps.tif", **attributes), 1)

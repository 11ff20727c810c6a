"""Positions in GeoTIFF that are turned against the rows: what is wrong is said, and the call that helps is right."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.georeference import CRS

METRES = 'LOCAL_CS["painting",UNIT["metre",1]]'
MAPS = np.random.default_rng(0).poisson(30, (2, 5, 7)).astype("float32")
UPRIGHT = "write it upright with GDAL (gdalwarp 'maps.tif' upright.tif) or QGIS (Raster > Projections > Warp)"


def write(path: Path, transform: Affine, crs: str = CRS, **tags: str) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shape = {"count": 2, "height": 5, "width": 7, "dtype": "float32"}
        with rasterio.open(path, "w", driver="GTiff", transform=transform, crs=crs, **shape) as file:
            file.write(MAPS)
            file.descriptions = ["Ca-K", "Fe-K"]
            file.update_tags(**tags)
    return path


@pytest.mark.parametrize(("b", "d"), [(1, 1), (-1, -1), (1, -1), (-1, 1)])
@pytest.mark.parametrize(("crs", "size"), [(CRS, 0.5), (METRES, 5e-4), (METRES, 5e-6)])
def test_a_quarter_turn(tmp_path: Path, b: int, d: int, crs: str, size: float) -> None:
    path = write(tmp_path / "maps.tif", Affine(0, b * size, 0, d * size, 0, 0), crs)
    with pytest.raises(InvalidInput, match=re.escape(UPRIGHT)) as caught:
        xrfsr.open_scan(path)
    message = str(caught.value)
    assert ("mirrored and turned by 90 degrees" if b * d < 0 else "are turned by 90 degrees") in message
    call = message.partition("turn the maps: ")[2]
    scan = xrfsr.open_scan(path, pixel_size="0.5 mm")
    np.testing.assert_array_equal(scan["intensity"], MAPS)
    turned: Any = eval(call, {"scan": scan})  # the words of the message
    with rasterio.open(path) as file, WarpedVRT(file, crs=file.crs) as upright:
        np.testing.assert_array_equal(turned["intensity"], upright.read())


@pytest.mark.parametrize("transform", [Affine.rotation(5) * Affine.scale(0.5, -0.5), Affine(0.5, 0.1, 0, 0, -0.5, 0)])
def test_other_turns(tmp_path: Path, transform: Affine) -> None:
    path = write(tmp_path / "maps.tif", transform)
    expected = f"turned or sheared against its rows and columns; {UPRIGHT}, or pass pixel_size=... to read its rows as"
    with pytest.raises(InvalidInput, match=re.escape(expected)):
        xrfsr.open_scan(path)
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1)["intensity"], MAPS)


@pytest.mark.parametrize("transform", [Affine(0.5, 1e-6, 0, -1e-6, -0.5, 0), Affine(-0.5, 0, 0, 0, 0.5, 0)])
def test_what_runs_along_the_axes_keeps_its_positions(tmp_path: Path, transform: Affine) -> None:
    scan = xrfsr.open_scan(write(tmp_path / "maps.tif", transform))
    np.testing.assert_allclose(np.abs(scan.x.diff("x")), 0.5)


def test_turned_positions_on_earth_are_no_positions(tmp_path: Path) -> None:
    path = write(tmp_path / "maps.tif", Affine(0, 0.5, 0, 0.5, 0, 0), "EPSG:32633")
    with pytest.raises(InvalidInput, match="pixel_size is missing"):
        xrfsr.open_scan(path)


def test_a_turned_photo(tmp_path: Path) -> None:
    path = write(tmp_path / "maps.tif", Affine(0, 0.5, 0, 0.5, 0, 0), XRFSR_NORTHING="-y")
    with pytest.raises(InvalidInput, match=re.escape(UPRIGHT)):
        xrfsr.open_photo(path, like=xrfsr.as_scan(MAPS, ["Ca-K", "Fe-K"], 1))

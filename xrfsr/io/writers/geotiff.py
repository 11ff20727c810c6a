"""Writer of GeoTIFF: one file with a named band per map, or a photo, in a local coordinate system in millimetres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.photo_resolution import native_pixel
from xrfsr.io.georeference import DERIVED, NATIVE, ROLE
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.cog import open_cog
from xrfsr.io.writers.common import iter_strips, prepare_write, warn_dropped, writing
from xrfsr.io.writers.layers import Plane, upright
from xrfsr.io.writers.ownership import tiff_obstacle
from xrfsr.io.writers.pictures import band_planes, is_colour, iter_rgb

__all__ = ["to_geotiff"]


def to_geotiff(
    data: xr.Dataset | xr.DataArray,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: bool | None = None,
) -> None:
    """Write maps or a photo as Cloud-Optimized GeoTIFF, for QGIS and other GIS programs, GDAL and rasterio.

    The top of the painting is north: the northing is -y, so that maps and photo are upright and registered. The
    coordinate system is a local one in millimetres. `xrfsr.open_scan` reads maps back without a pixel size.

    Maps are bands of float32 with the names of their lines, NaN for missing pixels, and their units; uncertainties are
    named ``s(Ca-K)``. Further maps (y, x), such as ratios, are bands, too, which `xrfsr.open_scan` ignores. The record
    of how a result was made is in tags. A photo with red, green and blue is written in 8 bits, with a mask where it has
    missing pixels; other photos are written like maps. Lazy arrays are computed once, and written
    strip by strip.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, photo, or a single map such as a ratio.
    path : str or path
        File to write, ending in ``.tif`` or ``.tiff``. It appears once it is complete.
    overwrite : bool
        Whether to replace an existing file that xrfsr wrote; any other is never replaced.
    progress : bool, optional
        Whether to show what is done; left out, terminals and notebooks show it if it takes a second or more.

    Raises
    ------
    InvalidInput
        If the data or the path cannot be used; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has a mask, a photo, or variables of other dimensions, which the format cannot store with maps.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_geotiff(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{folder}/maps.tif")
    ...     to_geotiff(rgb, f"{folder}/photo.tif")
    ...     xrfsr.open_scan(f"{folder}/maps.tif").line.values.tolist()
    ['Ca-K', 'Pb-L']
    """
    layers, target = prepare_write(
        data,
        path,
        overwrite,
        suffixes=(".tif", ".tiff"),
        kind="GeoTIFF",
        obstacle=tiff_obstacle,
        progress=progress,
    )
    warn_dropped(layers, target)
    with (
        writing(layers.stored(), target, "GeoTIFF", progress) as layers,
        atomic_write(target, "GeoTIFF", tiff_obstacle, overwrite=overwrite) as new,
    ):
        planes = list(layers.planes())
        if planes or layers.photo is None:
            _write_maps(new, layers.grid, planes, {name.upper(): text for name, text in layers.record.items()})
        elif is_colour(layers.photo):
            _write_photo(new, layers.photo)
        else:
            _write_maps(new, layers.grid, band_planes(layers.photo), _photo_tags(layers.photo))


def _write_maps(path: Path, grid: Grid, planes: Sequence[Plane], tags: Mapping[str, str] | None = None) -> None:
    with open_cog(path, grid, count=len(planes), dtype="float32", nodata=np.nan) as file:
        file.update_tags(**(tags or {}))
        for band, plane in enumerate(planes, start=1):
            file.set_band_description(band, plane.title)
            file.set_band_unit(band, plane.units)
            if plane.role == "derived":
                file.update_tags(band, **{ROLE: DERIVED})
            for rows, values in iter_strips(upright(plane.values)):
                file.write(values, band, window=_window(rows, values))


def _write_photo(path: Path, photo: xr.DataArray) -> None:
    masked = False
    with open_cog(path, grid_of(photo), count=3, dtype="uint8", photometric="RGB") as file:
        file.update_tags(**_photo_tags(photo))
        for rows, pixels, shown in iter_rgb(upright(photo)):
            file.write(pixels, window=_window(rows, shown))
            if masked or not shown.all():
                if not masked and rows.start:
                    above = slice(0, rows.start)
                    file.write_mask(True, window=_window(above, shown))
                masked = True
                file.write_mask(shown, window=_window(rows, shown))


def _photo_tags(photo: xr.DataArray) -> dict[str, str]:
    """Return the tag that keeps a photo from being taken for finer than the file that it was resampled from."""
    native = native_pixel(photo)
    return {NATIVE: " ".join(map(repr, native))} if native else {}


def _window(rows: slice, values: NDArray[Any]) -> Any:
    from rasterio.windows import Window

    return Window(0, rows.start, values.shape[-1], rows.stop - rows.start)

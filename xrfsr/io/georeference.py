"""Position of a raster: its transform and coordinate system in GeoTIFF, and the grid in mm that they stand for.

On a painting `y` runs downwards, on a map the northing runs upwards, and GIS programs expect the northern row first.
Files are therefore written with the northing -y, from the top left on. Tags say so, and which axes were reversed for
it, so that the reader can turn the file back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xrfsr.core.grid import Axis, Grid
from xrfsr.errors import InvalidInput

__all__ = ["CRS", "DERIVED", "NATIVE", "ROLE", "StoredPhoto", "grid_of_raster", "placement", "turn_problem"]

# A local system, because a painting has no position on Earth: programs then show millimetres and do not warp.
CRS = 'LOCAL_CS["painting",UNIT["millimetre",0.001]]'
LOCAL_UNIT = re.compile(r'LOCAL_CS\[.*UNIT\["[^"]*",\s*(?P<metres>[0-9.eE+-]+)', re.DOTALL)
NORTHING, DOWNWARDS = "XRFSR_NORTHING", "-y"  # tag of files, and its value
REVERSED = "XRFSR_REVERSED"  # tag of files: the axes that descended before they were written
STRAIGHT = 0.01  # share of a pixel by which a row may leave its axis
NATIVE = "XRFSR_NATIVE_PIXEL_MM"  # tag of photos: pixel size (y, x) of the file that they were resampled from
ROLE, DERIVED = "XRFSR_ROLE", "derived"  # tag of bands, and its value for those that are no element maps


def placement(grid: Grid) -> tuple[Any, dict[str, str]]:
    """Return the transform of GDAL for maps in ascending order of `y` and `x`, and the tags that describe it.

    Parameters
    ----------
    grid : Grid
        Grid of the maps before they are brought into that order.
    """
    from rasterio.transform import Affine

    dy, dx = grid.spacing
    top, left = grid.y.edges[0], grid.x.edges[0]
    turned = [name for name, axis in (("y", grid.y), ("x", grid.x)) if axis.step < 0]
    tags = {NORTHING: DOWNWARDS} | ({REVERSED: " ".join(turned)} if turned else {})
    return Affine(dx, 0.0, left, 0.0, -dy, 0.0 - top), tags


def grid_of_raster(source: Any) -> tuple[Grid | None, tuple[bool, bool]]:
    """Return the grid of an open file, and whether its rows and columns have to be reversed for that grid.

    Parameters
    ----------
    source : rasterio dataset
        Open file.

    Returns
    -------
    grid : Grid or None
        Positions in mm; None unless the file has a local coordinate system with a unit of length. Coordinates on Earth
        are not positions on a painting.
    reversed : (bool, bool)
        Whether rows and columns were reversed when the file was written.
    """
    crs, transform = source.crs, source.transform
    unit = LOCAL_UNIT.search(crs.to_wkt()) if crs is not None else None
    if not unit or _is_turned(transform):
        return None, (False, False)
    factor = round(1000 * float(unit["metres"]), 12)
    tags: Mapping[str, str] = source.tags()
    down = -1.0 if tags.get(NORTHING) == DOWNWARDS else 1.0
    y = Axis(source.height, down * transform.e * factor, down * (transform.f + transform.e / 2) * factor)
    x = Axis(source.width, transform.a * factor, (transform.c + transform.a / 2) * factor)
    turned = tags.get(REVERSED, "").split()
    rows, columns = "y" in turned, "x" in turned
    return Grid(_reverse(y) if rows else y, _reverse(x) if columns else x), (rows, columns)


def _is_turned(transform: Any) -> bool:
    """Return whether rows and columns do not run along x and y."""
    a, b, d, e = transform.a, transform.b, transform.d, transform.e
    return not transform.is_rectilinear or max(abs(b), abs(d)) > STRAIGHT * min(abs(a), abs(e))


def turn_problem(source: Any, path: Path) -> tuple[str, str]:
    """Return what is wrong with positions that are turned, and the call that turns maps read as they are stored.

    Both are empty for positions that are not turned, and the call for those that are turned by other than 90 degrees.
    """
    transform = source.transform
    if source.crs is None or not LOCAL_UNIT.search(source.crs.to_wkt()) or not _is_turned(transform):
        return "", ""
    how, call = "turned or sheared", ""
    if max(abs(transform.a), abs(transform.e)) <= STRAIGHT * min(abs(transform.b), abs(transform.d)):
        mirrored, north = transform.b * transform.d < 0, transform.d > 0
        how = "mirrored and turned by 90 degrees" if mirrored else "turned by 90 degrees"
        call = f"flip('x').xrfsr.rotate({-90 if north else 90})" if mirrored else f"rotate({90 if north else -90})"
    return (
        f"'{path}' stores positions that are {how} against its rows and columns; write it upright with GDAL (gdalwarp "
        f"'{path.name}' upright.tif) or QGIS (Raster > Projections > Warp)"
    ), call


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """What `to_geotiff` stores of a photo besides its pixels.

    Attributes
    ----------
    grid : Grid
        Positions of the pixels, from the top left of the painting.
    native : (float, float) or None
        Pixel size (y, x) in mm of the file that the photo was resampled from.
    bands : tuple of str or None
        Names of the bands; None for red, green and blue.
    """

    grid: Grid
    native: tuple[float, float] | None
    bands: tuple[str, ...] | None

    @classmethod
    def read(cls, source: Any, path: Path) -> StoredPhoto | None:
        """Read it from an open file; None for files of other programs.

        Raises
        ------
        InvalidInput
            If its positions are turned by 90 degrees.
        """
        tags: Mapping[str, str] = source.tags()
        problem, call = turn_problem(source, path)
        if tags.get(NORTHING) == DOWNWARDS and call:
            raise InvalidInput("photo", [problem])
        grid, (rows, columns) = grid_of_raster(source) if tags.get(NORTHING) == DOWNWARDS else (None, (False, False))
        if grid is None:
            return None
        grid = Grid(_reverse(grid.y) if rows else grid.y, _reverse(grid.x) if columns else grid.x)
        names = tuple(str(name) for name in source.descriptions if name)
        sizes: list[float] = []
        with suppress(ValueError):
            sizes = list(map(float, tags.get(NATIVE, "").split()))
        native = (sizes[0], sizes[1]) if len(sizes) == 2 else None
        return cls(grid, native, names if len(names) == source.count else None)


def _reverse(axis: Axis) -> Axis:
    return Axis(axis.size, -axis.step, axis.first + axis.step * (axis.size - 1))

"""Position of a raster: its transform and coordinate system in GeoTIFF, and the grid in mm that they stand for.

On a painting `y` runs downwards, on a map the northing runs upwards, and GIS programs expect the northern row first.
Files are therefore written with the northing -y, from the top left on. Tags say so, and which axes were reversed for
it, so that the reader can turn the file back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xrfsr.core.grid import Axis, Grid

__all__ = ["CRS", "DERIVED", "ROLE", "grid_of_raster", "placement"]

# A local system, because a painting has no position on Earth: programs then show millimetres and do not warp.
CRS = 'LOCAL_CS["painting",UNIT["millimetre",0.001]]'
LOCAL_UNIT = re.compile(r'LOCAL_CS\[.*UNIT\["[^"]*",\s*(?P<metres>[0-9.eE+-]+)', re.DOTALL)
NORTHING, DOWNWARDS = "XRFSR_NORTHING", "-y"  # tag of files, and its value
REVERSED = "XRFSR_REVERSED"  # tag of files: the axes that descended before they were written
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
    if not unit or not transform.is_rectilinear:
        return None, (False, False)
    factor = round(1000 * float(unit["metres"]), 12)
    tags: Mapping[str, str] = source.tags()
    down = -1.0 if tags.get(NORTHING) == DOWNWARDS else 1.0
    y = Axis(source.height, down * transform.e * factor, down * (transform.f + transform.e / 2) * factor)
    x = Axis(source.width, transform.a * factor, (transform.c + transform.a / 2) * factor)
    turned = tags.get(REVERSED, "").split()
    rows, columns = "y" in turned, "x" in turned
    return Grid(_reverse(y) if rows else y, _reverse(x) if columns else x), (rows, columns)


def _reverse(axis: Axis) -> Axis:
    return Axis(axis.size, -axis.step, axis.first + axis.step * (axis.size - 1))

"""Regions of interest: polygons in millimetres as masks of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import dequantify, own_grid
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.units import pair_to_mm
from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.utils.describe import describe

__all__ = ["position_mm", "region"]

MOST_CORNERS = 100_000
FURTHEST = 1e8  # pixels from the maps; GDAL counts in integers of 32 bits


def region(obj: xr.Dataset | xr.DataArray, polygon: Sequence[Any]) -> xr.DataArray:
    """Mask of the pixels within a polygon in millimetres.

    Masks are plain arrays: ``a | b``, ``a & b`` and ``~a`` are unions, intersections and the rest of the painting, a
    polygon with a hole is ``outer & ~inner``, and ``scan.where(mask)`` keeps the pixels within.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan, result, photo or anything else with `y` and `x` in a unit of length, of which only these are used.
    polygon : sequence of pairs (y, x)
        At least three corners, each a pair of lengths (y, x): numbers of mm, text such as ``("2 cm", "85 mm")``, or an
        array of shape (corners, 2). The last corner is joined to the first.

    Returns
    -------
    xarray.DataArray
        Mask named ``"region"``, (y, x), bool, with the coordinates of `obj`. It is true for pixels whose centre lies
        inside the polygon, by the even-odd rule where its sides cross. If two polygons have a side in common, a centre
        on that side belongs to one of them, except for rounding. The mask is computed immediately, because it needs no
        values of maps.

    Raises
    ------
    InvalidInput
        Naming every corner that is no position, or if no centre of a pixel lies inside.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> left = scan.xrfsr.region([(0, 0), (0, 8), (16, 8), (16, 0)])
    >>> left.dims, int(left.sum())
    (('y', 'x'), 128)
    >>> means = scan.intensity.where(left).mean(("y", "x"))
    """
    faults: list[str] = []
    corners: NDArray[np.float64] | None = None
    grid: Grid | None = None
    with collect_faults(faults):
        grid = own_grid(obj)
    with collect_faults(faults):
        corners = _corners(polygon)
    if faults or grid is None or corners is None:
        raise InvalidInput("region", faults)
    (top, bottom), (left, right) = grid.y.edges, grid.x.edges
    away = np.abs(corners - (top, left)) / grid.spacing
    if away.max() > FURTHEST:
        far = corners[away.max(axis=1).argmax()]
        raise InvalidInput(
            "region",
            [f"corners must lie within {FURTHEST:g} pixels of the maps, got y {far[0]:g}, x {far[1]:g} mm"],
        )
    inside = _inside(grid, corners)
    if not inside.any():
        raise InvalidInput(
            "region",
            [
                f"the polygon must contain the centre of a pixel between y {top:g} and {bottom:g}, x {left:g} and "
                f"{right:g} mm; its corners (y, x) have y {corners[:, 0].min():g} to {corners[:, 0].max():g}, x "
                f"{corners[:, 1].min():g} to {corners[:, 1].max():g}"
            ],
        )
    plain = dequantify(obj)
    return xr.DataArray(
        inside,
        {name: plain.coords[name].variable for name in ("y", "x")},
        ("y", "x"),
        name="region",
        attrs={"long_name": "whether the pixel lies in the region"},
    )


def position_mm(value: Any, name: str) -> tuple[float, float]:
    """Return a position as (y, x) in mm.

    Raises
    ------
    InvalidInput
        If it is no pair of lengths.
    """
    if not _is_sequence(value, 1) or len(value) != 2:
        raise InvalidInput(
            "position", [f"{name} must be a pair of lengths (y, x) such as (10, '2.5 cm'), got {describe(value)}"]
        )
    return pair_to_mm(value, name, positive=False)


def _is_sequence(value: Any, ndim: int) -> bool:
    """Return whether a value is a tuple, a list, or an array or quantity of so many dimensions."""
    array = getattr(value, "magnitude", value)
    return isinstance(value, tuple | list) or (isinstance(array, np.ndarray) and array.ndim == ndim)


def _corners(polygon: Any) -> NDArray[np.float64]:
    """Return the corners in mm, shape (corner, 2), as y and x."""
    needed = "polygon must be at least three corners (y, x) in mm such as [(0, 0), (0, 20), (15, 20)]"
    if not _is_sequence(polygon, 2) or not 3 <= len(polygon) <= MOST_CORNERS:
        raise InvalidInput("polygon", [f"{needed}, got {describe(polygon)}"])
    found: list[tuple[float, float]] = []
    faults: list[str] = []
    for number, corner in enumerate(polygon, 1):
        with collect_faults(faults):
            try:
                found.append(position_mm(corner, "corner"))
            except InvalidInput as error:
                raise InvalidInput("polygon", [Fault(fault, f"corner {number}") for fault in error.faults]) from None
    if faults:
        raise InvalidInput("polygon", faults)
    return np.array(found)


def _inside(grid: Grid, corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the mask of the pixels of a grid whose centres lie within a polygon."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    inside = np.zeros(grid.shape, bool)
    rows, columns = (_cells(axis, corners[:, i]) for i, axis in enumerate((grid.y, grid.x)))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return inside
    part = grid.crop(rows, columns)
    (top, _), (left, _), (dy, dx) = part.y.edges, part.x.edges, part.spacing
    ring = [(x, y) for y, x in [*corners.tolist(), corners[0].tolist()]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    # In ascending order, whatever that of the maps: a centre on a side then belongs to the same polygon.
    found = rasterize([shape], part.shape, transform=Affine(dx, 0, left, 0, dy, top), dtype="uint8").astype(bool)
    inside[rows, columns] = found[:: 1 if part.y.step > 0 else -1, :: 1 if part.x.step > 0 else -1]
    return inside


def _cells(axis: Axis, positions: NDArray[np.float64]) -> slice:
    """Return the cells of an axis between the outermost of some positions."""
    cells = (np.array([positions.min(), positions.max()]) - axis.first) / axis.step
    low, high = np.clip([np.floor(cells.min()), np.ceil(cells.max()) + 1], 0, axis.size).astype(int)
    return slice(int(low), int(high))

"""Coordinates `y` and `x` of xarray objects, in millimetres, whatever the objects hold."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TypeVar

import numpy as np
import xarray as xr

from xrfsr.core.cf import AXES
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.mistakes import axes_renaming
from xrfsr.core.units import in_mm, mm_per
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.utils.describe import describe, listing

__all__ = [
    "centres",
    "dequantify",
    "grid_coords",
    "grid_of",
    "grid_or_none",
    "own_grid",
    "warn_of_replaced_positions",
]

DECIMALS = 12

AnyT = TypeVar("AnyT", bound="xr.Dataset | xr.DataArray")


def dequantify(obj: AnyT) -> AnyT:
    """Return a copy with plain arrays and units as text where pint-xarray had made quantities."""
    # Quantities cannot exist before pint is imported, and importing it takes longer than importing this package.
    if "pint" not in sys.modules:
        return obj
    held = [obj.variable] if isinstance(obj, xr.DataArray) else [variable.variable for variable in obj.values()]
    indexed = any(type(index).__module__.startswith("pint_xarray") for index in obj.xindexes.values())
    if not indexed and not any(_is_quantity(variable) for variable in held):
        return obj
    import pint_xarray  # noqa: F401 - gives xarray objects their .pint

    # The default format would write "millimeter".
    plain: AnyT = obj.pint.dequantify(format="~C")
    return plain


def _is_quantity(variable: xr.Variable) -> bool:
    # `.data` would read a file-backed array. Such arrays are never quantities, and `_data` shows their type unread.
    return type(variable._data).__module__.startswith("pint")


def centres(obj: xr.Dataset | xr.DataArray, name: str) -> tuple[xr.Variable, Axis]:
    """Return one coordinate as float64 cell centres in mm, and the axis through them.

    Raises
    ------
    InvalidInput
        If the coordinate is missing, irregular, or has no unit of length.
    """
    if name not in obj.coords:
        raise InvalidInput(
            "coordinates",
            [
                f"there is no coordinate {name!r}{_instead(obj, name)}; add cell centres: "
                f".assign_coords({name}=('{name}', centres, {{'units': 'mm'}}))"
            ],
        )
    variable = obj.coords[name].variable
    faults: list[str] = []
    per_unit = 1.0
    if variable.dims != (name,):
        faults.append(
            f"coordinate {name!r} must have the dimension {name!r} alone, got {describe(variable.dims)}; make it so"
        )
    elif variable.dtype.kind not in "iuf":
        faults.append(f"coordinate {name!r} must hold numbers, got dtype {variable.dtype}")
    if "units" not in variable.attrs:
        fix = f"set .{name}.attrs['units'] = 'mm'"
        if not faults and _counts_pixels(variable):
            fix = f"it counts pixels: multiply it by the pixel size in mm, and {fix}"
        faults.append(f"coordinate {name!r} has no units; {fix}")
    elif str(variable.attrs["units"]) != "mm":
        with collect_faults(faults, f"units of coordinate {name!r}"):
            per_unit = mm_per(variable.attrs["units"])
    if faults:
        raise InvalidInput("coordinates", faults)
    values = np.asarray(variable.data, dtype=np.float64)
    values = in_mm(values, per_unit)
    axis = Axis.from_centres(values, name)
    return xr.Variable(name, values, {**AXES[name], **variable.attrs, "units": "mm"}), axis


def _instead(obj: xr.Dataset | xr.DataArray, name: str) -> str:
    """Return the dimensions of an object that has not the one that is needed, for a message."""
    return "" if name in obj.dims else f", but there are {listing(obj.dims)}" if obj.dims else ""


def _counts_pixels(variable: xr.Variable) -> bool:
    """Return whether a coordinate counts 0, 1, 2, ... or 1, 2, 3, ..."""
    values = np.asarray(variable.values)
    return bool(values.size > 1 and values[0] in (0, 1) and (np.diff(values) == 1).all())


def _as_scan_fix(obj: object) -> str:
    """Return how a scan is made of what was passed, for a message."""
    if isinstance(obj, str | os.PathLike):
        return "; open the file first: xrfsr.open_scan(path)"
    return "; xrfsr.as_scan(maps, lines, pixel_size) builds a scan from an array" if hasattr(obj, "shape") else ""


def grid_of(obj: xr.Dataset | xr.DataArray | Grid) -> Grid:
    """Return the grid of anything with `y` and `x` in a unit of length, or the grid that is given.

    Raises
    ------
    InvalidInput
        If `obj` is something else, or a coordinate is missing, irregular, or has no unit of length.

    Examples
    --------
    >>> coords = {"y": ("y", [250.0, 750.0], {"units": "um"}), "x": ("x", [1.0, 2.0, 3.0], {"units": "mm"})}
    >>> grid = grid_of(xr.DataArray(np.zeros((2, 3)), coords, ("y", "x")))
    >>> grid.shape, grid.spacing
    ((2, 3), (0.5, 1.0))
    """
    if isinstance(obj, Grid):
        return obj
    if not isinstance(obj, xr.Dataset | xr.DataArray):
        raise InvalidInput(
            "grid",
            [f"a Dataset, DataArray or xrfsr.Grid is needed, such as the scan, got {describe(obj)}{_as_scan_fix(obj)}"],
        )
    obj = dequantify(obj)
    faults: list[str] = []
    axes: list[Axis] = []
    if not {"y", "x"} & {*obj.coords, *obj.dims} and (fix := axes_renaming(tuple(obj.dims))):
        raise InvalidInput(
            "coordinates", [f"there must be the dimensions 'y' and 'x', got {listing(obj.dims)}; rename them: {fix}"]
        )
    for name in ("y", "x"):
        with collect_faults(faults):
            axes.append(centres(obj, name)[1])
    if faults:
        raise InvalidInput("coordinates", faults)
    return Grid(axes[0], axes[1])


def grid_or_none(obj: object) -> Grid | None:
    """Return the grid of an xarray object with regular `y` and `x` in a unit of length, or None for anything else."""
    if isinstance(obj, xr.Dataset | xr.DataArray):
        with suppress(InvalidInput):
            return grid_of(obj)
    return None


def own_grid(obj: xr.Dataset | xr.DataArray) -> Grid:
    """Return the grid of an xarray object; a grid alone, which has no maps, is refused.

    Raises
    ------
    InvalidInput
        See `grid_of`.
    """
    if isinstance(obj, Grid):
        raise InvalidInput("grid", [f"a Dataset or DataArray with maps is needed, such as the scan, got {obj}"])
    return grid_of(obj)


def grid_coords(grid: Grid) -> dict[str, xr.Variable]:
    """Coordinates `y`, `x` of a grid: cell centres, float64, ``units="mm"``, with the CF attributes of axes.

    They are rounded to 10⁻¹² mm. Otherwise two equal grids could differ in the last bit, and xarray, which joins by
    equality, would drop most pixels of the difference of their maps.

    Examples
    --------
    >>> grid_coords(Grid.from_shape((2, 3), pixel_size=0.5))["x"].values
    array([0.25, 0.75, 1.25])
    """
    return {
        name: xr.Variable(name, np.round(axis.centres, DECIMALS), {"units": "mm", **AXES[name]})
        for name, axis in (("y", grid.y), ("x", grid.x))
    }


def warn_of_replaced_positions(what: str, obj: object, grid: Grid) -> None:
    """Warn if an array has positions in mm that are not those of the grid on which its pixels are placed."""
    own = grid_or_none(obj)
    if own is None:
        return
    pairs = [(own.y, grid.y), (own.x, grid.x)]
    moved = any(
        np.sign(mine.step) != np.sign(new.step) or not np.allclose(mine.edges, new.edges, atol=abs(mine.step) / 2)
        for mine, new in pairs
    )
    if moved:
        there, here = (f"y {_span(each.y)}, x {_span(each.x)}" for each in (own, grid))
        warn(
            f"{what}: its own positions in mm ({there}) are replaced, first pixel to first pixel ({here}); crop or "
            "flip it first if that is not meant"
        )


def _span(axis: Axis) -> str:
    return f"{axis.edges[0]:g} to {axis.edges[1]:g}{' in descending order' if axis.step < 0 else ''}"

"""Orientation: quarter turns and mirror images of scans and photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import xarray as xr

from xrfsr.core.coordinates import AnyT, dequantify, grid_coords, own_grid
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.photo_resolution import swap_native_pixel
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import choice_faults, is_integer
from xrfsr.utils.describe import describe

__all__ = ["flip", "rotate"]

RECORD = "orientation"  # attribute: what was done, in order
QUARTER = 90


def rotate(obj: AnyT, degrees: int) -> AnyT:
    """Turn a scan or a photo by quarter turns, counter-clockwise as seen with `y` downwards.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan, photo, result or anything else with `y` and `x` in a unit of length. Lazy arrays stay lazy.
    degrees : int
        Multiple of 90; negative angles turn clockwise. ``rotate(90)`` brings the right side to the top.

    Returns
    -------
    Dataset or DataArray
        The turned pixels, whose `y` and `x` begin at the same edges, in mm. Every variable and coordinate on the grid
        is turned; ``attrs["orientation"]`` records how.

    Raises
    ------
    InvalidInput
        If `degrees` is no multiple of 90.

    Examples
    --------
    >>> import xrfsr
    >>> scan = xrfsr.as_scan([[[1, 2, 3], [4, 5, 6]]], lines=["Ca-K"], pixel_size=("1 mm", "0.5 mm"))
    >>> turned = rotate(scan, 90)
    >>> turned.intensity.values[0].tolist(), turned.xrfsr.grid.spacing
    ([[3.0, 6.0], [2.0, 5.0], [1.0, 4.0]], (0.5, 1.0))
    """
    faults: list[str] = []
    grid = None
    with collect_faults(faults):
        grid = own_grid(obj)
    if not is_integer(degrees) or degrees % QUARTER:
        faults.append(f"degrees must be a multiple of 90, such as 90, 180 or -90, got {describe(degrees)}")
    if faults or grid is None:
        raise InvalidInput("rotation", faults)
    turned: Any = dequantify(obj)
    for _ in range(int(degrees) % 360 // QUARTER):
        turned = _quarter_turn(turned)
    return cast(AnyT, _recorded(turned, f"rotated by {int(degrees)} degrees"))


def flip(obj: AnyT, axis: str) -> AnyT:
    """Mirror a scan or a photo.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan, photo, result or anything else with `y` and `x` in a unit of length. Lazy arrays stay lazy.
    axis : {"x", "y"}
        Direction that is reversed: ``"x"`` exchanges left and right, ``"y"`` top and bottom.

    Returns
    -------
    Dataset or DataArray
        The mirrored pixels on the same `y` and `x`. Every variable and coordinate on the grid is mirrored;
        ``attrs["orientation"]`` records how.

    Raises
    ------
    InvalidInput
        If `axis` is another.

    Examples
    --------
    >>> import xrfsr
    >>> scan = xrfsr.as_scan([[[1, 2, 3], [4, 5, 6]]], lines=["Ca-K"], pixel_size="1 mm")
    >>> flip(scan, "x").intensity.values[0].tolist()
    [[3.0, 2.0, 1.0], [6.0, 5.0, 4.0]]
    """
    faults: list[str] = []
    grid = None
    with collect_faults(faults):
        grid = own_grid(obj)
    faults += choice_faults("axis", axis, ("x", "y"))
    if faults or grid is None:
        raise InvalidInput("mirror image", faults)
    plain = dequantify(obj)
    # Coordinates whose centres are not quite regular, as files round them, are mirrored at the middle of their ends.
    centres = plain[axis].variable
    mirrored = plain.isel({axis: slice(None, None, -1)})
    values = (centres.values[0] + centres.values[-1]) - centres.values[::-1]
    made = mirrored.assign_coords({axis: xr.Variable(axis, values, centres.attrs)})
    return cast(AnyT, _recorded(made, f"flipped along {axis}"))


def _quarter_turn(obj: Any) -> Any:
    """Turn by 90 degrees, counter-clockwise as seen with `y` downwards."""
    grid = own_grid(obj)
    # Both axes ascending, so that rows are counted from the top and columns from the left.
    obj = obj.isel({name: slice(None, None, -1) for name in ("y", "x") if getattr(grid, name).step < 0})
    old_y, old_x = ({**obj[name].attrs} for name in ("y", "x"))
    (top, _), (left, _) = grid.y.edges, grid.x.edges
    dy, dx = grid.spacing
    new = Grid(Axis(grid.x.size, dx, top + dx / 2), Axis(grid.y.size, dy, left + dy / 2))
    bare = obj.drop_vars(["y", "x"]).isel(x=slice(None, None, -1))
    swapped = bare.rename({"y": "x", "x": "y"})
    swapped = swapped.assign_coords(
        {
            name: xr.Variable(name, coord.values, {**coord.attrs, **_moved(attrs)})
            for (name, coord), attrs in zip(grid_coords(new).items(), (old_y, old_x), strict=True)
        }
    )
    return swap_native_pixel(_in_order(swapped, obj))


def _moved(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the attributes of an axis without those that say which one it is."""
    return {name: value for name, value in attrs.items() if name not in ("axis", "long_name")} | {"units": "mm"}


def _in_order(swapped: Any, like: Any) -> Any:
    """Return every variable with its dimensions in the order that they had."""
    if isinstance(swapped, xr.DataArray):
        made = swapped.transpose(*like.dims)
        return made.assign_coords({n: c.variable.transpose(*_order(like.coords[n])) for n, c in _others(made, like)})
    return swapped.assign(
        {n: v.variable.transpose(*_order(like[n])) for n, v in swapped.data_vars.items()}
    ).assign_coords({n: c.variable.transpose(*_order(like.coords[n])) for n, c in _others(swapped, like)})


def _others(made: Any, like: Any) -> list[tuple[Any, xr.DataArray]]:
    return [(name, coord) for name, coord in made.coords.items() if name not in ("y", "x") and coord.ndim > 1]


def _order(old: xr.DataArray) -> list[Any]:
    """Return the dimensions in their old order; of one along `y` or `x` alone, the other."""
    if {"y", "x"} <= set(old.dims):
        return list(old.dims)
    return [{"y": "x", "x": "y"}.get(str(dim), dim) for dim in old.dims]


def _recorded(obj: Any, done: str) -> Any:
    before = obj.attrs.get(RECORD)
    return obj.assign_attrs({RECORD: f"{before}; {done}" if before else done})

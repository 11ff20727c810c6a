"""Maps of lines as the functions of this room use them, and the choice of lines among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import xarray as xr

from xrfsr.core.choice import choose_line
from xrfsr.core.coordinates import dequantify
from xrfsr.core.lines import Line, parse_all, try_parse
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.separate import stack_maps
from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe, listing

__all__ = ["Maps", "line_position", "maps_of", "needs_plane", "same_pixels_faults"]


class Maps(NamedTuple):
    """Maps of a scan or result with what describes them.

    Attributes
    ----------
    intensity : DataArray
        Maps along `line` and any other dimensions, without coordinates that differ from map to map.
    uncertainty : DataArray or None
        Their standard deviation.
    valid : DataArray or None
        Mask of the pixels that show the painting.
    lines : list of Line
        Meaning of each map.
    """

    intensity: xr.DataArray
    uncertainty: xr.DataArray | None
    valid: xr.DataArray | None
    lines: list[Line]

    def of_line(self, position: int, *, masked: bool = True) -> xr.DataArray:
        """Return one map, missing where `valid` is false unless `masked` is."""
        one = self.intensity.isel(line=position, drop=True)
        return one.where(self.valid) if masked and self.valid is not None else one


def maps_of(obj: xr.Dataset | xr.DataArray) -> Maps:
    """Return the maps of a scan or result, or of its intensity alone, whose uncertainty and mask are coordinates.

    Raises
    ------
    InvalidInput
        If there are no maps along `line`, or naming every unknown label.
    """
    if not isinstance(obj, xr.Dataset | xr.DataArray) or is_like_photo(obj):
        raise InvalidInput("scan", [no_scan(obj)])
    obj = dequantify(obj)
    obj = stack_maps(obj) if isinstance(obj, xr.Dataset) else obj
    intensity = obj if isinstance(obj, xr.DataArray) else obj.get("intensity")
    if intensity is None or "line" not in intensity.dims or "line" not in intensity.coords:
        raise InvalidInput(
            "scan",
            [f"the scan must have 'intensity' with dimension and coordinate 'line', got {describe(obj)}"],
        )
    known = {*obj.coords, *(obj.data_vars if isinstance(obj, xr.Dataset) else ())}
    found = {name: _plain(obj[name]) if name in known else None for name in ("uncertainty", "valid")}
    return Maps(_plain(intensity), found["uncertainty"], found["valid"], parse_all(intensity["line"].values.tolist()))


def _plain(array: xr.DataArray) -> xr.DataArray:
    """Return an array without coordinates that have other values for each line and pixel.

    xarray would compare those of two maps, and compute Dask arrays for it.
    """
    return array.drop_vars([name for name, each in array.coords.items() if "line" in each.dims and each.ndim > 1])


def line_position(label: Any, held: Sequence[Line]) -> int:
    """Return the position of a line, given in any spelling or as the symbol of an element with one line.

    Raises
    ------
    InvalidInput
        If the label is unknown, there is no such line, or there are several of the element.
    """
    if (position := choose_line(label, held)) is not None:
        return position
    line = try_parse(label)
    spelled = f" ({line.label})" if line else ""
    available = listing(known.label for known in held)
    raise InvalidInput("line label", [f"the scan has no line {describe(label)}{spelled}; it has {available}"])


def needs_plane(array: xr.DataArray) -> None:
    """Raise a fault unless maps have the dimensions `y` and `x`."""
    if not {"y", "x"} <= set(array.dims):
        raise InvalidInput("scan", [f"maps must have the dimensions 'y' and 'x', got {describe(array.dims)}"])


def same_pixels_faults(name: str, array: xr.DataArray, maps: xr.DataArray) -> list[str]:
    """Return the fault of an array (y, x) whose pixels are not those of the maps, in a list, or an empty list.

    xarray would join different coordinates by dropping pixels.
    """
    if set(array.dims) != {"y", "x"}:
        return [f"{name} must have the dimensions ('y', 'x'), got {describe(array.dims)}; select one map of it"]
    sizes = {dim: maps.sizes[dim] for dim in ("y", "x")}
    if {dim: array.sizes[dim] for dim in sizes} != sizes or any(
        dim in array.coords and dim in maps.coords and not array.indexes[dim].equals(maps.indexes[dim]) for dim in sizes
    ):
        return [
            f"{name} must have the pixels of the maps, {sizes['y']} x {sizes['x']} at the same 'y' and 'x', got "
            f"{describe(array)}; make it of the same scan or result"
        ]
    return []

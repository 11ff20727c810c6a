"""Order of the dimensions of netCDF variables: maps that are stored as (x, y) are turned to (y, x) by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.io.source import Source

__all__ = ["SidewaysMaps", "is_sideways"]

SIDES = {
    **dict.fromkeys(("y", "row", "rows", "height", "northing", "lat", "latitude"), "y"),
    **dict.fromkeys(("x", "col", "cols", "column", "columns", "width", "easting", "lon", "longitude"), "x"),
}


@dataclass(frozen=True, slots=True)
class SidewaysMaps:
    """Maps that are stored as (x, y).

    Attributes
    ----------
    source : Source
        Source of the maps as they are stored, which takes x for the rows.
    """

    source: Source

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        return np.ascontiguousarray(self.source.read(maps, x, y).swapaxes(1, 2))


def is_sideways(dims: Sequence[str], axes: Mapping[str, str | None]) -> bool:
    """Return whether the last two dimensions are x and y; names that say nothing are taken for y and x.

    Parameters
    ----------
    dims : sequence of str
        Names of the dimensions of a variable.
    axes : mapping of str to str or None
        Attribute ``axis`` of the coordinates by their names, as the CF conventions define it.
    """
    sides = [_side(name, axes.get(name)) for name in dims]
    places = {side: sides.index(side) for side in ("y", "x") if sides.count(side) == 1}
    last = len(dims) - 1
    return last >= 1 and places in ({"x": last - 1, "y": last}, {"x": last - 1}, {"y": last})


def _side(name: str, axis: str | None) -> str | None:
    """Return which side of a map a dimension is, if its attribute or a word of its name says so."""
    if axis is not None and axis.casefold() in ("x", "y"):
        return axis.casefold()
    found = {SIDES[word] for word in re.findall("[a-z]+", name.casefold()) if word in SIDES}
    return found.pop() if len(found) == 1 else None

"""What netCDF says of numbers: how they are packed, where they lie, and further attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid
from xrfsr.core.units import in_mm, mm_per
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.hdf5 import text
from xrfsr.io.source import Source

__all__ = [
    "MISSING",
    "PACKING",
    "UNSIGNED",
    "AxisVariable",
    "PackedMaps",
    "attributes_of",
    "grid_of",
    "plain",
    "unpacked",
]

PACKING, MISSING = ("scale_factor", "add_offset"), ("_FillValue", "missing_value")
UNSIGNED = "_Unsigned"  # the classic format has no such numbers
# What libraries of netCDF write for themselves.
INTERNAL = ("_NC", "_Netcdf4", "_FillValue", "_Encoding", "CLASS", "NAME")


class AxisVariable(Protocol):
    """Variable that may hold the coordinates of an axis."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of its dimensions."""

    @property
    def kind(self) -> str:
        """Kind of its numbers, as of a dtype."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Attributes."""

    def values(self) -> Any:
        """Read all values."""


@dataclass(frozen=True, slots=True)
class PackedMaps:
    """Maps that are stored as other numbers: multiplied by a factor, shifted, or with a number for "no data".

    Attributes
    ----------
    source : Source
        Source of the stored numbers.
    factor, shift : float
        The values are the stored numbers times `factor` plus `shift`.
    missing : tuple of float
        Stored numbers that mean "no data".
    unsigned : bool
        Whether the bits of the stored numbers are those of numbers without sign.
    """

    source: Source
    factor: float
    shift: float
    missing: tuple[float, ...]
    unsigned: bool = False

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        stored = self.source.read(maps, y, x)
        numbers = stored.view(stored.dtype.str.replace("i", "u")) if self.unsigned else stored
        with np.errstate(over="ignore", invalid="ignore"):
            values = (numbers * self.factor + self.shift).astype(np.float32)
        values[np.isin(stored, self.missing)] = np.nan
        return values


def unpacked(source: Source, kind: str, attrs: Mapping[str, Any]) -> Source:
    """Return a source of the values of maps from one of the stored numbers, of a kind and with attributes."""
    factor, shift = (float(np.ravel(attrs.get(key, usual))[0]) for key, usual in zip(PACKING, (1, 0), strict=True))
    missing = tuple(float(value) for key in MISSING for value in np.ravel(attrs.get(key, ())) if value == value)
    unsigned = kind == "i" and str(text(attrs.get(UNSIGNED))).casefold() == "true"
    is_plain = (factor, shift, missing, unsigned) == (1, 0, (), False)
    return source if is_plain else PackedMaps(source, factor, shift, missing, unsigned)


def grid_of(axes: Mapping[str, tuple[AxisVariable | None, int]], faults: list[str]) -> Grid | None:
    """Return the grid, if the coordinates of both axes have a unit of length.

    Parameters
    ----------
    axes : mapping
        Variable of each axis, or None, and the number of its pixels, by the name of the axis; `y` is the first.
    faults : list of str
        List that receives why coordinates cannot be used.
    """
    found: list[Axis] = []
    for name, (axis, size) in axes.items():
        unit = text(axis.attrs.get("units")) if axis is not None else None
        if axis is None or unit is None or axis.shape != (size,) or axis.kind not in "iuf":
            return None
        try:
            factor = mm_per(unit)
        except InvalidInput:
            return None
        with collect_faults(faults):
            found.append(Axis.from_centres(in_mm(np.asarray(axis.values(), np.float64), factor), name))
    return Grid(found[0], found[1]) if len(found) == 2 else None


def attributes_of(stored: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Return the attributes that are numbers or text, and no references."""
    kinds = {name: stored.attrs.get_id(name).dtype for name in stored.attrs}
    return {
        name: stored.attrs[name]
        for name, kind in kinds.items()
        if kind.kind in "iufSU" or h5py.check_string_dtype(kind)
    }


def plain(attrs: Mapping[str, Any]) -> dict[str, str | int | float]:
    """Return the attributes that are plain text or one number, and that no library wrote for itself."""
    found: dict[str, str | int | float] = {}
    for key, value in attrs.items():
        if key.startswith(INTERNAL):
            continue
        said, single = text(value), np.ravel(value)
        if said is not None:
            found[key] = said
        elif single.size == 1 and single.dtype.kind in "iuf":
            found[key] = single[0].item()
    return found

"""netCDF with one variable (y, x) for each line, as ``scan.xrfsr.to_dataset().to_netcdf(path)`` writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.separate import RESULT_COORDS
from xrfsr.core.units import intensity_unit
from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import text
from xrfsr.io.readers.netcdf_values import grid_of, unpacked
from xrfsr.io.readers.netcdf_variables import Variable, lines_among, matches, matches_classic, read_variables
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription, Source
from xrfsr.utils.describe import listing

__all__ = ["OPTIONS", "SeparateMaps", "describe", "matches", "matches_classic"]

OPTIONS = frozenset({"group"})
SIDES, VALID = ("y", "x"), "valid"


@dataclass(frozen=True, slots=True)
class SeparateMaps:
    """Maps that are stored one by one.

    Attributes
    ----------
    sources : tuple of Source or None
        Source of each map; None for one that is missing, which is NaN.
    shape : (int, int)
        Number of rows and columns.
    """

    sources: tuple[Source | None, ...]
    shape: tuple[int, int]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        rows, columns = (len(range(*part.indices(size))) for part, size in zip((y, x), self.shape, strict=True))
        sources = [self.sources[number] for number in maps]
        missing = np.full((rows, columns), np.nan, np.float32)
        return np.stack([missing if source is None else source.read([0], y, x)[0] for source in sources])


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of a netCDF file with one variable for each line.

    Raises
    ------
    InvalidInput
        If maps have several shapes or units, are the same line, or cannot be read.
    """
    variables, attrs = read_variables(path, options.external, options.group)
    lines = lines_among({name: (one.shape, one.kind) for name, one in variables.items()})
    # A mapping may name maps that are called otherwise.
    named = options.lines if isinstance(options.lines, Mapping) else {}
    labels = {name: line.label for name, line in lines.items() if not line.uncertainty}
    labels |= {
        name: "" for name, one in variables.items() if name in named and len(one.shape) == 2 and name not in lines
    }
    errors = {line.label: variables[name] for name, line in lines.items() if line.uncertainty}
    faults: list[str] = []
    names = list(labels)
    chosen = [names[position] for position in select_maps(names, options.lines, path, faults)] or names
    if alone := [one.name for label, one in errors.items() if label not in labels.values()]:
        faults.append(f"uncertainties without their maps: {listing(alone)}; leave them out: ds.drop_vars([...])")
    maps = [variables[name] for name in chosen]
    twins = [errors.get(labels[name]) for name in chosen]
    used = [*maps, *(one for one in twins if one is not None)]
    shapes = {one.name: one.shape for one in used}
    if len(set(shapes.values())) > 1:
        said = listing([f"{name} {shape}" for name, shape in shapes.items()])
        faults.append(f"the maps of '{path}' must have one shape, got {said}; choose from them with lines=[...]")
    first, valid = used[0], variables.get(VALID)
    if valid is not None and (valid.shape != first.shape or valid.kind not in "iub"):
        valid = None
    for one in used if valid is None else [*used, valid]:
        faults += one.faults
    axes = {name: (variables.get(name), size) for name, size in zip(SIDES, first.shape, strict=True)}
    units, grid = _units(used, faults), grid_of(axes, faults)
    if faults:
        raise InvalidInput("file", faults)
    shape = (first.shape[0], first.shape[1])
    errors_of_maps = tuple(None if one is None else _values(one) for one in twins)
    return ScanDescription(
        names=tuple(chosen),
        shape=shape,
        intensity=SeparateMaps(tuple(map(_values, maps)), shape),
        uncertainty=SeparateMaps(errors_of_maps, shape) if any(errors_of_maps) else None,
        valid=valid.source if valid is not None else None,
        units=units,
        grid=grid,
        tile=(first.tile[0], first.tile[1]) if first.tile else None,
        attrs=attrs,
        line_values={
            name: tuple(_number(one.attrs.get(name)) for one in maps)
            for name in RESULT_COORDS
            if any(name in one.attrs for one in maps)
        },
    )


def _units(used: Sequence[Variable], faults: list[str]) -> str | None:
    """Return the unit of all maps; None if there is none or it is unknown."""
    said = {one.name: text(one.attrs.get("units")) for one in used}
    found: dict[str, str | None] = {}
    for name, unit in said.items():
        try:
            found[name] = None if unit is None else intensity_unit(unit)
        except InvalidInput:
            found[name] = unit
    if len(set(found.values())) > 1:
        shown = listing([f"{name} in {unit}" if unit else f"{name} without a unit" for name, unit in found.items()])
        faults.append(f"maps must have one unit, got {shown}; convert them, or choose from them with lines=[...]")
    try:
        return intensity_unit(next(iter(said.values())) or "count")
    except InvalidInput:
        return None


def _values(one: Variable) -> Source:
    return unpacked(one.source, one.kind, one.attrs)


def _number(value: Any) -> float:
    single = np.ravel(value) if value is not None else np.empty(0)
    return float(single[0]) if single.size == 1 and single.dtype.kind in "iuf" else float("nan")

"""Scans with one variable for each line, named by its label, brought to the usual form with `intensity`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.lines import Line, try_parse
from xrfsr.core.mistakes import rename_fix
from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import listing

__all__ = [
    "AFFINE_COORDS",
    "RECORD_COORDS",
    "RESULT_COORDS",
    "SHIFT_COORDS",
    "are_maps",
    "map_names",
    "stack_maps",
    "with_line_dim",
]

# Coordinates along `line` that results have, numbers all of them.
SHIFT_COORDS = ("photo_shift_y", "photo_shift_x")
AFFINE_COORDS = ("photo_affine_yy", "photo_affine_yx", "photo_affine_xy", "photo_affine_xx")
RECORD_COORDS = ("prior_share", *SHIFT_COORDS, *AFFINE_COORDS)  # of how the maps were made
RESULT_COORDS = ("guided_share", "noise", "photo_gain", *RECORD_COORDS)
SHAPE = ("y", "x")
MAPS = ("intensity", "uncertainty")


def map_names(ds: xr.Dataset) -> dict[Hashable, Line]:
    """Return the variables of a Dataset that are maps of one line each, and what their names mean.

    There are none if it has a variable `intensity`, or no map of an element.

    Examples
    --------
    >>> ds = xr.Dataset({"Ca_K": (("y", "x"), np.ones((2, 3))), "depth": (("y", "x"), np.ones((2, 3)))})
    >>> [line.label for line in map_names(ds).values()]
    ['Ca-K']
    """
    if "intensity" in ds:
        return {}
    found: dict[Hashable, Line] = {}
    for name, variable in ds.data_vars.items():
        flat = set(variable.dims) == set(SHAPE) or (variable.ndim == 2 and rename_fix(variable.dims, SHAPE))
        if flat and isinstance(name, str) and (line := try_parse(name)):
            found[name] = line
    return found if are_maps(found.values()) else {}


def are_maps(lines: Iterable[Line]) -> bool:
    """Return whether variables of these lines are a scan: whether one of them is the map of an element."""
    return any(line.kind == "element" and not line.uncertainty for line in lines)


def stack_maps(ds: xr.Dataset) -> xr.Dataset:
    """Return a Dataset with `intensity` in place of one variable for each line; any other Dataset is unchanged.

    Variables named as uncertainties, such as ``s(Ca-K)``, become `uncertainty`, which is NaN for maps without one.

    Raises
    ------
    InvalidInput
        If the maps have other dimensions than `y` and `x`, several units, or an uncertainty without its map.
    """
    named = map_names(ds)
    if not named:
        return ds
    maps = {line.label: name for name, line in named.items() if not line.uncertainty}
    errors = {line.label: name for name, line in named.items() if line.uncertainty}
    faults: list[str] = []
    first = ds[next(iter(maps.values()))]
    if set(first.dims) != set(SHAPE):
        fix = rename_fix(first.dims, SHAPE)
        raise InvalidInput("scan", [f"maps must have the dimensions {SHAPE} in any order, got {first.dims}; {fix}"])
    if twice := [name for name, line in named.items() if name not in {*maps.values(), *errors.values()}]:
        faults.append(f"maps of a line must be there once, got also {listing(twice)}; leave out: ds.drop_vars([...])")
    units = {name: str(ds[name].attrs["units"]) for name in named if "units" in ds[name].attrs}
    if lacking := [name for name in named if name not in units]:
        faults.append(
            f"maps have no units: {listing(lacking)}; set ds[{lacking[0]!r}].attrs['units'] to 'count', 'count/s' or "
            "'dimensionless', and so on"
        )
    elif len(set(units.values())) > 1:
        said = listing([f"{name} in {unit}" for name, unit in units.items()])
        faults.append(f"maps must have one unit, got {said}; convert them, or leave some out: ds.drop_vars([...])")
    if alone := [name for label, name in errors.items() if label not in maps]:
        faults.append(f"uncertainties without their maps: {listing(alone)}; leave them out: ds.drop_vars([...])")
    if faults:
        raise InvalidInput("scan", faults)
    unit = {"units": next(iter(units.values()))}
    variables = {"intensity": _stack([ds[name].variable for name in maps.values()], unit)}
    if errors:
        gaps = xr.full_like(first.astype(np.float32), np.nan).variable
        held = [ds[errors[label]].variable if label in errors else gaps for label in maps]
        variables["uncertainty"] = _stack(held, unit)
    made = ds.drop_vars(list(named)).assign(variables).assign_coords(line=list(maps))
    kept = {
        coord: ("line", np.array([ds[name].attrs.get(coord, np.nan) for name in maps.values()], np.float32))
        for coord in RESULT_COORDS
        if any(coord in ds[name].attrs for name in maps.values())
    }
    return made.assign_coords(kept)


def _stack(maps: list[xr.Variable], attrs: Mapping[str, Any]) -> xr.Variable:
    joined = xr.Variable.concat([each.transpose(*SHAPE) for each in maps], "line")  # type: ignore[no-untyped-call]
    return xr.Variable(joined.dims, joined.data, dict(attrs))


def with_line_dim(ds: xr.Dataset) -> xr.Dataset:
    """Return a Dataset with the dimension `line`, if it is one map of a line that was selected by a single label."""
    flat = [name for name in MAPS if name in ds and set(ds[name].dims) == set(SHAPE)]
    if "line" not in ds.coords or ds["line"].ndim or not flat:
        return ds
    maps = {name: ds[name].variable for name in flat}
    grown = {name: xr.Variable(("line", *each.dims), each.data[None], each.attrs) for name, each in maps.items()}
    kept = {name: ("line", [ds[name].item()], ds[name].attrs) for name in RESULT_COORDS if name in ds.coords}
    return ds.drop_vars("line").assign(grown).assign_coords({"line": [ds["line"].item()], **kept})

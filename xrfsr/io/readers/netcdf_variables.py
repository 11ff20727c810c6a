"""Variables of netCDF files that hold one map (y, x) for each line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.core.lines import Line, try_parse
from xrfsr.core.separate import are_maps
from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import Hdf5Maps, map_faults
from xrfsr.io.hdf5_chunks import read_all
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.readers.datamuncher import RawMaps
from xrfsr.io.readers.netcdf_classic import ClassicVariable, is_classic, read_classic
from xrfsr.io.readers.netcdf_dimensions import SidewaysMaps, is_sideways
from xrfsr.io.readers.netcdf_groups import datasets_of, dimensions, name_of_maps, scans
from xrfsr.io.readers.netcdf_values import attributes_of, plain
from xrfsr.io.selection import group_list, unknown_group
from xrfsr.io.source import Source

__all__ = ["Variable", "lines_among", "matches", "matches_classic", "read_variables"]

MAX_VARIABLES, MAX_DEPTH = 1000, 6
MARKS = {"_Netcdf4Coordinates", "_Netcdf4Dimid", "DIMENSION_LIST"}  # which only libraries of netCDF write

Variables = dict[str, "Variable"]
Attributes = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Variable:
    """Variable of numbers in a netCDF file of either version.

    Attributes
    ----------
    name : str
        Name in its group.
    dims : tuple of str
        Names of its dimensions; those of a map are (y, x), whatever their order in the file.
    shape : tuple of int
        Lengths of its dimensions.
    kind : str
        Kind of its numbers, as of a dtype.
    attrs : mapping
        Attributes that are numbers or text.
    source : Source
        Source of the stored numbers of a map.
    values : callable
        Function that reads all stored numbers.
    tile : tuple of int or None
        Shape of a stored chunk.
    faults : tuple of str
        Why a map cannot be read.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    kind: str
    attrs: Mapping[str, Any]
    source: Source
    values: Callable[[], NDArray[Any]]
    tile: tuple[int, ...] | None = None
    faults: tuple[str, ...] = ()


def matches(file: h5py.Group) -> bool:
    """Return whether an HDF5 file is netCDF with a variable for each line, and without maps in the other form.

    Links are not followed to find out.
    """
    return bool(_groups(file))


def matches_classic(path: Path) -> bool:
    """Return the same for a file in the classic format. One that cannot be read does not match."""
    with suppress(Exception):  # its damage is reported by the reader of the other form
        return _is_scan({name: (one.shape, one.dtype.kind) for name, one in read_classic(path)[0].items()})
    return False


def read_variables(path: Path, external: bool, wanted: str | None) -> tuple[Variables, Attributes]:
    """Return the variables of a file that `matches`, or of the group of it that is wanted, and its attributes.

    Raises
    ------
    InvalidInput
        If there is no such group, or it is to be chosen from several.
    """
    if is_classic(path):
        if wanted is not None:
            raise unknown_group(wanted, ["/"], path)
        stored, attrs = read_classic(path)
        numbers = {name: one for name, one in stored.items() if one.dtype.kind in "iuf"}
        return {name: _classic(path, name, one) for name, one in numbers.items()}, plain(attrs)
    with open_hdf5(path, external=external) as file:
        groups = _groups(file)
        names = list(groups)
        if wanted is None and len(names) > 1 and names[0] != "/":
            raise InvalidInput("file", [f"'{path}' contains {len(names)} scans; choose one: {group_list(names)}"])
        chosen = names[0] if wanted is None else "/" + wanted.strip("/")
        if chosen not in groups:
            raise unknown_group(wanted or "/", names, path)
        group = groups[chosen]
        found = datasets_of(group)
        dims = dimensions(group, found)
        sizes = {name: one.shape for name, one in found.items()}
        variables = {
            name: _hdf5(path, name, one, _sides(dims[name], one.shape, sizes), external)
            for name, one in found.items()
            if one.dtype.kind in "iuf"
        }
        place = {} if chosen == "/" else {"source_group": chosen}
        return variables, {**plain(attributes_of(group)), **place}


def lines_among(variables: Mapping[str, tuple[tuple[int, ...], str]]) -> dict[str, Line]:
    """Return the variables that are named after lines and may be maps, by their shapes and kinds."""
    flat = [name for name, (shape, kind) in variables.items() if len(shape) == 2 and kind in "iuf" and 0 not in shape]
    return {name: line for name in flat if (line := try_parse(name)) is not None}


def _is_scan(variables: Mapping[str, tuple[tuple[int, ...], str]]) -> bool:
    return name_of_maps(variables) is None and are_maps(lines_among(variables).values())


def _groups(file: h5py.Group) -> dict[str, h5py.Group]:
    """Return the groups of a file that have a variable for each line, by name; none if there is another scan."""
    found: dict[str, h5py.Group] = {}
    waiting = [] if next(scans(file), None) is not None else [(file, 0)]
    for group, depth in waiting:
        # Libraries of netCDF make no links.
        if len(group) > MAX_VARIABLES or not all(
            isinstance(group.get(name, getlink=True), h5py.HardLink) for name in group
        ):
            continue
        held = datasets_of(group)
        marked = not MARKS.isdisjoint({key for one in held.values() for key in one.attrs})
        if marked and _is_scan({name: (one.shape, one.dtype.kind) for name, one in held.items()}):
            found[group.name] = group
        inner = [group.get(name) for name in group if name not in held] if depth < MAX_DEPTH else []
        waiting += [(one, depth + 1) for one in inner if isinstance(one, h5py.Group)]
    return found


def _sides(dims: tuple[str, ...], shape: tuple[int, ...], sizes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Return the dimensions of a map, which libraries of netCDF may store as references only; see `dimensions`."""
    if len(shape) != 2 or len(set(dims)) == 2:
        return dims
    sides = sizes.get("x", ()) + sizes.get("y", ())
    return ("x", "y") if shape == sides != sides[::-1] else ("y", "x")


def _classic(path: Path, name: str, one: ClassicVariable) -> Variable:
    def values() -> NDArray[Any]:
        return np.fromfile(path, one.dtype, int(np.prod(one.shape)), offset=one.offset).reshape(one.shape)

    shape = (one.shape[0], one.shape[1]) if len(one.shape) == 2 else (1, 1)
    source = RawMaps(path, one.dtype.str, one.offset, shape, (0,))
    return _upright(Variable(name, one.dims, one.shape, one.dtype.kind, one.attrs, source, values))


def _hdf5(path: Path, name: str, dataset: h5py.Dataset, dims: tuple[str, ...], external: bool) -> Variable:
    place = dataset.name

    def values() -> NDArray[Any]:
        with open_hdf5(path, external=external) as file:
            return read_all(file[place])

    faults = tuple(map_faults(dataset, place)) if len(dataset.shape) == 2 else ()
    source = Hdf5Maps(path, ((place, None),), external)
    attrs = attributes_of(dataset)
    return _upright(
        Variable(name, dims, dataset.shape, dataset.dtype.kind, attrs, source, values, dataset.chunks, faults)
    )


def _upright(one: Variable) -> Variable:
    """Return a map (x, y) as (y, x)."""
    if len(one.shape) != 2 or not is_sideways(one.dims, {}):
        return one
    tile = one.tile[::-1] if one.tile else None
    return replace(one, dims=one.dims[::-1], shape=one.shape[::-1], source=SidewaysMaps(one.source), tile=tile)

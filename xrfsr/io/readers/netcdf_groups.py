"""Groups of a netCDF-4 file that hold maps, and the names of their dimensions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

import h5py
import numpy as np

from xrfsr.errors import collect_faults
from xrfsr.io.hdf5 import text

__all__ = ["MAPS", "datasets_of", "dimensions", "name_of_labels", "name_of_maps", "scans"]

MAPS, LABELS = "intensity", "line"
USUAL = (LABELS, "y", "x")
DEPTH, MAX_VARIABLES = 6, 1000


def scans(file: h5py.Group) -> Iterator[h5py.Group]:
    """Yield the groups that hold maps as xarray writes them; maps of another name count if none has the usual one."""
    usual = False
    for group in _groups(file):
        with collect_faults([]):
            maps, labels = group.get(MAPS), group.get("line")
            if isinstance(maps, h5py.Dataset) and isinstance(labels, h5py.Dataset) and len(maps.shape or ()) == 3:
                usual = True
                yield group
    if not usual:
        yield from filter(_has_labelled_maps, _groups(file))


def _groups(file: h5py.Group) -> Iterator[h5py.Group]:
    """Yield a group and those in it."""
    waiting = deque([(file, 0)])
    while waiting:
        group, depth = waiting.popleft()
        yield group
        for name in group:
            with collect_faults([]):
                if isinstance(group.get(name, getlink=True), h5py.HardLink) and depth < DEPTH:
                    inner = group.get(name)
                    if isinstance(inner, h5py.Group):
                        waiting.append((inner, depth + 1))


def _has_labelled_maps(group: h5py.Group) -> bool:
    """Return whether a group holds one variable of maps of netCDF 4, with text along its first dimension."""
    with collect_faults([]):
        # Libraries of netCDF make no links, which are not followed to find out.
        plain = len(group) <= MAX_VARIABLES and all(
            isinstance(group.get(name, getlink=True), h5py.HardLink) for name in group
        )
        found = datasets_of(group) if plain else {}
        name = name_of_maps({name: (one.shape, one.dtype.kind) for name, one in found.items()})
        # Only libraries of netCDF write these.
        if name is not None and not {"_Netcdf4Coordinates", "DIMENSION_LIST"}.isdisjoint(found[name].attrs):
            dims = dimensions(group, found)
            variables = {key: (dims[key], one.shape, one.dtype.kind) for key, one in found.items()}
            return name_of_labels(name, variables) is not None
    return False


def name_of_maps(variables: Mapping[str, tuple[tuple[int, ...], str]]) -> str | None:
    """Return the name of the variable that holds the maps, by the shapes and the kinds of all."""
    numbers = [
        name for name, (shape, kind) in variables.items() if len(shape) == 3 and kind in "iuf" and 0 not in shape
    ]
    return MAPS if MAPS in numbers else numbers[0] if len(numbers) == 1 else None


def name_of_labels(maps: str, variables: Mapping[str, tuple[tuple[str, ...], tuple[int, ...], str]]) -> str | None:
    """Return the name of the variable with the text along the first dimension of the maps.

    Parameters
    ----------
    maps : str
        Name of the variable that holds the maps.
    variables : mapping of str to (tuple of str, tuple of int, str)
        Dimensions, shapes and kinds of all.
    """
    dims, shape, _ = variables[maps]
    for name in (dims[0], LABELS):
        along, size, kind = variables.get(name, ((), (), ""))
        # Maps (y, x, line) may be as high as they are many.
        if kind in tuple("OSU") and size[:1] == shape[:1] and along[0] not in dims[1:]:
            return name
    return None


def datasets_of(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Return the variables of a group by name."""
    return {name: one for name in group if isinstance(one := group.get(name), h5py.Dataset) and one.shape is not None}


def dimensions(scan: h5py.Group, datasets: Mapping[str, h5py.Dataset]) -> dict[str, tuple[str, ...]]:
    """Return the names of the dimensions of each variable, by the numbers that libraries of netCDF give them.

    HDF5 itself stores references, which are not followed: damaged ones make it crash.
    """
    numbers = {
        int(np.ravel(one.attrs["_Netcdf4Dimid"])[0]): name
        for name, one in datasets.items()
        if text(one.attrs.get("CLASS")) == "DIMENSION_SCALE" and "_Netcdf4Dimid" in one.attrs
    }
    found = {}
    for name, one in datasets.items():
        usual = USUAL if len(one.shape) == len(USUAL) else (name,) * len(one.shape)
        used = np.ravel(one.attrs.get("_Netcdf4Coordinates", ())).tolist()
        named = [numbers[number] for number in used if number in numbers]
        if usual == USUAL and {"y", "x"} <= datasets.keys():
            sides = datasets["x"].shape + datasets["y"].shape
            usual = ("line", "x", "y") if one.shape[1:] == sides != sides[::-1] else usual
        found[name] = tuple(named) if len(named) == len(one.shape) else usual
    return found

"""Reader of netCDF that xarray wrote: ``scan.to_netcdf("scan.nc")``, in HDF5 (version 4) or in the classic format.

The maps are a variable (line, y, x) or (line, x, y), by preference ``intensity``, whose first dimension has text for
its coordinate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.core.units import intensity_unit
from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import Hdf5Maps, map_faults, text, texts
from xrfsr.io.hdf5_chunks import read_all
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.readers.datamuncher import RawMaps
from xrfsr.io.readers.netcdf_classic import ClassicVariable, is_classic, read_classic
from xrfsr.io.readers.netcdf_dimensions import SidewaysMaps, is_sideways
from xrfsr.io.readers.netcdf_groups import MAPS, datasets_of, dimensions, name_of_labels, name_of_maps, scans
from xrfsr.io.readers.netcdf_values import MISSING, PACKING, UNSIGNED, attributes_of, grid_of, plain, unpacked
from xrfsr.io.selection import group_list, select_maps, unknown_group
from xrfsr.io.source import ReadOptions, ScanDescription, Source
from xrfsr.utils.describe import listing

__all__ = ["describe", "groups", "matches"]

OPTIONS = frozenset({"group"})
UNCERTAINTY, VALID = "uncertainty", "valid"
USED = ("units", "axis", UNSIGNED, *PACKING, *MISSING)
MAX_AXIS_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class Variable:
    """Variable of a netCDF file of either format.

    Attributes
    ----------
    dims : tuple of str
        Names of its dimensions.
    shape : tuple of int
        Lengths of its dimensions.
    kind : str
        Kind of its numbers, as of a dtype.
    attrs : mapping
        Attributes.
    values : callable
        Function that reads all values, or the text of each.
    source : callable
        Function of positions along the first dimension that makes a source of maps; of none for a single map.
    tile : tuple of int or None
        Shape of a stored chunk.
    faults : callable
        Function that returns why its maps cannot be read.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    kind: str
    attrs: Mapping[str, Any]
    values: Callable[[], Any]
    source: Callable[[Sequence[int] | None], Source]
    tile: tuple[int, ...] | None = None
    faults: Callable[[], list[str]] = list


def matches(file: h5py.Group) -> bool:
    """Return whether an HDF5 file is netCDF with maps."""
    return next(scans(file), None) is not None


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open each scan of a tree in one file, by the name of its group."""
    if is_classic(path):
        return {}
    with open_hdf5(path, external=options.external) as file:
        names = [scan.name for scan in scans(file)]
    return {name.strip("/"): {"group": name} for name in names} if len(names) > 1 else {}


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of a netCDF file, or of the group that `options.group` names.

    Raises
    ------
    InvalidInput
        If there are no maps (line, y, x), or a name is not a known line.
    """
    if is_classic(path):
        if options.group is not None:
            raise unknown_group(options.group, ["/"], path)
        stored, attrs = read_classic(path)
        return _describe({name: _classic(path, one) for name, one in stored.items()}, attrs, path, options)
    with open_hdf5(path, external=options.external) as file:
        scan = _choose(list(scans(file)), path, options.group)
        found = datasets_of(scan)
        dims = dimensions(scan, found)
        variables = {name: _hdf5(path, one, dims[name], options.external) for name, one in found.items()}
        described = _describe(variables, attributes_of(scan), path, options)
        place = "" if scan.name == "/" else scan.name
        if not place:
            return described
        return replace(described, attrs={**described.attrs, "source_group": f"{place}/{_maps(variables, path)[2]}"})


def _choose(found: list[h5py.Group], path: Path, wanted: str | None) -> h5py.Group:
    names = [scan.name for scan in found]
    if wanted is None:
        if len(found) > 1 and names[0] != "/":
            raise InvalidInput("file", [f"'{path}' contains {len(found)} scans; choose one: {group_list(names)}"])
        return found[0]
    tidy = "/" + wanted.strip("/")
    if tidy not in names:
        raise unknown_group(wanted, names, path)
    return found[names.index(tidy)]


def _classic(path: Path, one: ClassicVariable) -> Variable:
    def values() -> Any:
        if one.dtype.itemsize * int(np.prod(one.shape)) > MAX_AXIS_BYTES:
            raise InvalidInput("file", [f"'{path}' has an axis of {one.shape}, too large for one; export it again"])
        found = np.fromfile(path, one.dtype, int(np.prod(one.shape)), offset=one.offset).reshape(one.shape)
        return _joined(found) if one.dtype.kind == "S" else found

    def source(positions: Sequence[int] | None) -> Source:
        shape = (one.shape[-2], one.shape[-1])
        return RawMaps(path, one.dtype.str, one.offset, shape, (0,) if positions is None else tuple(positions))

    return Variable(one.dims, one.shape, one.dtype.kind, one.attrs, values, source)


def _hdf5(path: Path, dataset: h5py.Dataset, dims: tuple[str, ...], external: bool) -> Variable:
    name, rank = dataset.name, len(dataset.shape)

    def values() -> Any:
        is_letters = dataset.dtype == "S1" and rank > 1
        if dataset.dtype.kind in "OSU" and not is_letters:
            return texts(dataset)
        if dataset.nbytes > MAX_AXIS_BYTES:
            raise InvalidInput("file", [f"'{name}' in '{path}' has {dataset.shape} values, too many for an axis"])
        return _joined(read_all(dataset)) if is_letters else read_all(dataset)

    def source(positions: Sequence[int] | None) -> Source:
        places = ((name, None),) if positions is None else tuple((name, position) for position in positions)
        return Hdf5Maps(path, places, external)

    faults = partial(map_faults, dataset, name, rank)
    return Variable(
        dims,
        dataset.shape,
        dataset.dtype.kind,
        {key: dataset.attrs[key] for key in USED if key in dataset.attrs},
        values,
        source,
        dataset.chunks,
        faults,
    )


def _joined(letters: NDArray[Any]) -> list[str]:
    """Return the text of each row of letters."""
    rows = letters.astype("S1").reshape(len(letters), -1).tolist()
    return [b"".join(row).decode("utf-8", "replace").rstrip("\0 ") for row in rows]


def _describe(
    variables: Mapping[str, Variable], attrs: Mapping[str, Any], path: Path, options: ReadOptions
) -> ScanDescription:
    faults: list[str] = []
    axes = {name: text(one.attrs.get("axis")) for name, one in variables.items()}
    variables = {name: _upright(one) if is_sideways(one.dims, axes) else one for name, one in variables.items()}
    maps, labels, name = _maps(variables, path)
    names = list(map(str, labels.values()))
    if len(names) != maps.shape[0]:
        faults.append(f"'{path}' has {maps.shape[0]} maps, but {len(names)} labels; export it again")
    faults += maps.faults()
    chosen = select_maps(names, options.lines, path, faults)
    sides = zip(maps.dims[1:], maps.shape[1:], "yx", strict=True)
    axes_of = {name or usual: (variables.get(name) or variables.get(usual), size) for name, size, usual in sides}
    grid = grid_of(axes_of, faults)
    twin, valid = variables.get(UNCERTAINTY), variables.get(VALID)
    if twin is not None and (twin.shape, twin.kind) == (maps.shape, "f") and name == MAPS:
        faults += twin.faults()
    else:
        twin = None
    if valid is not None and (valid.shape != maps.shape[1:] or valid.kind not in "iub"):
        valid = None
    if valid is not None:
        faults += valid.faults()
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(maps.shape[1], maps.shape[2]),
        intensity=unpacked(maps.source(chosen), maps.kind, maps.attrs),
        uncertainty=unpacked(twin.source(chosen), twin.kind, twin.attrs) if twin is not None else None,
        valid=valid.source(None) if valid is not None else None,
        units=_units(maps),
        grid=grid,
        tile=(maps.tile[1], maps.tile[2]) if maps.tile else None,
        attrs=plain(attrs),
    )


def _upright(one: Variable) -> Variable:
    """Return a variable (..., x, y) as (..., y, x)."""

    def turned(each: Any) -> Any:
        return (*each[:-2], each[-1], each[-2])

    return replace(
        one,
        dims=turned(one.dims),
        shape=turned(one.shape),
        source=lambda positions: SidewaysMaps(one.source(positions)),
        tile=turned(one.tile) if one.tile else None,
    )


def _maps(variables: Mapping[str, Variable], path: Path) -> tuple[Variable, Variable, str]:
    """Return the variable with the maps, that with their labels, and the name of the former."""
    found = name_of_maps({name: (one.shape, one.kind) for name, one in variables.items()})
    if found is None:
        listed = ", ".join(f"{name} {one.dims or one.shape}" for name, one in list(variables.items())[:8])
        advice = "open it with xarray, and pass the maps to xrfsr.as_scan(maps, lines=[...], pixel_size=...)"
        if any(len(one.shape) == 2 and one.kind in "iuf" for one in variables.values()):
            advice = (
                "if each element is a variable (y, x), pass them together: "
                f"xrfsr.as_scan(xr.open_dataset('{path}'), pixel_size=...)"
            )
        unlimited = [name for name, one in variables.items() if len(one.shape) == 3 and 0 in one.shape]
        if unlimited:
            listed += f"; no values along an unlimited dimension of {listing(unlimited)} can be read"
        raise InvalidInput(
            "file", [f"'{path}' has no variable 'intensity' (line, y, x), but {listed or 'nothing'}; {advice}"]
        )
    maps = variables[found]
    labels = name_of_labels(found, {name: (one.dims, one.shape, one.kind) for name, one in variables.items()})
    if labels is None:
        raise InvalidInput(
            "file",
            [
                f"'{found}' in '{path}' has the dimensions {maps.dims} without a label for each map; save "
                "scan.transpose('line', 'y', 'x') with labels along 'line'"
            ],
        )
    return maps, variables[labels], found


def _units(maps: Variable) -> str | None:
    try:
        return intensity_unit(text(maps.attrs.get("units")))
    except InvalidInput:
        return None

"""From any file to a scan: the format is told, the request checked, and lazy maps get their coordinates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr
from xarray.core import indexing

from xrfsr.core.grid import Grid
from xrfsr.core.scan import scan_coords
from xrfsr.core.units import intensity_unit, pair_to_mm
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.formats import Format, detect_format
from xrfsr.io.lazy import LazyMaps, LazyMask, unreadable_message
from xrfsr.io.readers.zarr import is_store, open_store
from xrfsr.io.source import Quantity, ReadOptions, ScanDescription
from xrfsr.utils.paths import entries, local_path

__all__ = ["open_lazily", "open_scan"]

# A map is read in one piece up to this side; beyond, Dask gets pieces of it.
MAX_CHUNK = 4096
QUANTITIES = ("count", "mass_fraction")


def open_scan(
    path: str | PathLike[str],
    pixel_size: Any = None,
    *,
    origin: Any = None,
    units: str | None = None,
    lines: Sequence[str] | None = None,
    quantity: Quantity | None = None,
    group: str | None = None,
    chunks: Any = None,
) -> xr.Dataset:
    """Open the element maps that other programs left: a file of a fit, a folder of maps, a cube of spectra.

    What can be read, and how each format is understood, is told in the documentation of formats; the same as
    ``xr.open_dataset(path, engine="xrfsr", ...)``. Nothing but names and sizes is read here: numbers are when they are
    used. Row 0 of a file is the first row of the scan, the top of the painting.

    Parameters
    ----------
    path : str or path
        The file or folder; or a zarr store written by `to_zarr`.
    pixel_size : float or str or (float, float), optional
        Distance between neighbouring pixels: mm as a number, ``"0.5 mm"`` as text, or (y, x). Needed unless the file
        tells it; given, it is used in place of what the file says.
    origin : pair, optional
        Position (y, x) of the outer corner of the first pixel, where scans of one painting are to lie beside each
        other; lengths as in `pixel_size`, with which it goes.
    units : str, optional
        Of the numbers: "count", "count/s" or "dimensionless". By default what the format means, otherwise "count".
    lines : sequence of str, optional
        The lines to read, in this order and any spelling. By default all. Spectra need them.
    quantity : {"count", "mass_fraction"}, optional
        Of a fit that has both, which to read; by default the counts.
    group : str, optional
        Of an HDF5 file with several results, which to read: an entry, a detector, a way of analysis.
    chunks : optional
        As for `xarray.open_dataset`: ``{}`` gives Dask arrays in pieces that suit the file. Not given, values are
        read at their first use and kept.

    Returns
    -------
    Dataset
        A scan: ``intensity (line, y, x)`` float32, with ``uncertainty`` and ``valid (y, x)`` where the file has them.

    Raises
    ------
    InvalidInput
        Naming the file and every fault of it and of the arguments. Damage within compressed numbers shows when they
        are read, as the same error.

    Warns
    -----
    UserWarning
        If something in the file is left out, or two lines count the same photons.

    Examples
    --------
    >>> scan = xrfsr.open_scan("IMAGES.h5", pixel_size="0.5 mm")  # doctest: +SKIP
    >>> scan = xrfsr.open_scan("ng1093/maps", pixel_size="0.5 mm")  # doctest: +SKIP
    """
    options = {
        "pixel_size": pixel_size,
        "origin": origin,
        "units": units,
        "lines": lines,
        "quantity": quantity,
        "group": group,
    }
    scan = xr.open_dataset(os.fspath(local_path(path, _WANTED)), engine="xrfsr", chunks=chunks, **options)
    for name in ("element", "family", "kind", "energy"):
        scan[name].variable.load()  # a word for each line, which a look at the scan should show
    return scan


_WANTED = "the file or folder that holds the maps, or a zarr store"


def open_lazily(
    path: object,
    pixel_size: Any = None,
    *,
    origin: Any = None,
    units: str | None = None,
    lines: Sequence[str] | None = None,
    quantity: Quantity | None = None,
    group: str | None = None,
) -> xr.Dataset:
    """What `open_scan` and the engine of xarray share; see there for the arguments.

    Returns
    -------
    Dataset
        Of lazily indexed arrays, which xarray chunks or loads.

    Raises
    ------
    InvalidInput
        Naming every fault.
    """
    place = local_path(path, _WANTED)
    names = entries(place, "give the folder that holds the maps") if place.is_dir() else []
    if is_store(names) and place.suffix.lower() != ".zspy":
        given = {"pixel_size": pixel_size, "units": units, "origin": origin, "quantity": quantity, "group": group}
        return open_store(place, names, lines=lines, given=given)
    faults: list[str] = []
    options = ReadOptions(lines, quantity, group)
    spacing, corner = None, (0.0, 0.0)
    with collect_faults(faults):
        spacing = None if pixel_size is None else pair_to_mm(pixel_size)
    with collect_faults(faults):
        corner = (0.0, 0.0) if origin is None else pair_to_mm(origin, "origin", positive=False)
    with collect_faults(faults):
        units = None if units is None else intensity_unit(units)
    what = f"file '{place}'"
    maps: ScanDescription | None = None
    with collect_faults(faults):
        form = _format(place)
        what = f"{form.name} '{place}'"
        unknown = _unknown_options(form, options)
        faults += unknown
        if not unknown:
            maps = _describe(form, place, options)
            faults += _grid_faults(maps, place, pixel_size, origin)
    scan: xr.Dataset | None = None
    if not faults and maps is not None:
        with collect_faults(faults):
            scan = _scan(maps, place, spacing, corner, units)
    if faults or scan is None:
        raise InvalidInput(what, faults)
    for message in maps.warnings if maps else ():
        warn(message)
    return scan


def _format(place: Path) -> Format:
    try:
        return detect_format(place)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput("file", [unreadable_message(place, error)]) from error


def _describe(form: Format, place: Path, options: ReadOptions) -> ScanDescription:
    try:
        maps: ScanDescription = form.load().describe(place, options)
        return maps
    except InvalidInput:
        raise
    # Damage shows in many ways: whatever the libraries that read a format raise.
    except Exception as error:
        raise InvalidInput("file", [unreadable_message(place, error)]) from error


def _unknown_options(form: Format, options: ReadOptions) -> list[str]:
    """Options that the format has no use for, or no such value."""
    known = form.load().USES
    faults = [
        f"{name}={value!r} was given, but a {form.name} has no choice of it; leave it out"
        for name, value in (("quantity", options.quantity), ("group", options.group))
        if value is not None and name not in known
    ]
    if "quantity" in known and options.quantity not in (None, *QUANTITIES):
        faults.append(f"quantity is {options.quantity!r}; accepted are {', '.join(map(repr, QUANTITIES))}")
    if "group" in known and not isinstance(options.group, str | None):
        faults.append(f"group is {options.group!r}; the name of a group in the file is needed")
    return faults


def _grid_faults(maps: ScanDescription, place: Path, pixel_size: object, origin: object) -> list[str]:
    faults: list[str] = []
    if pixel_size is None and maps.grid is None:
        faults.append(f"pixel_size is missing and '{place}' does not tell it; pass pixel_size='0.5 mm'")
    if pixel_size is None and maps.grid is not None and origin is not None:
        faults.append(f"origin={origin!r} was given, but '{place}' tells where its pixels lie; leave it out")
    return faults


def _scan(
    maps: ScanDescription,
    place: Path,
    spacing: tuple[float, float] | None,
    corner: tuple[float, float],
    units: str | None,
) -> xr.Dataset:
    grid = maps.grid
    message = None
    if spacing is not None:
        said = grid.spacing if grid is not None else spacing
        if any(abs(own / given - 1) > 0.01 for own, given in zip(said, spacing, strict=True)):
            message = f"pixel_size={spacing} mm is used, although '{place}' says {said} mm"
        grid = Grid.from_shape(maps.shape, spacing, corner)
    assert grid is not None
    attrs = {"units": units or intensity_unit(maps.units or "count")}
    variables: dict[str, Any] = {}
    for name, source in (("intensity", maps.intensity), ("uncertainty", maps.uncertainty)):
        if source is not None:
            array = indexing.LazilyIndexedArray(LazyMaps(place, source, len(maps.names), maps.shape))
            encoding = {"preferred_chunks": _preferred_chunks(maps)}
            variables[name] = xr.Variable(("line", "y", "x"), array, dict(attrs), encoding)
    coords = scan_coords(maps.names, grid)
    for coord in coords.values():
        if "line" in coord.dims:
            coord.encoding["preferred_chunks"] = {"line": 1}  # cut like the maps, or xarray finds it inconsistent
    if maps.valid is not None:
        mask = indexing.LazilyIndexedArray(LazyMask(place, maps.valid, maps.shape))
        pieces = {dim: size for dim, size in _preferred_chunks(maps).items() if dim != "line"}
        coords["valid"] = xr.Variable(("y", "x"), mask, {}, {"preferred_chunks": pieces})
    if message:
        warn(message)
    return xr.Dataset(variables, coords, {"source": place.name, **maps.attrs})


def _preferred_chunks(maps: ScanDescription) -> dict[str, int]:
    """Chunks that suit the file: whole tiles of it, and enough of them to be worth a task."""
    pieces = {"line": 1}
    tile = maps.tile or maps.shape
    for dim, length, size in zip(("y", "x"), tile, maps.shape, strict=True):
        wanted = length if length > MAX_CHUNK // 2 else length * max(1, MAX_CHUNK // 2 // max(1, length))
        if maps.tile is None:
            wanted = MAX_CHUNK
        pieces[dim] = min(size, wanted)
    return pieces

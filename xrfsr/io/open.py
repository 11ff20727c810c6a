"""Opening of any supported file or folder as a lazy scan with coordinates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.core import indexing

from xrfsr.core.cf import add_cf
from xrfsr.core.grid import Grid
from xrfsr.core.scan import scan_coords
from xrfsr.core.units import intensity_unit, pair_to_mm
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.display import displayed, displayed_warning
from xrfsr.io.formats import Format, detect_format
from xrfsr.io.lazy import LazyMaps, LazyMask, unreadable_message
from xrfsr.io.readers.zarr import is_store, open_store
from xrfsr.io.renaming import renamed
from xrfsr.io.source import Quantity, ReadOptions, ScanDescription
from xrfsr.io.writers.ownership import wrote
from xrfsr.utils.checks import choice_faults, is_integer, switch_faults
from xrfsr.utils.describe import describe, listing
from xrfsr.utils.paths import entries, local_path

__all__ = ["open_lazily", "open_scan"]

# Side in pixels up to which a map is one Dask chunk.
MAX_CHUNK = 4096
QUANTITIES = ("count", "mass_fraction")


def open_scan(
    path: str | PathLike[str],
    pixel_size: Any = None,
    *,
    origin: Any = None,
    units: str | None = None,
    lines: Sequence[str] | Mapping[str, str] | None = None,
    quantity: Quantity | None = None,
    group: str | None = None,
    index: int | None = None,
    prefix: str | None = None,
    energy: Any = None,
    external: bool = False,
    chunks: Any = None,
) -> xr.Dataset:
    """Open the element maps of another program: the file of a fit, a folder of maps, or a cube of spectra.

    The call is the same as ``xr.open_dataset(path, engine="xrfsr", ...)``. It reads only names and sizes, and of
    TIFF, PNG, EDF and text a few maps to find out whether their contrast was stretched; other values are read when they
    are used.
    Row 0 of a file is the first row of the scan, the top of the painting. The documentation of the formats lists the
    supported files and how each is interpreted.

    Parameters
    ----------
    path : str or path
        File or folder to open, or a zarr store written by `to_zarr`.
    pixel_size : float or str or (float, float), optional
        Distance between neighbouring pixels: mm as a number, ``"0.5 mm"`` as text, or (y, x). Required unless the
        file stores it; a value passed here replaces the stored one.
    origin : pair, optional
        Position (y, x) of the outer corner of the first pixel, to arrange several scans of one painting. Lengths as
        in `pixel_size`, which must be passed as well.
    units : str, optional
        Units of the values: "count", "count/s", "dimensionless", or any unit that pint knows, such as "ug/cm^2".
        Default: the units of the format, else "count", or "dimensionless" for pictures whose contrast was stretched
        for display.
    lines : sequence of str or mapping of str to str, optional
        Lines to read, in this order and in any spelling; a symbol alone means the one line of that element in the file.
        A mapping gives labels to names that are not lines: ``{"Pb": "Pb-L", "map 3": "Ca-K"}``. Default: all lines.
        Required for spectra, for which only the labels of a mapping are used.
    quantity : {"count", "mass_fraction"}, optional
        Result to read from a fit that stores both. Default: counts.
    group : str, optional
        Result to read from an HDF5 file with several: an entry, a detector, or an analysis.
    index : int, optional
        Scan to read from a stack of scans, counted from 0. Required if a fit is a stack of several.
    prefix : str, optional
        Beginning of the names of the maps in a folder, such as ``"scan1_"``, if the files have several. Default: the
        most frequent one.
    energy : pair or array, optional
        Energies of the channels of a Ripple file without calibration: the energy of the first channel and the width of
        a channel, such as ``("-0.96 keV", "10 eV")`` or numbers of keV, or the energies of all channels in keV.
    external : bool, optional
        Whether links in the file or folder may lead to files outside the folder: links, virtual datasets and raw files
        of HDF5, and symbolic links in a folder. By default they are an error, because a file from someone else could
        otherwise read any of your files. The path itself may always be a symbolic link.
    chunks : optional
        Chunks as in `xarray.open_dataset`: ``{}`` returns Dask arrays in chunks that suit the file. By default,
        values are read at their first use and kept.

    Returns
    -------
    Dataset
        Scan with ``intensity (line, y, x)`` as float32, and ``uncertainty`` and ``valid (y, x)`` if the file has them.

    Raises
    ------
    InvalidInput
        If the file or an argument cannot be used; the message names the file and lists every fault. Damage in
        compressed values raises the same error when they are read.

    Warns
    -----
    UserWarning
        If something in the file is ignored, if no map is an element line, if maps were made for display (with
        stretched contrast), or if two lines count the same photons.

    Examples
    --------
    >>> scan = xrfsr.open_scan("IMAGES.h5", pixel_size="0.5 mm")  # doctest: +SKIP
    >>> scan = xrfsr.open_scan("ng1093/maps", pixel_size="0.5 mm")  # doctest: +SKIP
    """
    if not (chunks is None or isinstance(chunks, dict) or _chunk_length(chunks)):
        raise InvalidInput(
            "chunks", [f"chunks must be {{}}, 'auto' or a dict such as {{'y': 512}}, got {describe(chunks)}"]
        )
    options = {
        "pixel_size": pixel_size,
        "origin": origin,
        "units": units,
        "lines": lines,
        "quantity": quantity,
        "group": group,
        "index": index,
        "prefix": prefix,
        "energy": energy,
        "external": external,
    }
    scan = xr.open_dataset(os.fspath(local_path(path, _WANTED)), engine="xrfsr", chunks=chunks, **options)
    if isinstance(chunks, str) or is_integer(chunks):
        # Dask chooses for every variable by its own size, and xarray reports chunks that differ as inconsistent.
        scan = scan.chunk(scan["intensity"].variable.chunksizes)
    for name in ("element", "family", "kind", "energy"):
        scan[name].variable.load()  # one word per line, which the repr of the scan should show
    return scan


def _chunk_length(chunks: object) -> bool:
    """Return whether chunks are given as one length, or left to Dask."""
    return (isinstance(chunks, str) and chunks == "auto") or (
        is_integer(chunks) and (chunks == -1 or 1 <= chunks < 2**63)
    )


_WANTED = "the file or folder that holds the maps, or a zarr store"


def open_lazily(
    path: object,
    pixel_size: Any = None,
    *,
    origin: Any = None,
    units: str | None = None,
    lines: Sequence[str] | Mapping[str, str] | None = None,
    quantity: Quantity | None = None,
    group: str | None = None,
    index: int | None = None,
    prefix: str | None = None,
    energy: Any = None,
    external: bool = False,
) -> xr.Dataset:
    """Open a scan for `open_scan` and for the engine of xarray, with the arguments of `open_scan`.

    Returns
    -------
    Dataset
        Scan of lazily indexed arrays, which xarray chunks or loads.

    Raises
    ------
    InvalidInput
        If the file or an argument cannot be used; the message lists every fault.
    """
    place = local_path(path, _WANTED)
    if wrong := switch_faults(external=external):
        raise InvalidInput(f"file '{place}'", wrong)
    names = entries(place, "pass the folder that holds the maps") if place.is_dir() else []
    if is_store(names) and place.suffix.lower() != ".zspy":
        given = {
            "pixel_size": pixel_size,
            "units": units,
            "origin": origin,
            "quantity": quantity,
            "group": group,
            "index": index,
            "prefix": prefix,
            "energy": energy,
        }
        return open_store(place, names, lines=lines, given=given, external=bool(external))
    faults: list[str] = []
    options = ReadOptions(lines, quantity, group, bool(external), index, prefix, energy)
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
        form = _format(place, options.external)
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
    if lines is None and not (scan["kind"] == "element").any() and not wrote(place):
        listed = listing(scan["line"].values, 6)
        warn(f"'{place}' has no element line, only {listed}; check the names of its maps")
    return scan


def _format(place: Path, external: bool) -> Format:
    try:
        return detect_format(place, external=external)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput("file", [unreadable_message(f"'{place}'", error)]) from error


def _describe(form: Format, place: Path, options: ReadOptions) -> ScanDescription:
    try:
        maps: ScanDescription = form.load().describe(place, options)
        if isinstance(options.lines, Mapping) and not maps.labels:
            maps = replace(maps, labels=renamed(maps.names, options.lines))
        return maps
    except InvalidInput:
        raise
    # A damaged file may raise any exception of the library that reads it.
    except Exception as error:
        raise InvalidInput("file", [unreadable_message(f"'{place}'", error)]) from error


def _unknown_options(form: Format, options: ReadOptions) -> list[str]:
    """Return a fault for each option that the format does not support, or whose value is not accepted."""
    known = form.load().OPTIONS
    faults = [
        f"{name}={describe(value)} is not supported for {form.name}; leave it out"
        for name in ("quantity", "group", "index", "prefix", "energy")
        if (value := getattr(options, name)) is not None and name not in known
    ]
    if "quantity" in known and options.quantity is not None:
        faults += choice_faults("quantity", options.quantity, QUANTITIES)
    if "group" in known and not isinstance(options.group, str | None):
        faults.append(f"group must be the name of a group in the file, got {describe(options.group)}")
    if "index" in known and options.index is not None and not (is_integer(options.index) and options.index >= 0):
        faults.append(f"index must be an integer ≥ 0, got {describe(options.index)}")
    return faults


def _grid_faults(maps: ScanDescription, place: Path, pixel_size: object, origin: object) -> list[str]:
    faults: list[str] = []
    if pixel_size is None and maps.grid is None:
        faults.append(
            maps.grid_problem
            or f"pixel_size is missing and '{place}' does not store it; pass it, such as pixel_size='0.5 mm'"
        )
    if pixel_size is None and maps.grid is not None and origin is not None:
        faults.append(
            f"origin={describe(origin)} was passed, but '{place}' stores the positions of its pixels; leave it out"
        )
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
        stored = grid.spacing if grid is not None else spacing
        if any(abs(own / given - 1) > 0.01 for own, given in zip(stored, spacing, strict=True)):
            message = f"pixel_size={spacing} mm replaces the {stored} mm stored in '{place}'"
        grid = Grid.from_shape(maps.shape, spacing, corner)
    assert grid is not None
    if units is None and maps.units is None and (names := displayed(maps)):
        units = "dimensionless"
        warn(displayed_warning(names, place))
    attrs = {"units": units or intensity_unit(maps.units or "count")}
    variables: dict[str, Any] = {}
    for name, source in (("intensity", maps.intensity), ("uncertainty", maps.uncertainty)):
        if source is not None:
            array = indexing.LazilyIndexedArray(LazyMaps(place, source, len(maps.names), maps.shape))
            encoding = {"preferred_chunks": _preferred_chunks(maps)}
            variables[name] = xr.Variable(("line", "y", "x"), array, dict(attrs), encoding)
    coords = scan_coords(maps.labels or maps.names, grid)
    for coord in coords.values():
        if "line" in coord.dims:
            coord.encoding["preferred_chunks"] = {"line": 1}  # as for the maps, or xarray reports inconsistent chunks
    for name, values in maps.line_values.items():
        coords[name] = xr.Variable("line", np.array(values, np.float32))
    if maps.valid is not None:
        mask = indexing.LazilyIndexedArray(LazyMask(place, maps.valid, maps.shape))
        pieces = {dim: size for dim, size in _preferred_chunks(maps).items() if dim != "line"}
        coords["valid"] = xr.Variable(("y", "x"), mask, {}, {"preferred_chunks": pieces})
    if message:
        warn(message)
    add_cf(variables | coords, {*variables, *coords})
    return xr.Dataset(variables, coords, {"source": place.name, **maps.attrs})


def _preferred_chunks(maps: ScanDescription) -> dict[str, int]:
    """Return chunks of whole tiles of the file, large enough to be worth a Dask task."""
    pieces = {"line": 1}
    tile = maps.tile or maps.shape
    for dim, length, size in zip(("y", "x"), tile, maps.shape, strict=True):
        wanted = length if length > MAX_CHUNK // 2 else length * max(1, MAX_CHUNK // 2 // max(1, length))
        if maps.tile is None:
            wanted = MAX_CHUNK
        pieces[dim] = min(size, wanted)
    return pieces

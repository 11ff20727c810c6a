"""A scan as most programs export it: a folder with one TIFF per element."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, collecting, warn
from xrfsr.io.names import Chosen, Folder
from xrfsr.io.raster import Header, read_header, read_raster
from xrfsr.io.store import is_store, open_store
from xrfsr.paths import entries, local_path
from xrfsr.scan import as_scan
from xrfsr.units import intensity_unit, pair_to_mm

__all__ = ["open_scan"]

SUFFIXES = (".tif", ".tiff")


def open_scan(
    path: str | PathLike[str],
    pixel_size: float | str | tuple[float, float] | None = None,
    *,
    units: str | None = None,
    lines: Sequence[str] | None = None,
) -> xr.Dataset:
    """Read a scan from a folder of TIFF files, one per element, or from a zarr store written by `to_zarr`.

    The file name tells the element line in any of the usual spellings: ``Ca-K.tif``, ``Pb_L.tif``,
    ``Fe Ka.tiff``. A prefix that all names share (``painting_Fe_Ka.tif``) is ignored. Besides maps the folder
    may hold

    - uncertainties as PyMca names them, an ``s`` before the line: ``sFe_Ka.tif`` or ``s(Fe_Ka).tif``;
    - ``mask.tif``, ``valid.tif`` or ``valid_mask.tif``; the scan is *valid* where it shows anything but black;
    - pictures named ``guide…``, ``photo…`` or ``rgb…``, which are left out with a warning.

    Row 0 of a file is the top of the painting. Where a file itself says "no data", maps and uncertainties are missing
    (NaN) and masks not valid.

    Parameters
    ----------
    path : str or path
        The folder.
    pixel_size : float or str or (float, float)
        Distance between neighbouring pixels: mm as a number, ``"0.5 mm"`` as text, or (y, x). TIFF files
        do not tell it, so it is needed; a zarr store has its own.
    units : str, optional
        Of the numbers in TIFF files: "count" (the default), "count/s" or "dimensionless". A zarr store has its own.
    lines : sequence of str, optional
        The lines to read, in this order. By default all, in the order of their file names.

    Returns
    -------
    Dataset
        A scan: ``intensity (line, y, x)`` float32, with ``uncertainty`` and ``valid`` where the folder has them.
        Of a zarr store the values are read when they are used.

    Raises
    ------
    InvalidInput
        Listing every argument that cannot be used, and every file that is damaged, of another shape, named after no
        element line, or named like another one. All of it is found before any map is read; only damage within
        compressed numbers shows when they are.

    Examples
    --------
    >>> scan = xrfsr.open_scan("ng1093/maps", pixel_size="0.5 mm")  # doctest: +SKIP
    """
    folder = local_path(path, "the folder that holds one TIFF per element, or a zarr store")
    faults: list[str] = []
    names: list[str] | None = None
    with collecting(faults):
        names = entries(folder, "give the folder that holds one TIFF per element")
    if names is not None and is_store(names):
        return open_store(folder, names, pixel_size=pixel_size, units=units, lines=lines)
    if pixel_size is not None:
        with collecting(faults):
            pair_to_mm(pixel_size)
    elif names is not None:
        faults.append("pixel_size is missing and TIFF files do not tell it; pass pixel_size='0.5 mm'")
    units = "count" if units is None else units
    with collecting(faults):
        intensity_unit(units)

    files = [folder / name for name in sorted(names or ()) if Path(name).suffix.lower() in SUFFIXES and name[0] != "."]
    sorted_files = Folder.sort(files)
    chosen = Chosen({}, {}, None)
    if files:
        chosen = sorted_files.choose(lines, folder, faults)
    elif names is not None:
        faults.append(f"'{folder}' holds no TIFF file; one per element line is needed, named like 'Ca-K.tif'")
    uncertain = chosen.uncertainties if len(chosen.uncertainties) == len(chosen.maps) else {}
    faults += _unfit([*chosen.maps.values(), *uncertain.values()], chosen.mask)
    if faults:
        raise InvalidInput(f"scan folder '{folder}'", faults)

    if len(uncertain) < len(chosen.uncertainties):
        without = ", ".join(label for label in chosen.maps if label not in chosen.uncertainties)
        warn(f"uncertainties are left out: '{folder}' has none for {without}")
    if sorted_files.pictures:
        listed = ", ".join(file.name for file in sorted_files.pictures)
        warn(f"left out, not a map: {listed} in '{folder}' (see open_photo)")
    # One after the other, but what cannot be read is reported together.
    maps = _read_maps(list(chosen.maps.values()), faults)
    uncertainty = _read_maps(list(uncertain.values()), faults) if uncertain else None
    valid = _read_mask(chosen.mask, faults) if chosen.mask else None
    if faults:
        raise InvalidInput(f"scan folder '{folder}'", faults)
    return as_scan(maps, list(chosen.maps), pixel_size, units, uncertainty, valid)


def _unfit(maps: Sequence[Path], mask: Path | None) -> list[str]:
    """What is wrong with files, as far as can be told without decoding them."""
    faults: list[str] = []
    headers: dict[Path, Header] = {}
    for file in [*maps, *([mask] if mask else [])]:
        with collecting(faults):
            headers[file] = read_header(file)
            if problem := _problem(headers[file], is_mask=file == mask):
                del headers[file]
                faults.append(f"{file.name} {problem}")
    shapes = [header.shape for header in headers.values()]
    common = max(shapes, key=shapes.count, default=None)
    faults.extend(
        f"{file.name} has {header.shape[0]} × {header.shape[1]} pixels, most others {common[0]} × {common[1]}; "
        "all files of one scan have the same shape"
        for file, header in headers.items()
        if common and header.shape != common
    )
    return faults


def _problem(header: Header, *, is_mask: bool) -> str | None:
    """Why a picture is no map, or no mask."""
    if header.pages != 1:
        return f"has {header.pages} pages; one grey map per file is accepted, so export the plain numbers"
    if len(header.bands) != 1:
        bands = ", ".join(header.bands)
        return f"has the bands {bands}; one grey map per file is accepted, so export the plain numbers"
    if header.dtype.startswith("complex"):
        return f"holds {header.dtype} numbers; whole or real ones are accepted, so export the plain numbers"
    if is_mask:
        return None
    if header.palette is not None:
        return "is a false-colour picture (palette); export the plain numbers"
    if header.inverted:
        # Some programs then mean what is stored, others what is shown; a guess would turn maps into their negatives.
        return (
            "says that zero is white (MinIsWhite), so its numbers may mean what is stored or, the other way round, "
            "what is shown; save it with zero as black (MinIsBlack)"
        )
    return None


def _read_maps(files: Sequence[Path], faults: list[str]) -> NDArray[np.float32]:
    """Maps (file, y, x), NaN where a file has no data; without those that are damaged, which are added to `faults`."""
    maps = np.empty((0, 0, 0), np.float32)
    for number, file in enumerate(files):
        with collecting(faults):
            raster = read_raster(file)
            if not maps.size:
                maps = np.empty((len(files), *raster.pixels.shape[1:]), np.float32)
            with np.errstate(over="ignore"):  # beyond float32 is infinite, which is then reported as such
                maps[number] = raster.pixels[0]
            if raster.missing is not None:
                maps[number, raster.missing] = np.nan
    return maps


def _read_mask(file: Path, faults: list[str]) -> NDArray[np.bool_] | None:
    """True where a mask shows anything but black."""
    with collecting(faults):
        raster = read_raster(file)
        # NaN is not zero, but shows nothing.
        valid: NDArray[np.bool_] = np.any((raster.shown != 0) & (raster.shown == raster.shown), axis=0)
        return valid if raster.missing is None else valid & ~raster.missing
    return None

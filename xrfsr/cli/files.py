"""Maps and photos of a command, opened and registered."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr.cli.arguments import map_options
from xrfsr.cli.console import Console
from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput

if TYPE_CHECKING:
    from xrfsr.registration.result import Registration

__all__ = ["description_of", "open_maps", "photo_shape", "place_photo", "register_photo", "whole_grid"]

# Values of the fine maps from which on the scan is opened with Dask, so that the result need not fit in memory: 1 GiB.
LAZY_FROM = 2**28


def open_maps(path: Path, arguments: argparse.Namespace, *, scale: float = 1, lazy: bool = False) -> xr.Dataset:
    """Open the maps of a command; in Dask if asked for, or if maps `scale` times finer would be large."""
    from xrfsr.io.open import open_scan

    options = map_options(arguments)
    scan = open_scan(path, **options) if not lazy else open_scan(path, chunks={}, **options)
    if not lazy and scan["intensity"].size * scale**2 > LAZY_FROM:
        scan = scan.chunk(scan["intensity"].encoding.get("preferred_chunks") or {"line": 1, "y": 512, "x": 512})
    if arguments.negative is not None:
        maps = scan["intensity"]
        scan = scan.assign(intensity=maps.clip(min=0) if arguments.negative == "zero" else maps.where(~(maps < 0)))
    binned = getattr(arguments, "bin", 1)
    if binned > 1:
        from xrfsr.processing import bin

        scan = bin(scan, binned)
    return scan


def photo_shape(path: Path) -> tuple[int, int]:
    """Return rows and columns of an upright photo, reading no pixels; raise the faults of one that cannot be opened."""
    from xrfsr.io.raster import read_header

    return read_header(path).shape


def whole_grid(scan: xr.Dataset, arguments: argparse.Namespace) -> Grid:
    """Return the grid of the maps as they are in the file: binning leaves out rows and columns that fill no block."""
    if arguments.bin == 1:
        return grid_of(scan)
    return grid_of(open_maps(arguments.maps, argparse.Namespace(**{**vars(arguments), "bin": 1})))


def place_photo(
    path: Path,
    scan: xr.Dataset,
    whole: Grid,
    arguments: argparse.Namespace,
    console: Console,
    scale: float | None,
    overlay: Path | None = None,
) -> tuple[xr.DataArray, dict[str, Any]]:
    """Return the photo in the millimetres of the scan, and what is known of its place.

    A photo that is registered here has to resolve `scale`, unless it is None.
    It is opened where it is if the user says that it is registered, or if it is a GeoTIFF that xrfsr registered.
    """
    from xrfsr.io.photo import open_photo

    given = arguments.control_points is not None
    if arguments.registered and given:
        from xrfsr.cli.faults import UsageError

        raise UsageError("--control-points place the photo, which --registered says is placed; leave one of them out")
    if arguments.registered or (not (arguments.register or given) and is_placed(path)):
        photo = open_photo(path, like=whole, bands=arguments.bands)
        if overlay is not None:
            write_check(overlay, photo, scan)
        return photo, {"registered": "before"}
    found = register_photo(path, scan, arguments, console, scale, overlay)
    return found.photo, description_of(found)


def is_placed(path: Path) -> bool:
    """Return whether a photo is a GeoTIFF with a position, as `xrfsr register` writes."""
    from xrfsr.io.georeference import StoredPhoto
    from xrfsr.io.raster import open_raster

    try:
        with open_raster(path) as source:
            return StoredPhoto.read(source, path) is not None
    except InvalidInput:
        return False  # opening it raises the fault again


def register_photo(
    path: Path,
    scan: xr.Dataset,
    arguments: argparse.Namespace,
    console: Console,
    scale: float | None,
    overlay: Path | None = None,
) -> Registration:
    """Find the scan on a photo."""
    from xrfsr.registration import register

    console.say(f"looking for the scan on {path.name}")
    picture: Any = path
    if arguments.bands is not None:
        from xrfsr.io.photo import read_bands

        pixels, bands = read_bands(path, arguments.bands)
        picture = xr.DataArray(pixels, dims=("band", "y", "x"), coords={"band": list(bands or ())})
    found = register(
        picture,
        scan,
        scale=scale,
        control_points=None if arguments.control_points is None else read_points(arguments.control_points),
        model=arguments.model,
        lines=arguments.match_lines,
        overlay=overlay,
        progress=console.progress,
    )
    console.say(
        f"found it: {found.model}, within about {found.residual_mm:.2g} mm; "
        f"the photo resolves scales up to {found.largest_scale:g}"
    )
    return found


def description_of(found: Registration) -> dict[str, Any]:
    """Return what a registration has found, for JSON."""
    matrix = getattr(found.transform, "matrix", None)
    return {
        "registered": "here",
        "model": found.model,
        "residual_mm": found.residual_mm,
        "largest_scale": found.largest_scale,
        "photo_to_map_pixels": matrix,
        **{name: value for name, value in found.diagnostics.items() if name != "lines"},
    }


def read_points(path: Path) -> Any:
    """Return control points (n, 4) of a CSV file, or the path of a file of Butterfly Registrator.

    A row of the CSV has four numbers: photo column, photo row, map column, map row; the first row may be a heading.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return path  # whose fault `register` raises
    if "|" in text:
        return path
    delimiter = ";" if ";" in text else "\t" if "\t" in text else ","
    rows: list[list[float]] = []
    faults: list[str] = []
    for number, row in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), 1):
        if not any(cell.strip() for cell in row):
            continue
        try:
            values = [float(cell.replace(",", ".")) for cell in row if cell.strip()]
        except ValueError:
            values = []
        if len(values) == 4:
            rows.append(values)
        elif rows or number > 1 or any(_has_number(cell) for cell in row):
            faults.append(
                f"line {number} of '{path}' must be four numbers (photo column, photo row, map column, map row), got "
                f"{delimiter.join(row)[:60]!r}"
            )
    if faults:
        raise InvalidInput("control points", faults)
    return rows


def _has_number(cell: str) -> bool:
    return cell.strip()[:1].isdigit()


def write_check(path: Path, photo: xr.DataArray, scan: xr.Dataset) -> None:
    """Write the picture by which a registered photo is checked by eye, as `xrfsr.register` does for those it finds."""
    from xrfsr.core.photo_bands import shown_bands
    from xrfsr.registration.arguments import element_maps, even_maps
    from xrfsr.registration.overlay import write_overlay

    maps, _ = even_maps(element_maps(scan, None))
    (top, bottom), (left, right) = scan.xrfsr.grid.y.edges, scan.xrfsr.grid.x.edges
    rows = (photo["y"] > min(top, bottom)) & (photo["y"] < max(top, bottom))
    columns = (photo["x"] > min(left, right)) & (photo["x"] < max(left, right))
    part = photo.isel(y=rows.values.nonzero()[0], x=columns.values.nonzero()[0])
    for dim in ("y", "x"):
        if scan.sizes[dim] > 1 and (part[dim][-1] > part[dim][0]) != (scan[dim][-1] > scan[dim][0]):
            part = part.isel({dim: slice(None, None, -1)})
    write_overlay(path, part.values[shown_bands(tuple(map(str, part["band"].values)))], maps)

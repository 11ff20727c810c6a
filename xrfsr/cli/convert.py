"""``xrfsr convert``: maps or a registered photo from one format to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import xarray as xr

from xrfsr.cli.arguments import add_maps_options, path
from xrfsr.cli.console import Console
from xrfsr.cli.faults import UsageError
from xrfsr.cli.files import open_maps

__all__ = ["add", "run"]

# Methods of the accessor by the name of the format, and which of them take a photo, or replace what they wrote.
WRITERS = {
    "zarr": "to_zarr",
    "geotiff": "to_geotiff",
    "imagej": "to_imagej",
    "tiffs": "to_tiffs",
    "pymca": "to_pymca",
    "xrf-explorer": "to_xrf_explorer",
    "dms": "to_dms",
}
WITH_PHOTO = ("tiffs", "pymca", "xrf-explorer")
NEVER_REPLACED = ("dms",)
SUFFIXES = {
    ".zarr": "zarr",
    ".tif": "geotiff",
    ".tiff": "geotiff",
    ".h5": "pymca",
    ".hdf5": "pymca",
    ".dms": "dms",
    "": "tiffs",
}


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "convert",
        help="write maps in another format: zarr, GeoTIFF, ImageJ, TIFF, PyMca, XRF-Explorer, .dms",
        description=(
            "Write maps in another format, by the suffix of OUT: .zarr, .tif (GeoTIFF), .h5 (PyMca), .dms; a folder of "
            "TIFF files without a suffix."
        ),
    )
    parser.add_argument("maps", metavar="IN", type=path, help="file or folder of maps")
    parser.add_argument("out", metavar="OUT", type=path, help="file or folder to write")
    parser.add_argument("--to", choices=tuple(WRITERS), help="format to write, in place of that of the suffix")
    parser.add_argument(
        "--photo", metavar="FILE", type=path, help="photo to write with the maps: registered or cropped"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what xrfsr wrote in the same format")
    add_maps_options(parser)
    return parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Open lazily, and write strip by strip."""
    form = arguments.to or _form_of(arguments.out)
    options: dict[str, Any] = {}
    if arguments.overwrite and form in NEVER_REPLACED:
        raise UsageError(f"--overwrite: a file of format {form} is never replaced; remove {str(arguments.out)!r} first")
    if arguments.photo is not None and form not in WITH_PHOTO:
        raise UsageError(f"--photo: format {form} has no place for a photo; it must be one of {', '.join(WITH_PHOTO)}")
    if form not in NEVER_REPLACED:
        options["overwrite"] = arguments.overwrite
    scan = open_maps(arguments.maps, arguments, lazy=True)
    if arguments.photo is not None:
        from xrfsr.io.photo import open_photo

        options["photo"] = open_photo(arguments.photo, like=scan)
    _write(scan, arguments.out, form, options)
    values = {"format": form, "path": arguments.out, "lines": scan["line"].values}
    console.result(f"wrote {scan.sizes['line']} maps to {arguments.out} ({form})", values)
    return 0


def _form_of(out: Path) -> str:
    form = SUFFIXES.get(out.suffix.lower())
    if form is None:
        known = ", ".join(suffix for suffix in SUFFIXES if suffix)
        raise UsageError(f"OUT: suffix {out.suffix!r} must be one of {known}, or give --to {'|'.join(WRITERS)}")
    return form


def _write(scan: xr.Dataset, out: Path, form: str, options: dict[str, Any]) -> None:
    getattr(scan.xrfsr, WRITERS[form])(out, **options)

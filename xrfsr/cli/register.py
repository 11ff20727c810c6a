"""``xrfsr register``: find the scan on a photo, and write the photo in the millimetres of the scan."""

from __future__ import annotations

import argparse
from typing import Any

from xrfsr.cli.arguments import add_maps_options, add_photo_options, number, path
from xrfsr.cli.console import Console
from xrfsr.cli.files import description_of, open_maps, register_photo
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.atomic import target_faults
from xrfsr.io.writers.ownership import tiff_obstacle

__all__ = ["add", "run"]


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "register",
        help="find the scan on a photo, and write the photo in the millimetres of the scan",
        description="Find the scan on a photo, and write the photo as GeoTIFF in the millimetres of the scan.",
    )
    parser.add_argument("maps", metavar="MAPS", type=path, help="file or folder of maps")
    parser.add_argument("photo", metavar="PHOTO", type=path, help="PNG, JPEG or TIFF; may show more than the scan")
    parser.add_argument("-o", "--out", metavar="FILE.tif", type=path, required=True, help="GeoTIFF to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a GeoTIFF that xrfsr wrote")
    parser.add_argument("--overlay", metavar="FILE.png", type=path, help="picture for checking the result; look at it")
    parser.add_argument(
        "--scale", metavar="N", type=number(1), help="pixels of the result to one of the scan (default: 4)"
    )
    add_photo_options(parser, placed=False)
    add_maps_options(parser)
    return parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Register, and write the photo."""
    faults = target_faults(arguments.out, tiff_obstacle, overwrite=arguments.overwrite)
    if arguments.out.suffix.lower() not in (".tif", ".tiff"):
        faults.append(f"the name of a GeoTIFF must end in .tif or .tiff, got '{arguments.out.name}'")
    if faults:
        raise InvalidInput("--out", faults)
    scan = open_maps(arguments.maps, arguments)
    found = register_photo(arguments.photo, scan, arguments, console, arguments.scale, arguments.overlay)
    found.photo.xrfsr.to_geotiff(arguments.out, overwrite=arguments.overwrite)
    text = (
        f"model          {found.model}\n"
        f"error          about {found.residual_mm:.2g} mm\n"
        f"largest scale  {found.largest_scale:g}\n"
        f"wrote          {arguments.out}"
    )
    values = {**description_of(found), "photo": arguments.out, "overlay": arguments.overlay}
    console.result(text + (f" and {arguments.overlay}" if arguments.overlay else ""), values)
    return 0

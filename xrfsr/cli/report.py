"""``xrfsr report``: fine maps that exist already, as one HTML page."""

from __future__ import annotations

import argparse
from typing import Any

import xarray as xr

from xrfsr.cli.arguments import add_maps_options, map_options, path, title
from xrfsr.cli.console import Console
from xrfsr.cli.faults import INPUT, collect_named
from xrfsr.errors import Fault, InvalidInput
from xrfsr.io.writers.atomic import target_faults
from xrfsr.io.writers.ownership import html_obstacle

__all__ = ["add", "run"]


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="write fine maps as one HTML page that opens without a network",
        description="Write fine maps, what is known of them, and how they were made, as one HTML page.",
    )
    parser.add_argument("fine", metavar="FINE", type=path, help="result, such as out/fine.zarr, or maps")
    parser.add_argument("-o", "--out", metavar="FILE.html", type=path, required=True, help="page to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a report that xrfsr wrote")
    parser.add_argument("--scan", metavar="MAPS", type=path, help="maps that the result was made of")
    parser.add_argument(
        "--photo", metavar="PHOTO", type=path, help="photo: registered, such as out/photo.tif, or cropped"
    )
    parser.add_argument("--title", metavar="TEXT", type=title, help="title of the page")
    add_maps_options(parser, changes=False)
    return parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Open what the page shows, and write it. Options of the maps are those of the scan, if there is one."""
    from xrfsr.io.open import open_scan
    from xrfsr.io.photo import open_photo

    options = map_options(arguments)
    faults: list[str] = [
        Fault(fault, "--out") for fault in target_faults(arguments.out, html_obstacle, overwrite=arguments.overwrite)
    ]
    fine: xr.Dataset | None = None
    scan: xr.Dataset | None = None
    photo: xr.DataArray | None = None
    with collect_named(faults):
        fine = open_scan(arguments.fine, chunks={}, **({} if arguments.scan else options))
    with collect_named(faults):
        scan = None if arguments.scan is None else open_scan(arguments.scan, chunks={}, **options)
    with collect_named(faults):
        if arguments.photo is not None and fine is not None:
            photo = open_photo(arguments.photo, like=fine)
    if faults or fine is None:
        raise InvalidInput(INPUT, faults)
    console.say("writing the report")
    fine.xrfsr.report(arguments.out, scan=scan, rgb=photo, title=arguments.title, overwrite=arguments.overwrite)
    console.result(f"wrote {arguments.out}", {"report": arguments.out, "lines": fine["line"].values})
    return 0

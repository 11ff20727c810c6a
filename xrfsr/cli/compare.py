"""``xrfsr compare``: the methods on one painting, measured on the scan itself."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import xarray as xr

from xrfsr.cli.arguments import add_maps_options, add_method_options, add_photo_options, names, path
from xrfsr.cli.console import Console, table
from xrfsr.cli.faults import UsageError
from xrfsr.cli.files import open_maps, place_photo, whole_grid
from xrfsr.cli.results import save_picture
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.atomic import target_faults
from xrfsr.io.writers.ownership import png_obstacle

__all__ = ["add", "run"]


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="try several methods on your painting and measure the error of each",
        description="Make the scan coarser, let each method restore it, and measure the errors (Wald's protocol).",
    )
    parser.add_argument("maps", metavar="MAPS", type=path, help="file or folder of maps")
    parser.add_argument("photo", metavar="PHOTO", type=path, help="PNG, JPEG or TIFF")
    parser.add_argument("--methods", metavar="NAME,...", type=names, help="methods to try (default: all)")
    parser.add_argument("-o", "--out", metavar="FILE.png", type=path, help="picture to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a picture that xrfsr wrote")
    add_method_options(parser)
    add_photo_options(parser, placed=True)
    add_maps_options(parser)
    return parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Compare, print a table, and draw it."""
    _check_methods(arguments.methods or ())
    if arguments.out is not None:
        faults = target_faults(arguments.out, png_obstacle, overwrite=arguments.overwrite)
        if arguments.out.suffix.lower() != ".png":
            faults.append(f"the name of a picture must end in .png, got '{arguments.out.name}'")
        if faults:
            raise InvalidInput("--out", faults)
    scan = open_maps(arguments.maps, arguments).load()
    # Maps of the scan's own resolution are made, so the photo need be no finer.
    photo, place = place_photo(arguments.photo, scan, whole_grid(scan, arguments), arguments, console, scale=None)
    console.say(f"making the scan {arguments.scale:g} times coarser, and restoring it with each method")
    compared = scan.xrfsr.compare(
        photo,
        arguments.scale,
        methods=arguments.methods,
        seed=arguments.seed,
        device=arguments.device,
        progress=console.progress,
    )
    if arguments.out is not None:
        from xrfsr.plot import comparison

        save_picture(comparison(compared)[0].figure, arguments.out, overwrite=arguments.overwrite)
        console.say(f"wrote {arguments.out}")
    rows = _rows(compared)
    heads = ["method", "PSNR (dB)", "RMSE", "SSIM", "edges", "seconds"]
    text = table(heads, [[_cell(value) for value in row.values()] for row in rows])
    console.result(text, {"scale": arguments.scale, "photo": place, "methods": rows, "picture": arguments.out})
    return 0


def _check_methods(chosen: Sequence[str]) -> None:
    from xrfsr.methods import get

    for name in chosen:
        try:
            get(name)
        except InvalidInput as error:
            raise UsageError(f"--methods: {error.faults[0]}") from None


def _rows(compared: xr.Dataset) -> list[dict[str, Any]]:
    """Return one row for each method, the best first."""
    rows = []
    for name in compared["algorithm"].values:
        one = compared.sel(algorithm=name)
        rows.append(
            {
                "method": str(name),
                "psnr": float(one["pooled"].sel(metric="psnr")),
                "rmse": float(one["pooled"].sel(metric="rmse")),
                "ssim": float(one["ssim"].median()),
                "edge_sharpness": float(one["edge_sharpness"].median()),
                "seconds": float(one["seconds"]),
            }
        )
    return sorted(rows, key=lambda row: -row["psnr"] if row["psnr"] == row["psnr"] else float("inf"))


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "-" if value != value else f"{value:.3g}"

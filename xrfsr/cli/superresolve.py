"""``xrfsr superresolve``: maps and photo in, a folder with fine maps, pictures and a report out."""

from __future__ import annotations

import argparse
import time
from math import ceil
from pathlib import Path
from typing import Any

import xarray as xr

from xrfsr.cli.arguments import (
    add_maps_options,
    add_method_options,
    add_photo_options,
    pair,
    path,
    settings,
    title,
)
from xrfsr.cli.console import Console, table
from xrfsr.cli.faults import INPUT, UsageError, collect_named, in_options
from xrfsr.cli.files import LAZY_FROM, open_maps, photo_shape, place_photo, whole_grid
from xrfsr.cli.results import CHECK, Results, results_obstacle, written
from xrfsr.errors import Fault, InvalidInput
from xrfsr.io.writers.atomic import atomic_write, target_faults

__all__ = ["add", "run"]

SHOWN = ("photo_gain", "guided_share", "prior_share")  # coordinates of a result along `line` that the table has
LEAST_LEFT = 8  # pixels of averaged maps along a side
ROUNDED = 0.05  # by which blocks may be smaller than the photo asks for, as photos are cropped to whole pixels
HEADS = {"photo_gain": "gain from photo (dB)", "guided_share": "guided share", "prior_share": "prior share"}


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "superresolve",
        help="make fine maps from maps and a photo: a folder with maps, pictures and a report",
        description=(
            "Make maps finer with the help of a photo. The folder gets fine.zarr, maps/ with a GeoTIFF of each line, "
            "photo.tif, overview.png, check.png of the registration, and report.html."
        ),
    )
    parser.add_argument("maps", metavar="MAPS", type=path, help="file or folder of maps")
    parser.add_argument(
        "photo", metavar="PHOTO", type=path, nargs="?", help="PNG, JPEG or TIFF; some methods need none"
    )
    parser.add_argument("-o", "--out", metavar="FOLDER", type=path, required=True, help="folder to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a folder that this command wrote")
    add_method_options(parser)
    parser.add_argument("--method", metavar="NAME", default="unfolding", help="method (default: %(default)s)")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", type=pair, action="append", dest="settings",
        help="option of the method, such as steps=2000 or consistency=noise-aware; may be given again",
    )  # fmt: skip
    parser.add_argument("--uncertainty", action="store_true", help="add the uncertainty of every value")
    parser.add_argument("--title", metavar="TEXT", type=title, help="title of the report")
    add_photo_options(parser, placed=True)
    add_maps_options(parser)
    parser.set_defaults(bin=None)
    return parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Open, register, make the fine maps, and write them all or nothing."""
    options = _options(arguments)
    out: Path = arguments.out
    console.say(f"opening {arguments.maps}")
    scan: xr.Dataset | None = None
    faults: list[str] = [
        Fault(fault, "--out") for fault in target_faults(out, results_obstacle, overwrite=arguments.overwrite)
    ]
    photo: tuple[int, int] | None = None
    with collect_named(faults):
        if arguments.photo is not None:
            photo = photo_shape(arguments.photo)
    chosen = arguments.bin is not None
    with collect_named(faults):
        arguments.bin = arguments.bin or 1
        scan = open_maps(arguments.maps, arguments, scale=arguments.scale)
    if faults or scan is None:
        raise InvalidInput(INPUT, faults)
    if not chosen and photo is not None and (size := _blocks(scan, photo, arguments)) > 1:
        console.warn(
            f"the photo has too few pixels for maps {arguments.scale:g} times finer than these, so {size} × {size} "
            "pixels of the maps are averaged first; --bin 1 does not average"
        )
        arguments.bin = size
        scan = open_maps(arguments.maps, arguments, scale=arguments.scale)
    with atomic_write(out, "folder of results", results_obstacle, overwrite=arguments.overwrite) as new:
        new.mkdir()
        try:
            fine, place, names = _make(arguments, options, scan, new, console)
        except InvalidInput as error:
            raise _as_named(error, new, out) from error
    rows = _rows(fine)
    heads = ["line", *(HEADS[name] for name in SHOWN if name in fine.coords)]
    text = table(heads, [[_cell(name, value) for name, value in row.items()] for row in rows])
    values = {
        "out": out,
        "files": names,
        "method": arguments.method,
        "scale": arguments.scale,
        "pixels": [fine.sizes["y"], fine.sizes["x"]],
        "pixel_mm": list(fine.xrfsr.grid.spacing),
        "photo": place,
        "lines": rows,
    }
    console.result(f"{text}\n\nwrote {out}: {', '.join(names)}", values)
    return 0


def _blocks(scan: xr.Dataset, photo: tuple[int, int], arguments: argparse.Namespace) -> int:
    """Return the side of the blocks of pixels after whose averaging a photo that shows no more than the maps is fine.

    One if it is fine enough, is not used, or has so few pixels that averaging would leave too little.
    """
    from xrfsr.methods import get

    resolved = min(size / scan.sizes[name] for size, name in zip(photo, ("y", "x"), strict=True))
    scale: float = arguments.scale
    size = max(1, ceil(scale / resolved - ROUNDED))
    if not get(arguments.method).uses_photo or min(scan.sizes["y"], scan.sizes["x"]) < size * LEAST_LEFT:
        return 1
    return size


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of `superresolve`, checked before any file is opened."""
    from xrfsr.methods import get
    from xrfsr.pipeline.superresolve import SuperResolution

    chosen = settings(arguments.settings)
    shared: dict[str, Any] = {
        "method": arguments.method,
        "seed": arguments.seed,
        "device": arguments.device,
        "uncertainty": arguments.uncertainty,
    }
    if reserved := sorted(chosen.keys() & {*shared, "scale", "progress", "rgb", "model"}):
        name = reserved[0]
        raise UsageError(f"--set {name}={chosen[name]}: {name} is no option of the method; pass --{name}")
    own: dict[str, Any] = {
        name: chosen.pop(name) for name in ("footprint", "fwhm", "smear", "chunk", "refine") if name in chosen
    }
    faults: list[str] = []
    SuperResolution.from_keywords(faults, arguments.scale, chosen, progress=False, **shared, **own)
    if arguments.photo is None and not faults and get(arguments.method).uses_photo:
        faults.append(f"PHOTO is missing, and method {arguments.method!r} needs one; 'kriging' needs none")
    if faults:
        raise UsageError("xrfsr superresolve: " + "; ".join(_as_setting(fault, {**chosen, **own}) for fault in faults))
    return {**shared, **own, **chosen}


def _as_setting(fault: str, chosen: dict[str, Any]) -> str:
    """Return a fault of an option of the method with ``--set`` before it."""
    text = " ".join(in_options(str(fault)).split())
    named = next((name for name in chosen if text.startswith(f"{name} ")), None)
    return f"--set {named}: {text}" if named else f"--{text}" if text.startswith(("method ", "device ")) else text


def _make(
    arguments: argparse.Namespace, options: dict[str, Any], scan: xr.Dataset, folder: Path, console: Console
) -> tuple[xr.Dataset, dict[str, Any], list[str]]:
    photo: xr.DataArray | None = None
    whole = whole_grid(scan, arguments)
    place: dict[str, Any] = {}
    if arguments.photo is not None:
        photo, place = place_photo(arguments.photo, scan, whole, arguments, console, arguments.scale, folder / CHECK)
    if scan["intensity"].chunks is None:
        scan = scan.load()
    else:
        photo = None if photo is None else photo.chunk({"band": -1, "y": 1024, "x": 1024})
        console.say(f"the result has more than {LAZY_FROM:,} values: it is computed tile by tile")
    started = time.monotonic()
    height, width = (round(scan.sizes[dim] * arguments.scale) for dim in ("y", "x"))
    console.say(f"making {scan.sizes['line']} maps of {width} × {height} pixels with method {arguments.method!r}")
    fine = scan.xrfsr.superresolve(photo, arguments.scale, progress=console.progress, **options)
    results = Results(fine, scan, photo, _truth(arguments, fine), arguments.title)
    stored = results.write(folder, console)
    console.say(f"done after {time.monotonic() - started:.0f} s")
    return stored.drop_vars([name for name in stored.data_vars if name != "intensity"]), place, list(written(folder))


def _truth(arguments: argparse.Namespace, fine: xr.Dataset) -> xr.Dataset | None:
    """Return the maps before they were binned, if the result has their pixels again."""
    if arguments.bin == 1 or arguments.bin != arguments.scale:
        return None
    given = argparse.Namespace(**{**vars(arguments), "bin": 1})
    return open_maps(arguments.maps, given).isel(y=slice(fine.sizes["y"]), x=slice(fine.sizes["x"]))


def _rows(fine: xr.Dataset) -> list[dict[str, Any]]:
    known = [name for name in SHOWN if name in fine.coords]
    return [
        {"line": str(label), **{name: float(fine[name].values[number]) for name in known}}
        for number, label in enumerate(fine["line"].values)
    ]


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return "-" if value != value else f"{value:+.2f}" if name == "photo_gain" else f"{value:.2f}"


def _as_named(error: InvalidInput, temporary: Path, out: Path) -> InvalidInput:
    """Return an error of what was written to the temporary folder, with the name of the folder to be."""
    faults = [str(fault).replace(str(temporary), str(out)) for fault in error.faults]
    unchanged = [fault if str(fault) == text else Fault(text) for fault, text in zip(error.faults, faults, strict=True)]
    return InvalidInput(error.what.replace(str(temporary), str(out)), unchanged)

"""``xrfsr open``: what is in a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.cli.arguments import add_maps_options, map_options, path
from xrfsr.cli.console import Console, plain, table
from xrfsr.cli.faults import fault_lines
from xrfsr.errors import InvalidInput

__all__ = ["add", "run"]

ASSUMED = "1 mm"  # pixel size with which a file without one is opened, to see what else is in it
PHOTOS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def add(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "open",
        help="what is in a file: lines, size, units, gaps, and what is missing",
        description="Say what is in files and folders: format, size, lines, units, noise, gaps, and what is missing.",
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", type=path, help="file or folder of maps, or a photo")
    parser.add_argument("--names-only", action="store_true", help="do not read values: no ranges, gaps or noise")
    add_maps_options(parser, changes=False)
    return parser


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Describe every path; 1 if one of them cannot be opened."""
    found = [_describe(place, arguments) for place in arguments.paths]
    for each in found:
        for fault in each.get("faults", ()):
            console.fault(fault)
    shown = [each for each in found if "faults" not in each]
    if console.as_json:
        console.result("", found)
    elif shown:
        console.result("\n\n".join(map(_text, shown)), None)
    return 1 if len(shown) < len(found) else 0


def _describe(place: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    options = map_options(arguments)
    try:
        scans, missing = _open(place, options)
    except InvalidInput as error:
        if place.suffix.lower() in PHOTOS:
            try:
                return {"path": str(place), **_photo(place)}
            except InvalidInput as other:
                error = error if place.suffix.lower() in (".tif", ".tiff") else other
        return {"path": str(place), "faults": fault_lines(error)}
    try:
        results = {
            name: {
                **_scan(scan, values=not arguments.names_only),
                **({"pixel_mm": None, "size_mm": None} if missing else {}),
            }
            for name, scan in scans.items()
        }
    except InvalidInput as error:
        return {"path": str(place), "faults": fault_lines(error)}
    about = {"path": str(place), "format": _format(place), "missing": missing}
    return {**about, **results["/"]} if list(results) == ["/"] else {**about, "regions": results}


def _open(place: Path, options: dict[str, Any]) -> tuple[dict[str, xr.Dataset], dict[str, str]]:
    """Return all results of a file in Dask, and which options are missing, with an example of each."""
    from xrfsr.io.tree import open_groups

    missing: dict[str, str] = {}
    try:
        scans = open_groups(place, options)
    except InvalidInput as error:
        if "pixel_size" in options or not any("pixel_size is missing" in fault for fault in error.faults):
            raise
        scans = open_groups(place, {**options, "pixel_size": ASSUMED})
        missing["pixel size"] = '--pixel-size "0.5 mm"'
    return {
        name: scan.chunk(scan["intensity"].encoding.get("preferred_chunks", {})) for name, scan in scans.items()
    }, missing


def _format(place: Path) -> str:
    from xrfsr.io.formats import detect_format
    from xrfsr.io.readers.zarr import is_store
    from xrfsr.utils.paths import entries

    if place.is_dir() and is_store(entries(place, "")) and place.suffix.lower() != ".zspy":
        return "zarr store"
    return detect_format(place, external=True).name


def _scan(scan: xr.Dataset, *, values: bool) -> dict[str, Any]:
    grid = scan.xrfsr.grid
    intensity = scan["intensity"]
    lines = [
        {name: scan[name].values[number].item() for name in ("line", "element", "family", "kind", "energy")}
        for number in range(scan.sizes["line"])
    ]
    about: dict[str, Any] = {
        "pixels": list(grid.shape),
        "pixel_mm": list(grid.spacing),
        "size_mm": [grid.y.extent, grid.x.extent],
        "origin_mm": [min(grid.y.edges), min(grid.x.edges)],
        "units": intensity.attrs["units"],
        "lines": lines,
        "variables": sorted(map(str, scan.data_vars)),
        "coordinates": sorted(map(str, scan.coords)),
        "made_by": scan.attrs.get("xrfsr_method"),
    }
    if values:
        measured = _measure(scan)
        for line, each in zip(lines, measured.pop("lines"), strict=True):
            line.update(each)
        about |= measured
    return about


def _measure(scan: xr.Dataset) -> dict[str, Any]:
    """Return ranges, gaps and what is known of the noise, reading the maps once, chunk by chunk."""
    from dask.base import compute

    maps, whole = scan["intensity"], ("y", "x")
    valid = scan["valid"] if "valid" in scan.coords else xr.ones_like(maps.isel(line=0, drop=True), bool)
    seen = maps.where(valid)
    wanted = {
        "least": seen.min(whole),
        "most": seen.max(whole),
        "missing": (maps.isnull() & valid).sum(whole),
        "whole": ((seen == seen.round()) | seen.isnull()).all(whole),
        "invalid": (~valid).sum(),
    }
    if "uncertainty" in scan:
        wanted["known"] = scan["uncertainty"].notnull().any(whole)
    found = dict(zip(wanted, compute(*wanted.values()), strict=True))  # type: ignore[no-untyped-call]
    counts = maps.attrs["units"] == "count"
    lines = []
    for number in range(scan.sizes["line"]):
        least, most = float(found["least"][number]), float(found["most"][number])
        noise = None
        if "known" in found and found["known"][number]:
            noise = "uncertainty"
        elif counts and found["whole"][number] and least >= 0:
            noise = "counts"
        lines.append({"least": least, "most": most, "missing_pixels": int(found["missing"][number]), "noise": noise})
    return {"invalid_pixels": int(found["invalid"]), "lines": lines}


def _photo(place: Path) -> dict[str, Any]:
    from xrfsr.io.photo import read_bands

    pixels, names = read_bands(place)
    if not np.isfinite(pixels).any():
        raise InvalidInput("photo", [f"'{place}' has no pixels"])
    return {
        "format": "photo",
        "pixels": list(pixels.shape[1:]),
        "bands": list(names or ("red", "green", "blue")),
        "missing": {},
    }


def _text(found: dict[str, Any]) -> str:
    rows = [plain(f"{found['path']}: {found['format']}")]
    if found["format"] == "photo":
        height, width = found["pixels"]
        rows.append(f"  {width} × {height} pixels, bands {plain(', '.join(found['bands']))}")
        return "\n".join(rows)
    for name, one in found.get("regions", {"": found}).items():
        if name:
            rows += ["", plain(f"  region {name} (--group {name.strip('/')})")]
        rows += _text_of_scan(one)
    for what, option in found["missing"].items():
        rows.append(f"  missing: {what}; add {option}")
    return "\n".join(rows)


def _text_of_scan(one: dict[str, Any]) -> list[str]:
    height, width = one["pixels"]
    size = f"{width} × {height} pixels"
    if one["pixel_mm"] is not None:
        (dy, dx), (tall, wide) = one["pixel_mm"], one["size_mm"]
        pixel = f"{dx:g} mm" if np.isclose(dx, dy) else f"{dx:g} × {dy:g} mm"
        size += f" of {pixel}, {wide:g} × {tall:g} mm"
    units = plain(one["units"])
    rows = [f"  {size}, " + ("values without a unit" if units == "dimensionless" else f"in {units}")]
    if one["made_by"]:
        rows.append(plain(f"  a result of method {one['made_by']!r}"))
    heads, cells = ["line", "element", "kind", "energy (keV)"], []
    measured = "least" in one["lines"][0] if one["lines"] else False
    for line in one["lines"]:
        energy = f"{line['energy']:.2f}" if np.isfinite(line["energy"]) else "-"
        row = [line["line"], line["element"] or "-", line["kind"], energy]
        if measured:
            row += [
                f"{line['least']:.4g}",
                f"{line['most']:.4g}",
                str(line["missing_pixels"]),
                line["noise"] or "unknown",
            ]
        cells.append(row)
    heads += ["least", "most", "missing pixels", "noise known from"] if measured else []
    rows += ["  " + row for row in table(heads, cells).splitlines()]
    if measured:
        gaps = one["invalid_pixels"]
        rows.append(
            f"  {gaps} of {height * width} pixels show no painting (valid)"
            if gaps
            else "  every pixel shows the painting"
        )
    rows.append(plain(f"  coordinates: {', '.join(one['coordinates'])}"))
    return rows

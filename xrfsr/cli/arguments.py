"""Arguments that several commands have: how values are read, and which options open maps and photos."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from xrfsr.errors import InvalidInput

__all__ = [
    "add_maps_options",
    "add_method_options",
    "add_photo_options",
    "integer",
    "map_options",
    "names",
    "number",
    "settings",
]

COLLECTED = "append"


def number(least: float, *, above: bool = False) -> Callable[[str], float]:
    """Return a reader of numbers of at least, or above, `least`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (least < value if above else least <= value) or value == float("inf"):
            raise _wrong(f"a number {'>' if above else '≥'} {least:g}", text)
        return value

    return read


def integer(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least `least`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value < 2**63:
            raise _wrong(f"a whole number ≥ {least}", text)
        return value

    return read


def lengths(text: str) -> Any:
    """Read a pixel size: one length, or those along y and x."""
    return _lengths(text, "pixel_size", positive=True)


def position(text: str) -> Any:
    """Read a position: lengths along y and x."""
    return _lengths(text, "origin", positive=False)


def _lengths(text: str, name: str, *, positive: bool) -> Any:
    from xrfsr.core.units import pair_to_mm

    example = "'0.5 mm', or '0.5 mm, 0.25 mm' for y and x" if positive else "'12 mm, 30 mm' for y and x"
    parts: list[Any] = [part.strip() for part in text.split(",")]
    values = [float(part) if _is_number(part) else part for part in parts]
    # 1,5 mm is one length in many countries; a position is always two.
    is_decimal = positive and re.search(r"\d,\d", text) and not re.search(r"\d\.\d", text)
    if len(parts) == 2 and (is_decimal or len({type(value) for value in values}) > 1):
        raise _wrong(f"a length with a point for decimals, and a unit with both of two, such as {example}", text)
    value = values[0] if len(values) == 1 else tuple(values)
    try:
        pair_to_mm(value, name, positive=positive)
    except InvalidInput:
        raise _wrong(f"a length such as {example}", text) from None
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def names(text: str) -> list[str]:
    """Read names separated by commas."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise _wrong("names separated by commas, such as Ca-K,Pb-L", text)
    return found


def pair(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE; a value that is a number, True, False, None or a list of Python is one, and any other is text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip().isidentifier():
        raise _wrong("KEY=VALUE, such as steps=2000", text)
    words = {"true": True, "false": False, "none": None, "yes": True, "no": False}
    if value.strip().lower() in words:
        return key.strip(), words[value.strip().lower()]
    try:
        return key.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return key.strip(), value


def settings(pairs: list[tuple[str, Any]] | None) -> dict[str, Any]:
    """Return the options of a method from all ``--set``; the last one of a name counts."""
    return dict(pairs or ())


def _wrong(accepted: str, got: str) -> argparse.ArgumentTypeError:
    shown = repr(got) if len(got) <= 60 else f"{got[:30]!r}... ({len(got)} characters)"
    return argparse.ArgumentTypeError(f"must be {accepted}, got {shown}".replace("%", "%%"))


def title(text: str) -> str:
    """Read a title."""
    if not text.strip():
        raise _wrong("text, such as 'Portrait of a soldier'", text)
    return text


def path(text: str) -> Path:
    """Read a path."""
    if not text.strip() or "\0" in text:
        raise _wrong("the name of a file or folder", text)
    return Path(text)


def add_maps_options(parser: argparse.ArgumentParser, *, changes: bool = True) -> None:
    """Add the options by which maps are opened, those of `xrfsr.open_scan`, and by which their values are changed."""
    group = parser.add_argument_group("maps", "how files are read; docs/reference/formats describes each format")
    add = group.add_argument
    add("--pixel-size", metavar="LENGTH", type=lengths, help="size of a pixel of the maps, such as '0.5 mm'")
    add(
        "--lines", metavar="LINE,...", type=names, action=COLLECTED,
        help="lines to read, such as Ca-K,Pb-L; NAME=LINE says which line a name in the file is",
    )  # fmt: skip
    add("--units", metavar="UNIT", help="units of the values: count, count/s, dimensionless, ug/cm^2, ...")
    add("--origin", metavar="Y,X", type=position, help="position of the outer corner of the first pixel")
    add("--group", metavar="NAME", help="result to read from an HDF5 file with several")
    add("--index", metavar="N", type=integer(0), help="scan to read from a stack of scans, from 0")
    add("--quantity", choices=("count", "mass_fraction"), help="result to read from a fit that stores both")
    add("--prefix", metavar="TEXT", help="beginning of the names of the maps in a folder")
    add("--energy", metavar="FIRST,STEP", type=names, help="energies of the channels of a Ripple file")
    if changes:
        add(
            "--negative", choices=("zero", "missing"),
            help="what to make of negative values: zero, of the noise of a fit; or missing, of -9999 for no value",
        )  # fmt: skip
    add("--external", action="store_true", help="follow links to files outside the folder")


def map_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `xrfsr.open_scan` from the options of a command."""
    given = vars(arguments)
    plain = ("pixel_size", "units", "origin", "group", "index", "quantity", "prefix")
    options: dict[str, Any] = {name: given[name] for name in plain if given[name] is not None}
    if given["external"]:
        options["external"] = True
    if given["energy"] is not None:
        options["energy"] = tuple(float(each) if _is_number(each) else each for each in given["energy"])
    if (lines := chosen_lines(given["lines"])) is not None:
        options["lines"] = lines
    return options


def chosen_lines(given: list[list[str]] | None) -> list[str] | Mapping[str, str] | None:
    """Return what all ``--lines`` ask for: lines, or labels of names in the file."""
    from xrfsr.cli.faults import UsageError

    every = [name for some in given or () for name in some]
    if not every:
        return None
    renamed = [name for name in every if "=" in name]
    if not renamed:
        return every
    if len(renamed) < len(every):
        plain = next(name for name in every if "=" not in name)
        raise UsageError(
            f"--lines: {plain!r} must be NAME=LINE as {renamed[0]!r} is; give only lines, or only NAME=LINE"
        )
    return {name.strip(): label.strip() for name, _, label in (each.rpartition("=") for each in every)}


def add_photo_options(parser: argparse.ArgumentParser, *, placed: bool) -> None:
    """Add the options by which a photo is placed on the maps.

    Parameters
    ----------
    parser : ArgumentParser
        Parser of the command.
    placed : bool
        Whether the photo may be registered already.
    """
    group = parser.add_argument_group("photo", "where the scan lies on the photo; docs/howto/registration.md")
    add = group.add_argument
    if placed:
        either = group.add_mutually_exclusive_group()
        either.add_argument(
            "--registered", action="store_true", help="the photo is cropped to the edges of the scanned area"
        )
        either.add_argument(
            "--register",
            action="store_true",
            help="find the scan on the photo (the default, but for a registered GeoTIFF)",
        )
    add(
        "--control-points",
        metavar="FILE",
        type=path,
        help="points marked on photo and maps: CSV, or Butterfly Registrator",
    )
    add(
        "--model", choices=("auto", "similarity", "affine", "homography", "thin_plate_spline"), default="auto",
        help="most general transform (default: %(default)s)",
    )  # fmt: skip
    add("--match-lines", metavar="LINE,...", type=names, help="maps to compare with the photo, those at the surface")
    add("--bands", metavar="NAME,...", type=names, help="names of the bands of a photo that is not grey or colour")


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """Add the options by which fine maps are made."""
    group = parser.add_argument_group("fine maps")
    add = group.add_argument
    add("--scale", metavar="N", type=number(1), default=4.0, help="times finer than the maps (default: 4)")
    add(
        "--bin", metavar="N", type=integer(1), default=1,
        help="average N × N pixels of the maps first (superresolve: by default as many as a coarse photo asks for)",
    )  # fmt: skip
    add("--seed", metavar="N", type=integer(0), default=0, help="seed of everything random (default: %(default)s)")
    add("--device", metavar="NAME", default="auto", help="device of torch that computes (default: %(default)s)")

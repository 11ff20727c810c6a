"""Opening of all results in a file: one lazy scan for each fit, detector, analysis, cube or region."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from xrfsr.errors import InvalidInput, warn
from xrfsr.io.formats import detect_format
from xrfsr.io.lazy import unreadable_message
from xrfsr.io.open import open_lazily
from xrfsr.io.readers.zarr import is_store
from xrfsr.io.source import ReadOptions
from xrfsr.io.zarr_marks import METADATA_FILE
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import entries, local_path

__all__ = ["open_groups"]

WANTED = "the file that holds the maps"
SHOWN = 4  # results in a warning
MAPS = "intensity"


def open_groups(path: object, options: Mapping[str, Any]) -> dict[str, xr.Dataset]:
    """Open every result in a file.

    Parameters
    ----------
    path : str or path
        File or folder.
    options : mapping of str to object
        Arguments of `xrfsr.open_scan`. With `group`, only results in that group are opened.

    Returns
    -------
    dict of str to Dataset
        Scans by the path of their node in a tree, such as ``"/1.1/regrid"``; ``"/"`` for a file of a format that holds
        one result.

    Raises
    ------
    InvalidInput
        If no result can be opened; the message lists the faults of each.

    Warns
    -----
    UserWarning
        If some of the results cannot be opened.
    """
    results = _results(local_path(path, WANTED), options)
    if not results:
        return {"/": open_lazily(path, **options)}
    opened: dict[str, xr.Dataset] = {}
    failed: dict[str, InvalidInput] = {}
    for name, own in results.items():
        try:
            opened["/" + name.strip("/")] = open_lazily(**{"path": path, **options, **own})
        except InvalidInput as error:
            failed[name] = error
    if not opened:
        first = next(iter(failed.values()))
        raise InvalidInput(
            first.what, list(dict.fromkeys(fault for error in failed.values() for fault in error.faults))
        )
    if failed:
        shown = list(failed.items())[:SHOWN]
        reasons = [f"{listing([name])}, because {_reason(error)}" for name, error in shown]
        more = f"; and {len(failed) - len(shown)} more" if len(failed) > len(shown) else ""
        warn(f"{len(failed)} of {len(results)} results in '{path}' are left out: {'; '.join(reasons)}{more}")
    return opened


def _reason(error: InvalidInput) -> str:
    """Return the first fault of an error without its fix."""
    return str(error.faults[0]).partition(";")[0]


def _results(place: Path, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the arguments that each result needs, by its name; none if the format has one result."""
    external, wanted = options.get("external") is True, options.get("group")
    found: dict[str, dict[str, Any]] = {}
    try:
        if place.is_dir() and place.suffix.lower() != ".zspy" and is_store(entries(place, WANTED)):
            found = _regions(place)
        else:
            module = detect_format(place, external=external).load()
            if hasattr(module, "groups"):
                found = module.groups(place, ReadOptions(external=external, index=options.get("index")))
    except InvalidInput:
        return {}  # opening it as one scan raises the same with its faults
    except Exception as error:
        raise InvalidInput(f"file '{place}'", [unreadable_message(f"'{place}'", error)]) from error
    if isinstance(wanted, str):
        tidy = wanted.strip("/")
        found = {name: own for name, own in found.items() if f"{name.strip('/')}/".startswith(f"{tidy}/")}
    elif wanted is not None:
        return {}
    # Names that are no names of nodes.
    return {name: own for name, own in found.items() if {"", ".", ".."}.isdisjoint(name.strip("/").split("/"))}


def _regions(store: Path) -> dict[str, dict[str, Any]]:
    """Return the regions in a store of several, whose groups are stores of their own; none if it holds one scan."""
    found: dict[str, dict[str, Any]] = {}
    for folder, inner, _ in os.walk(store):
        place = Path(folder)
        if MAPS in inner:
            inner.clear()
            if place != store:
                found[place.relative_to(store).as_posix()] = {"path": place, "group": None}
        inner[:] = sorted(name for name in inner if (place / name / METADATA_FILE).is_file())
    return found

"""Reader of maxrf4u ``.datastack``: a zip file of zarr arrays with maps by non-negative matrix factorisation.

maxrf4u never replaces an array: each new result has one more underscore at the end of its name. Maps are in
``nmf_elementmaps``, and their elements in ``nmf_elements``, as text, or in ``nmf_atomnums``, as atomic numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xraydb
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.utils.describe import listing

__all__ = ["ZipMaps", "describe"]

OPTIONS: frozenset[str] = frozenset()
MAPS, ELEMENTS, NUMBERS = "nmf_elementmaps", "nmf_elements", "nmf_atomnums"
HEAVIEST = 98  # the last element whose lines are known


@dataclass(frozen=True, slots=True)
class ZipMaps:
    """Maps in one array (map, y, x) of a zip file.

    Attributes
    ----------
    path : Path
        File that holds the array.
    array : str
        Name of the array.
    positions : tuple of int
        Positions of the maps in the array.
    """

    path: Path
    array: str
    positions: tuple[int, ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        from xrfsr.io.zarr_store import open_zarr

        with open_zarr(self.path) as group:
            return np.stack([np.asarray(group[self.array][self.positions[number], y, x]) for number in maps])


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the newest element maps of a datastack.

    Raises
    ------
    InvalidInput
        If the file has no element maps yet, it is not certain which elements they show, or a name is not a known line.
    """
    from xrfsr.io.zarr_store import array_faults, open_zarr

    faults: list[str] = []
    with open_zarr(path) as group:
        stored = group.store.files.children()  # in the order in which they were written
        maps_at = _versions(stored, MAPS)
        names_at = [*_versions(stored, ELEMENTS)[-1:], *_versions(stored, NUMBERS)[-1:]]
        missing = [MAPS] if not maps_at else []
        if not names_at:
            missing.append(f"{ELEMENTS} or {NUMBERS}")
        if missing:
            raise InvalidInput(
                "file", [f"'{path}' has no {' and no '.join(missing)}; compute the element maps in maxrf4u first"]
            )
        newest = maps_at[-1]
        if faults := [
            fault for name in (newest, *names_at) for fault in array_faults(group[name], f"'{name}' in '{path}'")
        ]:
            raise InvalidInput("file", faults)
        maps = group[newest]
        if maps.ndim != 3 or maps.dtype.kind not in "iuf" or 0 in maps.shape:
            raise InvalidInput(
                "file",
                [
                    f"'{newest}' in '{path}' has shape {maps.shape} and dtype {maps.dtype}, expected numbers "
                    "(map, y, x); compute the element maps in maxrf4u again"
                ],
            )
        count, height, width = maps.shape
        tile = maps.chunks[1:]
        named = {name: _names(group[name], name, path) for name in names_at}
    results = len(_versions(stored, ELEMENTS)) + len(_versions(stored, NUMBERS))
    in_order = results == len(maps_at)
    names = _names_of_maps(named, newest, count, path, stored if in_order else ())
    chosen = select_maps(names, options.lines, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    warnings: tuple[str, ...] = ()
    if results < len(maps_at):
        warnings = (
            f"'{path}' has {len(maps_at)} results but the elements of {results}: those of {listing(named)} are taken "
            f"for '{newest}'; compute the element maps in maxrf4u again if its elements were others",
        )
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(height, width),
        intensity=ZipMaps(path, newest, tuple(chosen)),
        units="dimensionless",
        tile=(tile[0], tile[1]),
        attrs={"source_group": newest} if len(maps_at) > 1 else {},
        warnings=warnings,
    )


def _versions(stored: Sequence[str], name: str) -> list[str]:
    """Return the arrays of a name with any number of underscores behind it, the newest last."""
    return sorted((one for one in stored if re.fullmatch(f"{name}_*", one)), key=len)


def _names(array: Any, name: str, path: Path) -> list[str]:
    """Return the chemical symbols in an array of text or atomic numbers."""
    values = np.atleast_1d(array[...]).reshape(-1).tolist()
    if not name.startswith(NUMBERS):
        return [str(value) for value in values]
    wrong = [value for value in values if not (isinstance(value, int | float) and value in range(1, HEAVIEST + 1))]
    if wrong:
        raise InvalidInput(
            "file",
            [
                f"'{name}' in '{path}' contains {listing(map(repr, wrong))}, expected atomic numbers from 1 to "
                f"{HEAVIEST}; compute the element maps in maxrf4u again"
            ],
        )
    return [str(xraydb.atomic_symbol(int(value))) for value in values]


def _names_of_maps(
    named: Mapping[str, list[str]], newest: str, count: int, path: Path, stored: Sequence[str]
) -> list[str]:
    """Return the elements of the newest maps.

    Parameters
    ----------
    named : mapping of str to list of str
        Elements in the newest array of text, and in the newest one of numbers.
    newest : str
        Array of the maps.
    count : int
        Number of the maps.
    path : Path
        File named in messages.
    stored : sequence of str
        Names of all arrays in the order in which they were written, or none if that order says nothing.
    """
    if stored:
        last = max(named, key=stored.index)
        named = {last: named[last]}
    fitting = {name: names for name, names in named.items() if len(names) == count}
    if not fitting:
        listed = listing(f"'{name}' has {len(names)}" for name, names in named.items())
        raise InvalidInput(
            "file",
            [f"'{newest}' in '{path}' has {count} maps, but {listed} names; compute the element maps in maxrf4u again"],
        )
    first, *others = fitting.values()
    if any(names != first for names in others):
        raise InvalidInput(
            "file",
            [
                f"{listing(map(repr, fitting))} in '{path}' name different elements, and it is not known which of them "
                f"'{newest}' shows; compute the element maps in maxrf4u again"
            ],
        )
    return first

"""Reader of maxrf4u ``.datastack``: a zip file of zarr arrays with maps by non-negative matrix factorisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["ZipMaps", "describe"]

OPTIONS: frozenset[str] = frozenset()
MAPS, NAMES = "nmf_elementmaps", "nmf_elements"


@dataclass(frozen=True, slots=True)
class ZipMaps:
    """Maps in one array (map, y, x) of a zip file.

    Attributes
    ----------
    path : Path
        File that holds the array.
    positions : tuple of int
        Positions of the maps in the array.
    """

    path: Path
    positions: tuple[int, ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        from xrfsr.io.zarr_store import open_zarr

        with open_zarr(self.path) as group:
            return np.stack([np.asarray(group[MAPS][self.positions[number], y, x]) for number in maps])


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the element maps of a datastack.

    Raises
    ------
    InvalidInput
        If the file has no element maps yet, or a name is not a known line.
    """
    from xrfsr.io.zarr_store import array_faults, open_zarr

    faults: list[str] = []
    with open_zarr(path) as group:
        missing = [name for name in (MAPS, NAMES) if name not in group]
        if missing:
            raise InvalidInput(
                "file", [f"'{path}' has no {' and no '.join(missing)}; compute the element maps in maxrf4u first"]
            )
        if faults := [fault for name in (MAPS, NAMES) for fault in array_faults(group[name], f"'{name}' in '{path}'")]:
            raise InvalidInput("file", faults)
        maps, names = group[MAPS], [str(name) for name in np.atleast_1d(group[NAMES][...]).reshape(-1).tolist()]
        if maps.ndim != 3 or maps.dtype.kind not in "iuf" or 0 in maps.shape:
            raise InvalidInput(
                "file",
                [
                    f"'{MAPS}' in '{path}' has shape {maps.shape} and dtype {maps.dtype}, expected numbers "
                    "(map, y, x); compute the element maps in maxrf4u again"
                ],
            )
        count, height, width = maps.shape
        tile = maps.chunks[1:]
    if len(names) != count:
        raise InvalidInput(
            "file",
            [
                f"'{MAPS}' in '{path}' has {count} maps, but '{NAMES}' has {len(names)} names; compute the element "
                "maps in maxrf4u again"
            ],
        )
    chosen = select_maps(names, options.lines, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(height, width),
        intensity=ZipMaps(path, tuple(chosen)),
        units="dimensionless",
        tile=(tile[0], tile[1]),
    )

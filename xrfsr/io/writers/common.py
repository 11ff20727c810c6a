"""What all writers of maps share: the scan in the standard form, map by map, and what a format has no place for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.writers.atomic import target_faults
from xrfsr.utils.paths import local_path

__all__ = ["iter_strips", "prepare_write", "scan_attrs", "warn_dropped"]

# What every format holds in some way, or can be told from what it holds.
STANDARD_VARIABLES = frozenset(
    {"intensity", "uncertainty", "valid", "line", "element", "family", "energy", "kind", "y", "x"}
)
ROWS = 1024


def prepare_write(
    scan: xr.Dataset | xr.DataArray, path: object, overwrite: bool, *, suffixes: tuple[str, ...], kind: str
) -> tuple[xr.Dataset, Path]:
    """The scan in the standard form and the path to write to.

    Values are not looked at: what is written is what there is.

    Parameters
    ----------
    scan : Dataset or DataArray
    path : object
    overwrite : bool
    suffixes : tuple of str
        Endings of files of this kind; empty for folders.
    kind : str
        What is written, for messages.

    Raises
    ------
    InvalidInput
        Naming every fault of both.
    """
    example = f"the {kind} to write, such as 'maps{suffixes[0] if suffixes else ''}'"
    target = local_path(path, example)
    faults: list[str] = []
    ready: xr.Dataset | None = None
    if suffixes and target.suffix.lower() not in suffixes:
        faults.append(f"'{target.name}' has not the ending {' or '.join(suffixes)}, by which others know a {kind}")
    faults += target_faults(target, overwrite, may_replace=target.is_dir() != bool(suffixes), kind=kind)
    with collect_faults(faults):
        ready = ensure_scan(scan, values=False)
    if faults or ready is None:
        raise InvalidInput(f"{kind} '{target}'", faults)
    return ready, target


def iter_strips(maps: xr.DataArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Rows of one map (y, x) and their numbers, a strip at a time, so that a lazy map is never whole in memory."""
    height = maps.sizes["y"]
    for top in range(0, height, ROWS):
        rows = slice(top, min(height, top + ROWS))
        yield rows, np.asarray(maps.isel(y=rows).values, np.float32)


def scan_attrs(scan: xr.Dataset) -> dict[str, str | int | float]:
    """Attributes of a scan that are plain numbers and text."""
    return {str(name): value for name, value in scan.attrs.items() if isinstance(value, str | int | float)}


def warn_dropped(scan: xr.Dataset, path: Path, held: frozenset[str] = STANDARD_VARIABLES) -> None:
    """Name what a format has no place for."""
    rest = [str(name) for name in scan.variables if str(name) not in held]
    if rest:
        warn(f"left out of '{path}', which has no place for it: {', '.join(rest)}; to_zarr keeps everything")

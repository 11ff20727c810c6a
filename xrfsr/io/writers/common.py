"""Functions shared by the writers: checks of scan and path, strips of maps, and a warning about dropped variables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.writers.atomic import Obstacle, target_faults
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import local_path

__all__ = ["iter_strips", "prepare_write", "scan_attrs", "warn_dropped"]

# Variables that every format stores, or that follow from stored ones.
STANDARD_VARIABLES = frozenset(
    {"intensity", "uncertainty", "valid", "line", "element", "family", "energy", "kind", "y", "x"}
)
ROWS = 1024


def prepare_write(
    scan: xr.Dataset | xr.DataArray,
    path: object,
    overwrite: bool,
    *,
    suffixes: tuple[str, ...],
    kind: str,
    obstacle: Obstacle,
) -> tuple[xr.Dataset, Path]:
    """Convert a scan to the standard form and check the path to write to.

    Values are not checked; they are written unchanged.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan to write.
    path : object
        File or folder to write.
    overwrite : bool
        Whether an existing file or folder is replaced, if this package wrote it.
    suffixes : tuple of str
        File suffixes of the format; empty for folders.
    kind : str
        Name of the format for messages.
    obstacle : callable
        See `target_faults`.

    Returns
    -------
    scan : Dataset
        Scan in the standard form.
    path : Path
        File or folder to write.

    Raises
    ------
    InvalidInput
        If the scan or the path cannot be used; the message lists every fault.
    """
    example = f"the {kind} to write, such as 'maps{suffixes[0] if suffixes else ''}'"
    target = local_path(path, example)
    faults = switch_faults(overwrite=overwrite)
    ready: xr.Dataset | None = None
    if suffixes and target.suffix.lower() not in suffixes:
        faults.append(f"the name of a {kind} must end in {' or '.join(suffixes)}, got '{target.name}'")
    faults += target_faults(target, obstacle, overwrite=not faults and overwrite)
    with collect_faults(faults):
        ready = ensure_scan(scan, values=False)
    if faults or ready is None:
        raise InvalidInput(f"{kind} '{target}'", faults)
    return ready, target


def iter_strips(maps: xr.DataArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield strips of a map (y, x) with their rows, so that a lazy map is never in memory as a whole."""
    height = maps.sizes["y"]
    for top in range(0, height, ROWS):
        rows = slice(top, min(height, top + ROWS))
        yield rows, np.asarray(maps.isel(y=rows).values, np.float32)


def scan_attrs(scan: xr.Dataset) -> dict[str, str | int | float]:
    """Return the attributes of a scan that are plain numbers or text."""
    return {str(name): value for name, value in scan.attrs.items() if isinstance(value, str | int | float)}


def warn_dropped(scan: xr.Dataset, path: Path, held: frozenset[str] = STANDARD_VARIABLES) -> None:
    """Warn about variables that a format cannot store."""
    dropped = [str(name) for name in scan.variables if str(name) not in held]
    if dropped:
        warn(f"'{path}' cannot store {listing(dropped)}, so they are dropped; to_zarr keeps everything")

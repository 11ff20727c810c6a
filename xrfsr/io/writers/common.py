"""Functions shared by the writers: checks of layers and path, strips of maps, and a warning about dropped variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.separate import RECORD_COORDS
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.writers.atomic import Obstacle, target_faults
from xrfsr.io.writers.layers import Layers, layers_of
from xrfsr.io.writers.once import computed_once
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import local_path
from xrfsr.utils.progress import progress_bar

__all__ = ["iter_strips", "prepare_write", "warn_dropped", "writing"]

_written: ContextVar[Callable[[], None] | None] = ContextVar("xrfsr_written", default=None)

# Variables that every format stores, or that follow from stored ones.
STANDARD_VARIABLES = frozenset(
    {"intensity", "uncertainty", "valid", "line", "element", "family", "energy", "kind", "y", "x"}
)
ROWS = 1024


def prepare_write(
    data: object,
    path: object,
    overwrite: bool,
    *,
    suffixes: tuple[str, ...],
    kind: str,
    obstacle: Obstacle | None = None,
    photo: object = None,
    progress: object = None,
) -> tuple[Layers, Path]:
    """Check what to write, and the path to write to.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan, photo or map to write; see `layers_of`.
    path : object
        File or folder to write.
    overwrite : bool
        Whether an existing file or folder is replaced, if this package wrote it.
    suffixes : tuple of str
        File suffixes of the format; empty for folders.
    kind : str
        Name of the format for messages.
    obstacle : callable, optional
        See `target_faults`.
    photo : DataArray, optional
        Photo to write with a scan.
    progress : bool, optional
        What the caller passed to `writing`.

    Returns
    -------
    layers : Layers
        What to write; values are not checked.
    path : Path
        File or folder to write.

    Raises
    ------
    InvalidInput
        If the data or the path cannot be used; the message lists every fault.
    """
    example = f"the {kind} to write, such as 'maps{suffixes[0] if suffixes else ''}'"
    target = local_path(path, example)
    faults = switch_faults(overwrite=overwrite) + switch_faults(optional=True, progress=progress)
    layers: Layers | None = None
    if suffixes and target.suffix.lower() not in suffixes:
        faults.append(f"the name of a {kind} must end in {' or '.join(suffixes)}, got '{target.name}'")
    faults += target_faults(target, obstacle, overwrite=not faults and overwrite)
    with collect_faults(faults):
        layers = layers_of(data, photo)
    if faults or layers is None:
        raise InvalidInput(f"{kind} '{target}'", faults)
    return layers, target


@contextmanager
def writing(layers: Layers, path: Path, kind: str, progress: bool | None) -> Iterator[Layers]:
    """Yield layers for `iter_strips`, and show in a progress bar how many strips it has read within the block.

    Parameters
    ----------
    layers : Layers
        What is written, and nothing else: lazy arrays are computed, all of them in one pass.
    path, kind
        See `prepare_write`.
    progress : bool, optional
        See `xrfsr.utils.progress.progress_bar`.
    """
    arrays = layers.arrays
    total = sum(-(-array.sizes["y"] // ROWS) * array.sizes.get("line", 1) for array in arrays)
    numbers = count(1)
    with (
        progress_bar(total, f"writing {path.name}", progress) as show,
        computed_once(arrays, path, kind) as computed,
    ):
        token = _written.set(lambda: show(min(next(numbers), total)))
        try:
            yield layers.with_arrays(computed)
        finally:
            _written.reset(token)


def iter_strips(array: xr.DataArray) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield strips of a map (y, x) or photo with their rows, so that a lazy one is never in memory as a whole."""
    height = array.sizes["y"]
    for top in range(0, height, ROWS):
        rows = slice(top, min(height, top + ROWS))
        yield rows, np.asarray(array.isel(y=rows).values, np.float32)
        if (show := _written.get()) is not None:
            show()


def warn_dropped(
    layers: Layers, path: Path, *, mask: bool = False, photo: bool = False, uncertainty: bool = True
) -> None:
    """Warn about variables of a scan that a format cannot store.

    Parameters
    ----------
    layers : Layers
        What is written; derived maps are stored by every format.
    path : Path
        File or folder that is written.
    mask, photo, uncertainty : bool
        Whether the format stores the mask `valid`, the photo `rgb`, and the uncertainties.
    """
    scan = layers.scan
    if scan is None:
        return
    held = set(STANDARD_VARIABLES) - (set() if mask else {"valid"}) - (set() if uncertainty else {"uncertainty"})
    held |= {"rgb", "band"} if photo else set()
    held |= set(RECORD_COORDS)  # no other format keeps them either
    held |= {str(plane.values.name) for plane in layers.derived}
    dropped = [str(name) for name in scan.variables if str(name) not in held]
    if dropped:
        warn(f"'{path}' has no place for {listing(dropped)}; to_zarr keeps everything")

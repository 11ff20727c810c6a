"""Lazy maps computed in one pass, before a writer reads them map by map and strip by strip.

Maps of one result share most of their work: the training, and every tile, of which one map is a part. Read one after
the other from Dask, each would repeat all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from xrfsr.io.writers.atomic import scratch_folder
from xrfsr.io.writers.zarr import CHUNKS, write

__all__ = ["computed_once"]


@contextmanager
def computed_once(arrays: Sequence[xr.DataArray], path: Path, kind: str) -> Iterator[list[xr.DataArray]]:
    """Yield arrays of which those in Dask are read from a temporary store, which exists only within the block.

    Parameters
    ----------
    arrays : sequence of DataArray
        Maps, stacks of maps and photos, each on a grid of its own.
    path : Path
        File or folder to write, next to which the store is.
    kind : str
        Name of its format for messages.

    Yields
    ------
    list of DataArray
        The same arrays.

    Raises
    ------
    InvalidInput
        If the disk is full or not writable.
    """
    lazy = [number for number, array in enumerate(arrays) if array.chunks is not None]
    if not lazy:
        yield list(arrays)
        return
    # Names of their own, because the grids differ.
    named = {number: {dim: f"{dim} {number}" for dim in arrays[number].dims} for number in lazy}
    held = {str(number): (tuple(named[number].values()), arrays[number].data) for number in lazy}
    chunks = {new: CHUNKS.get(str(dim), 1) for dims in named.values() for dim, new in dims.items()}
    with scratch_folder(path, kind, path.parent) as folder:
        store = Path(folder, "new")
        write(xr.Dataset(held), store, chunks)
        with xr.open_zarr(store, consolidated=False) as stored:
            yield [
                array.copy(data=stored[str(number)].data) if number in named else array
                for number, array in enumerate(arrays)
            ]

"""Cube of spectra in an array of HDF5 or zarr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.io.hdf5_chunks import read_window
from xrfsr.io.hdf5_links import open_hdf5

__all__ = ["ArrayCube", "open_tree"]


@dataclass(frozen=True, slots=True)
class ArrayCube:
    """Cube of spectra in an array of HDF5 or zarr.

    Attributes
    ----------
    path : Path
        File or folder.
    name : str
        Name of the array.
    dtype : dtype
        Number type of the counts.
    shape : (int, int, int)
        Number of rows, columns and channels.
    order : (int, int, int)
        Dimensions of the array that are the rows, columns and channels.
    chunk : (int, int) or None
        Rows and columns of a stored chunk.
    external : bool
        Whether the cube may be stored outside the folder of the file.
    """

    path: Path
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    order: tuple[int, int, int] = (0, 1, 2)
    chunk: tuple[int, int] | None = None
    external: bool = False

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """Read (row, column, channel); see `xrfsr.io.spectra.cubes.Cube`."""
        key = [slice(None)] * 3
        for dim, part in zip(self.order, (y, x, channels), strict=True):
            key[dim] = part
        with open_tree(self.path, external=self.external) as root:
            array, window = root[self.name], tuple(key)
            values = read_window(array, window) if isinstance(array, h5py.Dataset) else np.asarray(array[window])
            return values.transpose(self.order)


@contextmanager
def open_tree(path: Path, *, external: bool = False) -> Iterator[Any]:
    """Open an HDF5 file or a zarr store, whose groups and arrays have the same interface."""
    if path.suffix.lower() != ".zspy":
        with open_hdf5(path, external=external) as file:
            yield file
        return
    from xrfsr.io.zarr_store import open_zarr

    with open_zarr(path, external=external) as group:
        yield group

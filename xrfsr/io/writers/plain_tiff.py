"""Plain TIFF of any size, filled piece by piece: for maps and photos that are never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["write_plain_tiff"]

CLASSIC_BYTES = 2**32 - 2**20  # a larger file has to be BigTIFF


def write_plain_tiff(
    path: Path,
    shape: tuple[int, ...],
    dtype: type[np.generic],
    pieces: Iterable[NDArray[Any]],
    *,
    imagej: bool = False,
    **options: Any,
) -> None:
    """Write uncompressed pixels that arrive in the order of the file.

    Parameters
    ----------
    path : Path
        File to write.
    shape : tuple of int
        Shape of all pixels.
    dtype : type
        Number type of the file.
    pieces : iterable of ndarray
        Consecutive pixels.
    imagej : bool
        Whether the file is one of ImageJ, which has its own form for large files.
    **options
        Further arguments of `tifffile.imwrite`.

    Raises
    ------
    OSError
        If the disk is full. A file that is mapped into memory would end the process instead.
    """
    import tifffile

    kind = np.dtype(dtype)
    large = int(np.prod(shape, dtype=np.int64)) * kind.itemsize >= CLASSIC_BYTES
    mapped = tifffile.memmap(path, shape=shape, dtype=kind, imagej=imagej, bigtiff=large and not imagej, **options)
    offset, kind = mapped.offset, mapped.dtype
    del mapped
    with path.open("r+b") as file:
        file.seek(offset)
        for piece in pieces:
            file.write(np.ascontiguousarray(piece, kind).data)

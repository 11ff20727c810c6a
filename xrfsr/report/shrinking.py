"""Maps reduced to what a page can hold, by means over blocks of pixels; lazy arrays stay lazy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.utils.checks import is_dask

__all__ = ["block_means", "factor_for", "shrunk"]

LONGEST = 2048  # shown pixels along a side: more than screens have
BLOCK = 512  # pixels along the side of what is reduced at a time


def factor_for(shape: tuple[int, int], maps: int, pixels: int) -> int:
    """Return by how much each side of maps is reduced, so that all together have no more than some number of pixels.

    Examples
    --------
    >>> factor_for((2048, 2048), 12, 2**24), factor_for((100, 4000), 2, 2**24)
    (2, 2)
    """
    rows, columns = shape
    factor = max(1, math.ceil(max(shape) / LONGEST))
    while math.ceil(rows / factor) * math.ceil(columns / factor) * maps > pixels:
        factor += 1
    return factor


def shrunk(data: Any, factor: int) -> Any:
    """Return maps (..., y, x) reduced by a factor: means of square blocks, without missing pixels.

    Blocks at the lower and right edge may be cut off; they are means of what is there.

    Examples
    --------
    >>> shrunk(np.array([[1.0, 3.0, 7.0]]), 2)
    array([[2., 7.]], dtype=float32)
    """
    if factor == 1:
        return data.astype(np.float32)
    if not is_dask(data):
        planes = data.reshape(-1, *data.shape[-2:])
        return np.stack([block_means(plane, factor) for plane in planes]).reshape(*data.shape[:-2], *(
            math.ceil(side / factor) for side in data.shape[-2:]
        ))  # fmt: skip
    block = max(factor, BLOCK // factor * factor)
    cut = data.rechunk({data.ndim - 2: block, data.ndim - 1: block})
    sides = tuple(tuple(math.ceil(size / factor) for size in cut.chunks[axis]) for axis in (-2, -1))
    return cut.map_blocks(block_means, factor, chunks=(*cut.chunks[:-2], *sides), dtype=np.float32)


def block_means(values: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Return the means of blocks of maps (..., y, x) in memory; NaN where all of a block is missing."""
    rows, columns = values.shape[-2:]
    padding = [(0, 0)] * (values.ndim - 2) + [(0, -rows % factor), (0, -columns % factor)]
    there = np.isfinite(values)
    known = np.where(there, values, 0).astype(np.float64 if values.dtype == np.float64 else np.float32)

    def total(array: NDArray[Any]) -> NDArray[Any]:
        padded = np.pad(array, padding)
        shape = padded.shape[:-2]
        down, across = padded.shape[-2] // factor, padded.shape[-1] // factor
        summed: NDArray[Any] = padded.reshape(*shape, down, factor, across, factor).sum(axis=(-3, -1), dtype=np.float64)
        return summed

    count = total(there)
    means = total(known) / np.maximum(count, 1)
    return np.where(count > 0, means, np.nan).astype(np.float32)

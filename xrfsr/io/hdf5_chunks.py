"""Reading of HDF5 datasets whose compressed chunks take no more memory than their size.

HDF5 itself inflates a chunk without a limit. A chunk of one megabyte takes a gigabyte at most, which is harmless, and
chunks of maps and spectra are rarely larger. Larger ones are inflated once more, with a limit, before HDF5 reads them.
Sources of virtual datasets are not: HDF5 reads them from other files by itself.
"""

from __future__ import annotations

import itertools
import math
import zlib
from typing import Any

import h5py
import numpy as np
from h5py import h5z
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput

__all__ = ["ChunkIndex", "chunk_fault", "chunk_index", "read_window"]

INFLATION = 1032  # largest factor of deflate
HARMLESS = 1 << 30
# A chunk is decoded as a whole, even for one value.
MAX_CHUNK_BYTES = 1 << 26


class ChunkIndex:
    """Chunks of a dataset that were written.

    Attributes
    ----------
    count : int
        Number of chunks.
    largest : int
        Stored bytes of the largest one; 0 if they are not compressed.
    """

    def __init__(self) -> None:
        self.count = self.largest = 0

    def add(self, chunk: Any) -> None:
        """Add a chunk of h5py."""
        self.count += 1
        self.largest = max(self.largest, chunk.size)


def chunk_index(dataset: h5py.Dataset) -> ChunkIndex:
    """Return which chunks of a chunked dataset were written; sizes only if they are compressed, which takes longer."""
    index = ChunkIndex()
    if h5z.FILTER_DEFLATE in _filters(dataset.id.get_create_plist()):
        dataset.id.chunk_iter(index.add)
    else:
        index.count = dataset.id.get_num_chunks()
    return index


def chunk_fault(plist: Any, shape: tuple[int, ...], itemsize: int) -> str | None:
    """Return why the chunks of a dataset cannot be read safely, or None.

    Parameters
    ----------
    plist : PropDCID
        Creation properties of the dataset, which is chunked.
    shape : tuple of int
        Shape of the dataset.
    itemsize : int
        Bytes of a value.
    """
    chunks = plist.get_chunk()
    if itemsize * math.prod(chunks) > max(MAX_CHUNK_BYTES, 4 * itemsize * math.prod(shape)):
        return f"declares chunks {chunks} for shape {shape}; export the file again"
    filters = _filters(plist)
    if h5z.FILTER_DEFLATE in filters:
        after = filters[filters.index(h5z.FILTER_DEFLATE) + 1 :]
        if set(after) - {h5z.FILTER_FLETCHER32}:
            return "is compressed twice, which may take any amount of memory; write it with one filter"
    return None


def _filters(plist: Any) -> list[int]:
    return [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]


def read_window(dataset: h5py.Dataset, key: tuple[int | slice, ...]) -> NDArray[Any]:
    """Read part of a dataset.

    Parameters
    ----------
    dataset : Dataset
        Dataset.
    key : tuple of int or slice
        Positions along each dimension; slices have positive steps.

    Raises
    ------
    InvalidInput
        If a compressed chunk inflates to more than its size.
    """
    if dataset.chunks and dataset.dtype.itemsize * math.prod(dataset.chunks) * INFLATION > HARMLESS:
        _check_chunks(dataset, key)
    return np.asarray(dataset[key])


def _check_chunks(dataset: h5py.Dataset, key: tuple[int | slice, ...]) -> None:
    filters = _filters(dataset.id.get_create_plist())
    if h5z.FILTER_DEFLATE not in filters:
        return
    first = filters.index(h5z.FILTER_DEFLATE)
    size = dataset.dtype.itemsize * math.prod(dataset.chunks)
    starts = []
    for part, length, chunk in zip(key, dataset.shape, dataset.chunks, strict=True):
        positions = np.atleast_1d(np.arange(length)[part])
        starts.append((np.unique(positions // chunk) * chunk).tolist())
    for offset in itertools.product(*starts):
        mask, raw = dataset.id.read_direct_chunk(offset)
        if mask >> first & 1 or len(raw) * INFLATION <= HARMLESS:
            continue
        inflater = zlib.decompressobj()
        if len(inflater.decompress(raw, size + 1)) > size:
            raise InvalidInput(
                "file",
                [f"'{dataset.name}' has a chunk that inflates to more than {size} bytes; export it again"],
            )

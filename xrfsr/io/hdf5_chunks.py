"""Reading of HDF5 datasets whose compressed chunks take no more memory than their size.

HDF5 decodes a chunk without a limit, so chunks that could take much more than they declare are checked before it reads
them; see `xrfsr.io.hdf5_filters`. HDF5 reads the sources of virtual datasets by itself, so their chunks are checked all
at once.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5_filters import check_chunk, filter_fault, is_harmless, pipeline_fault, stored_filters

__all__ = ["ChunkIndex", "StoredDataset", "check_chunks", "chunk_fault", "chunk_index", "read_all", "read_window"]

# A chunk is decoded as a whole, even for one value.
MAX_CHUNK_BYTES = 1 << 26
MAX_CHECKED = 10_000
_checked: set[tuple[str, str, int, int]] = set()


class StoredDataset(h5py.Dataset):  # type: ignore[misc]  # h5py has no types
    """Dataset that knows the datasets of which it is composed, if it is virtual."""

    sources: tuple[h5py.Dataset, ...] = ()


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
    if stored_filters(dataset.id.get_create_plist()):
        dataset.id.chunk_iter(index.add)
    else:
        index.count = dataset.id.get_num_chunks()
    return index


def chunk_fault(plist: Any, shape: tuple[int, ...], itemsize: int) -> str | None:
    """Return why the chunks of a dataset may take too much memory, or None.

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
    size = itemsize * math.prod(chunks)
    if size > max(MAX_CHUNK_BYTES, 4 * itemsize * math.prod(shape)):
        return f"declares chunks {chunks} for shape {shape}; export the file again"
    return pipeline_fault(stored_filters(plist), size)


def read_all(dataset: h5py.Dataset) -> NDArray[Any]:
    """Read a dataset completely; see `read_window`."""
    return read_window(dataset, (slice(None),) * len(dataset.shape))


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
        If a chunk is compressed with a filter that is not installed or cannot be checked, would take more memory than
        its size, or is damaged.
    """
    _check_sources(dataset)
    check_chunks(dataset, key)
    return np.asarray(dataset[key])


def _check_sources(dataset: h5py.Dataset) -> None:
    for source in getattr(dataset, "sources", ()):
        _check_sources(source)
        if source.chunks:
            stat = os.stat(source.file.filename)
            state = (source.file.filename, str(source.name), stat.st_mtime_ns, stat.st_size)
            if state not in _checked:
                check_chunks(source)
                if len(_checked) >= MAX_CHECKED:
                    _checked.clear()
                _checked.add(state)


def check_chunks(dataset: h5py.Dataset, key: Sequence[int | slice] | None = None) -> None:
    """Check the chunks that contain part of a dataset, by default all of it; see `read_window`."""
    if not dataset.chunks:
        return
    if key is None:
        key = (slice(None),) * len(dataset.shape)
    filters = stored_filters(dataset.id.get_create_plist())
    size = dataset.id.get_type().get_size() * math.prod(dataset.chunks)
    if fault := filter_fault(filters):
        raise InvalidInput("file", [f"'{dataset.name}' in '{dataset.file.filename}' {fault}"])
    if is_harmless(filters, size):
        return
    starts = []
    for part, length, chunk in zip(key, dataset.shape, dataset.chunks, strict=True):
        positions = np.atleast_1d(np.arange(length)[part])
        starts.append((np.unique(positions // chunk) * chunk).tolist())
    for offset in itertools.product(*starts):
        if dataset.id.get_chunk_info_by_coord(offset).byte_offset is None:
            continue  # never written, which matters where its values do
        mask, raw = dataset.id.read_direct_chunk(offset)
        try:
            check_chunk(filters, size, mask, raw)
        except (OSError, ValueError) as error:
            what = f"'{dataset.name}' in '{dataset.file.filename}'"
            raise InvalidInput(
                "file", [f"{what} has a chunk that is damaged: {error}; copy or export it again"]
            ) from error

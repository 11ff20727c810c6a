"""Read-only zarr store that hands over only what `StoreFiles` accepts, and misses no chunk in silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from xrfsr.io.zarr_codecs import limit_v2, limit_v3
from xrfsr.io.zarr_files import METADATA_NAMES, StoreFiles, open_files

__all__ = ["CheckedStore", "array_faults", "open_zarr"]


@contextmanager
def open_zarr(path: Path, *, external: bool = False) -> Iterator[Any]:
    """Open the root group of a zarr store in a folder or zip file, all of whose chunks have to be there.

    Raises
    ------
    InvalidInput
        If something in the store is no regular file, or a link that leads out of it, or is there twice.
    """
    files = open_files(path, external=external)
    try:
        yield zarr.open_group(CheckedStore(files), mode="r", use_consolidated=False)
    finally:
        files.close()


def array_faults(array: Any, what: str) -> list[str]:
    """Return the faults of an array of a `CheckedStore` that declares more than is stored.

    Parameters
    ----------
    array : zarr.Array
        Array.
    what : str
        Name of the array for messages.
    """
    files: StoreFiles = array.store.files
    layout = files.layout(array.path)
    if layout is None:
        return [f"{what} is not an array; save it again"]
    faults = layout.size_faults(files.sizes, what)
    if not faults and (lost := layout.unwritten(files.sizes)):
        faults.append(f"{what} lacks {lost}: it is incomplete; copy or save it again")
    return faults


class CheckedStore(Store):
    """Read-only store.

    Parameters
    ----------
    files : StoreFiles
        Files of the store.
    whole : collection of str, optional
        Arrays whose chunks have to be there; an absent chunk of others is its fill value. Default: all.
    """

    supports_writes = supports_deletes = supports_partial_writes = False
    supports_listing = True
    supports_consolidated_metadata = False

    def __init__(self, files: StoreFiles, whole: Collection[str] | None = None) -> None:
        super().__init__(read_only=True)
        self.files, self.whole = files, whole

    def __eq__(self, value: object) -> bool:
        return isinstance(value, CheckedStore) and (self.files.path, self.whole) == (value.files.path, value.whole)

    def __hash__(self) -> int:
        return hash(self.files.path)

    def __str__(self) -> str:
        return str(self.files.path)

    def __repr__(self) -> str:  # in messages of zarr
        return f"'{self}'"

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Read a file, or part of it; metadata with codecs that are limited.

        Raises
        ------
        OSError
            If a chunk is absent that has to be there, or is empty.
        """
        found = await asyncio.to_thread(self._read, key, byte_range)
        return None if found is None else prototype.buffer.from_bytes(found)

    def _read(self, key: str, byte_range: Any) -> bytes | None:
        place, _, last = key.rpartition("/")
        if last in METADATA_NAMES:
            return self._metadata(place, key, last)
        start, stop = _limits(byte_range)
        found = self.files.read(key, start, stop)
        if not found and (self.whole is None or any(key.startswith(f"{name}/") for name in self.whole)):
            raise OSError(f"'{key}' is {'missing' if found is None else 'empty'}")
        return found or None

    def _metadata(self, place: str, key: str, last: str) -> bytes | None:
        # Without consolidated metadata, which may differ from those of the arrays.
        found = None if last == ".zmetadata" else self.files.metadata(key)
        if found is None:
            return None
        found.pop("consolidated_metadata", None)
        is_array = last == ".zarray" or (last == "zarr.json" and found.get("node_type") == "array")
        layout = self.files.layout(place) if is_array else None
        if layout is not None:
            found = (limit_v2 if last == ".zarray" else limit_v3)(found, layout)
        return json.dumps(found).encode()

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """Read parts of several files."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Return whether a file exists."""
        return self.files.exists(key)

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        for key in self.files.sizes:
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that begin with `prefix`."""
        for key in self.files.sizes:
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names of the groups and arrays in a group."""
        for name in self.files.children(prefix.strip("/")):
            yield name

    async def set(self, key: str, value: Any) -> None:
        """Refuse to write."""
        raise NotImplementedError

    async def set_partial_values(self, key_start_values: Iterable[Any]) -> None:
        """Refuse to write."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Refuse to write."""
        raise NotImplementedError


def _limits(byte_range: Any) -> tuple[int, int | None]:
    if isinstance(byte_range, RangeByteRequest):
        return byte_range.start, byte_range.end
    if isinstance(byte_range, OffsetByteRequest):
        return byte_range.offset, None
    if isinstance(byte_range, SuffixByteRequest):
        return -byte_range.suffix, None
    return 0, None

"""Layout of a zarr array according to its metadata, and whether the stored files can hold it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

__all__ = ["TEXT_BYTES", "ArrayLayout", "Unwritten"]

# Text of one chunk, such as the labels of all lines.
TEXT_BYTES = 1 << 24
# A chunk is decoded as a whole, even for one value. HyperSpy and others pad the last chunks, but not by much.
MAX_PADDED_BYTES, MAX_CHUNK_BYTES = 1 << 26, 1 << 31
# Zstandard compresses equal values at most about 32,000:1. Small arrays do not matter.
MAX_COMPRESSION, LARGE = 1 << 16, 1 << 28
# Encoded values may take a little more than plain ones.
OVERHEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Chunks of an array that have no file.

    Attributes
    ----------
    count, total : int
        Number of such chunks, and of all chunks.
    first : str
        File of the first one, relative to the store.
    """

    count: int
    total: int
    first: str

    def __str__(self) -> str:
        named = f"'{self.first}'"
        return f"{self.count} of {self.total} chunks, {named if self.count == 1 else f'the first is {named}'}"


@dataclass(frozen=True, slots=True)
class ArrayLayout:
    """Layout of an array.

    Attributes
    ----------
    name : str
        Name of the array in the store.
    shape : tuple of int
        Shape of the array.
    chunk : tuple of int
        Shape of what one file holds: a chunk, or a shard of several.
    inner : tuple of int
        Shape of what is decoded at once.
    itemsize : int or None
        Bytes of a value; None for text of any length.
    fill : object
        Fill value as stored; a number in JSON, or text such as "NaN".
    prefix : str
        Start of the keys of chunks, with its separator.
    separator : str
        Separator of the positions in the keys of chunks.
    """

    name: str
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    inner: tuple[int, ...]
    itemsize: int | None
    fill: Any
    prefix: str
    separator: str

    @classmethod
    def parse_v3(cls, name: str, metadata: Mapping[str, Any]) -> Self:
        """Read the metadata of zarr version 3.

        Raises
        ------
        ValueError, KeyError, TypeError
            If they are not those of an array in a regular grid of chunks.
        """
        grid, keys = metadata["chunk_grid"], metadata["chunk_key_encoding"]
        if grid["name"] != "regular" or keys["name"] not in ("default", "v2"):
            raise ValueError(f"'{name}' is not a regular grid of chunks")
        chunk = _sizes(grid["configuration"]["chunk_shape"], least=1)
        inner = chunk
        for codec in metadata["codecs"]:
            if isinstance(codec, Mapping) and codec["name"] == "sharding_indexed":
                inner = _sizes(codec["configuration"]["chunk_shape"], least=1)
        default = keys["name"] == "default"
        separator = (keys.get("configuration") or {}).get("separator", "/" if default else ".")
        return cls._checked(
            name,
            _sizes(metadata["shape"]),
            chunk,
            inner,
            _itemsize(metadata["data_type"]),
            metadata["fill_value"],
            f"c{separator}" if default else "",
            separator,
        )

    @classmethod
    def parse_v2(cls, name: str, metadata: Mapping[str, Any]) -> Self:
        """Read the metadata of zarr version 2; see `parse_v3`."""
        chunk = _sizes(metadata["chunks"], least=1)
        dtype = metadata["dtype"]
        plain = np.dtype(dtype if isinstance(dtype, str) else [tuple(field) for field in dtype])
        return cls._checked(
            name,
            _sizes(metadata["shape"]),
            chunk,
            chunk,
            None if plain.hasobject else plain.itemsize,
            metadata["fill_value"],
            "",
            metadata.get("dimension_separator") or ".",
        )

    @classmethod
    def _checked(cls, *values: Any) -> Self:
        layout = cls(*values)
        if layout.separator not in ("/", ".") or not len(layout.shape) == len(layout.chunk) == len(layout.inner):
            raise ValueError(f"'{layout.name}' has inconsistent metadata")
        if math.prod(layout.inner) * (layout.itemsize or 1) > MAX_CHUNK_BYTES or _padded(layout):
            raise ValueError(f"'{layout.name}' declares chunks {layout.inner} for shape {layout.shape}")
        return layout

    @property
    def fills_with_nan(self) -> bool:
        """Whether absent chunks are read as NaN."""
        if isinstance(self.fill, str) and self.fill.startswith("0x") and self.itemsize in (2, 4, 8):
            return bool(np.isnan(np.array(int(self.fill, 16), f"u{self.itemsize}").view(f"f{self.itemsize}")))
        return bool(self.fill == "NaN" or self.fill != self.fill)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of files along each dimension."""
        return tuple(-(-size // length) for size, length in zip(self.shape, self.chunk, strict=True))

    @property
    def decoded(self) -> int:
        """Largest number of bytes that is decoded at once."""
        return _bytes(self.inner, self.itemsize)

    def keys(self) -> Iterator[str]:
        """Yield the keys of all chunks."""
        place = f"{self.name}/" if self.name else ""
        if not self.shape:
            yield place + ("c" if self.prefix else "0")
            return
        for position in itertools.product(*map(range, self.grid)):
            yield place + self.prefix + self.separator.join(map(str, position))

    def size_faults(self, sizes: Mapping[str, int], what: str) -> list[str]:
        """Return the faults of an array whose files cannot hold it, or hold far more.

        Parameters
        ----------
        sizes : mapping of str to int
            Size of each file of the store in bytes.
        what : str
            Name of the array for messages.
        """
        held = [sizes[key] for key in self._there(sizes)]
        declared = _bytes(self.shape, self.itemsize)
        if self.itemsize is not None and declared > max(LARGE, MAX_COMPRESSION * sum(held)):
            return [
                f"{what} declares {self.shape} values, {declared / 1e6:.3g} MB, but only {sum(held)} bytes of them are "
                "stored: it was not written completely; copy or export it again"
            ]
        most = OVERHEAD + _bytes(self.chunk, self.itemsize) * 11 // 10
        most += 16 * math.prod(-(-size // length) for size, length in zip(self.chunk, self.inner, strict=True))
        if held and max(held) > most:
            return [f"{what} has a chunk of {max(held)} bytes, expected at most {most}: it is damaged; copy it again"]
        return []

    def unwritten(self, sizes: Mapping[str, int]) -> Unwritten | None:
        """Return the chunks without a file, or with an empty one; None if there are none."""
        there = self._there(sizes)
        total = math.prod(self.grid)
        if len(there) >= total:
            return None
        return Unwritten(total - len(there), total, next(key for key in self.keys() if key not in there))

    def _there(self, sizes: Mapping[str, int]) -> set[str]:
        """Return the keys of the chunks that have a file with content."""
        place = f"{self.name}/" if self.name else ""
        if not self.shape:
            return {key for key in self.keys() if sizes.get(key)}
        start, found = place + self.prefix, set()
        for key, size in sizes.items():
            if size and key.startswith(start):
                position = key[len(start) :].split(self.separator)
                if len(position) == len(self.grid) and all(map(_is_position, position, self.grid)):
                    found.add(key)
        return found


def _is_position(text: str, count: int) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text)) == text and int(text) < count


def _bytes(shape: Sequence[int], itemsize: int | None) -> int:
    return TEXT_BYTES if itemsize is None else math.prod(shape) * itemsize


def _padded(layout: ArrayLayout) -> bool:
    """Return whether chunks are far larger than the array."""
    size = layout.itemsize or 1
    return math.prod(layout.chunk) * size > max(MAX_PADDED_BYTES, 4 * math.prod(layout.shape) * size)


def _sizes(values: Any, least: int = 0) -> tuple[int, ...]:
    found = tuple(values)
    if len(found) > 32 or not all(type(size) is int and least <= size < 1 << 62 for size in found):
        raise ValueError(f"shape or chunks are {str(values)[:80]}")
    return found


def _itemsize(dtype: Any) -> int | None:
    """Return the bytes of a value of a data type of zarr version 3."""
    if isinstance(dtype, Mapping):
        length = dtype.get("configuration", {}).get("length_bytes", 8)
        if type(length) is not int or not 0 <= length < 1 << 31:
            raise ValueError(f"a data type has {length} bytes")
        return int(length)
    if dtype in ("string", "bytes", "variable_length_utf8", "variable_length_bytes"):
        return None
    return int(np.dtype(dtype).itemsize)

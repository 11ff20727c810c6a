"""Header of a netCDF file in its classic format, which xarray writes where no library for netCDF 4 is installed.

The header is parsed here, because the values are then mapped into memory without keeping the file open, and sizes are
checked before anything is read.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xrfsr.errors import InvalidInput

__all__ = ["ClassicVariable", "is_classic", "read_classic"]

MAGIC, VERSIONS = b"CDF", {1: "i", 2: "q", 5: "q"}
DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
TYPES = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: "u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8"}
MAX_HEADER_BYTES, MAX_ENTRIES, MAX_RANK = 1 << 24, 100_000, 32


@dataclass(frozen=True, slots=True)
class ClassicVariable:
    """Variable of a classic netCDF file.

    Attributes
    ----------
    dims : tuple of str
        Names of its dimensions.
    shape : tuple of int
        Lengths of its dimensions.
    dtype : dtype
        Number type with byte order; ``S1`` for text.
    offset : int
        Bytes before its first value.
    attrs : dict
        Attributes: text, numbers, or arrays of numbers.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    attrs: dict[str, Any]


def is_classic(path: Path) -> bool:
    """Return whether a file is netCDF in a classic format, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(4)
    return head[:3] == MAGIC and len(head) == 4 and head[3] in VERSIONS


class _Reader:
    """Header that is read from its beginning on."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 4
        version = content[3]
        self.size = "q" if version == 5 else "i"
        self.begin = VERSIONS[version]

    def number(self, code: str = "i") -> int:
        (found,) = struct.unpack_from(f">{code}", self.content, self.at)
        self.at += struct.calcsize(f">{code}")
        return int(found)

    def count(self, most: int = MAX_ENTRIES) -> int:
        found = self.number(self.size)
        if not 0 <= found <= most:
            raise ValueError(f"a count is {found}")
        return found

    def bytes(self, length: int) -> bytes:
        found = self.content[self.at : self.at + length]
        if len(found) < length:
            raise ValueError("its header is truncated")
        self.at += -(-length // 4) * 4  # padded to four bytes
        return found

    def text(self) -> str:
        return self.bytes(self.count(MAX_HEADER_BYTES)).decode("utf-8")

    def listed(self, tag: int) -> int:
        """Return the length of a list; an absent one has two zeros in place of its tag and length."""
        found, count = self.number(), self.count()
        if found != tag and (found, count) != (0, 0):
            raise ValueError(f"it has {found} in place of {tag}")
        return count

    def attributes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(self.listed(ATTRIBUTES)):
            name, kind = self.text(), self.number()
            count = self.count(MAX_HEADER_BYTES)
            dtype = np.dtype(TYPES[kind])
            raw = self.bytes(count * dtype.itemsize)
            if dtype.kind == "S":
                found[name] = raw.decode("utf-8", "replace")
            else:
                values = np.frombuffer(raw, dtype)
                found[name] = values.item() if values.size == 1 else values
        return found


def read_classic(path: Path) -> tuple[dict[str, ClassicVariable], dict[str, Any]]:
    """Return the variables of a file by name, and its attributes.

    Raises
    ------
    InvalidInput
        If the header is damaged, or a variable would end beyond the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        content = file.read(min(size, MAX_HEADER_BYTES))
    try:
        reader = _Reader(content)
        reader.number(reader.size)  # records
        dims = [(reader.text(), reader.count(1 << 62)) for _ in range(reader.listed(DIMENSIONS))]
        attrs = reader.attributes()
        variables = {}
        for _ in range(reader.listed(VARIABLES)):
            name, variable = _variable(reader, dims)
            variables[name] = variable
    except (IndexError, KeyError, UnicodeError, ValueError, struct.error) as error:
        raise InvalidInput(
            "file", [f"'{path}' has a header of netCDF that cannot be read ({error}): it is damaged; copy it again"]
        ) from error
    faults = [
        f"'{name}' in '{path}' declares {one.shape} values, which end beyond the {size} bytes of the file: it is "
        "truncated; copy or export it again"
        for name, one in variables.items()
        if one.offset < 0 or one.offset + one.dtype.itemsize * math.prod(one.shape) > size
    ]
    if faults:
        raise InvalidInput("file", faults)
    return variables, attrs


def _variable(reader: _Reader, dims: list[tuple[str, int]]) -> tuple[str, ClassicVariable]:
    name = reader.text()
    used = [dims[reader.number(reader.size)] for _ in range(reader.count(MAX_RANK))]
    attrs, kind = reader.attributes(), reader.number()
    reader.number(reader.size)  # its size in bytes, which follows from the shape
    offset = reader.number(reader.begin)
    # A dimension without a limit has the length zero, and its values lie between those of other variables.
    shape = tuple(length for _, length in used)
    return name, ClassicVariable(tuple(each for each, _ in used), shape, np.dtype(TYPES[kind]), offset, attrs)

"""Datamuncher's ``.dms``: two lines of text, raw numbers (channel, row, column), then one name a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["RawMaps", "describe"]

USES: frozenset[str] = frozenset()
MAX_LINE_BYTES = 200
MAX_NAME_BYTES = 1 << 20
# Looked at to tell the number type.
SAMPLE = 4096


@dataclass(frozen=True, slots=True)
class RawMaps:
    """Maps one after the other as plain numbers.

    Attributes
    ----------
    path : Path
    dtype : str
        As numpy spells it, with the order of the bytes.
    offset : int
        Bytes before the first map.
    shape : (int, int)
        Rows and columns.
    positions : tuple of int
        Of the maps in the file.
    """

    path: Path
    dtype: str
    offset: int
    shape: tuple[int, int]
    positions: tuple[int, ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        size = self.shape[0] * self.shape[1] * np.dtype(self.dtype).itemsize
        windows = []
        for number in maps:
            start = self.offset + self.positions[number] * size
            # Mapped, not read: a window of a large file touches its own pages alone.
            windows.append(np.array(np.memmap(self.path, self.dtype, "r", start, self.shape)[y, x]))
        return np.stack(windows)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """The maps of a ``.dms`` file.

    Raises
    ------
    InvalidInput
        If sizes and file do not fit, or naming every map that is none.
    """
    faults: list[str] = []
    with path.open("rb") as file:
        first, second = file.readline(MAX_LINE_BYTES), file.readline(MAX_LINE_BYTES)
        offset = file.tell()
        try:
            width, height, count = map(int, second.split())
        except ValueError:
            width = height = count = 0
        if not first.strip().isdigit() or min(width, height, count) < 1:
            raise InvalidInput(
                "file",
                [
                    f"'{path}' begins with {first[:40]!r} and {second[:40]!r}; a .dms file has the number of "
                    "dimensions in its first line and 'width height channels' in its second"
                ],
            )
        pixels, there = width * height * count, path.stat().st_size - offset
        # float32 by the rules; some programs write 64 bits under the same two lines.
        size = 8 * pixels if there >= 8 * pixels else 4 * pixels
        if there < size:
            raise InvalidInput(
                "file",
                [
                    f"'{path}' declares {count} maps of {height} x {width} pixels, {size} bytes, but has {there} after "
                    "its two lines: it is cut off, so copy or export it again"
                ],
            )
        if there - size > MAX_NAME_BYTES:
            raise InvalidInput(
                "file", [f"'{path}' has {there - size} bytes after its maps, far more than names; its sizes are wrong"]
            )
        sample = file.read(min(size, 8 * SAMPLE))
        file.seek(offset + size)
        names = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    if len(names) != count:
        raise InvalidInput("file", [f"'{path}' has {count} maps, but {len(names)} names after them: {names[:5]}"])
    chosen = select_maps(names, options.lines, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    warnings: tuple[str, ...] = ()
    dtype = f"<f{size // pixels}"
    if _holds_whole_numbers(np.frombuffer(sample, dtype)):
        dtype = dtype.replace("f", "i")
    if dtype != "<f4":
        warnings = (f"'{path}' holds {np.dtype(dtype).name} in place of float32 numbers; they are read as such",)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(height, width),
        intensity=RawMaps(path, dtype, offset, (height, width), tuple(chosen)),
        warnings=warnings,
    )


def _holds_whole_numbers(sample: NDArray[Any]) -> bool:
    """Whether bytes are whole numbers, which as floating ones would be closer to zero than any measurement."""
    used = sample[sample != 0]
    return bool(used.size) and bool((np.abs(used) < np.finfo(sample.dtype).tiny).all())

"""Reader of Datamuncher ``.dms``: two lines of text, raw values (channel, row, column), then one name per line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.readers.datamuncher_text import read_head
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.strangers import without_ratios

__all__ = ["RawMaps", "describe"]

OPTIONS: frozenset[str] = frozenset()
MAX_NAME_BYTES = 1 << 20
# Values that are read to detect the number type.
SAMPLE = 4096


@dataclass(frozen=True, slots=True)
class RawMaps:
    """Consecutive maps of raw values.

    Attributes
    ----------
    path : Path
        File that holds the maps.
    dtype : str
        Numpy dtype with byte order.
    offset : int
        Bytes before the first map.
    shape : (int, int)
        Number of rows and columns.
    positions : tuple of int
        Positions of the maps in the file.
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
            # Memory-mapped, so that a window of a large file reads only its own pages.
            windows.append(np.array(np.memmap(self.path, self.dtype, "r", start, self.shape)[y, x]))
        return np.stack(windows)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of a ``.dms`` file.

    Raises
    ------
    InvalidInput
        If the declared sizes do not match the file, or a name is not a known line.
    """
    faults: list[str] = []
    width, height, count, offset = read_head(path)
    with path.open("rb") as file:
        file.seek(offset)
        pixels, there = width * height * count, path.stat().st_size - offset
        # The format is float32, but some programs write 64-bit values after the same two lines.
        size = 8 * pixels if there >= 8 * pixels else 4 * pixels
        if there < size:
            raise InvalidInput(
                "file",
                [
                    f"'{path}' declares {count} maps of {height} x {width} pixels, {size} bytes, but contains {there} "
                    "after its first two lines: it is truncated; copy or export it again"
                ],
            )
        if there - size > MAX_NAME_BYTES:
            raise InvalidInput(
                "file",
                [
                    f"'{path}' has {there - size} bytes after its maps, too many for names: its declared sizes are "
                    "wrong; export it again"
                ],
            )
        sample = file.read(min(size, 8 * SAMPLE))
        file.seek(offset + size)
        names = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    if len(names) != count:
        raise InvalidInput(
            "file", [f"'{path}' has {count} maps, but {len(names)} names after them: {names[:5]}; export it again"]
        )
    maps, warnings = without_ratios(names, path)
    chosen = [maps[at] for at in select_maps([names[at] for at in maps], options.lines, path, faults)]
    if faults:
        raise InvalidInput("file", faults)
    dtype = f"<f{size // pixels}"
    if _holds_integers(np.frombuffer(sample, dtype)):
        dtype = dtype.replace("f", "i")
    if dtype != "<f4":
        warnings += (f"'{path}' contains {np.dtype(dtype).name} instead of float32 values, and is read accordingly",)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(height, width),
        intensity=RawMaps(path, dtype, offset, (height, width), tuple(chosen)),
        warnings=warnings,
    )


def _holds_integers(sample: NDArray[Any]) -> bool:
    """Return whether bytes are integers, which as floating-point values would be smaller than any measurement."""
    used = sample[sample != 0]
    return bool(used.size) and bool((np.abs(used) < np.finfo(sample.dtype).tiny).all())

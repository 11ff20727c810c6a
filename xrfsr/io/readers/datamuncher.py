"""Reader of Datamuncher ``.dms``: two lines of text, raw values (channel, row, column), then one name per line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.readers.datamuncher_text import read_head
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.strangers import select_known

__all__ = ["RawMaps", "describe"]

OPTIONS: frozenset[str] = frozenset()
MAX_NAME_BYTES = 1 << 20
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1b]")  # bytes of values, which no name has
# Values that are read to detect the number type, in each of several places.
SAMPLE, BLOCKS = 1024, 8
# Sizes of measured values, and the size below which whole numbers appear if they are read as floating-point ones.
USUAL_SIZES, MEANINGLESS = (1e-9, 1e9), 1e-30
# Share of the values of a sample that have to agree, and the different values that prove another byte order.
MOST, DISTINCT = 0.95, 4


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
        If the declared sizes do not match the file, its values are big-endian or no measurements, or a name is not a
        known line.
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
        sample = b""
        for block in range(BLOCKS):
            # Dark edges may be all zero, so that values are taken from the whole file.
            file.seek(offset + block * (pixels // BLOCKS) * (size // pixels))
            sample += file.read(min(pixels // BLOCKS or pixels, SAMPLE) * (size // pixels))
            if pixels < BLOCKS:
                break
        file.seek(offset + size)
        after = file.read()
        names = [line.strip() for line in after.decode("utf-8", "replace").splitlines() if line.strip()]
    if CONTROL.search(after) or (len(names) == count and "\ufffd" in names[0]):
        raise InvalidInput(
            "file",
            [
                f"'{path}' declares {count} maps of {height} x {width} pixels, {size} bytes, but has more values "
                f"before their names: {len(after)} bytes follow the maps; its declared sizes are wrong: export it again"
            ],
        )
    if len(names) != count:
        raise InvalidInput(
            "file", [f"'{path}' has {count} maps, but {len(names)} names after them: {names[:5]}; export it again"]
        )
    chosen, warnings = select_known(names, options.lines, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    with np.errstate(invalid="ignore"):  # which some kinds of NaN cause
        dtype = _number_type(np.frombuffer(sample, f"<f{size // pixels}"), path)
    if dtype != "<f4":
        warnings += (f"'{path}' contains {np.dtype(dtype).name} instead of float32 values, and is read accordingly",)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(height, width),
        intensity=RawMaps(path, dtype, offset, (height, width), tuple(chosen)),
        warnings=warnings,
    )


def _number_type(sample: NDArray[Any], path: Path) -> str:
    """Return the dtype of values that are floating-point numbers if the file obeys its format.

    Raises
    ------
    InvalidInput
        If the values have the other byte order, or mean nothing in any number type.
    """
    used = sample[sample != 0]
    size = sample.dtype.itemsize
    if not used.size or _share_usual(used) >= MOST:
        return f"<f{size}"
    if _is_big_endian(used):
        raise InvalidInput(
            "file",
            [
                f"'{path}' contains numbers with the most significant byte first (big-endian); expected the least "
                "significant byte first: export it again as little-endian float32"
            ],
        )
    whole = used.view(f"<i{size}")
    # Whole numbers are far below any measurement; small negative ones are NaN, but not the one that processors make.
    positive = (np.abs(used) < MEANINGLESS) & (whole > 0)
    negative = np.isnan(used) & (whole < 0) & (whole > -(1 << (22 if size == 4 else 51)))
    if positive.any() and (positive | negative).all():
        return f"<i{size}"
    finite = used[np.isfinite(used)]
    if np.count_nonzero(np.abs(finite) < MEANINGLESS) > finite.size / 2:
        raise InvalidInput(
            "file",
            [
                f"'{path}' contains neither float32 nor float64 values, nor integers of these sizes: most are below "
                f"{MEANINGLESS:g} or no number; export it again as little-endian float32"
            ],
        )
    return f"<f{size}"


def _share_usual(values: NDArray[Any]) -> float:
    """Return the share of different values that have the size of a measurement, without zero and the largest one."""
    # The largest one may mean "no data".
    sizes = np.unique(np.abs(values[np.isfinite(values) & (values != 0)]))
    sizes = sizes[:-1] if sizes.size > 1 else sizes
    return float(np.mean((sizes > USUAL_SIZES[0]) & (sizes < USUAL_SIZES[1]))) if sizes.size else 0.0


def _is_big_endian(used: NDArray[Any]) -> bool:
    """Return whether values that look unusual are measurements in the other byte order."""
    size = used.dtype.itemsize
    turned, whole = used.byteswap(), used.view(f"<i{size}")
    # Small whole numbers in the right order could be powers of two in the other one.
    if np.unique(whole).size < DISTINCT or np.mean(np.abs(whole.astype(np.float64)) > 255) <= 0.5:
        return False
    counts = np.abs(turned.view(whole.dtype).astype(np.float64))
    return _share_usual(turned) >= MOST or bool((counts < 1 << (24 if size == 4 else 40)).all())

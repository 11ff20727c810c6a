"""Reader of Datamuncher ``.ims``, the twin of ``.dms`` with its values as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.strangers import select_known

__all__ = ["TextMaps", "describe", "read_head"]

OPTIONS: frozenset[str] = frozenset()
MAX_LINE_BYTES, MAX_NAME_BYTES = 200, 1 << 20
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TextMaps:
    """Consecutive maps of numbers in text.

    Attributes
    ----------
    path : Path
        File that holds the maps.
    offset : int
        Bytes before the first number.
    shape : (int, int)
        Number of rows and columns.
    positions : tuple of int
        Positions of the maps in the file.
    """

    path: Path
    offset: int
    shape: tuple[int, int]
    positions: tuple[int, ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps by reading the text up to the last of them; see `xrfsr.io.source.Source`."""
        wanted = [self.positions[number] for number in maps]
        size = self.shape[0] * self.shape[1]
        found: dict[int, NDArray[np.float32]] = {}
        at, part = 0, np.empty(size, np.float32)
        for values in _numbers(self.path, self.offset):
            while values.size and len(found) < len(set(wanted)):
                number, start = divmod(at, size)
                taken = values[: size - start]
                values, at = values[taken.size :], at + taken.size
                if number in wanted:
                    part[start : start + taken.size] = taken
                    if start + taken.size == size:
                        found[number] = part.reshape(self.shape)[y, x].copy()
            if len(found) == len(set(wanted)):
                return np.stack([found[number] for number in wanted])
        raise InvalidInput("file", [f"'{self.path}' ends after {at} values; it is truncated: copy or export it again"])


def _numbers(path: Path, offset: int) -> Iterator[NDArray[np.float32]]:
    """Yield the numbers of a file in blocks."""
    rest = b""
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(BLOCK_BYTES):
            whole, rest = rest + block, b""
            if not block[-1:].isspace():
                cut = max(whole.rfind(each) for each in (b" ", b"\n", b"\t", b"\r"))
                whole, rest = whole[: cut + 1], whole[cut + 1 :]
            yield from _parsed(whole, path)
        yield from _parsed(rest, path)


def _parsed(text: bytes, path: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the numbers of a text up to the first word that is none, which begins the names."""
    words = text.split()
    try:
        with np.errstate(over="ignore"):
            yield np.array(words, dtype=np.bytes_).astype(np.float64).astype(np.float32)
    except ValueError:
        for count, word in enumerate(words):
            try:
                float(word)
            except ValueError:
                with np.errstate(over="ignore"):
                    yield np.array([float(each) for each in words[:count]]).astype(np.float32)
                raise InvalidInput(
                    "file",
                    [
                        f"'{path}' has {word[:40].decode('utf-8', 'replace')!r} among its values; it is truncated or "
                        "damaged: copy or export it again"
                    ],
                ) from None


def read_head(path: Path) -> tuple[int, int, int, int]:
    """Return width, height, number of maps, and the bytes before the values, from the two lines of a header.

    Raises
    ------
    InvalidInput
        If the file does not begin with such lines.
    """
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
                f"'{path}' begins with {first[:40]!r} and {second[:40]!r}; expected the number of dimensions, and "
                "'width height channels' in the second line: export it again"
            ],
        )
    return width, height, count, offset


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of an ``.ims`` file.

    Raises
    ------
    InvalidInput
        If the declared sizes do not match the file, or a name is not a known line.
    """
    faults: list[str] = []
    width, height, count, offset = read_head(path)
    pixels, there = width * height * count, path.stat().st_size - offset
    if there < 2 * pixels:
        raise InvalidInput(
            "file",
            [
                f"'{path}' declares {count} maps of {height} x {width} pixels, but contains {there} bytes after its "
                "first two lines: it is truncated; copy or export it again"
            ],
        )
    names, end = _names(path, count)
    if (found := _count(path, offset, end)) != pixels:
        wrong = "it is truncated" if found < pixels else "its declared sizes are wrong"
        raise InvalidInput(
            "file",
            [
                f"'{path}' declares {count} maps of {height} x {width} pixels, {pixels} values, but contains {found}: "
                f"{wrong}; copy or export it again"
            ],
        )
    chosen, warnings = select_known(names, options.lines, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(height, width),
        intensity=TextMaps(path, offset, (height, width), tuple(chosen)),
        warnings=warnings,
    )


def _names(path: Path, count: int) -> tuple[list[str], int]:
    """Return the last lines of the file, which are the names, and the bytes before them."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - MAX_NAME_BYTES))
        lines = file.read().splitlines(keepends=True)
    filled = [at for at, line in enumerate(lines) if line.strip()]
    named = filled[-count:]
    names = [lines[at].decode("utf-8", "replace").strip() for at in named]
    numbers = [name for name in names if _is_number(name.split()[0])]
    before = lines[filled[-count - 1]].split()[-1] if len(filled) > count else b"0"
    if len(names) < count or numbers or not _is_number(before):
        raise InvalidInput(
            "file", [f"'{path}' has {count} maps, but not as many names after them: {names[-5:]}; export it again"]
        )
    return names, size - sum(map(len, lines[named[0] :]))


def _count(path: Path, start: int, stop: int) -> int:
    """Return the number of words between two positions of a file."""
    count, in_word = 0, False
    with path.open("rb") as file:
        file.seek(start)
        while start < stop and (block := file.read(min(BLOCK_BYTES, stop - start))):
            start += len(block)
            filled = np.frombuffer(block, np.uint8) > ord(" ")
            count += int(np.count_nonzero(filled[1:] > filled[:-1])) + int(filled[0] and not in_word)
            in_word = bool(filled[-1])
    return count


def _is_number(word: str | bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

"""Lines of a table with one pixel each, in any order: positions of the pixels, and the decimal mark of the values."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.readers.text_cells import Grouping
from xrfsr.utils.describe import listing

__all__ = ["MAX_LINE_BYTES", "TableLayout", "pixel_faults", "table_layout"]

MAX_LINE_BYTES = 1 << 16
MAX_SIDE = 1 << 31  # rows or columns, so that a row times the columns is a 64-bit integer
POINT = re.compile(rb"\d\.\d")
SHOWN = 3  # pixels that a message names


@dataclass(frozen=True, slots=True)
class TableLayout:
    """How the pixels of a table are arranged.

    Attributes
    ----------
    shape : (int, int)
        Number of rows and columns of the maps.
    decimal : {".", ","}
        Decimal mark of the values.
    """

    shape: tuple[int, int]
    decimal: str = "."


def table_layout(path: Path, separator: str | None, count: int) -> TableLayout:
    """Return the layout of a table from the row and column of every line, without parsing the values.

    Parameters
    ----------
    path : Path
        File that holds the table, with names in its first line.
    separator : str or None
        Separator of the fields; None for blanks.
    count : int
        Number of fields in a line.

    Raises
    ------
    InvalidInput
        If a line is no pixel, pixels are missing or there more than once, or the decimal mark is ambiguous.
    """
    rows, columns, numbers = array("q"), array("q"), array("q")
    commas, points = 0, 0  # lines that have them first
    grouping = Grouping(",")
    mark = separator.encode() if separator else None
    for number, line in _lines(path, mark):
        if line.count(mark) + 1 < count if mark else len(line.split()) < count:
            raise _fault(
                path, number, line, f"has too few values: the first line has {count} names; the file is truncated"
            )
        first, second, rest = line.split(mark, 2)
        row, column = _position(first), _position(second)
        if not (0 <= row < MAX_SIDE and 0 <= column < MAX_SIDE):
            raise _fault(path, number, line, "does not begin with a row and a column, whole numbers from 0 on")
        rows.append(row)
        columns.append(column)
        numbers.append(number)
        if separator != ",":
            if b"," in rest:
                commas = commas or number
                grouping.add(rest.decode("latin-1"), separator)
            if not points and POINT.search(rest):
                points = number
    if commas and points:
        raise InvalidInput(
            "file",
            [
                f"'{path}' has decimal commas (line {commas}) and points (line {points}), so a program that expects "
                "the one has changed some of the numbers; export it again"
            ],
        )
    if grouping.is_possible:
        raise InvalidInput(
            "file",
            [
                f"'{path}' has numbers such as {grouping.example!r}, in which ',' may separate thousands or decimals; "
                "export it without thousands separators"
            ],
        )
    shape = (max(rows, default=-1) + 1, max(columns, default=-1) + 1)
    if faults := pixel_faults(rows, columns, shape, path, numbers):
        raise InvalidInput("file", faults)
    return TableLayout(shape, "," if commas else ".")


def pixel_faults(
    rows: ArrayLike, columns: ArrayLike, shape: tuple[int, int], path: Path, numbers: ArrayLike | None = None
) -> list[str]:
    """Return the faults of the positions of pixels, each of which has to be there once.

    Parameters
    ----------
    rows, columns : array of int
        Position of each pixel.
    shape : (int, int)
        Number of rows and columns.
    path : Path
        File named in messages.
    numbers : array of int, optional
        Line of each pixel in the file.
    """
    if not min(shape):
        return [f"'{path}' contains no pixel; export it again"]
    found = np.asarray(rows, np.int64) * shape[1] + np.asarray(columns, np.int64)
    order = np.argsort(found, kind="stable")
    keys, starts, counts = np.unique(found[order], return_index=True, return_counts=True)
    faults = []
    if len(keys) < len(found):
        twice = np.flatnonzero(counts > 1)
        listed = []
        for at in twice[:SHOWN]:
            lines = order[starts[at] : starts[at] + counts[at]]
            where = "" if numbers is None else f" (lines {listing(map(str, np.asarray(numbers)[lines[:SHOWN]]))})"
            listed.append(f"{_named(int(keys[at]), shape[1])}{where}")
        faults.append(_counted(path, "there more than once", len(twice), listed, shape))
    if missing := shape[0] * shape[1] - len(keys):
        listed = [_named(key, shape[1]) for key in _missing(keys, missing)]
        faults.append(_counted(path, "missing", missing, listed, shape))
    if faults:
        faults[-1] += "; export it again"
    return faults


def _lines(path: Path, separator: bytes | None) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of values with their numbers; those of separators alone end a table of a spreadsheet."""
    blank = b" \t\r\n" + (separator or b"")
    number = 1
    with path.open("rb") as file:
        file.readline(MAX_LINE_BYTES)
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            if b"\0" in line:
                raise InvalidInput(
                    "file", [f"'{path}' contains null characters, so it is no text or has gaps; export it again"]
                )
            if line.strip(blank):
                yield number, line


def _position(cell: bytes) -> int:
    """Return a row or a column, and -1 for what is none."""
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        value = float(cell.strip(b' \t"').replace(b",", b"."))
    except ValueError:
        return -1
    return int(value) if value.is_integer() else -1


def _missing(keys: NDArray[np.int64], count: int) -> list[int]:
    """Return the first of `count` numbers from 0 on that are not among ascending ones."""
    before = keys - np.arange(len(keys))  # missing numbers below each key
    return [number + int(np.searchsorted(before, number, "right")) for number in range(min(count, SHOWN))]


def _named(key: int, width: int) -> str:
    return f"row {key // width}, column {key % width}"


def _counted(path: Path, what: str, count: int, listed: list[str], shape: tuple[int, int]) -> str:
    some = "such as " if count > len(listed) else ""
    return (
        f"'{path}': {count} of the pixels of {shape[0]} rows and {shape[1]} columns "
        f"{'is' if count == 1 else 'are'} {what}: {some}{'; '.join(listed)}"
    )


def _fault(path: Path, number: int, line: bytes, what: str) -> InvalidInput:
    return InvalidInput(
        "file",
        [f"line {number} of '{path}', {line[:40].decode('utf-8', 'replace').strip()!r}, {what}; export it again"],
    )

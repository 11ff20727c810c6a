"""Reader of maps as matrices of numbers in text: one row of the map a line, without a header.

XMapTools, PyXRF, AZtec, Esprit, ImageJ and most programs of microprobes write these, with tabs, blanks, commas or
semicolons between the numbers, and sometimes one after the last. Commas are decimal where they cannot be separators.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput

__all__ = ["MatrixLayout", "TextMatrices", "matrix_layout"]

COMMENTS = ("#", "%", "!")
SEPARATORS = (";", "\t", ",")
LEADING = re.compile(r"(\d{1,9})[ \t]*[ \t,;]")
LEAST_COUNTED = 4  # so many numbers in a row are no coincidence
ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, slots=True)
class MatrixLayout:
    """How the numbers of a text are arranged.

    Attributes
    ----------
    shape : (int, int)
        Number of rows and columns.
    separator : str or None
        Character between numbers; None for blanks and tabs in any number.
    decimal_comma : bool
        Whether commas are decimal.
    encoding : str
        Encoding of the text.
    """

    shape: tuple[int, int]
    separator: str | None
    decimal_comma: bool
    encoding: str


@dataclass(frozen=True, slots=True)
class TextMatrices:
    """Maps in text files.

    Attributes
    ----------
    files : tuple of Path
        File of each map.
    """

    files: tuple[Path, ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps by reading whole files; see `xrfsr.io.source.Source`."""
        return np.stack([_read(self.files[number])[y, x] for number in maps])


def matrix_layout(path: Path) -> MatrixLayout:
    """Return the layout of a text from its first row and the number of its lines, without parsing the values.

    Raises
    ------
    InvalidInput
        If the first line is not numbers.
    """
    encoding = _encoding(path)
    rows, first, number, commas, numbered = 0, "", 0, False, True
    for at, line in enumerate(_lines(path, encoding), start=1):
        if line and not line.startswith(COMMENTS):
            if not rows:
                first, number = line, at
            numbered = numbered and (count := _leading(line)) in (rows, rows + 1) and count == rows + _leading(first)
            rows += 1
            commas = commas or "," in line
    if not rows:
        raise InvalidInput("file", [f"'{path}' contains no numbers; export it again"])
    for separator in (*SEPARATORS, None):
        decimal_comma = commas and separator != ","
        values = _values(first, separator, decimal_comma)
        if values is None or (separator is not None and len(values) == 1):
            continue
        if 2 * rows * len(values) - 1 > path.stat().st_size:
            raise InvalidInput(
                "file",
                [
                    f"'{path}' has {rows} lines, of which the first has {len(values)} numbers, too many for "
                    f"{path.stat().st_size} bytes: its lines differ in length; export it again"
                ],
            )
        if (numbered and rows >= LEAST_COUNTED) or _counts(values):
            what = "column counts the rows" if numbered and rows >= LEAST_COUNTED else "line counts the columns"
            raise InvalidInput(
                "file",
                [f"'{path}' is no plain matrix, because its first {what}; export the values alone"],
            )
        return MatrixLayout((rows, len(values)), separator, decimal_comma, encoding)
    raise InvalidInput(
        "file",
        [
            f"line {number} of '{path}' is {first[:60]!r}, expected one row of a map, numbers without names: remove "
            "the header and the names of rows, or export the plain matrix"
        ],
    )


def _leading(line: str) -> int:
    """Return the whole number with which a line of several numbers begins, or -1."""
    match = LEADING.match(line)
    return int(match[1]) if match else -1


def _counts(values: Sequence[float]) -> bool:
    """Return whether numbers count from 0 or 1, as in a header."""
    return len(values) >= LEAST_COUNTED and values[0] in (0, 1) and all(b - a == 1 for a, b in pairwise(values))


def _values(line: str, separator: str | None, decimal_comma: bool) -> list[float] | None:
    """Return the numbers of a line, or None if they are none."""
    words = _words(line, separator)
    try:
        return [float(word.replace(",", ".") if decimal_comma else word) for word in words] or None
    except ValueError:
        return None


def _words(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    return line.removesuffix(separator).split(separator)


def _read(path: Path) -> NDArray[np.float32]:
    layout = matrix_layout(path)
    values = np.empty(layout.shape, np.float32)
    row = 0
    with np.errstate(over="ignore"):
        for number, line in enumerate(_lines(path, layout.encoding), start=1):
            if not line or line.startswith(COMMENTS):
                continue
            words = _words(line.replace(",", ".") if layout.decimal_comma else line, layout.separator)
            if len(words) != layout.shape[1]:
                raise InvalidInput(
                    "file",
                    [
                        f"line {number} of '{path}' has {len(words)} numbers, but the first {layout.shape[1]}; it is "
                        "damaged: export it again"
                    ],
                )
            try:
                values[row] = np.array(words, dtype=np.float64)
            except ValueError as error:
                raise InvalidInput(
                    "file", [f"line {number} of '{path}' has a value that is not a number ({error}); export it again"]
                ) from error
            row += 1
    return values


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in ENCODINGS.items() if head.startswith(mark)), "latin-1")


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a text without blanks at their ends.

    Raises
    ------
    InvalidInput
        If the file is no text.
    """
    try:
        with path.open(encoding=encoding) as file:
            for line in file:
                if "\0" in line:
                    raise InvalidInput(
                        "file", [f"'{path}' contains null characters, so it is no text or has gaps; export it again"]
                    )
                yield line.replace('"', "").strip(" \r\n")
    except UnicodeError as error:
        raise InvalidInput("file", [f"'{path}' is no text ({error}); export it again"]) from error

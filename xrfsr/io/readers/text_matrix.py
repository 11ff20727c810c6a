"""Reader of maps as matrices of numbers in text: one row of the map a line, without a header.

XMapTools, PyXRF, AZtec, Esprit, ImageJ and most programs of microprobes write these, with tabs, blanks, commas or
semicolons between the numbers, and sometimes one after the last. Commas are decimal where they cannot be separators.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.readers.text_axes import Axis, axes, counts, is_table
from xrfsr.io.readers.text_cells import (
    Grouping,
    has_decimal_comma,
    has_long_number,
    is_comment,
    is_number,
    number,
    words,
)

__all__ = ["MatrixLayout", "TextMatrices", "matrix_layout"]

SEPARATORS = (";", "\t", ",", None)
COLUMNS_OF_TABLES = range(3, 9)
ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, slots=True)
class MatrixLayout:
    """How the numbers of a text are arranged.

    Attributes
    ----------
    shape : (int, int)
        Number of rows and columns.
    separator : str or None
        Character between numbers; None for blanks and tabs in any number. Commas are decimal if they do not separate.
    quoted_decimals : bool
        Whether commas in quotes are decimal where commas separate.
    encoding : str
        Encoding of the text.
    axes : tuple of Axis
        What may be an axis, and is one if all texts of a folder have it.
    """

    shape: tuple[int, int]
    separator: str | None
    quoted_decimals: bool
    encoding: str
    axes: tuple[Axis, ...] = ()

    def words(self, line: str) -> list[str]:
        """Return the cells of a line, with points for decimal commas, and without the end after a last separator."""
        cells = words(line, self.separator, self.quoted_decimals)
        if len(cells) == self.shape[1] + 1 and not cells[-1].strip():
            cells.pop()
        return cells if self.separator == "," else [cell.replace(",", ".") for cell in cells]


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
    """Return the layout of a text from its first row, its first columns and the number of its lines.

    Raises
    ------
    InvalidInput
        If the first line is not numbers, the numbers may have separators of thousands, or the text is a table.
    """
    encoding = _encoding(path)
    separator, width, rows, open_end, quoted_decimals = None, 0, 0, True, False
    lines: list[str] = []
    heads: list[list[str]] = []
    groupings: list[Grouping] = []
    for number_of_line, line in _rows(path, encoding):
        if not rows:
            separator = _separator(line, number_of_line, path)
            groupings = [Grouping(mark) for mark in ",." if mark != separator]
        if not rows or (open_end and separator is not None and not line.endswith(separator)):
            # Lines without a separator at their end show whether others have one after the last number.
            cells = words(line, separator)
            open_end = separator is not None and line.endswith(separator)
            width = len(cells) - open_end
        for grouping in groupings:
            grouping.add(line, separator)
        if separator == "," and '"' in line:
            quoted_decimals = quoted_decimals or has_decimal_comma(line)
            heads.append(words(line, separator)[:2])
        else:
            heads.append(line.replace('"', "").split(separator, 2)[:2])
        lines += [line] if rows < 2 else []
        rows += 1
    if not rows:
        raise InvalidInput("file", [f"'{path}' contains no numbers; export it again"])
    if rows * width - 1 > path.stat().st_size:
        raise InvalidInput(
            "file",
            [
                f"'{path}' has {rows} lines, of which the first has {width} numbers, too many for "
                f"{path.stat().st_size} bytes: its lines differ in length; export it again"
            ],
        )
    layout = MatrixLayout((rows, width), separator, quoted_decimals, encoding)
    _check_thousands(path, encoding, groupings)
    first, *second = [_numbers(layout.words(line)) for line in lines]
    columns = [_numbers([_at(head, at).replace(",", ".") for head in heads]) for at in range(min(width, 2))]
    for what, edge in (("line counts the columns", first), ("column counts the rows", columns[0])):
        if counts(edge) and (edge is first or width > 1):
            raise InvalidInput(
                "file", [f"'{path}' is no plain matrix, because its first {what}; export the values alone"]
            )
    if width in COLUMNS_OF_TABLES and is_table(_values(path, layout)):
        raise InvalidInput(
            "file",
            [
                f"'{path}' is a table with one pixel per line, because two of its columns are the positions of a grid; "
                "expected one row of the map per line: pivot the table, for example with pandas, "
                "table.pivot(index='y', columns='x', values='value').to_csv(path, header=False, index=False)"
            ],
        )
    return replace(layout, axes=axes([first, *second], columns))


def _separator(line: str, number_of_line: int, path: Path) -> str | None:
    """Return the separator with which a line is numbers."""
    for separator in SEPARATORS:
        cells = words(line.removesuffix(separator) if separator else line, separator)
        if (separator is None or len(cells) > 1) and all(map(is_number, cells)):
            return separator
    raise InvalidInput(
        "file",
        [
            f"line {number_of_line} of '{path}' is {line[:60]!r}, expected one row of a map, numbers without names: "
            "remove the header and the names of rows, or export the plain matrix"
        ],
    )


def _check_thousands(path: Path, encoding: str, groupings: Sequence[Grouping]) -> None:
    for grouping in groupings:
        if grouping.is_possible and not any(has_long_number(line) for _, line in _rows(path, encoding)):
            raise InvalidInput(
                "file",
                [
                    f"'{path}' has numbers such as {grouping.example!r}, in which {grouping.mark!r} may separate "
                    "thousands or decimals; export it without thousands separators, and all numbers with the same "
                    "number of decimals"
                ],
            )


def _numbers(cells: Sequence[str]) -> list[float]:
    """Return the numbers of cells, with NaN for those that are none, which reading names."""
    found = []
    for cell in cells:
        try:
            found.append(number(cell))
        except ValueError:
            found.append(float("nan"))
    return found


def _at(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


def _read(path: Path) -> NDArray[np.float32]:
    return _values(path, matrix_layout(path))


def _values(path: Path, layout: MatrixLayout) -> NDArray[np.float32]:
    values = np.empty(layout.shape, np.float32)
    with np.errstate(over="ignore"):
        for row, (number_of_line, line) in enumerate(_rows(path, layout.encoding)):
            cells = layout.words(line)
            if len(cells) != layout.shape[1]:
                raise InvalidInput(
                    "file",
                    [
                        f"line {number_of_line} of '{path}' has {len(cells)} numbers, but the first {layout.shape[1]}; "
                        "it is damaged: export it again"
                    ],
                )
            try:
                values[row] = _parsed(cells)
            except ValueError as error:
                raise InvalidInput(
                    "file",
                    [f"line {number_of_line} of '{path}' has a value that is not a number ({error}); export it again"],
                ) from error
    return values


def _parsed(cells: list[str]) -> NDArray[np.float64]:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:  # some may be missing
        return np.array([number(cell) for cell in cells])


def _rows(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield the rows of a matrix with the numbers of their lines."""
    for at, line in enumerate(_lines(path, encoding), start=1):
        plain = line.replace('"', "").strip(" ")
        if plain and not is_comment(plain):
            yield at, line


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
                yield line.strip(" \r\n")
    except UnicodeError as error:
        raise InvalidInput("file", [f"'{path}' is no text ({error}); export it again"]) from error

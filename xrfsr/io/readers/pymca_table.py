"""Reader of PyMca tables, ``.csv`` and ``.dat``: one line per pixel that begins with its row and column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.partial import partial_source
from xrfsr.io.selection import select_columns
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["TableMaps", "describe"]

OPTIONS = frozenset({"quantity"})
SEPARATORS = (";", ",", "\t")
MAX_LINE_BYTES = 1 << 16
BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class TableMaps:
    """Maps in the columns of a table.

    Attributes
    ----------
    path : Path
        File that holds the table.
    separator : str
        Separator of the fields; a regular expression if it is longer than one character.
    shape : (int, int)
        Number of rows and columns of the maps.
    columns : tuple of int
        Columns of the table that hold the maps.
    """

    path: Path
    separator: str
    shape: tuple[int, int]
    columns: tuple[int, ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps by reading the whole table; see `xrfsr.io.source.Source`."""
        import pandas as pd

        wanted = [self.columns[number] for number in maps]
        try:
            table = pd.read_csv(
                self.path,
                sep=self.separator,
                header=None,
                skiprows=1,
                usecols=sorted({0, 1, *wanted}),
                dtype=np.float64,
                skipinitialspace=True,
                encoding_errors="replace",
            )
        except (ValueError, IndexError) as error:  # pandas' own errors are ValueErrors
            reason = str(error).split("\n")[0]
            raise InvalidInput(
                "file", [f"'{self.path}' contains a value that is not a number ({reason}); export it again"]
            ) from error
        pixels = np.full((len(wanted), *self.shape), np.nan, np.float32)
        row, column = table[0].to_numpy(), table[1].to_numpy()
        inside = (row >= 0) & (row < self.shape[0]) & (column >= 0) & (column < self.shape[1])
        rows, columns = row[inside].astype(np.intp), column[inside].astype(np.intp)
        seen = np.zeros(self.shape, bool)
        seen[rows, columns] = True
        if not inside.all() or len(row) != seen.sum() or not seen.all():
            raise InvalidInput(
                "file",
                [
                    f"'{self.path}' must contain each pixel of {self.shape[0]} rows and {self.shape[1]} columns once; "
                    "export it again"
                ],
            )
        with np.errstate(over="ignore"):
            for number, position in enumerate(wanted):
                pixels[number, rows, columns] = table[position].to_numpy()
        return pixels[:, y, x]


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of a table; columns ``s(Fe_Ka)`` are uncertainties, ``w(Fe_Ka)`` mass fractions.

    Raises
    ------
    InvalidInput
        If the file is not such a table, or the name of a column is not a known line.
    """
    faults: list[str] = []
    separator, header = _header(path)
    shape = _shape(path, separator)
    columns = select_columns(["", "", *header[2:]], options, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=columns.names,
        shape=shape,
        intensity=TableMaps(path, separator, shape, columns.maps),
        uncertainty=partial_source(
            lambda there: TableMaps(path, separator, shape, there), columns.uncertainties, shape
        ),
        units=columns.units,
        warnings=columns.warnings,
    )


def _header(path: Path) -> tuple[str, list[str]]:
    """Return the separator of the fields, and the names in the first line."""
    with path.open("rb") as file:
        first = file.readline(MAX_LINE_BYTES).decode("utf-8", "replace").strip("\ufeff\r\n ")
    for separator in SEPARATORS:
        fields = [field.strip() for field in next(csv.reader([first], delimiter=separator), [])]
        if fields[:2] == ["row", "column"] and len(fields) > 2:
            return separator, fields
    fields = first.split()
    if fields[:2] == ["row", "column"] and len(fields) > 2:
        return r"\s+", fields
    raise InvalidInput(
        "file",
        [
            f'\'{path}\' begins with {first[:60]!r}; expected "row";"column" and the names of the maps, as in a table '
            "of PyMca; if it is the matrix of one map, name it after its line and pass the folder that contains it"
        ],
    )


def _shape(path: Path, separator: str) -> tuple[int, int]:
    """Return rows and columns of the maps from the last line and the number of lines, without parsing the values."""
    lines, last = 0, b""
    with path.open("rb") as file:
        file.readline(MAX_LINE_BYTES)
        while block := file.read(BLOCK_BYTES):
            if b"\0" in block:
                raise InvalidInput(
                    "file", [f"'{path}' contains null characters, so it is no text or has gaps; export it again"]
                )
            lines += block.count(b"\n")
            last = (last + block)[-MAX_LINE_BYTES:]
    # The last line of values may lack a line end, or be followed by empty lines.
    lines += 1 - last[len(last.rstrip()) :].count(b"\n")
    fields = last.decode("utf-8", "replace").rstrip().rpartition("\n")[2]
    numbers = fields.split(separator) if len(separator) == 1 else fields.split()
    try:
        rows, columns = int(float(numbers[0])) + 1, int(float(numbers[1])) + 1
    except (ValueError, IndexError, OverflowError):
        rows = columns = 0
    if min(rows, columns) < 1 or rows * columns != lines:
        raise InvalidInput(
            "file",
            [
                f"'{path}' has {lines} lines of values and ends with {fields[:40]!r}; expected one line per pixel, "
                "with the last row and column at the end: it is truncated or was sorted; export it again"
            ],
        )
    return rows, columns

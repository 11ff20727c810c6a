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
from xrfsr.io.readers.table_pixels import MAX_LINE_BYTES, TableLayout, pixel_faults, table_layout
from xrfsr.io.selection import select_columns
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["TableMaps", "describe"]

OPTIONS = frozenset({"quantity"})
SEPARATORS = (";", ",", "\t")


@dataclass(frozen=True, slots=True)
class TableMaps:
    """Maps in the columns of a table.

    Attributes
    ----------
    path : Path
        File that holds the table.
    separator : str or None
        Separator of the fields; None for blanks.
    layout : TableLayout
        Number of rows and columns of the maps, and the decimal mark.
    columns : tuple of int
        Columns of the table that hold the maps.
    """

    path: Path
    separator: str | None
    layout: TableLayout
    columns: tuple[int, ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps by reading the whole table; see `xrfsr.io.source.Source`."""
        import pandas as pd

        wanted = [self.columns[number] for number in maps]
        try:
            table = pd.read_csv(
                self.path,
                sep=self.separator or r"\s+",
                header=None,
                skiprows=1,
                usecols=sorted({0, 1, *wanted}),
                dtype=np.float64,
                decimal=self.layout.decimal,
                skipinitialspace=True,
                encoding_errors="replace",
            )
        except (ValueError, IndexError) as error:  # pandas' own errors are ValueErrors
            reason = str(error).split("\n")[0]
            raise InvalidInput(
                "file", [f"'{self.path}' contains a value that is not a number ({reason}); export it again"]
            ) from error
        table = table[table[[0, 1]].notna().all(axis=1)]  # a spreadsheet may end with lines of separators alone
        shape = self.layout.shape
        row, column = (table[at].to_numpy().astype(np.int64) for at in (0, 1))
        inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
        # The file may have changed since its layout was read.
        if not inside.all() or pixel_faults(row, column, shape, self.path):
            raise InvalidInput("file", [f"'{self.path}' has other pixels than when it was opened; open it again"])
        pixels = np.empty((len(wanted), *shape), np.float32)
        with np.errstate(over="ignore"):
            for number, position in enumerate(wanted):
                pixels[number, row, column] = table[position].to_numpy()
        return pixels[:, y, x]


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of a table; columns ``s(Fe_Ka)`` are uncertainties, ``w(Fe_Ka)`` mass fractions.

    Raises
    ------
    InvalidInput
        If the file is not such a table, or no name of a column is a known line.
    """
    faults: list[str] = []
    separator, header = _header(path)
    columns = select_columns(["", "", *header[2:]], options, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    layout = table_layout(path, separator, len(header))
    return ScanDescription(
        names=columns.names,
        shape=layout.shape,
        intensity=TableMaps(path, separator, layout, columns.maps),
        uncertainty=partial_source(
            lambda there: TableMaps(path, separator, layout, there), columns.uncertainties, layout.shape
        ),
        units=columns.units,
        warnings=columns.warnings,
    )


def _header(path: Path) -> tuple[str | None, list[str]]:
    """Return the separator of the fields, None for blanks, and the names in the first line."""
    with path.open("rb") as file:
        first = file.readline(MAX_LINE_BYTES).decode("utf-8", "replace").strip("\ufeff\r\n ")
    for separator in SEPARATORS:
        fields = [field.strip() for field in next(csv.reader([first], delimiter=separator), [])]
        if fields[:2] == ["row", "column"] and len(fields) > 2:
            return separator, _named(fields)
    fields = first.split()
    if fields[:2] == ["row", "column"] and len(fields) > 2:
        return None, fields
    raise InvalidInput(
        "file",
        [
            f'\'{path}\' begins with {first[:60]!r}; expected "row";"column" and the names of the maps, as in a table '
            "of PyMca; if it is the matrix of one map, name it after its line and pass the folder that contains it"
        ],
    )


def _named(fields: list[str]) -> list[str]:
    """Return the fields without empty ones at the end, which a spreadsheet may add."""
    return fields[: max(at for at, field in enumerate(fields, start=1) if field)]

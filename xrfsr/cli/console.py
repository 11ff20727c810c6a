"""What a command prints: results on stdout, as text or JSON, and all else on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Console", "plain", "table"]


def plain(text: str) -> str:
    r"""Return text, which may come from a file, on one line and without the characters that terminals obey.

    Examples
    --------
    >>> plain("Ca-K\x1b[2J\n")
    'Ca-K\\x1b[2J\\n'
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


@dataclass(frozen=True)
class Console:
    """Output of one command.

    Attributes
    ----------
    quiet : bool
        Whether only results, warnings and errors are printed.
    as_json : bool
        Whether results are printed as JSON.
    """

    quiet: bool = False
    as_json: bool = False

    @property
    def progress(self) -> bool | None:
        """Argument `progress` of functions: a bar in terminals, unless the command is quiet."""
        return False if self.quiet else None

    def say(self, text: str) -> None:
        """Print what the command is doing."""
        if not self.quiet:
            _print(text)

    def warn(self, message: str) -> None:
        """Print a warning on one line."""
        _print(f"warning: {message}")

    def fault(self, text: str) -> None:
        """Print a fault on one line."""
        _print(f"error: {text}")

    def result(self, text: str, values: Any) -> None:
        """Print a result: `text`, or `values` as JSON."""
        print(to_json(values) if self.as_json else text, flush=True)


def _print(text: str) -> None:
    line = plain(text)
    if "tqdm" in sys.modules:  # a bar may be on the same line of the terminal
        sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)
    sys.stderr.flush()


def to_json(values: Any) -> str:
    """Return values as JSON. NaN and infinity, which JSON does not have, become null."""
    return json.dumps(_plain_values(values), indent=2, ensure_ascii=False, allow_nan=False)


def _plain_values(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain_values(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_values(each) for each in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()  # names of files may be no text


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in columns; numbers are to the right.

    Examples
    --------
    >>> print(table(["line", "gain"], [["Ca-K", "+0.5"], ["Pb-L", "+10.2"]]))
    line   gain
    Ca-K   +0.5
    Pb-L  +10.2
    """
    cells = [[plain(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [bool(rows) and all(_is_number(row[column]) for row in cells[1:]) for column in range(len(heads))]
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def _is_number(text: str) -> bool:
    return text in ("", "-") or (text[-1:].isdigit() and text.lstrip("+-")[:1].isdigit())

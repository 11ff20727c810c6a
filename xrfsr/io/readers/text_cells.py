"""Cells of matrices in text: separators, missing values, quotes, and separators of thousands."""

from __future__ import annotations

import re

__all__ = ["Grouping", "has_decimal_comma", "has_long_number", "is_comment", "is_number", "number", "words"]

COMMENTS = ("#", "%", "!")
# What spreadsheets write where a formula has no value, in several languages.
ERRORS = (
    *("#n/a", "#na", "#nv", "#nan", "#null!", "#null", "#div/0!", "#num!", "#value!", "#ref!", "#name?", "#calc!"),
    *("#wert!", "#zahl!", "#bezug!", "#valeur!", "#nombre!", "#valor!"),
)
MISSING = frozenset(("", "na", "n/a", "nan", "null", "<na>", "1.#qnan", "-1.#ind", *ERRORS))
NO_DIGITS = MISSING | {"inf", "infinity"}
MARKED = re.compile(rf"({'|'.join(map(re.escape, ERRORS))})\s*(?=[\s,;]|$)", re.IGNORECASE)
CELLS = re.compile(r"[\s,;]+")
QUOTED = re.compile(r'"([^"]*)"')
THOUSANDS = {
    ",": re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"),
    ".": re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?"),
}
LONG = re.compile(r"(?:^|[\s;,])[+-]?\d{4,}(?=[\s;,]|$)")


class Grouping:
    """Decision whether a mark in the numbers of a text may separate thousands.

    Parameters
    ----------
    mark : {",", "."}
        The mark, which is not the separator between numbers.

    Attributes
    ----------
    example : str
        First number that may have thousands, or an empty text.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.example = ""
        self._bare = self._certain = self._refuted = False

    @property
    def is_possible(self) -> bool:
        """Whether the mark may separate thousands: all marks precede three digits, and some numbers have none."""
        return bool(self.example) and not self._refuted and (self._bare or self._certain)

    def add(self, line: str, separator: str | None) -> None:
        """Consider the numbers of a line."""
        if self._refuted or (self._bare and self.mark not in line):
            return
        for word in words(line, separator):
            digits = word.strip(" \t+-")
            if self.mark in digits:
                self._refuted = self._refuted or THOUSANDS[self.mark].fullmatch(digits) is None
                self._certain = self._certain or digits.count(",") + digits.count(".") > 1
                self.example = self.example or digits
            elif digits.lower() not in NO_DIGITS:
                self._bare = True


def has_long_number(line: str) -> bool:
    """Return whether a line has a number of more than three digits without any mark, so that thousands have none."""
    return LONG.search(line.replace('"', "")) is not None


def is_comment(line: str) -> bool:
    """Return whether a line is a comment, and not a row that begins with a missing value such as ``#N/A``."""
    if not line.startswith(COMMENTS):
        return False
    mark = MARKED.match(line)
    rest = CELLS.split(line[mark.end() :].strip(" ,;\t")) if mark else [line]
    return not any(is_number(word) for word in rest)


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, perhaps with a decimal comma or with thousands, or a missing one."""
    if any(pattern.fullmatch(cell.strip(" +-")) for pattern in THOUSANDS.values()):
        return True
    try:
        number(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def number(word: str) -> float:
    """Return the number of a cell, NaN if it is missing.

    Raises
    ------
    ValueError
        If the cell is neither a number nor a mark of a missing value.
    """
    return float("nan") if word.strip().lower() in MISSING else float(word)


def has_decimal_comma(line: str) -> bool:
    """Return whether a quoted cell of a line has a comma that cannot separate thousands."""
    return any("," in cell and THOUSANDS[","].fullmatch(cell.strip(" +-")) is None for cell in QUOTED.findall(line))


def words(line: str, separator: str | None, quoted_decimals: bool = False) -> list[str]:
    """Return the cells of a line, with all that follow a separator, even if they are empty.

    Commas in quotes of a line that commas separate are decimal if `quoted_decimals`, and else separate thousands.
    """
    if '"' in line:
        if separator == ",":
            line = QUOTED.sub(lambda cell: cell[1].replace(",", "." if quoted_decimals else ""), line)
        line = line.replace('"', "")
    return line.split(separator)

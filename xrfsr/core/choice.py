"""Choice of one line among those of a scan or file, by its label in any spelling or by its element alone."""

from __future__ import annotations

from collections.abc import Sequence

from xrfsr.core.lines import Line, parse
from xrfsr.core.transitions import symbols
from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe

__all__ = ["choose_line"]


def choose_line(label: object, held: Sequence[Line], names: Sequence[str] = ()) -> int | None:
    """Return the position of a line among those that exist.

    Parameters
    ----------
    label : str
        Label in any spelling. A symbol alone, such as ``"Pb"``, means the one line of that element that exists.
    held : sequence of Line
        Lines that exist.
    names : sequence of str
        Their names in a file, if any. A label that is one of these means that map.

    Returns
    -------
    int or None
        Position in `held`, or None if there is no such line.

    Raises
    ------
    InvalidInput
        If the label is no line, or is the symbol of an element of which several lines exist.

    Examples
    --------
    >>> from xrfsr.core.lines import parse_all
    >>> held = parse_all(["Ca-Ka", "Pb-L", "Pb-M"])
    >>> choose_line("Ca", held), choose_line("Pb L", held), choose_line("Fe", held)
    (0, 1, None)
    """
    if isinstance(label, str) and label in names:
        return list(names).index(label)
    symbol = label.strip() if isinstance(label, str) else ""
    if symbol in symbols():
        found = [position for position, line in enumerate(held) if line.element == symbol]
        if len(found) > 1:
            choices = " or ".join(repr(held[position].label) for position in found)
            raise InvalidInput("line label", [f"{describe(label)} may be any of its lines; write {choices}"])
        return found[0] if found else None
    wanted = parse(label)  # type: ignore[arg-type]  # parse refuses anything but text
    same = [position for position, line in enumerate(held) if _same(line, wanted)]
    return same[0] if same else None


def _same(one: Line, other: Line) -> bool:
    return (one.label.casefold(), one.uncertainty) == (other.label.casefold(), other.uncertainty)

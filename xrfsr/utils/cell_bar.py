"""Bars of tqdm in a terminal, and in the output of a notebook's cell.

In a notebook, tqdm's own bars leave hundreds of lines in the file, or, with ipywidgets, a bar that is stored in its
first state. These replace one output, whose last state is what the file has.
"""

from __future__ import annotations

import io
from typing import Any

from xrfsr.utils.html import Markup, text

__all__ = ["new_bar"]

INTERVAL = 0.25  # seconds between two states of a cell, each of which is sent to the browser
WIDTH = 80  # characters of a line, as text
WORDS = "{desc}: {percentage:.0f} %, {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"


def new_bar(line: str, *, in_cell: bool) -> Any:
    """Return a bar of tqdm.

    Parameters
    ----------
    line : str
        Format of the line.
    in_cell : bool
        Whether it is in the output of a cell, where its last state remains, or in a terminal, which is cleared.
    """
    from tqdm.std import tqdm

    if not in_cell:
        return tqdm(total=1, bar_format=line, leave=False, miniters=0, dynamic_ncols=True, delay=1e-9)

    class CellBar(tqdm):  # type: ignore[type-arg]  # which it takes in its type stubs alone
        """Bar that is one output of a cell."""

        _handle: Any = None

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            from IPython.display import display

            drawn = "{bar}" in str(self.bar_format)
            words = text(self.format_meter(**{**self.format_dict, "bar_format": WORDS if drawn else self.bar_format}))
            bar = f'<progress max="{self.total}" value="{self.n}"></progress> ' if drawn else ""
            shown = {"text/plain": str(self), "text/html": Markup(f"<div>{bar}{words}</div>")}
            if self._handle is None:
                self._handle = display(shown, raw=True, display_id=True)
            else:
                self._handle.update(shown, raw=True)

    # What tqdm itself writes, such as the end of the line, is for terminals.
    return CellBar(
        total=1, bar_format=line, mininterval=INTERVAL, miniters=0, ncols=WIDTH, file=io.StringIO(), delay=1e-9
    )

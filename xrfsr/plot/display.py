"""Preparation of matplotlib, such that notebooks show the figures that functions return."""

from __future__ import annotations

from xrfsr.errors import import_optional
from xrfsr.utils.interactive import is_interactive

__all__ = ["prepare_display"]


def prepare_display() -> None:
    """Make notebooks display a Figure as a picture.

    Raises
    ------
    InvalidInput
        If matplotlib is not installed.
    """
    pyplot = import_optional("matplotlib.pyplot", "figures", "plot")
    if is_interactive():
        # Loads the backend, which pyplot puts off until its own first figure; without that of notebooks, IPython shows
        # a Figure as text.
        pyplot.draw_if_interactive()

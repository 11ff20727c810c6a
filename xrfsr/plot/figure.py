"""A figure whose PDF holds text as text."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

__all__ = ["PrintFigure"]

# TrueType, which editors of journals and drawing programs can change; the default of matplotlib is outlines of glyphs.
FONTS: Any = {"pdf.fonttype": 42, "ps.fonttype": 42}


class PrintFigure(Figure):
    """Figure of matplotlib that is saved with TrueType fonts, whatever the settings are."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the figure, as ``matplotlib.figure.Figure.savefig`` does."""
        with rc_context(FONTS):
            super().savefig(fname, **options)

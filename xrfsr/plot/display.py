"""Figures that notebooks show and scripts save: their sizes in print, and who keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrfsr.errors import import_optional
from xrfsr.utils.interactive import is_interactive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLUMN", "PAGE", "new_figure", "require_matplotlib"]

# Widths of one column and of two columns in journals, in mm.
COLUMN, PAGE = 89.0, 183.0
INCH = 25.4
DOTS = 150  # per inch on screens; savefig(dpi=...) changes it


def require_matplotlib() -> None:
    """Raise an error that says how to install matplotlib, where it is missing.

    Raises
    ------
    InvalidInput
        If matplotlib is not installed.
    """
    import_optional("matplotlib", "figures", "plot")


def new_figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    """Return an empty figure, sized in mm.

    In an interactive session it belongs to pyplot, which shows it. A script has nobody to show it to, and pyplot would
    keep every figure until it is closed; there it belongs to its axes alone and goes with them.

    Parameters
    ----------
    width, height : float
        Size in mm; `COLUMN` and `PAGE` are the widths that journals print.
    layout : str or None
        Layout engine of matplotlib.
    """
    from xrfsr.plot.figure import PrintFigure

    options: dict[str, Any] = {"figsize": (width / INCH, height / INCH), "dpi": DOTS, "layout": layout}
    if not is_interactive():
        return PrintFigure(**options)
    from matplotlib import pyplot

    return pyplot.figure(FigureClass=PrintFigure, **options)

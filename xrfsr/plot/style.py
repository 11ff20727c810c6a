"""Colours and sizes that all figures share.

Colour maps have even steps of lightness and are readable with any colour vision and in grey print. Text and background
are those of matplotlib's settings, so that a dark style stays dark.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "DIVERGING",
    "ERRORS",
    "MAPS",
    "NOT_MEASURED",
    "NOT_SIGNIFICANT",
    "SATURATED",
    "SEVERAL",
    "SIZES",
    "TRUST",
    "colour_map",
    "literally",
    "outlined",
]

MAPS = "magma"  # intensities, dark at zero
TRUST = "cividis"  # uncertainty and support, so that nobody takes them for intensities
ERRORS = "bone"
DIVERGING = "RdBu_r"  # light at the centre
NOT_MEASURED = "#9a9a9a"  # at least 0.12 from the colours of these maps, in RGB from 0 to 1
NOT_SIGNIFICANT = "#d2d2d2"
# Okabe and Ito (2008), distinct with any colour vision; their yellow is too pale for lines on white.
SEVERAL = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#5B3A8E")
SATURATED = 0.002  # share of pixels at either end of the colours, so that a few hot pixels do not darken the rest
SIZES = {"title": 8.0, "label": 7.0, "small": 6.0}  # points; journals ask for 5 to 8


def colour_map(name: str) -> Any:
    """Return a colour map of matplotlib with a neutral grey for what was not measured."""
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad=NOT_MEASURED)


def outlined(width: float = 1.5) -> list[Any]:
    """Return the path effect that keeps a white line or text legible on any picture."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="#000000a0")]


def literally(*texts: Any) -> None:
    """Draw texts of matplotlib letter by letter: names from a file may have dollars, which would begin a formula."""
    for text in texts:
        text.set_parse_math(False)

"""Scale bar of a round length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from xrfsr.plot.style import SIZES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["add_scale_bar", "length_text", "round_length"]

SHARE = 0.3  # of the width of the picture, at most
UNITS = ((1.0, "µm", 1e3), (10.0, "mm", 1.0), (1e3, "cm", 0.1), (math.inf, "m", 1e-3))  # below, unit, per mm


def round_length(most: float) -> float:
    """Return the longest length of 1, 2 or 5 × 10^n that is not longer than another.

    Examples
    --------
    >>> [round_length(each) for each in (0.07, 1.0, 3.9, 240.0)]
    [0.05, 1.0, 2.0, 200.0]
    """
    power = math.floor(math.log10(most) + 1e-9)
    step = max(step for step in (1, 2, 5) if step * 10.0**power <= most * (1 + 1e-9))
    return float(f"{step}e{power}")


def length_text(length: float) -> str:
    """Return a length in mm with the unit that suits it.

    Examples
    --------
    >>> [length_text(each) for each in (0.05, 2.0, 50.0, 1000.0)]
    ['50 µm', '2 mm', '5 cm', '1 m']
    """
    unit, per_mm = next((unit, per_mm) for below, unit, per_mm in UNITS if length < below)
    return f"{length * per_mm:g} {unit}"


def add_scale_bar(axes: Axes) -> None:
    """Draw a scale bar at the lower left of axes in mm, with limits that are final."""
    from matplotlib.font_manager import FontProperties
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar  # type: ignore[import-untyped]

    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    length = round_length(SHARE * abs(right - left))
    bar = AnchoredSizeBar(
        axes.transData,
        length,
        length_text(length),
        "lower left",
        pad=0.4,
        borderpad=0.4,
        sep=2,
        color="white",
        size_vertical=0.012 * min(abs(right - left), abs(bottom - top)),
        fill_bar=True,
        fontproperties=FontProperties(size=SIZES["small"]),
    )
    # White on a dark ground is legible on any painting, and in grey print.
    bar.patch.set(facecolor="#000000", alpha=0.55, edgecolor="none")
    bar.set_zorder(5)
    axes.add_artist(bar)

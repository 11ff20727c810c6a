"""Axes for pictures: those that a caller gives, or new ones, sized for print."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.plot.display import COLUMN, PAGE, new_figure
from xrfsr.utils.checks import is_integer
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_faults", "column_faults", "given_axes", "picture_axes", "plain_axes", "result"]

BAR_ROOM = 15.0  # mm beside a picture for its colour bar
HEAD = 8.0  # mm above a picture for its title
TALLEST = 1.6  # height of a picture in widths of its column; taller ones become narrower
LOWEST = 10.0  # mm


def given_axes(ax: Any) -> list[Any]:
    """Return axes that a caller gives, one or several in any nesting of arrays and sequences, as a list."""
    if isinstance(ax, np.ndarray):
        return list(ax.flat)
    if isinstance(ax, list | tuple):
        return [each for part in ax for each in given_axes(part)]
    return [ax]


def axes_faults(ax: Any, count: int | None) -> list[str]:
    """Return the fault of axes that are none, or whose number is not that of the panels, in a list, or an empty list.

    Parameters
    ----------
    ax : object
        What a caller gave; None is right.
    count : int or None
        Number of panels; None if it is not known, because something else is wrong.
    """
    from matplotlib.axes import Axes

    if ax is None:
        return []
    given = given_axes(ax)
    wrong = [each for each in given if not (isinstance(each, Axes) and each.name == "rectilinear")]
    number = "axes" if count in (1, None) else f"{count} axes"
    if wrong or not given:
        got = describe(wrong[0]) if wrong else describe(ax)
        return [f"ax must be {number} of matplotlib, such as those of plt.subplots(), got {got}"]
    if count is not None and len(given) != count:
        return [f"ax must be as many axes as there are panels, {count}, got {len(given)}; make them with plt.subplots"]
    return []


def column_faults(columns: Any) -> list[str]:
    """Return the fault of a number of panels side by side, in a list, or an empty list."""
    if is_integer(columns) and 1 <= columns <= 100:
        return []
    return [f"columns must be an integer from 1 to 100, got {describe(columns)}"]


def picture_axes(ax: Any, count: int, columns: int, tall: float, *, bars: int | None = None) -> list[Axes]:
    """Return axes for pictures of equal size, those given or new ones.

    Parameters
    ----------
    ax : axes, sequence of axes, or None
        What a caller gave, without faults.
    count, columns : int
        Number of pictures, and how many side by side.
    tall : float
        Height of a picture divided by its width.
    bars : int, optional
        Number of colour bars side by side; one for each picture if left out.
    """
    if ax is not None:
        return given_axes(ax)
    across = min(columns, count)
    down = math.ceil(count / across)
    room = BAR_ROOM * (across if bars is None else bars) + 2.0 * across
    widest = ((COLUMN if across == 1 else PAGE) - room) / across
    width = min(widest, widest * TALLEST / tall)
    height = max(width * tall, LOWEST)
    figure = new_figure(across * width + room, down * (height + HEAD), "compressed")
    made = figure.subplots(down, across, squeeze=False).ravel()
    for empty in made[count:]:
        empty.remove()
    return list(made[:count])


def plain_axes(ax: Any, count: int = 1, *, columns: int = 4, height: float = 60.0) -> list[Axes]:
    """Return axes for curves, those given or new ones; `height` is that of each in mm."""
    if ax is not None:
        return given_axes(ax)
    across = min(columns, count)
    down = math.ceil(count / across)
    figure = new_figure(COLUMN if across == 1 else PAGE, down * height)
    made = figure.subplots(down, across, squeeze=False).ravel()
    for empty in made[count:]:
        empty.remove()
    return list(made[:count])


def result(axes: Sequence[Axes]) -> Any:
    """Return axes as xarray and matplotlib do: alone if they are one, otherwise as an array."""
    if len(axes) == 1:
        return axes[0]
    made: NDArray[Any] = np.empty(len(axes), object)
    made[:] = list(axes)
    return made

"""How often intensities occur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, column_faults, plain_axes, result
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.limits import limits_of
from xrfsr.plot.pixels import Plane, picture_of
from xrfsr.plot.style import SEVERAL, SIZES
from xrfsr.utils.checks import is_integer
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["histogram"]

TALL = 42.0  # mm


def histogram(
    obj: xr.Dataset | xr.DataArray, lines: Any = None, *, bins: int = 60, columns: int = 4, ax: Any = None
) -> Axes | NDArray[Any]:
    """Draw how often intensities occur, one panel for each line, with a logarithmic vertical axis.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result, or a single map (y, x).
    lines : str or sequence of str, optional
        Lines to show, in any spelling or by their element alone; all if left out.
    bins : int
        Number of bins, from 2 to 1000, over the range of colours of `maps`: values of up to 0.2 % of the pixels may lie
        beyond.
    columns : int
        Number of panels side by side.
    ax : matplotlib.axes.Axes or sequence of them, optional
        Axes to draw on, as many as there are lines; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes or array of them
        One for each line. Of maps with more than 1600 pixels along a side, every n-th counts.

    Raises
    ------
    InvalidInput
        If `obj` is no scan and no map, has no such line, or `ax` does not fit.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> iron, lead = scan.xrfsr.plot.histogram(bins=20)
    """
    require_matplotlib()
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    faults = column_faults(columns)
    if not is_integer(bins) or not 2 <= bins <= 1000:
        faults.append(f"bins must be an integer from 2 to 1000, got {describe(bins)}")
    planes: list[Plane] = []
    if is_like_photo(obj):
        faults.append(no_scan(obj))
    else:
        with collect_faults(faults):
            planes = picture_of(obj, lines)
    faults += axes_faults(ax, len(planes) or None)
    if faults:
        raise InvalidInput("figure", faults)

    axes = plain_axes(ax, len(planes), columns=int(columns), height=TALL)
    # One scale for all: its low end is half of a pixel, or a thousandth of a percent.
    lowest = max(1e-5, 0.5 / max(plane.pixels.size for plane in planes))
    for number, (one, plane) in enumerate(zip(axes, planes, strict=True)):
        values = plane.pixels[np.isfinite(plane.pixels)]
        low, high, _ = limits_of([values])
        share = np.full(values.size, 1 / max(1, values.size))
        one.hist(values, bins=int(bins), range=(low, high), weights=share, color=SEVERAL[0], log=bool(values.size))
        one.set_title(plane.title, loc="left", fontsize=SIZES["title"], parse_math=False)
        one.set_xlabel(plane.unit, fontsize=SIZES["label"], parse_math=False)
        if number % columns == 0:
            one.set_ylabel("share of pixels", fontsize=SIZES["label"])
        one.yaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{100 * value:g} %"))
        one.yaxis.set_minor_formatter(NullFormatter())
        one.set_ylim(lowest, 1)
        one.xaxis.set_major_locator(MaxNLocator(4))
        one.tick_params(which="both", labelsize=SIZES["small"], length=2, width=0.5)
        one.spines[["top", "right"]].set_visible(False)
    made: Axes | NDArray[Any] = result(axes)
    return made

"""Ratio of two lines in logarithmic colours around a centre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr import analysis
from xrfsr.analysis.inputs import maps_of
from xrfsr.core.coordinates import grid_of
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, picture_axes
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.limits import extension
from xrfsr.plot.pictures import add_key, colour_bar, draw_pixels, frame
from xrfsr.plot.pixels import ALONE, Plane, load, map_plane, thinned
from xrfsr.plot.style import DIVERGING, NOT_MEASURED, NOT_SIGNIFICANT, colour_map
from xrfsr.utils.checks import is_number, switch_faults
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ratio"]

BEYOND = 0.01  # share of the ratios, which vary more than intensities, that may lie beyond the colours
LEAST = 1.5  # factor between the centre and the ends of the colours, so that noise around one value stays pale


def ratio(
    obj: xr.Dataset | xr.DataArray,
    a: str,
    b: str,
    *,
    center: float | None = None,
    significance: float = 3.0,
    minimum: float | None = None,
    positions: bool = False,
    ax: Any = None,
) -> Axes:
    """Draw the ratio of two lines in logarithmic colours: white at the centre, equally strong at twice and half of it.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result. With `uncertainty`, pixels whose ratio is not significant are grey.
    a, b : str
        Lines of numerator and denominator, in any spelling or by their element alone.
    center : float, optional
        Ratio that is white; the median of those shown if left out. The colour bar names it.
    significance : float
        Number of standard deviations by which a significant ratio exceeds zero; see `xrfsr.analysis.ratio`.
    minimum : float, optional
        Smallest denominator, in the units of the intensity.
    positions : bool
        Whether to write positions in mm along the sides.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes
        Axes whose first image is the ratio. The limits of the colours are equally far from the centre, so that 1 % of
        the ratios are outside; a ratio of zero has the colour below the low end. Where nothing was measured, or the
        denominator is zero, there is no ratio, and the picture is dark grey.

    Raises
    ------
    InvalidInput
        Naming every line that the scan does not have and every other fault.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> ax = scan.xrfsr.plot.ratio("Fe-K", "Pb-L")
    >>> ax.get_title("left")
    'Fe-K / Pb-L'
    """
    require_matplotlib()
    from matplotlib.colors import ListedColormap, LogNorm
    from matplotlib.ticker import LogLocator, NullFormatter

    faults = [*switch_faults(positions=positions), *axes_faults(ax, 1)]
    if center is not None and not (is_number(center) and 1e-30 < center < 1e30):
        faults.append(f"center must be a number > 0, got {describe(center)}")
    plane: Plane | None = None
    certain: NDArray[Any] | None = None
    with collect_faults(faults):
        thin = thinned(obj, ALONE) if isinstance(obj, xr.Dataset | xr.DataArray) else obj
        options: Any = {"minimum": minimum, "significance": significance}
        known = maps_of(thin).uncertainty is not None
        compute: Any = analysis.ratio
        made = compute(thin, a, b, uncertainty=known, **options)
        arrays = load([made["ratio"], made["significant"]] if isinstance(made, xr.Dataset) else [made])
        grid = grid_of(obj)
        plane = map_plane(arrays[0], grid)
        if known:
            certain = map_plane(arrays[1], grid).pixels > 0
    if faults or plane is None:
        raise InvalidInput("figure", faults)

    values = plane.pixels
    used = values[np.isfinite(values) & (values > 0) & (True if certain is None else certain)]
    middle = float(center) if center is not None else float(np.median(used)) if used.size else 1.0
    away = float(np.quantile(np.abs(np.log(used / middle)), 1 - BEYOND)) if used.size else 0.0
    factor = max(LEAST, np.exp(min(away, 60.0)))
    low, high = middle / factor, middle * factor

    [axes] = picture_axes(ax, 1, 1, grid.y.extent / grid.x.extent)
    # A logarithmic scale has no zero: values that are zero get the colour below the low end.
    shown = np.where(values <= 0, low / 2, values)
    drawn = Plane(plane.title, shown, plane.unit, plane.grid, plane.extent)
    image = draw_pixels(axes, drawn, cmap=colour_map(DIVERGING), norm=LogNorm(low, high))
    key = {"no ratio": NOT_MEASURED} if plane.missing else {}
    if certain is not None and (doubtful := np.isfinite(values) & ~certain).any():
        veil = Plane("", np.where(doubtful, 1.0, np.nan), "", plane.grid, plane.extent)
        draw_pixels(axes, veil, cmap=ListedColormap([NOT_SIGNIFICANT]), interpolation="nearest")
        key["not significant"] = NOT_SIGNIFICANT
    if key:
        add_key(axes, key, above=positions)
    why = "" if center is not None else ", the median"
    bar = colour_bar(axes, image, f"ratio (white: {middle:.2g}{why})", extension([shown], low, high))
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if factor < 100 else (1,)))
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    frame(axes, plane, title=plane.title, positions=positions)
    return axes

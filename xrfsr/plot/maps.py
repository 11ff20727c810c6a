"""Maps, a photo or a single map, the right way up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, column_faults, picture_axes, result
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.limits import limits_of
from xrfsr.plot.pictures import KEY, add_key, draw_map, draw_pixels, frame
from xrfsr.plot.pixels import Plane, picture_of
from xrfsr.plot.style import MAPS
from xrfsr.utils.checks import switch_faults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["draw_maps", "maps"]


def maps(
    obj: xr.Dataset | xr.DataArray,
    lines: Any = None,
    *,
    columns: int = 4,
    positions: bool = False,
    ax: Any = None,
) -> Axes | NDArray[Any]:
    """Draw maps with `y` downwards, as on the painting, and with equal millimetres in both directions.

    xarray's own ``.plot()`` draws `y` upwards, whatever the coordinates are, unless you pass ``yincrease=False``.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result, photo, or a single map (y, x) such as a ratio. Of lazy arrays only what is shown is computed.
    lines : str or sequence of str, optional
        Lines of a scan to show, in any spelling or by their element alone; all if left out.
    columns : int
        Number of maps side by side.
    positions : bool
        Whether to write positions in mm along the sides.
    ax : matplotlib.axes.Axes or sequence of them, optional
        Axes to draw on, as many as there are maps; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes or array of them
        One for each map, in the order of the lines. Notebooks show the figure; ``ax.figure.savefig("maps.pdf")``
        writes it.

    Raises
    ------
    InvalidInput
        If `obj` is neither scan nor photo nor map, it has no such line, `ax` does not fit, or matplotlib is not
        installed.

    Notes
    -----
    Colours range from zero, or the least value where there are negative ones, to a value that 0.2 % of the pixels
    exceed, which the end of the colour bar then shows by an arrow. Pixels that were not measured are grey. Of maps with
    more pixels than fit on a page every n-th is drawn.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> [ax.get_title("left") for ax in scan.xrfsr.plot.maps()]
    ['Fe-K', 'Pb-L']
    >>> ax = scan.xrfsr.plot("Fe")
    >>> ax = rgb.xrfsr.plot()
    """
    require_matplotlib()
    faults = [*column_faults(columns), *switch_faults(positions=positions)]
    planes: list[Plane] = []
    with collect_faults(faults):
        planes = picture_of(obj, lines)
    faults += axes_faults(ax, len(planes) or None)
    if faults:
        raise InvalidInput("figure", faults)
    return draw_maps(planes, columns, positions, ax)


def draw_maps(
    planes: list[Plane],
    columns: int,
    positions: bool,
    ax: Any,
    *,
    colours: str = MAPS,
    limits: Any = None,
    label: str = "",
) -> Axes | NDArray[Any]:
    """Draw planes of one grid, each with its own colour bar.

    Parameters
    ----------
    planes : list of Plane
        Maps, or one picture of colours.
    columns, positions, ax
        See `maps`.
    colours : str
        Name of the colour map.
    limits : Limits, optional
        Limits of all; those of each map if left out.
    label : str
        What a colour bar shows, before its unit.
    """
    grid = planes[0].grid
    bars = 0 if planes[0].pixels.ndim == 3 else None
    axes = picture_axes(ax, len(planes), int(columns), grid.y.extent / grid.x.extent, bars=bars)
    keyed = False
    for number, (one, plane) in enumerate(zip(axes, planes, strict=True)):
        if plane.pixels.ndim == 3:
            draw_pixels(one, plane)
        else:
            bar = ", ".join(filter(None, (label, plane.unit)))
            draw_map(one, plane, limits or limits_of([plane.pixels]), colours=colours, bar=bar)
        if plane.missing and not keyed:
            add_key(one, KEY, above=positions)
            keyed = True
        frame(one, plane, title=plane.title, positions=positions, scale_bar=number == 0)
    made: Axes | NDArray[Any] = result(axes)
    return made

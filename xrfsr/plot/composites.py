"""Three lines as the colours of one picture, with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr import analysis
from xrfsr.analysis.inputs import line_position, maps_of
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, picture_axes
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.pictures import KEY, add_key, draw_pixels, frame
from xrfsr.plot.pixels import Plane, photo_plane
from xrfsr.utils.checks import switch_faults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["composite"]

COLOURS = {"red": "#ff0000", "green": "#00ff00", "blue": "#0000ff"}


def composite(
    obj: xr.Dataset | xr.DataArray,
    *,
    red: str | xr.DataArray | None = None,
    green: str | xr.DataArray | None = None,
    blue: str | xr.DataArray | None = None,
    percentiles: tuple[float, float] = (1.0, 99.0),
    positions: bool = False,
    ax: Any = None,
) -> Axes:
    """Draw up to three maps as the red, green and blue of one picture, with a key that names line and colour.

    The picture is that of `xrfsr.analysis.composite`: each map is stretched by itself, so colours show where lines are
    and not how much of one there is compared with another. Readers who see red and green alike need single maps.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result.
    red, green, blue : str or DataArray, optional
        Line in any spelling or by its element alone, or a map (y, x) of the same pixels.
    percentiles : (float, float)
        Low and high percentile of the stretch of each map.
    positions : bool
        Whether to write positions in mm along the sides.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes
        Notebooks show the figure; ``ax.figure.savefig("composite.pdf")`` writes it.

    Raises
    ------
    InvalidInput
        Naming every line that the scan does not have and every other fault.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Fe-K", "Pb-L"])
    >>> ax = scan.xrfsr.plot.composite(red="Pb-L", green="Fe-K", blue="Ca-K")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['red Pb-L', 'green Fe-K', 'blue Ca-K']
    """
    require_matplotlib()
    faults = [*switch_faults(positions=positions), *axes_faults(ax, 1)]
    plane: Plane | None = None
    given = {"red": red, "green": green, "blue": blue}
    with collect_faults(faults):
        picture = analysis.composite(obj, **given, percentiles=percentiles)
        plane = photo_plane(picture)
    if faults or plane is None:
        raise InvalidInput("figure", faults)
    [axes] = picture_axes(ax, 1, 1, plane.grid.y.extent / plane.grid.x.extent, bars=0)
    draw_pixels(axes, plane)
    frame(axes, plane, positions=positions)
    names = {f"{band} {_name(obj, value)}": COLOURS[band] for band, value in given.items() if value is not None}
    add_key(axes, {**names, **(KEY if plane.missing else {})}, above=positions)
    return axes


def _name(obj: xr.Dataset | xr.DataArray, value: str | xr.DataArray) -> str:
    if isinstance(value, xr.DataArray):
        return str(value.attrs.get("long_name", value.name or "map"))
    lines = maps_of(obj).lines
    return lines[line_position(value, lines)].label

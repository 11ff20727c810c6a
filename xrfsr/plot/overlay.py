"""One map in colour over the photo in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, picture_axes
from xrfsr.plot.compare import common_view, one_plane
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.limits import limits_of
from xrfsr.plot.pictures import KEY, add_key, colour_bar, draw_pixels, frame
from xrfsr.plot.pixels import Plane, photo_plane
from xrfsr.utils.checks import is_number, switch_faults
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["overlay"]

COLOUR = "#D55E00"  # vermilion of Okabe and Ito, which stands out from greys with any colour vision


def overlay(
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray,
    line: str | None = None,
    *,
    color: str = COLOUR,
    opacity: float = 1.0,
    positions: bool = False,
    ax: Any = None,
) -> Axes:
    """Draw one map over the photo: the photo in grey, the map in one colour that is the more opaque the higher it is.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result, or a single map (y, x).
    rgb : DataArray
        Photo in the same millimetres; of several bands the mean is shown.
    line : str, optional
        Line in any spelling or by its element alone; needed if there are several.
    color : str
        Colour of the map, in any form that matplotlib knows.
    opacity : float
        Opacity of the highest value, above 0 and at most 1.
    positions : bool
        Whether to write positions in mm along the sides.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes
        Notebooks show the figure; ``ax.figure.savefig("overlay.pdf")`` writes it.

    Raises
    ------
    InvalidInput
        Naming every fault: of the maps, the photo, the line, or if the two show different areas.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> ax = truth.xrfsr.plot.overlay(rgb, line="Pb-L")
    >>> photo, lead = ax.get_images()
    """
    require_matplotlib()
    from matplotlib.colors import ListedColormap, is_color_like, to_rgb

    faults = [*switch_faults(positions=positions), *axes_faults(ax, 1)]
    if not isinstance(color, str) or not is_color_like(color):
        faults.append(f"color must be a colour such as '#D55E00' or 'red', got {describe(color)}")
    if not is_number(opacity) or not 0 < opacity <= 1:
        faults.append(f"opacity must be a number above 0 and at most 1, got {describe(opacity)}")
    plane: Plane | None = None
    photo: Plane | None = None
    with collect_faults(faults):
        plane = one_plane(obj, line)
    with collect_faults(faults, "rgb"):
        photo = photo_plane(rgb, grey=True)
    if plane is not None and photo is not None:
        with collect_faults(faults):
            common_view([plane.grid, photo.grid])
    if faults or plane is None or photo is None:
        raise InvalidInput("figure", faults)

    limits = limits_of([plane.pixels])
    inks = np.empty((256, 4))
    inks[:, :3] = to_rgb(color)
    inks[:, 3] = np.linspace(0, opacity, 256)
    [axes] = picture_axes(ax, 1, 1, plane.grid.y.extent / plane.grid.x.extent)
    draw_pixels(axes, photo)
    colours = ListedColormap(inks).with_extremes(bad=(0, 0, 0, 0))
    image = draw_pixels(axes, plane, cmap=colours, vmin=limits.low, vmax=limits.high)
    bar = colour_bar(axes, image, plane.unit, limits.extend)
    bar.ax.set_facecolor("#bfbfbf")  # a light grey of a photo below the colours
    frame(axes, plane, title=plane.title, positions=positions)
    if plane.missing or photo.missing:
        axes.set_facecolor(KEY["not measured"])
        key = {"not measured: photo alone": "#bfbfbf"} if plane.missing else {"no photo": KEY["not measured"]}
        add_key(axes, key, above=positions)
    return axes

"""Maps of what can be believed: uncertainty, and support by the photo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, column_faults
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.limits import Limits
from xrfsr.plot.maps import draw_maps
from xrfsr.plot.pixels import Plane, scan_planes
from xrfsr.plot.style import TRUST
from xrfsr.utils.checks import switch_faults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["support", "uncertainty"]

ASK = "ask superresolve for it: fine = scan.xrfsr.superresolve(rgb, uncertainty=True)"
GIVE = "; that of a scan is given to xrfsr.as_scan(..., uncertainty=...)"


def uncertainty(
    obj: xr.Dataset | xr.DataArray, lines: Any = None, *, columns: int = 4, positions: bool = False, ax: Any = None
) -> Axes | NDArray[Any]:
    """Draw the uncertainty of maps: one standard deviation of every value, in the unit of the maps.

    Parameters
    ----------
    obj : Dataset or DataArray
        Result of ``superresolve(..., uncertainty=True)``, or a scan with `uncertainty`.
    lines : str or sequence of str, optional
        Lines to show, in any spelling or by their element alone; all if left out.
    columns : int
        Number of maps side by side.
    positions : bool
        Whether to write positions in mm along the sides.
    ax : matplotlib.axes.Axes or sequence of them, optional
        Axes to draw on, as many as there are maps; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes or array of them
        One for each map, in other colours than those of intensities.

    Raises
    ------
    InvalidInput
        If there is no uncertainty, with how to get it, or no such line.

    Examples
    --------
    >>> import numpy as np, xrfsr
    >>> counts = np.random.default_rng(0).poisson(20.0, (1, 8, 10))
    >>> scan = xrfsr.as_scan(counts, ["Pb-L"], "0.5 mm", uncertainty=np.sqrt(np.maximum(counts, 1)))
    >>> ax = scan.xrfsr.plot.uncertainty()
    """
    return _draw(obj, lines, columns, positions, ax, "uncertainty", ASK + GIVE, None, "std. dev.")


def support(
    obj: xr.Dataset | xr.DataArray, lines: Any = None, *, columns: int = 4, positions: bool = False, ax: Any = None
) -> Axes | NDArray[Any]:
    """Draw the support of maps by the photo, from 0 to 1: how well the scan confirms that they change with the photo.

    Parameters
    ----------
    obj : Dataset or DataArray
        Result of ``superresolve(rgb, uncertainty=True)``.
    lines : str or sequence of str, optional
        Lines to show, in any spelling or by their element alone; all if left out.
    columns : int
        Number of maps side by side.
    positions : bool
        Whether to write positions in mm along the sides.
    ax : matplotlib.axes.Axes or sequence of them, optional
        Axes to draw on, as many as there are maps; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes or array of them
        One for each map, all with colours from 0 to 1.

    Raises
    ------
    InvalidInput
        If there is no support, with how to get it, or no such line.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> fine = scan.xrfsr.superresolve(rgb, method="guided_filter", uncertainty=True)
    >>> iron, lead = fine.xrfsr.plot.support()
    """
    return _draw(obj, lines, columns, positions, ax, "photo_support", ASK, Limits(0.0, 1.0, "neither"), "support")


def _draw(
    obj: Any, lines: Any, columns: Any, positions: Any, ax: Any, name: str, fix: str, limits: Limits | None, label: str
) -> Axes | NDArray[Any]:
    require_matplotlib()
    faults = [*column_faults(columns), *switch_faults(positions=positions)]
    planes: list[Plane] = []
    with collect_faults(faults):
        planes = scan_planes(obj, lines, name, fix)
    faults += axes_faults(ax, len(planes) or None)
    if faults:
        raise InvalidInput("figure", faults)
    made: Axes | NDArray[Any] = draw_maps(planes, columns, positions, ax, colours=TRUST, limits=limits, label=label)
    return made

"""Several maps of one line next to each other, in the same colours and the same millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, picture_axes, result
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.limits import limits_of
from xrfsr.plot.pictures import KEY, add_key, colour_bar, draw_map, frame
from xrfsr.plot.pixels import Plane, is_map, scan_planes, single_plane
from xrfsr.plot.scale_bar import length_text
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["common_view", "compare", "needed_line", "one_plane"]

MOST = 12  # maps in a row


def compare(
    scans: Sequence[xr.Dataset | xr.DataArray],
    *,
    line: str | None = None,
    titles: Sequence[str] | None = None,
    positions: bool = False,
    ax: Any = None,
) -> Axes | NDArray[Any]:
    """Draw one line of several scans or results in a row, with the same colour limits and the same scale.

    As a method it takes only the other scans: ``scan.xrfsr.plot.compare(fine, truth, line="Pb-L")``.

    Parameters
    ----------
    scans : sequence of Dataset or DataArray
        Scans, results or single maps (y, x), from left to right, in one unit. Only the area that all show is drawn.
    line : str, optional
        Line in any spelling or by its element alone; needed unless all are single maps or have one line.
    titles : sequence of str, optional
        Titles of the maps; their pixel sizes if left out.
    positions : bool
        Whether to write positions in mm along the sides.
    ax : sequence of matplotlib.axes.Axes, optional
        Axes to draw on, as many as there are maps; those of a new figure if left out.

    Returns
    -------
    array of matplotlib.axes.Axes
        One for each map. Notebooks show the figure; ``axes[0].figure.savefig("compare.pdf")`` writes it.

    Raises
    ------
    InvalidInput
        Naming everything that is no scan or lacks the line, different units, and maps of different areas.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> fine = scan.xrfsr.superresolve(method="kriging")
    >>> axes = scan.xrfsr.plot.compare(fine, truth, line="Pb-L", titles=["Scan", "Kriging", "Truth"])
    >>> [ax.get_images()[0].get_array().shape for ax in axes]
    [(16, 16), (64, 64), (64, 64)]
    """
    require_matplotlib()
    faults = switch_faults(positions=positions)
    if not isinstance(scans, list | tuple) or not 1 <= len(scans) <= MOST:
        fix = f"scans must be a list of 1 to {MOST} scans, results or maps, got {describe(scans)}"
        raise InvalidInput("figure", [fix, *faults, *axes_faults(ax, None)])
    planes: list[Plane] = []
    for number, scan in enumerate(scans, start=1):
        with collect_faults(faults, f"map {number}"):
            planes.append(one_plane(scan, line))
    faults += axes_faults(ax, len(scans))
    faults += _title_faults(titles, len(scans))
    view: Grid | None = None
    if len(planes) == len(scans):
        units = list(dict.fromkeys(plane.unit for plane in planes))
        if len(units) > 1:
            faults.append(f"maps must have one unit, got {', '.join(map(repr, units))}; convert them first")
        with collect_faults(faults):
            view = common_view([plane.grid for plane in planes])
    if faults or view is None:
        raise InvalidInput("figure", faults)

    limits = limits_of([plane.pixels for plane in planes])
    axes = picture_axes(ax, len(planes), len(planes), view.y.extent / view.x.extent, bars=1)
    for number, (one, plane) in enumerate(zip(axes, planes, strict=True)):
        title = f"{length_text(max(plane.grid.spacing))} pixels" if titles is None else titles[number]
        image = draw_map(one, plane, limits)
        if plane.missing:
            add_key(one, KEY, above=positions)
        frame(one, plane, title=title, positions=positions, scale_bar=number == 0, view=view)
    name = planes[0].title
    colour_bar(axes[-1], image, f"{name}, {planes[0].unit}".strip(", "), limits.extend)
    made: Axes | NDArray[Any] = result(axes)
    return made


def one_plane(obj: Any, line: Any) -> Plane:
    """Return the map of one line of a scan, or a single map.

    Raises
    ------
    InvalidInput
        If there is no such line, or it is not clear which is meant.
    """
    if is_map(obj):
        return single_plane(obj)
    if line is not None and not isinstance(line, str):
        raise InvalidInput("line", [f"line must be text such as 'Pb-L', got {describe(line)}"])
    if line is None:
        line = needed_line(obj)
    return scan_planes(obj, line)[0]


def needed_line(obj: Any) -> str | None:
    """Return the only line of a scan; None if that is no scan, which others find out.

    Raises
    ------
    InvalidInput
        If there are several.
    """
    if not isinstance(obj, xr.Dataset | xr.DataArray) or "line" not in obj.coords:
        return None
    labels = [str(label) for label in np.atleast_1d(obj["line"].values)]
    if len(labels) > 1:
        raise InvalidInput("line", [f"line must name one of {len(labels)} maps, such as line={describe(labels[0])}"])
    return labels[0]


def common_view(grids: Sequence[Grid]) -> Grid:
    """Return a grid of the area that all grids cover; its pixels are those of the first.

    Raises
    ------
    InvalidInput
        If they have no area in common.
    """
    spans = {}
    for name in ("y", "x"):
        edges = [getattr(grid, name).edges for grid in grids]
        spans[name] = max(low for low, _ in edges), min(high for _, high in edges)
    if any(high <= low for low, high in spans.values()):
        raise InvalidInput(
            "maps", ["the pictures have no area in common; check that their 'y' and 'x' are mm of the same painting"]
        )
    (top, bottom), (left, right) = spans["y"], spans["x"]
    size = (bottom - top) / 2, (right - left) / 2
    return Grid.from_centres([top + size[0] / 2, bottom - size[0] / 2], [left + size[1] / 2, right - size[1] / 2])


def _title_faults(titles: Any, count: int) -> list[str]:
    if titles is None:
        return []
    if isinstance(titles, list | tuple) and len(titles) == count and all(isinstance(title, str) for title in titles):
        return []
    return [f"titles must be {count} texts, one for each map, got {describe(titles)}"]

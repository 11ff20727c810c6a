"""Values along a line, next to the picture on which it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrfsr import analysis
from xrfsr.core.labels import label_list
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.scan import lines_of
from xrfsr.core.selecting import sel
from xrfsr.core.units import to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import HEAD, LOWEST, TALLEST, axes_faults, given_axes, result
from xrfsr.plot.display import PAGE, new_figure, require_matplotlib
from xrfsr.plot.limits import limits_of
from xrfsr.plot.pictures import KEY, add_key, draw_map, frame
from xrfsr.plot.pixels import Plane, is_map, load, scan_planes, single_plane, unit_of
from xrfsr.plot.style import SEVERAL, SIZES, literally, outlined
from xrfsr.utils.checks import switch_faults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["profile"]

MOST = 6  # lines that are shown if none are named
LEAST_TALL = 55.0  # mm


def profile(
    obj: xr.Dataset | xr.DataArray,
    start: Any,
    end: Any,
    *,
    width: Any = None,
    lines: Any = None,
    positions: bool = True,
    ax: Any = None,
) -> NDArray[Any]:
    """Draw values along a straight line, next to the map on which the line is drawn.

    The values are those of `xrfsr.analysis.profile`. Where there is an `uncertainty`, a band shows one standard
    deviation to either side.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result, or a single map (y, x).
    start, end : pair of lengths (y, x)
        First and last position: numbers of mm, or text such as ``("2 cm", "85 mm")``.
    width : length, optional
        Width of the strip that is averaged; by default the line alone.
    lines : str or sequence of str, optional
        Lines to show, in any spelling or by their element alone; the first six if left out. The picture shows the
        first of them.
    positions : bool
        Whether to write positions in mm along the sides of the picture.
    ax : sequence of matplotlib.axes.Axes, optional
        Two axes to draw on, for the picture and the profile; those of a new figure if left out.

    Returns
    -------
    array of matplotlib.axes.Axes
        Picture, and profile.

    Raises
    ------
    InvalidInput
        Naming every position outside the maps, every line that is not there and every other fault.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> picture, along = scan.xrfsr.plot.profile((2, 1), ("1.4 cm", 15), width="2 mm")
    >>> along.get_xlabel(), [line.get_label() for line in along.lines]
    ('mm from the dot', ['Fe-K', 'Pb-L'])
    """
    require_matplotlib()
    faults = [*switch_faults(positions=positions), *axes_faults(ax, 2)]
    plane: Plane | None = None
    made: xr.Dataset | None = None
    chosen = obj
    with collect_faults(faults):
        if is_like_photo(obj):
            raise InvalidInput("scan", [no_scan(obj)])
        if isinstance(obj, xr.DataArray) and is_map(obj):
            plane = single_plane(obj)
        else:
            wanted = _wanted(obj, lines)
            plane = scan_planes(obj, wanted[0])[0]
            chosen = sel(obj, line=wanted)
    with collect_faults(faults):
        made = analysis.profile(chosen, start, end, width=width)
    if faults or plane is None or made is None:
        raise InvalidInput("figure", list(dict.fromkeys(faults)))

    picture, along = _axes(ax, plane)
    draw_map(picture, plane, limits_of([plane.pixels]), bar=plane.unit)
    if plane.missing:
        add_key(picture, KEY, above=positions)
    frame(picture, plane, title=plane.title, positions=positions)
    _draw_path(picture, made, 0.0 if width is None else to_mm(width, "width"))
    _draw_curves(along, made, plane)
    axes: NDArray[Any] = result([picture, along])
    return axes


def _wanted(obj: Any, lines: Any) -> list[Any]:
    """Return the lines to show; whether the scan has them is not checked."""
    if not isinstance(obj, xr.Dataset | xr.DataArray):
        raise InvalidInput("scan", [no_scan(obj)])
    wanted = [line.label for line in lines_of(obj)][:MOST] if lines is None else label_list(lines)
    if not wanted:
        raise InvalidInput("lines", ["lines must name at least one line, such as lines=['Ca-K'], got none"])
    return wanted


def _axes(ax: Any, plane: Plane) -> list[Axes]:
    """Return the axes of the picture and of the profile, those given or new ones."""
    if ax is not None:
        return given_axes(ax)
    tall = plane.grid.y.extent / plane.grid.x.extent
    wide = min(80.0, LEAST_TALL * TALLEST / tall)
    height = max(LEAST_TALL, wide * tall, LOWEST) + HEAD
    return list(new_figure(PAGE, height).subplots(1, 2, width_ratios=[wide, PAGE - wide - 30]))


def _draw_path(axes: Axes, made: xr.Dataset, width: float) -> None:
    """Draw the line, its start as a dot, and the strip that is averaged."""
    ends = np.array([[made["x"].values[place], made["y"].values[place]] for place in (0, -1)])
    axes.plot(*ends.T, color="white", linewidth=1.2, path_effects=outlined(2.4))
    axes.plot(*ends[0], "o", color="white", markersize=4, path_effects=outlined())
    if width > 0:
        from matplotlib.patches import Polygon

        along = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
        aside = np.array([-along[1], along[0]]) * width / 2
        corners = np.array([ends[0] + aside, ends[1] + aside, ends[1] - aside, ends[0] - aside])
        axes.add_patch(
            Polygon(corners, closed=True, facecolor="none", edgecolor="white", linewidth=0.6, linestyle="--")
        )


def _draw_curves(axes: Axes, made: xr.Dataset, plane: Plane) -> None:
    """Draw one curve for each line, with a band of one standard deviation where it is known."""
    name = "intensity" if "intensity" in made else next(iter(made.data_vars))
    deviation = made["uncertainty"] if "uncertainty" in made and name == "intensity" else None
    values, *rest = load([made[name]] if deviation is None else [made[name], deviation])
    curves = values if "line" in values.dims else values.expand_dims("line")
    labels = [str(label) for label in curves["line"].values] if "line" in curves.coords else [plane.title]
    distance = made["distance"].values
    for number, label in enumerate(labels):
        colour, curve = SEVERAL[number % len(SEVERAL)], curves.isel(line=number).values
        axes.plot(distance, curve, color=colour, linewidth=1.2, label=label.lstrip("_"))
        for known in rest:
            error = known.isel(line=number).values
            axes.fill_between(distance, curve - error, curve + error, color=colour, alpha=0.25, linewidth=0)
    note = ", ± 1 std. dev." if rest else ""
    axes.set_xlabel("mm from the dot", fontsize=SIZES["label"])
    axes.set_ylabel(f"{unit_of(values) or plane.unit}{note}".strip(", "), fontsize=SIZES["label"], parse_math=False)
    axes.set_xlim(distance[0], distance[-1])
    axes.tick_params(labelsize=SIZES["small"], length=2, width=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if len(labels) > 1 or labels[0].lstrip("_"):
        legend = axes.legend(
            fontsize=SIZES["small"],
            frameon=False,
            ncols=min(len(labels), 3),
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
        )
        literally(*legend.get_texts())

"""One picture: pixels in mm, the right way up, with title, scale bar, colour bar and a key of greys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xrfsr.core.grid import Grid
from xrfsr.plot.limits import Limits
from xrfsr.plot.pixels import Plane
from xrfsr.plot.scale_bar import add_scale_bar
from xrfsr.plot.style import MAPS, NOT_MEASURED, SIZES, colour_map, literally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["KEY", "add_key", "colour_bar", "draw_map", "draw_pixels", "frame"]

TICK = 0.13  # inches between labels of a colour bar, at least
KEY = {"not measured": NOT_MEASURED}


def draw_pixels(axes: Axes, plane: Plane, **style: Any) -> AxesImage:
    """Draw pixels where they lie in mm, `y` downwards."""
    left, right, bottom, top = plane.extent
    pixels = np.ma.masked_invalid(plane.pixels)
    return axes.imshow(pixels, origin="upper", extent=(left, right, bottom, top), aspect="equal", **style)


def draw_map(axes: Axes, plane: Plane, limits: Limits, *, colours: str = MAPS, bar: str | None = None) -> AxesImage:
    """Draw one map, and its colour bar if it has a label."""
    image = draw_pixels(axes, plane, cmap=colour_map(colours), vmin=limits.low, vmax=limits.high)
    if bar is not None:
        colour_bar(axes, image, bar, limits.extend)
    return image


def frame(
    axes: Axes,
    plane: Plane,
    *,
    title: str = "",
    positions: bool = False,
    scale_bar: bool = True,
    view: Grid | None = None,
) -> None:
    """Finish a picture: title, edges (of a view, or of the map), scale bar, and positions in mm if they are wanted."""
    grid = plane.grid if view is None else view
    (top, bottom), (left, right) = grid.y.edges, grid.x.edges
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    literally(axes.set_title(title, loc="left", fontsize=SIZES["title"]))
    if positions:
        axes.tick_params(labelsize=SIZES["small"], length=2, width=0.5, pad=1.5)
        axes.set_xlabel("x in mm", fontsize=SIZES["small"], labelpad=1)
        axes.set_ylabel("y in mm", fontsize=SIZES["small"], labelpad=1)
    else:
        axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_linewidth(0.5)
    if scale_bar:
        add_scale_bar(axes)


def colour_bar(axes: Axes, image: Any, label: str, extend: str = "neither") -> Any:
    """Add a colour bar as tall as the picture, to its right."""
    from matplotlib.ticker import MaxNLocator

    figure: Any = axes.figure.figure  # also of axes in a subfigure
    left, right, bottom, top = image.get_extent()
    tall = abs((bottom - top) / (right - left))
    if figure.get_layout_engine() is not None:
        # Inset axes are as tall as the picture, and the layout engine makes room for them.
        wide = 0.05 * min(max(1.0, tall), 4.0)
        place: dict[str, Any] = {"cax": axes.inset_axes((1 + 0.6 * wide, 0.0, wide, 1.0))}
    else:
        # Nobody makes room, so it comes from the axes.
        place = {"ax": axes, "fraction": min(0.046 * tall, 0.15), "pad": 0.04}
    bar = figure.colorbar(image, extend=extend, extendfrac=0.04, **place)
    if image.norm.vmin <= 0:  # a linear scale
        box = axes.get_position()
        inches = min(box.height * figure.get_figheight(), tall * box.width * figure.get_figwidth())
        bar.locator = MaxNLocator(min(5, max(1, int(inches / TICK))))
        bar.update_ticks()
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=SIZES["small"], length=2, width=0.5, pad=1.5)
    bar.ax.yaxis.get_offset_text().set_fontsize(SIZES["small"])
    bar.set_label(label, fontsize=SIZES["label"], parse_math=False)
    return bar


def add_key(axes: Axes, colours: Mapping[str, str], *, above: bool = False) -> None:
    """Say what colours mean that are not on the colour bar: below the picture, or above it beside the title."""
    from matplotlib.patches import Patch

    place: Any = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0)}
    if above:
        place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
    legend = axes.legend(
        handles=[Patch(facecolor=colour, edgecolor="none", label=text) for text, colour in colours.items()],
        **place,
        ncols=len(colours),
        fontsize=SIZES["small"],
        frameon=False,
        borderpad=0.2,
        borderaxespad=0.1,
        handlelength=0.9,
        handletextpad=0.4,
        columnspacing=0.9,
    )
    literally(*legend.get_texts())

"""Figures of Bokeh: the axes of the map, with zoom and pan, and the profile."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import import_optional
from xrfsr.plot.style import MAPS, TRUST

__all__ = ["COLOURS", "bokeh_script", "colour_table", "figure_items"]

COLOURS = {"fine": MAPS, "coarse": MAPS, "uncertainty": TRUST, "support": TRUST}
INK, FINE, COARSE = "#262626", "#b5367a", "#4d4d4d"


def colour_table(name: str) -> NDArray[np.uint8]:
    """Return a colour map, shape (256, 3)."""
    colours = getattr(_bokeh("palettes"), f"{name.capitalize()}256")
    return np.array([[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in colours], np.uint8)


@cache
def bokeh_script() -> str:
    """Return the script of Bokeh itself, which every page contains."""
    return Path(_bokeh("util.paths").bokehjs_path(), "js", "bokeh.min.js").read_text(encoding="utf-8")


@cache
def figure_items() -> dict[str, Any]:
    """Return the figures as plain values that the page gives to ``Bokeh.embed.embed_item``; they have no data yet."""
    plain = _bokeh("themes").Theme(json={})  # whatever theme a notebook has chosen
    figures = {"map": _map_figure(), "profile": _profile_figure()}
    return {name: _bokeh("embed").json_item(figure, theme=plain) for name, figure in figures.items()}


def _bokeh(module: str) -> Any:
    return import_optional(f"bokeh.{module}", "HTML reports", "report")


def _map_figure() -> Any:
    models = _bokeh("models")
    plot = _bokeh("plotting").figure(
        name="map",
        x_range=models.Range1d(0, 1),
        y_range=models.Range1d(1, 0),
        tools="pan,wheel_zoom",
        active_drag="pan",
        active_scroll="wheel_zoom",
    )
    # The pictures are on a canvas below this one.
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    ends = models.ColumnDataSource({"x": [], "y": [], "name": []}, name="path")
    plot.line("x", "y", source=ends, line_color="black", line_width=5, line_alpha=0.6)
    plot.line("x", "y", source=ends, line_color="white", line_width=2)
    plot.scatter("x", "y", source=ends, marker="circle", size=9, fill_color="white", line_color="black", line_width=2)
    letters = {"text_color": "white", "text_font_style": "bold", "text_font_size": "14px"}
    behind = {"background_fill_color": "black", "background_fill_alpha": 0.7, "padding": 3}
    plot.text("x", "y", text="name", source=ends, x_offset=10, y_offset=-8, **letters, **behind)
    plot.grid.visible = False
    return _styled(plot, "x in mm", "y in mm")


def _profile_figure() -> Any:
    plot = _bokeh("plotting").figure(name="profile", tools="")
    source = _bokeh("models").ColumnDataSource
    fine = source({name: [] for name in ("distance", "fine", "low", "high")}, name="along-fine")
    coarse = source({name: [] for name in ("distance", "coarse")}, name="along-coarse")
    plot.varea("distance", "low", "high", source=fine, fill_color=FINE, fill_alpha=0.25)
    plot.line("distance", "coarse", source=coarse, line_color=COARSE, line_width=2, line_dash="dashed")
    plot.line("distance", "fine", source=fine, line_color=FINE, line_width=2)
    plot.grid.grid_line_color = "#e3e3e3"
    return _styled(plot, "distance from A in mm", "")


def _styled(plot: Any, x: str, y: str) -> Any:
    plot.toolbar_location = None
    plot.sizing_mode = "stretch_both"
    plot.outline_line_color = None
    plot.lod_threshold = None
    plot.min_border_right = 16
    for axis, label in ((plot.xaxis[0], x), (plot.yaxis[0], y)):
        axis.axis_label = label
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "13px"
        axis.axis_label_text_color = axis.major_label_text_color = INK
        axis.minor_tick_line_color = None
    return plot

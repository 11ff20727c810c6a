"""Figures of a painting in Bokeh: one with two pictures and a wipe between them, and small ones side by side."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from xrfsr.exploration.colours import Scale, palette
from xrfsr.exploration.sampling import Window
from xrfsr.exploration.scene import Picture
from xrfsr.plot.style import MAPS, NOT_MEASURED, SEVERAL

__all__ = ["ACCENT", "HALO", "Ranges", "SmallFigure", "WipeFigure", "callback", "handle_tools", "painting_figure"]

ACCENT, HALO = SEVERAL[5], "#000000"  # what is drawn: light blue on black, seen on dark and light paint
COLUMNS = 800  # of a picture, at least, so that the wipe moves smoothly over coarse pixels
EMPTY: dict[str, list[Any]] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}


@cache
def script(name: str) -> str:
    """Return the text of a script that runs in the browser."""
    return Path(__file__).with_name("scripts").joinpath(f"{name}.js").read_text(encoding="utf-8")


def callback(*names: str, **arguments: Any) -> Any:
    """Return scripts, one after the other, with the models that they use."""
    from bokeh.models import CustomJS

    return CustomJS(args=arguments, code="\n".join(map(script, names)))


class Ranges:
    """Millimetres in view, which all figures of a page share, and the mouse over them."""

    def __init__(self, whole: Window) -> None:
        from bokeh.models import ColumnDataSource, Range1d, Span

        self.whole = whole
        margin = 0.05 * max(whole.right - whole.left, whole.bottom - whole.top)
        self.x = Range1d(whole.left, whole.right, bounds=(whole.left - margin, whole.right + margin))
        # Positions grow downwards, as rows do.
        self.y = Range1d(whole.bottom, whole.top, bounds=(whole.top - margin, whole.bottom + margin))
        self.view = ColumnDataSource({name: [getattr(whole, name)] for name in whole._fields})
        self.pointer = ColumnDataSource({"x": [], "y": []})
        self.follow(callback("view", view=self.view, x_range=self.x, y_range=self.y))
        self.cross = [Span(dimension=way, line_color=ACCENT, line_alpha=0.7) for way in ("width", "height")]

    def follow(self, script: Any) -> None:
        """Run a script in the browser when what is in view changes."""
        for each in (self.x, self.y):
            each.js_on_change("start", script)
            each.js_on_change("end", script)


def painting_figure(ranges: Ranges, size: int, title: str, axes: tuple[str, str] = ("x in mm", "y in mm")) -> Any:
    """Return an empty figure with equal millimetres in both directions, its longer side `size` pixels of a screen."""
    from bokeh.models import BoxZoomTool, CrosshairTool, PanTool, ResetTool, WheelZoomTool
    from bokeh.plotting import figure

    whole = ranges.whole
    width, height = whole.right - whole.left, whole.bottom - whole.top
    unit = size / max(width, height)
    wheel, pan = WheelZoomTool(maintain_focus=False), PanTool()
    made = figure(
        frame_width=max(60, round(width * unit)),
        frame_height=max(60, round(height * unit)),
        x_range=ranges.x,
        y_range=ranges.y,
        tools=[pan, wheel, BoxZoomTool(match_aspect=True), ResetTool(), CrosshairTool(overlay=ranges.cross)],
        active_drag=pan,
        active_scroll=wheel,
        toolbar_location="above",
        background_fill_color=NOT_MEASURED,
        title=title,
        x_axis_label=axes[0],
        y_axis_label=axes[1],
        name=title,
    )
    made.toolbar.logo = None
    made.grid.visible = False
    made.js_on_event("mousemove", callback("pointer", pointer=ranges.pointer))
    return made


def handle_tools(figure: Any, handles: list[Any], wipe: Any = None, wipe_handle: Any = None) -> None:
    """Let a drag that begins on a point of `handles` move it, and any other drag move the picture."""
    from bokeh.models import PanTool

    (pan,) = figure.select({"type": PanTool})
    sources = [*handles, *([] if wipe_handle is None else [wipe_handle])]
    figure.js_on_event("mousemove", callback("handle_near", "handle_hover", pan=pan, handles=sources))
    figure.js_on_event("panstart", callback("handle_near", "handle_start", pan=pan, handles=sources))
    figure.js_on_event("pan", callback("handle_move", pan=pan, wipe=wipe, wipe_handle=wipe_handle))
    figure.js_on_event("panend", callback("handle_end", pan=pan, wipe_handle=wipe_handle))


def _columns(picture: Picture | None, least: int = 1) -> dict[str, list[Any]]:
    """Return a picture as the data of a source, its columns repeated if they are few."""
    if picture is None:
        return {name: list(each) for name, each in EMPTY.items()}
    window = picture.window
    repeats = max(1, -(-least // picture.pixels.shape[1]))
    return {
        "image": [np.ascontiguousarray(picture.pixels.repeat(repeats, axis=1))],
        "x": [window.left],
        "y": [window.top],
        "dw": [window.right - window.left],
        "dh": [window.bottom - window.top],
    }


def _image(figure: Any, source: Any) -> Any:
    return figure.image_rgba("image", "x", "y", "dw", "dh", source=source, level="image")


def _colour_bar(figure: Any, place: str) -> Any:
    from bokeh.models import ColorBar, LinearColorMapper

    bar = ColorBar(
        color_mapper=LinearColorMapper(palette(MAPS), low=0, high=1), width=12, padding=6, margin=8, visible=False
    )
    figure.add_layout(bar, place)
    return bar


def _set_scale(bar: Any, scale: Scale | None) -> None:
    bar.visible = scale is not None
    if scale is not None:
        bar.color_mapper.update(palette=palette(scale.colours), low=scale.low, high=scale.high)
        bar.title = scale.title


class SmallFigure:
    """One picture with its colour bar."""

    def __init__(self, ranges: Ranges, size: int, title: str, axes: tuple[str, str] = ("x in mm", "y in mm")) -> None:
        from bokeh.models import ColumnDataSource

        self.figure = painting_figure(ranges, size, title, axes)
        self.figure.min_border_right = 85  # the same with a colour bar and without
        self._source = ColumnDataSource(_columns(None))
        _image(self.figure, self._source)
        self._bar = _colour_bar(self.figure, "right")

    def show(self, picture: Picture | None) -> None:
        """Show another picture."""
        self._source.data = _columns(picture)
        _set_scale(self._bar, None if picture is None else picture.scale)


class WipeFigure:
    """Two pictures, the left one up to a line that can be moved; the browser does it without asking Python."""

    def __init__(self, ranges: Ranges, size: int) -> None:
        from bokeh.models import ColumnDataSource, Label, NumericInput, Span

        whole = ranges.whole
        self.figure = painting_figure(ranges, size, "Wipe")
        self.figure.title.visible = False
        middle = (whole.left + whole.right) / 2
        self._right = ColumnDataSource(_columns(None))
        self._full = ColumnDataSource(_columns(None))
        self._shown = ColumnDataSource(_columns(None))
        _image(self.figure, self._right)
        _image(self.figure, self._shown)
        # A field for the keyboard; sliders and spinners of Bokeh have parts without a name for screen readers.
        self.wipe = NumericInput(
            low=whole.left, high=whole.right, value=middle, mode="float", title="Wipe: left picture up to x, mm",
            format="0.00", width=210, name="wipe",
        )  # fmt: skip
        line = Span(location=middle, dimension="height", line_color="white", line_width=2)
        self.figure.add_layout(line)
        self.handle = ColumnDataSource({"x": [middle], "y": [whole.bottom - 0.06 * (whole.bottom - whole.top)]})
        self.figure.scatter(
            "x",
            "y",
            source=self.handle,
            marker="circle",
            size=18,
            fill_color="white",
            line_color="#444",
            level="overlay",
        )
        redraw = callback("wipe", full=self._full, shown=self._shown, wipe=self.wipe, span=line, handle=self.handle)
        self.wipe.js_on_change("value", redraw)
        self._full.js_on_change("data", redraw)
        ranges.follow(callback("handle_view", y_range=ranges.y, handle=self.handle))
        style = {
            "y": 6, "x_units": "screen", "y_units": "screen", "text_font_size": "13px", "text_color": "white",
            "background_fill_color": "#222222", "background_fill_alpha": 0.75, "padding": 4,
        }  # fmt: skip
        top = self.figure.frame_height - 28
        self._labels = [
            Label(x=6, **style | {"y": top}),
            Label(x=self.figure.frame_width - 6, text_align="right", **style | {"y": top}),
        ]
        for label in self._labels:
            self.figure.add_layout(label)
        self._bars = [_colour_bar(self.figure, place) for place in ("left", "right")]

    def show(self, names: tuple[str, str], pictures: tuple[Picture | None, Picture | None]) -> None:
        """Show other pictures, the left one first."""
        left, right = (_columns(each, COLUMNS) for each in pictures)
        self._right.data = right
        if not self._shown.data["image"]:
            self._shown.data = _cut(left, self.wipe.value)
        self._full.data = left
        for label, name, picture in zip(self._labels, names, pictures, strict=True):
            label.text = name if picture is not None else f"{name}: none of this line"
        scales = [None if each is None else each.scale for each in pictures]
        for bar, scale, other in zip(self._bars, scales, (scales[1], None), strict=True):
            _set_scale(bar, None if scale == other else scale)


def _cut(left: dict[str, list[Any]], at: float) -> dict[str, list[Any]]:
    """Return a picture up to a position, as the browser will cut it from the first change on."""
    if not left["image"]:
        return left
    (image,), (start,), (width,) = left["image"], left["x"], left["dw"]
    kept = int(np.clip(round((at - start) / width * image.shape[1]), 1, image.shape[1]))
    return left | {"image": [np.ascontiguousarray(image[:, :kept])], "dw": [width * kept / image.shape[1]]}

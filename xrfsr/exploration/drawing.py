"""Drawing a profile and regions on the pictures: what clicks, drags and controls do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xrfsr.errors import InvalidInput
from xrfsr.exploration.display import panel
from xrfsr.exploration.figures import ACCENT, HALO
from xrfsr.exploration.tables import message

if TYPE_CHECKING:
    from xrfsr.exploration.explorer import Explorer

__all__ = ["Drawing"]

LOOK, PROFILE, REGION = "Look", "Draw a profile", "Draw a region"
HELP = {
    LOOK: "Drag to pan, turn the wheel to zoom; drag white or blue dots to move them.",
    PROFILE: "Click the start of the line, then its end.",
    REGION: "Click the corners, at least three; a double click sets the last one.",
}
NEAR = 1e-6  # mm; two clicks at one place are one corner


class Drawing:
    """Lines, corners and names over the pictures of one page, and the controls for them."""

    def __init__(self, view: Explorer) -> None:
        from bokeh.models import ColumnDataSource

        pn = panel()
        self.view = view
        self.draft: list[tuple[float, float]] = []
        self._ends = ColumnDataSource({"x": [], "y": []})
        self._corners = ColumnDataSource({"x": [], "y": []})
        self._draft = ColumnDataSource({"x": [], "y": []})
        self._regions = ColumnDataSource({"xs": [], "ys": [], "x": [], "y": [], "name": []})
        self.handles = [self._ends, self._corners]
        self._ends.on_change("data", lambda attr, old, new: self._moved_end(new))
        self._corners.on_change("data", lambda attr, old, new: self._moved_corner(new))
        self.task = pn.widgets.RadioButtonGroup(label="Mouse", options=[LOOK, PROFILE, REGION], value=LOOK)
        self.help = pn.pane.HTML(message(HELP[LOOK]))
        self.fault = pn.pane.HTML("", visible=False)
        self.width = pn.widgets.TextInput(label="Width of the profile, mm", placeholder="line alone", width=170)
        self.clear = pn.widgets.Button(label="Remove profile", width=130)
        self.name = pn.widgets.TextInput(label="Name of the region", placeholder="region 1", width=150)
        self.close = pn.widgets.Button(label="Finish region", color="primary", width=120, visible=False)
        self.chosen = pn.widgets.Select(label="Region to edit", options=[], width=150)
        self.remove = pn.widgets.Button(label="Remove region", width=130)
        self.task.param.watch(lambda _: self._new_task(), "value")
        self.width.param.watch(lambda _: self._set_profile(), "value")
        self.chosen.param.watch(lambda _: self._show_corners(), "value")
        self.clear.on_click(lambda _: self.view.remove_profile())
        self.close.on_click(lambda _: self._finish())
        self.remove.on_click(lambda _: self.view.remove_region(self.chosen.value))
        self.clear.align = self.close.align = self.remove.align = "end"
        self.profile_row = pn.Row(self.width, self.clear)
        self.region_row, self.edit_row = pn.Row(self.name, self.close), pn.Row(self.chosen, self.remove)
        self.controls = pn.Column(self.task, self.help, self.fault, self.profile_row, self.region_row, self.edit_row)

    def add_to(self, figure: Any) -> None:
        """Draw on a figure, and take its clicks."""
        outline = {"line_color": ACCENT, "line_width": 2}
        for colour, width in ((HALO, 4), (ACCENT, 2)):
            figure.patches("xs", "ys", source=self._regions, fill_alpha=0.0, line_color=colour, line_width=width)
            figure.line("x", "y", source=self._ends, line_color=colour, line_width=width)
            figure.line("x", "y", source=self._draft, line_color=colour, line_width=width)
        figure.text(
            "x", "y", "name", source=self._regions, text_color="white", text_font_size="13px", text_align="center",
            text_baseline="middle", background_fill_color="#222222", background_fill_alpha=0.6, padding=2,
        )  # fmt: skip
        figure.scatter("x", "y", source=self._draft, size=8, fill_color=ACCENT, line_color="black")
        for source in self.handles:
            figure.scatter("x", "y", source=source, size=11, fill_color="white", **outline)
        figure.on_event("tap", lambda event: self._clicked(event.y, event.x))
        figure.on_event("doubletap", lambda event: self._finish(event.y, event.x))

    def _new_task(self) -> None:
        self.draft.clear()
        self.help.object = message(HELP[self.task.value])
        self.say("")
        self.update()

    def say(self, text: str) -> None:
        """Show what is wrong, or nothing."""
        self.fault.object, self.fault.visible = message(text, fault=True), bool(text)

    def _clicked(self, y: float | None, x: float | None) -> None:
        if y is None or x is None or self.task.value == LOOK:
            return
        if self.draft and np.hypot(self.draft[-1][0] - y, self.draft[-1][1] - x) < NEAR:
            return
        self.draft.append((y, x))
        if self.task.value == PROFILE and len(self.draft) == 2:
            start, end = self.draft
            self.draft.clear()
            self._try(lambda: self.view.draw_profile(start, end, width=self._width()))
        self.update()

    def _finish(self, y: float | None = None, x: float | None = None) -> None:
        if self.task.value != REGION or not self.draft:
            return
        if y is not None:
            self._clicked(y, x)
        corners = list(self.draft)
        if len(corners) < 3:
            self.say("A region needs at least three corners.")
            return
        self.draft.clear()
        named = self.name.value.strip() or None
        made: list[str] = []
        self._try(lambda: made.append(self.view.add_region(corners, named)))
        if made:
            self.chosen.value = made[0]
            self.name.value = ""
        self.update()

    def _try(self, change: Any) -> None:
        """Change something, and show the faults if it is refused."""
        try:
            change()
        except InvalidInput as error:
            self.say(" ".join(error.faults))
            self.update()
        else:
            self.say("")

    def _width(self) -> Any:
        """Return the width as it was written: a number of mm, a text with a unit, or None."""
        written = str(self.width.value).strip()
        try:
            return float(written) if written else None
        except ValueError:
            return written

    def _set_profile(self) -> None:
        if self.view.ends is not None:
            start, end = self.view.ends
            self._try(lambda: self.view.draw_profile(start, end, width=self._width()))

    def _moved_end(self, data: dict[str, Any]) -> None:
        ends = _pairs(data)
        if len(ends) == 2 and self.view.ends is not None and ends != list(self.view.ends):
            self._try(lambda: self.view.draw_profile(ends[0], ends[1], width=self.view.width))

    def _moved_corner(self, data: dict[str, Any]) -> None:
        name, corners = self.chosen.value, _pairs(data)
        held = self.view.polygons.get(name)
        if held is not None and len(corners) == len(held) and not np.array_equal(held, corners):
            self._try(lambda: self.view.add_region(corners, name))

    def update(self) -> None:
        """Show the present profile and regions."""
        polygons = self.view.polygons
        self._ends.data = _columns(self.view.ends or ())
        self._draft.data = _columns(self.draft)
        middles = [(each.min(axis=0) + each.max(axis=0)) / 2 for each in polygons.values()]
        self._regions.data = {
            "xs": [each[:, 1].tolist() for each in polygons.values()],
            "ys": [each[:, 0].tolist() for each in polygons.values()],
            "x": [float(each[1]) for each in middles],
            "y": [float(each[0]) for each in middles],
            "name": list(polygons),
        }
        if list(self.chosen.options) != list(polygons):
            self.chosen.options = list(polygons)
        if self.chosen.value not in polygons:
            self.chosen.value = next(reversed(polygons), None)
        self.profile_row.visible = self.task.value == PROFILE or self.view.ends is not None
        self.clear.visible = self.view.ends is not None
        self.region_row.visible = self.task.value == REGION
        self.close.visible = len(self.draft) >= 3
        self.edit_row.visible = bool(polygons)
        self._show_corners()

    def _show_corners(self) -> None:
        self._corners.data = _columns(self.view.polygons.get(self.chosen.value, ()))


def _pairs(data: dict[str, Any]) -> list[tuple[float, float]]:
    return [(float(y), float(x)) for y, x in zip(data["y"], data["x"], strict=True)]


def _columns(pairs: Any) -> dict[str, list[float]]:
    return {"x": [float(x) for _, x in pairs], "y": [float(y) for y, _ in pairs]}

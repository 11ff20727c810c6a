"""Page of `xrfsr.explore`: its controls, its figures, and what happens when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xrfsr.core.photo import BANDS
from xrfsr.errors import InvalidInput
from xrfsr.exploration.display import panel
from xrfsr.exploration.drawing import Drawing
from xrfsr.exploration.figures import Ranges, SmallFigure, WipeFigure, handle_tools
from xrfsr.exploration.profile_plot import ProfilePlot
from xrfsr.exploration.sampling import Window
from xrfsr.exploration.scene import COMPOSITE, FINE, PHOTO, SCAN, Picture, Scene
from xrfsr.exploration.tables import message, readout, statistics_table

if TYPE_CHECKING:
    from xrfsr.exploration.explorer import Explorer

__all__ = ["explorer_page"]

LARGE, SMALL, BESIDE = 620, 235, 450  # pixels of the screen: long sides of figures, and the column next to them
WIPE, SIDE_BY_SIDE = "Wipe", "Side by side"
MARGIN = 0.5  # of a view that is sampled on every side of it, so that short pans show something
NONE = "none"
THIS, ALL = "Table of this line", "Table of all lines"


def explorer_page(view: Explorer, scene: Scene) -> Any:
    """Return a new page for the state of an exploration."""
    return _Page(view, scene).layout


class _Page:
    def __init__(self, view: Explorer, scene: Scene) -> None:
        pn = panel()
        self.view, self.scene = view, scene
        layers = scene.layers
        self.line = pn.widgets.Select(label="Line", options=scene.lines, width=110)
        first, second = (PHOTO if PHOTO in layers else SCAN if SCAN in layers else FINE), FINE
        self.left = pn.widgets.Select(label="Left picture", options=layers, value=first, width=170)
        self.right = pn.widgets.Select(label="Right picture", options=layers, value=second, width=170)
        self.mode = pn.widgets.RadioButtonGroup(label="View", options=[WIPE, SIDE_BY_SIDE])
        chosen = dict(zip(BANDS, [*scene.lines[:3], NONE, NONE], strict=False))
        self.colours = {
            band: pn.widgets.Select(label=band.capitalize(), options=[NONE, *scene.lines], value=line, width=100)
            for band, line in chosen.items()
        }
        self.ranges = Ranges(scene.whole)
        self.window = scene.whole
        self.wipe = WipeFigure(self.ranges, LARGE)
        self.small = {layer: SmallFigure(self.ranges, SMALL, layer) for layer in layers}
        self.drawing = Drawing(view)
        self.profile = ProfilePlot(BESIDE, 260)
        for figure in (self.wipe.figure, *(each.figure for each in self.small.values())):
            self.drawing.add_to(figure)
        handle_tools(self.wipe.figure, self.drawing.handles, self.wipe.wipe, self.wipe.handle)
        for each in self.small.values():
            handle_tools(each.figure, self.drawing.handles)
        self.readout = pn.pane.HTML(message("Move the mouse over a picture to read its values."), width=BESIDE)
        self.table = pn.pane.HTML("", width=BESIDE)
        self.every = pn.widgets.RadioButtonGroup(options=[THIS, ALL], value=THIS)  # a checkbox of Panel has no label
        self._connect()
        self.layout = self._layout(pn)
        self.refresh()
        self.show_drawn()

    def _connect(self) -> None:
        for widget in (self.line, self.left, self.right, self.mode, *self.colours.values()):
            widget.param.watch(lambda _: self.refresh(), "value")
        for widget in (self.line, self.every):
            widget.param.watch(lambda _: self.show_drawn(), "value")
        self.ranges.view.on_change("data", lambda attr, old, new: self._moved(new))
        self.ranges.pointer.on_change("data", lambda attr, old, new: self._pointed(new))
        forget = self.view.listen(self.drawn)
        state = panel().state
        self.document = state.curdoc
        if state.curdoc is not None and state.curdoc.session_context is not None:
            state.on_session_destroyed(lambda context: forget())

    def _layout(self, pn: Any) -> Any:
        from bokeh.layouts import column, row

        self.composite = pn.Row(*self.colours.values(), visible=False)
        self.large = pn.Column(pn.pane.Bokeh(column(self.wipe.figure, self.wipe.wipe)))
        small = [each.figure for each in self.small.values()]
        rows = [row(*small[start : start + 2]) for start in range(0, len(small), 2)]
        self.grid = pn.Column(pn.pane.Bokeh(column(*rows)), visible=False)
        beside = pn.Column(
            self.readout, self.drawing.controls, self.profile_pane(pn), self.every, self.table, width=BESIDE + 20
        )
        top = pn.Row(self.line, self.left, self.right, pn.Column(pn.pane.HTML("View"), self.mode), self.composite)
        return pn.Column(top, pn.FlexBox(pn.Column(self.large, self.grid), beside, align_items="start"))

    def profile_pane(self, pn: Any) -> Any:
        """Return the pane of the profile, which is hidden until a line is drawn."""
        self.profile_box = pn.Column(pn.pane.Bokeh(self.profile.figure), visible=False)
        return self.profile_box

    def picture(self, layer: str) -> Picture | None:
        """Return what a layer shows of the present window."""
        colours = {band: None if each.value == NONE else each.value for band, each in self.colours.items()}
        return self.scene.picture(layer, self.line.value, colours, self.window)

    def refresh(self) -> None:
        """Show the chosen pictures; only these are computed."""
        wiping = self.mode.value == WIPE
        self.large.visible, self.grid.visible = wiping, not wiping
        self.left.disabled = self.right.disabled = not wiping
        self.composite.visible = not wiping or COMPOSITE in (self.left.value, self.right.value)
        if wiping:
            names = self.left.value, self.right.value
            shown = [f"{name}, {self.line.value}" if name not in (PHOTO, COMPOSITE) else name for name in names]
            self.wipe.show((shown[0], shown[1]), (self.picture(names[0]), self.picture(names[1])))
        else:
            for layer, figure in self.small.items():
                figure.show(self.picture(layer))

    def _moved(self, view: dict[str, Any]) -> None:
        whole = self.scene.whole
        wanted = Window(*(float(view[name][0]) for name in Window._fields)).grown(MARGIN)
        low, high = ((whole.top, whole.left), (whole.bottom, whole.right))
        top, left = max(wanted.top, low[0]), max(wanted.left, low[1])
        bottom, right = min(wanted.bottom, high[0]), min(wanted.right, high[1])
        if top < bottom and left < right:
            window = Window(top, bottom, left, right)
            if window != self.window:
                self.window = window
                self.refresh()

    def _pointed(self, at: dict[str, Any]) -> None:
        if not len(at["x"]):
            return
        y, x = float(at["y"][0]), float(at["x"][0])
        values = self.scene.values(self.line.value, y, x)
        self.readout.object = readout(y, x, self.line.value, self.scene.unit, values)

    def drawn(self) -> None:
        """Show what was drawn, from whatever page or program."""
        document, now = self.document, panel().state.curdoc
        if document is not None and now is not document and document.session_context is not None:
            document.add_next_tick_callback(self.show_drawn)
        else:
            self.show_drawn()

    def show_drawn(self) -> None:
        """Show regions, their statistics, and the profile."""
        self.drawing.update()
        line = None if self.every.value == ALL else self.line.value
        found = {name: self.view.statistics(name, line) for name in self.view.polygons}
        self.table.object = statistics_table(found, self.scene.unit) if found else message("No region was drawn yet.")
        self.every.visible = bool(found)
        fine, scan = (self._profile(maps) for maps in (self.scene.fine, self.scene.scan))
        self.profile_box.visible = fine is not None
        self.profile.show(self.line.value, self.scene.unit, fine, scan)

    def _profile(self, maps: Any) -> Any:
        """Return the profile of the line of maps, if they have it there."""
        if maps is None or self.line.value not in maps["line"].values:
            return None
        try:
            found = self.view.profile_of(maps.sel(line=[self.line.value]))
        except InvalidInput:  # the scan ends before the fine maps do
            return None
        one = None if found is None else found.isel(line=0).compute()
        return one if one is not None and np.isfinite(one["intensity"]).any() else None

"""Page of `xrfsr.pick_points`: photo and map side by side, with numbered points on both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_coords
from xrfsr.core.grid import Axis, Grid
from xrfsr.errors import InvalidInput
from xrfsr.exploration.colours import in_colours
from xrfsr.exploration.display import panel
from xrfsr.exploration.figures import ACCENT, Ranges, SmallFigure, handle_tools
from xrfsr.exploration.sampling import Window, sample
from xrfsr.exploration.scene import FINE, Picture, Scene
from xrfsr.exploration.tables import message, number, table
from xrfsr.registration.transform import LEAST_POINTS

if TYPE_CHECKING:
    from xrfsr.exploration.picker import PointPicker, Side

__all__ = ["picker_page"]

SIZE = 450  # pixels of the screen
MARGIN = 0.5
LEAST = LEAST_POINTS["affine"]
WRONG = "#D55E00"


def picker_page(picker: PointPicker, photo: NDArray[np.float32], scene: Scene, line: str) -> Any:
    """Return a new page for the state of a picker."""
    return _Page(picker, photo, scene, line).layout


class _Picture:
    """One side: its figure, its points, and the conversion from what the figure counts to pixels."""

    def __init__(self, page: _Page, side: Side, grid: Grid, title: str, axes: tuple[str, str]) -> None:
        from bokeh.models import ColumnDataSource

        self.page, self.side, self.grid = page, side, grid
        self.ranges = Ranges(Window.of(grid))
        self.window = self.ranges.whole
        self.shown = SmallFigure(self.ranges, SIZE, title, axes)
        figure = self.shown.figure
        self.points = ColumnDataSource({"x": [], "y": [], "number": [], "colour": []})
        figure.scatter("x", "y", source=self.points, marker="cross", size=22, line_color="black", line_width=4)
        figure.scatter("x", "y", source=self.points, marker="cross", size=20, line_color="colour", line_width=2)
        figure.text(
            "x", "y", "number", source=self.points, x_offset=8, y_offset=-4, text_color="white", text_font_size="14px",
            background_fill_color="#222222", background_fill_alpha=0.75, padding=2,
        )  # fmt: skip
        handle_tools(figure, [self.points])
        figure.on_event("tap", lambda event: page.clicked(self, event.x, event.y))
        self.points.on_change("data", lambda attr, old, new: page.moved(self, new))
        self.ranges.view.on_change("data", lambda attr, old, new: page.zoomed(self, new))

    def to_pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel (column, row) at a position of the figure."""
        return (x - self.grid.x.first) / self.grid.x.step, (y - self.grid.y.first) / self.grid.y.step

    def to_figure(self, column: float, row: float) -> tuple[float, float]:
        """Return the position of a pixel on the figure."""
        return self.grid.x.first + column * self.grid.x.step, self.grid.y.first + row * self.grid.y.step


class _Page:
    def __init__(self, picker: PointPicker, photo: NDArray[np.float32], scene: Scene, line: str) -> None:
        pn = panel()
        self.picker, self.scene = picker, scene
        pixels = Grid(Axis(photo.shape[1], 1.0, 0.0), Axis(photo.shape[2], 1.0, 0.0))
        self.photo = xr.DataArray(photo, grid_coords(pixels), ("band", "y", "x"))
        self.line = pn.widgets.Select(label="Line", options=scene.lines, value=line, width=120)
        self.sides = {
            "photo": _Picture(self, "photo", pixels, "Photo", ("column", "row")),
            "scan": _Picture(self, "scan", scene.grid, "Map", ("x in mm", "y in mm")),
        }
        self.help = pn.pane.HTML("")
        self.table = pn.pane.HTML("")
        self.fault = pn.pane.HTML("")
        self.chosen = pn.widgets.Select(label="Point", options=[], width=90)
        self.remove = pn.widgets.Button(label="Delete point", width=120, align="end")
        self.line.param.watch(lambda _: self.refresh("scan"), "value")
        self.remove.on_click(lambda _: self._remove())
        self.edit = pn.Row(self.chosen, self.remove)
        figures = [pn.pane.Bokeh(each.shown.figure) for each in self.sides.values()]
        self.layout = pn.Column(
            pn.Row(self.line, pn.Column(pn.Spacer(height=8), self.help)), pn.FlexBox(*figures), self.fault,
            pn.FlexBox(self.table, self.edit),
        )  # fmt: skip
        forget = picker.listen(self.drawn)
        self.document = pn.state.curdoc
        if self.document is not None and self.document.session_context is not None:
            pn.state.on_session_destroyed(lambda context: forget())
        for side in self.sides:
            self.refresh(side)
        self.show_points()

    def refresh(self, side: str) -> None:
        """Show a picture of what is in view."""
        this = self.sides[side]
        picture: Picture | None
        if side == "scan":
            picture = self.scene.picture(FINE, self.line.value, {}, this.window)
        else:
            found = sample({"rgb": self.photo}, this.grid, this.window)
            picture = None if found is None else Picture(in_colours(found.maps["rgb"]), found.window, None)
        this.shown.show(picture)

    def zoomed(self, this: _Picture, view: dict[str, Any]) -> None:
        """Sample what came into view."""
        whole = this.ranges.whole
        wanted = Window(*(float(view[name][0]) for name in Window._fields)).grown(MARGIN)
        window = Window(
            max(wanted.top, whole.top), min(wanted.bottom, whole.bottom),
            max(wanted.left, whole.left), min(wanted.right, whole.right),
        )  # fmt: skip
        if window != this.window and window.top < window.bottom and window.left < window.right:
            this.window = window
            self.refresh(this.side)

    def clicked(self, this: _Picture, x: float | None, y: float | None) -> None:
        """Set a point."""
        if x is not None and y is not None:
            self._try(lambda: self.picker.set(this.side, *this.to_pixel(x, y)))

    def moved(self, this: _Picture, data: dict[str, Any]) -> None:
        """Move the point that was dragged."""
        pairs = self.picker.pairs
        for name, x, y in zip(data["number"], data["x"], data["y"], strict=True):
            held = getattr(pairs[int(name) - 1], this.side) if int(name) <= len(pairs) else None
            if held is not None and not np.allclose(this.to_figure(*held), (x, y), rtol=0, atol=1e-9):
                self._move(int(name), this, x, y)
                return

    def _move(self, number: int, this: _Picture, x: float, y: float) -> None:
        self._try(lambda: self.picker.move(number, this.side, *this.to_pixel(x, y)))

    def _remove(self) -> None:
        if self.chosen.value is not None:
            self._try(lambda: self.picker.remove(int(self.chosen.value)))

    def _try(self, change: Any) -> None:
        try:
            change()
        except InvalidInput as error:
            self.show_points()
            self.fault.object = message(" ".join(error.faults), fault=True)

    def drawn(self) -> None:
        """Show the points, from whatever page or program they come."""
        document, now = self.document, panel().state.curdoc
        if document is not None and now is not document and document.session_context is not None:
            document.add_next_tick_callback(self.show_points)
        else:
            self.show_points()

    def show_points(self) -> None:
        """Show points and residuals."""
        picker, pairs = self.picker, self.picker.pairs
        residuals = iter(picker.residuals.tolist())
        errors = [round(next(residuals), 6) if each.photo and each.scan else np.nan for each in pairs]
        known = [each for each in errors if np.isfinite(each)]
        worst = max(known, default=np.nan)
        for side, this in self.sides.items():
            held = [(k, getattr(pair, side)) for k, pair in enumerate(pairs, 1) if getattr(pair, side)]
            places = [this.to_figure(*point) for _, point in held]
            this.points.data = {
                "x": [x for x, _ in places],
                "y": [y for _, y in places],
                "number": [str(k) for k, _ in held],
                "colour": [WRONG if len(known) > LEAST and errors[k - 1] == worst > 0 else ACCENT for k, _ in held],
            }
        rows = [
            [str(k), _text(pair.photo), _text(pair.scan), f"{number(error, 3)} mm" if np.isfinite(error) else "–"]
            for k, (pair, error) in enumerate(zip(pairs, errors, strict=True), 1)
        ]
        headings = ["point", "photo (column, row)", "map (column, row)", "residual"]
        self.table.object = table(headings, rows, "Control points") if rows else ""
        self.fault.object = message(picker.problem, fault=True)
        names = [str(k) for k in range(1, len(pairs) + 1)]
        if list(self.chosen.options) != names:
            self.chosen.options = names
            self.chosen.value = names[-1] if names else None
        self.edit.visible = bool(names)
        self.help.object = message(self._advice(len(picker.points), known))

    def _advice(self, complete: int, known: list[float]) -> str:
        """Return what to do next."""
        side = self.picker.next_side()
        if side is not None:
            todo = f"Click point {len(self.picker.pairs)} on the {'map' if side == 'scan' else 'photo'}."
        else:
            todo = f"Click a detail on the photo or the map to begin point {complete + 1}. Drag a point to move it."
        if known and self.picker.model:
            error = round(float(np.sqrt(np.mean(np.square(known)))), 6)
            todo += f" {complete} points, {self.picker.model}: residuals {number(error, 3)} mm (root mean square)."
        elif complete < LEAST:
            todo += f" At least {LEAST} points are needed, six or more near the corners are better."
        return todo


def _text(point: tuple[float, float] | None) -> str:
    return "–" if point is None else f"{point[0]:.1f}, {point[1]:.1f}"

"""Overview figure: photo, scan, fine maps and truth, one row per line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.choice import choose_line
from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.labels import label_list
from xrfsr.core.lines import parse_all, try_parse
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.display import INCH, PAGE, new_figure, require_matplotlib
from xrfsr.plot.limits import Limits, extension, limits_of
from xrfsr.plot.pictures import draw_pixels
from xrfsr.plot.pixels import AMONG, Plane, load, map_plane, photo_plane, scan_of
from xrfsr.plot.scale_bar import add_scale_bar
from xrfsr.plot.style import ERRORS, MAPS, NOT_MEASURED, SIZES, colour_map
from xrfsr.utils.describe import listing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["overview"]

# Upper end of the error scale as a share of the row's scale, equal for all rows so that rows are comparable.
ERROR_SHARE = 0.25
ROWS = 6

PALE = "#8a8a8a"
# Inches.
WIDE, HIGH = PAGE / INCH, 247 / INCH
LEAST = 0.6
GAP = 0.06
LABEL = 0.62
BAR = 0.07
BAR_ROOM = 0.55
HEAD = 0.42
NARROW, LINE = 0.9, 0.13  # width of panels below which a heading has one line more, and its height
FOOT, KEYED = 0.08, 0.22  # below the maps, and with a key there


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of maps: heading, the thinned scan or result, and the grid of all its pixels."""

    title: str
    scan: xr.Dataset
    grid: Grid

    def planes(self, labels: Sequence[str]) -> list[Plane]:
        """Return the maps of several lines, computed together."""
        maps = self.scan["intensity"].sel(line=list(labels))
        [maps] = load([maps.where(self.scan["valid"]) if "valid" in self.scan.coords else maps])
        return [map_plane(maps.isel(line=number), self.grid, title=label) for number, label in enumerate(labels)]


def overview(
    photo: xr.DataArray,
    coarse: xr.Dataset | xr.DataArray,
    fine: xr.Dataset | xr.DataArray,
    truth: xr.Dataset | xr.DataArray | None = None,
    lines: Sequence[str] | None = None,
) -> NDArray[Any]:
    """Plot photo, scan and fine map of several lines on one page, one row per line.

    The maps of a row have the same colour scale. If you pass the truth, each row also shows the true map and the
    absolute error, whose colour scale is a quarter of the scale of the row.

    Parameters
    ----------
    photo : DataArray
        Photo (band, y, x), as for `superresolve`; shown where it overlaps the maps.
    coarse, fine, truth : Dataset or DataArray
        Scan, result of `superresolve`, and true maps. `truth` must have the pixels of `fine`.
    lines : sequence of str, optional
        Lines to show, in any spelling; by default the first six of `fine`.

    Returns
    -------
    array of matplotlib.axes.Axes, shape (line, panel)
        Photo, scan and fine map; true map and error if `truth` was passed. Notebooks show the figure;
        ``axes[0, 0].figure.savefig("overview.pdf")`` writes it.

    Raises
    ------
    InvalidInput
        If photo or maps are invalid, lines are missing (all faults are listed), `truth` and `fine` differ in shape, or
        matplotlib is not installed.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> fine = scan.xrfsr.superresolve(method="kriging")
    >>> axes = xrfsr.plot.overview(rgb, scan, fine, truth, lines=["Fe-K"])
    >>> axes.shape
    (1, 5)
    """
    require_matplotlib()
    given = {"Scan": coarse, "Fine": fine, **({} if truth is None else {"Truth": truth})}
    faults: list[str] = []
    columns: list[_Column] = []
    picture: Plane | None = None
    with collect_faults(faults):
        picture = photo_plane(photo)
    for title, scan in given.items():
        with collect_faults(faults, title.lower()):
            columns.append(_Column(title, *scan_of(scan, AMONG)))
    if faults or picture is None:
        raise InvalidInput("overview", faults)
    labels = _labels(columns, lines)
    grid = columns[1].grid
    if truth is not None and columns[2].grid.shape != grid.shape:
        shapes = [f"{rows} × {across}" for rows, across in (grid.shape, columns[2].grid.shape)]
        raise InvalidInput(
            "truth",
            [f"truth must have the pixels of the result ({shapes[0]}), got {shapes[1]}; resample it to the same grid"],
        )

    shown = [column.planes(labels) for column in columns]
    errors = None if truth is None else [_error(*pair) for pair in zip(shown[1], shown[2], strict=True)]
    missing = any(plane.missing for planes in shown for plane in planes)
    panels = 1 + len(columns) + (errors is not None)
    bars = 1 + (errors is not None)
    widest = (WIDE - LABEL - bars * BAR_ROOM) / panels - GAP
    tall = grid.y.extent / grid.x.extent
    # Reduce the panels of tall paintings to limit the length of the page.
    width = widest * min(1.0, 1.5 / tall)
    # All lines on one printed page, unless they are very many.
    foot = KEYED if missing else FOOT
    width = min(width, max(LEAST, ((HIGH - HEAD - LINE - foot) / len(labels) - GAP) / tall))
    height = width * tall
    total = (
        LABEL + panels * (width + GAP) + bars * BAR_ROOM,
        _head(width) + foot + len(labels) * (height + GAP),
    )
    page = _Page(new_figure(total[0] * INCH, total[1] * INCH, layout=None), total, width, height, grid)

    for row, label in enumerate(labels):
        page.label(row, label, columns[1].scan["intensity"])
        page.show(row, 0, picture)
        planes = [each[row] for each in shown]
        low, high, extend = _limits([plane.pixels for plane in planes])
        for index, plane in enumerate(planes, start=1):
            image = page.show(row, index, plane, cmap=colour_map(MAPS), vmin=low, vmax=high)
        page.bar(row, len(columns), image, planes[1].unit, extend)
        if errors is not None:
            span = ERROR_SHARE * (high - low)
            style = {"cmap": colour_map(ERRORS), "vmin": 0.0, "vmax": span}
            image = page.show(row, panels - 1, errors[row], bars=1, **style)
            page.bar(row, panels - 1, image, planes[1].unit, extension([errors[row].pixels], 0.0, span), bars=1)
    page.heading(0, "Photo", _resolution(grid_of(photo)))
    for index, column in enumerate(columns, start=1):
        page.heading(index, column.title, _resolution(column.grid))
    if errors is not None:
        page.heading(panels - 1, "|Error|", "of the fine map", bars=1)
    if missing:
        page.key()
    add_scale_bar(page.axes[0])
    made: NDArray[Any] = np.empty(len(page.axes), object)
    made[:] = page.axes
    return made.reshape(len(labels), panels)


@dataclass(frozen=True, slots=True)
class _Page:
    """Page layout in inches, converted to the page shares that matplotlib expects."""

    figure: Figure
    size: tuple[float, float]
    width: float
    height: float
    grid: Grid
    axes: list[Axes] = field(default_factory=list)

    def _box(self, left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
        w, h = self.size
        return (left / w, 1 - (top + height) / h, width / w, height / h)

    def _left(self, column: int, bars: int) -> float:
        return LABEL + column * (self.width + GAP) + bars * BAR_ROOM

    def _top(self, row: int) -> float:
        return _head(self.width) + row * (self.height + GAP)

    def show(self, row: int, column: int, plane: Plane, bars: int = 0, **style: Any) -> AxesImage:
        """Draw pixels in a panel of their own, in mm; `bars` is the number of colour bars to its left."""
        box = self._box(self._left(column, bars), self._top(row), self.width, self.height)
        axes: Axes = self.figure.add_axes(box)
        image = draw_pixels(axes, plane, **style)
        axes.set(xlim=self.grid.x.edges, ylim=self.grid.y.edges[::-1], xticks=[], yticks=[], aspect="auto")
        axes.set_facecolor(NOT_MEASURED)
        for spine in axes.spines.values():
            spine.set_visible(False)
        self.axes.append(axes)
        return image

    def heading(self, column: int, title: str, detail: str, bars: int = 0) -> None:
        left, head = self._left(column, bars) / self.size[0], _head(self.width)
        if head > HEAD:
            detail = detail.replace(", ", ",\n").replace("of the fine", "of the\nfine")
        self._text(left, 1 - 0.23 / self.size[1], title, size=SIZES["title"], weight="bold", va="bottom")
        self._text(left, 1 - (head - 0.06) / self.size[1], detail, size=SIZES["small"], color=PALE, va="bottom")

    def label(self, row: int, label: str, maps: xr.DataArray) -> None:
        """Write name and energy of a line to the left of its row."""
        middle = 1 - (self._top(row) + self.height / 2) / self.size[1]
        right = (LABEL - 0.08) / self.size[0]
        self._text(right, middle, label, size=SIZES["title"], weight="bold", va="bottom", ha="right")
        if "energy" in maps.coords:
            energy = float(maps["energy"].sel(line=label))
            if math.isfinite(energy):
                step = 0.03 / self.size[1]
                text = f"{energy:.2f} keV"
                self._text(right, middle - step, text, size=SIZES["small"], color=PALE, va="top", ha="right")

    def key(self) -> None:
        """Name the grey of pixels without a measurement, at the foot of the page."""
        from matplotlib.patches import Patch

        patch = Patch(facecolor=NOT_MEASURED, label="not measured")
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (self._left(0, 0) / self.size[0], 0.0)}
        pads: dict[str, Any] = {"borderaxespad": 0.2, "borderpad": 0.2, "handlelength": 1.2}
        self.figure.legend(handles=[patch], fontsize=SIZES["small"], frameon=False, **place, **pads)

    def bar(self, row: int, column: int, image: AxesImage, unit: str, extend: str, bars: int = 0) -> None:
        """Add the colour bar to the right of a panel."""
        left = self._left(column, bars) + self.width + GAP
        axes = self.figure.add_axes(self._box(left, self._top(row), BAR, self.height))
        bar = self.figure.colorbar(image, cax=axes, extend=extend, extendfrac=0.04)
        bar.outline.set_linewidth(0.4)
        bar.locator = _ticks()
        bar.update_ticks()
        axes.tick_params(labelsize=SIZES["small"], length=2, width=0.5, pad=1.5, color=PALE)
        if row == 0:
            self._text(
                (left - 0.02) / self.size[0],
                1 - (_head(self.width) - 0.06) / self.size[1],
                unit,
                size=SIZES["small"],
                color=PALE,
                va="bottom",
            )

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        self.figure.text(x, y, text, parse_math=False, **style)


def _head(width: float) -> float:
    """Return the height of the headings of panels."""
    return HEAD + LINE if width < NARROW else HEAD


def _ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], prune="upper")


def _resolution(grid: Grid) -> str:
    rows, columns = grid.shape
    step = max(grid.spacing)
    return f"{columns} × {rows}, " + (f"{step * 1000:.3g} µm" if step < 1 else f"{step:.3g} mm")


def _labels(columns: Sequence[_Column], lines: Sequence[str] | None) -> list[str]:
    """Return the lines to show: the requested ones, or the first of the result."""
    faults: list[str] = []
    if lines is not None and not (lines := label_list(lines)):
        raise InvalidInput("lines", ["lines must name at least one line, such as lines=['Ca-K'], got none"])
    stored = [[str(label) for label in column.scan["line"].values] for column in columns]
    wanted = _wanted(lines, stored[1]) if lines is not None else stored[1][:ROWS]
    for column, there in zip(columns, stored, strict=True):
        missing = [label for label in wanted if label not in there]
        if missing:
            faults.append(f"{column.title.lower()} has no {listing(missing)}; it has {listing(there)}")
    if faults:
        raise InvalidInput("lines", faults)
    return wanted


def _wanted(lines: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the labels that `lines` names, in any spelling or by the element alone."""
    faults: list[str] = []
    wanted: list[str] = []
    held = parse_all(there)
    for label in lines:
        with collect_faults(faults):
            position = choose_line(label, held)
            line = try_parse(label)
            wanted.append(there[position] if position is not None else line.label if line else str(label))
    faults += [
        f"{label} is requested twice; name it once" for label in dict.fromkeys(wanted) if wanted.count(label) > 1
    ]
    if faults:
        raise InvalidInput("line labels", faults)
    return wanted


def _error(result: Plane, truth: Plane) -> Plane:
    return replace(result, pixels=np.abs(result.pixels - truth.pixels))


def _limits(planes: Sequence[NDArray[Any]]) -> Limits:
    """Return one colour scale for all `planes`, of which the first is the scan.

    The scale starts at zero, or lower if the scan itself is negative. Negative values of a reconstruction are shown as
    zero.
    """
    low, _, _ = limits_of(planes[:1])
    _, high, _ = limits_of(planes)
    high = high if high > low else low + 1.0
    return Limits(low, high, extension(planes, low, high))

"""Overview figure: photo, scan, fine maps and truth, one row per line."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.choice import choose_line
from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.labels import label_list
from xrfsr.core.lines import parse_all, try_parse
from xrfsr.core.photo import ensure_photo
from xrfsr.core.photo_bands import shown_bands
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.display import prepare_display
from xrfsr.utils.describe import listing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["overview"]

# Colour maps with even steps of lightness, readable with any colour vision and in grey print; dark at zero.
MAPS = "magma"
ERRORS = "bone"
NOTHING = "#d9d9d9"
INK = "#262626"
PALE = "#8a8a8a"
# Share of pixels that may saturate, so that a few hot pixels do not darken the rest.
SATURATED = 0.002
# Upper end of the error scale as a share of the row's scale, equal for all rows so that rows are comparable.
ERROR_SHARE = 0.25
ROWS = 6
PIXELS = 1600

PANEL = 2.1  # inches
GAP = 0.08
LABEL = 0.95
BAR = 0.09
BAR_ROOM = 0.78
HEAD = 0.62
FOOT = 0.12


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of maps: heading, smaller text below it, and the maps by line."""

    title: str
    detail: str
    maps: xr.DataArray


def overview(
    photo: xr.DataArray,
    coarse: xr.Dataset | xr.DataArray,
    fine: xr.Dataset | xr.DataArray,
    truth: xr.Dataset | xr.DataArray | None = None,
    lines: Sequence[str] | None = None,
) -> Figure:
    """Plot photo, scan and fine map of several lines on one page, one row per line.

    The maps of a row share one colour scale. If the truth is given, it and the absolute error follow; the scale of the
    error is a quarter of the row's.

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
    matplotlib.figure.Figure
        Figure, which notebooks display; ``figure.savefig("overview.png")`` writes it.

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
    >>> figure = xrfsr.plot.overview(rgb, scan, fine, truth, lines=["Fe-K"])
    """
    prepare_display()
    from matplotlib.figure import Figure

    given = {"Scan": coarse, "Fine": fine, **({} if truth is None else {"Truth": truth})}
    faults: list[str] = []
    columns: list[_Column] = []
    with collect_faults(faults):
        photo = ensure_photo(photo)
    for title, scan in given.items():
        with collect_faults(faults, title.lower()):
            columns.append(_column(title, scan))
    if faults:
        raise InvalidInput("overview", faults)
    labels = _labels(columns, lines)
    result = columns[1].maps
    errors = None if truth is None else _error(result, columns[2].maps)

    grid = grid_of(fine)
    panels = 1 + len(columns) + (errors is not None)
    height = PANEL * grid.y.extent / grid.x.extent
    # Reduce the panels of tall paintings to limit the length of the page.
    width = PANEL * min(1.0, 1.5 * PANEL / height)
    height = width * grid.y.extent / grid.x.extent
    total = (LABEL + panels * (width + GAP) + (1 + (errors is not None)) * BAR_ROOM, HEAD + FOOT)
    total = (total[0], total[1] + len(labels) * (height + GAP))
    figure = Figure(figsize=total, dpi=150, facecolor="white")
    page = _Page(figure, total, width, height, grid)

    picture = _picture(photo)
    for row, label in enumerate(labels):
        page.label(row, label, result)
        axes = page.panel(row, 0)
        _show(axes, picture, grid_of(photo))
        if row == 0:
            page.heading(0, "Photo", _resolution(grid_of(photo)))
            _scale_bar(axes, grid)
        shown = [column.maps.sel(line=label) for column in columns]
        low, high = _limits(shown)
        image: AxesImage | None = None
        for index, (column, plane) in enumerate(zip(columns, shown, strict=True), start=1):
            image = _show(page.panel(row, index), plane.values, grid_of(plane), MAPS, low, high)
            if row == 0:
                page.heading(index, column.title, column.detail)
        unit = str(result.attrs.get("units", "")).replace("dimensionless", "")
        page.bar(row, len(columns), image, unit)
        if errors is not None:
            span = ERROR_SHARE * (high - low)
            image = _show(page.panel(row, panels - 1, bars=1), errors.sel(line=label).values, grid, ERRORS, 0, span)
            page.bar(row, panels - 1, image, unit, bars=1)
            if row == 0:
                page.heading(panels - 1, "|Error|", "of the fine map", bars=1)
    return figure


@dataclass(frozen=True, slots=True)
class _Page:
    """Page layout in inches, converted to the page shares that matplotlib expects."""

    figure: Figure
    size: tuple[float, float]
    width: float
    height: float
    grid: Grid

    def _box(self, left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
        w, h = self.size
        return (left / w, 1 - (top + height) / h, width / w, height / h)

    def _left(self, column: int, bars: int) -> float:
        return LABEL + column * (self.width + GAP) + bars * BAR_ROOM

    def _top(self, row: int) -> float:
        return HEAD + row * (self.height + GAP)

    def panel(self, row: int, column: int, bars: int = 0) -> Axes:
        """Add empty axes in mm; `bars` is the number of colour bars to the left."""
        box = self._box(self._left(column, bars), self._top(row), self.width, self.height)
        axes: Axes = self.figure.add_axes(box)
        axes.set_xlim(*self.grid.x.edges)
        axes.set_ylim(*self.grid.y.edges[::-1])
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_facecolor(NOTHING)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def heading(self, column: int, title: str, detail: str, bars: int = 0) -> None:
        left = self._left(column, bars) / self.size[0]
        self._text(left, 1 - (HEAD - 0.27) / self.size[1], title, size=10.5, weight="bold", va="bottom")
        self._text(left, 1 - (HEAD - 0.08) / self.size[1], detail, size=7.5, color=PALE, va="bottom")

    def label(self, row: int, label: str, maps: xr.DataArray) -> None:
        """Write name and energy of a line to the left of its row."""
        middle = 1 - (self._top(row) + self.height / 2) / self.size[1]
        right = (LABEL - 0.14) / self.size[0]
        self._text(right, middle, label, size=12, weight="bold", va="bottom", ha="right")
        if "energy" in maps.coords:
            energy = float(maps["energy"].sel(line=label))
            if math.isfinite(energy):
                step = 0.03 / self.size[1]
                self._text(right, middle - step, f"{energy:.2f} keV", size=7.5, color=PALE, va="top", ha="right")

    def bar(self, row: int, column: int, image: AxesImage | None, unit: str, bars: int = 0) -> None:
        """Add the colour bar to the right of a panel."""
        left = self._left(column, bars) + self.width + GAP
        axes = self.figure.add_axes(self._box(left, self._top(row), BAR, self.height))
        bar = self.figure.colorbar(image, cax=axes)  # type: ignore[arg-type]
        bar.outline.set_visible(False)
        bar.locator = _ticks()
        bar.update_ticks()
        axes.tick_params(labelsize=7, length=2, width=0.5, pad=1.5, color=PALE, labelcolor=INK)
        if row == 0:
            self._text(
                (left - 0.02) / self.size[0],
                1 - (HEAD - 0.08) / self.size[1],
                unit,
                size=7.5,
                color=PALE,
                va="bottom",
            )

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        self.figure.text(x, y, text, **{"color": INK, **style})


def _ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], prune="upper")


def _column(title: str, scan: xr.Dataset | xr.DataArray) -> _Column:
    with warnings.catch_warnings():
        # The warnings about these maps were given when they were made.
        warnings.simplefilter("ignore")
        maps = ensure_scan(scan, values=False)["intensity"]
    return _Column(title, _resolution(grid_of(maps)), maps)


def _resolution(grid: Grid) -> str:
    rows, columns = grid.shape
    step = max(grid.spacing)
    return f"{columns} × {rows}, " + (f"{step * 1000:.3g} µm" if step < 1 else f"{step:.3g} mm")


def _labels(columns: Sequence[_Column], lines: Sequence[str] | None) -> list[str]:
    """Return the lines to show: the requested ones, or the first of the result."""
    faults: list[str] = []
    if lines is not None and not (lines := label_list(lines)):
        raise InvalidInput("lines", ["lines must name at least one line, such as lines=['Ca-K'], got none"])
    stored = [[str(label) for label in column.maps["line"].values] for column in columns]
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


def _error(result: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    if result.sizes["y"] != truth.sizes["y"] or result.sizes["x"] != truth.sizes["x"]:
        shapes = [f"{maps.sizes['y']} × {maps.sizes['x']}" for maps in (result, truth)]
        raise InvalidInput(
            "truth",
            [f"truth must have the pixels of the result ({shapes[0]}), got {shapes[1]}; resample it to the same grid"],
        )
    # Subtract by position, since xarray would drop pixels whose coordinates differ in the last digit.
    aligned = truth.sel(line=result["line"]).values
    return abs(result - aligned)


def _picture(photo: xr.DataArray) -> NDArray[Any]:
    """Return three bands of the photo, or one as grey, as (y, x, 3), thinned to the resolution of a page."""
    photo = photo.isel(band=shown_bands([str(band) for band in photo["band"].values]))
    step = max(1, min(photo.sizes["y"], photo.sizes["x"]) // PIXELS)
    thin = photo.isel(y=slice(None, None, step), x=slice(None, None, step)).transpose("y", "x", "band")
    picture: NDArray[Any] = np.clip(np.nan_to_num(thin.values, nan=1.0), 0, 1)
    return picture


def _limits(planes: Sequence[xr.DataArray]) -> tuple[float, float]:
    """Return one colour scale for all `planes`, of which the first is the scan, with a small share saturated.

    The scale starts at zero, or lower if the scan itself is negative. Negative values of a reconstruction are shown as
    zero.
    """
    values = [plane.values[np.isfinite(plane.values)] for plane in planes]
    low = float(np.quantile(values[0], SATURATED)) if values[0].size else 0.0
    highs = [float(np.quantile(value, 1 - SATURATED)) for value in values if value.size]
    low, high = min(0.0, low), max(highs, default=1.0)
    return (low, high if high > low else low + 1.0)


def _show(
    axes: Axes,
    pixels: NDArray[Any],
    grid: Grid,
    colours: str | None = None,
    low: float | None = None,
    high: float | None = None,
) -> AxesImage:
    # The extent follows the coordinates, ascending or descending.
    half_y, half_x = grid.y.step / 2, grid.x.step / 2
    first_y, first_x = grid.y.first - half_y, grid.x.first - half_x
    extent = (first_x, first_x + grid.x.size * grid.x.step, first_y + grid.y.size * grid.y.step, first_y)
    limits = axes.get_xlim(), axes.get_ylim()
    image = axes.imshow(pixels, cmap=colours, vmin=low, vmax=high, extent=extent, aspect="auto")
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])
    return image


def _scale_bar(axes: Axes, grid: Grid) -> None:
    """Draw a scale bar of a round length, about a quarter of the width, at the lower left."""
    from matplotlib.patheffects import withStroke

    rough = grid.x.extent / 4
    power = 10.0 ** math.floor(math.log10(rough))
    length = power * max(step for step in (1, 2, 5) if step * power <= rough)
    left = grid.x.edges[0] + 0.05 * grid.x.extent
    bottom = grid.y.edges[1] - 0.06 * grid.y.extent
    [bar] = axes.plot([left, left + length], [bottom, bottom], color="white", linewidth=2.2, solid_capstyle="butt")
    text = axes.text(
        left,
        bottom - 0.025 * grid.y.extent,
        f"{length:g} mm" if length < 100 else f"{length / 10:g} cm",
        color="white",
        size=8,
        weight="bold",
        va="bottom",
    )
    # An outline keeps bar and text legible on any painting.
    bar.set_path_effects([withStroke(linewidth=3.6, foreground="black", alpha=0.55)])
    text.set_path_effects([withStroke(linewidth=2.5, foreground="black", alpha=0.55)])

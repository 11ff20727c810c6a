"""Maps, a photo or a single map, the right way up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import dequantify, grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.photo import ensure_photo
from xrfsr.core.photo_bands import shown_bands
from xrfsr.core.scan import ensure_scan
from xrfsr.core.selecting import sel
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.display import prepare_display
from xrfsr.utils.checks import is_integer
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["maps"]

COLOURS = "magma"  # even steps of lightness, readable with any colour vision
SATURATED = 0.002  # share of pixels, so that a few hot pixels do not darken the rest
WIDTH = 9.0  # inches
MOST_PIXELS = 1600  # along a side, more than a page shows

Panel = tuple[str, NDArray[Any], str]  # title, pixels, unit


def maps(obj: xr.Dataset | xr.DataArray, lines: Any = None, *, columns: int = 4) -> Figure:
    """Plot maps with `y` downwards, as they lie on the painting, and with equal millimetres in both directions.

    xarray's own ``.plot()`` draws `y` upwards, whatever the coordinates say, unless it gets ``yincrease=False``.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result, photo, or a single map (y, x) such as a ratio.
    lines : str or sequence of str, optional
        Lines of a scan to show, in any spelling or by their element alone; all if left out.
    columns : int
        Number of maps side by side.

    Returns
    -------
    matplotlib.figure.Figure
        Figure, which notebooks display; ``figure.savefig("maps.png")`` writes it.

    Raises
    ------
    InvalidInput
        If `obj` is neither scan nor photo nor map, it has no such line, or matplotlib is not installed.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> figure = xrfsr.plot.maps(scan, lines=["Fe-K"])
    >>> figure = rgb.xrfsr.plot()
    """
    prepare_display()
    from matplotlib.figure import Figure

    faults: list[str] = []
    panels: list[Panel] = []
    grid = None
    if not is_integer(columns) or not 1 <= columns <= 100:
        faults.append(f"columns must be an integer from 1 to 100, got {describe(columns)}")
    with collect_faults(faults):
        grid, panels = _panels(obj, lines)
    if faults or grid is None:
        raise InvalidInput("figure", faults)
    across = min(int(columns), len(panels))
    down = math.ceil(len(panels) / across)
    height = WIDTH / across * min(3.0, max(0.3, grid.y.extent / grid.x.extent))
    figure = Figure(figsize=(WIDTH, down * (height + 0.4)), dpi=150, facecolor="white", layout="constrained")
    rows = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    (top, bottom), (left, right) = grid.y.edges, grid.x.edges
    for axes, panel in zip(rows.ravel(), panels, strict=False):
        title, pixels, unit = panel
        limits = {} if pixels.ndim == 3 else dict(zip(("vmin", "vmax"), _limits(pixels), strict=True))
        # Rows from the top, columns from the left, whatever the direction of the coordinates.
        turned = pixels[:: 1 if grid.y.step > 0 else -1, :: 1 if grid.x.step > 0 else -1]
        image = axes.imshow(turned, cmap=COLOURS, extent=(left, right, bottom, top), aspect="equal", **limits)
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=7)
        if pixels.ndim == 2:
            bar = figure.colorbar(image, ax=axes, shrink=0.8)
            bar.set_label(unit, fontsize=7)
            bar.ax.tick_params(labelsize=7)
    for axes in rows.ravel()[len(panels) :]:
        axes.set_axis_off()
    figure.supxlabel("x in mm", fontsize=8)
    figure.supylabel("y in mm", fontsize=8)
    return figure


def _panels(obj: Any, lines: Any) -> tuple[Grid, list[Panel]]:
    """Return the grid, and what is shown on it."""
    if is_like_photo(obj):
        photo = ensure_photo(obj)
        picture = photo.isel(band=shown_bands([str(band) for band in photo["band"].values]))
        return grid_of(photo), [("", np.clip(np.nan_to_num(_thin(picture, ("y", "x", "band")), nan=1.0), 0, 1), "")]
    if isinstance(obj, xr.DataArray) and set(obj.dims) == {"y", "x"} and obj.dtype.kind in "biuf":
        plain = dequantify(obj)
        title = str(plain.attrs.get("long_name", plain.name or ""))
        if "line" in plain.coords and not plain["line"].ndim:
            title = str(plain["line"].item())
        return grid_of(plain), [(title, _thin(plain, ("y", "x")).astype(float), _unit(plain))]
    if not isinstance(obj, xr.Dataset | xr.DataArray):
        raise InvalidInput("scan", [no_scan(obj)])
    scan = ensure_scan(obj, values=False)
    if lines is not None:
        scan = sel(scan, line=[lines] if isinstance(lines, str) else lines)
    intensity = scan["intensity"]
    labels = intensity["line"].values.tolist()
    shown = [(label, _thin(intensity[i], ("y", "x")), _unit(intensity)) for i, label in enumerate(labels)]
    return grid_of(scan), shown


def _thin(array: xr.DataArray, dims: tuple[str, ...]) -> NDArray[Any]:
    """Return pixels in an order of dimensions, thinned to what a page shows."""
    step = max(1, max(array.sizes["y"], array.sizes["x"]) // MOST_PIXELS)
    thin: NDArray[Any] = array.isel(y=slice(None, None, step), x=slice(None, None, step)).transpose(*dims).values
    return thin


def _unit(array: xr.DataArray) -> str:
    return str(array.attrs.get("units", "")).replace("dimensionless", "")


def _limits(pixels: NDArray[Any]) -> tuple[float, float]:
    """Return the ends of the colour scale, from zero or below, with a small share saturated."""
    values = pixels[np.isfinite(pixels)]
    low = min(0.0, float(np.quantile(values, SATURATED))) if values.size else 0.0
    high = float(np.quantile(values, 1 - SATURATED)) if values.size else 1.0
    return low, high if high > low else low + 1.0

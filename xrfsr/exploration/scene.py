"""What is explored: fine maps, their scan and photo, and each of them as a picture within a window."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.photo import BANDS, ensure_photo
from xrfsr.core.photo_bands import shown_bands
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.exploration.colours import Scale, colour_map, in_colours
from xrfsr.exploration.sampling import Sample, Window, sample
from xrfsr.plot.limits import limits_of
from xrfsr.plot.style import MAPS, TRUST
from xrfsr.utils.checks import is_dask
from xrfsr.utils.describe import listing

__all__ = ["COMPOSITE", "FINE", "PHOTO", "SCAN", "SUPPORT", "UNCERTAINTY", "Picture", "Scene"]

PHOTO, SCAN, FINE, UNCERTAINTY, SUPPORT, COMPOSITE = (
    "Photo", "Scan", "Fine map", "Uncertainty", "Support of the photo", "Three lines",
)  # fmt: skip
TRUST_MAPS = {UNCERTAINTY: "uncertainty", SUPPORT: "photo_support"}
KEPT = 24  # samples, each at most a few megabytes


class Picture(NamedTuple):
    """Pixels (y, x) of 32 bits from the top left, their window, and the colour scale of a map."""

    pixels: NDArray[np.uint32]
    window: Window
    scale: Scale | None


class Scene:
    """Fine maps, scan and photo of one painting, which are sampled as they are shown.

    Parameters
    ----------
    fine, scan, rgb
        See `xrfsr.explore`.

    Raises
    ------
    InvalidInput
        Naming every fault.
    """

    def __init__(self, fine: Any, scan: Any = None, rgb: Any = None) -> None:
        faults: list[str] = []
        maps: dict[str, xr.Dataset] = {}
        photo: xr.DataArray | None = None
        for name, given in (("fine", fine), ("scan", scan)):
            if name == "fine" or given is not None:
                with collect_faults(faults, name):
                    maps[name] = _maps(given)
        if rgb is not None:
            with collect_faults(faults, "rgb"):
                photo = ensure_photo(rgb)
                photo = photo.isel(band=shown_bands([str(band) for band in photo["band"].values]))
        if "fine" in maps:
            faults += _apart(maps["fine"], {"scan": maps.get("scan"), "rgb": photo})
        if faults:
            raise InvalidInput("exploration", faults)
        self.fine = maps["fine"]
        self.scan = maps.get("scan")
        self.photo = photo
        self.grid = grid_of(self.fine)
        self.lines = [str(label) for label in self.fine["line"].values]
        self.unit = str(self.fine["intensity"].attrs.get("units", "")).replace("dimensionless", "")
        self.whole = Window.of(self.grid)
        self._samples: OrderedDict[tuple[str, str], tuple[Window, Sample]] = OrderedDict()
        self._limits: dict[tuple[str, str], tuple[float, float]] = {}

    @property
    def layers(self) -> list[str]:
        """Names of what can be shown."""
        there = {PHOTO: self.photo is not None, SCAN: self.scan is not None, FINE: True}
        there |= {layer: name in self.fine for layer, name in TRUST_MAPS.items()}
        there[COMPOSITE] = len(self.lines) > 1
        return [layer for layer, is_there in there.items() if is_there]

    def sampled(self, layer: str, line: str, window: Window) -> Sample | None:
        """Return the maps of a layer within a window: of the fine map with its uncertainty and support."""
        source = {PHOTO: PHOTO, SCAN: SCAN}.get(layer, FINE)
        asked, held = self._samples.get((source, line), (None, None))
        if held is not None and (asked == window or (held.step == 1 and held.window.holds(window, self.whole))):
            return held
        maps = self._maps(source, line)
        found = sample(maps, grid_of(next(iter(maps.values()))), window) if maps else None
        if found is not None:
            self._samples[source, line] = window, found
            self._samples.move_to_end((source, line))
            while len(self._samples) > KEPT:
                self._samples.popitem(last=False)
        return found

    def _maps(self, source: str, line: str) -> dict[str, xr.DataArray]:
        """Return the maps that are sampled together."""
        if source == PHOTO:
            return {} if self.photo is None else {"rgb": self.photo}
        held = self.scan if source == SCAN else self.fine
        if held is None or line not in held["line"].values:
            return {}
        names = ("intensity", "uncertainty") if source == SCAN else ("intensity", *TRUST_MAPS.values())
        maps = {name: held[name].sel(line=line) for name in names if name in held}
        return {name: each.where(held["valid"]) for name, each in maps.items()} if "valid" in held.coords else maps

    def limits(self, layer: str, line: str) -> tuple[float, float]:
        """Return the ends of the colours of a layer: those of scan and fine map are the same."""
        if layer == SUPPORT:
            return 0.0, 1.0
        key = (UNCERTAINTY if layer == UNCERTAINTY else FINE, line)
        if key not in self._limits:
            layers = (UNCERTAINTY,) if layer == UNCERTAINTY else (SCAN, FINE)
            found = [self.sampled(each, line, self.whole) for each in layers if each in self.layers]
            name = TRUST_MAPS.get(layer, "intensity")
            low, high, _ = limits_of([each.maps[name] for each in found if each is not None])
            self._limits[key] = low, high
        return self._limits[key]

    def picture(self, layer: str, line: str, colours: Mapping[str, str | None], window: Window) -> Picture | None:
        """Return a layer as colours; `colours` has the line of red, green and blue for a picture of three lines."""
        if layer == COMPOSITE:
            return self._composite(colours, window)
        if layer != PHOTO:
            low, high = self.limits(layer, line)  # first, because it may replace the sample
        found = self.sampled(layer, line, window)
        if found is None:
            return None
        if layer == PHOTO:
            return Picture(in_colours(found.maps["rgb"]), found.window, None)
        title = {UNCERTAINTY: f"uncertainty of {line}", SUPPORT: "support, 0 to 1"}.get(layer, line)
        unit = f", {self.unit}" if self.unit and layer != SUPPORT else ""
        scale = Scale(low, high, title + unit, TRUST if layer in TRUST_MAPS else MAPS)
        return Picture(colour_map(found.maps[TRUST_MAPS.get(layer, "intensity")], scale), found.window, scale)

    def _composite(self, colours: Mapping[str, str | None], window: Window) -> Picture | None:
        """Return lines as red, green and blue, each stretched from its limits."""
        bands: dict[str, NDArray[Any]] = {}
        place: Window | None = None
        for band, line in colours.items():
            if line is not None:
                low, high = self.limits(FINE, line)
                if (found := self.sampled(FINE, line, window)) is not None:
                    bands[band] = (found.maps["intensity"] - low) / (high - low)
                    place = found.window
        if place is None:
            return None
        dark = np.zeros_like(next(iter(bands.values())))
        return Picture(in_colours(np.stack([bands.get(band, dark) for band in BANDS])), place, None)

    def values(self, line: str, y: float, x: float) -> dict[str, dict[str, NDArray[Any]]]:
        """Return the values of every source at a position in mm, without computing anything that is lazy.

        Maps in memory give their own pixel, others what was last sampled; ``"step"`` is the number of pixels along the
        side of the block whose mean it is.
        """
        found: dict[str, dict[str, NDArray[Any]]] = {}
        for source in (PHOTO, SCAN, FINE):
            maps = self._maps(source, line)
            if any(is_dask(each.data) for each in maps.values()):
                _, held = self._samples.get((source, line), (None, None))
                if held is not None and (at := held.at(y, x)):
                    found[source] = {**at, "step": np.array(held.step)}
            elif maps and _inside(grid := grid_of(next(iter(maps.values()))), y, x):
                row, column = _cell(grid.y, y), _cell(grid.x, x)
                found[source] = {name: each.isel(y=row, x=column).values for name, each in maps.items()}
                found[source]["step"] = np.array(1)
        return found


def _inside(grid: Grid, y: float, x: float) -> bool:
    (top, bottom), (left, right) = grid.y.edges, grid.x.edges
    return top <= y <= bottom and left <= x <= right


def _cell(axis: Any, position: float) -> int:
    return int(np.clip(np.floor((position - axis.first) / axis.step + 0.5), 0, axis.size - 1))


def _maps(given: Any) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about these maps, given when they were made
        return ensure_scan(given, values=False)


def _apart(fine: xr.Dataset, others: Mapping[str, xr.Dataset | xr.DataArray | None]) -> list[str]:
    """Return the faults of a scan or photo of another painting."""
    faults: list[str] = []
    grid = grid_of(fine)
    for name, other in others.items():
        if other is None:
            continue
        own = grid_of(other)
        if own.overlap(grid) < 0.01 * min(own.y.extent * own.x.extent, grid.y.extent * grid.x.extent):
            faults.append(
                f"{name} must show the same part of the painting as fine, but they hardly overlap: {name} has "
                f"{_span(own)}, fine {_span(grid)}; pass what fine was made from"
            )
        if isinstance(other, xr.Dataset):
            there = other["line"].values.tolist()
            if not set(there) & set(fine["line"].values.tolist()):
                faults.append(
                    f"{name} must have a line of fine, {listing(fine['line'].values.tolist())}, got "
                    f"{listing(there)}; pass what fine was made from"
                )
    return faults


def _span(grid: Grid) -> str:
    (top, bottom), (left, right) = grid.y.edges, grid.x.edges
    return f"y {top:g} to {bottom:g}, x {left:g} to {right:g} mm"

"""What a report shows: fine maps, scan and photo, checked, upright, and lazy where they are."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.photo import ensure_photo
from xrfsr.core.photo_bands import shown_bands
from xrfsr.core.provenance import method_of
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.io.writers.layers import upright
from xrfsr.trust.assessment import LAYERS, SUPPORT, UNCERTAINTY
from xrfsr.trust.pairs import matched
from xrfsr.utils.checks import is_dask

__all__ = ["Contents", "contents_of", "masked"]

ROWS = 512  # of a file that are read at a time, if it is not opened with Dask
MAPS = ("intensity", UNCERTAINTY, SUPPORT)


@dataclass(frozen=True, slots=True)
class Contents:
    """Checked contents of a report.

    Attributes
    ----------
    fine : Dataset
        Maps in the standard form, NaN where they are not valid, with the first row at the top of the painting.
    scan : Dataset or None
        Scan with the lines of `fine`, likewise.
    photo : DataArray or None
        One band or three of the photo, likewise, over the area of the maps.
    given : tuple
        Scan in the standard form as it was passed, whose checksum counts; or None.
    """

    fine: xr.Dataset
    scan: xr.Dataset | None
    photo: xr.DataArray | None
    given: xr.Dataset | None

    @property
    def grid(self) -> Grid:
        """Grid of the maps."""
        return grid_of(self.fine)

    @property
    def labels(self) -> list[str]:
        """Labels of the lines."""
        return [str(label) for label in self.fine["line"].values]

    @property
    def method(self) -> str | None:
        """Method that made the maps; None for a scan."""
        return method_of(self.fine)


def contents_of(obj: Any, scan: Any = None, rgb: Any = None) -> Contents:
    """Check what a report is to show; nothing is computed.

    Raises
    ------
    InvalidInput
        Naming every fault of the maps, the scan and the photo, and how they do not fit together.
    """
    faults: list[str] = []
    fine: xr.Dataset | None = None
    coarse: xr.Dataset | None = None
    given: xr.Dataset | None = None
    photo: xr.DataArray | None = None
    if not isinstance(obj, xr.Dataset | xr.DataArray) or is_like_photo(obj):
        raise InvalidInput("report", [no_scan(obj)])
    with warnings.catch_warnings():
        # The warnings about these maps were given when they were made.
        warnings.simplefilter("ignore")
        with collect_faults(faults):
            fine = ensure_scan(_in_parts(obj), values=False)
        if scan is not None:
            if fine is not None:
                pair = matched(fine, _in_parts(scan), "scan", faults)
                coarse = pair[1] if pair else None
            with collect_faults([]):
                given = ensure_scan(_in_parts(scan), values=False)
        if rgb is not None:
            with collect_faults(faults):
                photo = ensure_photo(_in_parts(rgb), values=False)
    if fine is not None and coarse is not None:
        faults += _scan_faults(grid_of(fine), grid_of(coarse))
    if fine is not None and photo is not None:
        faults += _photo_faults(grid_of(fine), grid_of(photo))
    if faults or fine is None:
        raise InvalidInput("report", faults)
    return Contents(masked(fine), None if coarse is None else masked(coarse), _picture(photo, grid_of(fine)), given)


def masked(scan: xr.Dataset) -> xr.Dataset:
    """Return the maps of a scan (line, y, x), upright, NaN where they are not valid."""
    kept = scan[[name for name in MAPS if name in scan and set(scan[name].dims) == {"line", "y", "x"}]]
    kept = kept.transpose("line", "y", "x", ...)
    if "valid" in kept.coords:
        with xr.set_options(keep_attrs=True):  # type: ignore[no-untyped-call]
            kept = kept.where(kept["valid"])
    turned = upright(kept["intensity"])
    return kept.sel(y=turned["y"], x=turned["x"])


def _in_parts(obj: Any) -> Any:
    """Return an object whose arrays in files are read in parts, through Dask."""
    if not isinstance(obj, xr.Dataset | xr.DataArray):
        return obj
    variables = obj.variables.values() if isinstance(obj, xr.Dataset) else [obj.variable]
    if all(each._in_memory or is_dask(each._data) for each in variables):
        return obj
    sizes = {"line": 1, "y": ROWS}
    return obj.chunk({name: size for name, size in sizes.items() if name in obj.dims})


def _span(axis: Axis) -> str:
    return "{:.6g} to {:.6g}".format(*axis.edges)


def _where(grid: Grid) -> str:
    return f"y {_span(grid.y)}, x {_span(grid.x)} mm"


def _scan_faults(fine: Grid, scan: Grid) -> list[str]:
    """Return what is wrong if the scan does not lie under all of the maps, or has smaller pixels."""
    for mine, other in ((fine.y, scan.y), (fine.x, scan.x)):
        slack = abs(other.step) / 2
        if mine.edges[0] < other.edges[0] - slack or mine.edges[1] > other.edges[1] + slack:
            fix = "pass the scan that the maps were made of, in the same millimetres"
            return [Fault(f"it must cover the maps ({_where(fine)}), got {_where(scan)}; {fix}", "scan")]
    return []


def _photo_faults(fine: Grid, photo: Grid) -> list[str]:
    for mine, other in ((fine.y, photo.y), (fine.x, photo.x)):
        if min(mine.edges[1], other.edges[1]) <= max(mine.edges[0], other.edges[0]):
            fix = "pass the photo that was registered to the scan"
            return [Fault(f"it must lie over the maps ({_where(fine)}), got {_where(photo)}; {fix}", "photo")]
    return []


def _picture(photo: xr.DataArray | None, grid: Grid) -> xr.DataArray | None:
    """Return the bands of a photo that are shown, upright, over the area of the maps."""
    if photo is None:
        return None
    shown = sorted(set(shown_bands([str(band) for band in photo["band"].values])))
    turned = upright(photo.isel(band=shown).transpose("band", "y", "x"))
    inner = {}
    for name, axis in (("y", grid.y), ("x", grid.x)):
        step = abs(grid_of(turned).y.step if name == "y" else grid_of(turned).x.step)
        low, high = axis.edges
        inside = (turned[name].values > low - step / 2) & (turned[name].values < high + step / 2)
        inner[name] = inside
    return turned.isel(inner)


# What the layers of a result mean, for headings and alternative texts.
MEANINGS = {"intensity": "intensity", **LAYERS}

"""Pixels that a figure shows: no more than fit on a page, computed together, the first row on top."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import dequantify, grid_of
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.photo import ensure_photo
from xrfsr.core.photo_bands import shown_bands
from xrfsr.core.scan import ensure_scan
from xrfsr.core.selecting import sel
from xrfsr.errors import InvalidInput
from xrfsr.plot.style import NOT_MEASURED
from xrfsr.utils.describe import describe

__all__ = [
    "ALONE",
    "AMONG",
    "Plane",
    "is_map",
    "load",
    "map_plane",
    "photo_plane",
    "picture_of",
    "scan_of",
    "scan_planes",
    "single_plane",
    "thinned",
    "unit_of",
]

# Pixels along a side: more than are printed on a page, and on a part of one.
ALONE, AMONG = 1600, 800

AnyT = TypeVar("AnyT", bound="xr.Dataset | xr.DataArray")


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """What one picture shows.

    Attributes
    ----------
    title, unit : str
        Name of the map, and unit of its values.
    pixels : array, shape (y, x) or (y, x, 3)
        Values, the first row that at the top of the painting, the first column that on the left; NaN where nothing was
        measured. With a third axis a picture of colours in [0, 1].
    grid : Grid
        Grid of the whole map, in mm.
    extent : tuple of float
        Left, right, bottom and top edge of the pixels in mm.
    gaps : bool
        Whether pixels of a picture of colours are missing; of a map, NaN says so.
    """

    title: str
    pixels: NDArray[Any]
    unit: str
    grid: Grid
    extent: tuple[float, float, float, float]
    gaps: bool = False

    @property
    def missing(self) -> bool:
        """Whether there are pixels that were not measured."""
        return self.gaps if self.pixels.ndim == 3 else bool(np.isnan(self.pixels).any())


def thinned(obj: AnyT, most: int) -> AnyT:
    """Return every n-th pixel along each side, so that there are fewer than twice `most`; lazy arrays stay lazy."""
    steps = {name: slice(None, None, max(1, obj.sizes[name] // most)) for name in ("y", "x") if name in obj.sizes}
    return cast(AnyT, obj.isel(steps))


def load(arrays: Sequence[xr.DataArray]) -> list[xr.DataArray]:
    """Return arrays in memory. Those of Dask are computed in one go, so that what they share is computed once."""
    if not any(array.chunks for array in arrays):
        return [array.load() if not array._in_memory else array for array in arrays]
    from dask.base import compute

    return list(compute(*arrays))  # type: ignore[no-untyped-call]


def is_map(obj: object) -> bool:
    """Return whether an object is a single map of numbers (y, x), such as a ratio."""
    return isinstance(obj, xr.DataArray) and set(obj.dims) == {"y", "x"} and obj.dtype.kind in "biuf"


def unit_of(array: xr.DataArray) -> str:
    """Return the unit of an array, empty for a number without one."""
    return str(array.attrs.get("units", "")).replace("dimensionless", "")


def scan_of(obj: Any, most: int) -> tuple[xr.Dataset, Grid]:
    """Return a scan or result in the standard form with every n-th pixel, and the grid of all pixels.

    Raises
    ------
    InvalidInput
        If `obj` is no scan, naming every fault.
    """
    if not isinstance(obj, xr.Dataset | xr.DataArray):
        raise InvalidInput("scan", [no_scan(obj)])
    with warnings.catch_warnings():
        # The warnings about these maps were given when they were made.
        warnings.simplefilter("ignore")
        thin = ensure_scan(thinned(obj, most), values=False)
    return thin, grid_of(obj)


def scan_planes(obj: Any, lines: Any = None, variable: str = "intensity", missing: str = "") -> list[Plane]:
    """Return maps of a scan or result, one for each line.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result.
    lines : str or sequence of str, optional
        Lines in any spelling or by their element alone; all if left out.
    variable : str
        Variable (line, y, x) that is shown.
    missing : str
        How to get the variable, for the message if it is not there.

    Raises
    ------
    InvalidInput
        If `obj` is no scan, has no such line, or no such variable.
    """
    scan, grid = scan_of(obj, AMONG)
    faults: list[str] = []
    if variable not in scan.variables or set(scan[variable].dims) != {"line", "y", "x"}:
        faults.append(f"there is no {variable!r} (line, y, x); {missing}")
    if lines is not None:
        try:
            scan = sel(scan, line=[lines] if isinstance(lines, str) else lines)
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput("maps", faults)
    maps = scan[variable]
    [maps] = load([maps.where(scan["valid"]) if "valid" in scan.coords else maps])
    labels = [str(label) for label in maps["line"].values]
    return [map_plane(maps.isel(line=number), grid, title=label) for number, label in enumerate(labels)]


def map_plane(array: xr.DataArray, grid: Grid, *, title: str | None = None, unit: str | None = None) -> Plane:
    """Return the plane of a thinned map (y, x) in memory, of which `grid` is that of all pixels."""
    if title is None:
        title = str(array.attrs.get("long_name", array.name or ""))
        if "line" in array.coords and not array["line"].ndim:
            title = str(array["line"].item())
    values = array.transpose("y", "x").values.astype(np.float64)
    return _plane(title, values, unit_of(array) if unit is None else unit, grid, grid_of(array))


def photo_plane(obj: Any, *, grey: bool = False, most: int = ALONE) -> Plane:
    """Return the plane of a photo: three bands as colours, or their mean as grey; a neutral grey where it has no pixel.

    Raises
    ------
    InvalidInput
        If `obj` is no photo, naming every fault.
    """
    known = isinstance(obj, xr.Dataset | xr.DataArray) and is_like_photo(obj)
    photo = ensure_photo(thinned(obj, most) if known else obj)
    names = [str(band) for band in photo["band"].values]
    [shown] = load([photo.isel(band=shown_bands(names)).transpose("y", "x", "band")])
    pixels = shown.values.astype(np.float64)
    gaps = np.isnan(pixels).any(axis=-1)
    if grey:
        pixels = np.repeat(pixels.mean(axis=-1, keepdims=True), 3, axis=-1)
    pixels = np.clip(pixels, 0, 1)
    pixels[gaps] = int(NOT_MEASURED[1:3], 16) / 255
    return _plane("", pixels, "", grid_of(obj), grid_of(photo), gaps=bool(gaps.any()))


def single_plane(obj: xr.DataArray) -> Plane:
    """Return the plane of one map (y, x), such as a ratio or a mask."""
    plain = dequantify(obj)
    [thin] = load([thinned(plain, ALONE)])
    return map_plane(thin, grid_of(plain))


def _plane(title: str, pixels: NDArray[Any], unit: str, grid: Grid, thin: Grid, *, gaps: bool = False) -> Plane:
    """Return a plane with rows from the top and columns from the left, from pixels in the order of the coordinates."""
    (top, bottom), (left, right) = (
        _edges(axis, every.step, size)
        for axis, every, size in zip((grid.y, grid.x), (thin.y, thin.x), pixels.shape, strict=False)
    )
    turned = pixels[:: 1 if grid.y.step > 0 else -1, :: 1 if grid.x.step > 0 else -1]
    return Plane(title, turned, unit, grid, (left, right, bottom, top), gaps)


def _edges(axis: Axis, step: float, shown: int) -> tuple[float, float]:
    """Return the lower and upper edge of thinned pixels, of which the last may reach beyond the axis."""
    if shown == axis.size:
        return axis.edges
    first = axis.first - axis.step / 2
    low, high = sorted((first, first + shown * step))
    return low, high


def picture_of(obj: Any, lines: Any = None) -> list[Plane]:
    """Return what is shown of a photo, a single map, or the lines of a scan.

    Raises
    ------
    InvalidInput
        If it is none of these, or has no such line.
    """
    if is_like_photo(obj):
        return [photo_plane(obj)]
    if is_map(obj):
        return [single_plane(obj)]
    if not isinstance(obj, xr.Dataset | xr.DataArray):
        raise InvalidInput(
            "figure", [f"a scan, result, photo or single map (y, x) is needed, got {describe(obj)}; {_fix(obj)}"]
        )
    return scan_planes(obj, lines)


def _fix(obj: Any) -> str:
    return no_scan(obj).rpartition("; ")[2]

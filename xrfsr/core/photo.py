"""Photos: build one from an array, check one, convert one to the standard form.

A photo is a DataArray (band, y, x) with the bands red, green and blue in [0, 1] and coordinates in the millimetre frame
of the scan.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import centres, dequantify, grid_coords, grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.mistakes import is_like_photo, is_like_scan, no_photo, rename_fix
from xrfsr.core.photo_resolution import NATIVE_PIXEL, native_pixel
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.utils.checks import is_dask, numbers
from xrfsr.utils.describe import describe

__all__ = ["BANDS", "as_photo", "colours", "ensure_photo", "photo_on"]

BANDS = ("red", "green", "blue")
_DIMS = ("band", "y", "x")
# Resampling in floating point may exceed [0, 1] by rounding alone.
_SLACK = 1e-6
_UNPLACED = (
    "'rgb' has no coordinates 'y' and 'x' in mm; xrfsr.as_photo(photo, like=scan) gives it those of a scan that it "
    "shows exactly, xrfsr.register(photo, scan) finds the scan on it"
)
WHITES = (100, 255, 1023, 4095, 65535)  # percent, and the largest numbers of 8, 10, 12 and 16 bits
# Camera pixels are square. Cropping by hand to the scanned area is off by a pixel or two on either side. If pixels
# deviate by more than this from a square, the photo shows another area, or is turned by 90 degrees.
_STRETCH = 0.04


def as_photo(rgb: Any, like: xr.Dataset | xr.DataArray | Grid) -> xr.DataArray:
    """Build a photo from an array that covers the same area as a scan.

    Parameters
    ----------
    rgb : array of shape (3, H, W), (H, W, 3) or (H, W)
        NumPy or Dask array (Dask stays lazy). Unsigned integers are scaled by the largest value of their dtype; floats
        must lie in [0, 1]. NaN, masked entries, and zeros of a fourth channel (alpha) mark missing pixels. Grey is
        repeated. A DataArray may have its dimensions `y` and `x`, and bands named red, green and blue, in any order;
        its `y` and `x` coordinates are not used.
    like : xarray.Dataset, xarray.DataArray or Grid
        Scan with the same outer edges as the photo. The first row of the photo lies at the first row of the scan.

    Returns
    -------
    xarray.DataArray
        Photo named ``"rgb"``, (band, y, x) float32 in [0, 1], band red, green, blue, `y` and `x` in mm.

    Raises
    ------
    InvalidInput
        Naming every fault.

    Warns
    -----
    UserWarning
        If the photo's pixels, stretched over the scan's area, are far from square: it shows another area, or is
        turned by 90 degrees.

    Examples
    --------
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.ones((1, 3, 4)) * np.arange(4), lines=["Ca_K"], pixel_size="0.5 mm")
    >>> photo = as_photo(np.zeros((12, 16, 3), np.uint8), like=scan)
    >>> photo.shape, photo.x.values[:2].tolist()
    ((3, 12, 16), [0.0625, 0.1875])
    """
    faults: list[str] = []
    data: Any = None
    grid: Grid | None = None
    with collect_faults(faults):
        data = colours(rgb)
    with collect_faults(faults):
        grid = grid_of(like)
    if faults or grid is None:
        raise InvalidInput("photo", faults)
    fine = Grid(grid.y.resize(data.shape[1]), grid.x.resize(data.shape[2]))
    _warn_if_stretched(fine, grid)
    photo = photo_on(fine, data)
    if (native := native_pixel(rgb)) and (before := _grid_or_none(rgb)):
        # The photo was resampled before it was placed again.
        photo.attrs[NATIVE_PIXEL] = [
            pixel * new / old for pixel, new, old in zip(native, fine.spacing, before.spacing, strict=True)
        ]
    return photo


def colours(rgb: Any) -> Any:
    """Red, green and blue (3, H, W), float32 in [0, 1] with NaN for missing pixels.

    Parameters
    ----------
    rgb : array
        See `as_photo`.

    Raises
    ------
    InvalidInput
        If the shape, dtype or values are not those of a photo.
    """
    array, transparent = _bands_first(rgb)
    data = _unit_range(array)
    if transparent is not None and (hasattr(transparent, "__dask_graph__") or transparent.any()):
        data = xr.DataArray(data, dims=_DIMS).where(xr.DataArray(~transparent, dims=_DIMS[1:])).data
    return data


def photo_on(grid: Grid, data: Any) -> xr.DataArray:
    """Return the photo whose pixels (3, H, W), float32 in [0, 1], lie on a grid."""
    return xr.DataArray(data, {"band": _band_coord(), **grid_coords(grid)}, _DIMS, name="rgb")


def ensure_photo(photo: xr.DataArray | xr.Dataset, *, values: bool | None = None) -> xr.DataArray:
    """Check a photo and convert it to the standard form.

    Parameters
    ----------
    photo : xarray.DataArray or xarray.Dataset
        Photo with dimensions band, y, x in any order, and `y` and `x` with a unit of length. The bands are named red,
        green, blue in any order, or numbered 1, 2, 3, or have no coordinate. Of a Dataset the variable `rgb` is
        used. See `as_photo` for accepted dtypes.
    values : bool, optional
        Whether to check the values. By default they are checked unless they are a Dask array; True computes that
        array once for the check.

    Returns
    -------
    xarray.DataArray
        Photo in the form that `as_photo` returns; attributes are kept, other coordinates and encodings are not.

    Raises
    ------
    InvalidInput
        Naming every fault.
    """
    if isinstance(photo, xr.Dataset) and is_like_photo(photo):
        photo = photo["rgb"]
    if not isinstance(photo, xr.DataArray) or is_like_scan(photo):
        raise InvalidInput("photo", [no_photo(photo)])
    photo = dequantify(photo)
    faults: list[str] = []
    data: Any = None
    coords: dict[str, xr.Variable] = {}
    renamed = rename_fix(photo.dims, _DIMS)
    if set(photo.dims) == set(_DIMS):
        with collect_faults(faults):
            data = _unit_range(_in_order(photo.transpose(*_DIMS)).variable.data, values)
    else:
        faults.append(
            f"'rgb' must have the dimensions {_DIMS} in any order, got {describe(photo.dims)}; "
            f"{renamed or 'rename them'}, or build the photo with xrfsr.as_photo(rgb, like=scan)"
        )
    if not {"y", "x"} & set(photo.coords):
        faults += [] if renamed else [_UNPLACED]
    else:
        for name in ("y", "x"):
            with collect_faults(faults):
                coords[name] = centres(photo, name)[0]
    if faults:
        raise InvalidInput("photo", faults)
    return xr.DataArray(data, {"band": _band_coord(), **coords}, _DIMS, name="rgb", attrs=photo.attrs)


def _grid_or_none(photo: xr.DataArray) -> Grid | None:
    with suppress(InvalidInput):
        return grid_of(photo)
    return None


def _band_coord() -> xr.Variable:
    # Text of fixed width, whose size Dask knows (chunks="auto").
    return xr.Variable("band", np.array(BANDS))


def _warn_if_stretched(photo: Grid, scan: Grid) -> None:
    height, width = photo.spacing
    rows, columns = photo.shape
    # The photo is cropped to whole pixels. A photo that was resampled to pixels of the scan has their shape.
    slack = _STRETCH + 1 / photo.shape[0] + 1 / photo.shape[1]
    if any(abs(np.log(height / width / shape)) <= slack for shape in (1.0, scan.spacing[0] / scan.spacing[1])):
        return
    fix = "crop it to the scanned area, or check pixel_size"
    if abs(np.log(scan.y.extent / columns / (scan.x.extent / rows))) <= slack:
        fix = "its rows and columns seem to be exchanged: rotate it by 90 degrees, or transpose it"
    warn(
        f"the photo of {rows} x {columns} pixels is stretched over an area of {scan.y.extent:g} x {scan.x.extent:g} mm "
        f"(height x width), so that its pixels become {height:.3g} x {width:.3g} mm and not square; {fix}"
    )


def _bands_first(rgb: Any) -> tuple[Any, Any]:
    """Bands (3, H, W) from any accepted layout, and the mask of transparent pixels (H, W), or None."""
    needed = "an array (3, H, W), (H, W, 3) or (H, W)"
    if isinstance(rgb, str | os.PathLike | xr.Dataset) or is_like_scan(rgb):
        raise InvalidInput("photo", [no_photo(rgb, needed)])
    named = False
    if isinstance(rgb, xr.DataArray):
        rgb, named = _by_name(rgb)
    if isinstance(rgb, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(rgb)
        array, transparent = _layout(np.ma.getdata(rgb), named)
        mask, _ = _layout(hidden, named)
        return array, mask.any(axis=0) if transparent is None else mask.any(axis=0) | transparent
    if not is_dask(rgb):
        array = numbers(rgb, "biufc")
        if array is None:
            fix = "pass its .magnitude" if hasattr(rgb, "magnitude") else "convert it to a NumPy array of numbers"
            raise InvalidInput("photo", [f"{needed} is needed, got {describe(rgb)}; {fix}"])
        rgb = array
    return _layout(rgb, named)


def _by_name(rgb: xr.DataArray) -> tuple[Any, bool]:
    """Values of a DataArray with `y` before `x`, and whether its dimensions prove that the bands come first."""
    others = [dim for dim in rgb.dims if dim not in ("y", "x")]
    if not {"y", "x"} <= set(rgb.dims) or len(others) > 1:
        return rgb.data, False
    if others and rgb.sizes[others[0]] == 3 and others[0] in rgb.coords:
        names = [str(name) for name in rgb[others[0]].values.tolist()]
        if sorted(names) == sorted(BANDS):
            rgb = rgb.isel({others[0]: [names.index(band) for band in BANDS]})
    return rgb.transpose(*others, "y", "x").data, bool(others)


def _layout(array: Any, named: bool) -> tuple[Any, Any]:
    """Three bands, first axis; and the mask of pixels where a fourth band is zero, or None."""
    shape = tuple(array.shape)
    layouts = "(3, H, W), (H, W, 3) or (H, W)"
    if 0 in shape:
        raise InvalidInput("photo", [f"'rgb' has no pixel, got shape {shape}; check how it was cropped"])
    if len(shape) == 2:
        return array[None].repeat(3, axis=0), None
    if len(shape) != 3:
        raise InvalidInput("photo", [f"'rgb' must have shape {layouts}, got {shape}"])
    first, last = shape[0] in (1, 3, 4), shape[2] in (1, 3, 4) and not named
    if first and last:
        raise InvalidInput(
            "photo",
            [
                f"'rgb' of shape {shape} may have its bands first or last; name the dimensions: "
                "xr.DataArray(rgb, dims=('band', 'y', 'x')) or dims=('y', 'x', 'band')"
            ],
        )
    if not (first or last):
        raise InvalidInput(
            "photo",
            [f"'rgb' must have shape {layouts}, got {shape}; select three bands as red, green and blue"],
        )
    array = array if first else array.transpose(2, 0, 1)
    if array.shape[0] == 1:
        return array.repeat(3, axis=0), None
    return array[:3], array[3] == 0 if array.shape[0] == 4 else None


def _in_order(photo: xr.DataArray) -> xr.DataArray:
    """Return a photo with its bands in the order red, green, blue."""
    if photo.sizes["band"] != 3:
        raise InvalidInput(
            "photo",
            [
                f"'rgb' must have three bands, got {photo.sizes['band']}; select three: .isel(band=[0, 1, 2]), or "
                "repeat grey with xrfsr.as_photo"
            ],
        )
    names = photo["band"].values.tolist() if "band" in photo.coords else [1, 2, 3]
    if names == [1, 2, 3]:
        return photo
    if sorted(map(str, names)) != sorted(BANDS):
        raise InvalidInput(
            "photo", [f"unknown bands {describe(names)}; name them: .assign_coords(band=['red', 'green', 'blue'])"]
        )
    return photo.isel(band=[names.index(band) for band in BANDS])


def _unit_range(array: Any, values: bool | None = None) -> Any:
    """Convert pixels to float32 in [0, 1]."""
    kind = array.dtype.kind
    if kind == "u":
        return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
    if kind != "f":
        raise InvalidInput(
            "photo",
            [
                "'rgb' must hold unsigned integers (scaled by their largest value) or floats in [0, 1], got dtype "
                f"{array.dtype}; convert it, for example with rgb.astype('uint8') for values from 0 to 255"
            ],
        )
    lazy = hasattr(array, "__dask_graph__")
    if not lazy if values is None else values:
        pixels = xr.Variable(_DIMS, array)
        if not pixels.size:
            raise InvalidInput("photo", [f"'rgb' has no pixel, got shape {array.shape}; check how it was cropped"])
        ends = xr.Dataset({"lowest": pixels.min(), "highest": pixels.max()}).compute()  # one pass over Dask arrays
        lowest, highest = float(ends["lowest"]), float(ends["highest"])
        if np.isnan(lowest):
            raise InvalidInput("photo", ["all values of 'rgb' are NaN; check how it was read or registered"])
        if faults := range_faults(lowest, highest, array.dtype):
            raise InvalidInput("photo", faults)
    return array.astype(np.float32, copy=False)


def range_faults(lowest: float, highest: float, dtype: object = "float") -> list[str]:
    """Return the fault of a photo whose values do not lie in [0, 1], in a list, or an empty list."""
    if not (lowest < -_SLACK or highest > 1 + _SLACK):
        return []
    white = next((one for one in WHITES if one / 4 < highest <= one), None)
    likely = f", {white} as it seems," if white else ""
    return [
        f"'rgb' is {dtype} and must lie in [0, 1], got values from {lowest:g} to {highest:g}; divide by the white value"
        f"{likely} or use .clip(0, 1)"
    ]

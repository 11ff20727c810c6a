"""Photos: build one from an array, check one, convert one to the standard form.

A photo is a DataArray (band, y, x) with values in [0, 1] and coordinates in the millimetre frame of the scan. Its bands
are red, green and blue, or any number of others: infrared, UV fluorescence, an X-radiograph, components of a spectral
image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import centres, dequantify, grid_coords, grid_of, warn_of_replaced_positions
from xrfsr.core.grid import Grid
from xrfsr.core.mistakes import is_like_photo, is_like_scan, no_photo, rename_fix
from xrfsr.core.photo_bands import BANDS, band_names, bands_first, order_of
from xrfsr.core.photo_resolution import NATIVE_BANDS, move_native_pixel
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.utils.checks import is_dask
from xrfsr.utils.describe import describe

__all__ = ["BANDS", "area_of", "as_photo", "ensure_photo", "photo_on", "pixels_of"]

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


def as_photo(
    rgb: Any, like: xr.Dataset | xr.DataArray | Grid | None = None, bands: Sequence[str] | None = None
) -> xr.DataArray:
    """Build a photo from an array that covers the same area as a scan.

    Parameters
    ----------
    rgb : array of shape (3, H, W), (H, W, 3) or (H, W), or with any number of bands
        NumPy or Dask array (Dask stays lazy). Unsigned integers are scaled by the largest value of their dtype; floats
        must lie in [0, 1]. NaN, masked entries, and zeros of a fourth channel (alpha) mark missing pixels. Grey is
        repeated. A DataArray may have its dimensions `y` and `x`, and bands named red, green and blue, in any order;
        its `y` and `x` coordinates are not used, other names of bands are kept.
    like : xarray.Dataset, xarray.DataArray or Grid
        Scan with the same outer edges as the photo; needed. The first row of the photo is at the first row of the scan.
    bands : sequence of str, optional
        Names of the bands, as they are stored: ``["infrared"]`` makes one band of grey, ``["red", "green", "blue",
        "infrared"]`` four; ``"alpha"`` is opacity. By default the names of a DataArray, or red, green and blue.

    Returns
    -------
    xarray.DataArray
        Photo named ``"rgb"``, (band, y, x) float32 in [0, 1], `y` and `x` in mm.

    Raises
    ------
    InvalidInput
        Naming every fault.

    Warns
    -----
    UserWarning
        If the photo's pixels, stretched over the scan's area, are far from square: it shows another area, or is
        turned by 90 degrees. If the photo has other positions in mm of its own, which are not used.

    Examples
    --------
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.ones((1, 3, 4)) * np.arange(4), lines=["Ca_K"], pixel_size="0.5 mm")
    >>> photo = as_photo(np.zeros((12, 16, 3), np.uint8), like=scan)
    >>> photo.shape, photo.x.values[:2].tolist()
    ((3, 12, 16), [0.0625, 0.1875])
    >>> as_photo(np.zeros((12, 16), np.uint8), like=scan, bands=["infrared"]).band.values.tolist()
    ['infrared']
    """
    faults: list[str] = []
    data: Any = None
    names: tuple[str, ...] = ()
    grid: Grid | None = None
    with collect_faults(faults):
        data, names = pixels_of(rgb, bands)
    with collect_faults(faults):
        grid = area_of(like, "photo")
    if faults or grid is None:
        raise InvalidInput("photo", faults)
    fine = Grid(grid.y.resize(data.shape[1]), grid.x.resize(data.shape[2]))
    _warn_if_stretched(fine, grid)
    warn_of_replaced_positions("photo", rgb, fine)
    photo = photo_on(fine, data, names)
    move_native_pixel(photo, rgb)
    return photo


def area_of(like: xr.Dataset | xr.DataArray | Grid | None, photo: str) -> Grid:
    """Return the grid of a scan whose area a photo covers.

    Parameters
    ----------
    like : Dataset, DataArray or Grid, optional
        Scan.
    photo : str
        Argument that is the photo, for the message.

    Raises
    ------
    InvalidInput
        If there is none, as where `register` was forgotten, or it is no scan.
    """
    if like is None:
        raise InvalidInput(
            "photo",
            [
                "like is missing, so the place of the photo is unknown; pass like=scan if it ends at the edges of the "
                f"scan, otherwise find the scan on it: xrfsr.register({photo}, scan).photo"
            ],
        )
    return grid_of(like)


def pixels_of(rgb: Any, bands: Sequence[str] | None = None) -> tuple[Any, tuple[str, ...]]:
    """Return the bands of an array (band, H, W), float32 in [0, 1] with NaN for missing pixels, and their names.

    Parameters
    ----------
    rgb, bands
        See `as_photo`.

    Raises
    ------
    InvalidInput
        If the shape, dtype, values or names are not those of a photo.
    """
    array, transparent, names = bands_first(rgb, band_names(bands))
    data = _unit_range(array, colours=names == BANDS)
    if transparent is not None and (is_dask(transparent) or transparent.any()):
        data = xr.DataArray(data, dims=_DIMS).where(xr.DataArray(~transparent, dims=_DIMS[1:])).data
    return data, names


def photo_on(grid: Grid, data: Any, bands: Sequence[str] = BANDS) -> xr.DataArray:
    """Return the photo whose pixels (band, H, W), float32 in [0, 1], lie on a grid."""
    return xr.DataArray(data, {"band": _band_coord(bands), **grid_coords(grid)}, _DIMS, name="rgb")


def ensure_photo(photo: xr.DataArray | xr.Dataset, *, values: bool | None = None) -> xr.DataArray:
    """Check a photo and convert it to the standard form.

    Parameters
    ----------
    photo : xarray.DataArray or xarray.Dataset
        Photo with dimensions band, y, x in any order, and `y` and `x` with a unit of length. The bands are named red,
        green, blue in any order, or numbered 1, 2, 3, or have no coordinate; or they are any number of bands with other
        names. Of a Dataset the variable `rgb` is used. See `as_photo` for accepted dtypes.
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
    names: tuple[str, ...] = BANDS
    coords: dict[str, xr.Variable] = {}
    renamed = rename_fix(photo.dims, _DIMS)
    if set(photo.dims) == set(_DIMS):
        with collect_faults(faults):
            ordered = photo.transpose(*_DIMS)
            if not ordered.sizes["band"]:
                raise InvalidInput("photo", ["'rgb' has no band; check how it was selected"])
            order, names = order_of(ordered)
            if order != list(range(len(order))):
                ordered = ordered.isel(band=order)
            data = _unit_range(ordered.variable.data, values, colours=names == BANDS)
            coords = {name: ordered[name].variable for name in NATIVE_BANDS if name in ordered.coords}
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
    return xr.DataArray(data, {"band": _band_coord(names), **coords}, _DIMS, name="rgb", attrs=photo.attrs)


def _band_coord(bands: Sequence[str]) -> xr.Variable:
    # Text of fixed width, whose size Dask knows (chunks="auto").
    return xr.Variable("band", np.array(bands))


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


def _unit_range(array: Any, values: bool | None = None, *, colours: bool = True) -> Any:
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
    if not is_dask(array) if values is None else values:
        pixels = xr.Variable(_DIMS, array)
        if not pixels.size:
            raise InvalidInput("photo", [f"'rgb' has no pixel, got shape {array.shape}; check how it was cropped"])
        ends = xr.Dataset({"lowest": pixels.min(), "highest": pixels.max()}).compute()  # one pass over Dask arrays
        lowest, highest = float(ends["lowest"]), float(ends["highest"])
        if np.isnan(lowest):
            raise InvalidInput("photo", ["all values of 'rgb' are NaN; check how it was read or registered"])
        if faults := range_faults(lowest, highest, array.dtype, colours=colours):
            raise InvalidInput("photo", faults)
    return array.astype(np.float32, copy=False)


def range_faults(lowest: float, highest: float, dtype: object = "float", *, colours: bool = True) -> list[str]:
    """Return the fault of a photo whose values do not lie in [0, 1], in a list, or an empty list."""
    if not (lowest < -_SLACK or highest > 1 + _SLACK):
        return []
    white = next((one for one in WHITES if one / 4 < highest <= one), None)
    fix = f"divide by the white value{f', {white} as it seems,' if white else ''} or use .clip(0, 1)"
    if not colours:
        fix = "scale each band, for example by its least and largest value: (b - b.min()) / (b.max() - b.min())"
    return [f"'rgb' is {dtype} and must lie in [0, 1], got values from {lowest:g} to {highest:g}; {fix}"]

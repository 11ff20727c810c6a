"""What a valid photo is: three bands in [0, 1] in the millimetre frame of the scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import centres, dequantify, grid_coords, grid_of
from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput, collect_faults, warn

__all__ = ["BANDS", "as_photo", "colours", "ensure_photo", "photo_on"]

BANDS = ("red", "green", "blue")
_DIMS = ("band", "y", "x")
# A photo that was resampled in float arithmetic may leave [0, 1] by rounding alone.
_SLACK = 1e-6
# Camera pixels are square. Cropping by hand to a scanned area is off by a pixel or two on either side; beyond this, a
# photo laid edge to edge on the scan is a photo of something else, or lies on its side.
_STRETCH = 0.04


def as_photo(rgb: Any, like: xr.Dataset | xr.DataArray | Grid) -> xr.DataArray:
    """Build a photo from an array that shows the same area as a scan.

    Parameters
    ----------
    rgb : array of shape (3, H, W), (H, W, 3) or (H, W)
        NumPy or Dask (which stays lazy). Unsigned integers are scaled by the largest value of their dtype; floats
        must lie in [0, 1]. NaN and masked entries mark missing pixels, and so does a fourth channel (alpha) where it
        is zero. Grey is repeated. Of a DataArray the dimensions `y` and `x`, and bands named red, green and blue, are
        found by name in any order; its `y` and `x` coordinates are not used.
    like : xarray.Dataset, xarray.DataArray or Grid
        The scan whose outer edges the photo covers, with the first row of the photo at the first row of the scan.

    Returns
    -------
    xarray.DataArray
        Named ``"rgb"``, (band, y, x) float32 in [0, 1], band red, green, blue, `y` and `x` in mm.

    Raises
    ------
    InvalidInput
        Naming every fault.

    Warns
    -----
    UserWarning
        If the photo's pixels, laid on the scan's area, are far from square: it shows another area, or lies on its
        side.

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
    return photo_on(fine, data)


def colours(rgb: Any) -> Any:
    """Red, green and blue (3, H, W), float32 in [0, 1] with NaN for missing pixels, of an array as `as_photo` takes it.

    Raises
    ------
    InvalidInput
        If it is no such array.
    """
    array, transparent = _bands_first(rgb)
    data = _unit_range(array)
    if transparent is not None and (hasattr(transparent, "__dask_graph__") or transparent.any()):
        data = xr.DataArray(data, dims=_DIMS).where(xr.DataArray(~transparent, dims=_DIMS[1:])).data
    return data


def photo_on(grid: Grid, data: Any) -> xr.DataArray:
    """The DataArray of a photo whose pixels (3, H, W), float32 in [0, 1], lie on a grid."""
    return xr.DataArray(data, {"band": _band_coord(), **grid_coords(grid)}, _DIMS, name="rgb")


def ensure_photo(photo: xr.DataArray | xr.Dataset, *, values: bool | None = None) -> xr.DataArray:
    """Check a photo and bring it into the standard form.

    Parameters
    ----------
    photo : xarray.DataArray or xarray.Dataset
        Dimensions band, y, x in any order, `y` and `x` with a unit of length; bands named red, green, blue in any
        order, or numbered 1, 2, 3, or without coordinate. Of a Dataset the variable `rgb` is taken. dtype as for
        `as_photo`.
    values : bool, optional
        Whether to look at the values. Left out, they are looked at unless they are a Dask array; True computes that
        once for the purpose.

    Returns
    -------
    xarray.DataArray
        As `as_photo` returns it; attributes are kept, other coordinates and encodings are not.

    Raises
    ------
    InvalidInput
        Naming every fault.
    """
    if isinstance(photo, xr.Dataset) and "rgb" in photo:
        photo = photo["rgb"]
    if not isinstance(photo, xr.DataArray):
        raise InvalidInput(
            "photo",
            [f"a {type(photo).__name__} was given; a DataArray is needed: xrfsr.as_photo(rgb, like=scan) builds one"],
        )
    photo = dequantify(photo)
    faults: list[str] = []
    data: Any = None
    coords: dict[str, xr.Variable] = {}
    if set(photo.dims) == set(_DIMS):
        with collect_faults(faults):
            data = _unit_range(_in_order(photo.transpose(*_DIMS)).variable.data, values)
    else:
        faults.append(
            f"'rgb' has dimensions {photo.dims}, but {_DIMS} are needed in any order; rename them, or build the photo "
            "with xrfsr.as_photo(rgb, like=scan)"
        )
    for name in ("y", "x"):
        with collect_faults(faults):
            coords[name] = centres(photo, name)[0]
    if faults:
        raise InvalidInput("photo", faults)
    return xr.DataArray(data, {"band": _band_coord(), **coords}, _DIMS, name="rgb", attrs=photo.attrs)


def _band_coord() -> xr.Variable:
    # An object array, because zarr warns of fixed-width text.
    return xr.Variable("band", np.array(BANDS, dtype=object))


def _warn_if_stretched(photo: Grid, scan: Grid) -> None:
    height, width = photo.spacing
    # The photo is cut to whole pixels. One that was brought onto the pixels of the scan has their shape.
    slack = _STRETCH + 1 / photo.shape[0] + 1 / photo.shape[1]
    if any(abs(np.log(height / width / shape)) <= slack for shape in (1.0, scan.spacing[0] / scan.spacing[1])):
        return
    rows, columns = photo.shape
    warn(
        f"the photo of {rows} x {columns} pixels is stretched over an area of {scan.y.extent:g} x {scan.x.extent:g} mm "
        f"(height x width), so that its pixels become {height:.3g} x {width:.3g} mm and not square; crop it to the "
        "scanned area, turn it if it lies on its side, or check pixel_size"
    )


def _bands_first(rgb: Any) -> tuple[Any, Any]:
    """(3, H, W) from any accepted layout, and where it is transparent (H, W), or None."""
    named = False
    if isinstance(rgb, xr.DataArray):
        rgb, named = _by_name(rgb)
    if isinstance(rgb, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(rgb)
        array, transparent = _layout(np.ma.getdata(rgb), named)
        mask, _ = _layout(hidden, named)
        return array, mask.any(axis=0) if transparent is None else mask.any(axis=0) | transparent
    if not hasattr(rgb, "__dask_graph__"):
        try:
            rgb = np.asarray(rgb)
        except ValueError:
            raise InvalidInput("photo", ["'rgb' is a list of rows that differ in length; an array is needed"]) from None
    return _layout(rgb, named)


def _by_name(rgb: xr.DataArray) -> tuple[Any, bool]:
    """The values of a DataArray with `y` before `x`, and whether it is known that its bands come first."""
    others = [dim for dim in rgb.dims if dim not in ("y", "x")]
    if not {"y", "x"} <= set(rgb.dims) or len(others) > 1:
        return rgb.data, False
    if others and rgb.sizes[others[0]] == 3 and others[0] in rgb.coords:
        names = [str(name) for name in rgb[others[0]].values.tolist()]
        if sorted(names) == sorted(BANDS):
            rgb = rgb.isel({others[0]: [names.index(band) for band in BANDS]})
    return rgb.transpose(*others, "y", "x").data, bool(others)


def _layout(array: Any, named: bool) -> tuple[Any, Any]:
    """Bands first and three of them, and where a fourth is zero."""
    shape = tuple(array.shape)
    layouts = "(3, H, W), (H, W, 3) or (H, W)"
    if 0 in shape:
        raise InvalidInput("photo", [f"'rgb' has shape {shape}, so it has no pixel; check how it was cropped"])
    if len(shape) == 2:
        return array[None].repeat(3, axis=0), None
    if len(shape) != 3:
        raise InvalidInput("photo", [f"'rgb' has shape {shape}; {layouts} is needed"])
    first, last = shape[0] in (1, 3, 4), shape[2] in (1, 3, 4) and not named
    if first and last:
        raise InvalidInput(
            "photo",
            [
                f"'rgb' has shape {shape}, so the bands may come first or last; name the dimensions: "
                "xr.DataArray(rgb, dims=('band', 'y', 'x')) or dims=('y', 'x', 'band')"
            ],
        )
    if not (first or last):
        raise InvalidInput(
            "photo",
            [f"'rgb' has shape {shape}; {layouts} is needed, so choose three bands to stand for red, green and blue"],
        )
    array = array if first else array.transpose(2, 0, 1)
    if array.shape[0] == 1:
        return array.repeat(3, axis=0), None
    return array[:3], array[3] == 0 if array.shape[0] == 4 else None


def _in_order(photo: xr.DataArray) -> xr.DataArray:
    """A photo with its bands as red, green, blue."""
    if photo.sizes["band"] != 3:
        raise InvalidInput(
            "photo",
            [
                f"'rgb' has {photo.sizes['band']} bands; three are needed, so select them: .isel(band=[0, 1, 2]), or "
                "repeat grey with xrfsr.as_photo"
            ],
        )
    names = photo["band"].values.tolist() if "band" in photo.coords else [1, 2, 3]
    if names == [1, 2, 3]:
        return photo
    if sorted(map(str, names)) != sorted(BANDS):
        raise InvalidInput(
            "photo", [f"the bands are {names}; name them: .assign_coords(band=['red', 'green', 'blue'])"]
        )
    return photo.isel(band=[names.index(band) for band in BANDS])


def _unit_range(array: Any, values: bool | None = None) -> Any:
    """The same as float32 in [0, 1]."""
    kind = array.dtype.kind
    if kind == "u":
        return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
    if kind != "f":
        raise InvalidInput(
            "photo",
            [
                f"'rgb' has dtype {array.dtype}; unsigned integers (scaled by their largest value) and floats in "
                "[0, 1] are accepted, so convert it, such as rgb.astype('uint8') for values from 0 to 255"
            ],
        )
    lazy = hasattr(array, "__dask_graph__")
    if not lazy if values is None else values:
        pixels = xr.Variable(_DIMS, array)
        if not pixels.size:
            raise InvalidInput(
                "photo", [f"'rgb' has shape {array.shape}, so it has no pixel; check how it was cropped"]
            )
        ends = xr.Dataset({"lowest": pixels.min(), "highest": pixels.max()}).compute()  # of Dask arrays in one pass
        lowest, highest = float(ends["lowest"]), float(ends["highest"])
        if np.isnan(lowest):
            raise InvalidInput("photo", ["'rgb' holds nothing but NaN; check how it was read or registered"])
        if faults := range_faults(lowest, highest, array.dtype):
            raise InvalidInput("photo", faults)
    return array.astype(np.float32, copy=False)


def range_faults(lowest: float, highest: float, dtype: object = "float") -> list[str]:
    """A sentence if the values of a photo do not lie in [0, 1]."""
    if not (lowest < -_SLACK or highest > 1 + _SLACK):
        return []
    return [
        f"'rgb' is {dtype} and runs from {lowest:g} to {highest:g}, but floats must lie in [0, 1]; "
        "divide by the white value (255 or 65535) or use .clip(0, 1)"
    ]

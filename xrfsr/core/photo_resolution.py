"""Pixel size of the file that a photo was resampled from, and the finest result that such a photo can guide.

Resampling onto a finer grid adds pixels and no detail. So a resampled photo keeps the pixel size of its file in its
attributes, and the scale asked for is compared with that. A stack of photos has it for each band, too, as coordinates:
its finest band decides how much it resolves, and a coarse band that is selected from it resolves no more than before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of, grid_or_none
from xrfsr.core.grid import Grid
from xrfsr.utils.checks import numbers

__all__ = [
    "NATIVE_BANDS",
    "NATIVE_PIXEL",
    "finest_scale",
    "is_resolved",
    "keep_native_pixel",
    "move_native_pixel",
    "native_pixel",
    "native_pixels",
    "set_native_pixel",
    "set_native_pixels",
    "swap_native_pixel",
]

NATIVE_PIXEL = "native_pixel_mm"  # attribute with two numbers (y, x)
NATIVE_BANDS = ("native_pixel_y", "native_pixel_x")  # coordinates along `band`
# A registration finds the pixel size of a photo to a few percent.
TOLERANCE = 1.05


def native_pixel(photo: object) -> tuple[float, float] | None:
    """Return the pixel size (y, x) in mm of the file that a photo was resampled from, if the photo has it.

    Of the bands of a stack, it is that of the finest.
    """
    if isinstance(photo, xr.Dataset) and "rgb" in photo:
        photo = photo["rgb"]
    if not isinstance(photo, xr.DataArray):
        return None
    known = [_lengths(photo.attrs.get(NATIVE_PIXEL, ()))]
    if set(NATIVE_BANDS) <= set(photo.coords):
        bands = [numbers(photo.coords[name].values) for name in NATIVE_BANDS]
        finest = _lengths([each.min() for each in bands if each is not None and each.size])
        own = grid_or_none(photo)
        # A band with the pixels of the photo itself was not resampled.
        known.append(None if finest and own and is_resolved(finest, own) else finest)
    found = [pair for pair in known if pair is not None]
    return (max(dy for dy, _ in found), max(dx for _, dx in found)) if found else None


def _lengths(stored: Any) -> tuple[float, float] | None:
    """Return one or two stored lengths as a pair, or None if they are none."""
    lengths = numbers(stored)
    if lengths is None or lengths.size not in (1, 2) or not (np.isfinite(lengths) & (lengths > 0)).all():
        return None
    dy, dx = np.broadcast_to(lengths.ravel(), 2).tolist()
    return dy, dx


def set_native_pixel(photo: xr.Dataset | xr.DataArray, pixel: Sequence[float]) -> None:
    """Note in a photo, in place, the pixel size (y, x) in mm of its file."""
    rgb = photo["rgb"] if isinstance(photo, xr.Dataset) else photo
    rgb.attrs[NATIVE_PIXEL] = list(pixel)


def native_pixels(photo: xr.DataArray) -> list[tuple[float, float]]:
    """Return the pixel size (y, x) in mm that each band of a photo resolves."""
    dy, dx = native_pixel(photo) or grid_of(photo).spacing
    own = [photo[name].values.tolist() for name in NATIVE_BANDS if name in photo.coords]
    sizes = zip(*own, strict=True) if len(own) == 2 else [(dy, dx)] * photo.sizes["band"]
    return [(max(y, dy), max(x, dx)) for y, x in sizes]


def set_native_pixels(photo: xr.DataArray, pixels: Sequence[Sequence[float]]) -> None:
    """Note in a photo, in place, the pixel size (y, x) in mm of the file of each of its bands, if they differ."""
    if len({tuple(pixel) for pixel in pixels}) > 1:
        for name, sizes in zip(NATIVE_BANDS, zip(*pixels, strict=True), strict=True):
            photo.coords[name] = ("band", np.array(sizes, np.float64), {"units": "mm"})


def swap_native_pixel(photo: xr.Dataset | xr.DataArray) -> xr.Dataset | xr.DataArray:
    """Return a photo whose `y` and `x` were exchanged with its native pixel sizes exchanged, too."""
    swapped = photo
    if set(NATIVE_BANDS) <= set(photo.coords):
        pairs = permutations(NATIVE_BANDS)
        swapped = photo.assign_coords({name: photo.coords[other].variable for name, other in pairs})
    rgb = swapped["rgb"] if isinstance(swapped, xr.Dataset) and "rgb" in swapped else swapped
    if isinstance(rgb, xr.DataArray) and (native := _lengths(rgb.attrs.get(NATIVE_PIXEL, ()))):
        set_native_pixel(swapped, native[::-1])
    return swapped


def move_native_pixel(placed: xr.DataArray, photo: object) -> None:
    """Note in a photo that was placed on other pixels, in place, the pixel sizes that it resolves there."""
    before, now = grid_or_none(photo), grid_of(placed)
    if before is None or not isinstance(photo, xr.DataArray):
        return
    ratios = [new / old for new, old in zip(now.spacing, before.spacing, strict=True)]
    if native := native_pixel(photo):
        set_native_pixel(placed, [pixel * ratio for pixel, ratio in zip(native, ratios, strict=True)])
    bands = placed["band"].values.tolist()
    if set(NATIVE_BANDS) <= set(photo.coords) and np.atleast_1d(photo["band"].values).tolist() == bands:
        sizes = [np.atleast_1d(photo[name].values) * ratio for name, ratio in zip(NATIVE_BANDS, ratios, strict=True)]
        set_native_pixels(placed, np.transpose(sizes).tolist())


def keep_native_pixel(resampled: xr.Dataset | xr.DataArray, photo: xr.Dataset | xr.DataArray) -> None:
    """Note in a resampled photo the pixel size that it resolves, if that is larger than its own pixels."""
    before, now = grid_of(photo).spacing, grid_of(resampled).spacing
    sizes = [max(pair) for pair in zip(native_pixel(photo) or before, before, strict=True)]
    if any(size > new * (1 + 1e-6) for size, new in zip(sizes, now, strict=True)):
        set_native_pixel(resampled, sizes)


def is_resolved(native: tuple[float, float], fine: Grid) -> bool:
    """Return whether a photo whose file has pixels of `native` mm resolves the pixels of a grid."""
    return all(pixel <= TOLERANCE * step for pixel, step in zip(native, fine.spacing, strict=True))


def finest_scale(native: tuple[float, float], coarse: Grid) -> float:
    """Return the largest scale, to two decimals below, whose pixels are not smaller than `native` mm.

    Examples
    --------
    >>> finest_scale((0.2, 0.21), Grid.from_shape((12, 16), 0.5))
    2.38
    """
    ratio = min(step / pixel for step, pixel in zip(coarse.spacing, native, strict=True))
    return float(np.floor(ratio * 100 + 1e-6) / 100)

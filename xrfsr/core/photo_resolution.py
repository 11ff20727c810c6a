"""Pixel size of the file that a photo was resampled from, and the finest result that such a photo can guide.

Resampling onto a finer grid adds pixels and no detail. So a resampled photo keeps the pixel size of its file in its
attributes, and the scale asked for is compared with that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.utils.checks import numbers

__all__ = ["NATIVE_PIXEL", "finest_scale", "is_resolved", "keep_native_pixel", "native_pixel", "set_native_pixel"]

NATIVE_PIXEL = "native_pixel_mm"  # attribute with two numbers (y, x)
# A registration finds the pixel size of a photo to a few percent.
TOLERANCE = 1.05


def native_pixel(photo: object) -> tuple[float, float] | None:
    """Return the pixel size (y, x) in mm of the file that a photo was resampled from, if the photo has it."""
    if isinstance(photo, xr.Dataset) and "rgb" in photo:
        photo = photo["rgb"]
    attrs: dict[Any, Any] = photo.attrs if isinstance(photo, xr.DataArray) else {}
    stored = numbers(attrs.get(NATIVE_PIXEL, ()))
    if stored is None or stored.size not in (1, 2) or not (np.isfinite(stored) & (stored > 0)).all():
        return None
    dy, dx = np.broadcast_to(stored.ravel(), 2).tolist()
    return dy, dx


def set_native_pixel(photo: xr.Dataset | xr.DataArray, pixel: Sequence[float]) -> None:
    """Note in a photo, in place, the pixel size (y, x) in mm of its file."""
    rgb = photo["rgb"] if isinstance(photo, xr.Dataset) else photo
    rgb.attrs[NATIVE_PIXEL] = list(pixel)


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

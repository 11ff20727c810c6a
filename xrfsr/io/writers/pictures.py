"""Photos as writers need them: 8-bit pixels of a colour photo, or one map for each band of any other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.photo import BANDS
from xrfsr.io.writers.common import iter_strips
from xrfsr.io.writers.layers import Plane

__all__ = ["band_planes", "has_gaps", "is_colour", "iter_rgb"]

WHITE = 255


def is_colour(photo: xr.DataArray) -> bool:
    """Return whether the bands of a photo are red, green and blue."""
    return [str(name) for name in photo["band"].values] == list(BANDS)


def band_planes(photo: xr.DataArray) -> list[Plane]:
    """Return the bands of a photo as maps."""
    names = [str(name) for name in photo["band"].values]
    return [
        Plane(name, photo.isel(band=number, drop=True).rename(name), "dimensionless", "derived")
        for number, name in enumerate(names)
    ]


def has_gaps(photo: xr.DataArray) -> bool:
    """Return whether a photo has missing pixels; a lazy one is computed for it."""
    return bool(photo.isnull().any())


def iter_rgb(photo: xr.DataArray) -> Iterator[tuple[slice, NDArray[np.uint8], NDArray[np.bool_]]]:
    """Yield strips of a colour photo, so that a lazy one is never in memory as a whole.

    Yields
    ------
    rows : slice
        Rows of the strip.
    pixels : ndarray
        Pixels (3, y, x); missing pixels are black.
    shown : ndarray
        Mask (y, x), false for missing pixels.
    """
    for rows, values in iter_strips(photo):
        shown = np.asarray(np.isfinite(values).all(axis=0))
        brightness = np.where(shown, values, 0).clip(0, 1)
        yield rows, np.rint(WHITE * brightness).astype(np.uint8), shown

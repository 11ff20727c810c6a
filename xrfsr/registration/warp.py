"""Resampling of the photo onto a target grid: each target pixel averages the part of the photo that it covers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["photo_pixels", "warp_photo"]

# Function from points (n, 2) to points.
PointMap = Callable[[NDArray[np.float64]], NDArray[np.float64]]
# Sub-pixels interpolated at once: 8 MB a band.
STRIP = 1 << 20
MOST_SAMPLES = 32
SPOTS = 15  # along each side of the target, where the size of a photo pixel is measured


def warp_photo(
    photo: NDArray[np.float32], photo_valid: NDArray[np.bool_], to_photo: PointMap, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Resample a photo.

    Each target pixel is divided into parts no larger than pixels of the photo. The photo is interpolated linearly at
    each part, and the parts are averaged. So details too fine for the target do not alias. The cost is about that of
    reading the photo once.

    Parameters
    ----------
    photo : ndarray of shape (band, y, x)
        Photo, float32.
    photo_valid : ndarray of bool, (y, x)
        Mask, false where the photo has no value.
    to_photo : callable
        Transform from target pixels (column, row) to photo pixels, centres at whole numbers.
    shape : (int, int)
        Number of rows and columns of the target.

    Returns
    -------
    ndarray of shape (band, *shape)
        Resampled photo, float32; NaN where the photo covers less than half of a pixel.
    """
    rows, columns = shape
    parts = _parts(to_photo, shape)
    offsets = (np.arange(parts) + 0.5) / parts - 0.5
    x = (np.arange(columns)[:, None] + offsets).ravel()
    result = np.empty((len(photo), rows, columns), np.float32)
    strip = max(1, STRIP // (len(x) * parts))
    whole = bool(photo_valid.all())
    for top in range(0, rows, strip):
        bottom = min(rows, top + strip)
        y = (np.arange(top, bottom)[:, None] + offsets).ravel()
        places = to_photo(np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).reshape(-1, 2))
        u, v = places.T.reshape(2, len(y), len(x))
        height, width = photo_valid.shape
        with np.errstate(invalid="ignore"):
            inside = (u >= -0.5) & (u <= width - 0.5) & (v >= -0.5) & (v <= height - 0.5)
        coordinates = np.where(inside, v, 0.0), np.where(inside, u, 0.0)
        if not whole:
            near = tuple(
                np.clip(np.rint(one), 0, size - 1).astype(int)
                for one, size in zip(coordinates, photo_valid.shape, strict=True)
            )
            inside &= photo_valid[near]
        tiles = (bottom - top, parts, columns, parts)
        share = inside.reshape(tiles).mean((1, 3))
        for band, target in zip(photo, result, strict=True):
            values = ndimage.map_coordinates(band, coordinates, order=1, mode="nearest")
            mean = np.where(inside, values, 0).reshape(tiles).mean((1, 3))
            with np.errstate(divide="ignore", invalid="ignore"):
                target[top:bottom] = np.where(share >= 0.5, mean / share, np.nan)
    return np.clip(result, 0, 1, out=result)


def photo_pixels(to_photo: PointMap, shape: tuple[int, int], photo: tuple[int, int]) -> tuple[float, float]:
    """Return how many photo pixels there are along a pixel of the target, down and across: the median over the target.

    Parameters
    ----------
    to_photo : callable
        Transform from target pixels (column, row) to photo pixels.
    shape, photo : (int, int)
        Number of rows and columns of the target and of the photo. Only target pixels that the photo shows count, if
        there are any.
    """
    rows, columns = shape
    x, y = (one.ravel() for one in np.meshgrid(*(np.linspace(0, size - 1, SPOTS) for size in (columns, rows))))
    points = np.stack([x, y], axis=1)
    there = to_photo(points)
    with np.errstate(invalid="ignore"):
        shown = ((there >= -0.5) & (there <= np.array(photo[::-1]) - 0.5)).all(axis=1)
    points = points[shown] if shown.any() else points
    halves = np.array([[0.0, 0.5], [0.5, 0.0]])
    down, across = (
        float(np.median(np.hypot(*(to_photo(points + half) - to_photo(points - half)).T))) for half in halves
    )
    return down, across


def _parts(to_photo: PointMap, shape: tuple[int, int]) -> int:
    """Return the number of parts along each side of a target pixel: the largest number of photo pixels along it."""
    rows, columns = shape
    corners = np.array([[0, 0], [columns - 1, 0], [0, rows - 1], [columns - 1, rows - 1], [columns / 2, rows / 2]])
    here = to_photo(corners)
    right, down = (to_photo(corners + np.array(step)) - here for step in ([1, 0], [0, 1]))
    lengths = np.hypot(*np.concatenate([right, down]).T)
    longest = float(lengths[np.isfinite(lengths)].max(initial=1.0))
    return min(MOST_SAMPLES, max(1, math.ceil(longest - 0.01)))

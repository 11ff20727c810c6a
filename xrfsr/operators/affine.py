"""Resampling of an image that was moved, turned, stretched or sheared a little."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xrfsr.core.grid import Axis, Grid
from xrfsr.operators.interpolation import LOBES, lanczos_weights
from xrfsr.operators.moving import SAME

__all__ = ["resample_affine"]

STRIP = 2**17  # places at once: few enough for the cache
MOST_PARTS = 32


def resample_affine(
    pixels: NDArray[Any], source: Grid, target: Grid, matrix: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Resample an image whose coordinates are an affine function of those of the result.

    Parameters
    ----------
    pixels : array, shape (band, source.y, source.x)
        Image; its outermost values are repeated.
    source, target : Grid
        Grids of the image and of the result.
    matrix, offset : array, shapes (2, 2) and (2,)
        The place (y, x) in mm on the image of a place p of the result is ``matrix @ p + offset``.

    Returns
    -------
    array, shape (band, target.y, target.x)
        Lanczos interpolation where the pixels of the image are about as large as those of the result. Where they are
        smaller, each pixel of the result is divided into parts no larger than them, and the mean of these is taken,
        with linear interpolation.

    Examples
    --------
    >>> grid = Grid.from_shape((4, 4), 1.0)
    >>> picture = np.arange(16.0).reshape(1, 4, 4)
    >>> turned = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> resample_affine(picture, grid, grid, turned, np.zeros(2))[0, 0]
    array([ 0.,  4.,  8., 12.])
    """
    axes = tuple(zip((source.y, source.x), (target.y, target.x), strict=True))
    parts = [1 if abs(s.step) > SAME * abs(t.step) else min(MOST_PARTS, ceil(abs(t.step / s.step))) for s, t in axes]
    down, across = (_parts(t, n) for (_, t), n in zip(axes, parts, strict=True))
    made = np.empty((len(pixels), target.y.size, target.x.size))
    rows = max(1, STRIP // (across.size * parts[0]))
    for top in range(0, target.y.size, rows):
        y = down[top * parts[0] : (top + rows) * parts[0], None]
        places = [
            np.clip((matrix[i, 0] * y + matrix[i, 1] * across + offset[i] - s.first) / s.step, 0, s.size - 1)
            for i, (s, _) in enumerate(axes)
        ]
        if parts == [1, 1]:
            values = _lanczos(pixels, places[0], places[1])
        else:
            values = np.stack([ndimage.map_coordinates(band, places, np.float64, order=1) for band in pixels])
        tiles = (len(pixels), y.size // parts[0], parts[0], target.x.size, parts[1])
        made[:, top : top + rows] = values.reshape(tiles).mean(axis=(2, 4))
    return made


def _parts(axis: Axis, parts: int) -> NDArray[np.float64]:
    """Return the centres of the parts of all pixels."""
    return np.asarray(axis.centres[:, None] + axis.step * ((np.arange(parts) + 0.5) / parts - 0.5)).ravel()


def _lanczos(pixels: NDArray[Any], row: NDArray[np.float64], column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate an image (band, y, x) at places in pixels, shape (band, *places)."""
    lows = [np.floor(each).astype(np.intp) for each in (row, column)]
    down, across = (lanczos_weights(each - low) for each, low in zip((row, column), lows, strict=True))
    near = [
        [np.clip(low + beyond, 0, size - 1) for beyond in range(1 - LOBES, LOBES + 1)]
        for low, size in zip(lows, pixels.shape[1:], strict=True)
    ]
    flat = pixels.reshape(len(pixels), -1)
    made = np.zeros((len(pixels), *row.shape))
    for y, weight in zip(near[0], down, strict=True):
        strip = np.zeros_like(made)
        for x, share in zip(near[1], across, strict=True):
            strip += share * flat[:, y * pixels.shape[2] + x]
        made += weight * strip
    return made

"""Overlay for checking a registration by eye: the photo on the grid of the scan, with the edges of the maps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.ownership import SOFTWARE, png_obstacle
from xrfsr.registration.pictures import directions

__all__ = ["write_overlay"]

LONGEST = 1600
YELLOW = np.array([1.0, 0.9, 0.0])
# Share of pixels drawn as edges.
EDGES = 0.06


def write_overlay(path: Path, photo: NDArray[np.float32], maps: NDArray[np.float64]) -> None:
    """Write a PNG: the photo with edges of the maps in yellow, and a chequerboard of photo and first map.

    Parameters
    ----------
    path : Path
        PNG file to write.
    photo : ndarray of shape (3, y, x)
        Photo on a grid with the outer edges of the scan; NaN outside the photo.
    maps : ndarray of shape (map, y, x)
        Maps, the one that follows the photo best first.
    """
    from PIL import Image, PngImagePlugin

    rows, columns = maps.shape[1:]
    zoom = max(1, math.ceil(min(photo.shape[1] / rows, LONGEST / max(rows, columns))))
    shape = (rows * zoom, columns * zoom)
    colours = np.moveaxis(np.nan_to_num(_resized(photo, shape), nan=0.5), 0, -1)
    strength = np.abs(directions(maps, 0.8))
    lines = _resized(strength[None], shape)[0] > np.quantile(strength, 1 - EDGES)
    edges = lines & ~ndimage.binary_erosion(lines, iterations=max(1, zoom // 2))
    drawn = np.where(edges[..., None], YELLOW, colours)
    low, high = np.quantile(maps[0], [0.01, 0.99])
    grey = _resized(np.clip((maps[:1] - low) / max(high - low, 1e-12), 0, 1), shape)[0]
    side = max(shape) // 8 or 1
    fields = (np.arange(shape[0])[:, None] // side + np.arange(shape[1])[None, :] // side) % 2 == 0
    board = np.where(fields[..., None], colours, grey[..., None])
    picture = np.concatenate([drawn, np.ones((shape[0], max(4, shape[1] // 40), 3)), board], axis=1)
    mark = PngImagePlugin.PngInfo()
    mark.add_text("Software", SOFTWARE)
    with atomic_write(path, "picture", png_obstacle, overwrite=True) as new:
        Image.fromarray((255 * np.clip(picture, 0, 1)).astype(np.uint8)).save(new, "PNG", pnginfo=mark)


def _resized(pictures: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Resize pictures (band, y, x) by nearest pixels, so that no interpolated value is shown."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(shape, pictures.shape[1:], strict=True))
    return np.asarray(pictures[:, rows[:, None], columns[None, :]], np.float64)

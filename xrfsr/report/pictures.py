"""Pictures of a report: the photo, and small maps of all lines for the overview and for print."""

from __future__ import annotations

import base64
import math
from io import BytesIO
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.plot.style import NOT_MEASURED
from xrfsr.report.layers import Layer
from xrfsr.report.shrinking import block_means, shrunk

__all__ = ["GREY", "Photo", "Picture", "make_photo", "map_picture", "photo_picture"]

SIDE = 480  # pixels of a small picture, at most
LONGEST = 2048  # pixels of the photo along a side
QUALITY, QUALITY_SMALL = 88, 82  # of WebP, from 0 to 100
GREY = tuple(bytes.fromhex(NOT_MEASURED[1:]))
SMOOTH = 240  # pixels along a side; smaller pictures are shown with sharp pixels


class Picture(NamedTuple):
    """Picture as the address of an image, with what it shows and its size in pixels."""

    source: str
    alt: str
    width: int
    height: int

    @property
    def smooth(self) -> bool:
        """Whether it has so many pixels that none is to be seen by itself."""
        return max(self.width, self.height) >= SMOOTH


class Photo(NamedTuple):
    """Shown pixels of a photo (y, x, 3), 8 bits, and its place.

    Attributes
    ----------
    pixels : array of uint8, shape (y, x, 3)
    factor : int
        By how much each side was reduced.
    pixel, corner : (float, float)
        As for `xrfsr.report.layers.Layer`.
    """

    pixels: NDArray[np.uint8]
    factor: int
    pixel: tuple[float, float]
    corner: tuple[float, float]

    @property
    def source(self) -> str:
        """The photo as the address of an image."""
        return _webp(self.pixels, QUALITY)


def make_photo(photo: xr.DataArray, outer: Grid) -> Photo:
    """Compute a photo (band, y, x) at the resolution of a page; missing pixels become grey."""
    grid = grid_of(photo)
    factor = max(1, math.ceil(max(grid.shape) / LONGEST))
    bands = np.asarray(shrunk(photo.data, factor))
    bands = np.repeat(bands, 3, axis=0) if len(bands) == 1 else bands[[0, 1, 2]]
    missing = ~np.isfinite(bands).all(axis=0)
    pixels = np.moveaxis(np.rint(np.clip(np.nan_to_num(bands), 0, 1) * 255).astype(np.uint8), 0, -1)
    pixels[missing] = GREY
    corner = (grid.y.edges[0] - outer.y.edges[0], grid.x.edges[0] - outer.x.edges[0])
    return Photo(pixels, factor, (grid.spacing[0] * factor, grid.spacing[1] * factor), corner)


def photo_picture(photo: Photo) -> Picture:
    """Return a small picture of the photo."""
    step = max(1, math.ceil(max(photo.pixels.shape[:2]) / SIDE))
    small = np.stack([block_means(photo.pixels[..., band], step) for band in range(3)], axis=-1)
    return _picture(np.rint(small).astype(np.uint8), "Photo")


def map_picture(layer: Layer, line: int, alt: str, colours: NDArray[np.uint8], ends: tuple[float, float]) -> Picture:
    """Return a small picture of one map.

    Parameters
    ----------
    layer : Layer
    line : int
    alt : str
        What it shows.
    colours : array of uint8, shape (256, 3)
        Colour map.
    ends : (float, float)
        Ends of the colour scale.
    """
    values = layer.values[line]
    step = max(1, math.ceil(max(values.shape) / SIDE))
    small = block_means(values, step) if step > 1 else values
    shares = (np.nan_to_num(small) - ends[0]) / (ends[1] - ends[0])
    pixels = colours[np.clip(shares * 256, 0, 255).astype(np.uint8)]
    pixels[~np.isfinite(small)] = GREY
    return _picture(pixels, alt)


def _picture(pixels: NDArray[np.uint8], alt: str) -> Picture:
    return Picture(_webp(pixels, QUALITY_SMALL), alt, pixels.shape[1], pixels.shape[0])


def _webp(pixels: NDArray[np.uint8], quality: int) -> str:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"

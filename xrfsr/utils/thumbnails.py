"""Arrays as small pictures in the text of a page: PNG with a table of 256 colours, a few kilobytes each."""

from __future__ import annotations

import base64
import io
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["colour_table", "fit_box", "limits", "map_uri", "photo_uri", "shrink"]

# Every eighth colour of matplotlib's "magma", between which the others lie to within 3 of 255. It has even steps of
# lightness and can be read with any colour vision; matplotlib itself is optional.
MAGMA = (
    "0000040303120a0822130d341d114729115a36106b440f7651127c5d177f6a1c81762181832681902a819c2e7faa337db73779c23b75cf4070"
    "db476ae55064ee5b5ef4695cf9785dfb8761fd9668fea571feb47bfec287fed194fde0a1fceeb0fcfdbf"
)
SATURATED = 0.002  # share of pixels, so that a few hot ones do not darken the rest
PREFIX = "data:image/png;base64,"


def shrink(pixels: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Return a picture (..., y, x) of at most `side` pixels in each direction, by averages without what is missing.

    Examples
    --------
    >>> shrink(np.arange(8.0).reshape(1, 2, 4), 2).tolist()
    [[[2.5, 4.5]]]
    """
    step = -(-max(pixels.shape[-2:]) // side)
    if step <= 1:
        return np.asarray(pixels, dtype=np.float32)
    rows, columns = (-(-size // step) for size in pixels.shape[-2:])
    around = [(0, 0)] * (pixels.ndim - 2)
    gaps = (rows * step - pixels.shape[-2], columns * step - pixels.shape[-1])
    filled = np.pad(pixels.astype(np.float32), (*around, (0, gaps[0]), (0, gaps[1])), constant_values=np.nan)
    blocks = filled.reshape(*pixels.shape[:-2], rows, step, columns, step)
    known = np.isfinite(blocks)
    total = np.where(known, blocks, 0).sum(axis=(-3, -1))
    count = known.sum(axis=(-3, -1))
    made = np.full(total.shape, np.nan, dtype=np.float32)
    np.divide(total, count, out=made, where=count > 0)
    return made


def limits(pixels: NDArray[Any]) -> tuple[float, float]:
    """Return the ends of the colour scale of a map: from zero or below, with a small share saturated.

    Examples
    --------
    >>> limits(np.array([[1.0, 2.0], [np.nan, 3.0]]))[0]
    0.0
    """
    values = pixels[np.isfinite(pixels)]
    if not values.size:
        return 0.0, 1.0
    low = min(0.0, float(np.quantile(values, SATURATED)))
    high = float(np.quantile(values, 1 - SATURATED))
    return low, high if high > low else low + 1.0


def map_uri(pixels: NDArray[Any], most: int) -> str:
    """Return a map (y, x) as a picture whose missing pixels are transparent.

    Parameters
    ----------
    pixels : array, shape (y, x)
        Values, the first row on top.
    most : int
        Largest number of characters of the result.
    """
    from PIL import Image

    low, high = limits(pixels)
    known = np.isfinite(pixels)
    share = np.where(known, (np.where(known, pixels, low) - low) / (high - low), 0).clip(0, 1)
    image = Image.fromarray(np.where(known, 1 + np.rint(254 * share), 0).astype(np.uint8))
    image.putpalette(colour_table().tobytes())
    return _uri(image, most, transparency=0)


def photo_uri(pixels: NDArray[Any], most: int) -> str:
    """Return a picture (y, x, 3) with values from 0 to 1; missing pixels are transparent.

    Parameters
    ----------
    pixels : array, shape (y, x, 3)
        Red, green and blue, the first row on top.
    most : int
        Largest number of characters of the result.
    """
    from PIL import Image

    known = np.isfinite(pixels).all(axis=-1)
    colours = np.rint(255 * np.nan_to_num(pixels).clip(0, 1)).astype(np.uint8)
    if known.all():
        return _uri(Image.fromarray(colours).quantize(256), most)
    opaque = np.dstack([colours, 255 * known.astype(np.uint8)])
    return _uri(Image.fromarray(opaque).quantize(256, method=Image.Quantize.FASTOCTREE), most)


def fit_box(extent: tuple[float, float], box: tuple[float, float]) -> tuple[float, float]:
    """Return width and height of a picture of a given extent (y, x) that fills a box (height, width).

    No side vanishes, however narrow the picture is.

    Examples
    --------
    >>> fit_box((10.0, 40.0), (100, 100))
    (100.0, 25.0)
    """
    scale = min(side / length for side, length in zip(box, extent, strict=True))
    return max(4.0, extent[1] * scale), max(4.0, extent[0] * scale)


@cache
def colour_table() -> NDArray[np.uint8]:
    """Return red, green and blue of 256 colours, shape (256, 3); the first is for what is missing."""
    some = np.frombuffer(bytes.fromhex(MAGMA), np.uint8).reshape(-1, 3)
    place = np.linspace(0, len(some) - 1, 255)
    every = np.stack([np.interp(place, np.arange(len(some)), channel) for channel in some.T], axis=1)
    return np.concatenate([np.zeros((1, 3)), np.rint(every)]).astype(np.uint8)


def _uri(image: Image, most: int, **options: Any) -> str:
    while True:
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True, **options)
        made = PREFIX + base64.b64encode(file.getvalue()).decode()
        if len(made) <= most or max(image.size) <= 8:
            return made
        # Neighbours, for the numbers of a palette cannot be averaged.
        image = image.resize((max(1, image.width * 4 // 5), max(1, image.height * 4 // 5)), 0)

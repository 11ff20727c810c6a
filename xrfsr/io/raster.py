"""Pixels of one PNG, JPEG or TIFF file, upright and in their own number type.

GDAL decodes (through rasterio): it reads every compression in common use and keeps 16-bit colour, which
Pillow would cut to 8 bits. Pillow tells how the picture is turned, which GDAL reports for JPEG only.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput

__all__ = ["Raster", "read_raster"]

ORIENTATION = 0x0112  # the EXIF tag, which is also the TIFF tag


@dataclass(frozen=True, slots=True)
class Raster:
    """A decoded picture.

    Attributes
    ----------
    pixels : ndarray
        (band, y, x); row 0 is the top. The file's own dtype.
    bands : tuple of str
        What each band shows: ``"gray"``, ``"red"``, ``"green"``, ``"blue"``, ``"alpha"``, ``"palette"``, ...
    palette : ndarray or None
        (256, 3) uint8 colours where `pixels` are indices into a table.
    pages : int
        Pages in the file; only the first is decoded.
    """

    pixels: NDArray[Any]
    bands: tuple[str, ...]
    palette: NDArray[np.uint8] | None
    pages: int


def read_raster(path: Path) -> Raster:
    """Decode the first page of `path`, turned upright by its orientation tag.

    Raises
    ------
    InvalidInput
        If the file is missing, is no picture, or is damaged.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    if not path.is_file():
        raise InvalidInput("file", [f"'{path}' does not exist; give the path of a PNG, JPEG or TIFF file"])
    try:
        with warnings.catch_warnings():
            # A photo has no map projection, and GDAL thinks that worth a warning.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # GDAL's fast way of reading PNG returns noise for a file that is cut off; the usual one is as fast.
            with rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"), rasterio.open(path) as source:
                bands = tuple(interpretation.name for interpretation in source.colorinterp)
                palette = _palette(source.colormap(1)) if bands[:1] == ("palette",) else None
                pages = max(1, len(source.subdatasets))
                pixels = source.read()
        pixels = upright(pixels, _orientation(path))
    except (RasterioError, OSError) as error:
        raise InvalidInput(
            "file", [f"'{path}' cannot be read as a picture ({error}); PNG, JPEG and TIFF are accepted"]
        ) from error
    return Raster(pixels, bands, palette, pages)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo the turn or mirroring that an orientation tag (1 to 8) records; `pixels` is (band, y, x)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(-2, -1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[..., ::-1, :]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels)


def _orientation(path: Path) -> int:
    from PIL import Image, UnidentifiedImageError

    # The guard against decompression bombs would refuse large photos, which are no bombs here.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(path) as image:
            return int(image.getexif().get(ORIENTATION, 1))
    except UnidentifiedImageError:
        return 1  # a floating-point colour TIFF: Pillow knows none, and no camera writes one turned
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _palette(colours: dict[int, tuple[int, ...]]) -> NDArray[np.uint8]:
    table = np.zeros((256, 3), np.uint8)
    for index, colour in colours.items():
        table[index] = colour[:3]
    return table

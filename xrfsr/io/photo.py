"""Photographs from PNG, JPEG and TIFF files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.photo import as_photo
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.raster import Header, Raster, read_raster
from xrfsr.utils.paths import local_path

__all__ = ["open_photo", "read_colours"]

COLOURS = ("red", "green", "blue")


def open_photo(path: str | PathLike[str], like: xr.Dataset | xr.DataArray | Grid) -> xr.DataArray:
    """Read a photograph that shows exactly the area of a scan.

    The photo is cropped to the scanned area beforehand; its outer edges are laid on the outer edges of `like`.
    It may have any number of pixels. Files of 8 bits, 16 bits and anything between are scaled to [0, 1], grey becomes
    three equal bands, and a photo turned by its EXIF tag is turned upright. Pixels that are wholly transparent, or
    "no data" by the file's own account, are missing (NaN); other transparency is not looked at.

    Parameters
    ----------
    path : str or path
        PNG, JPEG or TIFF file, of any size.
    like : Dataset, DataArray or Grid
        The scan whose area, in mm, the photo covers.

    Returns
    -------
    DataArray
        Named "rgb", dims (band, y, x) with bands "red", "green", "blue"; float32 in [0, 1]; y and x in mm.

    Raises
    ------
    InvalidInput
        Naming the file if it is missing, damaged, no picture, wholly transparent, has neither one nor three colour
        bands, or has several grey pages, which may be red, green and blue; and what `as_photo` refuses.

    Warns
    -----
    UserWarning
        If a file in colour has more pages, which are left out. Smaller copies (pyramids, thumbnails) do not count.

    See Also
    --------
    as_photo : the same from an array.
    """
    place = local_path(path, "the path of a PNG, JPEG or TIFF file")
    faults: list[str] = []
    colours: NDArray[Any] | None = None
    photo: xr.DataArray | None = None
    with collect_faults(faults):
        colours = read_colours(place)
    with collect_faults(faults):
        if colours is None:
            grid_of(like)  # may be at fault too
        else:
            photo = as_photo(colours, like=like)
    if faults or photo is None:
        # The faults of a file name it, those of its numbers do not.
        raise InvalidInput("photo" if colours is None else f"photo '{place}'", faults)
    return photo


def read_colours(path: str | PathLike[str]) -> NDArray[Any]:
    """Read the pixels (3, H, W) of a photograph, wherever it was taken from: what `as_photo` and `register` take.

    Raises
    ------
    InvalidInput
        As `open_photo` does of the file.

    Warns
    -----
    UserWarning
        If the file has more pages.
    """
    place = local_path(path, "the path of a PNG, JPEG or TIFF file")
    raster = read_raster(place)
    colours = _colours(raster, place)
    if more := max(0, len(raster.header.pages) - 1):
        pages = "1 more page, which is" if more == 1 else f"{more} more pages, which are"
        warn(f"'{place}' has {pages} left out: the photo is the first")
    return colours


def _colours(raster: Raster, path: Path) -> NDArray[Any]:
    """Red, green and blue: the file's own numbers where `as_photo` scales them rightly, otherwise float32."""
    header, pixels = raster.header, raster.shown
    if len(header.pages) > 1 and _is_grey(header):
        raise InvalidInput("photo", [_grey_pages(header, path)])
    names = COLOURS if header.palette is not None else [name for name in header.bands if name != "alpha"]
    if len(names) == 1:
        pixels = np.repeat(pixels, 3, axis=0)
    elif set(COLOURS) <= set(names):
        pixels = pixels[[names.index(colour) for colour in COLOURS]]
    else:
        raise InvalidInput(
            "photo",
            [
                f"'{path}' has the bands {', '.join(header.bands)}; one grey band or red, green and blue are accepted, "
                "so convert it to RGB first"
            ],
        )
    if raster.missing is not None and raster.missing.all():
        raise InvalidInput(
            "photo", [f"'{path}' shows nothing: every pixel is transparent or 'no data'; save it without transparency"]
        )
    if pixels.dtype.kind == "u":
        white = 255 if header.palette is not None else header.white
        if raster.missing is None and white == np.iinfo(pixels.dtype).max:
            return pixels
        pixels = pixels.astype(np.float32) / np.float32(white)
    if raster.missing is not None and pixels.dtype.kind == "f":
        pixels[:, raster.missing] = np.nan
    return pixels


def _is_grey(header: Header) -> bool:
    if header.palette is not None:
        return bool((header.palette[:, :3] == header.palette[:, :1]).all())
    return len([name for name in header.bands if name != "alpha"]) == 1


def _grey_pages(header: Header, path: Path) -> str:
    count = len(header.pages)
    fault = f"'{path}' has {count} pages and the first is grey, so it is not clear which of them are the photo; "
    if count == 3:
        fault += f"if they are red, green and blue, use as_photo(tifffile.imread('{path}'), like=scan) or "
    return fault + "save the photo as RGB, or its one page as a file of its own"

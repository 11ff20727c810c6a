"""Reading of photographs from PNG, JPEG and TIFF files."""

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
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import local_path

__all__ = ["open_photo", "read_colours"]

COLOURS = ("red", "green", "blue")


def open_photo(path: str | PathLike[str], like: xr.Dataset | xr.DataArray | Grid) -> xr.DataArray:
    """Read a photograph that shows exactly the area of a scan.

    Crop the photo to the scanned area first: its outer edges are placed on the outer edges of `like`. It may have any
    number of pixels. Unsigned integers of up to 32 bits are scaled to [0, 1], grey becomes three equal bands, and the
    orientation in the EXIF tag is applied. Fully transparent pixels and pixels marked as "no data" are missing (NaN);
    partial transparency is ignored.

    Parameters
    ----------
    path : str or path
        PNG, JPEG or TIFF file of any size.
    like : Dataset, DataArray or Grid
        Scan whose area, in mm, the photo covers.

    Returns
    -------
    DataArray
        Photo named "rgb" with dims (band, y, x) and bands "red", "green", "blue"; float32 in [0, 1]; y and x in mm.

    Raises
    ------
    InvalidInput
        If the file is missing, damaged, not a picture, fully transparent, has neither one nor three colour bands, or
        has several grey pages, which may be red, green and blue; and for the reasons of `as_photo`.

    Warns
    -----
    UserWarning
        If a colour file has further pages, which are ignored. Smaller copies (pyramids, thumbnails) do not count.

    See Also
    --------
    as_photo : Make a photo from an array.
    """
    if isinstance(like, str | PathLike) and not isinstance(path, str | PathLike):
        raise InvalidInput("photo", ["path and scan are swapped; write xrfsr.open_photo(path, like=scan)"])
    place = local_path(path, "the path of a PNG, JPEG or TIFF file")
    faults: list[str] = []
    colours: NDArray[Any] | None = None
    photo: xr.DataArray | None = None
    with collect_faults(faults):
        colours = read_colours(place)
    with collect_faults(faults):
        if colours is None:
            grid_of(like)  # reports the faults of `like`, too
        else:
            photo = as_photo(colours, like=like)
    if faults or photo is None:
        # Faults of the file name it; faults of its values do not.
        raise InvalidInput("photo" if colours is None else f"photo '{place}'", faults)
    return photo


def read_colours(path: str | PathLike[str]) -> NDArray[Any]:
    """Read the pixels (3, H, W) of a photograph without a position, as input of `as_photo` and `register`.

    Raises
    ------
    InvalidInput
        If the file cannot be read; see `open_photo`.

    Warns
    -----
    UserWarning
        If the file has further pages.
    """
    place = local_path(path, "the path of a PNG, JPEG or TIFF file")
    raster = read_raster(place)
    colours = _colours(raster, place)
    if more := max(0, len(raster.header.pages) - 1):
        pages = "1 more page, which is" if more == 1 else f"{more} more pages, which are"
        warn(f"'{place}' has {pages} ignored: the photo is the first page")
    return colours


def _colours(raster: Raster, path: Path) -> NDArray[Any]:
    """Return red, green and blue: the stored values if `as_photo` scales them correctly, otherwise float32."""
    header, pixels = raster.header, raster.visible
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
                f"'{path}' has the bands {listing(header.bands)}; expected one grey band or red, green and blue: "
                "convert it to RGB first"
            ],
        )
    if raster.missing is not None and raster.missing.all():
        raise InvalidInput(
            "photo", [f"'{path}' is empty: every pixel is transparent or 'no data'; save it without transparency"]
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
    fault = f"'{path}' has {count} pages and the first is grey; expected one page: "
    if count == 3:
        fault += f"if they are red, green and blue, use as_photo(tifffile.imread('{path}'), like=scan) or "
    return fault + "save the photo as RGB, or its page as a separate file"

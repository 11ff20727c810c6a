"""Photographs from PNG, JPEG and TIFF files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.raster import Raster, read_raster
from xrfsr.scan import as_photo

__all__ = ["open_photo"]

COLOURS = ("red", "green", "blue")


def open_photo(path: str | PathLike[str], like: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Read a photograph that shows exactly the area of a scan.

    The photo is cropped to the scanned area beforehand; its outer edges are laid on the outer edges of `like`.
    It may have any number of pixels. 8-bit and 16-bit files are scaled to [0, 1], grey becomes three equal
    bands, an alpha band is dropped, and a photo turned by its EXIF tag is turned upright.

    Parameters
    ----------
    path : str or path
        PNG, JPEG or TIFF file, of any size.
    like : Dataset or DataArray
        The scan whose area, in mm, the photo covers.

    Returns
    -------
    DataArray
        Named "rgb", dims (band, y, x) with bands "red", "green", "blue"; float32 in [0, 1]; y and x in mm.

    Raises
    ------
    InvalidInput
        Naming the file if it is missing, damaged, no picture, or has neither one nor three colour bands;
        and what `as_photo` refuses.

    See Also
    --------
    as_photo : the same from an array.
    """
    path = Path(path)
    return as_photo(_colours(read_raster(path), path), like=like)


def _colours(raster: Raster, path: Path) -> NDArray[Any]:
    if raster.palette is not None:
        return np.moveaxis(raster.palette[raster.pixels[0]], -1, 0)
    shown = [index for index, name in enumerate(raster.bands) if name != "alpha"]
    if len(shown) == 1:
        return np.repeat(raster.pixels[shown], 3, axis=0)
    named = [index for colour in COLOURS for index in shown if raster.bands[index] == colour]
    if len(named) == 3:
        return raster.pixels[named]
    raise InvalidInput(
        "photo",
        [
            f"'{path}' has the bands {', '.join(raster.bands)}; one grey band or red, green and blue are accepted, "
            "so convert it to RGB first"
        ],
    )

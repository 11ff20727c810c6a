"""Reading of photographs from PNG, JPEG and TIFF files."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_coords
from xrfsr.core.grid import Grid
from xrfsr.core.photo import area_of, as_photo
from xrfsr.core.photo_bands import BANDS, band_names
from xrfsr.core.photo_resolution import NATIVE_PIXEL
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.georeference import StoredPhoto
from xrfsr.io.raster import Header, Raster, open_raster, read_raster
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import local_path

__all__ = ["open_photo", "read_bands"]

# Names that GDAL gives to bands whose colour is not in the file.
UNDEFINED = {"gray", "undefined"}
# An unnamed band next to grey is as likely to be opacity.
LEAST_UNDEFINED = 3


def open_photo(
    path: str | PathLike[str], like: xr.Dataset | xr.DataArray | Grid | None = None, bands: Sequence[str] | None = None
) -> xr.DataArray:
    """Read a photograph that shows exactly the area of a scan, or that `to_geotiff` wrote with its position.

    Crop the photo to the scanned area first: its outer edges are placed on the outer edges of `like`. Only files that
    `to_geotiff` wrote keep their own position, also if they show more or less than the scan. The photo may have any
    number of pixels. Unsigned integers of up to 32 bits are scaled to [0, 1], grey becomes three equal bands, and the
    orientation in the EXIF tag is applied. Fully transparent pixels and pixels marked as "no data" are missing (NaN);
    partial transparency is ignored. A TIFF file may have any number of bands, which keep the names that are stored in
    it.

    Parameters
    ----------
    path : str or path
        PNG, JPEG or TIFF file of any size.
    like : Dataset, DataArray or Grid
        Scan whose area, in mm, the photo covers; needed.
    bands : sequence of str, optional
        Names of the bands of the file, or of its pages if each is grey: ``["infrared"]`` keeps a grey picture as one
        band, ``["uv", "infrared", "radiograph"]`` names three bands that are not colours.

    Returns
    -------
    DataArray
        Photo named "rgb" with dims (band, y, x) and bands "red", "green", "blue", or those of `bands` or of the file;
        float32 in [0, 1]; y and x in mm.

    Raises
    ------
    InvalidInput
        If the file is missing, damaged, not a picture, or fully transparent; if it is unclear what its bands are, or it
        has several grey pages, which may be red, green and blue; and for the reasons of `as_photo`.

    Warns
    -----
    UserWarning
        If a colour file has further pages, which are ignored. Smaller copies (pyramids, thumbnails) do not count.

    See Also
    --------
    as_photo : Make a photo from an array.
    xrfsr.stack_photos : Stack several photos as the bands of one.

    Examples
    --------
    >>> import tempfile
    >>> import xrfsr
    >>> from PIL import Image
    >>> scan = xrfsr.as_scan(np.arange(24.0).reshape(1, 4, 6), lines=["Ca-K"], pixel_size="1 mm")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (24, 16), "white").save(f"{folder}/photo.png")
    ...     photo = open_photo(f"{folder}/photo.png", like=scan)
    >>> dict(photo.sizes), float(photo.x[0])
    ({'band': 3, 'y': 16, 'x': 24}, 0.125)
    """
    if isinstance(like, str | PathLike) and not isinstance(path, str | PathLike):
        raise InvalidInput("photo", ["path and scan are swapped; write xrfsr.open_photo(path, like=scan)"])
    place = local_path(path, "the path of a PNG, JPEG or TIFF file")
    faults: list[str] = []
    pixels: NDArray[Any] | None = None
    names: tuple[str, ...] | None = None
    photo: xr.DataArray | None = None
    stored: StoredPhoto | None = None
    with collect_faults(faults):
        with open_raster(place) as source:
            stored = StoredPhoto.read(source, place)
        pixels, names = read_bands(place, stored.bands if bands is None and stored else bands)
    with collect_faults(faults):
        area = area_of(like, "path")  # reports its faults with those of the file
        if pixels is not None:
            # A band of any number of rows: the dimensions are named so that the axis of the bands is clear.
            array = xr.DataArray(pixels, dims=("band", "y", "x"))
            if stored is not None:
                array, area = _place(array, stored), _overlapping(stored.grid, area, place)
            photo = as_photo(array, like=area, bands=names)
    if faults or photo is None:
        # Faults of the file name it; faults of its values do not.
        raise InvalidInput("photo" if pixels is None else f"photo '{place}'", faults)
    return photo


def _place(array: xr.DataArray, stored: StoredPhoto) -> xr.DataArray:
    attrs = {NATIVE_PIXEL: list(stored.native)} if stored.native else {}
    return array.assign_coords(grid_coords(stored.grid)).assign_attrs(attrs)


def _overlapping(stored: Grid, scan: Grid, path: Path) -> Grid:
    """Return the grid of a photo that stores its position, if the scan is on it."""
    if not stored.overlap(scan):
        raise InvalidInput(
            "photo",
            [
                f"the photo is stored at {stored}, where the scan is not: {scan}; check which photo belongs to it, "
                f"or place its pixels on the scan: xrfsr.as_photo(tifffile.imread('{path}'), like=scan)"
            ],
        )
    return stored


def read_bands(
    path: str | PathLike[str], bands: Sequence[str] | None = None
) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Read the pixels (band, H, W) of a photograph without a position, as input of `as_photo` and `register`.

    Returns
    -------
    pixels : array of shape (band, H, W)
        The stored values if `as_photo` scales them correctly, otherwise float32.
    names : tuple of str or None
        Names of the bands; None if they are red, green and blue.

    Raises
    ------
    InvalidInput
        If the file cannot be read; see `open_photo`.

    Warns
    -----
    UserWarning
        If the file has further pages.
    """
    place, names = local_path(path, "the path of a PNG, JPEG or TIFF file"), band_names(bands)
    raster = read_raster(place)
    pages = raster.header.pages
    if names is not None and 1 < len(pages) == len(names) and _is_grey(raster.header):
        return _stacked_pages(place, pages), names
    pixels, stored = _bands(raster, place, names)
    if more := max(0, len(pages) - 1):
        text = "1 more page, which is" if more == 1 else f"{more} more pages, which are"
        warn(f"'{place}' has {text} ignored: the photo is the first page")
    return pixels, stored


def _stacked_pages(path: Path, pages: Sequence[str]) -> NDArray[np.float32]:
    """Return the pages of a file as bands; pixels that are missing in one are NaN in that band."""
    stacked: list[NDArray[np.float32]] = []
    for page in pages:
        raster = read_raster(path, page)
        if not _is_grey(raster.header) or raster.header.shape != (stacked[0].shape if stacked else raster.header.shape):
            raise InvalidInput(
                "photo",
                [f"the pages of '{path}' must all be grey and of one size to be bands; save them as one file each"],
            )
        pixels = raster.visible[:1]
        if pixels.dtype.kind == "u":
            white = 255 if raster.header.palette is not None else raster.header.white
            pixels = pixels / np.float32(white)
        band = pixels[0].astype(np.float32)
        stacked.append(np.where(raster.missing, np.float32(np.nan), band) if raster.missing is not None else band)
    return np.stack(stacked)


def _bands(raster: Raster, path: Path, given: tuple[str, ...] | None) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Return the bands of one page as `read_bands` does."""
    header, pixels = raster.header, raster.visible
    if len(header.pages) > 1 and _is_grey(header):
        raise InvalidInput("photo", [_grey_pages(header, path)])
    stored = list(BANDS) if header.palette is not None else [name for name in header.bands if name != "alpha"]
    names: tuple[str, ...] | None = None
    if given is not None:
        if len(given) != len(stored):
            listed = listing(stored)
            raise InvalidInput(
                "photo", [f"'{path}' has {len(stored)} bands ({listed}), but bands= has {len(given)} names; name each"]
            )
        names = given
    elif len(stored) == 1:
        pixels = np.repeat(pixels, 3, axis=0)
    elif set(BANDS) <= set(stored):
        pixels = pixels[[stored.index(colour) for colour in BANDS]]
        if more := len(stored) - len(BANDS):
            text = "1 more band" if more == 1 else f"{more} more bands"
            verb = "which is" if more == 1 else "which are"
            warn(f"'{path}' has {text} than red, green and blue, {verb} ignored; bands=[...] with all names keeps all")
    elif len(stored) >= LEAST_UNDEFINED and set(stored) <= UNDEFINED:
        names = _names_in_file(header, stored)
    else:
        raise InvalidInput(
            "photo",
            [
                f"'{path}' has the bands {listing(header.bands)}; expected one grey band or red, green and blue: "
                "convert it to RGB first, or name each band if all are to guide: bands=['infrared', 'uv', ...]"
            ],
        )
    if raster.missing is not None and raster.missing.all():
        raise InvalidInput(
            "photo", [f"'{path}' is empty: every pixel is transparent or 'no data'; save it without transparency"]
        )
    if pixels.dtype.kind == "u":
        white = 255 if header.palette is not None else header.white
        if raster.missing is None and white == np.iinfo(pixels.dtype).max:
            return pixels, names
        pixels = pixels.astype(np.float32) / np.float32(white)
    if raster.missing is not None and pixels.dtype.kind == "f":
        pixels[:, raster.missing] = np.nan
    return pixels, names


def _names_in_file(header: Header, stored: Sequence[str]) -> tuple[str, ...]:
    """Return different names of bands: their descriptions in the file, or their numbers."""
    described = [text.strip() for text in header.descriptions]
    if len(described) == len(stored) and all(described) and len(set(described)) == len(described):
        return tuple(described)
    return tuple(f"band {number}" for number in range(1, len(stored) + 1))


def _is_grey(header: Header) -> bool:
    if header.palette is not None:
        return bool((header.palette[:, :3] == header.palette[:, :1]).all())
    return len([name for name in header.bands if name != "alpha"]) == 1


def _grey_pages(header: Header, path: Path) -> str:
    count = len(header.pages)
    fault = f"'{path}' has {count} pages and the first is grey; expected one page: "
    if count == 3:
        fault += f"if they are red, green and blue, use as_photo(tifffile.imread('{path}'), like=scan) or "
    return fault + (
        "save the photo as RGB, or its page as a separate file; if every page is a band of the photo, name them: "
        "bands=['infrared', 'uv', ...]"
    )

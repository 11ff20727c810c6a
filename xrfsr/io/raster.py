"""Pixels of one PNG, JPEG or TIFF file, upright and in their own number type.

GDAL decodes (through rasterio): it reads every compression in common use and keeps 16-bit colour, which
Pillow would cut to 8 bits. Pillow tells how the picture is turned, which GDAL reports for JPEG only.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput

__all__ = ["Header", "Raster", "open_raster", "read_header", "read_raster"]

ORIENTATION = 0x0112  # the EXIF tag, which is also the TIFF tag
GLOBAL_STATE_LOCK = threading.Lock()
# No picture is packed more than this, unless it is small or nothing.
MAX_COMPRESSION, LARGE = 5000, 1 << 28
MAX_BLOCKS = 100_000
TRANSPOSED = (5, 6, 7, 8)  # the orientations that exchange rows and columns


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about its picture, before a pixel is decoded.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the picture upright.
    dtype : str
        The file's own number type.
    bands : tuple of str
        What each band shows: ``"gray"``, ``"red"``, ``"green"``, ``"blue"``, ``"alpha"``, ``"palette"``, ...
    white : int
        The largest number that the bits of an unsigned file can hold: 15 for 4 bits in bytes.
    palette : ndarray or None
        (index, 4) uint8 colours with their opacity, where pixels are indices into a table.
    inverted : bool
        Whether zero is white in the file (MinIsWhite).
    pages : tuple of str
        GDAL's names of the pages in the file, if there are several. Smaller copies of a page, marked as such, do not
        count.
    orientation : int
        How the picture is turned in the file, from 1 (not at all) to 8.
    """

    shape: tuple[int, int]
    dtype: str
    bands: tuple[str, ...]
    white: int
    palette: NDArray[np.uint8] | None
    inverted: bool
    pages: tuple[str, ...]
    orientation: int


@dataclass(frozen=True, slots=True)
class Raster:
    """A decoded picture.

    Attributes
    ----------
    header : Header
    pixels : ndarray
        (band, y, x); row 0 is the top. The file's own dtype. Where zero was white the grey band is turned round, so
        that larger is brighter.
    missing : ndarray or None
        (y, x) bool, true where the file says that there is no value: wholly transparent, masked, or "no data" in
        every colour. None where every pixel has one.
    """

    header: Header
    pixels: NDArray[Any]
    missing: NDArray[np.bool_] | None

    @property
    def shown(self) -> NDArray[Any]:
        """(band, y, x) of what is to be seen: colours of the palette where there is one, without alpha."""
        if self.header.palette is not None:
            return np.moveaxis(self.header.palette[self.pixels[0], :3], -1, 0)
        return self.pixels[_colour_bands(self.header.bands)]


def read_header(path: Path, page: str | None = None) -> Header:
    """Look at the first page of `path` without decoding it, or at another by the name in `Header.pages`.

    Raises
    ------
    InvalidInput
        If the file is missing, is no picture, or is cut off.
    """
    with open_raster(path, page) as source:
        header = _header(source, path)
        size = path.stat().st_size
        declared = source.width * source.height * _dtype(source).itemsize
        if declared > max(LARGE, MAX_COMPRESSION * size):
            raise InvalidInput(
                "file",
                [
                    f"'{path}' declares {source.height} x {source.width} pixels, {declared / 1e6:.3g} MB, but is a "
                    f"file of {size} bytes: damaged or cut off, so copy or export it again"
                ],
            )
        if _is_truncated(source, size):
            source.read(1)  # GDAL decides, because some programs only exaggerate, and says what is wrong
    return header


def read_raster(path: Path, page: str | None = None, window: tuple[slice, slice] | None = None) -> Raster:
    """Decode the first page of `path`, or another, turned upright by its orientation tag.

    Parameters
    ----------
    path : Path
    page : str, optional
        Which page, by its name in GDAL (`Header.pages`).
    window : (slice, slice), optional
        Rows and columns of the picture upright; all if left out.

    Raises
    ------
    InvalidInput
        If the file is missing, is no picture, or is damaged.
    """
    with open_raster(path, page) as source:
        # A picture that is turned in the file is turned upright as a whole.
        part = _stored_window(source, window) if window and _orientation(path) == 1 else None
        pixels = source.read(window=part)  # first, because of a damaged file GDAL says more than Pillow
        header = _header(source, path)
        missing = _missing_mask(source, header, pixels, part)
        if header.inverted:
            np.subtract(pixels.dtype.type(header.white), pixels[0], out=pixels[0])
    if missing is not None:
        missing = upright(missing[None], header.orientation)[0] if missing.any() else None
    pixels = upright(pixels, header.orientation)
    if window:
        within = tuple(slice(None, None, side.step) for side in window) if part else window
        pixels = pixels[(slice(None), *within)]
        missing = None if missing is None else missing[within]
    return Raster(header, pixels, missing)


def _stored_window(source: Any, window: tuple[slice, slice]) -> Any:
    """The rows and columns that a window with steps lies in, as rasterio takes them."""
    from rasterio.windows import Window

    (top, bottom, _), (left, right, _) = (
        side.indices(size) for side, size in zip(window, (source.height, source.width), strict=True)
    )
    return Window.from_slices((top, max(bottom, top)), (left, max(right, left)))


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo the turn or mirroring that an orientation tag (1 to 8) records; `pixels` is (band, y, x)."""
    if orientation in TRANSPOSED:
        pixels = pixels.swapaxes(-2, -1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[..., ::-1, :]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels)


@contextmanager
def open_raster(path: Path, page: str | None = None) -> Iterator[Any]:
    """The file in rasterio; whatever goes wrong inside is an error that names the file."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "does not exist"
            raise InvalidInput("file", [f"'{path}' {problem}; give the path of a PNG, JPEG or TIFF file"])
        # GDAL's fast way of reading PNG returns noise for a file that is cut off; the usual one is as fast.
        with rasterio.Env(GDAL_PNG_WHOLE_IMAGE_OPTIM="NO"):
            # What is to be warned of is one for the whole process, so that two threads may not change it at once.
            with GLOBAL_STATE_LOCK, warnings.catch_warnings():
                # A photo has no map projection, and GDAL thinks that worth a warning.
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                source = rasterio.open(page or path)
            with source:
                yield source
    except (RasterioError, OSError) as error:
        fix = "copy or export it again, as PNG, JPEG or TIFF"
        raise InvalidInput("file", [f"'{path}' cannot be read as a picture ({_reason(error)}); {fix}"]) from error


def _reason(error: BaseException) -> str:
    """What went wrong, in the words of whoever met it: rasterio's own are "see previous exception"."""
    if "previous exception" in str(error):
        while error.__cause__ is not None:
            error = error.__cause__
    # JPEG's own advice is to look away.
    return re.sub(r" \(this error can be turned.*\)", "", str(error)) or type(error).__name__


def _header(source: Any, path: Path) -> Header:
    bands = tuple(interpretation.name for interpretation in source.colorinterp)
    dtype = _dtype(source)
    bits = int(source.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8 * dtype.itemsize))
    inverted = source.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
    palette: NDArray[np.uint8] | None = None
    if inverted:
        # GDAL calls this a palette from white to black, of bytes also where the picture has 16 bits.
        bands = ("gray", *bands[1:])
        if dtype.kind != "u":
            raise InvalidInput(
                "file",
                [
                    f"'{path}' says that zero is white (MinIsWhite) of {source.dtypes[0]} numbers, which leaves open "
                    "what black is; save it with zero as black (MinIsBlack)"
                ],
            )
    elif bands == ("palette",) and bits == 1 and source.colormap(1) == {0: (0, 0, 0, 255), 1: (255, 255, 255, 255)}:
        bands = ("gray",)  # GDAL's way to say black and white
    elif bands[:1] == ("palette",):
        palette = _palette(source.colormap(1), 2 ** (8 * dtype.itemsize))
    shape, orientation = (source.height, source.width), _orientation(path)
    return Header(
        shape=shape[::-1] if orientation in TRANSPOSED else shape,
        dtype=source.dtypes[0],
        bands=bands,
        white=2**bits - 1,
        palette=palette,
        inverted=inverted,
        pages=tuple(sorted(source.subdatasets, key=_page_number)),
        orientation=orientation,
    )


def _dtype(source: Any) -> np.dtype[Any]:
    # GDAL has complex whole numbers, which numpy has not.
    return np.dtype(complex if source.dtypes[0].startswith("complex") else source.dtypes[0])


def _page_number(name: str) -> int:
    """The number in GDAL's name of a page, GTIFF_DIR:2:path; rasterio lists them as text, 10 before 2."""
    return int(name.split(":")[1])


def _palette(colours: dict[int, tuple[int, ...]], size: int) -> NDArray[np.uint8]:
    table = np.zeros((size, 4), np.uint8)
    table[:, 3] = 255  # a table that is too short shows black beyond its end
    for index, colour in colours.items():
        table[index] = colour
    return table


def _colour_bands(bands: Sequence[str]) -> list[int]:
    return [index for index, name in enumerate(bands) if name != "alpha"]


def _missing_mask(source: Any, header: Header, pixels: NDArray[Any], window: Any = None) -> NDArray[np.bool_] | None:
    """Where the file says that there is no value; `pixels` as they are stored."""
    shown = _colour_bands(header.bands)
    found: list[NDArray[np.bool_]] = []
    if "alpha" in header.bands:
        found.append(pixels[header.bands.index("alpha")] == 0)
    if header.palette is not None and not header.palette[:, 3].all():
        found.append(header.palette[pixels[0], 3] == 0)
    absent = [source.nodatavals[index] for index in shown]
    if shown and None not in absent:
        found.append(np.all([_equals(pixels[i], value) for i, value in zip(shown, absent, strict=True)], axis=0))
    flags = {flag.name for flag in source.mask_flag_enums[0]}
    if "per_dataset" in flags and not flags & {"alpha", "nodata"}:
        found.append(source.read_masks(1, window=window) == 0)  # a mask on a page of its own
    return np.any(found, axis=0) if found else None


def _equals(pixels: NDArray[Any], value: float) -> NDArray[np.bool_]:
    if pixels.dtype.kind in "iu":
        # As a whole number it may lie outside the dtype, and large ones would lose digits as float.
        return np.asarray(pixels == int(value)) if float(value).is_integer() else np.zeros(pixels.shape, bool)
    with np.errstate(over="ignore"):
        return np.asarray(pixels == value)  # NaN stays NaN, which needs no mark


def _is_truncated(source: Any, size: int) -> bool:
    """Whether a block of a TIFF should lie beyond the end of the file, which GDAL notices only when it gets there."""
    for (row, column), _ in islice(source.block_windows(1), MAX_BLOCKS):
        items = [f"BLOCK_{key}_{column}_{row}" for key in ("OFFSET", "SIZE")]
        place = [source.get_tag_item(item, "TIFF", bidx=1) for item in items]  # None of a block that is left out
        if None not in place and sum(map(int, place)) > size:
            return True
    return False


def _orientation(path: Path) -> int:
    from PIL import Image, UnidentifiedImageError

    # The guard against decompression bombs would refuse large photos, which are no bombs here. It is one for the whole
    # process, so that two threads may not lift and restore it at once.
    with GLOBAL_STATE_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(path) as image:
                return int(image.getexif().get(ORIENTATION, 1))
        except UnidentifiedImageError:
            return 1  # a floating-point colour TIFF: Pillow knows none, and no camera writes one turned
        finally:
            Image.MAX_IMAGE_PIXELS = limit

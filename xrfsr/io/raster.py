"""Decoding of PNG, JPEG and TIFF files to upright pixels in the stored number type.

GDAL decodes (through rasterio), because it reads every common compression and keeps 16-bit colour, which Pillow would
reduce to 8 bits. Pillow reads the orientation tag, which GDAL reports for JPEG only.
"""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.places import require_regular

__all__ = ["Header", "Raster", "open_raster", "read_header", "read_raster"]

ORIENTATION = 0x0112  # EXIF tag, which is also the TIFF tag
GLOBAL_STATE_LOCK = threading.Lock()
# A file that declares more than LARGE bytes at a higher compression than this is damaged. Deflate, in PNG, has 1032.
MAX_COMPRESSION, LARGE = {"PNG": 1100, "JPEG": 1100, "GTiff": 5000}, 1 << 28
MAX_BLOCKS = 100_000
DRIVERS = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "GTiff"),
}
GDAL_OPTIONS = {
    # GDAL's whole-image decoder returns noise for a truncated file; the default decoder is as fast.
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    # Other files of a similar name (.aux.xml, .msk, .ovr, world files) are not opened.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
}
GREYS = {grey: (grey, grey, grey, 255) for grey in range(256)}  # palette that changes nothing
TRANSPOSED = (5, 6, 7, 8)  # orientations that exchange rows and columns


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a picture file, read without decoding pixels.

    Attributes
    ----------
    shape : (int, int)
        Number of rows and columns of the upright picture.
    dtype : str
        Stored number type.
    bands : tuple of str
        Meaning of each band: ``"gray"``, ``"red"``, ``"green"``, ``"blue"``, ``"alpha"``, ``"palette"``, ...
    white : int
        Largest number that the bits of an unsigned file can hold: 15 for 4 bits in bytes.
    palette : ndarray or None
        Colour table (index, 4) uint8 with opacity, if pixels are indices into a table.
    inverted : bool
        Whether zero is white in the file (MinIsWhite).
    pages : tuple of str
        GDAL names of the pages, if there are several. Reduced copies that are marked as such do not count.
    orientation : int
        Orientation tag, from 1 (upright) to 8.
    unwritten : int
        Number of blocks of a TIFF that were never written and would be read as zero, because no other value is declared
        as "no data".
    descriptions : tuple of str
        Description of each band but opacity; empty where there is none.
    scalings : tuple of (float, float)
        Factor and shift of each band: its values are the stored pixels times the factor plus the shift.
    absent : tuple of (float or None)
        Stored number that each band declares as "no data", if it does.
    """

    shape: tuple[int, int]
    dtype: str
    bands: tuple[str, ...]
    white: int
    palette: NDArray[np.uint8] | None
    inverted: bool
    pages: tuple[str, ...]
    orientation: int
    unwritten: int = 0
    descriptions: tuple[str, ...] = ()
    scalings: tuple[tuple[float, float], ...] = ()
    absent: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Raster:
    """Decoded picture.

    Attributes
    ----------
    header : Header
        Header of the file.
    pixels : ndarray
        Pixels (band, y, x) in the stored dtype; row 0 is the top. If zero is white in the file, the grey band is
        inverted, so that larger is brighter.
    missing : ndarray or None
        Mask (y, x), true where a pixel has no value: fully transparent, masked, or "no data" in every colour. None if
        every pixel has a value.
    """

    header: Header
    pixels: NDArray[Any]
    missing: NDArray[np.bool_] | None

    @property
    def visible(self) -> NDArray[Any]:
        """Visible bands (band, y, x), without alpha; the palette is applied if there is one."""
        if self.header.palette is not None:
            return np.moveaxis(self.header.palette[self.pixels[0], :3], -1, 0)
        return self.pixels[_colour_bands(self.header.bands)]

    def missing_in(self, band: int) -> NDArray[np.bool_] | None:
        """Mask (y, x) of the pixels that have no value in one band, which others may have; None if there are none."""
        absent = self.header.absent[band]
        if absent is None:
            return self.missing
        there = _equals(self.pixels[band], absent)
        return there if self.missing is None else there | self.missing


def read_header(path: Path, page: str | None = None) -> Header:
    """Read the header of the first page of `path`, or of the page named as in `Header.pages`.

    Raises
    ------
    InvalidInput
        If the file is missing, not a picture, or truncated.
    """
    with open_raster(path, page) as source:
        header = _header(source, path)
        truncated, unwritten = _incomplete_blocks(source, path.stat().st_size)
        if truncated:
            source.read(1)  # GDAL raises if data is really missing: some programs only declare too large blocks
    return replace(header, unwritten=unwritten)


def read_raster(path: Path, page: str | None = None, window: tuple[slice, slice] | None = None) -> Raster:
    """Decode a page of `path`, turned upright by its orientation tag.

    Parameters
    ----------
    path : Path
        File to decode.
    page : str, optional
        GDAL name of the page, as in `Header.pages`. Default: the first page.
    window : (slice, slice), optional
        Rows and columns of the upright picture. Default: all.

    Raises
    ------
    InvalidInput
        If the file is missing, not a picture, or damaged.
    """
    with open_raster(path, page) as source:
        # A rotated picture is decoded whole, and cropped once it is upright.
        header = _header(source, path) if window else None
        part = _stored_window(source, window) if window and header and header.orientation == 1 else None
        pixels = source.read(window=part)
        # If possible after the pixels, because GDAL reports damage more precisely than Pillow.
        header = header or _header(source, path)
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
    """Return the window of rasterio that contains a window with steps."""
    from rasterio.windows import Window

    (top, bottom, _), (left, right, _) = (
        side.indices(size) for side, size in zip(window, (source.height, source.width), strict=True)
    )
    return Window.from_slices((top, max(bottom, top)), (left, max(right, left)))


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo the rotation or mirroring of an orientation tag (1 to 8); `pixels` is (band, y, x)."""
    if orientation in TRANSPOSED:
        pixels = pixels.swapaxes(-2, -1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[..., ::-1, :]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels)


@contextmanager
def open_raster(path: Path, page: str | None = None) -> Iterator[Any]:
    """Open a file with rasterio; errors in the block are raised with the name of the file."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    require_regular(path, "pass the path of a PNG, JPEG or TIFF file")
    # GDAL gives a meaning to some relative names.
    place = Path(os.path.abspath(path))
    named = place if page is None else f"GTIFF_DIR:{_page_number(page)}:{place}"
    try:
        with rasterio.Env(**GDAL_OPTIONS):
            # Warning filters are global to the process, so only one thread may change them at a time.
            with GLOBAL_STATE_LOCK, warnings.catch_warnings():
                # A photo has no map projection, and GDAL would warn about that.
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                source = rasterio.open(named, driver=_driver(path))
            with source:
                _check_size(source, path)
                yield source
    except (RasterioError, OSError) as error:
        fix = "copy or export it again as PNG, JPEG or TIFF"
        raise InvalidInput("file", [f"'{path}' cannot be read as a picture ({_reason(error)}); {fix}"]) from error


def _driver(path: Path) -> str:
    """Return the driver of GDAL for a file, by its first bytes.

    Without a driver GDAL would try all: a file of its format VRT is a text that reads any other file or address.
    """
    with path.open("rb") as file:
        head = file.read(8)
    for start, driver in DRIVERS.items():
        if head.startswith(start):
            return driver
    raise InvalidInput("file", [f"'{path}' is not a PNG, JPEG or TIFF file; copy or export it again as one of these"])


def _check_size(source: Any, path: Path) -> None:
    """Refuse a file that declares far more pixels than it can hold, before memory is taken for them."""
    size = path.stat().st_size
    declared = source.width * source.height * source.count * _dtype(source).itemsize
    if declared > max(LARGE, MAX_COMPRESSION[source.driver] * size):
        raise InvalidInput(
            "file",
            [
                f"'{path}' declares {source.height} x {source.width} pixels, {declared / 1e6:.3g} MB, but has only "
                f"{size} bytes: it is damaged or truncated; copy or export it again"
            ],
        )


def _reason(error: BaseException) -> str:
    """Return the message of the original error, because rasterio's own is only "see previous exception"."""
    if "previous exception" in str(error):
        while error.__cause__ is not None:
            error = error.__cause__
    # The JPEG driver adds the advice to ignore the error.
    return re.sub(r" \(this error can be turned.*\)", "", str(error)) or type(error).__name__


def _header(source: Any, path: Path) -> Header:
    bands = tuple(interpretation.name for interpretation in source.colorinterp)
    dtype = _dtype(source)
    bits = int(source.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8 * dtype.itemsize))
    inverted = source.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
    palette: NDArray[np.uint8] | None = None
    if inverted:
        # GDAL reports this as an 8-bit palette from white to black, even for 16-bit pictures.
        bands = ("gray", *bands[1:])
        if dtype.kind != "u":
            raise InvalidInput(
                "file",
                [
                    f"'{path}' declares that zero is white (MinIsWhite) for {source.dtypes[0]} values, so the value of "
                    "black is unknown; save it with zero as black (MinIsBlack)"
                ],
            )
    elif bands == ("palette",) and bits == 1 and source.colormap(1) == {0: (0, 0, 0, 255), 1: (255, 255, 255, 255)}:
        bands = ("gray",)  # GDAL reports one-bit black and white as a palette
    elif bands == ("palette",) and bits == 8 and source.colormap(1) == GREYS:
        bands = ("gray",)  # what other programs make of a grey picture when they reduce its colours
    elif bands[:1] == ("palette",):
        palette = _palette(source.colormap(1), 2 ** (8 * dtype.itemsize))
    shape, orientation = (source.height, source.width), _orientation(path, source.count)
    return Header(
        shape=shape[::-1] if orientation in TRANSPOSED else shape,
        dtype=source.dtypes[0],
        bands=bands,
        white=2**bits - 1,
        palette=palette,
        inverted=inverted,
        pages=tuple(sorted(source.subdatasets, key=_page_number)),
        orientation=orientation,
        descriptions=tuple(source.descriptions[index] or "" for index in _colour_bands(bands)),
        scalings=tuple(zip(source.scales, source.offsets, strict=True)),
        absent=tuple(source.nodatavals),
    )


def _dtype(source: Any) -> np.dtype[Any]:
    # GDAL has complex integers, which numpy lacks.
    return np.dtype(complex if source.dtypes[0].startswith("complex") else source.dtypes[0])


def _page_number(name: str) -> int:
    """Return the number in a GDAL page name, GTIFF_DIR:2:path, because rasterio sorts the names as text."""
    return int(name.split(":")[1])


def _palette(colours: dict[int, tuple[int, ...]], size: int) -> NDArray[np.uint8]:
    table = np.zeros((size, 4), np.uint8)
    table[:, 3] = 255  # indices beyond a short table are black
    for index, colour in colours.items():
        table[index] = colour
    return table


def _colour_bands(bands: Sequence[str]) -> list[int]:
    return [index for index, name in enumerate(bands) if name != "alpha"]


def _missing_mask(source: Any, header: Header, pixels: NDArray[Any], window: Any = None) -> NDArray[np.bool_] | None:
    """Return the mask of pixels without a value, if any; `pixels` are the stored ones."""
    shown = _colour_bands(header.bands)
    found: list[NDArray[np.bool_]] = []
    if "alpha" in header.bands:
        found.append(pixels[header.bands.index("alpha")] == 0)
    if header.palette is not None and not header.palette[:, 3].all():
        found.append(header.palette[pixels[0], 3] == 0)
    absent = [(index, value) for index in shown if (value := header.absent[index]) is not None]
    if shown and len(absent) == len(shown):
        found.append(np.all([_equals(pixels[index], value) for index, value in absent], axis=0))
    flags = {flag.name for flag in source.mask_flag_enums[0]}
    if "per_dataset" in flags and not flags & {"alpha", "nodata"}:
        found.append(source.read_masks(1, window=window) == 0)  # a mask on a separate page
    return np.any(found, axis=0) if found else None


def _equals(pixels: NDArray[Any], value: float) -> NDArray[np.bool_]:
    if pixels.dtype.kind in "iu":
        # The value may exceed the range of the dtype, and large integers would lose digits as float.
        return np.asarray(pixels == int(value)) if float(value).is_integer() else np.zeros(pixels.shape, bool)
    with np.errstate(over="ignore"):
        return np.asarray(pixels == value)  # NaN pixels need no mask


def _incomplete_blocks(source: Any, size: int) -> tuple[bool, int]:
    """Return whether a block of a TIFF extends beyond the end of the file, and how many blocks were never written.

    GDAL finds the former only on reading, and returns zeros for the latter.
    """
    if source.driver != "GTiff":
        return False, 0
    unwritten = 0
    separate = source.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "BAND"
    for band in source.indexes if separate else (1,):
        for (row, column), _ in islice(source.block_windows(band), MAX_BLOCKS // source.count):
            items = [f"BLOCK_{key}_{column}_{row}" for key in ("OFFSET", "SIZE")]
            place = [source.get_tag_item(item, "TIFF", bidx=band) for item in items]
            if None in place:
                unwritten += source.nodatavals[band - 1] is None
            elif sum(map(int, place)) > size:
                return True, unwritten
    return False, unwritten


def _orientation(path: Path, bands: int) -> int:
    """Return how a picture is turned, as EXIF numbers it; no camera writes more bands than four."""
    if bands > 4:
        return 1  # Pillow would print that it cannot decode them
    from PIL import Image, UnidentifiedImageError

    # Pillow's limit against decompression bombs would refuse large photos. The limit is global to the process, so
    # only one thread may lift and restore it at a time.
    with GLOBAL_STATE_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(path, formats=("PNG", "JPEG", "TIFF")) as image:
                return int(image.getexif().get(ORIENTATION, 1))
        except UnidentifiedImageError:
            return 1  # Pillow cannot open floating-point colour TIFFs, which no camera writes rotated
        except (ValueError, SyntaxError) as error:  # such as compressed text that is far too large
            raise OSError(str(error)) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit

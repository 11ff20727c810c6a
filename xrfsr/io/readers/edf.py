"""Reader of EDF as written by PyMca, with one or several images per file, by fabio from the extra ``formats``.

Files may be compressed as a whole: ``Ca-K.edf.gz``, ``Ca-K.edf.bz2``.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, import_optional
from xrfsr.io.compressed_files import decompress, is_compressed
from xrfsr.io.display import white_of
from xrfsr.io.partial import partial_source
from xrfsr.io.places import require_regular
from xrfsr.io.readers.declared_sizes import is_longer_side
from xrfsr.io.selection import select_columns
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["EdfMaps", "describe", "edf_header"]

OPTIONS = frozenset({"quantity"})
BLOCK = 512  # bytes, to multiples of which some programs pad images
MAX_PADDING = 1 << 20


@dataclass(frozen=True, slots=True)
class EdfMaps:
    """Maps in EDF files.

    Attributes
    ----------
    locations : tuple of (Path, int)
        File of each map, and the position among the images of that file.
    """

    locations: tuple[tuple[Path, int], ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps by reading whole images; see `xrfsr.io.source.Source`."""
        windows = []
        for number in maps:
            path, position = self.locations[number]
            with _opened(path, _inflated(path)) as image:
                windows.append(np.array(_frame(image, position).data[y, x]))
        return np.stack(windows)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the images of one EDF file, which are named by their titles.

    Raises
    ------
    InvalidInput
        If images differ in shape or have no title, or a title is not a known line.
    """
    faults: list[str] = []
    with _checked(path) as image:
        frames = [_frame(image, position) for position in range(image.nframes)]
        titles = [str(frame.header.get("Title", "")).strip() for frame in frames]
        shapes = [tuple(frame.shape) for frame in frames]
        whites = [white_of(frame.dtype) for frame in frames]
    if "" in titles:
        untitled = ", ".join(str(number) for number, title in enumerate(titles, start=1) if not title)
        raise InvalidInput(
            "file",
            [f"'{path}' does not name its lines: image {untitled} has no 'Title'; save one file per line in a folder"],
        )
    columns = select_columns(titles, options, path, faults)
    used = [*columns.maps, *(position for position in columns.uncertainties if position is not None)]
    if len({shapes[position] for position in used}) > 1:
        listed = ", ".join(f"{title} {shape}" for title, shape in zip(titles, shapes, strict=True))
        faults.append(f"the images of '{path}' differ in shape: {listed}; select some with lines=[...]")
    if columns.maps and len(shapes[columns.maps[0]]) != 2:
        faults.append(f"'{path}' contains images of shape {shapes[columns.maps[0]]}, expected (y, x); export it again")
    if faults:
        raise InvalidInput("file", faults)
    height, width = shapes[columns.maps[0]]
    return ScanDescription(
        names=columns.names,
        shape=(height, width),
        intensity=EdfMaps(tuple((path, position) for position in columns.maps)),
        uncertainty=partial_source(
            lambda there: EdfMaps(tuple((path, position) for position in there)), columns.uncertainties, (height, width)
        ),
        units=columns.units,
        warnings=columns.warnings,
        whites=tuple(whites[position] for position in columns.maps),
    )


def edf_header(path: Path) -> tuple[tuple[int, ...], int, int]:
    """Return the shape of the first image, the number of images, and the largest number that pictures of it hold.

    The last is 0 for images that are not in 8 or 16 bits without sign.

    Raises
    ------
    InvalidInput
        If the file is damaged, or fabio is not installed.
    """
    with _checked(path) as image:
        return tuple(image.shape), int(image.nframes), white_of(image.dtype)


@contextmanager
def _checked(path: Path) -> Iterator[Any]:
    """Open a file of which all images can be read."""
    require_regular(path, "pass an EDF file")
    content = _inflated(path)
    size = path.stat().st_size if content is None else len(content)
    if not size:
        raise InvalidInput("file", [f"'{path}' is empty; copy or export it again"])
    with _mapped(path, content) as held:
        _check_ranks(path, held)
    with _opened(path, content) as image:
        with _mapped(path, content) as held:
            _check_frames(path, image, held)
        yield image


@contextmanager
def _mapped(path: Path, content: bytes | None) -> Iterator[bytes | mmap.mmap]:
    """Return the contents of a file, of which only what is used is read if it is not compressed."""
    if content is not None:
        yield content
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def _check_ranks(path: Path, content: bytes | mmap.mmap) -> None:
    """Refuse a header that declares an absurd number of dimensions, over which fabio would loop."""
    if match := re.search(rb"Dim_\d{2,}", content):
        raise InvalidInput("file", [f"'{path}' has {match[0].decode()} in its header: it is damaged; copy it again"])


def _check_frames(path: Path, image: Any, content: bytes | mmap.mmap) -> None:
    """Refuse images whose values are in another file, are decoded without a limit, or are missing and read as zeros.

    Images with more values than their dimensions are refused, too, because the values would be shifted.
    """
    there = len(content)
    frames = list(image.frames())
    for number, frame in enumerate(frames, start=1):
        header = {str(key).upper(): str(value).strip() for key, value in frame.header.items()}
        if "EDF_BINARYFILENAME" in header:
            raise InvalidInput(
                "file", [f"'{path}' has its values in another file (EDF_BinaryFileName); save them in the file itself"]
            )
        if not (packing := header.get("COMPRESSION", "none")).upper().startswith("NO"):
            raise InvalidInput(
                "file", [f"'{path}' is compressed ({packing[:40]}), expected plain values; save it again"]
            )
        held = max(0, min(frame.blobsize, there - frame.start))
        if frame.size > held:
            raise InvalidInput(
                "file",
                [
                    f"'{path}' declares {frame.size} bytes for image {number}, but contains {held}: it is truncated; "
                    "copy or export it again"
                ],
            )
        held = there - frame.start if number == len(frames) else held
        surplus = held - frame.size
        if is_longer_side(surplus, frame.shape, frame.dtype.itemsize) and not _is_padding(frame, surplus, content):
            raise InvalidInput(
                "file",
                [
                    f"'{path}' declares {frame.size} bytes for image {number} of shape {tuple(frame.shape)}, but "
                    f"contains {held}: Dim_1 or Dim_2 is wrong; export it again"
                ],
            )


def _is_padding(frame: Any, surplus: int, content: bytes | mmap.mmap) -> bool:
    """Return whether what follows the values of an image is zeros, up to the end of a block or after a whole one."""
    is_aligned = (frame.size + surplus) % BLOCK == 0 and surplus < BLOCK
    stop = frame.start + frame.size + surplus
    whole = frame.blobsize <= frame.size and surplus < MAX_PADDING
    return (is_aligned or whole) and not any(content[stop - surplus : stop])


def _frame(image: Any, position: int) -> Any:
    # For a file with one image, getframe of fabio would look for the next file of a series.
    return image.getframe(position) if image.nframes > 1 else image


def _inflated(path: Path) -> bytes | None:
    """Return the contents of a compressed file; None for a plain one, of which only parts are read."""
    # fabio would return zeros for the end of one that is truncated.
    return decompress(path) if is_compressed(path) else None


def _opened(path: Path, content: bytes | None) -> Any:
    fabio = import_optional("fabio", "EDF files", "formats")
    require_regular(path, "pass an EDF file")
    if content is None:
        return fabio.edfimage.EdfImage().read(str(path))
    return fabio.edfimage.EdfImage().read(fabio.fabioutils.BytesIO(content, str(path)))

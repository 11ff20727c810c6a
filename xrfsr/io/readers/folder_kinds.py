"""Kinds of files of which a folder may hold one for each line, in the order in which they are preferred."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from xrfsr.errors import InvalidInput
from xrfsr.io.compressed_files import is_compressed, plain_suffix
from xrfsr.io.places import Home
from xrfsr.io.raster import read_header
from xrfsr.io.readers.edf import EdfMaps, edf_header
from xrfsr.io.readers.text_axes import Axis
from xrfsr.io.readers.text_matrix import TextMatrices, matrix_layout
from xrfsr.io.readers.tiff import Georeference, TiffMaps, georeference, map_problem, white_of_map
from xrfsr.io.source import Source

__all__ = ["KINDS", "FileHeader", "FolderKind", "are_pictures"]


class FileHeader(NamedTuple):
    """Shape of a map, the largest number that its bits hold, and what may be an axis among its numbers.

    See `xrfsr.io.display.white_of` and `xrfsr.io.readers.text_axes`.
    """

    shape: tuple[int, int]
    white: int
    axes: tuple[Axis, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderKind:
    """Kind of files.

    Attributes
    ----------
    name : str
        Name for messages.
    suffixes : tuple of str
        Suffixes in lower case, without that of a compression.
    header : callable
        Function of a file, and of whether it is a mask, that returns its header or raises InvalidInput.
    source : callable
        Function of files that makes the source of their maps.
    mask : callable
        Function of a file that makes the source of a mask.
    compressed : bool
        Whether files may be compressed as a whole.
    place : callable, optional
        Function of a file that returns where its map lies, for kinds that can hold it.
    """

    name: str
    suffixes: tuple[str, ...]
    header: Callable[[Path, bool], FileHeader]
    source: Callable[[Sequence[Path]], Source]
    mask: Callable[[Path], Source]
    compressed: bool = False
    place: Callable[[Path], Georeference] | None = None

    def of(self, files: Sequence[Path]) -> list[Path]:
        """Return the files of this kind."""
        return [
            file
            for file in files
            if plain_suffix(file) in self.suffixes and (self.compressed or not is_compressed(file))
        ]


def are_pictures(files: Sequence[Path], home: Home) -> bool:
    """Return whether all files are pictures in colour, which some programs export next to the values of their maps."""
    try:
        home.check(files)
        headers = [read_header(file) for file in files]
    except InvalidInput:
        return False
    return all(header.palette is not None or "red" in header.bands for header in headers)


def _raster_header(file: Path, is_mask: bool) -> FileHeader:
    header = read_header(file)
    problem = map_problem(header, mask=is_mask)
    if header.pages:
        problem = f"has {len(header.pages)} pages; expected one grey map per file: export the plain values"
    if problem:
        raise InvalidInput("file", [f"{file.name} {problem}"])
    return FileHeader(header.shape, white_of_map(header))


def _edf_header(file: Path, is_mask: bool) -> FileHeader:
    shape, images, white = edf_header(file)
    if len(shape) != 2 or images != 1:
        raise InvalidInput(
            "file", [f"{file.name} has {images} images of shape {shape}; expected one grey map per file"]
        )
    return FileHeader((shape[0], shape[1]), white)


def _text_header(file: Path, is_mask: bool) -> FileHeader:
    layout = matrix_layout(file)
    return FileHeader(layout.shape, 0, layout.axes)


def _rasters(files: Sequence[Path]) -> Source:
    return TiffMaps(tuple((file, None, 0) for file in files))


def _edfs(files: Sequence[Path]) -> Source:
    return EdfMaps(tuple((file, 0) for file in files))


def _texts(files: Sequence[Path]) -> Source:
    return TextMatrices(tuple(files))


def _raster_mask(file: Path) -> Source:
    return TiffMaps(((file, None, 0),), mask=True)


# PyMca writes the same maps in TIFF and EDF, and TIFF needs no further package. Pictures in PNG often accompany maps.
KINDS = (
    FolderKind("TIFF", (".tif", ".tiff"), _raster_header, _rasters, _raster_mask, place=georeference),
    FolderKind("EDF", (".edf",), _edf_header, _edfs, lambda file: _edfs([file]), compressed=True),
    FolderKind("text", (".csv", ".txt", ".asc", ".dat"), _text_header, _texts, lambda file: _texts([file])),
    FolderKind("PNG", (".png",), _raster_header, _rasters, _raster_mask),
)

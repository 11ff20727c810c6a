"""EDF, as PyMca writes it: one map a file, or several images in one. Read by fabio, the extra ``formats``."""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, import_optional
from xrfsr.io.selection import select_columns
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["EdfMaps", "describe", "edf_header"]

USES = frozenset({"quantity"})


@dataclass(frozen=True, slots=True)
class EdfMaps:
    """Maps in EDF files.

    Attributes
    ----------
    locations : tuple of (Path, int)
        For each map its file, and its position among the images of the file.
    """

    locations: tuple[tuple[Path, int], ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps, for which whole images are read; see `xrfsr.io.source.Source`."""
        windows = []
        for number in maps:
            path, position = self.locations[number]
            with _opened(path) as image:
                windows.append(np.array(_frame(image, position).data[y, x]))
        return np.stack(windows)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """The images of one EDF file, named by their titles.

    Raises
    ------
    InvalidInput
        If images differ in shape or have no titles, or naming every map that is none.
    """
    faults: list[str] = []
    _check_ranks(path)
    with _opened(path) as image:
        frames = [_frame(image, position) for position in range(image.nframes)]
        titles = [str(frame.header.get("Title", "")).strip() for frame in frames]
        shapes = [tuple(frame.shape) for frame in frames]
    if "" in titles:
        untitled = ", ".join(str(number) for number, title in enumerate(titles, start=1) if not title)
        raise InvalidInput(
            "file",
            [
                f"'{path}' does not say which line it shows: image {untitled} has no 'Title'; save one file a line in "
                "a folder"
            ],
        )
    columns = select_columns(titles, options, path, faults)
    if len({shapes[position] for position in (*columns.maps, *columns.uncertainties)}) > 1:
        listed = ", ".join(f"{title} {shape}" for title, shape in zip(titles, shapes, strict=True))
        faults.append(f"the images of '{path}' differ in shape: {listed}")
    if columns.maps and len(shapes[columns.maps[0]]) != 2:
        faults.append(f"'{path}' holds images of shape {shapes[columns.maps[0]]}; (y, x) is needed")
    if faults:
        raise InvalidInput("file", faults)
    height, width = shapes[columns.maps[0]]
    return ScanDescription(
        names=columns.names,
        shape=(height, width),
        intensity=EdfMaps(tuple((path, position) for position in columns.maps)),
        uncertainty=EdfMaps(tuple((path, position) for position in columns.uncertainties))
        if columns.uncertainties
        else None,
        units=columns.units,
        warnings=columns.warnings,
    )


def edf_header(path: Path) -> tuple[tuple[int, ...], int]:
    """Shape of the first image, and how many there are.

    Raises
    ------
    InvalidInput
        If the file is damaged, or fabio is not installed.
    """
    _check_ranks(path)
    with _opened(path) as image:
        return tuple(image.shape), int(image.nframes)


def _check_ranks(path: Path) -> None:
    """Refuse a head with more dimensions than there are, which fabio would count up to."""
    if not path.stat().st_size:
        raise InvalidInput("file", [f"'{path}' is empty; copy or export it again"])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if match := re.search(rb"Dim_\d{2,}", content):
            raise InvalidInput("file", [f"'{path}' has {match[0].decode()} in its head: damaged, so copy it again"])


def _frame(image: Any, position: int) -> Any:
    # Of a file with one image fabio takes getframe for a question about the next file of a series.
    return image.getframe(position) if image.nframes > 1 else image


def _opened(path: Path) -> Any:
    fabio = import_optional("fabio", "EDF files", "formats")
    return fabio.edfimage.EdfImage().read(str(path))

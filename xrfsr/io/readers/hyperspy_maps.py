"""Maps in signals of HyperSpy: one with a line for each image, as of `to_hyperspy`, a stack, or single images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.core.units import intensity_unit
from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5_chunks import read_window
from xrfsr.io.selection import select_maps, try_parse
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.array_cube import open_tree
from xrfsr.io.spectra.cubes import axes_grid

__all__ = ["Image", "TreeMaps", "describe_images", "line_names", "titled_line"]

QUANTITY = re.compile(r".*\((?P<unit>[^()]+)\)\s*")
# HyperSpy: "X-ray line intensity of painting: Fe_Ka at 6.40 keV"
TITLE = re.compile(r"(?:.*: )?(?P<line>[^:]+?)(?: at [\d.]+ (?:keV|eV))?")


@dataclass(frozen=True, slots=True)
class Image:
    """Map in an array of HDF5 or zarr.

    Attributes
    ----------
    array : str
        Name of the array.
    order : tuple of int
        Dimensions of the array that are the rows and columns.
    at : (int, int) or None
        Dimension of the maps, and the position in it; None if the array is one map.
    """

    array: str
    order: tuple[int, int]
    at: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class TreeMaps:
    """Maps in arrays of HDF5 or zarr.

    Attributes
    ----------
    path : Path
        File or folder.
    images : tuple of Image
        Maps.
    external : bool
        Whether the maps may be stored outside the folder of the file.
    """

    path: Path
    images: tuple[Image, ...]
    external: bool = False

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        windows = []
        with open_tree(self.path, external=self.external) as root:
            for number in maps:
                image = self.images[number]
                array, key = root[image.array], dict(zip(image.order, (y, x), strict=True))
                window: tuple[int | slice, ...] = tuple(
                    image.at[1] if image.at and dim == image.at[0] else key[dim] for dim in range(len(array.shape))
                )
                values = read_window(array, window) if isinstance(array, h5py.Dataset) else np.asarray(array[window])
                windows.append(values if image.order[0] < image.order[1] else values.T)
        return np.stack(windows)


def line_names(metadata: Sequence[str], stacked: Sequence[tuple[str, str]], count: int) -> list[str]:
    """Return the names of the maps of a signal, or an empty list if they are not known.

    Parameters
    ----------
    metadata : sequence of str
        Lines in the metadata of the signal.
    stacked : sequence of (str, str)
        Line and title of each signal of which it was stacked.
    count : int
        Number of maps.

    Examples
    --------
    >>> line_names([], [("", "X-ray line intensity of map: Fe_Ka at 6.40 keV")], 1)
    ['Fe_Ka']
    """
    if len(metadata) == count and len(stacked) != count:
        return list(metadata)
    if len(stacked) == count:
        names = [line or titled_line(title) for line, title in stacked]
        return names if all(names) else []
    return []


def titled_line(title: str) -> str:
    """Return the line that a title of HyperSpy names, or an empty text."""
    match = TITLE.fullmatch(title.strip())
    return match["line"] if match and try_parse(match["line"]) else ""


def describe_images(
    path: Path,
    options: ReadOptions,
    names: Sequence[str],
    images: Sequence[Image],
    shapes: Sequence[tuple[int, int]],
    axes: tuple[Mapping[str, Any], Mapping[str, Any]],
    quantity: str,
    tile: tuple[int, int] | None,
) -> ScanDescription:
    """Describe maps.

    Parameters
    ----------
    path : Path
        File or folder.
    options : ReadOptions
        Options of the caller.
    names : sequence of str
        Name of each map.
    images : sequence of Image
        Place of each map.
    shapes : sequence of (int, int)
        Rows and columns of each map.
    axes : (mapping, mapping)
        Axes of the first map.
    quantity : str
        Quantity of the metadata, such as ``"intensity (count)"``.
    tile : (int, int) or None
        Rows and columns of a stored chunk.

    Raises
    ------
    InvalidInput
        If a name is not a known line, or the maps differ in shape.
    """
    faults: list[str] = []
    chosen = select_maps(names, options.lines, path, faults)
    if not faults and len({shapes[position] for position in chosen}) > 1:
        listed = ", ".join(f"{names[position]} {shapes[position]}" for position in chosen)
        faults.append(f"the maps of '{path}' differ in shape: {listed}; select some with lines=[...]")
    if faults:
        raise InvalidInput("file", faults)
    grid: Grid | None = axes_grid(*axes)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=shapes[chosen[0]],
        intensity=TreeMaps(path, tuple(images[position] for position in chosen), options.external),
        units=_unit(quantity),
        grid=grid,
        tile=tile,
    )


def _unit(quantity: str) -> str | None:
    match = QUANTITY.fullmatch(quantity)
    try:
        return intensity_unit(match["unit"]) if match else None
    except InvalidInput:
        return None

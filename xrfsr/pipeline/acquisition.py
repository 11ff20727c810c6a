"""A scan and a photo on the grids of one U, in memory or not, and any tile of them as a `Problem`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from dask.base import is_dask_collection
from numpy.typing import NDArray

from xrfsr.core.photo import range_faults as photo_faults
from xrfsr.core.scan_checks import range_faults
from xrfsr.core.units import LEAST_INTENSITY
from xrfsr.errors import Fault, InvalidInput
from xrfsr.methods import Problem
from xrfsr.operators import Downsampling
from xrfsr.pipeline.photo_place import PhotoPlace
from xrfsr.pipeline.tiles import Tile
from xrfsr.utils.describe import listing

__all__ = ["Acquisition", "Arrays", "Geometry"]


class Arrays(NamedTuple):
    """Arrays of an acquisition or of a part of it, NumPy or Dask.

    Attributes
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Intensity, NaN where it is missing.
    valid : array of bool, shape (coarse.y, coarse.x), optional
        False for pixels to leave out.
    uncertainty : array, shape like `scan`, optional
        Standard deviation of the scan.
    photo : array, shape (band, y, x), optional
        Photo in its own pixels.
    """

    scan: Any
    valid: Any = None
    uncertainty: Any = None
    photo: Any = None


@dataclass(frozen=True, eq=False)
class Geometry:
    """What holds for the whole acquisition, and what a tile needs to know of it.

    Attributes
    ----------
    U : Downsampling
        Operator from the fine to the coarse grid.
    photo : PhotoPlace, optional
        How the photo is resampled to the fine grid.
    lines : tuple of str
        Labels of the maps.
    kinds : tuple of str
        Kind of every map, see `xrfsr.core.lines`.
    units : str
        Unit of the intensity.
    """

    U: Downsampling
    photo: PhotoPlace | None
    lines: tuple[str, ...]
    kinds: tuple[str, ...]
    units: str

    def problem(self, tile: Tile, arrays: Arrays) -> Problem:
        """Return what a method is given for a tile, from the arrays of that tile.

        Raises
        ------
        InvalidInput
            Naming values that are negative, infinite or outside the range of a photo.
        """
        if faults := self._faults(arrays):
            raise InvalidInput("input", faults)
        part, y, x = self.U.crop(tile.rows, tile.columns)
        scan = arrays.scan if arrays.valid is None else np.where(arrays.valid, arrays.scan, np.float32(np.nan))
        photo = None
        if self.photo is not None:
            photo = self.photo.resample(arrays.photo, y, x)
        is_element = np.array(self.kinds) == "element"
        return Problem.of(scan, photo, part, self.lines, is_element, self.units, arrays.uncertainty)

    def core(self, tile: Tile) -> tuple[slice, slice]:
        """Return the fine pixels of a tile, counted within its problem."""
        _, y, x = self.U.crop(tile.rows, tile.columns)
        return (
            slice(tile.y.start - y.start, tile.y.stop - y.start),
            slice(tile.x.start - x.start, tile.x.stop - x.start),
        )

    def unmeasured(self, tile: Tile, problem: Problem) -> NDArray[np.bool_]:
        """Return which fine pixels of a tile lie in coarse pixels without a value, shape (line, y, x)."""
        row, column = self.parent_cells
        row, column = row[tile.y] - tile.rows.start, column[tile.x] - tile.columns.start
        return ~problem.measured[:, row[:, None], column]

    @property
    def parent_cells(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Coarse row of every fine row, and coarse column of every fine column."""
        U = self.U
        return U.coarse.y.parent_cell(U.fine.y), U.coarse.x.parent_cell(U.fine.x)

    def _faults(self, arrays: Arrays) -> list[str]:
        """Return what is wrong with the values; those of arrays in memory were checked before, in more detail."""
        faults: list[str] = []
        for name, maps in (("intensity", arrays.scan), ("uncertainty", arrays.uncertainty)):
            if maps is None:
                continue
            shown = maps if arrays.valid is None else np.where(arrays.valid, maps, np.nan)
            counted = np.array(self.kinds) != "diagnostic"
            negative = np.array(self.lines)[counted & (shown < 0).any(axis=(1, 2))]
            infinite = np.array(self.lines)[np.isinf(shown).any(axis=(1, 2))]
            if negative.size:
                faults.append(Fault(f"{name!r} is negative for {listing(negative)}; set to zero: .clip(min=0)", "scan"))
            if infinite.size:
                faults.append(
                    Fault(f"{name!r} is infinite for {listing(infinite)}; mark as missing: .where(...)", "scan")
                )
            # Small values of a tile are in order where other tiles have larger ones.
            largest = np.fmax.reduce(np.abs(shown), axis=(1, 2), initial=LEAST_INTENSITY)
            faults += [Fault(each, "scan") for each in range_faults(name, self.lines, self.kinds, largest)]
        if arrays.photo is not None and np.isfinite(arrays.photo).any():
            lowest, highest = float(np.nanmin(arrays.photo)), float(np.nanmax(arrays.photo))
            faults += [Fault(fault, "photo") for fault in photo_faults(lowest, highest)]
        return faults


@dataclass(frozen=True, eq=False)
class Acquisition:
    """A scan and a photo that were checked, as far as that is possible without reading them.

    Attributes
    ----------
    geometry : Geometry
        Grids, labels and units.
    arrays : Arrays
        Values of the whole acquisition.
    """

    geometry: Geometry
    arrays: Arrays

    @property
    def lazy(self) -> bool:
        """Whether any array is still to be computed."""
        return any(is_dask_collection(array) for array in self.arrays)

    def slices(self, tile: Tile) -> tuple[tuple[slice, ...], ...]:
        """Return the slices of each array that a tile needs."""
        here = (tile.rows, tile.columns)
        shown: tuple[slice, ...] = ()
        if self.geometry.photo is not None:
            _, y, x = self.geometry.U.crop(*here)
            shown = (slice(None), *self.geometry.photo.slices(y, x))
        return (slice(None), *here), here, (slice(None), *here), shown

    def crop(self, tile: Tile) -> Arrays:
        """Return the arrays that a tile needs; of Dask arrays nothing is computed."""
        parts = zip(self.arrays, self.slices(tile), strict=True)
        return Arrays(*(None if array is None else array[part] for array, part in parts))

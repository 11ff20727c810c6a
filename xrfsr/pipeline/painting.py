"""A scan and a photo on the grids of one U, in memory or not, and any part of them as a `Problem`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from dask.base import is_dask_collection
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xrfsr.core.photo import range_faults
from xrfsr.errors import InvalidInput
from xrfsr.methods.common.problem import Problem
from xrfsr.operators import Downsampling, apply_separable, crop_rows
from xrfsr.pipeline.tiles import Tile

__all__ = ["Frame", "Painting", "Pieces"]


class Pieces(NamedTuple):
    """Arrays of a painting or of a part of it, NumPy or Dask.

    Attributes
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
    valid : array of bool, shape (coarse.y, coarse.x), optional
    uncertainty : array, shape like `scan`, optional
    photo : array, shape (band, y, x), optional
        In its own pixels.
    """

    scan: Any
    valid: Any = None
    uncertainty: Any = None
    photo: Any = None


@dataclass(frozen=True, eq=False)
class Frame:
    """What holds for the whole painting, and what a part needs to know of it.

    Attributes
    ----------
    U : Downsampling
    photo : tuple of csr_array, optional
        How the photo is brought to the fine grid, along y and x.
    lines : tuple of str
    kinds : tuple of str
        See `xrfsr.core.lines`.
    units : str
    """

    U: Downsampling
    photo: tuple[csr_array, csr_array] | None
    lines: tuple[str, ...]
    kinds: tuple[str, ...]
    units: str

    def problem(self, tile: Tile, pieces: Pieces) -> Problem:
        """What a method is handed of the pieces of a tile.

        Raises
        ------
        InvalidInput
            If a value cannot be what it should.
        """
        if faults := self._faults(pieces):
            raise InvalidInput("input", faults)
        part, y, x = self.U.crop(tile.rows, tile.columns)
        scan = pieces.scan if pieces.valid is None else np.where(pieces.valid, pieces.scan, np.float32(np.nan))
        photo = None
        if self.photo is not None:
            (down, _), (across, _) = (crop_rows(m, rows) for m, rows in zip(self.photo, (y, x), strict=True))
            photo = apply_separable(down, across, pieces.photo)
        is_element = np.array(self.kinds) == "element"
        return Problem.of(scan, photo, part, self.lines, is_element, self.units, pieces.uncertainty)

    def own(self, tile: Tile) -> tuple[slice, slice]:
        """The fine pixels of a tile as they are counted in its problem."""
        _, y, x = self.U.crop(tile.rows, tile.columns)
        return (
            slice(tile.y.start - y.start, tile.y.stop - y.start),
            slice(tile.x.start - x.start, tile.x.stop - x.start),
        )

    def missing(self, tile: Tile, problem: Problem) -> NDArray[np.bool_]:
        """Fine pixels of a tile that lie in coarse ones which were not measured, (line, y, x)."""
        row, column = self.parent_cells
        row, column = row[tile.y] - tile.rows.start, column[tile.x] - tile.columns.start
        return ~problem.measured[:, row[:, None], column]

    @property
    def parent_cells(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The coarse rows and columns that fine ones lie in."""
        U = self.U
        return U.coarse.y.parent_cell(U.fine.y), U.coarse.x.parent_cell(U.fine.x)

    def _faults(self, pieces: Pieces) -> list[str]:
        """What is wrong with the values of a part; of arrays in memory, more has been looked at before."""
        faults = []
        for name, maps in (("intensity", pieces.scan), ("uncertainty", pieces.uncertainty)):
            if maps is None:
                continue
            shown = maps if pieces.valid is None else np.where(pieces.valid, maps, np.nan)
            counted = np.array(self.kinds) != "diagnostic"
            negative = np.array(self.lines)[counted & (shown < 0).any(axis=(1, 2))]
            endless = np.array(self.lines)[np.isinf(shown).any(axis=(1, 2))]
            if negative.size:
                faults.append(f"scan: {name!r} is negative for {', '.join(negative)}; set to zero: .clip(min=0)")
            if endless.size:
                faults.append(f"scan: {name!r} is infinite for {', '.join(endless)}; mark as missing: .where(...)")
        if pieces.photo is not None and np.isfinite(pieces.photo).any():
            lowest, highest = float(np.nanmin(pieces.photo)), float(np.nanmax(pieces.photo))
            faults += [f"photo: {fault}" for fault in range_faults(lowest, highest)]
        return faults


@dataclass(frozen=True, eq=False)
class Painting:
    """A scan and a photo that have been checked, as far as that is possible without reading them.

    Attributes
    ----------
    frame : Frame
    arrays : Pieces
        All of them.
    """

    frame: Frame
    arrays: Pieces

    @property
    def lazy(self) -> bool:
        """Whether any of it is yet to be computed."""
        return any(is_dask_collection(array) for array in self.arrays)

    def slices(self, tile: Tile) -> tuple[tuple[slice, ...], ...]:
        """Which part of each array a tile sees."""
        here = (tile.rows, tile.columns)
        shown: tuple[slice, ...] = ()
        if self.frame.photo is not None:
            _, y, x = self.frame.U.crop(*here)
            (_, rows), (_, columns) = (crop_rows(m, part) for m, part in zip(self.frame.photo, (y, x), strict=True))
            shown = (slice(None), rows, columns)
        return (slice(None), *here), here, (slice(None), *here), shown

    def pieces(self, tile: Tile) -> Pieces:
        """What a tile sees; of Dask arrays nothing is computed."""
        parts = zip(self.arrays, self.slices(tile), strict=True)
        return Pieces(*(None if array is None else array[part] for array, part in parts))

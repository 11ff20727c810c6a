"""Between a fine grid and a regular subdivision of the coarse pixels, for what knows one ratio only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from xrfsr.core.grid import Axis
from xrfsr.operators.downsampling import Downsampling
from xrfsr.operators.footprints import footprint_matrix
from xrfsr.operators.right_inverse import precision_matrix, right_inverse_matrix
from xrfsr.operators.separable import apply_separable

__all__ = ["Subdivision"]


@dataclass(frozen=True, eq=False)
class Subdivision:
    """Grid with `ratio` × `ratio` cells in every coarse pixel, and the way from the fine grid to it and back.

    The finer of the two grids is averaged over the pixels of the other; the other way, the smoothest maps are taken
    whose averages are those given. The means over coarse pixels are kept where these hold whole numbers of fine ones.

    Attributes
    ----------
    inside : (slice, slice)
        Fine rows and columns whose centres lie in coarse pixels; a beam sees others as well.
    to_cells, to_fine : (csr_array, csr_array)
        Matrices along y and x.
    shape : (int, int)
        Number of all fine rows and columns.
    """

    inside: tuple[slice, slice]
    to_cells: tuple[csr_array, csr_array]
    to_fine: tuple[csr_array, csr_array]
    shape: tuple[int, int]

    @classmethod
    def of(cls, U: Downsampling, ratio: int) -> Self:
        """Subdivide the coarse pixels of U.

        Examples
        --------
        >>> from xrfsr.core.grid import Grid
        >>> coarse = Grid.from_shape((8, 8), pixel_size=1.0)
        >>> made = Subdivision.of(Downsampling.between(coarse.refine(2.5), coarse), 4)
        >>> maps = made.cells(np.ones((1, 20, 20), np.float32))
        >>> maps.shape, made.fine(maps).shape
        ((1, 32, 32), (1, 20, 20))
        """
        axes = zip((U.fine.y, U.fine.x), (U.coarse.y, U.coarse.x), strict=True)
        made = [_matrices(fine, coarse, ratio, U.correlation_length) for fine, coarse in axes]
        inside, to_cells, to_fine = ((y, x) for y, x in zip(*made, strict=True))
        return cls(inside, to_cells, to_fine, U.fine.shape)

    def cells(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return fine maps (..., y, x) on the cells."""
        return np.asarray(apply_separable(*self.to_cells, maps[..., *self.inside]))

    def fine(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return maps (..., y, x) of the cells on the fine grid, zero outside the coarse pixels."""
        made = np.zeros((*maps.shape[:-2], *self.shape), maps.dtype)
        made[..., *self.inside] = apply_separable(*self.to_fine, maps)
        return made


def _matrices(fine: Axis, coarse: Axis, ratio: int, correlation_length: float) -> tuple[slice, csr_array, csr_array]:
    low, high = sorted(coarse.edges)
    within = np.flatnonzero((fine.centres > low) & (fine.centres < high))
    inside = slice(int(within[0]), int(within[-1]) + 1)
    seen, cells = fine.crop(inside), coarse.resize(coarse.size * ratio)
    if np.isclose(seen.step, cells.step, rtol=1e-6) and seen.size == cells.size:
        same = csr_array(eye_array(cells.size))
        return inside, same, same
    larger, smaller = (seen, cells) if abs(seen.step) > abs(cells.step) else (cells, seen)
    average = footprint_matrix(smaller, larger)
    spread, _ = right_inverse_matrix(average, precision_matrix(smaller, correlation_length))
    return (inside, spread, average) if larger is seen else (inside, average, spread)

"""Where the photo lies, and how it is resampled to the fine grid from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xrfsr.core.grid import Axis, Grid
from xrfsr.operators import apply_separable, crop_rows
from xrfsr.operators.affine import resample_affine
from xrfsr.operators.interpolation import LOBES
from xrfsr.operators.moving import moved_matrix, repeating
from xrfsr.operators.resample import resampling_matrices

__all__ = ["REACH", "UNBENT", "PhotoPlace"]

Matrix = tuple[tuple[float, float], tuple[float, float]]

REACH = 0.75  # coarse pixels by which a photo may be moved: `register` is right to less than half of one
UNBENT: Matrix = (1.0, 0.0), (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class PhotoPlace:
    """Resampling of a photo to the fine grid.

    Attributes
    ----------
    source, fine : Grid
        Grid of the photo, as it was registered, and of the result.
    still : (csr_array, csr_array)
        Matrices along y and x for the photo where it was registered.
    matrices : (csr_array, csr_array)
        The same for the place to which it was moved.
    margin : (int, int)
        Pixels of the photo that are needed beyond those of `still`, to either side.
    shift : (float, float)
        Distance in mm by which it was moved, along y and x.
    affine : ((float, float), (float, float))
        Matrix by which distances (y, x) from the middle of the fine grid were multiplied before that.
    """

    source: Grid
    fine: Grid
    still: tuple[csr_array, csr_array]
    matrices: tuple[csr_array, csr_array]
    margin: tuple[int, int] = (0, 0)
    shift: tuple[float, float] = (0.0, 0.0)
    affine: Matrix = UNBENT

    @classmethod
    def of(cls, source: Grid, fine: Grid, reach: tuple[float, float] = (0.0, 0.0)) -> Self:
        """Build the resampling of a photo that may be moved by `reach` mm along y and x.

        Its outermost pixels are repeated as far as `fine` goes beyond it.
        """
        axes = zip((source.y, source.x), (fine.y, fine.x), strict=True)
        (y, repeated_y), (x, repeated_x) = (repeating(*each) for each in axes)
        made = resampling_matrices(Grid(y, x), fine)
        matrices = csr_array(made["y"] @ repeated_y), csr_array(made["x"] @ repeated_x)
        far, pixel = np.array(reach), np.array(source.spacing)
        rows, columns = (ceil(each) + LOBES if each else 0 for each in far / pixel)
        return cls(source, fine, matrices, matrices, (rows, columns))

    def moved(self, shift: tuple[float, float], affine: Matrix = UNBENT) -> Self:
        """Return a copy for the photo moved by `shift` mm from where it was registered, and bent by a matrix."""
        if shift == (0.0, 0.0) or affine != UNBENT:
            return replace(self, matrices=self.still, shift=shift, affine=affine)
        axes = zip((self.source.y, self.source.x), (self.fine.y, self.fine.x), shift, strict=True)
        y, x = (moved_matrix(*each) for each in axes)
        return replace(self, matrices=(y, x), shift=shift, affine=UNBENT)

    def slices(self, y: slice, x: slice) -> tuple[slice, slice]:
        """Return the pixels of the photo that some fine pixels need."""
        rows, columns = (
            slice(max(0, seen.start - margin), min(matrix.shape[1], seen.stop + margin))
            for matrix, part, margin in zip(self.still, (y, x), self.margin, strict=True)
            for seen in [crop_rows(matrix, part)[1]]
        )
        return rows, columns

    def resample(self, pixels: NDArray[Any], y: slice, x: slice) -> NDArray[Any]:
        """Return fine pixels (band, y, x) from those pixels of the photo that `slices` names."""
        if self.affine != UNBENT:
            return self._bent(pixels, y, x)
        down, across = (
            csr_array(matrix[part, seen])
            for matrix, part, seen in zip(self.matrices, (y, x), self.slices(y, x), strict=True)
        )
        made = np.asarray(apply_separable(down, across, pixels))
        # Lanczos interpolation overshoots at edges.
        return made if self.matrices is self.still else made.clip(0, 1)

    def _bent(self, pixels: NDArray[Any], y: slice, x: slice) -> NDArray[Any]:
        """Return the same for a photo that was not only shifted."""
        middle = np.array([sum(axis.edges) / 2 for axis in (self.fine.y, self.fine.x)])
        back = np.linalg.inv(np.array(self.affine))
        seen, grids = self.slices(y, x), (self.source, self.fine)
        there, here = (
            Grid(_part(grid.y, part[0]), _part(grid.x, part[1]))
            for grid, part in zip(grids, (seen, (y, x)), strict=True)
        )
        return resample_affine(pixels, there, here, back, middle - back @ (middle + self.shift)).clip(0, 1)


def _part(axis: Axis, part: slice) -> Axis:
    """Return some cells of an axis."""
    return Axis(part.stop - part.start, axis.step, axis.first + axis.step * part.start)

"""The problem a method solves: one scan, one photo and U between them, as plain arrays without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xrfsr.operators import Downsampling
from xrfsr.operators.gaps import fill_gaps

__all__ = ["Problem", "known_noise", "pooled_mean", "pooled_noise"]


@dataclass(frozen=True, eq=False)
class Problem:
    """A super-resolution problem in arrays.

    Attributes
    ----------
    scan : array of float32, shape (line, coarse.y, coarse.x)
        Y↓. Missing values are filled from the nearest measured pixels of the same map, so that linear algebra works;
        the results there are masked.
    measured : array of bool, shape like `scan`
        Where the scan was measured.
    photo : array of float32, shape (band, fine.y, fine.x)
        Z on the fine grid, missing pixels filled in the same way; no bands for a method without a photo.
    photo_valid : array of bool, shape (fine.y, fine.x)
        Where the photo shows the painting.
    U : Downsampling
        Operator from the fine to the coarse grid.
    lines : tuple of str
        Labels of the maps.
    photo_lines : tuple of bool
        Maps that the photo may guide: element maps that are not flat and were measured where the photo shows
        something.
    units : str
        Unit of the scan.
    noise : array of float32, shape (line,)
        Standard deviation of the noise of a pixel of the scan: root mean square of its uncertainty, or the square root
        of the mean of whole counts; NaN where there is neither.
    mean : array of float64, shape (line,)
        Mean of every map over its measured pixels.
    """

    scan: NDArray[np.float32]
    measured: NDArray[np.bool_]
    photo: NDArray[np.float32]
    photo_valid: NDArray[np.bool_]
    U: Downsampling
    lines: tuple[str, ...]
    photo_lines: tuple[bool, ...]
    units: str
    noise: NDArray[np.float32]
    mean: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        scan: NDArray[Any],
        photo: NDArray[Any] | None,
        U: Downsampling,
        lines: tuple[str, ...],
        is_element: NDArray[np.bool_],
        units: str = "count",
        uncertainty: NDArray[Any] | None = None,
    ) -> Self:
        """Build a problem from arrays on the grids of `U`, in which NaN marks missing values."""
        photo = np.zeros((0, *U.fine.shape), dtype=np.float32) if photo is None else photo
        measured = np.isfinite(scan)
        photo_valid = np.isfinite(photo).all(axis=0)
        filled = np.stack([fill_gaps(plane, known) for plane, known in zip(scan, measured, strict=True)])
        low, high = filled.min(axis=(1, 2)), filled.max(axis=(1, 2))
        photo = photo.astype(np.float32)
        if not photo_valid.all():
            photo = fill_gaps(photo, photo_valid)
        noise = known_noise(filled, measured, units, uncertainty)
        maps = filled.astype(np.float32, copy=False)
        mean = np.array(
            [
                plane[known].mean(dtype=np.float64) if known.any() else 0.0
                for plane, known in zip(maps, measured, strict=True)
            ]
        )
        problem = cls(maps, measured, photo, photo_valid, U, lines, (), units, noise, mean)
        photo_lines = is_element & (high > low) & problem.training_mask.any(axis=(1, 2))
        return replace(problem, photo_lines=tuple(photo_lines.tolist()))

    @property
    def training_mask(self) -> NDArray[np.bool_]:
        """Mask of pixels that were measured and that the photo shows completely, shape like `scan`."""
        shown = self.U(self.photo_valid.astype(np.float64)) > 1 - 1e-6
        return np.asarray(self.measured & shown)

    def sel_lines(self, chosen: NDArray[np.intp]) -> Self:
        """Select lines, in the given order."""
        return replace(
            self,
            scan=self.scan[chosen],
            measured=self.measured[chosen],
            lines=tuple(self.lines[i] for i in chosen),
            photo_lines=tuple(self.photo_lines[i] for i in chosen),
            noise=self.noise[chosen],
            mean=self.mean[chosen],
        )

    def crop(self, rows: slice, columns: slice) -> tuple[Self, slice, slice]:
        """Crop to some coarse pixels; return the crop, and its rows and columns of the fine grid."""
        U, y, x = self.U.crop(rows, columns)
        made = replace(
            self,
            scan=self.scan[:, rows, columns],
            measured=self.measured[:, rows, columns],
            photo=self.photo[:, y, x],
            photo_valid=self.photo_valid[y, x],
            U=U,
        )
        return made, y, x


def pooled_mean(sample: Sequence[Problem]) -> NDArray[np.float64]:
    """Mean of every map over the measured pixels of all problems, shape (line,)."""
    count = np.array([problem.measured.sum(axis=(1, 2)) for problem in sample])
    total = (count * np.array([problem.mean for problem in sample])).sum(axis=0)
    return np.asarray(total / np.maximum(count.sum(axis=0), 1))


def pooled_noise(sample: Sequence[Problem]) -> NDArray[np.float32]:
    """Root mean square of the noise of every map, shape (line,); NaN where it is unknown for a measured problem."""
    count = np.array([problem.measured.sum(axis=(1, 2)) for problem in sample])
    squares = np.array([problem.noise.astype(np.float64) ** 2 for problem in sample])
    total = np.where(count > 0, count * squares, 0).sum(axis=0)
    return np.asarray(np.sqrt(total / np.maximum(count.sum(axis=0), 1)), dtype=np.float32)


def known_noise(
    scan: NDArray[Any], measured: NDArray[np.bool_], units: str, uncertainty: NDArray[Any] | None
) -> NDArray[np.float32]:
    """Root mean square over measured pixels of the uncertainty, which is the square root for whole counts.

    A map without uncertainty, which is then NaN, is treated as in a scan without uncertainties. NaN where neither is
    known, shape (line,).
    """
    noise = np.full(len(scan), np.nan, dtype=np.float32)
    for line, (plane, known) in enumerate(zip(scan, measured, strict=True)):
        variance = None
        if uncertainty is not None and np.isfinite(uncertainty[line]).any():
            known = known & np.isfinite(uncertainty[line])
            variance = np.square(uncertainty[line], dtype=np.float64)
        elif units == "count" and (plane[known] == np.round(plane[known])).all() and plane.min() >= 0:
            variance = plane.astype(np.float64)
        if variance is not None and known.any():
            noise[line] = np.sqrt(variance[known].mean())
    return noise

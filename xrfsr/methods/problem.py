"""What every method is handed: one scan, one photo and U between them, as plain arrays without gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from xrfsr.sampling import Downsampling

__all__ = ["Problem", "Reconstruction"]


@dataclass(frozen=True, eq=False)
class Problem:
    """A super-resolution problem in arrays.

    Attributes
    ----------
    scan : array of float32, shape (line, coarse.y, coarse.x)
        Y↓. Missing values are filled from the nearest measured one of the same map, so that linear algebra works;
        what becomes of them is not reported.
    usable : array of bool, shape like `scan`
        Where the scan was measured.
    photo : array of float32, shape (band, fine.y, fine.x)
        Z on the fine grid, missing pixels filled in the same way.
    seen : array of bool, shape (fine.y, fine.x)
        Where the photo shows the painting.
    U : Downsampling
    lines : tuple of str
    guided : tuple of bool
        Maps that the photo may guide: element maps that are not flat.
    units : str
        Of the scan.
    """

    scan: NDArray[np.float32]
    usable: NDArray[np.bool_]
    photo: NDArray[np.float32]
    seen: NDArray[np.bool_]
    U: Downsampling
    lines: tuple[str, ...]
    guided: tuple[bool, ...]
    units: str = "count"

    @classmethod
    def of(
        cls,
        scan: NDArray[Any],
        photo: NDArray[Any],
        U: Downsampling,
        lines: tuple[str, ...],
        is_element: NDArray[np.bool_],
        units: str = "count",
    ) -> Self:
        """From a scan and a photo on the grids of `U` in which NaN marks what is missing."""
        usable = np.isfinite(scan)
        seen = np.isfinite(photo).all(axis=0)
        filled = np.stack([_filled(plane, known) for plane, known in zip(scan, usable, strict=True)])
        low, high = filled.min(axis=(1, 2)), filled.max(axis=(1, 2))
        return cls(
            filled.astype(np.float32, copy=False),
            usable,
            np.stack([_filled(plane, seen) for plane in photo]).astype(np.float32, copy=False),
            seen,
            U,
            lines,
            tuple(bool(value) for value in is_element & (high > low)),
            units,
        )

    def only(self, chosen: NDArray[np.intp]) -> Self:
        """The same problem for some of the lines, in the order given."""
        return type(self)(
            self.scan[chosen],
            self.usable[chosen],
            self.photo,
            self.seen,
            self.U,
            tuple(self.lines[i] for i in chosen),
            tuple(self.guided[i] for i in chosen),
            self.units,
        )


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What every method returns.

    Attributes
    ----------
    maps : array of float32, shape (line, fine.y, fine.x)
    record : dict
        Plain numbers and text about how it was made, for the attributes of the result.
    photo_share : array of float32, shape (line,), optional
        How much of each map was guided by the photo, from 0, the photo-free floor, to 1.
    """

    maps: NDArray[np.float32]
    record: dict[str, str | float] = field(default_factory=dict)
    photo_share: NDArray[np.float32] | None = None


def _filled(plane: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Missing pixels take the value of the nearest known one."""
    if known.all() or not known.any():
        return plane if known.any() else np.zeros_like(plane)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(plane[tuple(nearest)])

"""What every method is handed: one scan, one photo and U between them, as plain arrays without gaps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from xrfsr.sampling import Downsampling

__all__ = ["PER_LINE", "Problem", "Reconstruction"]

# Name and description.
PER_LINE = {
    "guided_share": "share of network and photo in the map, the rest being the photo-free floor",
    "noise": "standard deviation of the noise that a pixel of the scan is taken to have",
    "photo_gain": "error of predictions of the scan without the photo over that with it, in dB",
}


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
        Z on the fine grid, missing pixels filled in the same way. No bands where a method needs no photo.
    seen : array of bool, shape (fine.y, fine.x)
        Where the photo shows the painting.
    U : Downsampling
    lines : tuple of str
    guided : tuple of bool
        Maps that the photo may guide: element maps that are not flat and were measured where the photo shows
        something.
    units : str
        Of the scan.
    noise : array of float32, shape (line,), optional
        Standard deviation of the noise of a pixel of the scan: root mean square of its uncertainty, or of whole counts
        the root of their mean. NaN where neither tells.
    """

    scan: NDArray[np.float32]
    usable: NDArray[np.bool_]
    photo: NDArray[np.float32]
    seen: NDArray[np.bool_]
    U: Downsampling
    lines: tuple[str, ...]
    guided: tuple[bool, ...]
    units: str = "count"
    noise: NDArray[np.float32] | None = None

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
        """From a scan, perhaps its uncertainty, and a photo on the grids of `U` in which NaN marks what is missing."""
        photo = np.zeros((0, *U.fine.shape), dtype=np.float32) if photo is None else photo
        usable = np.isfinite(scan)
        seen = np.isfinite(photo).all(axis=0)
        filled = np.stack([_filled(plane, known) for plane, known in zip(scan, usable, strict=True)])
        low, high = filled.min(axis=(1, 2)), filled.max(axis=(1, 2))
        for plane in (photo := photo.astype(np.float32)):
            plane[...] = _filled(plane, seen)
        noise = _noise(filled, usable, units, uncertainty)
        problem = cls(filled.astype(np.float32, copy=False), usable, photo, seen, U, lines, (), units, noise)
        guided = is_element & (high > low) & problem.teaching.any(axis=(1, 2))
        return replace(problem, guided=tuple(guided.tolist()))

    @property
    def teaching(self) -> NDArray[np.bool_]:
        """Where the scan was measured and the photo shows every part of the pixel: shape like `scan`."""
        shown = self.U(self.seen.astype(np.float64)) > 1 - 1e-6
        return np.asarray(self.usable & shown)

    def only(self, chosen: NDArray[np.intp]) -> Self:
        """The same problem for some of the lines, in the order given."""
        return replace(
            self,
            scan=self.scan[chosen],
            usable=self.usable[chosen],
            lines=tuple(self.lines[i] for i in chosen),
            guided=tuple(self.guided[i] for i in chosen),
            noise=None if self.noise is None else self.noise[chosen],
        )


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What every method returns.

    Attributes
    ----------
    maps : array of float32, shape (line, fine.y, fine.x)
    physical : array of bool, shape (line,), optional
        False for maps that keep negative values, because no map without is consistent with the scan.
    record : dict
        Plain numbers and text about how it was made, for the attributes of the result.
    per_line : dict of array of float32, shape (line,)
        What is known of each map, by the names in `PER_LINE`: coordinates of the result.
    """

    maps: NDArray[np.float32]
    physical: NDArray[np.bool_] | None = None
    record: dict[str, str | float] = field(default_factory=dict)
    per_line: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def _noise(
    scan: NDArray[Any], usable: NDArray[np.bool_], units: str, uncertainty: NDArray[Any] | None
) -> NDArray[np.float32]:
    """Root mean square of the uncertainty, which of whole counts is their square root, over measured pixels."""
    noise = np.full(len(scan), np.nan, dtype=np.float32)
    for line, (plane, known) in enumerate(zip(scan, usable, strict=True)):
        variance = None
        if uncertainty is not None:
            known = known & np.isfinite(uncertainty[line])
            variance = np.square(uncertainty[line], dtype=np.float64)
        elif units == "count" and (plane == np.round(plane)).all() and plane.min() >= 0:
            variance = plane.astype(np.float64)
        if variance is not None and known.any():
            noise[line] = np.sqrt(variance[known].mean())
    return noise


def _filled(plane: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Missing pixels take the value of the nearest known one."""
    if known.all() or not known.any():
        return plane if known.any() else np.zeros_like(plane)
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(plane[tuple(nearest)])

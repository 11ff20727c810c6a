r"""Thin-plate spline through control points, for canvases and panels that are not flat, and for lenses that distort.

The spline :math:`G` leads from the maps to the photo, because the photo is resampled along it. It minimises
:math:`\sum_i |G(m_i) - p_i|^2 + \lambda \int |\nabla^2 G|^2` (Bookstein 1989, "Principal warps"). Its smoothness λ is
the one with the smallest leave-one-out error, so that the spline does not follow errors with which points were marked.
An infinite λ is the affine map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RBFInterpolator

from xrfsr.errors import InvalidInput
from xrfsr.registration.transform import as_points, determine

__all__ = ["LEAST_SPLINE_POINTS", "SPLINE", "InverseSpline", "SplineTransform", "fit_spline"]

SPLINE: Literal["thin_plate_spline"] = "thin_plate_spline"
LEAST_SPLINE_POINTS = 6
# Relative to coordinates between 0 and 1; the last is nearly affine.
SMOOTHNESS = (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 100.0)
STEPS = 20  # of Newton's method
CLOSE = 1e-6  # pixels of the photo
# A point is called wrong if the error of all points falls by at least this factor without it.
SUSPICIOUS = 5.0
LATTICE = 25  # points along each side of the maps where the spline must not fold


@dataclass(frozen=True, eq=False)
class SplineTransform:
    """Transform from photo pixels to map pixels by a thin-plate spline; both are (column, row).

    Parameters
    ----------
    photo, maps : ndarray of shape (n, 2)
        Control points on the photo and on the maps.
    spacing : (float, float)
        Size of a map pixel (y, x) in mm, in which distances count.
    smoothness : float
        Weight of the bending energy.
    """

    photo: NDArray[np.float64]
    maps: NDArray[np.float64]
    spacing: tuple[float, float]
    smoothness: float

    @property
    def model(self) -> Literal["thin_plate_spline"]:
        """Name of the model."""
        return SPLINE

    @cached_property
    def _unit(self) -> NDArray[np.float64]:
        """Factors from map pixels to coordinates of which the longer side is about 1."""
        steps = np.array([self.spacing[1], self.spacing[0]])
        return np.asarray(steps / max(float(np.ptp(self.maps * steps, axis=0).max()), 1e-300))

    @cached_property
    def _spline(self) -> RBFInterpolator:
        return RBFInterpolator(
            self.maps * self._unit, self.photo, smoothing=self.smoothness, kernel="thin_plate_spline"
        )

    def inverse(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert map pixels (n, 2) to photo pixels."""
        return np.asarray(self._spline(as_points(points) * self._unit), np.float64)

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert photo pixels (n, 2) to map pixels; NaN where the spline does not lead."""
        wanted = as_points(points)
        if not len(wanted):
            return wanted
        # From the affine map on, by Newton's method.
        design = np.column_stack([self.photo, np.ones(len(self.photo))])
        affine = np.linalg.lstsq(design, self.maps, rcond=None)[0]
        found = np.column_stack([wanted, np.ones(len(wanted))]) @ affine
        for _ in range(STEPS):
            apart = self.inverse(found) - wanted
            if np.abs(apart).max() < CLOSE:
                break
            slopes = self._slopes(found)
            regular = np.abs(np.linalg.det(slopes)) > 1e-12
            step = np.linalg.solve(np.where(regular[:, None, None], slopes, np.eye(2)), apart[:, :, None])[:, :, 0]
            found = found - np.where(regular[:, None], step, 0)
        reached = np.all(np.abs(self.inverse(found) - wanted) < 1e-3, axis=1, keepdims=True)
        return np.where(reached, found, np.nan)

    def _slopes(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the derivatives of photo pixels by map pixels, shape (n, 2, 2)."""
        half = 0.5 * np.eye(2)
        return np.stack([self.inverse(points + one) - self.inverse(points - one) for one in half], axis=-1)

    def inverted(self) -> InverseSpline:
        """Return the transform from map pixels to photo pixels."""
        return InverseSpline(self)

    def folds(self, shape: tuple[int, int]) -> bool:
        """Return whether the photo would be folded or mirrored in places, over maps of a shape (rows, columns)."""
        axes = (np.linspace(0, size - 1, LATTICE) for size in shape[::-1])
        x, y = (one.ravel() for one in np.meshgrid(*axes))
        turns = np.linalg.det(self._slopes(np.stack([x, y], axis=1)))
        return bool(turns.min() <= 0 <= turns.max() or not np.isfinite(turns).all())


@dataclass(frozen=True, eq=False)
class InverseSpline:
    """Transform from map pixels to photo pixels, after a matrix that leads to map pixels."""

    spline: SplineTransform
    first: NDArray[np.float64] | None = None

    def after(self, first: NDArray[np.float64]) -> InverseSpline:
        """Return the composition that applies the affine matrix `first` before this transform."""
        return InverseSpline(self.spline, first if self.first is None else self.first @ first)

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Transform points (n, 2)."""
        array = as_points(points)
        if self.first is not None:
            array = array @ self.first[:2, :2].T + self.first[:2, 2]
        return self.spline.inverse(array)


def fit_spline(
    photo: NDArray[np.float64], maps: NDArray[np.float64], spacing: tuple[float, float], shape: tuple[int, int]
) -> tuple[SplineTransform, NDArray[np.float64]]:
    """Fit a spline to control points; return it with the leave-one-out error of each point in mm.

    Parameters
    ----------
    photo, maps : ndarray of shape (n, 2)
        Points on the photo and on the maps, pixels (column, row).
    spacing : (float, float)
        Size of a map pixel (y, x) in mm.
    shape : (int, int)
        Number of rows and columns of the maps.

    Raises
    ------
    InvalidInput
        If there are too few points, if they lie on one line, or if the spline folds the photo.
    """
    if len(photo) < LEAST_SPLINE_POINTS:
        raise InvalidInput(
            "control points",
            [
                f"model={SPLINE!r} needs at least {LEAST_SPLINE_POINTS} control points, better 12 or more, "
                f"got {len(photo)}"
            ],
        )
    for points in (photo, maps):
        if not determine(points, "affine"):
            raise InvalidInput(
                "control points", [f"the {len(photo)} points must not lie on one line; choose points all over the scan"]
            )
    best, errors = _smoothest(photo, maps, spacing)
    _reject_wrong_point(photo, maps, spacing, errors)
    spline = SplineTransform(photo, maps, spacing, best)
    if spline.folds(shape):
        worst = int(np.argmax(errors)) + 1
        raise InvalidInput(
            "control points",
            [f"the points contradict each other, so that the photo would be folded; check point {worst} first"],
        )
    return spline, errors


def _smoothest(
    photo: NDArray[np.float64], maps: NDArray[np.float64], spacing: tuple[float, float]
) -> tuple[float, NDArray[np.float64]]:
    """Return the smoothness with the smallest leave-one-out error, and the error of each point in mm."""
    errors = {smoothness: _left_out(photo, maps, spacing, smoothness) for smoothness in SMOOTHNESS}
    best = min(errors, key=lambda smoothness: float((errors[smoothness] ** 2).mean()))
    return best, errors[best]


def _reject_wrong_point(
    photo: NDArray[np.float64], maps: NDArray[np.float64], spacing: tuple[float, float], errors: NDArray[np.float64]
) -> None:
    """Reject the point that the others predict worst, if they agree far better without it."""
    if len(photo) < LEAST_SPLINE_POINTS + 3:
        return
    worst = int(np.argmax(errors))
    others = np.arange(len(photo)) != worst
    before = float(np.sqrt((errors**2).mean()))
    after = float(np.sqrt((_smoothest(photo[others], maps[others], spacing)[1] ** 2).mean()))
    extent = float(np.hypot(*(np.ptp(maps, axis=0) * np.array([spacing[1], spacing[0]]))))
    if before > SUSPICIOUS * max(after, 1e-9) and before > 0.005 * extent:
        raise InvalidInput(
            "control points",
            [
                f"point {worst + 1} contradicts the others: the error is {before:.3g} mm with it and {after:.3g} mm "
                "without it; correct or remove it"
            ],
        )


def _left_out(
    photo: NDArray[np.float64], maps: NDArray[np.float64], spacing: tuple[float, float], smoothness: float
) -> NDArray[np.float64]:
    """Return the error of each point in mm when the others predict it."""
    # Photo pixels to mm, near enough.
    design = np.column_stack([photo, np.ones(len(photo))])
    to_mm = np.linalg.lstsq(design, maps * np.array([spacing[1], spacing[0]]), rcond=None)[0][:2]
    errors = []
    for number in range(len(photo)):
        others = np.arange(len(photo)) != number
        try:
            predicted = SplineTransform(photo[others], maps[others], spacing, smoothness).inverse(maps[[number]])
        except np.linalg.LinAlgError:  # without this point, the others lie on one line
            predicted = np.full((1, 2), np.nan)
        errors.append(float(np.hypot(*((predicted - photo[[number]]) @ to_mm)[0])))
    known = np.array(errors)
    return np.where(np.isnan(known), np.nanmax(known, initial=0.0), known)

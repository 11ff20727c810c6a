"""Plane transforms between photo and scan: similarity, affine map or homography as one matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrfsr.errors import InvalidInput, import_optional
from xrfsr.utils.checks import numbers
from xrfsr.utils.describe import describe

__all__ = ["LEAST_POINTS", "MODELS", "Model", "Transform", "as_points", "determine", "fit"]

Model = Literal["similarity", "affine", "homography"]
MODELS: tuple[Model, ...] = ("similarity", "affine", "homography")
# Photo and scan differ in pixel size, so the similarity has a scale.
LEAST_POINTS = {"similarity": 2, "affine": 3, "homography": 4}


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """Plane projective transform of points (n, 2), each (x, y).

    Parameters
    ----------
    matrix : ndarray of shape (3, 3)
        Matrix in homogeneous coordinates, float64, scaled so that the last entry is 1.
    model : {"similarity", "affine", "homography"}
        Model that was fitted.

    Examples
    --------
    >>> half = Transform(np.diag([0.5, 0.5, 1.0]), "similarity")
    >>> half([[2.0, 4.0]])
    array([[1., 2.]])
    >>> half.inverse([[1.0, 2.0]])
    array([[2., 4.]])
    """

    matrix: NDArray[np.float64]
    model: Model

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Transform points (n, 2)."""
        return _apply(self.matrix, as_points(points))

    def inverse(self, points: ArrayLike) -> NDArray[np.float64]:
        """Apply the inverse transform to points (n, 2)."""
        return self.inverted()(points)

    def inverted(self) -> Transform:
        """Return the inverse transform, which has the same model."""
        return Transform(_normalised(np.asarray(np.linalg.inv(self.matrix), np.float64)), self.model)

    def after(self, first: NDArray[np.float64]) -> Transform:
        """Return the composition that applies the matrix `first` before this transform."""
        return Transform(_normalised(self.matrix @ first), self.model)

    def then(self, last: NDArray[np.float64]) -> Transform:
        """Return the composition that applies the matrix `last` after this transform."""
        return Transform(_normalised(last @ self.matrix), self.model)


def fit(source: ArrayLike, target: ArrayLike, model: Model) -> Transform:
    """Fit the transform from `source` to `target`, both (n, 2), by least squares.

    Raises
    ------
    InvalidInput
        If the points do not determine the transform: too few, on one line, or at one place.
    """
    transform = import_optional("skimage.transform", "registrations", "register")
    kind = {
        "similarity": transform.SimilarityTransform,
        "affine": transform.AffineTransform,
        "homography": transform.ProjectiveTransform,
    }[model]
    pair = as_points(source), as_points(target)
    found = kind.from_estimate(*pair) if all(determine(one, model) for one in pair) else None
    matrix = np.asarray(getattr(found, "params", np.full((3, 3), np.nan)), np.float64)
    if not np.isfinite(matrix).all() or matrix[2, 2] == 0:
        raise InvalidInput(
            "control points",
            [
                f"the {len(pair[0])} points do not determine model={model!r}, because they lie on one line or at one "
                "place; choose points near the corners"
            ],
        )
    return Transform(_normalised(matrix), model)


def determine(points: NDArray[np.float64], model: Model) -> bool:
    """Return whether points differ, and for models other than the similarity, whether they span both directions."""
    lengths = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(lengths[0] > 0 and (model == "similarity" or lengths[-1] > 1e-6 * lengths[0]))


def as_points(points: ArrayLike) -> NDArray[np.float64]:
    """Return points as an array (n, 2) of float64."""
    array = numbers(points)
    if array is None or array.ndim != 2 or array.shape[1] != 2:
        raise InvalidInput("points", [f"points must have shape (n, 2), each (column, row), got {describe(points)}"])
    return array.astype(np.float64)


def _apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, w = matrix @ np.vstack([points.T, np.ones(len(points))])
    with np.errstate(divide="ignore", invalid="ignore"):  # points on the horizon have no finite image
        return np.stack([x / w, y / w], axis=1)


def _normalised(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(matrix / matrix[2, 2], np.float64)

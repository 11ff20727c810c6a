"""Where a point of the photo lies on the scan: similarity, affine map or homography as one matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrfsr.errors import InvalidInput, import_optional

__all__ = ["LEAST_POINTS", "MODELS", "Model", "Transform", "fit"]

Model = Literal["similarity", "affine", "homography"]
MODELS: tuple[Model, ...] = ("similarity", "affine", "homography")
# Photo and scan differ in pixel size, so the similarity has a scale.
LEAST_POINTS = {"similarity": 2, "affine": 3, "homography": 4}


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """A plane projective transform; points are (n, 2), (x, y) in either system.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3)
        float64, scaled so that the last entry is 1.
    model : {"similarity", "affine", "homography"}
        What it was fitted as.

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
        """Move points (n, 2)."""
        return _apply(self.matrix, _points(points))

    def inverse(self, points: ArrayLike) -> NDArray[np.float64]:
        """Move points (n, 2) back."""
        return self.inverted()(points)

    def inverted(self) -> Transform:
        """The transform back; the inverse of a model is of the same model."""
        return Transform(_scaled(np.asarray(np.linalg.inv(self.matrix), np.float64)), self.model)

    def after(self, first: NDArray[np.float64]) -> Transform:
        """The same transform of points that the matrix `first` has moved."""
        return Transform(_scaled(self.matrix @ first), self.model)

    def then(self, last: NDArray[np.float64]) -> Transform:
        """The matrix `last` applied to what this transform gives."""
        return Transform(_scaled(last @ self.matrix), self.model)


def fit(source: ArrayLike, target: ArrayLike, model: Model) -> Transform:
    """The transform that takes `source` closest to `target`, both (n, 2), by least squares.

    Raises
    ------
    InvalidInput
        If the points do not determine it: too few, on one line, or at one place.
    """
    transform = import_optional("skimage.transform", "registrations", "register")
    kind = {
        "similarity": transform.SimilarityTransform,
        "affine": transform.AffineTransform,
        "homography": transform.ProjectiveTransform,
    }[model]
    pair = _points(source), _points(target)
    found = kind.from_estimate(*pair) if all(_spread(one, model) for one in pair) else None
    matrix = np.asarray(getattr(found, "params", np.full((3, 3), np.nan)), np.float64)
    if not np.isfinite(matrix).all() or matrix[2, 2] == 0:
        raise InvalidInput(
            "control points",
            [
                f"{len(pair[0])} points do not determine a transform of the model {model!r}: they lie on one line or "
                "at one place; choose points near the corners"
            ],
        )
    return Transform(_scaled(matrix), model)


def _spread(points: NDArray[np.float64], model: Model) -> bool:
    """Whether points lie apart: not all at one place, and of models that may stretch not all on one line."""
    lengths = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(lengths[0] > 0 and (model == "similarity" or lengths[-1] > 1e-6 * lengths[0]))


def _points(points: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise InvalidInput("points", [f"points have shape {array.shape}; (n, 2) is needed, a column and a row each"])
    return array


def _apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, w = matrix @ np.vstack([points.T, np.ones(len(points))])
    with np.errstate(divide="ignore", invalid="ignore"):  # what lies on the horizon has no place
        return np.stack([x / w, y / w], axis=1)


def _scaled(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(matrix / matrix[2, 2], np.float64)

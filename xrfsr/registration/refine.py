r"""Refinement: predict maps from the colours of the photo, and move the photo so that the prediction improves.

With features :math:`\varphi_j` of the colours, both band-passed, a map :math:`m_k` at a pixel :math:`p` of the scan is
predicted as :math:`\sum_j c_{kj} \varphi_j(W(p))`, where :math:`W` maps pixels of the scan to the photo. The explained
share of the variance, which is the correlation ratio (Roche et al., 1998), is raised by Gauss-Newton steps in the
entries of :math:`W`, alternating with regressions for the coefficients :math:`c`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xrfsr.registration.transform import Model

__all__ = ["Aligned", "Pair", "align", "explained"]

RIDGE = 1e-3
LEAST_SHARE = 1e-3  # maps with a smaller explained share do not move the position
STEPS = 25
MOST_PIXELS = 150_000
STILL = 0.01  # pixels of the level: iteration ends after a step that moves no corner farther
# Directions in which each model may move the entries a, b, c, d, e, f, g, h of W.
_BASES: dict[Model, NDArray[np.float64]] = {
    "similarity": np.array(
        [[1, 0, 0, 0, 1, 0, 0, 0], [0, 1, 0, -1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0, 0]],
        np.float64,
    ),
    "affine": np.eye(8)[:6],
    "homography": np.eye(8),
}


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Scan and photo at one level.

    Attributes
    ----------
    maps : ndarray of shape (map, y, x)
        Band-passed maps of unit variance.
    valid : ndarray of bool, (y, x)
        Mask of the valid pixels of the scan.
    x, y : ndarray
        Columns and rows of the scan in the normalised frame: square units, the longer side from about -1 to 1.
    features : ndarray of shape (feature, y, x)
        Band-passed features of the photo.
    photo_valid : ndarray of bool, (y, x)
        Mask of the valid pixels of the photo.
    """

    maps: NDArray[np.float64]
    valid: NDArray[np.bool_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    features: NDArray[np.float64]
    photo_valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """Position, and how well it explains the maps.

    Attributes
    ----------
    matrix : ndarray of shape (3, 3)
        Matrix W from the normalised frame to pixels of the photo's level.
    shares : ndarray of shape (map,)
        Explained share of the variance of each map.
    overlap : float
        Share of the scan that the photo shows.
    """

    matrix: NDArray[np.float64]
    shares: NDArray[np.float64]
    overlap: float

    @property
    def score(self) -> float:
        """Information that the photo has about the maps, in nats per pixel, under Gaussian statistics."""
        return float(-0.5 * np.log1p(-np.minimum(self.shares, 0.999)).sum() * min(1.0, self.overlap))


def align(pair: Pair, matrix: NDArray[np.float64], model: Model, among: NDArray[np.bool_] | None = None) -> Aligned:
    """Improve a position by Gauss-Newton steps.

    Parameters
    ----------
    pair : Pair
        Scan and photo at one level.
    matrix : ndarray of shape (3, 3)
        Starting position.
    model : {"similarity", "affine", "homography"}
        Model, which limits the entries of W that may change.
    among : ndarray of bool, (y, x), optional
        Mask of the pixels of the scan to use.
    """
    basis = _BASES[model]
    mask = pair.valid if among is None else pair.valid & among
    rows, columns = np.nonzero(mask)
    if len(rows) > MOST_PIXELS:
        some = np.random.default_rng(0).choice(len(rows), MOST_PIXELS, replace=False)
        rows, columns = rows[some], columns[some]
    x, y = pair.x[columns], pair.y[rows]
    maps = pair.maps[:, rows, columns]
    corners = np.array([[-1, 1, -1, 1], [-1, -1, 1, 1], [1, 1, 1, 1]], float)
    best = _evaluate(pair, matrix, maps, x, y)
    damping = 1e-3
    for _ in range(STEPS):
        if best.coefficients is None or damping > 1e3:
            break
        moved = np.append(best.matrix.ravel()[:8] + _step(pair, best, x, y, basis, damping), 1.0).reshape(3, 3)
        new = _evaluate(pair, moved, maps, x, y)
        if new.aligned.score <= best.aligned.score:
            damping *= 10
            continue
        before, after = (m @ corners for m in (best.matrix, moved))
        change = np.abs(before[:2] / before[2] - after[:2] / after[2]).max()
        best, damping = new, max(damping / 5, 1e-6)
        if change < STILL:
            break
    return best.aligned


def explained(pair: Pair, matrix: NDArray[np.float64], among: NDArray[np.bool_] | None = None) -> Aligned:
    """Return how well a position explains the maps, without moving it."""
    mask = pair.valid if among is None else pair.valid & among
    rows, columns = np.nonzero(mask)
    return _evaluate(pair, matrix, pair.maps[:, rows, columns], pair.x[columns], pair.y[rows]).aligned


@dataclass(frozen=True, slots=True, eq=False)
class _Evaluation:
    """Position with its explained shares, coefficients and residuals, from which a step is computed."""

    aligned: Aligned
    coefficients: NDArray[np.float64] | None
    rest: NDArray[np.float64]
    places: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]

    @property
    def matrix(self) -> NDArray[np.float64]:
        return self.aligned.matrix


def _places(
    pair: Pair, matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return columns, rows and denominators of W(p), and the mask of those that the photo shows."""
    w = matrix[2, 0] * x + matrix[2, 1] * y + 1
    u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]) / w
    v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]) / w
    height, width = pair.photo_valid.shape
    inside = (w > 0.1) & (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
    near = np.clip(np.rint(np.where(inside, v, 0)).astype(int), 0, height - 1)
    inside &= pair.photo_valid[near, np.clip(np.rint(np.where(inside, u, 0)).astype(int), 0, width - 1)]
    return u, v, w, inside


def _regressed(
    pair: Pair, u: NDArray[np.float64], v: NDArray[np.float64], maps: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return regression coefficients (map, feature) at positions (u, v), residuals, and explained shares."""
    design = np.array([ndimage.map_coordinates(one, (v, u), order=1, mode="nearest") for one in pair.features])
    design -= design.mean(axis=1, keepdims=True)
    centred = maps - maps.mean(axis=1, keepdims=True)
    gram = design @ design.T
    gram[np.diag_indices_from(gram)] += RIDGE * np.trace(gram) / len(gram) + 1e-12
    mixed = centred @ design.T
    coefficients = np.linalg.solve(gram, mixed.T).T
    rest = centred - coefficients @ design
    shares = 1 - (rest**2).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1e-12)
    return coefficients, rest, np.clip(shares, 0, 1)


def _evaluate(
    pair: Pair,
    matrix: NDArray[np.float64],
    maps: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> _Evaluation:
    places = _places(pair, matrix, x, y)
    u, v, _, inside = places
    if inside.sum() < 10 * len(pair.features):
        return _Evaluation(Aligned(matrix, np.zeros(len(maps)), 0.0), None, maps, places)
    coefficients, rest, shares = _regressed(pair, u[inside], v[inside], maps[:, inside])
    return _Evaluation(Aligned(matrix, shares, float(inside.mean())), coefficients, rest, places)


def _step(
    pair: Pair,
    evaluation: _Evaluation,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    basis: NDArray[np.float64],
    damping: float,
) -> NDArray[np.float64]:
    """Return a damped Gauss-Newton step of all eight entries of W, within the span of `basis`."""
    assert evaluation.coefficients is not None
    u, v, w, inside = evaluation.places
    u, v, w, x, y = u[inside], v[inside], w[inside], x[inside], y[inside]
    normal, right = np.zeros((len(basis), len(basis))), np.zeros(len(basis))
    zero = np.zeros_like(x)
    along_u = basis @ np.array([x, y, zero + 1, zero, zero, zero, -x * u, -y * u]) / w
    along_v = basis @ np.array([zero, zero, zero, x, y, zero + 1, -x * v, -y * v]) / w
    used = np.flatnonzero(evaluation.aligned.shares >= LEAST_SHARE)
    # Predict all maps from the photo in one matrix product.
    flat = evaluation.coefficients[used] @ pair.features.reshape(len(pair.features), -1)
    for number, picture in zip(used, flat.reshape(len(used), *pair.photo_valid.shape), strict=True):
        gv, gu = (ndimage.map_coordinates(one, (v, u), order=1, mode="nearest") for one in np.gradient(picture))
        rest = evaluation.rest[number]
        jacobian = gu * along_u + gv * along_v
        jacobian -= jacobian.mean(axis=1, keepdims=True)
        # Each map is weighted by its inverse residual variance; outliers beyond three deviations are weighted down.
        spread = np.sqrt((rest**2).mean()) + 1e-9
        weight = 1 / (spread**2 * np.maximum(1.0, np.abs(rest) / (3 * spread)))
        normal += (jacobian * weight) @ jacobian.T
        right += (jacobian * weight) @ rest
    diagonal = np.diag_indices_from(normal)
    normal[diagonal] *= 1 + damping
    normal[diagonal] += 1e-12 * np.trace(normal) + 1e-12
    return np.asarray(np.linalg.solve(normal, right) @ basis)

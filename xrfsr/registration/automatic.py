"""Automatic registration: search at low resolution, then refine from coarse to fine with the model the data support."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrfsr.registration.pictures import Level, band_pass, block_means, colour_features
from xrfsr.registration.refine import Aligned, Pair, align, explained
from xrfsr.registration.search import LONGEST, SHARES, TURNS, search
from xrfsr.registration.transform import MODELS, Model

__all__ = ["STEPS", "Evidence", "Scene", "find_position"]

# Pixels along the longer side of the scan, level by level.
LEVELS = (100, 200, 330, 800)
PHOTO_LONGEST = 260
# Ratio of the pixel sizes of scan and photo at the same level.
FINER = 1.4
# Residuals are correlated over about this many pixels of a level; together they count as one observation.
CORRELATED = 15
# A finer level is used if the photo explains at least this fraction of what it explained at the level before.
LEAST_DETAIL = 0.6
# Steps of a progress bar: the search, the positions of the scan and of each of its mirror images, and the levels.
SEARCHED, SIDES, LEVEL = SHARES.size * TURNS.size, 3, 50
STEPS = SEARCHED + (SIDES + len(LEVELS)) * LEVEL
PARAMETERS: dict[Model, int] = {"similarity": 4, "affine": 6, "homography": 8}


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Scan and photo as plain arrays.

    Attributes
    ----------
    maps : ndarray of shape (map, y, x)
        Coarse maps, float64, with gaps filled.
    valid : ndarray of bool, (y, x)
        Mask of the valid pixels of the scan.
    spacing : (float, float)
        Pixel size (y, x) in mm.
    photo : ndarray of shape (band, y, x)
        Photo, float32, with gaps filled.
    photo_valid : ndarray of bool, (y, x)
        Mask of the valid pixels of the photo.
    """

    maps: NDArray[np.float64]
    valid: NDArray[np.bool_]
    spacing: tuple[float, float]
    photo: NDArray[np.float32]
    photo_valid: NDArray[np.bool_]

    @property
    def half(self) -> float:
        """Half of the longer side of the scan in mm: the unit of the normalised frame."""
        return float(max(size * step for size, step in zip(self.valid.shape, self.spacing, strict=True))) / 2

    def frame(
        self, step: tuple[float, float], shape: tuple[int, int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return columns and rows of a level in the normalised frame, whose origin is the middle of the scan."""
        axes = []
        for size, block, spacing, whole in zip(shape, step, self.spacing, self.valid.shape, strict=True):
            centres = (np.arange(size) + 0.5) * block * spacing - whole * spacing / 2
            axes.append(centres / self.half)
        return axes[1], axes[0]

    def pixels_to_frame(self) -> NDArray[np.float64]:
        """Return the matrix from pixels (column, row) of the scan to the normalised frame."""
        (rows, columns), (dy, dx) = self.valid.shape, self.spacing
        return np.array(
            [
                [dx / self.half, 0, (0.5 - columns / 2) * dx / self.half],
                [0, dy / self.half, (0.5 - rows / 2) * dy / self.half],
                [0, 0, 1],
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Position of a scan on a photo, with its scores.

    Attributes
    ----------
    matrix : ndarray of shape (3, 3)
        Matrix from pixels (column, row) of the scan to pixels of the photo.
    model : {"similarity", "affine", "homography"}
        Model of the transform.
    score, control : float
        Information that the photo has about the maps, and about mirrored maps at their best positions, in nats per
        pixel.
    shares : ndarray of shape (map,)
        Explained share of the variance of each band-passed map.
    overlap : float
        Share of the scan that the photo shows.
    disagreement : float
        Root mean square distance between the positions found by two halves of the scan, in pixels of the scan.
    misfit : float
        Root mean square distance from the position of the most general model, in pixels of the scan.
    """

    matrix: NDArray[np.float64]
    model: Model
    score: float
    control: float
    shares: NDArray[np.float64]
    overlap: float
    disagreement: float
    misfit: float


def find_position(
    scene: Scene, models: tuple[Model, ...] = MODELS, advance: Callable[[int], None] = lambda done: None
) -> Evidence:
    """Return the most likely position of a scan on a photo; `acceptance` decides whether to use it.

    `advance` is given the number of steps that were taken, of `STEPS`.
    """
    matrix, score, control = _initial_position(scene, advance)
    longest = max(scene.valid.shape)
    found: Evidence | None = None
    model = models[0]
    for number, step in enumerate(dict.fromkeys(max(1, round(longest / level)) for level in LEVELS)):
        advance(SEARCHED + (SIDES + number) * LEVEL)
        pair, to_photo = _pair_at_level(scene, step, matrix)
        start = np.linalg.inv(to_photo) @ matrix
        start /= start[2, 2]
        if found is not None and explained(pair, start).shares.max() < LEAST_DETAIL * found.shares.max():
            break  # finer details are noise, which would move the position without improving it
        best = align(pair, start, model)
        other = best
        for freer in models[models.index(model) + 1 :]:
            other = align(pair, other.matrix, freer)
            if _is_significant(pair, best, other, model, freer):
                best, model = other, freer
        halves = _halves(pair.valid.shape)
        one, two = (align(pair, best.matrix, model, among).matrix for among in (halves, ~halves))
        apart, misfit = _distance(scene, one, two), _distance(scene, best.matrix, other.matrix)
        matrix = to_photo @ best.matrix
        matrix /= matrix[2, 2]
        whole = matrix @ scene.pixels_to_frame()
        found = Evidence(whole / whole[2, 2], model, score, control, best.shares, best.overlap, apart, misfit)
    assert found is not None
    advance(STEPS)
    return found


def _initial_position(scene: Scene, advance: Callable[[int], None]) -> tuple[NDArray[np.float64], float, float]:
    """Return the best position at the lowest resolution, its score, and the best score of mirrored scans.

    The position is the matrix from the normalised frame to pixels of the photo. A mirrored scan has the same edges and
    values but no correct position, so its score is what chance reaches.
    """
    step = max(1, round(max(scene.valid.shape) / LONGEST))
    few = max(1, round(max(scene.photo_valid.shape) / PHOTO_LONGEST))
    photo = block_means(scene.photo, scene.photo_valid, (few, few))
    sides = (slice(None), slice(None)), (slice(None), slice(None, None, -1)), (slice(None, None, -1), slice(None))
    scenes = [replace(scene, maps=scene.maps[:, *side], valid=scene.valid[side]) for side in sides]
    small = [block_means(one.maps, one.valid, (step, step)) for one in scenes]
    aspect = scene.spacing[0] / scene.spacing[1]
    places = search([(one.pixels, one.valid) for one in small], photo.pixels, photo.valid, aspect, advance=advance)
    x, y = scene.frame(small[0].step, small[0].valid.shape)
    # Matrix from the normalised frame to pixels of the small scan.
    back = np.linalg.inv(np.array([[x[1] - x[0], 0, x[0]], [0, y[1] - y[0], y[0]], [0, 0, 1]]))
    best: list[tuple[NDArray[np.float64], float]] = []
    for number, (one, found) in enumerate(zip(scenes, places, strict=True)):
        advance(SEARCHED + number * LEVEL)
        tried: list[tuple[NDArray[np.float64], float]] = []
        for place in found:
            matrix = _level_to_pixels(photo) @ place.matrix @ back
            pair, to_photo = _pair_at_level(one, step, matrix)
            start = np.linalg.inv(to_photo) @ matrix
            close = align(pair, align(pair, start / start[2, 2], "similarity").matrix, "affine")
            tried.append((to_photo @ close.matrix, close.score))
        best.append(max(tried, key=lambda pair: pair[1]))
    return best[0][0], best[0][1], max(score for _, score in best[1:])


def _pair_at_level(scene: Scene, step: int, matrix: NDArray[np.float64]) -> tuple[Pair, NDArray[np.float64]]:
    """Return scan and photo at one level, and the matrix from pixels of the photo's level to pixels of the photo."""
    small = block_means(scene.maps, scene.valid, (step, step))
    x, y = scene.frame(small.step, small.valid.shape)
    # Photo pixels per pixel of the level, in the middle of the scan.
    scale = (
        np.sqrt(abs(np.linalg.det(matrix[:2, :2] / matrix[2, 2]))) * step * np.sqrt(np.prod(scene.spacing)) / scene.half
    )
    block = max(1, round(scale / FINER))
    photo = block_means(scene.photo, scene.photo_valid, (block, block))
    ratio = max(1.0, scale / block)
    maps = band_pass(small.pixels)
    maps /= maps[:, small.valid].std(axis=1)[:, None, None] + 1e-12
    features = band_pass(colour_features(photo.pixels, photo.valid), ratio)
    features /= features[:, photo.valid].std(axis=1)[:, None, None] + 1e-12
    return Pair(maps, small.valid, x, y, features, photo.valid), _level_to_pixels(photo)


def _level_to_pixels(level: Level) -> NDArray[np.float64]:
    """Return the matrix from pixels of a level to pixels of the original, centres at whole numbers in both."""
    high, wide = level.step
    return np.array([[wide, 0, (wide - 1) / 2], [0, high, (high - 1) / 2], [0, 0, 1]])


def _halves(shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a chequerboard mask of eight by eight fields."""
    rows, columns = (np.arange(size) * 8 // size for size in shape)
    return np.asarray((rows[:, None] + columns[None, :]) % 2 == 0)


def _is_significant(pair: Pair, plain: Aligned, free: Aligned, model: Model, freer: Model) -> bool:
    """Return whether more parameters explain more than they would by chance (Bayesian information criterion)."""
    pixels = max(2.0, plain.overlap * pair.valid.sum() / CORRELATED)
    return bool((free.score - plain.score) * pixels > 0.5 * (PARAMETERS[freer] - PARAMETERS[model]) * np.log(pixels))


def _distance(scene: Scene, one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Return the root mean square distance of two positions over the scan, in its pixels."""
    rows, columns = scene.valid.shape
    x, y = np.meshgrid(np.linspace(0, columns - 1, 9), np.linspace(0, rows - 1, 9))
    points = scene.pixels_to_frame() @ np.array([x.ravel(), y.ravel(), np.ones(81)])
    there = one @ points
    back = np.linalg.inv(two) @ (there / there[2])
    apart = (back[:2] / back[2] - points[:2]) * scene.half / np.array([[scene.spacing[1]], [scene.spacing[0]]])
    return float(np.sqrt((apart**2).sum(axis=0).mean()))

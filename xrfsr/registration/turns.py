"""Photos that lie on their side or upside down against the scan, as cameras and scanners leave them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrfsr.registration.automatic import PHOTO_LONGEST, Scene
from xrfsr.registration.pictures import block_means
from xrfsr.registration.search import SHARES, search

__all__ = ["probable_turn", "turned", "upright_to_photo"]

# A quick search is enough to distinguish quarter turns: 48 pixels along the longer side of the scan, few rotations and
# sizes.
LONGEST = 48
ROTATIONS = np.arange(-10.0, 10.1, 5.0)
# The edges of maps and photo must agree better at the best quarter turn than at the others, and than those of a
# mirrored scan, by this factor: right turns reach 1.5 and more, wrong ones 1.3.
CLEARER = 1.4


def probable_turn(scene: Scene) -> int:
    """Return how many quarter turns counter-clockwise take a photo upright; zero if none is clearly better."""
    step = max(1, round(max(scene.valid.shape) / LONGEST))
    few = max(1, round(max(scene.photo_valid.shape) / PHOTO_LONGEST))
    photo = block_means(scene.photo, scene.photo_valid, (few, few))
    small = block_means(scene.maps, scene.valid, (step, step))
    aspect = scene.spacing[0] / scene.spacing[1]
    scores: dict[int, float] = {}
    chance: list[float] = []
    for quarters in ((0, 2), (1, 3)):
        scans = [(np.rot90(small.pixels, k, (1, 2)), np.rot90(small.valid, k)) for k in quarters]
        scans.append((scans[0][0][..., ::-1], scans[0][1][..., ::-1]))
        across = aspect if quarters[0] == 0 else 1 / aspect
        found = search(scans, photo.pixels, photo.valid, across, ROTATIONS, SHARES[::2])
        best = [places[0].score if places else 0.0 for places in found]
        scores |= dict(zip(quarters, best, strict=False))
        chance.append(best[2])
    first, second = sorted(scores, key=lambda k: -scores[k])[:2]
    if scores[first] < CLEARER * max(scores[second], *chance):
        return 0
    return -first % 4


def turned(scene: Scene, quarters: int) -> Scene:
    """Return a scene with its photo turned by some quarters, counter-clockwise."""
    photo = np.ascontiguousarray(np.rot90(scene.photo, quarters, (1, 2)))
    return replace(scene, photo=photo, photo_valid=np.ascontiguousarray(np.rot90(scene.photo_valid, quarters)))


def upright_to_photo(shape: tuple[int, int], quarters: int) -> NDArray[np.float64]:
    """Return the matrix from pixels (column, row) of a photo turned by some quarters to those of the photo.

    Examples
    --------
    >>> photo = np.arange(12).reshape(3, 4)
    >>> column, row, _ = upright_to_photo(photo.shape, 1) @ [0, 1, 1]
    >>> int(photo[int(row), int(column)]) == int(np.rot90(photo)[1, 0])
    True
    """
    matrix = np.eye(3)
    rows, columns = shape
    for _ in range(quarters % 4):
        matrix = matrix @ np.array([[0.0, -1, columns - 1], [1, 0, 0], [0, 0, 1]])
        rows, columns = columns, rows
    return matrix

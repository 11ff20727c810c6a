"""The place of the photo, found by the scan alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from xrfsr import simulate
from xrfsr.core.grid import Axis, Grid
from xrfsr.kriging.place_errors import MovablePhoto
from xrfsr.kriging.placement import find_shift
from xrfsr.operators import Downsampling, apply_separable
from xrfsr.operators.moving import moved_matrix

Array = NDArray[Any]
SCALE, REACH = 4, 0.75
LINES = ["Hg-L", "Pb-L", "Fe-K", "Ca-K"]


@pytest.fixture(scope="module")
def painting() -> tuple[Array, Array, Downsampling]:
    _, scan, rgb = simulate.painting(96, 96, seed=1, lines=LINES, scale=SCALE)
    return scan.intensity.values, rgb.values, scan.xrfsr.downsampling(SCALE)


def moved(photo: Array, down: float, right: float) -> Array:
    """Move a photo by some fine pixels."""
    y, x = (
        moved_matrix(Axis(n, 1.0, 0.0), Axis(n, 1.0, 0.0), by)
        for n, by in zip(photo.shape[1:], (down, right), strict=True)
    )
    return np.asarray(apply_separable(y, x, photo)).clip(0, 1)


def movable(photo: Array) -> Callable[[tuple[float, float]], Array]:
    return lambda shift: moved(photo, SCALE * shift[0], SCALE * shift[1])


def found(painting: tuple[Array, Array, Downsampling], photo: Array) -> tuple[float, float]:
    scan, _, U = painting
    return find_shift([MovablePhoto(scan, np.ones(scan.shape, bool), U, movable(photo))], REACH)


@pytest.mark.parametrize("wrong", [(1.0, -2.0), pytest.param((-0.5, 1.5), marks=pytest.mark.soak)])
def test_a_moved_photo_is_moved_back(painting: tuple[Array, Array, Downsampling], wrong: tuple[float, float]) -> None:
    shift = found(painting, moved(painting[1], *wrong))
    np.testing.assert_allclose(SCALE * np.array(shift), -np.array(wrong), atol=0.25)


def test_a_photo_in_its_place_stays(painting: tuple[Array, Array, Downsampling]) -> None:
    assert np.abs(found(painting, painting[1])).max() < 0.25 / SCALE


@pytest.mark.parametrize("kind", ["upside down", "noise"])
def test_a_wrong_photo_is_not_moved(painting: tuple[Array, Array, Downsampling], kind: str) -> None:
    photo = painting[1][:, ::-1] if kind == "upside down" else np.random.default_rng(0).random(painting[1].shape)
    assert found(painting, np.ascontiguousarray(photo)) == (0, 0)


def test_few_pixels_move_nothing() -> None:
    coarse = Grid.from_shape((8, 8), 1.0)
    U = Downsampling.between(coarse.refine(SCALE), coarse)
    photo = np.random.default_rng(0).random((3, *U.fine.shape))
    scan = U(photo)
    measured = np.ones(scan.shape, bool)
    assert find_shift([MovablePhoto(scan, measured, U, movable(photo))], REACH) == (0, 0)


def test_crops_find_what_the_whole_finds(painting: tuple[Array, Array, Downsampling]) -> None:
    scan, photo, U = painting
    wrong = moved(photo, 1.0, -1.0)
    parts = []
    for rows in (slice(0, 12), slice(12, 24)):
        part, y, x = U.crop(rows, slice(0, 24))
        cut = scan[:, rows]

        def at(shift: tuple[float, float], y: slice = y, x: slice = x) -> Array:
            return movable(wrong)(shift)[:, y, x]

        parts.append(MovablePhoto(cut, np.ones(cut.shape, bool), part, at))
    np.testing.assert_allclose(SCALE * np.array(find_shift(parts, REACH)), [-1, 1], atol=0.3)

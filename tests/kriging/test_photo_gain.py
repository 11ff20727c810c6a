"""Photo gain: its sign, the pixels that count, and its independence of units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.kriging.features import neighbourhood
from xrfsr.kriging.guided import guided_krige
from xrfsr.kriging.photo_gain import BLOCK, MIN_BLOCKS, NEIGHBOURHOOD_SPREAD, photo_gain
from xrfsr.operators import Downsampling

Array = NDArray[Any]


@pytest.fixture(scope="module")
def painted() -> tuple[Array, Array, Downsampling]:
    """Patches of colour, and of them two maps that follow the photo and one that does not."""
    random = np.random.default_rng(3)
    coarse = Grid.from_shape((24, 22), 1.0)
    U = Downsampling.between(coarse.refine(4), coarse)
    height, width = U.fine.shape

    def patches(side: int = 9) -> Array:
        # Edges mostly within coarse pixels.
        small = random.random((-(-height // side), -(-width // side)))
        return np.asarray(small.repeat(side, axis=0).repeat(side, axis=1)[:height, :width])

    photo = np.stack([patches() for _ in range(3)])
    maps = np.stack([photo[0], 300 * (1 - photo[1]) + 20, 50 * patches(7)])
    return U(maps), photo, U


def everywhere(scan: Array) -> Array:
    return np.ones(scan.shape, dtype=bool)


def test_maps_that_follow_the_photo_gain(painted: tuple[Array, Array, Downsampling]) -> None:
    scan, photo, U = painted
    gain = photo_gain(scan, photo, U, everywhere(scan))
    assert gain.helps.tolist() == [True, True, False]
    assert (gain.decibel[:2] > 1).all()
    assert gain.decibel[2] < 0.1
    moved = photo_gain(scan, np.roll(photo, (31, 22), axis=(1, 2)), U, everywhere(scan))
    assert not moved.helps.any()
    assert (moved.decibel < 0.2).all()


def test_units_and_brightness_play_no_part(painted: tuple[Array, Array, Downsampling]) -> None:
    scan, photo, U = painted
    expected = photo_gain(scan, photo, U, everywhere(scan))
    other = photo_gain(1e6 * scan, 0.1 * photo + 0.7, U, everywhere(scan))
    np.testing.assert_allclose(other.decibel, expected.decibel, atol=1e-2)
    assert (other.helps == expected.helps).all()


def test_it_is_the_error_of_leaving_pixels_out(painted: tuple[Array, Array, Downsampling]) -> None:
    scan, photo, U = painted
    measured = np.random.default_rng(0).random(scan.shape) < 0.7
    guide = neighbourhood(photo, NEIGHBOURHOOD_SPREAD)
    contrast = np.sqrt(sum(band.var() for band in photo))
    errors = [
        [
            float(np.sum((found - line)[counts] ** 2))
            for found, line, counts in zip(left_out, scan, measured, strict=True)
        ]
        for left_out in (guided_krige(scan, each, U).left_out for each in (0 * guide, guide / contrast))
    ]
    expected = 10 * np.log10(np.divide(*errors))
    np.testing.assert_allclose(photo_gain(scan, photo, U, measured).decibel, expected, atol=1e-3)


def test_a_photo_without_contrast_is_none(painted: tuple[Array, Array, Downsampling]) -> None:
    scan, photo, U = painted
    gain = photo_gain(scan, np.full_like(photo, 0.5), U, everywhere(scan))
    assert gain.decibel.tolist() == [0, 0, 0]
    assert not gain.helps.any()


def test_too_few_pixels_to_tell(painted: tuple[Array, Array, Downsampling]) -> None:
    scan, photo, U = painted
    measured = everywhere(scan)
    measured[0, (MIN_BLOCKS // 2) * BLOCK :] = False
    measured[0, :, BLOCK:] = False  # a column of blocks, fewer than it takes
    gain = photo_gain(scan, photo, U, measured)
    assert np.isnan(gain.decibel).tolist() == [True, False, False]
    assert gain.helps[0], "an unknown gain does not exclude the photo"

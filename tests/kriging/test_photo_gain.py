"""Photo gain: its sign, the pixels that count, and its independence of units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from xrfsr import simulate
from xrfsr.core.grid import Grid
from xrfsr.kriging.features import neighbourhood
from xrfsr.kriging.guided import guided_krige, leave_one_out
from xrfsr.kriging.photo_gain import BLOCK, MIN_BLOCKS, NEIGHBOURHOOD_SPREAD, SMALL_BLOCK, along_photo, photo_gain
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


def test_a_photo_is_trusted_as_far_as_its_gain_exceeds_chance(painted: tuple[Array, Array, Downsampling]) -> None:
    """James & Stein: one less the squared standard error of the gain over the gain, of the less clear comparison."""
    scan, photo, U = painted
    gain = photo_gain(scan, photo, U, everywhere(scan))
    guided, plain = along_photo(scan, photo, U).left_out, leave_one_out(scan, np.zeros_like(photo[:1]), U)
    flips = (photo[:, ::-1], photo[:, :, ::-1], photo[:, ::-1, ::-1])
    mirrored = [along_photo(scan, np.ascontiguousarray(each), U).left_out for each in flips]
    expected = []
    for line in range(len(scan)):
        squares = [(scan[line] - each[line]) ** 2.0 for each in (guided, plain, *mirrored)]
        before = (squares[1], sum(squares[2:]) / 3)
        starts = [(y, x) for y in range(0, U.coarse.shape[0], 4) for x in range(0, U.coarse.shape[1], 4)]
        blocks = [[(each - squares[0])[y : y + 4, x : x + 4].sum() for y, x in starts] for each in before]
        z = min(np.mean(each) / (np.std(each, ddof=1) / len(each) ** 0.5) for each in blocks)
        expected.append(1 - z**-2 if gain.helps[line] else 0)
    np.testing.assert_allclose(gain.trust, expected, atol=2e-3)
    assert (gain.trust[:2] > 0.5).all()


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
    np.testing.assert_allclose(gain.decibel, 0, atol=1e-3)
    assert not gain.helps.any()


def test_too_few_pixels_to_tell(painted: tuple[Array, Array, Downsampling]) -> None:
    scan, photo, U = painted
    measured = everywhere(scan)
    measured[0, (MIN_BLOCKS // 2) * SMALL_BLOCK - 1 :] = False
    measured[0, :, SMALL_BLOCK:] = False  # a column of small blocks, fewer than it takes
    gain = photo_gain(scan, photo, U, measured)
    assert gain.known.tolist() == [False, True, True]
    assert np.isnan(gain.decibel).tolist() == [True, False, False]
    assert not gain.helps[0], "a photo that nobody can judge is not used"


def patchwork(rows: int, columns: int, seed: int, scale: int = 4) -> tuple[Array, Array, Downsampling]:
    """A small scan of maps that follow the photo, with some noise."""
    random = np.random.default_rng(seed)
    coarse = Grid.from_shape((rows, columns), 1.0)
    U = Downsampling.between(coarse.refine(scale), coarse)
    height, width = U.fine.shape
    pixels = np.stack(np.mgrid[:height, :width], axis=-1)
    middles = random.random((rows * columns // 4, 2)) * (height, width)
    nearest = np.hypot(*np.moveaxis(pixels[:, :, None] - middles, -1, 0)).argmin(axis=-1)
    photo = np.moveaxis(random.random((len(middles), 3))[nearest], -1, 0)
    maps = np.einsum("lb,byx->lyx", random.random((4, 3)), photo)
    scan = U(maps)
    return scan + 0.02 * random.standard_normal(scan.shape), photo, U


@pytest.mark.parametrize(
    ("rows", "columns", "scale"),
    [
        (8, 8, 4),
        (12, 16, 2),
        *(pytest.param(*size, marks=pytest.mark.soak) for size in [(9, 13, 2), (12, 16, 4), (15, 16, 3)]),
    ],
)
def test_small_scans_accept_the_right_photo_and_no_other(rows: int, columns: int, scale: int) -> None:
    """Also where there are too few blocks of the usual size to know what a wrong photo would do by chance."""
    accepted, refused = [], []
    for seed in range(2):
        scan, photo, U = patchwork(rows, columns, seed, scale)
        assert (rows // BLOCK) * (columns // BLOCK) < MIN_BLOCKS
        accepted.append(photo_gain(scan, photo, U, everywhere(scan)).helps.mean())
        wrong = [photo[:, ::-1], photo[:, :, ::-1], photo[:, ::-1, ::-1], patchwork(rows, columns, 99 + seed, scale)[1]]
        for other in wrong[seed::2]:
            gain = photo_gain(scan, np.ascontiguousarray(other), U, everywhere(scan))
            assert gain.known.all()
            refused.append(not gain.helps.any())
    assert np.mean(accepted) > 0.7
    assert all(refused)


@pytest.mark.parametrize(
    ("rows", "columns"), [(24, 32), *(pytest.param(*size, marks=pytest.mark.soak) for size in [(36, 48), (48, 64)])]
)
def test_a_photo_that_breaks_the_covariance_anywhere_is_no_help(rows: int, columns: int) -> None:
    """On patches of colour even white noise lowers the leave-one-out errors; its mirror images lower them as much."""
    _, scan, rgb = simulate.painting(4 * rows, 4 * columns, seed=0, lines=["Hg-L", "Pb-L", "Fe-K", "Ca-K"])
    maps, photo, U = scan.intensity.values, rgb.values, scan.xrfsr.downsampling(4)
    assert photo_gain(maps, photo, U, everywhere(maps)).helps.all()
    noise = photo_gain(maps, np.random.default_rng(0).random(photo.shape), U, everywhere(maps))
    assert not noise.helps.any()
    assert noise.decibel.max() > 0.3, "the control is needed"
    assert not photo_gain(maps, np.ascontiguousarray(photo[:, ::-1]), U, everywhere(maps)).helps.any()


def test_few_measured_pixels_of_a_large_scan_are_judged_alone() -> None:
    scan, photo, U = patchwork(24, 22, 3)
    whole = photo_gain(scan, photo, U, everywhere(scan))
    measured = everywhere(scan)
    measured[1] = False
    measured[1, 7:19, 6:18] = True
    gain = photo_gain(scan, photo, U, measured)
    assert gain.helps.all()
    # The other lines stay the same to the last bit.
    np.testing.assert_array_equal(np.delete(gain.decibel, 1), np.delete(whole.decibel, 1))
    assert not photo_gain(scan, np.ascontiguousarray(photo[:, ::-1]), U, measured).helps.any()
    measured[1] = False
    assert photo_gain(scan, photo, U, measured).known.tolist() == [True, False, True, True]

"""Deviations are calibrated where the truth is known, group by group, and follow scale and place of the maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from small import operator

from xrfsr.trust.uncertainty import DEVIATIONS, GROUPS, SPREAD, Calibration, Trial, around, rough_variance


def trial(rng: np.random.Generator, wrong: NDArray[np.float64], size: int = 64) -> Trial:
    """Maps whose errors have standard deviations `wrong` (line, 1, 1) or (line, y, x), in units of s."""
    maps = rng.random((len(wrong), size, size)).astype(np.float32)
    variance = rng.uniform(0.01, 1, maps.shape).astype(np.float32)
    errors = wrong * np.sqrt(variance) * rng.standard_normal(maps.shape)
    every = np.ones(maps.shape, bool)
    return Trial(maps, variance, (maps + errors).astype(np.float32), every, every)


def covered(calibration: Calibration, seen: Trial) -> NDArray[np.bool_]:
    deviation = calibration(seen.maps, seen.variance)
    return np.abs(seen.truth - seen.maps) <= DEVIATIONS * deviation


def test_nine_of_ten_errors_are_covered_on_other_pixels() -> None:
    rng = np.random.default_rng(0)
    wrong = np.array([0.2, 1, 3])[:, None, None]
    calibration = Calibration.of([trial(rng, wrong)], np.full(3, np.nan, np.float32))
    assert np.abs(covered(calibration, trial(rng, wrong)).mean(axis=(1, 2)) - 0.9).max() < 0.02


def test_each_intensity_has_its_factor() -> None:
    rng = np.random.default_rng(1)
    seen = trial(rng, np.ones((1, 1, 1)), 128)
    errors = (seen.truth - seen.maps) * np.where(seen.maps > 0.5, 4, 0.5)  # the bright half is far more wrong
    seen = seen._replace(truth=seen.maps + errors)
    calibration = Calibration.of([seen], np.full(1, np.nan, np.float32))
    for part in (seen.maps < 0.4, seen.maps > 0.6):
        assert abs(covered(calibration, seen)[part].mean() - 0.9) < 0.02
    assert calibration.factor[0, -1] - calibration.factor[0, 0] == pytest.approx(np.log(8), abs=0.3)


@given(st.floats(1e-6, 1e6), st.integers(0, 99))
def test_deviations_have_the_unit_of_the_maps(unit: float, seed: int) -> None:
    seen = trial(np.random.default_rng(seed), np.ones((2, 1, 1)), 16)
    noise = np.array([np.nan, 0.1], np.float32)
    scaled = Trial(unit * seen.maps, unit**2 * seen.variance, unit * seen.truth, seen.measured, seen.unseen)
    one, other = (
        Calibration.of([each], by * noise)(each.maps, each.variance) for each, by in ((seen, 1), (scaled, unit))
    )
    np.testing.assert_allclose(other, unit * one, rtol=1e-3)


def test_errors_on_pixels_of_the_training_are_enlarged_to_those_on_others() -> None:
    rng = np.random.default_rng(5)
    seen = trial(rng, np.ones((2, 1, 1)), 128)
    unseen = rng.random(seen.maps.shape) < 0.1
    unseen[1] = True  # the network has no share in this map
    trained = np.where(unseen, 1.0, 0.4)
    optimistic = seen._replace(truth=seen.maps + trained * (seen.truth - seen.maps), unseen=unseen)
    calibration = Calibration.of([optimistic], np.full(2, np.nan, np.float32))
    fresh = trial(rng, np.ones((2, 1, 1)), 128)
    assert np.abs(covered(calibration, fresh).mean(axis=(1, 2)) - 0.9).max() < 0.02


def test_windows_count_as_one_scan() -> None:
    seen = trial(np.random.default_rng(2), np.ones((2, 1, 1)))
    halves = [Trial(*(part[:, rows] for part in seen)) for rows in (slice(0, 30), slice(30, None))]
    noise = np.zeros(2, np.float32)
    whole, parts = (Calibration.of(trials, noise) for trials in ([seen], halves))
    np.testing.assert_allclose(whole.factor, parts.factor, rtol=1e-5)
    np.testing.assert_allclose(whole.least, parts.least, rtol=1e-5)


def test_maps_that_cannot_be_judged_have_the_factor_of_the_others() -> None:
    seen = trial(np.random.default_rng(3), np.array([0.5, 2, 7])[:, None, None])
    measured = seen.measured.copy()
    measured[2] = False
    calibration = Calibration.of([seen._replace(measured=measured)], np.full(3, np.nan, np.float32))
    assert np.ptp(calibration.factor[2]) == 0
    assert calibration.factor[2, 0] == np.median(calibration.factor[:2])
    alone = Calibration.of([], np.array([0.3], np.float32))
    np.testing.assert_allclose(alone(np.ones((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.float32)), 0.3, rtol=1e-6)


def test_a_map_without_error_or_detail_has_no_deviation() -> None:
    flat = np.zeros((1, 20, 20), np.float32)
    calibration = Calibration.of([Trial(flat, flat, flat, flat == 0, flat == 0)], np.full(1, np.nan, np.float32))
    assert not calibration(flat, flat).any()


def test_s_squared_is_detail_within_a_pixel_and_spread() -> None:
    U = operator(4.0, shape=(6, 7))
    rng = np.random.default_rng(4)
    maps, spread = rng.random((2, 2, *U.fine.shape)).astype(np.float32)
    cells = maps.reshape(2, 6, 4, 7, 4)
    detail = cells.var(axis=(2, 4)).repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_allclose(rough_variance(maps, spread, U), detail + SPREAD * spread, rtol=1e-4)
    np.testing.assert_allclose(rough_variance(maps, None, U), detail, rtol=1e-4)


@settings(max_examples=25)
@given(st.sampled_from([2.0, 2.5, 4.0, 8.0]), st.data())
def test_a_part_has_the_deviation_of_the_whole(scale: float, data: st.DataObject) -> None:
    U = operator(scale, shape=(12, 13))
    maps = np.random.default_rng(5).random((1, *U.fine.shape)).astype(np.float32)
    core = tuple(
        slice(first, data.draw(st.integers(first + 1, size)))
        for size in U.fine.shape
        for first in [data.draw(st.integers(0, size - 1))]
    )
    seen = around((core[0], core[1]), U)
    part = rough_variance(maps[:, *seen], None, U, seen)
    inner = [slice(c.start - s.start, c.stop - s.start) for c, s in zip(core, seen, strict=True)]
    np.testing.assert_allclose(part[:, *inner], rough_variance(maps, None, U)[:, *core], rtol=1e-4, atol=1e-6)


def test_there_are_as_many_factors_as_groups() -> None:
    seen = trial(np.random.default_rng(6), np.ones((2, 1, 1)))
    calibration = Calibration.of([seen], np.zeros(2, np.float32))
    assert calibration.factor.shape == calibration.intensity.shape == (2, GROUPS)
    assert (np.diff(calibration.intensity) > 0).all()

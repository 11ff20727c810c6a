"""Paired tests of two estimates, and their error rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from xrfsr.kriging.photo_gain import BLOCK, MIN_BLOCKS
from xrfsr.methods.common.paired import ERROR_RATE, Pair, PairedTest, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


def pair(rng: np.random.Generator, better: NDArray[np.float64], size: int = 32) -> Pair:
    """Two estimates whose errors have a ratio of standard deviations, for each line."""
    truth, one, other = rng.normal(size=(3, len(better), size, size))
    return Pair(truth + one, truth + other / better[:, None, None], truth, np.ones(truth.shape, bool))


@given(P_VALUES)
def test_holm_by_its_definition(p_values: NDArray[np.float64]) -> None:
    rejected = np.zeros(len(p_values), bool)
    left = list(np.argsort(p_values, kind="stable"))
    while left and p_values[left[0]] * len(left) <= ERROR_RATE:
        rejected[left.pop(0)] = True
    np.testing.assert_array_equal(holm(p_values), rejected)


@given(P_VALUES)
def test_holm_rejects_at_least_what_bonferroni_does(p_values: NDArray[np.float64]) -> None:
    assert holm(p_values)[p_values * len(p_values) <= ERROR_RATE].all()
    assert not holm(p_values)[p_values > ERROR_RATE].any()


def test_the_statistic_is_that_of_student_over_blocks() -> None:
    made = pair(np.random.default_rng(1), np.array([1.0, 1.1, 0.9]))
    gain = (made.before - made.truth) ** 2 - (made.after - made.truth) ** 2
    blocks = gain.reshape(3, 32 // BLOCK, BLOCK, 32 // BLOCK, BLOCK).sum(axis=(2, 4)).reshape(3, -1)
    test = PairedTest.of([made])
    np.testing.assert_allclose(test.statistic, stats.ttest_1samp(blocks, 0, axis=1).statistic, rtol=1e-10)
    assert test.blocks.tolist() == [64, 64, 64]


def test_windows_count_together() -> None:
    made = pair(np.random.default_rng(2), np.array([1.2, 0.8]))
    halves = [Pair(*(array[:, rows] for array in made)) for rows in (slice(0, 16), slice(16, None))]
    np.testing.assert_allclose(PairedTest.of(halves).statistic, PairedTest.of([made]).statistic)


def test_clear_changes_are_found_and_shares_follow() -> None:
    test = PairedTest.of([pair(np.random.default_rng(3), np.array([2.0, 0.5, 1.0]))])
    assert test.worse.tolist() == [False, True, False]
    np.testing.assert_array_equal(test.share, test.statistic.clip(0, 1).astype(np.float32))
    assert test.share[:2].tolist() == [1, 0]


def test_false_alarms_among_all_lines_are_rare() -> None:
    rng = np.random.default_rng(4)
    tests = [PairedTest.of([pair(rng, np.ones(8))]) for _ in range(300)]
    # 5 % of 300 are 15; more than 28 would happen once in a thousand times.
    assert sum(test.worse.any() for test in tests) <= 28


def test_pixels_that_were_not_measured_do_not_count() -> None:
    made = pair(np.random.default_rng(5), np.array([2.0]))
    known = made.measured.copy()
    known[:, :8] = False
    wrong = made.after.copy()
    wrong[:, :8] = np.nan
    cropped = Pair(*(array[:, 8:] for array in made))
    test = PairedTest.of([Pair(made.before, wrong, made.truth, known)])
    np.testing.assert_allclose(test.statistic, PairedTest.of([cropped]).statistic)


@pytest.mark.parametrize("size", [BLOCK, 3 * BLOCK])
def test_too_few_blocks_show_nothing(size: int) -> None:
    made = pair(np.random.default_rng(6), np.array([2.0, 0.5]), size)
    test = PairedTest.of([made])
    assert (test.blocks < MIN_BLOCKS).all()
    assert np.isnan(test.statistic).all()
    assert not test.worse.any()
    assert (test.share == 1).all()


def test_equal_estimates_are_neither_better_nor_worse() -> None:
    made = pair(np.random.default_rng(7), np.array([1.0]))
    test = PairedTest.of([made._replace(after=made.before)])
    assert test.statistic.tolist() == [0]
    assert test.share.tolist() == [0]

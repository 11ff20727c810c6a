"""The last step of a reconstruction: no negative counts, and the scan still met."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrfsr.grid import Grid
from xrfsr.kriging import correlation_length, krige
from xrfsr.positivity import nonnegative
from xrfsr.sampling import Downsampling, Spreading


def operators(scale: float) -> tuple[Downsampling, Spreading]:
    coarse = Grid.from_shape((12, 10), 1.0)
    U = Downsampling.between(coarse.refine(scale), coarse)
    return U, U.spreading(correlation_length(U))


@given(st.integers(2, 5), st.floats(0.05, 3.0), st.integers(0, 2**32 - 1))
def test_sparse_counts_end_without_negatives_and_consistent(scale: int, rate: float, seed: int) -> None:
    U, spreading = operators(scale)
    scan = np.random.default_rng(seed).poisson(rate, (2, 12, 10)).astype(np.float32)
    made = nonnegative(krige(scan, U, spreading), scan, U, spreading)
    assert made.min() >= 0
    np.testing.assert_allclose(U(made), scan, atol=1e-5 * max(1, scan.max()))


def test_fine_pixels_keep_their_proportions_within_a_coarse_one() -> None:
    U, spreading = operators(2)
    estimate = np.ones((1, *U.fine.shape))
    estimate[0, 0, :2] = -1.0, 1.5
    estimate[0, 1, :2] = 0.5, 3.0  # the mean of this pixel is 1, as that of all others
    made = nonnegative(estimate, np.ones((1, 12, 10)), U, spreading)
    np.testing.assert_allclose(made[0, :2, :2], np.array([[0.0, 1.5], [0.5, 3.0]]) * 4 / 5)
    np.testing.assert_allclose(made[0, 2:], 1.0)


def test_a_coarse_pixel_with_nothing_left_under_it_starts_flat() -> None:
    U, spreading = operators(2)
    estimate = np.ones((1, *U.fine.shape))
    estimate[0, :2, :2] = -1.0
    scan = np.ones((1, 12, 10))
    np.testing.assert_allclose(nonnegative(estimate, scan, U, spreading), 1.0)


def test_overlapping_footprints_stay_consistent() -> None:
    U, spreading = operators(2.5)
    scan = np.random.default_rng(0).poisson(1.0, (1, 12, 10)).astype(np.float64)
    before = krige(scan, U, spreading)
    made = nonnegative(before, scan, U, spreading)
    np.testing.assert_allclose(U(made), scan, atol=1e-6 * scan.max())
    assert before.min() < 10 * made.min() < 0.0 or made.min() >= 0.0


@pytest.mark.parametrize("shift", [0.0, -5.0])
def test_maps_without_need_or_with_a_negative_scan_are_left_alone(shift: float) -> None:
    U, spreading = operators(2)
    scan = 3.0 + shift + np.random.default_rng(0).random((1, 12, 10))
    estimate = krige(scan, U, spreading)
    assert (estimate.min() < 0) == (shift < 0)
    assert nonnegative(estimate, scan, U, spreading).tobytes() == estimate.tobytes()

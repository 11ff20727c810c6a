"""Projection onto non-negative maps that are still consistent with the scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.kriging.simple import krige
from xrfsr.operators import Downsampling
from xrfsr.operators.nonnegative import project_nonnegative


def operator(scale: float, footprint: Any = "area", fwhm: float | None = None) -> Downsampling:
    coarse = Grid.from_shape((12, 10), 1.0)
    return Downsampling.between(coarse.refine(scale), coarse, footprint, fwhm=fwhm)


def floor(scan: NDArray[Any], U: Downsampling) -> NDArray[Any]:
    return krige(scan, U)


@given(st.sampled_from([1.5, 2, 2.4, 2.5, 3, 3.3, 3.7, 4, 5]), st.floats(0.05, 30.0), st.integers(0, 2**32 - 1))
def test_sparse_counts_end_without_negatives_and_consistent(scale: float, rate: float, seed: int) -> None:
    """With these ratios every coarse pixel has fine ones of its own, so such a map exists whatever the counts."""
    U = operator(scale)
    scan = np.random.default_rng(seed).poisson(rate, (2, 12, 10)).astype(np.float32)
    made, found = project_nonnegative(floor(scan, U), scan, U)
    assert made.dtype == np.float32
    assert found.all()
    assert made.min() >= 0
    np.testing.assert_allclose(U(made.astype(np.float64)), scan, atol=1e-6 * scan.max())


def test_fine_pixels_keep_their_proportions_within_a_coarse_one() -> None:
    U = operator(2)
    estimate = np.ones((1, *U.fine.shape))
    estimate[0, 0, :2] = -1.0, 1.5
    estimate[0, 1, :2] = 0.5, 3.0  # the mean of this pixel is 1, as that of all others
    made, _ = project_nonnegative(estimate, np.ones((1, 12, 10)), U)
    np.testing.assert_allclose(made[0, :2, :2], np.array([[0.0, 1.5], [0.5, 3.0]]) * 4 / 5, atol=1e-3)
    np.testing.assert_allclose(made[0, 2:], 1.0)


def test_a_coarse_pixel_with_nothing_left_under_it_starts_flat() -> None:
    U = operator(2)
    estimate = np.ones((1, *U.fine.shape))
    estimate[0, :2, :2] = -1.0
    np.testing.assert_allclose(project_nonnegative(estimate, np.ones((1, 12, 10)), U)[0], 1.0)


@pytest.mark.parametrize("footprint", [("area", None), ("gaussian", 1.0)])
def test_where_there_is_no_such_map_the_consistent_one_is_kept_and_named(footprint: Any) -> None:
    """Bright pixels next to empty ones, under footprints that overlap."""
    U = operator(1.2 if footprint[0] == "area" else 4, *footprint)
    scan = np.stack([np.random.default_rng(0).poisson(1.0, (12, 10)), np.full((12, 10), 10)]).astype(np.float64)
    estimate = floor(scan, U)
    made, found = project_nonnegative(estimate, scan, U)
    assert found.tolist() == [False, True]
    np.testing.assert_array_equal(made, estimate)


@given(st.integers(0, 2**32 - 1))
def test_a_beam_over_a_map_with_counts_everywhere(seed: int) -> None:
    """Negative values between bright spots; the true map shows that there is a consistent one without."""
    U = operator(4, "gaussian", 0.8)
    rng = np.random.default_rng(seed)
    truth = 1.0 + 20 * (rng.random((1, *U.fine.shape)) > 0.9)
    scan = U(truth)
    made, found = project_nonnegative(floor(scan, U), scan, U)
    assert found.all()
    assert made.min() >= 0
    np.testing.assert_allclose(U(made), scan, atol=1e-6 * scan.max())


@pytest.mark.parametrize("shift", [0.0, -5.0])
def test_maps_without_need_or_with_a_negative_scan_are_left_alone(shift: float) -> None:
    U = operator(2)
    scan = 3.0 + shift + np.random.default_rng(0).random((1, 12, 10))
    estimate = floor(scan, U)
    assert (estimate.min() < 0) == (shift < 0)
    made, found = project_nonnegative(estimate, scan, U)
    assert made.tobytes() == estimate.tobytes()
    assert found.all()

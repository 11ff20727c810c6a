"""Kriging against the dense formulas: exact, flat where the scan is, and without one pixel as if refitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid
from xrfsr.kriging.simple import krige, leave_out
from xrfsr.operators import Downsampling

seeds = st.integers(0, 2**32 - 1)


@st.composite
def operators(draw: st.DrawFn) -> Downsampling:
    """U with any footprint on small grids that need not be square, ascend, or divide each other."""
    axes = []
    for _ in "yx":
        sign, step, low = draw(st.sampled_from([-1, 1])), draw(st.floats(0.5, 2)), draw(st.floats(-9, 9))
        coarse = Axis(draw(st.integers(2, 5)), sign * step, low)
        axes.append((coarse.refine(draw(st.floats(1.5, 3))), coarse))
    fine, coarse_grid = (Grid(y, x) for y, x in zip(*axes, strict=True))
    footprint = draw(st.sampled_from(["area", "gaussian", "decimate"]))
    beam = {"fwhm": 0.8 * min(coarse_grid.spacing)} if footprint == "gaussian" else {}
    return Downsampling.between(fine, coarse_grid, footprint, **beam)


def dense(U: Downsampling) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """U and Q as full matrices."""
    length = U.correlation_length
    q = [np.exp(-np.abs(a.centres[:, None] - a.centres) / length) for a in (U.fine.y, U.fine.x)]
    return np.kron(U.y.toarray(), U.x.toarray()), np.kron(*q)


@settings(max_examples=40)
@given(operators(), seeds)
def test_leaving_a_pixel_out_is_kriging_without_it(U: Downsampling, seed: int) -> None:
    scan = np.random.default_rng(seed).random((2, *U.coarse.shape))
    A, Q = dense(U)
    found = leave_out(scan, U)
    pull = np.kron(found.right_inverse.y.toarray(), found.right_inverse.x.toarray())
    for line, full, influence in zip(scan, found.full, found.influence, strict=True):
        mean = line.mean()
        for cell, value in enumerate(line.ravel()):
            rest = np.delete(A, cell, axis=0)
            residual = np.delete(line.ravel(), cell) - mean
            refitted = mean + Q @ rest.T @ np.linalg.solve(rest @ Q @ rest.T, residual)
            without = full.ravel() - pull[:, cell] * influence.ravel()[cell]
            np.testing.assert_allclose(without, refitted, rtol=0, atol=1e-8)
            # The influence is what the neighbours miss the pixel by.
            assert influence.ravel()[cell] == pytest.approx(value - A[cell] @ refitted, abs=1e-8)


@settings(max_examples=40)
@given(operators(), seeds)
def test_kriging_is_the_dense_formula(U: Downsampling, seed: int) -> None:
    scan = np.random.default_rng(seed).random((2, *U.coarse.shape))
    A, Q = dense(U)
    found = krige(scan, U)
    for line, made in zip(scan, found, strict=True):
        expected = line.mean() + Q @ A.T @ np.linalg.solve(A @ Q @ A.T, line.ravel() - line.mean())
        np.testing.assert_allclose(made.ravel(), expected, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(leave_out(scan, U).full, found)


@given(operators(), seeds, st.sampled_from([np.float32, np.float64]), st.floats(1e-3, 1e6))
def test_kriging_is_consistent(U: Downsampling, seed: int, dtype: Any, peak: float) -> None:
    scan = (peak * np.random.default_rng(seed).random((2, *U.coarse.shape))).astype(dtype)
    found = krige(scan, U)
    assert found.dtype == dtype
    np.testing.assert_allclose(U(found), scan, rtol=0, atol=(1e-5 if dtype == np.float32 else 1e-12) * peak)


@given(operators(), st.floats(-1e6, 1e6), st.sampled_from([np.float32, np.float64, np.int64]))
def test_flat_maps_stay_flat(U: Downsampling, value: float, dtype: Any) -> None:
    flat = np.full((2, *U.coarse.shape), value).astype(dtype)
    np.testing.assert_allclose(krige(flat, U), flat[0, 0, 0], rtol=1e-6 if dtype == np.float32 else 1e-12)
    assert np.abs(leave_out(flat, U).influence).max() <= 1e-6 * abs(value)


def test_counts_are_not_rounded() -> None:
    coarse = Grid.from_shape((6, 5), 1.0)
    U = Downsampling.between(coarse.refine(3), coarse)
    counts = np.random.default_rng(0).poisson(1.5, (2, 6, 5))
    expected = leave_out(counts.astype(np.float64), U)
    np.testing.assert_array_equal(krige(counts, U), expected.full)
    np.testing.assert_array_equal(leave_out(counts, U).influence, expected.influence)
    np.testing.assert_array_equal(leave_out(counts.astype(np.uint16), U).full, expected.full)


def test_the_range_is_that_of_the_coarse_pixels() -> None:
    coarse = Grid(Axis(4, -0.5, 0.0), Axis(4, 2.0, 0.0))
    assert Downsampling.between(coarse.refine(2), coarse).correlation_length == pytest.approx(3.0)

"""Noise of a scan, and noise-aware results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from small import operator, painting

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.kriging.guided import NUGGET, guided_krige
from xrfsr.kriging.noise import (
    MAX_NUGGET,
    Piece,
    estimate_nugget_loo,
    nugget_of,
    signal_share,
    wiener_gain,
)
from xrfsr.methods.common.problem import Problem

Array = NDArray[Any]


@pytest.fixture(scope="module")
def smooth() -> tuple[Array, Array, Any]:
    """Maps that kriging predicts well, so that nearly all of its error is noise."""
    U = operator(2.0, shape=(40, 40))
    y, x = np.mgrid[:80, :80] / 80
    fine = np.stack([np.sin(5 * y) + np.cos(4 * x), np.sin(4 * x * y)]).astype(np.float32)
    return U(fine), np.stack([y, x, y * x]).astype(np.float32), U


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
def test_the_noise_is_estimated_from_the_scan(smooth: tuple[Array, Array, Any], share: float) -> None:
    scan, photo, U = smooth
    spread = scan.std(axis=(1, 2), keepdims=True)
    noisy = scan + np.sqrt(share) * spread * np.random.default_rng(0).standard_normal(scan.shape)
    found = estimate_nugget_loo([Piece(noisy, photo, U, np.ones(scan.shape, bool))])
    # These maps are smoother than the covariance, so the bound determines the result.
    assert (share / 1.3 < found).all()
    assert (found < 1.3 * share).all()
    assert (estimate_nugget_loo([Piece(scan, photo, U, np.ones(scan.shape, bool))]) < 0.01).all()


def test_known_noise_is_used_unchanged(smooth: tuple[Array, Array, Any]) -> None:
    scan, photo, U = smooth
    measured = np.ones(scan.shape, bool)
    variance = scan.var(axis=(1, 2), dtype=np.float64)
    noise = np.sqrt(variance * [0.2, 0.0])
    whole = [Piece(scan, photo, U, measured)]
    np.testing.assert_allclose(nugget_of(whole, noise), [0.25, NUGGET], rtol=1e-4)
    np.testing.assert_allclose(nugget_of(whole, np.sqrt(variance * 3)), MAX_NUGGET)
    mixed = nugget_of(whole, np.array([noise[0], np.nan]))
    assert mixed[1] == estimate_nugget_loo([Piece(scan[1:], photo, U, measured[1:])])[0]


@given(nugget=st.floats(1e-4, 1.0), error=st.just(0.0) | st.floats(0.01, 1.0), seed=st.integers(0, 99))
def test_wiener_gain_is_that_of_the_formula(nugget: float, error: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    scan = random.standard_normal((1, 50, 50))
    residual = error * random.standard_normal(scan.shape)
    share = float(wiener_gain([(scan, scan - residual)], np.array([nugget]))[0])
    assert 0 <= share <= 1
    if error:
        expected = 1 - scan.var() * nugget / (1 + nugget) / np.mean(residual**2)
        assert share == pytest.approx(max(0.0, expected), abs=1e-4)


def test_maps_with_nuggets_of_their_own_are_kriged_as_if_alone() -> None:
    U = operator(4.0)
    scan, photo = painting(U, lines=3)
    nugget = np.array([0.1, NUGGET, 0.1])
    together = guided_krige(scan, photo, U, nugget=nugget)
    for line, value in enumerate(nugget):
        alone = guided_krige(scan[line : line + 1], photo, U, nugget=float(value))
        np.testing.assert_allclose(together.fine[line], alone.fine[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(together.left_out[line], alone.left_out[0], rtol=1e-4, atol=1e-5)
    assert np.abs(U(together.fine) - scan)[0].max() > 10 * np.abs(U(together.fine) - scan)[1].max()


@pytest.fixture(scope="module")
def noisy() -> tuple[xr.Dataset, xr.Dataset, xr.DataArray, Any]:
    """Truth, scan with a short dwell time, photo and model of a painting."""
    truth, scan, rgb = xrfsr.simulate.painting(96, 96, lines=["Hg-L", "Pb-L", "Fe-K"], dwell=0.003)
    return truth, scan, rgb, scan.xrfsr.train(rgb, steps=200, progress=False, device="cpu")


def test_a_noise_aware_result_is_nearer_to_the_truth(noisy: tuple[xr.Dataset, xr.Dataset, xr.DataArray, Any]) -> None:
    truth, scan, rgb, model = noisy
    exact = scan.xrfsr.superresolve(rgb, model=model)
    aware = scan.xrfsr.superresolve(rgb, model=model, consistency="noise-aware")

    def error(fine: xr.Dataset) -> xr.DataArray:
        return ((fine.intensity - truth.intensity.values) ** 2).mean(("y", "x")) / truth.intensity.values.var((1, 2))

    # 0.96 and 0.97 with two seeds; it is one model, so instruction sets differ in the fourth digit only.
    assert float(error(aware).mean()) < float(error(exact).mean())
    assert aware.attrs["xrfsr_consistency"] == "noise-aware"
    assert exact.attrs["xrfsr_consistency"] == "exact"
    assert "noise" not in exact.coords
    assert (aware.noise > 0).all()
    assert float(aware.intensity.min()) >= 0


def test_uncertainty_is_what_it_goes_by(noisy: tuple[xr.Dataset, xr.Dataset, xr.DataArray, Any]) -> None:
    _, scan, rgb, model = noisy
    known = scan.assign(uncertainty=scan.intensity * 0 + 0.25)
    aware = known.xrfsr.superresolve(rgb, model=model, consistency="noise-aware")
    np.testing.assert_allclose(aware.noise, 0.25, rtol=0.02)
    exact = scan.xrfsr.superresolve(rgb, model=model)
    surely = scan.assign(uncertainty=scan.intensity * 0).xrfsr
    sure = surely.superresolve(rgb, model=model, consistency="noise-aware")
    # Without noise it is next to exact.
    gap = ((sure.intensity - exact.intensity) ** 2).mean(("y", "x")) / exact.intensity.var(("y", "x"))
    assert float(gap.max()) < 0.01


def test_whole_counts_tell_their_noise(noisy: tuple[xr.Dataset, xr.Dataset, xr.DataArray, Any]) -> None:
    _, scan, rgb, _ = noisy
    counts = scan.drop_vars("uncertainty").assign(intensity=scan.intensity.round().assign_attrs(scan.intensity.attrs))
    model = counts.xrfsr.train(rgb, steps=5, progress=False, device="cpu")
    aware = counts.xrfsr.superresolve(rgb, model=model, consistency="noise-aware")
    np.testing.assert_allclose(aware.noise, np.sqrt(counts.intensity.mean(("y", "x"))), rtol=0.02)


def test_a_map_without_uncertainty_has_the_noise_of_counts() -> None:
    U = operator(2.0, shape=(4, 5))
    counts = np.arange(40.0).reshape(2, 4, 5)
    errors = np.stack([np.full((4, 5), 3.0), np.full((4, 5), np.nan)])
    lines, elements = ("Ca-K", "compton"), np.array([True, False])
    units = ("count", "count/s", "µg/cm²", "dimensionless", "Hz", "kcount")
    known = [Problem.of(counts, None, U, lines, elements, unit, errors).noise for unit in units]
    # Counts alone are Poisson.
    np.testing.assert_allclose(known, [[3, np.sqrt(counts[1].mean())]] + 5 * [[3, np.nan]], rtol=1e-6)


def test_other_kinds_of_consistency_are_refused(noisy: tuple[xr.Dataset, xr.Dataset, xr.DataArray, Any]) -> None:
    _, scan, rgb, _ = noisy
    with pytest.raises(InvalidInput, match="consistency must be one of 'exact', 'noise-aware', got 'loose'"):
        scan.xrfsr.superresolve(rgb, consistency="loose")
    with pytest.raises(InvalidInput, match="consistency"):
        scan.xrfsr.superresolve(method="kriging", consistency="noise-aware")


def test_maps_without_the_photo_are_noise_aware_too() -> None:
    _, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Hg-L", "Pb-L"])
    scan = xrfsr.as_scan(scan.intensity.values, lines=["compton", "elastic"], pixel_size="1 mm")
    assert (scan.kind != "element").all()
    with pytest.warns(UserWarning, match="kriging baseline"):
        exact = scan.xrfsr.superresolve(rgb)
    with pytest.warns(UserWarning, match="kriging baseline"):
        aware = scan.xrfsr.superresolve(rgb, consistency="noise-aware")
    U = scan.xrfsr.downsampling(4)
    gap = [np.abs(U(fine.intensity.values) - scan.intensity.values).max() for fine in (exact, aware)]
    assert gap[0] < 1e-5 * float(scan.intensity.max()) < gap[1]
    assert (aware.noise > 0).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_the_share_of_signal_is_that_of_the_maps(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    blocks = np.kron(random.standard_normal((12, 12)), np.ones((8, 8)))
    noise = random.poisson(4, blocks.shape) / 2 - 2
    scan = np.sqrt(share) * blocks / blocks.std() + np.sqrt(1 - share) * noise / noise.std()
    whole = signal_share([scan[None]])
    assert whole == pytest.approx(share, abs=0.1)
    parts = signal_share([scan[None, :48], scan[None, 48:]])
    assert parts == pytest.approx(whole, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 1, 9), (1, 2, 2)])
def test_the_share_of_signal_of_constant_maps_is_none(shape: tuple[int, int, int]) -> None:
    np.testing.assert_array_equal(signal_share([np.full(shape, 7.0)]), 0)

"""Errors without the noise of the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import xrfsr
from xrfsr.simulate import Painting
from xrfsr.trust.truth_noise import SOURCES, estimate_white_noise

LINES = ["Ca-K", "Fe-K", "Pb-L"]
FAST = ["bilinear", "kriging"]
CORRECTED = ["rmse_corrected", "psnr_corrected"]
PLAIN = ["rmse", "psnr"]

Array = NDArray[Any]


@pytest.fixture(scope="module")
def painting() -> Painting:
    return xrfsr.simulate.painting(128, 160, 4, seed=2, lines=LINES)


def replaced(truth: xr.Dataset, maps: Array, uncertainty: Array | float | None = None, units: str = "count") -> Any:
    """Return the truth with other maps."""
    made = truth.copy(data={"intensity": maps.astype(np.float32)})
    made.intensity.attrs["units"] = units
    if uncertainty is None:
        return made
    sigma = np.broadcast_to(uncertainty, maps.shape).astype(np.float32)
    return made.assign(uncertainty=(("line", "y", "x"), sigma, {"units": units}))


def errors(scan: xr.Dataset, noisy: Any, clean: xr.Dataset, name: str = "kriging") -> tuple[Array, Array, Array]:
    """Return corrected mean squared errors in counts, true ones, and the standard error of the noise in between."""
    compared = scan.xrfsr.compare(methods=[name], truth=noisy, progress=False)
    fine = scan.xrfsr.superresolve(method=name)
    peak = noisy.intensity.max(("y", "x")).values
    found = (compared.score.sel(algorithm=name, metric="rmse_corrected").values * peak) ** 2
    wanted = np.square(fine.intensity.values - clean.intensity.values, dtype=np.float64)
    noise = np.square(noisy.intensity.values - clean.intensity.values, dtype=np.float64)
    # Products of errors with the noise, and squares of the noise, do not vanish exactly.
    spread = np.sqrt((4 * wanted * noise.mean((1, 2), keepdims=True)).mean((1, 2)) + noise.var((1, 2)))
    return found, wanted.mean((1, 2)), spread / np.sqrt(wanted[0].size)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["counts", "uncertainty"])
def test_known_noise_of_the_truth_does_not_change_the_corrected_error(painting: Painting, kind: str, seed: int) -> None:
    random, maps = np.random.default_rng(seed), painting.truth.intensity.values.astype(np.float64)
    if kind == "counts":
        noisy = replaced(painting.truth, random.poisson(maps))
    else:
        sigma = 0.1 * maps.std((1, 2), keepdims=True) * random.uniform(0.5, 2, maps.shape)
        maps += 4 * sigma.max()  # so that none is negative
        noisy = replaced(painting.truth, maps + sigma * random.uniform(-np.sqrt(3), np.sqrt(3), maps.shape), sigma)
    found, wanted, error = errors(painting.scan, noisy, replaced(painting.truth, maps))
    assert (np.abs(found - wanted) < 4 * error).all()


@pytest.mark.parametrize("seed", range(3))
def test_noise_that_the_scan_shares_with_the_truth(painting: Painting, seed: int) -> None:
    y, x = np.mgrid[:128, :160]
    fields = 40 + 20.0 * np.stack([y // 9 % 2, x // 7 % 2, (y // 19 + x // 14) % 2])
    counts = replaced(painting.truth, np.random.default_rng(seed).poisson(fields))
    scan = counts.xrfsr.resample(scale=1 / 4)
    found, wanted, error = errors(scan, counts, replaced(painting.truth, fields))
    assert (np.abs(found - wanted) < 4 * error).all()
    # All of the noise would be too much to subtract.
    assert (fields.mean((1, 2)) / 8 > 6 * error).all()


def test_a_scan_that_is_its_own_truth_shares_its_noise(painting: Painting) -> None:
    counts = replaced(painting.truth, np.random.default_rng(0).poisson(painting.truth.intensity.values))
    compared = counts.xrfsr.compare(methods=["kriging"], progress=False)
    same = counts.xrfsr.resample(scale=1 / 4).xrfsr.compare(methods=["kriging"], truth=counts, progress=False)
    xr.testing.assert_identical(compared.drop_vars("seconds"), same.drop_vars("seconds"))


def test_no_noise_leaves_the_figures_as_they_are(painting: Painting) -> None:
    noiseless = replaced(painting.truth, painting.truth.intensity.values, 0.0)
    compared = painting.scan.xrfsr.compare(painting.rgb, methods=[*FAST, "gsa"], truth=noiseless, progress=False)
    for name in ("score", "pooled"):
        plain, corrected = compared[name].sel(metric=PLAIN).values, compared[name].sel(metric=CORRECTED).values
        np.testing.assert_array_equal(corrected, plain)
    assert (compared.truth_noise == 0).all()


@pytest.mark.parametrize("sigma", [0.01, 0.5, 3.0, 30.0, 1e4])
def test_corrected_figures_are_never_worse_and_never_absurd(painting: Painting, sigma: float) -> None:
    uncertain = replaced(painting.truth, painting.truth.intensity.values, sigma)
    compared = painting.scan.xrfsr.compare(painting.rgb, methods=FAST, truth=uncertain, progress=False)
    plain = xrfsr_free(painting, compared.algorithm.values.tolist())
    for name in ("score", "pooled"):
        np.testing.assert_array_equal(compared[name].sel(metric=PLAIN), plain[name].sel(metric=PLAIN))
        rmse, psnr = (compared[name].sel(metric=metric).values for metric in PLAIN)
        least, most = (compared[name].sel(metric=metric).values for metric in CORRECTED)
        known = np.isfinite(least)
        assert (known == np.isfinite(most)).all()
        assert (least[known] > 0).all()
        assert (least[known] <= rmse[known]).all()
        assert (most[known] >= psnr[known]).all()
        assert known.all() or sigma > 1
        assert not known.any() or sigma < 1e4


def xrfsr_free(painting: Painting, names: list[str]) -> xr.Dataset:
    """Return the comparison with a truth whose noise is unknown."""
    made: xr.Dataset = painting.scan.xrfsr.compare(methods=names, truth=painting.truth, progress=False)
    return made


def test_noise_that_is_all_of_the_error_is_nan() -> None:
    flat = np.broadcast_to(np.linspace(50, 50.01, 160), (3, 128, 160))
    random = np.random.default_rng(0)
    scan = xrfsr.as_scan(flat[:, ::4, ::4], LINES, "1 mm")
    for _ in range(3):
        truth = xrfsr.as_scan(random.poisson(flat), LINES, "0.25 mm")
        compared = scan.xrfsr.compare(methods=["bilinear"], truth=truth, progress=False)
        assert compared.score.sel(metric=CORRECTED).isnull().all()
        assert compared.pooled.sel(metric=CORRECTED).isnull().all()
        assert compared.score.sel(metric=PLAIN).notnull().all()


def test_sources_of_the_noise_and_lines_without(painting: Painting) -> None:
    maps = painting.truth.intensity.values.astype(np.float64)
    random = np.random.default_rng(0)
    sigma = np.full(maps.shape, np.nan)
    sigma[0] = 200.0
    strong = 0.5 * maps[1].std()
    noisy = maps + np.array([0, strong, 0])[:, None, None] * random.standard_normal(maps.shape)
    compared = painting.scan.xrfsr.compare(
        methods=["bilinear"], truth=replaced(painting.truth, noisy - noisy.min(), sigma), progress=False
    )
    assert compared.truth_noise_source.values.tolist() == ["uncertainty", "estimate", "unknown"]
    assert set(compared.truth_noise_source.values) <= set(SOURCES)
    np.testing.assert_allclose(compared.truth_noise[:2], [200.0, strong], rtol=0.1)
    assert np.isnan(compared.truth_noise[2])
    # The line with unknown noise is used as it is.
    plain, corrected = compared.score.sel(metric=["psnr", "psnr_corrected"]).values[0].T
    assert (corrected > plain).tolist() == [True, True, False]
    assert corrected[2] == plain[2]
    square = compared.score.sel(metric="rmse_corrected").values[0] ** 2
    np.testing.assert_allclose(compared.pooled.sel(metric="rmse_corrected")[0], np.sqrt(square.mean()), rtol=1e-5)


def test_whole_counts_have_no_more_noise_than_their_mean(painting: Painting) -> None:
    counts = np.random.default_rng(0).poisson(painting.truth.intensity.values)
    # Programs give the square root, at least one, which is too much for maps of hardly any counts.
    floor = np.maximum(np.sqrt(counts), 1)
    compared = painting.scan.xrfsr.compare(
        methods=["bilinear"], truth=replaced(painting.truth, counts, floor), progress=False
    )
    np.testing.assert_allclose(compared.truth_noise**2, counts.mean((1, 2)), rtol=1e-3)
    rate = replaced(painting.truth, counts, units="count/s")
    other = painting.scan.xrfsr.compare(methods=["bilinear"], truth=rate, progress=False)
    assert "counts" not in other.truth_noise_source.values


def test_gaps_of_the_truth(painting: Painting) -> None:
    counts = np.random.default_rng(0).poisson(painting.truth.intensity.values).astype(np.float32)
    counts[:, 5:9, 20:] = np.nan
    truth = replaced(painting.truth, counts)
    compared = painting.scan.xrfsr.compare(methods=["kriging"], truth=truth, progress=False)
    np.testing.assert_allclose(compared.truth_noise**2, np.nanmean(counts, (1, 2)), rtol=1e-4)
    assert compared.score.notnull().all()
    array = painting.scan.intensity.xrfsr.compare(methods=["kriging"], truth=truth.intensity, progress=False)
    np.testing.assert_array_equal(array.score, compared.score)


@pytest.mark.parametrize("sigma", [0.05, 1.0, 20.0])
def test_white_noise_is_estimated_on_smooth_maps(sigma: float) -> None:
    y, x = np.mgrid[:96, :128] / 96
    smooth = 100 * np.sin(3 * y) * np.cos(2 * x)
    found = [
        estimate_white_noise(smooth + sigma * np.random.default_rng(seed).standard_normal(smooth.shape))
        for seed in range(5)
    ]
    np.testing.assert_allclose(found, sigma, rtol=0.08)


def test_what_is_no_white_noise_has_no_estimate(painting: Painting) -> None:
    random = np.random.default_rng(0)
    white = random.standard_normal((96, 128))
    blurred = white[1:] + white[:-1]
    quantised = np.round(white / 2)
    display = np.clip(white - 1, 0, None)
    for plane in (*painting.truth.intensity.values, blurred, quantised, display, np.ones((50, 50)), white[:20, :20]):
        assert np.isnan(estimate_white_noise(plane))
    for shape in ((1, 500), (2, 2), (500, 2)):
        assert np.isnan(estimate_white_noise(np.zeros(shape)))
    white[10:14] = np.nan
    assert estimate_white_noise(white) == pytest.approx(1, rel=0.08)

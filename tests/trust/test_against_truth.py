"""Measures of fine maps: values, gaps, laziness, and what is refused."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import pint_xarray  # noqa: F401 - gives xarray objects their .pint
import pytest
import xarray as xr

from xrfsr import InvalidInput, as_scan
from xrfsr.trust.against_truth import quality
from xrfsr.trust.measures import edge_sharpness, ratio_errors, ssim

LINES = ["Ca-K", "Pb-L", "Compton"]


def maps(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.kron(random.gamma(2.0, 10.0, (3, 6, 8)), np.ones((5, 5))) + random.random((3, 30, 40))


@pytest.fixture
def truth() -> xr.Dataset:
    return as_scan(maps(), LINES, "0.25 mm")


@pytest.fixture
def fine(truth: xr.Dataset) -> xr.Dataset:
    noisy = np.abs(truth.intensity.values + np.random.default_rng(1).standard_normal(truth.intensity.shape))
    return as_scan(noisy, LINES, "0.25 mm").assign_attrs(xrfsr_scale=4.0)


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("something was computed")


def arrays(*scans: xr.Dataset) -> list[np.ndarray]:
    return [scan.intensity.values.astype(np.float64) for scan in scans]


def test_errors_are_those_of_their_formulas(fine: xr.Dataset, truth: xr.Dataset) -> None:
    found, (f, t) = quality(fine, truth), arrays(fine, truth)
    peak = t.max((1, 2))
    rmse = np.sqrt(((f - t) ** 2).mean((1, 2))) / peak
    np.testing.assert_allclose(found.rmse, rmse, rtol=1e-6)
    np.testing.assert_allclose(found.psnr, -20 * np.log10(rmse), rtol=1e-6)
    np.testing.assert_allclose(found.peak, peak)
    assert found.peak.attrs["units"] == "count"
    # Scatter is measured, and not pooled.
    pooled = np.sqrt((rmse[:2] ** 2).mean())
    np.testing.assert_allclose([found.pooled_rmse, found.pooled_psnr], [pooled, -20 * np.log10(pooled)], rtol=1e-6)
    relative = (((f - t) ** 2).mean((1, 2)) / t.mean((1, 2)) ** 2)[:2]
    np.testing.assert_allclose(found.ergas, 100 / 4 * np.sqrt(relative.mean()), rtol=1e-6)
    cosine = (f * t)[:2].sum(0) / np.sqrt((f[:2] ** 2).sum(0) * (t[:2] ** 2).sum(0))
    np.testing.assert_allclose(found.spectral_angle, np.degrees(np.arccos(cosine)).mean(), rtol=1e-5)
    assert all(found[name].attrs["long_name"] and found[name].attrs["units"] for name in found)


def test_structural_similarity_is_that_of_scikit_image(fine: xr.Dataset, truth: xr.Dataset) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    found = quality(fine, truth).ssim
    for line, (f, t) in enumerate(zip(*arrays(fine, truth), strict=True)):
        wanted = metrics.structural_similarity(
            t, f, data_range=t.max(), gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        np.testing.assert_allclose(found[line], wanted, rtol=1e-9)


def test_the_truth_itself_is_perfect(truth: xr.Dataset) -> None:
    found = quality(truth, truth, scale=4)
    for name, perfect in [("rmse", 0), ("psnr", np.inf), ("ssim", 1), ("edge_sharpness", 1), ("pooled_rmse", 0)]:
        np.testing.assert_allclose(found[name], perfect, err_msg=name)
    assert found.ergas == 0
    assert found.spectral_angle < 1e-4
    assert found.ratio_error[0, 1] == found.ratio_error[1, 0] == 0
    assert np.isnan(found.ratio_error.values[[0, 1, 2, 2], [0, 1, 0, 1]]).all()


def test_blurred_edges_and_noise(truth: xr.Dataset) -> None:
    blurred = truth.copy(
        data={"intensity": truth.intensity.rolling(x=3, y=3, center=True, min_periods=1).mean().values}
    )
    assert (quality(blurred, truth).edge_sharpness < 0.5).all()
    (t,) = arrays(truth)
    noisy = t[0] + 5 * np.random.default_rng(2).standard_normal(t[0].shape)
    assert abs(edge_sharpness(noisy, t[0]) - 1) < 0.1
    assert edge_sharpness(0.5 * t[0], t[0], (0.3, 0.2)) == pytest.approx(0.5)
    assert np.isnan(edge_sharpness(t[0], np.ones_like(t[0])))
    assert edge_sharpness(t[0][:1], t[0][:1]) == 1
    assert np.isnan(edge_sharpness(t[0][:1, :1], t[0][:1, :1]))


def test_errors_of_ratios() -> None:
    t, both = np.full((2, 4, 4), 10.0), np.array([True, True])
    f = t * np.array([1.5, 1.2])[:, None, None]
    assert ratio_errors(f, t, both)[0, 1] == pytest.approx(0.25)
    assert ratio_errors(t, f, both)[0, 1] == pytest.approx(0.25)
    f[0, :3] = 0  # a line that is lost in most pixels
    assert ratio_errors(f, t, both)[0, 1] == np.inf
    t[0, :3] = 0.5  # and was hardly there
    assert ratio_errors(f, t, both)[0, 1] == pytest.approx(0.25)
    t[1] = np.nan
    assert np.isnan(ratio_errors(f, t, both)).all()


def test_gaps_count_nowhere(fine: xr.Dataset, truth: xr.Dataset) -> None:
    wrong, valid = fine.intensity.values.copy(), np.ones((30, 40), bool)
    wrong[:, 5:9, 7:12] = 1e6
    valid[5:9, 7:12] = False
    masked = fine.copy(data={"intensity": wrong}).assign_coords(valid=(("y", "x"), valid))
    missing = truth.where(xr.DataArray(valid, dims=("y", "x")))
    missing.attrs = truth.attrs
    one, other = quality(masked, truth), quality(fine, missing)
    xr.testing.assert_allclose(one, other)
    whole = quality(fine, truth)
    for name in ("rmse", "ssim", "spectral_angle", "ergas"):
        np.testing.assert_allclose(one[name], whole[name], rtol=0.1, err_msg=name)
    nothing = quality(fine.where(fine.line != "Ca-K"), truth)
    for name in ("rmse", "psnr", "ssim", "edge_sharpness", "ratio_error"):
        assert np.isnan(nothing[name][0]).all(), name
    assert np.isnan(nothing.spectral_angle)
    np.testing.assert_allclose(nothing.pooled_rmse, whole.rmse[1], rtol=1e-6)
    assert np.isnan(ssim(wrong[0][:8], wrong[0][:8], 1.0))


def test_lines_in_any_order_and_other_forms(fine: xr.Dataset, truth: xr.Dataset) -> None:
    wanted = quality(fine, truth)
    xr.testing.assert_identical(quality(fine, truth.isel(line=[2, 0, 1])), wanted)
    xr.testing.assert_identical(quality(fine.transpose("x", "line", "y"), truth.pint.quantify()), wanted)
    array = fine.intensity.assign_attrs(xrfsr_scale=4.0)
    xr.testing.assert_identical(array.xrfsr.quality(truth.intensity), wanted)
    one = fine.sel(line="Pb-L").xrfsr.quality(truth)
    assert one.line.values.tolist() == ["Pb-L"]
    assert one.rmse[0] == wanted.rmse.sel(line="Pb-L")
    assert np.isnan(one.spectral_angle)
    moved = truth.assign_coords(x=truth.x + 1e-9)
    np.testing.assert_array_equal(
        quality(fine, moved.assign_coords(x=moved.x.assign_attrs(units="mm"))).psnr, wanted.psnr
    )


def test_negative_values_and_no_scale(fine: xr.Dataset, truth: xr.Dataset) -> None:
    found = quality((fine - 30.0).assign(intensity=fine.intensity - 30), truth)
    assert np.isfinite(found.rmse).all()
    bare = fine.drop_attrs()
    bare.intensity.attrs["units"] = "count"
    bare.x.attrs["units"] = bare.y.attrs["units"] = "mm"
    assert np.isnan(quality(bare, truth).ergas)
    assert quality(bare, truth, scale=2).ergas == 2 * quality(bare, truth, scale=4).ergas


def test_nothing_is_computed_of_dask_arrays(fine: xr.Dataset, truth: xr.Dataset) -> None:
    with dask.config.set(scheduler=never):
        lazy = [quality(fine.chunk(y=7, line=1), truth), fine.xrfsr.quality(truth.chunk(x=9))]
    for each in lazy:
        assert all(each[name].chunks is not None for name in each)
        xr.testing.assert_identical(each.compute(), quality(fine, truth))


def test_every_fault_at_once(fine: xr.Dataset, truth: xr.Dataset) -> None:
    other = truth.isel(x=slice(0, 20)).assign(intensity=truth.intensity[..., :20].assign_attrs(units="count/s"))
    with pytest.raises(InvalidInput) as caught:
        quality(fine, other, scale=0.5)
    for part in (
        "scale must be a number ≥ 1, such as 4, got 0.5",
        "truth: the grid must be that of fine",
        "resample it: truth.xrfsr.resample(like=fine)",
        "truth: the unit must be that of fine, count, got count/s",
    ):
        assert part in str(caught.value)
    with pytest.raises(InvalidInput, match="truth: there is no Ca-K, which fine has; it has Pb-L, Compton"):
        quality(fine, truth.isel(line=[1, 2]))
    with pytest.raises(InvalidInput, match=r"fine: a Dataset with 'intensity' .* is needed") as caught:
        quality("fine.zarr", None)  # type: ignore[arg-type]
    assert "truth: " in str(caught.value)

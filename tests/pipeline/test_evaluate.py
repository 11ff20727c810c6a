"""One method on the user's own scan: the protocol, its options, and what is refused."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.simulate import Painting


@pytest.fixture(scope="module")
def painting() -> Painting:
    return xrfsr.simulate.painting(96, 128, 4, seed=20, lines=["Ca-K", "Fe-K", "Pb-L"])


def replaced(scan: xr.Dataset, maps: np.ndarray) -> xr.Dataset:
    """Return a scan with other maps, and no uncertainty."""
    return scan[["intensity"]].copy(data={"intensity": maps.astype(np.float32)})


def measures(found: xr.Dataset) -> xr.Dataset:
    """Return the measures alone."""
    return found.drop_vars("seconds", errors="ignore").reset_coords(drop=True)


def test_it_is_the_quality_of_the_restored_scan(painting: Painting) -> None:
    options = {"method": "gsa", "projected": True, "seed": 3}
    found = painting.scan.xrfsr.evaluate(painting.rgb, 2, **options)
    fine = painting.scan.xrfsr.resample(scale=1 / 2).xrfsr.superresolve(painting.rgb, 2, **options)
    wanted = fine.xrfsr.quality(painting.scan)
    xr.testing.assert_equal(measures(found)[list(wanted)], measures(wanted))
    assert found.attrs == {"algorithm": "gsa", "scale": 2.0}
    assert found.seconds.attrs["units"] == "s"


def test_it_agrees_with_compare(painting: Painting) -> None:
    noisy = replaced(painting.scan, np.random.default_rng(0).poisson(painting.scan.intensity / 50))
    found = noisy.xrfsr.evaluate(scale=2, method="kriging")
    compared = noisy.xrfsr.compare(scale=2, methods=["kriging"], progress=False).isel(algorithm=0)
    for metric in ("rmse", "psnr", "rmse_corrected", "psnr_corrected"):
        np.testing.assert_array_equal(found[metric], compared.score.sel(metric=metric))
        np.testing.assert_array_equal(found[f"pooled_{metric}"], compared.pooled.sel(metric=metric))
    for name in ("ssim", "edge_sharpness", "ratio_error", "spectral_angle", "ergas"):
        np.testing.assert_array_equal(found[name], compared[name])
        assert found[name].attrs == compared[name].attrs
    assert found.truth_noise_source.values.tolist() == ["counts"] * 3
    xr.testing.assert_identical(found.truth_noise.variable, compared.truth_noise.variable)


def test_what_a_result_has_along_the_lines_comes_along(painting: Painting) -> None:
    few = {"steps": 3, "K": 2, "M": 8, "inputs": "bilinear", "views": "pixel"}
    found = painting.scan.xrfsr.evaluate(painting.rgb, 2, progress=False, refine=None, prior=False, **few)
    assert {"photo_gain", "guided_share"} <= set(found.coords)
    assert found.attrs["algorithm"] == "unfolding"


def test_lazy_scans_arrays_and_masks(painting: Painting) -> None:
    wanted = painting.scan.xrfsr.evaluate(scale=2, method="bilinear")
    for scan in (painting.scan.chunk(y=10), painting.scan.intensity):
        found = scan.xrfsr.evaluate(scale=2, method="bilinear")
        assert not any(isinstance(each.data, dask.array.Array) for each in found.variables.values())
        xr.testing.assert_allclose(measures(found), measures(wanted), rtol=1e-5)
    valid = np.ones(painting.scan.intensity.shape[1:], bool)
    valid[:4, :4] = False
    spoilt = painting.scan.intensity.values.copy()
    spoilt[:, :4, :4] = 1e6
    masked = replaced(painting.scan, spoilt).assign_coords(valid=(("y", "x"), valid))
    np.testing.assert_allclose(masked.xrfsr.evaluate(scale=2, method="bilinear").ergas, wanted.ergas, rtol=0.3)


def test_every_fault_at_once(painting: Painting) -> None:
    with pytest.raises(InvalidInput) as caught:
        painting.scan.xrfsr.evaluate(painting.rgb, 2, method="gsa", projekted=True, seed=-1, footprint="gauss")
    for part in ("did you mean 'projected'?", "seed must be an integer ≥ 0, got -1", "did you mean 'gaussian'?"):
        assert part in str(caught.value)
    with pytest.raises(
        InvalidInput, match=r"made 4 times coarser, 6 x 8 pixels.*: use scale=3 or less, or use a larger scan"
    ):
        painting.scan.xrfsr.evaluate(painting.rgb)
    with pytest.raises(InvalidInput, match="none was given; open one with"):
        painting.scan.xrfsr.evaluate(scale=2)
    with pytest.raises(InvalidInput, match="a photo was passed as the scan"):
        painting.rgb.xrfsr.evaluate(painting.scan)

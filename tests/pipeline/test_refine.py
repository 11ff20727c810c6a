"""The place of the photo, refined in `superresolve` and by itself."""

from __future__ import annotations

import json
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr import simulate

LINES = ["Hg-L", "Pb-L", "Fe-K", "Ca-K"]
FINE = 0.25  # mm
QUICK: dict[str, Any] = {"method": "guided_filter", "progress": False}


@pytest.fixture(scope="module")
def painting() -> tuple[xr.Dataset, xr.DataArray, xr.DataArray]:
    """A scan, its photo, and the photo registered two fine pixels too far to the right and one too high."""
    _, scan, rgb = simulate.painting(96, 96, seed=1, lines=LINES, scale=4)
    wrong = rgb.copy(data=np.roll(rgb.values, (-1, 2), axis=(1, 2)))
    return scan, rgb, wrong


def shift_of(fine: xr.Dataset) -> tuple[float, float]:
    y, x = json.loads(fine.attrs["xrfsr_shift_mm"])
    return y, x


def test_a_photo_that_lies_wrong_is_moved(painting: tuple[xr.Dataset, xr.DataArray, xr.DataArray]) -> None:
    scan, rgb, wrong = painting
    right = scan.xrfsr.superresolve(rgb, refine=None, **QUICK).intensity
    with pytest.warns(UserWarning, match=r"moved by .* mm along y and -0\.\d+ mm along x, more than half a pixel"):
        fine = scan.xrfsr.superresolve(wrong, **QUICK)
    np.testing.assert_allclose(shift_of(fine), (FINE, -2 * FINE), atol=FINE / 4)
    for name, shift in zip(("photo_shift_y", "photo_shift_x"), shift_of(fine), strict=True):
        np.testing.assert_allclose(fine[name], np.full(len(LINES), shift), rtol=1e-6)
    left = scan.xrfsr.superresolve(wrong, refine=None, **QUICK)
    assert not {"photo_shift_y", "photo_shift_x"} & set(left.coords)
    assert "xrfsr_shift_mm" not in left.attrs

    def distance(made: xr.DataArray) -> float:
        return float(((made - right) ** 2).mean())

    assert distance(fine.intensity) < 0.1 * distance(left.intensity)


def test_a_photo_in_its_place_gives_the_same_bits(scan: xr.Dataset, photo: xr.DataArray) -> None:
    fine = scan.xrfsr.superresolve(photo, **QUICK)
    assert shift_of(fine) == (0, 0)
    np.testing.assert_array_equal(fine.intensity, scan.xrfsr.superresolve(photo, refine=None, **QUICK).intensity)


@pytest.mark.filterwarnings("ignore:the photo was moved")
def test_a_lazy_result_is_that_in_memory(painting: tuple[xr.Dataset, xr.DataArray, xr.DataArray]) -> None:
    scan, _, wrong = painting
    direct = scan.xrfsr.superresolve(wrong, **QUICK)

    def nothing(*_: object, **__: object) -> None:
        raise AssertionError("computed while the graph is built")

    with dask.config.set(scheduler=nothing):
        lazy = scan.chunk(y=12).xrfsr.superresolve(wrong.chunk(x=50), chunk=48, **QUICK)
        assert lazy.photo_shift_x.chunks is not None
    # The windows of the search are the same.
    for name, shift in zip(("photo_shift_y", "photo_shift_x"), shift_of(direct), strict=True):
        np.testing.assert_allclose(lazy[name], np.full(len(LINES), shift), rtol=1e-6)
    np.testing.assert_allclose(lazy.intensity, direct.intensity, atol=1e-4 * float(direct.intensity.max()))


@pytest.mark.filterwarnings("ignore:the photo was moved")
def test_the_photo_may_be_finer_than_the_result(painting: tuple[xr.Dataset, xr.DataArray, xr.DataArray]) -> None:
    scan, _, wrong = painting
    finer = xr.DataArray(wrong.values.repeat(3, axis=1).repeat(3, axis=2), {"band": wrong.band}, ("band", "y", "x"))
    finer = xrfsr.as_photo(np.moveaxis(finer.values, 0, -1), like=scan)
    np.testing.assert_allclose(shift_of(scan.xrfsr.superresolve(finer, **QUICK)), (FINE, -2 * FINE), atol=FINE / 4)


@pytest.mark.filterwarnings("ignore:the photo was moved")
def test_gaps_are_no_edges(painting: tuple[xr.Dataset, xr.DataArray, xr.DataArray]) -> None:
    scan, _, wrong = painting
    scan = scan.assign(intensity=scan.intensity.where(np.random.default_rng(0).random((24, 24)) > 0.05))
    fine = scan.xrfsr.superresolve(wrong.where((wrong.y < 5) | (wrong.y > 8) | (wrong.x > 6)), **QUICK)
    np.testing.assert_allclose(shift_of(fine), (FINE, -2 * FINE), atol=FINE / 3)


@pytest.mark.filterwarnings("ignore:the photo was moved")
def test_a_photo_can_be_refined_by_itself(painting: tuple[xr.Dataset, xr.DataArray, xr.DataArray]) -> None:
    scan, rgb, wrong = painting
    moved = xrfsr.refine_registration(wrong, scan)
    assert moved.sizes == rgb.sizes
    xr.testing.assert_allclose(moved.y, rgb.y)
    np.testing.assert_allclose(moved.attrs["shift_mm"], (FINE, -2 * FINE), atol=FINE / 4)
    inner = (slice(None), slice(4, -4), slice(4, -4))
    assert np.abs(moved.values - rgb.values)[inner].mean() < 0.2 * np.abs(wrong.values - rgb.values)[inner].mean()
    # Refined again, it stays.
    again = xrfsr.refine_registration(moved, scan)
    assert max(map(abs, again.attrs["shift_mm"])) < FINE / 4
    lazy = xrfsr.refine_registration(wrong.chunk(y=40), scan)
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy, moved)


@pytest.mark.filterwarnings("ignore:the photo was moved")
def test_methods_are_compared_with_the_photo_in_one_place(
    painting: tuple[xr.Dataset, xr.DataArray, xr.DataArray],
) -> None:
    scan, _, wrong = painting
    truth = simulate.painting(96, 96, seed=1, lines=LINES, scale=4).truth
    options: dict[str, Any] = {"methods": ["guided_filter", "bilinear"], "truth": truth, "progress": False}
    refined = scan.xrfsr.compare(wrong, **options).pooled.sel(metric="psnr")
    left = scan.xrfsr.compare(wrong, refine=None, **options).pooled.sel(metric="psnr")
    assert float(refined.sel(algorithm="guided_filter")) > float(left.sel(algorithm="guided_filter")) + 0.1
    assert float(refined.sel(algorithm="bilinear")) == float(left.sel(algorithm="bilinear"))


def test_what_refine_may_be(scan: xr.Dataset, photo: xr.DataArray) -> None:
    with pytest.raises(xrfsr.InvalidInput, match="refine must be 'shift', 'affine' or None, got 'shfit'"):
        scan.xrfsr.superresolve(photo, refine="shfit", **QUICK)

"""Pixels brought together: by `bin`, by `resample`, and what is said of `coarsen`."""

from __future__ import annotations

import re
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.processing import bin as binned


@pytest.fixture
def scan() -> xr.Dataset:
    """A scan of 11 x 14 pixels of 0.5 x 0.25 mm with a mask, gaps and an uncertainty."""
    rng = np.random.default_rng(0)
    maps = rng.poisson(300, (2, 11, 14)).astype(float)
    maps[0, 3, 5] = np.nan
    valid = rng.random((11, 14)) > 0.1
    scan = xrfsr.as_scan(maps, ["Ca-K", "Pb-L"], ("0.5 mm", "0.25 mm"), uncertainty=np.sqrt(maps), valid=valid)
    return scan.assign_attrs(painting="A")


def blocks(array: np.ndarray[Any, Any], down: int, across: int) -> np.ndarray[Any, Any]:
    """Blocks of whole pixels as the last two axes."""
    rows, columns = array.shape[-2] // down, array.shape[-1] // across
    kept = array[..., : rows * down, : columns * across]
    return kept.reshape(*array.shape[:-2], rows, down, columns, across).swapaxes(-3, -2)


@pytest.mark.parametrize("by", [2, 3, (1, 4), (5, 1), np.int64(2), [2, 3], np.array([2, 2])])
def test_means_of_whole_pixels(scan: xr.Dataset, by: Any) -> None:
    down, across = by if np.ndim(by) else (by, by)
    made = scan.xrfsr.bin(by)
    assert made.xrfsr.grid.spacing == (0.5 * down, 0.25 * across)
    assert (made.y[0], made.x[0]) == (0.25 * down, 0.125 * across)
    maps, sigma = scan.intensity.values, scan.uncertainty.values
    np.testing.assert_allclose(made.intensity, blocks(maps, down, across).mean((-2, -1)), rtol=1e-6)
    variance = blocks(sigma.astype(float) ** 2, down, across).mean((-2, -1)) / (down * across)
    np.testing.assert_allclose(made.uncertainty, np.sqrt(variance), rtol=1e-6)
    np.testing.assert_array_equal(made.valid, blocks(scan.valid.values, down, across).all((-2, -1)))
    assert made.attrs == {"painting": "A", "binned": f"{down} x {across} pixels, mean"}
    xr.testing.assert_identical(made.xrfsr.validate(), made)


@pytest.mark.parametrize("by", [2, 3, (3, 7)])
def test_sums_of_counts_stay_whole(scan: xr.Dataset, by: Any) -> None:
    down, across = by if np.ndim(by) else (by, by)
    made = scan.xrfsr.bin(by, how="sum")
    expected = blocks(scan.intensity.values, down, across).sum((-2, -1))
    np.testing.assert_array_equal(made.intensity, expected)
    np.testing.assert_allclose(made.uncertainty**2, expected, rtol=1e-6)
    assert made.intensity.dtype == np.float32
    assert made.attrs["binned"] == f"{down} x {across} pixels, sum"


def test_a_single_array_a_photo_and_lazy_maps(scan: xr.Dataset) -> None:
    for how in ("mean", "sum"):
        expected = scan.xrfsr.bin(2, how=how)
        xr.testing.assert_allclose(scan.intensity.xrfsr.bin(2, how=how), expected.intensity)
        with dask.config.set(scheduler=lambda *_, **__: pytest.fail("computed")):
            lazy = scan.chunk(y=3, x=5).xrfsr.bin(2, how=how)
        xr.testing.assert_allclose(lazy.compute(), expected)
    photo = xrfsr.as_photo(np.random.default_rng(1).random((22, 28, 3)), like=scan)
    np.testing.assert_allclose(photo.xrfsr.bin(2), photo.coarsen(y=2, x=2).mean(), rtol=1e-6)
    turned = scan.isel(y=slice(None, None, -1), x=slice(1, None))
    assert turned.xrfsr.bin(2).y.values.tolist() == [5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("pixels", "options", "text"),
    [
        (0, {}, "pixels must be an integer ≥ 1, or a pair (y, x) of them, such as 2, got 0"),
        (2.0, {}, "got 2.0"),
        ("2 mm", {}, "got '2 mm'"),
        ((1, 2, 3), {}, "got (1, 2, 3)"),
        ((2, 15), {}, "pixels must be at most 11 x 14, the size of the scan, got (2, 15)"),
        (2, {"how": "median"}, "how must be one of 'mean', 'sum', got 'median'"),
    ],
)
def test_other_blocks_are_refused(scan: xr.Dataset, pixels: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)):
        binned(scan, pixels, **options)


def test_only_counts_are_summed(scan: xr.Dataset) -> None:
    rate = scan.xrfsr.normalise(dwell=0.1)
    with pytest.raises(InvalidInput, match="how='sum' needs counts, got maps in 'count/s'; leave it out"):
        rate.xrfsr.bin(2, how="sum")
    assert rate.xrfsr.bin(2).intensity.attrs["units"] == "count/s"


@pytest.mark.parametrize("size", ["2 mm", "0.7 mm", ("0.6 mm", 1.1), "0.2 mm", ("500 um", "0.25 mm"), "1.3 mm"])
@pytest.mark.parametrize("flip", [1, -1])
def test_resampled_pixels_have_exactly_the_size_that_was_asked_for(scan: xr.Dataset, size: Any, flip: int) -> None:
    scan = scan.isel(y=slice(None, None, flip))
    made = scan.xrfsr.resample(pixel_size=size)
    asked = tuple(xrfsr.core.units.pair_to_mm(size))
    np.testing.assert_allclose(made.xrfsr.grid.spacing, asked, rtol=1e-12)
    for name, step in zip(("y", "x"), asked, strict=True):
        before, after = (getattr(each.xrfsr.grid, name) for each in (scan, made))
        start = [axis.first - axis.step / 2 for axis in (before, after)]
        assert start[0] == pytest.approx(start[1], abs=1e-9)
        assert abs(after.extent - before.extent) <= step / 2 + 1e-9
    if min(asked) > 0.5:  # means over areas, in tenths of an old pixel
        maps = scan.intensity.fillna(1.0)
        rows, columns = (round(step / tenth) for step, tenth in zip(asked, (0.05, 0.025), strict=True))
        expected = blocks(maps.values.repeat(10, axis=1).repeat(10, axis=2), rows, columns).mean((-2, -1))
        inside = maps.xrfsr.resample(pixel_size=size).values[:, : expected.shape[1], : expected.shape[2]]
        np.testing.assert_allclose(inside, expected, rtol=1e-5)


def test_pixels_larger_than_the_scan_are_refused(scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput, match=r"pixels of 20 x 20 mm are too large for a grid of 5\.5 x 3\.5 mm"):
        scan.xrfsr.resample(pixel_size="2 cm")


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda scan: scan.coarsen(y=2, x=2, boundary="trim").mean(), "use ds.assign_coords(valid=ds.valid == 1); "),
        (
            lambda scan: scan.reset_coords("valid").coarsen(y=2, x=2, boundary="trim").sum(),
            "use ds.assign_coords(valid=ds.valid == 4); ",
        ),
        (lambda scan: scan.assign_coords(valid=scan.valid * 0.5), "use ds.assign_coords(valid=ds.valid == 1); "),
        (lambda scan: scan.assign_coords(valid=scan.valid.astype("u1")), "use valid != 0"),
        (lambda scan: scan.assign_coords(valid=scan.valid.astype("u1") * np.uint8(255)), "use valid != 0"),
        (lambda scan: scan.assign_coords(valid=scan.valid.astype(float)), "use valid != 0"),
        (lambda scan: scan.assign_coords(valid=scan.valid.astype(str)), "use True for pixels that count"),
        (lambda scan: scan.chunk().coarsen(y=2, x=2, boundary="trim").mean(), "ds.valid == ds.valid.max()"),
    ],
)
def test_a_mask_of_numbers_is_refused_with_the_right_advice(scan: xr.Dataset, made: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)) as caught:
        made(scan).xrfsr.validate()
    if "==" in text:
        assert "scan.xrfsr.bin(2) brings pixels together with mask and uncertainty" in str(caught.value)


def test_the_advice_for_a_coarsened_mask_is_right(scan: xr.Dataset) -> None:
    coarse = scan.coarsen(y=2, x=2, boundary="trim", coord_func={"valid": "mean"}).mean()
    coarse = coarse.assign_coords(valid=coarse.valid == 1)
    xr.testing.assert_equal(coarse.valid, scan.xrfsr.bin(2).valid)

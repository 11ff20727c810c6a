"""Processing finds what was put in, keeps what is real, and records every step."""

from __future__ import annotations

from pathlib import Path

import dask
import numpy as np
import pytest
import tifffile
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.processing import crop, mask_dead_rows, mask_outliers, normalise, shift_rows, stitch
from xrfsr.processing.rows import row_shift


def counts(seed: int = 0, shape: tuple[int, int] = (60, 80), level: float = 30.0, size: float = 0.5) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random((3, *shape)), (0, 4, 4))
    maps = rng.poisson(level * smooth / smooth.mean())
    return xrfsr.as_scan(maps, ["Ca-K", "Fe-K", "Pb-L"], size, uncertainty=np.sqrt(np.maximum(maps, 1)))


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("computed")


# Cropping


@given(st.data(), st.booleans(), st.booleans())
def test_a_part_has_the_pixels_whose_centres_lie_in_it(data: st.DataObject, up: bool, left: bool) -> None:
    scan = counts(shape=(8, 9)).isel(y=slice(None, None, 1 if up else -1), x=slice(None, None, 1 if left else -1))
    low, high = sorted((data.draw(st.floats(0, 1.7)), data.draw(st.floats(2.3, 4))))
    part = crop(scan, y=(high, low), x=(None, f"{high} mm"))
    expected = scan.where((scan.y >= low) & (scan.y <= high) & (scan.x <= high), drop=True)
    xr.testing.assert_equal(part["intensity"], expected["intensity"])


def test_photos_and_lazy_scans_are_cropped_too(scan: xr.Dataset, photo: xr.DataArray) -> None:
    assert crop(photo, x=(2, 4)).sizes == {"band": 3, "y": 48, "x": 16}
    with dask.config.set(scheduler=refuse):
        assert scan.chunk(y=4).xrfsr.crop(y=(1, 3)).sizes["y"] == 4


def test_parts_that_are_none(scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput) as caught:
        crop(scan, y=(100, 200), x="3 mm")
    assert len(caught.value.faults) == 2
    caught.match(r"y must contain the centre .* between 0 and 6 mm, in steps of 0\.5, got \(100, 200\)")
    caught.match(r"x must be a pair of lengths such as \(10, '2\.5 cm'\), got '3 mm'")


# Dwell time


@given(st.floats(1e-3, 100), st.floats(0, 0.9))
def test_rates_times_time_are_counts_again(seconds: float, deaf: float) -> None:
    scan = counts(shape=(5, 6))
    rate = normalise(scan, dwell=seconds, dead_time=deaf)
    np.testing.assert_allclose(rate["intensity"] * seconds * (1 - deaf), scan["intensity"], rtol=1e-5)
    np.testing.assert_allclose(rate["uncertainty"] * seconds * (1 - deaf), scan["uncertainty"], rtol=1e-5)
    assert rate["uncertainty"].attrs["units"] == rate["intensity"].attrs["units"] == "count/s"
    assert rate["intensity"].dtype == np.float32


def test_times_of_rows_and_pixels_lazily(scan: xr.Dataset) -> None:
    rows = np.linspace(0.1, 0.2, 12)
    with dask.config.set(scheduler=refuse):
        lazy = scan.chunk(line=1).xrfsr.normalise(live_time=rows)
    np.testing.assert_allclose(lazy["intensity"][:, 3], scan["intensity"][:, 3] / rows[3], rtol=1e-6)
    assert lazy.attrs["normalised"] == "counts / live time 0.1 to 0.2 s"
    field = xr.DataArray(np.outer(rows, np.ones(16)), dims=("y", "x")).transpose("x", "y")
    np.testing.assert_allclose(normalise(scan, dwell=field)["intensity"], lazy["intensity"], rtol=1e-6)


def test_faults_of_times_come_together(scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise(scan.assign(intensity=scan["intensity"].assign_attrs(units="count/s")), dwell="20 px", dead_time=1.5)
    assert len(caught.value.faults) == 3
    for part in ("units of the scan must be 'count'", "such as '20 ms', got '20 px'", "got values from 1.5"):
        caught.match(part)
    for wrong, message in (
        ({}, "got neither"),
        ({"dwell": 1, "live_time": 1}, "got both"),
        ({"live_time": 1, "dead_time": 0.1}, "dead_time with dwell only"),
        ({"dwell": np.zeros((12, 16))}, "dwell must be a time from 1e-09"),
        ({"dwell": [0.1, np.nan] + [0.1] * 10}, "dwell must be a time from 1e-09"),
        ({"dwell": np.ones(3)}, r"dwell must be .* got an array of shape \(3,\)"),
    ):
        with pytest.raises(InvalidInput, match=message):
            normalise(scan, **wrong)  # type: ignore[arg-type]


# Outliers and dead rows


@pytest.mark.parametrize("level", [3.0, 30.0, 300.0])
def test_hot_pixels_are_found_and_noise_is_not(level: float) -> None:
    scan = counts(level=level, shape=(200, 200))
    assert mask_outliers(scan).attrs["outliers_masked"] == "0 in single maps, 0 in all"
    rng = np.random.default_rng(1)
    y, x = (rng.permutation(np.arange(3, 197))[:60] for _ in range(2))
    scan["intensity"][0].values[y, x] += 60 + 14 * np.sqrt(level)
    masked = scan.xrfsr.mask_outliers()
    gone = np.isnan(masked["intensity"].values)
    assert gone[0, y, x].mean() > 0.95
    assert gone.sum() == gone[0, y, x].sum()
    np.testing.assert_array_equal(np.isnan(masked["uncertainty"]), gone)
    assert masked.attrs["outliers_masked"] == f"{gone.sum()} in single maps, 0 in all"


def test_what_is_real_stays() -> None:
    scan = counts(level=30)
    maps = scan["intensity"].values
    maps[0, 20] = 3000  # a line of one pixel
    maps[0, 30:32, 40] = 3000  # a grain of two
    maps[:2, 10, 10] = 3000  # a grain that two elements show, of three
    result = mask_outliers(scan.drop_vars("uncertainty"))
    assert np.isfinite(result["intensity"][0, 20]).all()
    assert np.isfinite(result["intensity"][0, 30:32, 40]).all()
    assert np.isfinite(result["intensity"][:, 10, 10]).all()


def test_a_spark_in_most_maps_is_not_valid() -> None:
    scan = counts()
    scan["intensity"].values[:, 10, 10] = 5000
    result = mask_outliers(scan)
    assert not result["valid"][10, 10]
    assert int((~result["valid"]).sum()) == 1


def test_few_pixels_of_real_scans_are_called_outliers(shared: Path) -> None:
    files = sorted((shared / "amnh_obj1").glob("??.tif")) or sorted((shared / "amnh_obj1").glob("*.tif"))
    files = [file for file in files if "guide" not in file.name][:5]
    maps = np.array([tifffile.imread(file) for file in files])
    scan = xrfsr.as_scan(maps, ["Si-K", "Mg-K", "Fe-K", "Ca-K", "Al-K"], 0.1)
    lost = np.isnan(mask_outliers(scan)["intensity"]).mean()
    assert lost < 1e-4
    assert mask_dead_rows(scan).attrs["dead_rows"] == "none"


def test_dead_rows_and_columns() -> None:
    scan = counts()
    maps = scan["intensity"].values
    maps[:, 7] = 0
    maps[:, 21:23] = 0
    maps[:, :, 33] *= 0.1
    maps[:, :4] = 0  # the scan began outside the painting
    result = scan.xrfsr.mask_dead_rows()
    assert (result.attrs["dead_rows"], result.attrs["dead_columns"]) == ("7, 21, 22", "33")
    bad = np.zeros((60, 80), bool)
    bad[[7, 21, 22]] = bad[:, 33] = True
    np.testing.assert_array_equal(~result["valid"], bad)
    again = mask_dead_rows(counts(1))
    assert again.attrs["dead_rows"] == again.attrs["dead_columns"] == "none"
    assert "valid" not in again.coords


def test_a_threshold_that_noise_would_pass(scan: xr.Dataset) -> None:
    with pytest.raises(InvalidInput, match="threshold must be a number of standard deviations ≥ 3, at most"):
        mask_outliers(scan, threshold=1)


# Rows


def zigzag(seed: int, pixels: float) -> xr.Dataset:
    truth, scan, _ = xrfsr.simulate.painting(256, 256, 2, seed, lines=["Ca-K", "Fe-K", "Hg-L", "Pb-L"])
    moved = ndimage.shift(truth["intensity"].values, (0, 0, 2 * pixels), order=1, mode="nearest")
    means = moved.reshape(4, 128, 2, 128, 2).mean((2, 4))
    maps = scan["intensity"].values.copy()
    maps[:, 1::2] = np.random.default_rng(seed).poisson(np.maximum(means, 0))[:, 1::2]
    return scan.assign(intensity=(scan["intensity"].dims, maps, scan["intensity"].attrs))


@pytest.mark.parametrize("seed", range(5))
def test_a_shift_is_found_within_its_error(seed: int) -> None:
    pixels = float(np.random.default_rng(seed).choice([-1, 1]) * np.random.default_rng(seed).uniform(0.2, 2))
    scan = zigzag(seed, pixels)
    found, error = row_shift(scan)
    assert error < 0.02
    assert abs(found - 0.5 * pixels) < max(5 * error, 0.02)
    mended = scan.xrfsr.shift_rows()
    assert mended.attrs["row_shift_mm"] == found
    assert mended.attrs["row_shift_error_mm"] == error
    left, _ = row_shift(mended.fillna(0))
    assert abs(left) < 0.03


@pytest.mark.soak
def test_no_shift_is_rarely_found_where_there_is_none() -> None:
    wrong = 0
    for seed in range(20):
        _, scan, _ = xrfsr.simulate.painting(128, 128, 2, seed, lines=["Fe-K", "Pb-L"])
        found, error = row_shift(scan)
        wrong += abs(found) > max(4 * error, 0.05 * 0.5)
    assert wrong <= 1
    with pytest.warns(UserWarning, match="no row was moved"):
        same = shift_rows(scan)
    np.testing.assert_array_equal(same["intensity"], scan["intensity"])
    assert same.attrs["row_shift_mm"] == 0.0


@given(st.integers(-5, 5))
def test_whole_pixels_move_exactly_and_back(pixels: int) -> None:
    scan = counts(shape=(6, 20))
    there = shift_rows(scan, 0.5 * pixels)
    back = shift_rows(there, f"{-0.5 * pixels} mm")
    seen = back["intensity"].notnull()
    np.testing.assert_array_equal(there["intensity"][:, ::2], scan["intensity"][:, ::2])
    np.testing.assert_array_equal(back["intensity"].where(seen), scan["intensity"].where(seen))
    assert int((~seen).sum()) == 3 * 3 * abs(pixels)
    if pixels:
        np.testing.assert_array_equal(there["valid"], there["intensity"].notnull().all("line"))


def test_between_pixels_variances_add() -> None:
    scan = xrfsr.as_scan(
        np.full((1, 4, 10), 100.0) * np.arange(1, 5)[:, None], ["Ca-K"], 1, uncertainty=np.full((1, 4, 10), 10.0)
    )
    moved = shift_rows(scan, 0.5)
    np.testing.assert_allclose(moved["uncertainty"][0, 1, :-1], np.sqrt(50), rtol=1e-6)
    np.testing.assert_allclose(moved["intensity"][0, 1, :-1], 200)
    with pytest.raises(InvalidInput, match="at most half of the width"):
        shift_rows(scan, "1 m")
    with dask.config.set(scheduler=refuse):
        shift_rows(scan.chunk(line=1), 0.5)


# Stitching


@pytest.mark.soak
@given(st.data())
def test_pieces_of_a_scan_give_the_scan_back(data: st.DataObject) -> None:
    scan = counts(shape=(10, 14))
    cut, overlap = data.draw(st.integers(3, 10)), data.draw(st.integers(0, 3))
    dim = data.draw(st.sampled_from(["y", "x"]))
    cut = min(cut, scan.sizes[dim] - 3)
    pieces = [scan.isel({dim: slice(0, cut + overlap)}), scan.isel({dim: slice(cut, None)})]
    if data.draw(st.booleans()):
        pieces[1] = pieces[1].isel(y=slice(None, None, -1), line=[2, 0, 1])
    order = pieces if data.draw(st.booleans()) else pieces[::-1]
    whole = stitch(order).sel(line=scan["line"].values)
    np.testing.assert_allclose(whole["intensity"], scan["intensity"], rtol=1e-6)
    for name in ("y", "x"):
        np.testing.assert_allclose(whole[name], scan[name], atol=1e-9)
    assert "valid" not in whole.coords


def test_overlaps_are_weighed_by_their_noise_and_gaps_are_missing() -> None:
    flat = np.full((1, 4, 6), 1.0)
    one = xrfsr.as_scan(10 * flat + np.arange(6), ["Ca-K"], 1, uncertainty=flat)
    two = xrfsr.as_scan(20 * flat + np.arange(6), ["Ca-K"], 1, uncertainty=3 * flat, origin=(2, 4))
    whole = stitch([one, two])
    assert whole["intensity"].shape == (1, 6, 10)
    assert float(whole["intensity"][0, 2, 4]) == pytest.approx((14 + 20 / 9) / (1 + 1 / 9))
    assert float(whole["uncertainty"][0, 2, 4]) == pytest.approx(1 / np.sqrt(1 + 1 / 9))
    assert not whole["valid"][0, 9]
    assert np.isnan(whole["intensity"][0, 0, 9])
    assert whole.attrs["stitched"] == "2 scans, 2 x 2 mm covered more than once"


def test_gains_are_matched_on_request_and_recorded() -> None:
    scan = counts(level=300, shape=(20, 30))
    left, right = scan.isel(x=slice(0, 20)), scan.isel(x=slice(12, None))
    half = right.assign({name: right[name] / 2 for name in ("intensity", "uncertainty")})
    with pytest.warns(UserWarning, match=r"scan 2 was multiplied by factors beyond 10 % .*: Ca-K 2, Fe-K 2, Pb-L 2"):
        whole = left.xrfsr.stitch(half, match_gains=True)
    np.testing.assert_allclose(whole["intensity"], scan["intensity"], rtol=1e-4)
    assert whole.attrs["gains"] == "scan 2: Ca-K 2, Fe-K 2, Pb-L 2"


def test_scans_off_the_grid_and_finer_are_brought_onto_it() -> None:
    fine = counts(level=1000, shape=(40, 40), size=0.25)
    whole = stitch([fine.isel(x=slice(0, 20)), fine.isel(x=slice(20, None))], pixel_size="0.5 mm")
    means = fine["intensity"].coarsen(y=2, x=2).mean()
    np.testing.assert_allclose(whole["intensity"], means, rtol=1e-4)


def test_what_does_not_fit_together_is_named(scan: xr.Dataset) -> None:
    other = scan.sel(line=["Ca-K", "Pb-L"]).assign(
        intensity=scan["intensity"].sel(line=["Ca-K", "Pb-L"]).assign_attrs(units="count/s")
    )
    with pytest.raises(InvalidInput) as caught:
        stitch([scan, other])
    caught.match("scan 2 has no Fe-Ka")
    caught.match("scan 2 is in count/s and scan 1 in count")
    far = scan.assign_coords(x=scan["x"] + 1e9)
    far["x"].attrs["units"] = "mm"
    with pytest.raises(InvalidInput, match="the grid over all scans must have at most"):
        stitch([scan, far])
    for wrong in (scan, [scan], 3):
        with pytest.raises(InvalidInput, match="at least two scans"):
            stitch(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="scan 2: there is no coordinate 'line'"):
        stitch([scan, scan.drop_vars("line")])

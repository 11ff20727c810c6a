"""What the main job refuses, and what it says: every fault of scan, photo and arguments at once."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from quick import assert_same

from xrfsr.core.from_arrays import as_scan
from xrfsr.core.grid import Grid
from xrfsr.core.photo import as_photo
from xrfsr.errors import InvalidInput
from xrfsr.pipeline.superresolve import superresolve
from xrfsr.utils.describe import describe

QUICK: dict[str, Any] = {"steps": 3, "pixels": 256, "K": 2, "M": 8, "progress": False, "device": "cpu"}
CHEAP: dict[str, Any] = {"progress": False, "device": "cpu"}


def flipped(obj: Any, *dims: str) -> Any:
    """The same picture, its coordinates running the other way."""
    return obj.isel({dim: slice(None, None, -1) for dim in dims})


def refused(scan: Any, photo: Any, scale: Any = 4, **changes: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        superresolve(scan, photo, scale, **{**QUICK, **changes})
    return caught.value


@pytest.mark.parametrize("scale", [1, 0, -2, 0.5, np.nan, np.inf, True, "4", None, (4, 4), np.bool_(True)])
def test_scales_that_are_none(scan: xr.Dataset, photo: xr.DataArray, scale: Any) -> None:
    error = refused(scan, photo, scale)
    assert error.faults == (f"scale must be a number > 1, such as 4, got {describe(scale)}",)


@pytest.mark.parametrize("scale", [1e9, 10**400, 20_000])
def test_a_scale_by_mistake_does_not_fill_the_memory(scan: xr.Dataset, photo: xr.DataArray, scale: Any) -> None:
    text = "scale must be a number > 1" if scale == 10**400 else "at most 2.1e[+]09 pixels"
    for function in (
        lambda: scan.xrfsr.superresolve(None, scale, method="kriging"),
        lambda: scan.xrfsr.downsampling(scale),
    ):
        with pytest.raises(InvalidInput, match=text):
            function()
    assert "use scale=4 or less" in str(refused(scan, photo, 100))


def test_a_photo_coarser_than_the_result(scan: xr.Dataset, photo: xr.DataArray) -> None:
    error = refused(scan, photo, 6)
    assert error.faults == (
        "the photo is coarser than the result: its pixels are 0.125 x 0.125 mm, those asked for 0.08333 x 0.08333 mm; "
        "use scale=4 or less",
    )
    tiny = as_photo(np.random.default_rng(0).random((9, 12, 3)), like=scan)
    assert "use a sharper photo" in str(refused(scan, tiny))


@pytest.mark.parametrize("pixels", [21, 23, 26, 29, 31])
def test_the_scale_that_is_proposed_is_accepted(photo: xr.DataArray, pixels: int) -> None:
    scan = as_scan(np.random.default_rng(0).random((1, 9, 11)), ["Ca-K"], pixel_size=0.5)
    photo = as_photo(np.random.default_rng(0).random((3, pixels, round(pixels * 11 / 9))), like=scan)
    proposed = re.search(r"use scale=([\d.]+) or less", str(refused(scan, photo, 5)))
    assert proposed
    fine = scan.xrfsr.superresolve(photo, float(proposed[1]), **CHEAP, method="kriging")
    assert pixels - 1 <= fine.sizes["y"] <= pixels


def test_a_photo_from_elsewhere(scan: xr.Dataset, photo: xr.DataArray) -> None:
    moved = photo.assign_coords(x=("x", photo.x.values + 100, {"units": "mm"}))
    error = refused(scan, moved)
    assert len(error.faults) == 1
    assert "do not overlap: the photo covers y 0 to 6, x 100 to 108 mm, the scan y 0 to 6, x 0 to 8 mm" in str(error)


@pytest.mark.parametrize("dims", [(), ("y",), ("y", "x")])
def test_a_photo_of_a_part_says_which(photo: xr.DataArray, dims: tuple[str, ...]) -> None:
    maps = photo.values[:2].reshape(2, 12, 4, 16, 4).mean(axis=(2, 4))
    scan = flipped(as_scan(maps, ["Ca-K", "Fe-K"], pixel_size=0.5), *dims)
    part = photo.isel(y=slice(7, None), x=slice(None, 51))
    error = refused(scan, part)
    assert "the photo covers only part of the scan: y 0.875 to 6, x 0 to 6.375 mm of y 0 to 6, x 0 to 8" in str(error)
    # The crop that the message proposes works, and loses no pixel that could stay.
    crop = re.search(r"\.sel\(.*\)", str(error))
    assert crop
    cropped = eval(f"scan{crop[0]}", {"scan": scan})
    assert cropped.intensity.shape == (2, 10, 13)
    cropped.xrfsr.superresolve(part, **QUICK)


def test_a_photo_of_too_small_a_part_is_no_reason_to_crop(scan: xr.Dataset, photo: xr.DataArray) -> None:
    assert "it shows 12 x 7 pixels of it and at least 8 x 8 are needed" in str(refused(scan, photo.isel(x=slice(28))))


def test_the_crop_works_far_from_the_origin() -> None:
    scan = as_scan(np.random.default_rng(0).random((1, 12, 16)), ["Ca-K"], 0.5, origin=(123456.7, 98765.4))
    part = as_photo(np.random.default_rng(1).random((48, 64, 3)), like=scan).isel(x=slice(51))
    crop = re.search(r"\.sel\(.*\)", str(refused(scan, part)))
    assert crop
    assert eval(f"scan{crop[0]}", {"scan": scan}).intensity.shape == (1, 12, 13)


@pytest.mark.parametrize("dims", [(), ("y",), ("y", "x")])
@pytest.mark.parametrize("far", [0.2, 0.125, -0.25])
def test_half_a_pixel_of_the_scan_is_no_part(photo: xr.DataArray, dims: tuple[str, ...], far: float) -> None:
    """A photo may end there: its outermost pixels are repeated."""
    maps = photo.values[:2].reshape(2, 12, 4, 16, 4).mean(axis=(2, 4))
    scan = flipped(as_scan(maps, ["Ca-K", "Fe-K"], pixel_size=0.5), *dims)
    moved = photo.assign_coords(x=("x", photo.x.values + far, {"units": "mm"}))
    pixels = math.ceil(abs(far) / 0.125)
    filled = moved.pad(x=(pixels, 0) if far > 0 else (0, pixels), mode="edge")
    start = 0.0625 + far - (pixels * 0.125 if far > 0 else 0)
    filled = filled.assign_coords(x=("x", start + 0.125 * np.arange(filled.sizes["x"]), {"units": "mm"}))
    for refine in (None, "shift", "affine"):
        made, wanted = (scan.xrfsr.superresolve(rgb, method="gsa", refine=refine) for rgb in (moved, filled))
        np.testing.assert_allclose(made.intensity, wanted.intensity, rtol=0, atol=1e-5)


def test_scans_of_few_pixels(scan: xr.Dataset, photo: xr.DataArray) -> None:
    error = refused(scan.isel(y=slice(7)), photo)
    assert error.faults == ("the scan has 7 x 16 pixels; at least 8 x 8 are needed: crop less",)
    scan.isel(y=slice(8), x=slice(8)).xrfsr.superresolve(photo, **QUICK)


def test_photos_that_are_none(scan: xr.Dataset, photo: xr.DataArray) -> None:
    cases = {
        "bands must have different names": xr.concat([photo, photo.isel(band=[0])], "band"),
        "got an array of shape (3, 48, 64) and dtype float32; xrfsr.as_photo(rgb, like=scan) builds": photo.values,
        "none was given; open one with xrfsr.open_photo(path, like=scan), or use method='kriging'": None,
        "got values from 0 to 255": (photo * 0 + np.linspace(0, 255, 64, dtype=np.float32)),
        "dtype int64": (photo * 255).astype(np.int64),
        "all values of 'rgb' are NaN": photo * np.nan,
        "'x' has no units": photo.assign_coords(x=photo.x.values),
        "no coordinate 'y'": photo.drop_vars("y"),
        "must have the dimensions": photo.rename(band="colour"),
        "irregular": photo.assign_coords(x=("x", photo.x.values**2, {"units": "mm"})),
    }
    for message, bad in cases.items():
        error = refused(scan, bad)
        assert len(error.faults) == 1
        assert error.faults[0].startswith("photo: ")
        assert message in error.faults[0]


def test_scans_that_are_none(scan: xr.Dataset, photo: xr.DataArray) -> None:
    def counts(change: Any) -> xr.Dataset:
        changed = scan.copy(deep=True)
        change(changed.intensity.values)
        return changed

    def in_units(unit: str) -> xr.Dataset:
        return scan.assign(intensity=scan.intensity.assign_attrs(units=unit))

    def along_x(values: Any, **attrs: str) -> xr.Dataset:
        return scan.assign_coords(x=("x", values, attrs))

    cases = {
        "'intensity' is negative for Fe-Ka (1 pixels, down to -3)": counts(lambda m: m.__setitem__((1, 2, 3), -3)),
        "no finite value for Pb-L": counts(lambda m: m.__setitem__(2, np.nan)),
        "infinite for Ca-K (1 pixels)": counts(lambda m: m.__setitem__((0, 0, 0), np.inf)),
        "nonsense": in_units("nonsense"),
        "'intensity' has no units": scan.assign(intensity=scan.intensity.drop_attrs(deep=False)),
        "no variable 'intensity'": scan.rename(intensity="counts"),
        "Unobtainium": scan.assign_coords(line=["Ca-K", "Fe-Ka", "Unobtainium"]),
        "Ca-K": scan.assign_coords(line=["Ca-K", "Fe-Ka", "Ca_K"]),
        "'x' has no units": along_x(scan.x.values),
        "unknown unit of length 's'": along_x(scan.x.values, units="s"),
        "irregular": along_x(scan.x.values**2, units="mm"),
        "no coordinate 'x'": scan.drop_vars("x"),
        "got an array of shape (3, 12, 16) and dtype float32; xrfsr.as_scan(maps": scan.intensity.values,
    }
    for message, bad in cases.items():
        error = refused(bad, photo)
        assert len(error.faults) == 1, error
        assert error.faults[0].startswith("scan: ")
        assert message in error.faults[0]


def test_methods_and_settings_that_are_none(scan: xr.Dataset, photo: xr.DataArray) -> None:
    assert "'krigging' is unknown; did you mean 'kriging'? accepted are unfolding, kriging, bilinear, bicubic" in str(
        refused(scan, photo, method="krigging")
    )
    assert "unknown setting 'stepz'; did you mean 'steps'?" in str(refused(scan, photo, stepz=5))
    with pytest.raises(InvalidInput, match="unknown setting 'stepz'; did you mean 'steps'"):
        scan.xrfsr.train(photo, stepz=5)
    with pytest.raises(InvalidInput, match="method 'kriging' has no option 'steps'; it has no options"):
        scan.xrfsr.superresolve(photo, method="kriging", steps=5)
    for footprint in ({"footprint": "circle"}, {"footprint": "gaussian"}, {"fwhm": 0.3}):
        error = refused(scan, photo, **footprint)
        assert len(error.faults) == 1
        assert "footprint" in str(error) or "fwhm" in str(error)
    for seed in (-1, 1.5, "0", None, True):
        assert f"seed must be an integer ≥ 0, got {seed!r}" in str(refused(scan, photo, seed=seed))


def test_models_that_do_not_fit(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, **QUICK)
    fewer = scan.isel(line=[0, 1]).xrfsr.train(photo, **QUICK)
    renamed = scan.assign_coords(line=["Ca-K", "Cu-K", "Zn-K"])

    def error(scan: xr.Dataset, scale: float = 4, **options: Any) -> str:
        with pytest.raises(InvalidInput) as caught:
            scan.xrfsr.superresolve(photo, scale, **{**CHEAP, **options})
        return str(caught.value)

    assert "the model does not know Pb-L; leave out: .drop_sel(line=['Pb-L'])" in error(scan, model=fewer)
    assert "trained for scale 4, not 2" in error(scan, 2, model=model)
    both = error(renamed, 3, model=model)
    for part in ("needs Fe-Ka, Pb-L, which the scan lacks", "does not know Cu-K, Zn-K", "trained for scale 4, not 3"):
        assert part in both
    assert "steps cannot change a model that is already trained" in error(scan, model=model, steps=5)
    assert "xrfsr.load_model(folder) opens one" in error(scan, model="folder")
    assert "'kriging' has no option 'model'" in error(scan, model=model, method="kriging")


def test_every_fault_is_named_at_once(scan: xr.Dataset, photo: xr.DataArray) -> None:
    bad = scan.isel(y=slice(6)).copy(deep=True)
    bad.intensity.values[0, 0, 0] = -1
    bad.intensity.values[1] = np.nan
    error = refused(
        bad, photo.assign_coords(band=[3, 1, 2]).isel(x=slice(20)), 40, seed=-1, method="unfoldin", footprint="disc"
    )
    expected = [
        "seed must be an integer ≥ 0, got -1",
        "did you mean 'unfolding'",
        "scan: 'intensity' holds no finite value for Fe-Ka",
        "scan: 'intensity' is negative for Ca-K",
        "photo: unknown bands [3, 1, 2]",
        "the scan has 6 x 16 pixels",
        "only part of the scan",
        "coarser than the result",
        "'disc'",
    ]
    assert len(error.faults) == len(expected)
    for part, fault in zip(expected, error.faults, strict=True):
        assert part in fault
    # Without coordinates to build on, the scale is looked at all the same.
    assert len(refused(scan.drop_vars("x"), None, 1).faults) == 3
    assert (
        len(
            refused(
                scan.drop_vars("x"), None, 1, footprint="dot", fwhm="1 px", device="abacus", stepz=1, steps=0
            ).faults
        )
        == 7
    )
    with pytest.raises(InvalidInput) as caught:
        scan.xrfsr.train(photo.assign_coords(band=[3, 1, 2]), 1, seed=-1, stepz=2)
    assert len(caught.value.faults) == 4


def test_a_model_is_not_used_for_other_units(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, steps=2, pixels=64, progress=False)
    scan.intensity.attrs["units"] = "count/s"
    with pytest.raises(InvalidInput, match=r"trained with units 'count', not 'count/s'"):
        scan.xrfsr.superresolve(photo, model=model, progress=False)


def test_a_scale_that_adds_no_pixel_is_refused(scan: xr.Dataset, photo: xr.DataArray) -> None:
    with pytest.raises(InvalidInput, match="adds no pixel"):
        scan.xrfsr.superresolve(photo, scale=1.01)


def test_photo_free_methods_need_no_photo_and_do_not_look_at_one(scan: xr.Dataset, photo: xr.DataArray) -> None:
    for method in ("kriging", "bilinear"):
        alone = scan.xrfsr.superresolve(scale=4, method=method)
        for other in (photo, photo.isel(y=slice(5)), photo * 7, "a photo"):
            assert_same(scan.xrfsr.superresolve(other, 4, method=method), alone)
    assert "none was given" in str(refused(scan, None))


def test_dask_arrays_are_computed_once_and_of_the_photo_only_what_lies_over_the_scan(
    scan: xr.Dataset, photo: xr.DataArray
) -> None:
    read: dict[str, int] = {}

    def noted(block: Any, block_info: Any = None) -> Any:
        key = f"{block.shape} {block_info[0]['chunk-location']}"
        read[key] = read.get(key, 0) + 1
        return block

    pixels = np.random.default_rng(1).random((3, 480, 640))
    pixels[:, :48, :64] = photo
    wide = as_photo(pixels, like=Grid.from_shape((120, 160), 0.5))
    lazy_photo = wide.copy(data=da.from_array(wide.values, chunks=(3, 48, 64)).map_blocks(noted, dtype="f4"))
    counts = da.from_array(scan.intensity.values, chunks=(1, 12, 16)).map_blocks(noted, dtype="f4")
    with dask.config.set(scheduler="synchronous"):
        fine = scan.assign(intensity=scan.intensity.copy(data=counts)).xrfsr.superresolve(lazy_photo, **QUICK).compute()
    assert set(read.values()) == {1}
    assert len(read) <= 3 + 4, "three maps, and the block over the scan with its neighbours"
    expected = scan.xrfsr.superresolve(wide, **QUICK)
    assert_same(fine, expected)


@pytest.mark.parametrize("chunk", [None, 32])
def test_faults_in_the_values_of_dask_arrays_are_found(scan: xr.Dataset, photo: xr.DataArray, chunk: Any) -> None:
    negative = scan.assign(intensity=-scan.intensity.chunk(line=1))
    lazy = superresolve(negative, (photo * 300).chunk(y=10), chunk=chunk, **QUICK)
    with pytest.raises(InvalidInput) as caught:
        lazy.compute()
    assert len(caught.value.faults) == 2
    assert "negative" in caught.value.faults[0]
    assert "got values from" in caught.value.faults[1]
    nothing = scan.chunk(line=1).where(scan.line != "Pb-L")
    with pytest.raises(InvalidInput, match="no finite value for Pb-L"):
        superresolve(nothing, photo, chunk=chunk, **QUICK).compute()


def test_a_beam_that_would_drown_the_maps_in_noise(scan: xr.Dataset, photo: xr.DataArray) -> None:
    for method in ("unfolding", "kriging"):
        error = refused(
            scan,
            photo,
            footprint="gaussian",
            fwhm="1 mm",
            method=method,
            **({} if method == "unfolding" else {"steps": None}),
        )
        assert "a beam of 1 x 1 mm on pixels of 0.5 x 0.5 mm" in str(error)
        assert "multiplies its noise" in str(error)


def test_a_wide_beam_is_warned_of(scan: xr.Dataset) -> None:
    with pytest.warns(UserWarning, match=r"multiplies its noise 5\S*-fold"), pytest.warns(match="negative values"):
        scan.xrfsr.superresolve(None, method="kriging", footprint="gaussian", fwhm="0.65 mm")
    with pytest.warns(UserWarning, match="negative values remain in Ca-K"):
        (scan.clip(max=30) * (scan.intensity > 25)).xrfsr.superresolve(
            None, method="kriging", footprint="gaussian", fwhm=0.4
        )


def test_lengths_with_their_unit(scan: xr.Dataset) -> None:
    kriging = {"method": "kriging", "footprint": "gaussian"}
    expected = scan.xrfsr.superresolve(fwhm=(0.3, 0.4), **kriging)
    for given in (("300 um", "0.04 cm"), np.array([0.3, 0.4])):
        assert_same(scan.xrfsr.superresolve(fwhm=given, **kriging), expected)
    moving = scan.xrfsr.superresolve(fwhm=0.3, smear=("0 mm", "0.5 mm"), **kriging)
    U = scan.xrfsr.downsampling(4, "gaussian", 0.3, smear=(0, 0.5))
    np.testing.assert_allclose(U(moving.intensity.values), scan.intensity, rtol=1e-4)


def test_a_model_and_the_beam_it_was_trained_for(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, footprint="gaussian", fwhm=0.2, **QUICK)
    scan.xrfsr.superresolve(photo, model=model, footprint="gaussian", fwhm=0.2, **CHEAP)
    for beam, text in (
        ({"footprint": "gaussian", "fwhm": 0.4}, "beam of 0.4 x 0.4 pixels"),
        ({}, "footprint 'gaussian'"),
    ):
        with pytest.raises(InvalidInput, match=text):
            scan.xrfsr.superresolve(photo, model=model, **beam, **CHEAP)


@pytest.mark.filterwarnings("ignore:the photo does not help")  # it is noise
def test_a_model_on_a_scan_of_another_size_at_its_scale(photo: xr.DataArray) -> None:
    rng = np.random.default_rng(0)
    one, other = (as_scan(rng.random((2, *shape)), ["Ca-K", "Fe-K"], 0.5) for shape in ((20, 20), (9, 21)))
    photos = [as_photo(rng.random((3, 4 * scan.sizes["y"], 4 * scan.sizes["x"])), like=scan) for scan in (one, other)]
    model = one.xrfsr.train(photos[0], 2.5, **QUICK)
    assert other.xrfsr.superresolve(photos[1], 2.5, model=model, **CHEAP).sizes["x"] == 52


def test_a_model_on_a_scan_of_another_dwell_time(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, **QUICK)
    longer = scan.assign(intensity=(10 * scan.intensity).assign_attrs(scan.intensity.attrs))
    with pytest.warns(UserWarning, match="10 times as bright as those the model was trained on"):
        longer.xrfsr.superresolve(photo, model=model, **CHEAP)


def test_a_model_for_a_photo_of_other_bands(scan: xr.Dataset, photo: xr.DataArray) -> None:
    from dataclasses import replace

    model = replace(scan.xrfsr.train(photo, **QUICK), bands=4)
    with pytest.raises(InvalidInput, match="takes 4 bands, the photo has 3"):
        scan.xrfsr.superresolve(photo, model=model, **CHEAP)


def test_presets_by_name(scan: xr.Dataset, photo: xr.DataArray) -> None:
    short = {"steps": 3, "adversarial_steps": 2, "K": 2, "M": 8, **CHEAP}
    fine = scan.xrfsr.superresolve(photo, preset="paper", **short)
    assert '"inputs": ["bilinear"]' in fine.attrs["xrfsr_options"]
    assert fine.attrs["xrfsr_steps"] == 5
    error = refused(scan, photo, preset="papr", stepz=3, max_seconds=-1)
    assert len(error.faults) == 3
    assert "did you mean 'paper'" in str(error)
    with pytest.warns(UserWarning, match="max_seconds is 1"):
        cut = scan.xrfsr.superresolve(photo, preset="paper", max_seconds=1, **CHEAP)
    assert 0 < cut.attrs["xrfsr_steps"] < 100_000


def test_checkpoints_by_name(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    fine = scan.xrfsr.superresolve(photo, **QUICK)
    for _ in range(2):
        again = scan.xrfsr.superresolve(photo, checkpoint=tmp_path / "state", **QUICK)
        assert_same(again, fine)
    with pytest.raises(InvalidInput, match="belongs to another run: seed was 0 and is 1"):
        scan.xrfsr.superresolve(photo, checkpoint=tmp_path / "state", **{**QUICK, "seed": 1})


def test_maps_that_are_no_lines_are_named() -> None:
    maps = np.random.default_rng(0).random((2, 8, 8)).astype(np.float32)
    scan = as_scan(maps[:1], ["Ca-K"], 0.5)
    separate = scan.xrfsr.to_dataset().assign(Pb=(("y", "x"), maps[1], {"units": "count"}))
    with pytest.warns(UserWarning, match="variables that are no lines are left out: Pb; name the map of an element"):
        separate.xrfsr.superresolve(scale=2, method="bilinear", progress=False)

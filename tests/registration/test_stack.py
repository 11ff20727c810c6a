"""Several photos as the bands of one, and registration with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import xrfsr
from xrfsr import InvalidInput, as_photo, as_scan, register, stack_photos
from xrfsr.core.photo_resolution import native_pixel
from xrfsr.registration.pictures import MOST_BANDS, colour_features, principal_bands

SCAN = as_scan(np.random.default_rng(0).random((2, 12, 16)) + 1, ["Ca-K", "Pb-L"], pixel_size=0.5)
CORNERS = [[0, 0, -0.375, -0.375], [63, 0, 15.375, -0.375], [0, 47, -0.375, 11.375], [63, 47, 15.375, 11.375]]


def shot(rows: int, columns: int, *bands: str, seed: int = 1) -> xr.DataArray:
    pixels = np.random.default_rng(seed).random((len(bands) or 3, rows, columns))
    return as_photo(pixels, like=SCAN, bands=list(bands) or None)


def refused(function: Any, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        function(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize("named", [False, True])
def test_photos_lie_on_the_grid_of_the_finest(named: bool) -> None:
    rgb, infrared = shot(48, 64), shot(24, 32, "infrared")
    stacked = stack_photos({"visible": rgb, "infrared": infrared} if named else [infrared, rgb])
    colours = stacked.sel(band=["red", "green", "blue"])
    np.testing.assert_array_equal(colours, rgb)
    assert sorted(stacked.band.values.tolist()) == ["blue", "green", "infrared", "red"]
    np.testing.assert_array_equal(stacked.x, rgb.x)
    # Linear interpolation between centres.
    inner = stacked.sel(band="infrared")[1:-1, 1:-1]
    expected = infrared[0].interp(y=inner.y, x=inner.x)
    np.testing.assert_allclose(inner, expected, atol=1e-6)
    assert not stacked.attrs
    assert stacked.isnull().sum() == 0
    fine = SCAN.xrfsr.superresolve(stacked, 4, method="guided_filter", progress=False)
    assert np.isfinite(fine.intensity).all()


def test_finer_ones_are_averaged_and_any_orientation_fits() -> None:
    rgb, fine = shot(48, 64), shot(96, 128, "uv").isel(y=slice(None, None, -1))
    small = stack_photos([rgb.isel(y=slice(4, 44)), fine])
    assert small.sizes["y"] == 96
    assert small.y[0] > small.y[-1]
    np.testing.assert_array_equal(small.sel(band="uv"), fine[0])
    # What one does not show is missing in its bands.
    assert small.sel(band="red").isnull().all("x").sum() == 16
    xr.testing.assert_allclose(
        stack_photos([fine.coarsen(y=2, x=2).mean(), rgb.sortby("x", ascending=False)]).sel(band="red"),
        rgb.sel(band="red").isel(y=slice(None, None, -1)),
    )


def test_names() -> None:
    grey = as_photo(np.random.default_rng(0).random((24, 32)), like=SCAN)
    stacked = stack_photos({"visible": shot(48, 64), "radiograph": grey})
    assert stacked.band.values.tolist() == ["red", "green", "blue", "radiograph"]
    twice = stack_photos({"day": shot(48, 64), "lamp": shot(48, 64, seed=2)})
    assert twice.band.values.tolist() == ["day red", "day green", "day blue", "lamp red", "lamp green", "lamp blue"]
    lazy = stack_photos({"visible": shot(48, 64).chunk(y=12), "infrared": shot(24, 32, "ir")})
    assert lazy.chunks is not None
    assert lazy.band.values.tolist() == ["red", "green", "blue", "infrared"]
    np.testing.assert_array_equal(lazy[:3], shot(48, 64))


def test_files_and_arrays_over_the_scan(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (48, 64, 3), "uint8")
    Image.fromarray(colours).save(tmp_path / "photo.png")
    Image.fromarray(colours[::2, ::2, 0]).save(tmp_path / "ir.png")
    pictures = {"visible": tmp_path / "photo.png", "infrared": str(tmp_path / "ir.png"), "map": np.ones((12, 16)) / 3}
    stacked = stack_photos(pictures, like=SCAN)
    assert stacked.band.values.tolist() == ["red", "green", "blue", "infrared", "map"]
    np.testing.assert_allclose(stacked[:3].transpose("y", "x", "band"), colours / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("photos", "text"),
    [
        ([shot(48, 64), shot(24, 32)], "several photos have the bands blue, green, red; name the photos"),
        ({"a": shot(4, 8, "x"), "b": np.ones((3, 4))}, "photo 'b': it has no position in mm"),
        ([shot(48, 64), SCAN.intensity], "photo 2: a scan was passed as the photo"),
        (
            [shot(48, 64, "a"), shot(24, 32, "b").assign_coords(x=("x", np.arange(32.0) + 99, {"units": "mm"}))],
            "overlap",
        ),
        ([], "at least one photo is needed"),
        ({}, "at least one photo is needed"),
        ({1: shot(48, 64)}, "photos must have names"),
        (shot(48, 64), "photos must be a list or a dict of photos"),
        (None, "photos must be a list or a dict of photos"),
        ({"a": "nowhere.png"}, "photo 'a': it has no position"),
    ],
)
def test_what_is_refused(photos: Any, text: str) -> None:
    assert text in refused(stack_photos, photos)


def test_the_finest_file_decides_what_is_resolved() -> None:
    coarse = shot(48, 64).assign_attrs(native_pixel_mm=[0.25, 0.25])
    assert native_pixel(stack_photos({"a": coarse, "b": shot(48, 64, "ir")})) is None
    assert native_pixel(stack_photos({"a": coarse, "b": coarse})) == (0.25, 0.25)


def test_a_coarse_band_of_a_stack_resolves_no_more_than_its_file(tmp_path: Path) -> None:
    scan = xrfsr.as_scan(np.random.default_rng(0).random((1, 12, 16)), ["Ca-K"], 0.5)
    with pytest.warns(UserWarning, match="0.25 x 0.5 mm and not square"):
        infrared = xrfsr.as_photo(np.random.default_rng(1).random((24, 16)), like=scan, bands=["ir"])
    stacked = stack_photos([shot(48, 64), infrared])
    assert native_pixel(stacked) is None
    assert native_pixel(stacked.sel(band="ir")) == native_pixel(stacked.sel(band=["ir"])) == (0.25, 0.5)
    assert native_pixel(stacked.xrfsr.rotate(90).sel(band="ir")) == (0.5, 0.25)
    assert native_pixel(stacked.xrfsr.flip("x").xrfsr.resample(scale=2).sel(band="ir")) == (0.25, 0.5)
    assert native_pixel(stacked.xrfsr.resample(scale=2)) == (0.125, 0.125)
    assert native_pixel(stacked.xrfsr.rotate(90).to_dataset().xrfsr.rotate(90).sel(band=["ir"])) == (0.25, 0.5)
    stacked.to_netcdf(tmp_path / "photo.nc", engine="scipy")
    with xr.open_dataarray(tmp_path / "photo.nc", engine="scipy") as back:
        assert native_pixel(back.sel(band=["ir"])) == (0.25, 0.5)
    with pytest.warns(UserWarning, match="are replaced"):
        placed = xrfsr.as_photo(stacked, like=SCAN.assign_coords(x=SCAN.x * 2, y=SCAN.y * 2))
    assert native_pixel(placed.sel(band=["ir"])) == (0.5, 1)
    again = stack_photos([stacked.sel(band=["red"]), stacked.sel(band=["ir"])])
    assert native_pixel(again.sel(band="ir")) == (0.25, 0.5)
    scan.xrfsr.superresolve(stacked, scale=4, method="bicubic")
    with pytest.raises(InvalidInput, match="resolves less"):
        scan.xrfsr.superresolve(stacked.sel(band=["ir"]), scale=2, method="gsa")
    assert not set(stack_photos({"a": shot(24, 32), "b": shot(24, 32, "ir")}).coords) & {"native_pixel_y"}


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_registration_of_any_number_of_bands(count: int) -> None:
    names = [f"band {number}" for number in range(1, count + 1)]
    photo = shot(48, 64, *names)
    found = register(photo, SCAN, control_points=CORNERS)
    assert found.photo.band.values.tolist() == names
    np.testing.assert_allclose(found.photo, photo, atol=1e-6)


def test_registration_of_several_pictures_of_one_view(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (48, 64, 3), "uint8")
    Image.fromarray(colours).save(tmp_path / "photo.png")
    Image.fromarray(colours[::2, ::2, 0]).save(tmp_path / "ir.png")
    pictures = {"infrared": tmp_path / "ir.png", "visible": tmp_path / "photo.png"}
    check = tmp_path / "check.png"
    found = register(pictures, SCAN, control_points=CORNERS, scale=4, overlay=check)
    assert found.photo.band.values.tolist() == ["infrared", "red", "green", "blue"]
    np.testing.assert_allclose(found.photo[1:].transpose("y", "x", "band"), colours / 255, atol=1e-6)
    assert found.largest_scale == 4
    assert check.is_file()
    placed = [shot(48, 64), shot(24, 32, "uv")]
    assert register(placed, SCAN, control_points=CORNERS).photo.sizes["band"] == 4


def test_a_resampled_photo_stays_coarse_when_it_is_registered_again() -> None:
    first = register(
        shot(24, 32).values, SCAN, control_points=[[0, 0, -0.25, -0.25], [31, 0, 15.25, -0.25], [0, 23, -0.25, 11.25]]
    )
    again = register(first.photo, SCAN, control_points=CORNERS)
    assert (first.largest_scale, again.largest_scale) == (2, 2)


def test_many_bands_are_compared_by_their_components() -> None:
    rng = np.random.default_rng(0)
    valid = np.ones((30, 40), bool)
    few = rng.random((MOST_BANDS, 30, 40)).astype(np.float32)
    assert principal_bands(few, valid) is few
    many = np.einsum("cb,byx->cyx", rng.random((60, 3)), few[:3]).astype(np.float32)
    reduced = principal_bands(many, valid)
    assert reduced.shape == (MOST_BANDS, 30, 40)
    assert reduced[:3].var(axis=(1, 2)).sum() == pytest.approx(many.var(axis=(1, 2)).sum(), rel=1e-3)
    assert len(colour_features(reduced.astype(float), valid)) < 40


@pytest.mark.soak
@pytest.mark.parametrize("bands", [["red"], ["red", "blue"], None])
def test_infrared_and_stacks_are_found_on_the_scan(bands: list[str] | None) -> None:
    _, scan, rgb = xrfsr.simulate.painting(256, 256, 4, seed=3, lines=["Ca-K", "Fe-K", "Hg-L", "Pb-L"])
    photo = (
        rgb.sel(band=bands)
        if bands
        else xr.concat(
            [rgb] + [rgb.assign_coords(band=[f"{b}{i}" for b in "abc"]) ** (i + 2) for i in range(3)], "band"
        )
    )
    framed = photo.pad(y=(20, 9), x=(5, 30), constant_values=0.5)
    found = register(framed, scan)
    np.testing.assert_allclose(found.photo_to_map_pixels([[5 + 1.5, 20 + 1.5]]), [[0, 0]], atol=0.6)
    assert found.photo.sizes["band"] == photo.sizes["band"]

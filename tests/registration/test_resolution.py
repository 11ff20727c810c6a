"""A registered photo guides no scale that its file does not resolve, on whatever grid it lies."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr import Grid, InvalidInput, as_photo, as_scan, register
from xrfsr.core.photo_resolution import native_pixel

QUICK = {"method": "guided_filter", "progress": False, "seed": 0}


def make_scan(rows: int = 12, columns: int = 16, pixel: object = 0.5) -> xr.Dataset:
    return as_scan(np.random.default_rng(0).random((2, rows, columns)) + 1, ["Ca-K", "Pb-L"], pixel_size=pixel)


def shot(scan: xr.Dataset, ratio: float, tilt: float = 0.0, quarter: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A photo with `ratio` pixels to a pixel of the scan, a few more around it, and points marked on both."""
    rows, columns = scan.intensity.shape[1:]
    border = 3
    shape = (int(np.ceil(rows * ratio)) + 2 * border, int(np.ceil(columns * ratio)) + 2 * border)
    photo = np.random.default_rng(1).random((*shape, 3))
    x, y = (one.ravel() for one in np.meshgrid(np.linspace(0, columns - 1, 4), np.linspace(0, rows - 1, 3)))
    weight = 1 + tilt * (x / columns - 0.5)
    u, v = (
        ((one - middle) * ratio / weight + middle * ratio + border) for one, middle in ((x, columns / 2), (y, rows / 2))
    )
    if quarter:
        photo, u, v = np.rot90(photo), v, shape[1] - 1 - u
    return np.ascontiguousarray(photo), np.stack([u, v, x, y], axis=1)


def refused(function: Callable[[], object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        function()
    assert len(caught.value.faults) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("ratio", "quarter"), [(0.6, False), (1.0, True), (1.7, False), (2.0, True), (3.3, True), (3.75, False)]
)
def test_a_coarse_photo_guides_only_what_it_resolves(ratio: float, quarter: bool) -> None:
    scan = make_scan()
    photo, points = shot(scan, ratio, quarter=quarter)
    found = register(photo, scan, control_points=points)
    assert found.largest_scale == pytest.approx(ratio, abs=0.011)
    np.testing.assert_allclose(native_pixel(found.photo), 0.5 / ratio)
    message = refused(lambda: scan.xrfsr.superresolve(found.photo, 4, **QUICK))
    assert "the photo resolves less than the result asks for" in message
    again = refused(lambda: register(photo, scan, scale=4, control_points=points))
    assert "the photo must resolve scale=4" in again
    for text in (message, again):
        proposed = re.search(r"use scale=([\d.]+) or less", text)
        assert (proposed is None) == (ratio <= 1)
        assert "a photo with more pixels" in text
        if proposed:
            assert float(proposed[1]) == found.largest_scale
    if ratio > 1:
        scale = found.largest_scale
        narrow = register(photo, scan, scale=scale, control_points=points).photo
        for guide in (found.photo, narrow):
            assert np.isfinite(scan.xrfsr.superresolve(guide, scale, **QUICK).intensity).all()


@pytest.mark.parametrize("ratio", [3.9, 4.0, 5.2])
def test_a_photo_that_is_fine_enough(ratio: float) -> None:
    scan = make_scan()
    photo, points = shot(scan, ratio, tilt=0.03)
    found = register(photo, scan, scale=4, control_points=points, model="homography")
    assert scan.xrfsr.superresolve(found.photo, 4, **QUICK).intensity.shape == (2, 48, 64)


def test_a_finer_grid_adds_no_detail() -> None:
    scan = make_scan()
    photo, points = shot(scan, 2)
    like = Grid.from_shape((96, 128), 0.0625)
    for name, guide in {
        "like": register(photo, scan, control_points=points, like=like).photo,
        "clipped": register(photo, scan, control_points=points, like=like).photo.clip(0, 1, keep_attrs=True),
        "whole": register(photo, scan, control_points=points, like=like).photo.to_dataset(name="rgb"),
        "as_photo": as_photo(register(photo, scan, control_points=points, like=like).photo, like=scan),
        "interpolated": register(photo, scan, control_points=points, scale=2).photo.interp(
            y=("y", like.y.centres[2:-2], {"units": "mm"}), x=("x", like.x.centres[2:-2], {"units": "mm"})
        ),
    }.items():
        inner = scan if name != "interpolated" else scan.isel(y=slice(1, -1), x=slice(1, -1))
        assert "use scale=2 or less" in refused(
            lambda inner=inner, guide=guide: inner.xrfsr.superresolve(guide, 4, **QUICK)
        ), name
        assert inner.xrfsr.superresolve(guide, 2, **QUICK).sizes["y"] == 2 * inner.sizes["y"], name


def test_every_way_to_a_result_refuses() -> None:
    scan = make_scan()
    photo, points = shot(scan, 2)
    found = register(photo, scan, control_points=points)
    assert "use scale=2 or less" in refused(lambda: scan.xrfsr.train(found.photo, 4))
    assert scan.xrfsr.superresolve(found.photo, 4, method="kriging").sizes["y"] == 48


def test_pixels_that_are_not_square() -> None:
    scan = make_scan(12, 16, (1.0, 0.5))
    x, y = (one.ravel() for one in np.meshgrid(np.linspace(0, 15, 4), np.linspace(0, 11, 3)))
    photo = np.random.default_rng(1).random((12 * 6, 16 * 3, 3))  # pixels of 1/6 mm
    points = np.stack([3 * (x + 0.5) - 0.5, 6 * (y + 0.5) - 0.5, x, y], axis=1)
    found = register(photo, scan, control_points=points, model="affine")
    np.testing.assert_allclose(native_pixel(found.photo), 1 / 6)
    assert "use scale=3 or less" in refused(lambda: scan.xrfsr.superresolve(found.photo, 4, **QUICK))


def test_the_photo_of_a_file_that_was_never_resampled_is_as_before() -> None:
    scan = make_scan()
    photo = as_photo(np.random.default_rng(0).random((48, 64, 3)), like=scan)
    assert not photo.attrs
    assert native_pixel(photo) is None
    for nonsense in ("0.5", [0.0, 1.0], np.nan, [1, 2, 3], None, [-1.0, 1.0]):
        assert native_pixel(photo.assign_attrs(native_pixel_mm=nonsense)) is None
    assert native_pixel(photo.assign_attrs(native_pixel_mm=0.25)) == (0.25, 0.25)


def test_the_attribute_is_stored(tmp_path) -> None:
    scan = make_scan()
    photo, points = shot(scan, 2)
    register(photo, scan, control_points=points).photo.to_zarr(tmp_path / "photo.zarr", consolidated=False)
    back = xr.open_zarr(tmp_path / "photo.zarr", consolidated=False)
    assert "use scale=2 or less" in refused(lambda: scan.xrfsr.superresolve(back, 4, **QUICK))


def test_the_repr_says_what_the_photo_resolves() -> None:
    scan = make_scan()
    photo, points = shot(scan, 2)
    assert "resolves scales up to 2>" in repr(register(photo, scan, control_points=points))
    assert xrfsr.register(photo, scan, control_points=points, model="affine").largest_scale == 2


def test_a_photo_that_is_resampled_resolves_no_more() -> None:
    scan = xrfsr.as_scan(np.random.default_rng(0).random((1, 16, 16)), ["Ca-K"], 0.5)
    photo = xrfsr.as_photo(np.random.default_rng(1).random((32, 32, 3)), like=scan)
    finer = photo.xrfsr.resample(scale=2)
    assert finer.attrs["native_pixel_mm"] == [0.25, 0.25]
    assert finer.xrfsr.resample(scale=2).attrs["native_pixel_mm"] == [0.25, 0.25]
    assert "native_pixel_mm" not in photo.xrfsr.resample(scale=0.5).attrs
    stored = photo.to_dataset()  # as xr.open_zarr gives it
    for resampled in (finer, stored.xrfsr.resample(scale=2)):
        with pytest.raises(InvalidInput, match="use scale=2 or less"):
            scan.xrfsr.superresolve(resampled, scale=4)
    assert not stored.rgb.attrs

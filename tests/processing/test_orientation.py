"""Quarter turns and mirror images: which pixel comes where, and in which millimetres."""

from __future__ import annotations

import re
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput


@pytest.fixture
def scan() -> xr.Dataset:
    """A scan of 3 x 5 pixels of 1 x 0.5 mm from (10, 20) mm, with variables along one axis and both."""
    rng = np.random.default_rng(0)
    made = xrfsr.as_scan(
        rng.random((2, 3, 5)),
        ["Ca-K", "Pb-L"],
        (1, 0.5),
        uncertainty=rng.random((2, 3, 5)),
        valid=rng.random((3, 5)) > 0.3,
        origin=(10, 20),
    )
    made["dose"] = ("y", np.arange(3.0))
    made["turned"] = made.intensity.transpose("x", "line", "y")
    return made.assign_coords(depth=(("x", "y"), rng.random((5, 3)))).assign_attrs(painting="A")


@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("descending", [(), ("y",), ("x",), ("y", "x")])
def test_turns(scan: xr.Dataset, turns: int, descending: tuple[str, ...]) -> None:
    stored = scan.isel({name: slice(None, None, -1) for name in descending})
    made = stored.xrfsr.rotate(90 * turns)
    seen = made.sortby(["y", "x"])  # y downwards, x to the right
    for name in ("intensity", "uncertainty", "valid"):
        np.testing.assert_array_equal(seen[name], np.rot90(scan[name].values, turns, axes=(-2, -1)))
        assert made[name].dims == scan[name].dims
    height, width = (3, 2.5) if turns % 2 == 0 else (2.5, 3)
    assert seen.xrfsr.grid.y.edges == pytest.approx((10, 10 + height))
    assert seen.xrfsr.grid.x.edges == pytest.approx((20, 20 + width))
    assert made.turned.dims == ("x", "line", "y")
    assert made.depth.dims == ("x", "y")
    np.testing.assert_array_equal(seen.depth.transpose("y", "x"), np.rot90(scan.depth.values.T, turns))
    assert made.dose.dims == (("x",) if turns % 2 else ("y",))
    # Turned back, all pixels are where they were.
    back = made.xrfsr.rotate(-90 * turns).sortby(["y", "x"])
    xr.testing.assert_identical(back.drop_attrs(deep=False), scan.drop_attrs(deep=False))
    assert made.attrs == {"painting": "A", "orientation": f"rotated by {90 * turns} degrees"}
    xr.testing.assert_identical(made.xrfsr.validate(), made)


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("step", [1, -1])
def test_mirror_images(scan: xr.Dataset, axis: str, step: int) -> None:
    stored = scan.isel({axis: slice(None, None, step)})
    made = stored.xrfsr.flip(axis)
    number = {"y": -2, "x": -1}[axis]
    np.testing.assert_array_equal(made.intensity, np.flip(stored.intensity.values, number))
    np.testing.assert_array_equal(made.valid, np.flip(stored.valid.values, number))
    for name in ("y", "x"):
        xr.testing.assert_identical(
            made[name].drop_vars(made[name].coords), stored[name].drop_vars(stored[name].coords)
        )
    xr.testing.assert_identical(made.xrfsr.flip(axis).drop_attrs(deep=False), stored.drop_attrs(deep=False))
    assert made.xrfsr.rotate(90).attrs["orientation"] == f"flipped along {axis}; rotated by 90 degrees"


def test_photos_single_arrays_and_lazy_scans(scan: xr.Dataset) -> None:
    photo = xrfsr.as_photo(np.random.default_rng(1).random((12, 10, 3)), like=scan)
    turned = photo.assign_attrs(native_pixel_mm=[0.25, 0.3]).xrfsr.rotate(90)
    np.testing.assert_array_equal(turned, np.rot90(photo.values, axes=(1, 2)))
    assert turned.dims == ("band", "y", "x")
    assert list(turned.attrs["native_pixel_mm"]) == [0.3, 0.25]
    stored = photo.assign_attrs(native_pixel_mm=[0.25, 0.3]).to_dataset()
    assert stored.xrfsr.rotate(90).rgb.attrs["native_pixel_mm"] == [0.3, 0.25]
    assert stored.rgb.attrs["native_pixel_mm"] == [0.25, 0.3]
    assert photo.xrfsr.flip("y").band.values.tolist() == ["red", "green", "blue"]
    xr.testing.assert_equal(scan.intensity.xrfsr.rotate(-90), scan.xrfsr.rotate(-90).intensity)
    with dask.config.set(scheduler=lambda *_, **__: pytest.fail("computed")):
        lazy = scan.chunk(y=2, x=2).xrfsr.rotate(90), scan.chunk(y=2, x=2).xrfsr.flip("x")
    xr.testing.assert_identical(lazy[0].compute(), scan.xrfsr.rotate(90))
    xr.testing.assert_identical(lazy[1].compute(), scan.xrfsr.flip("x"))


def test_scan_and_photo_turn_together() -> None:
    truth, scan, rgb = xrfsr.simulate.painting(32, 48, 4, seed=2, lines=["Ca-K", "Pb-L"])
    options: dict[str, Any] = {"method": "gsa", "progress": False}
    expected = scan.xrfsr.superresolve(rgb, **options).xrfsr.rotate(90).intensity
    made = scan.xrfsr.rotate(90).xrfsr.superresolve(rgb.xrfsr.rotate(90), **options).intensity
    np.testing.assert_allclose(made, expected, rtol=2e-3, atol=1e-3 * float(expected.max()))
    assert truth.xrfsr.rotate(90).xrfsr.grid == made.xrfsr.grid


@pytest.mark.parametrize(
    ("name", "argument", "text"),
    [
        ("rotate", 45, "degrees must be a multiple of 90, such as 90, 180 or -90, got 45"),
        ("rotate", "90", "got '90'"),
        ("rotate", True, "got True"),
        ("flip", "line", "axis must be one of 'x', 'y', got 'line'"),
        ("flip", 0, "axis must be one of 'x', 'y', got 0"),
    ],
)
def test_other_turns_are_refused(scan: xr.Dataset, name: str, argument: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)):
        getattr(scan.xrfsr, name)(argument)

"""Control points, as Python has them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.exploration.picker import PointPicker
from xrfsr.exploration.scene import Scene
from xrfsr.registration import register

pytest.importorskip("skimage")
PIXELS = [(2, 3), (60, 5), (4, 44), (58, 41), (30, 20)]  # of the photo, whose scan has pixels four times larger
MORE = [*PIXELS, (32, 40), (20, 10), (44, 30)]


def on_map(column: float, row: float) -> tuple[float, float]:
    return (column + 0.5) / 4 - 0.5, (row + 0.5) / 4 - 0.5


@pytest.fixture
def picker(scan: xr.Dataset, photo: xr.DataArray) -> PointPicker:
    return PointPicker(photo.values, Scene(scan), "Ca-K")


def test_pairs_become_control_points(picker: PointPicker, scan: xr.Dataset, photo: xr.DataArray) -> None:
    assert picker.points.shape == (0, 4)
    for number, at in enumerate(PIXELS):
        first, second = ("photo", "scan") if number % 2 else ("scan", "photo")
        places = {"photo": at, "scan": on_map(*at)}
        picker.set(first, *places[first])
        assert picker.next_side() == second
        assert len(picker.points) == number
        picker.set(second, *places[second])
        assert np.isfinite(picker.residuals).all() == (number >= 2)
    np.testing.assert_allclose(picker.residuals, 0, atol=1e-9)
    found = register(photo.values, scan, control_points=picker.points, scale=4)
    np.testing.assert_allclose(found.photo_to_map_pixels([PIXELS[0]]), [on_map(*PIXELS[0])], atol=1e-6)
    assert "5 control points" in repr(picker)
    again = PointPicker(photo.values, Scene(scan), "Ca-K", picker.points)
    np.testing.assert_array_equal(again.points, picker.points)


def test_a_second_click_on_the_same_side_moves_the_point(picker: PointPicker) -> None:
    picker.set("photo", 5, 5)
    picker.set("photo", 6, 7)
    picker.set("scan", 1, 1)
    np.testing.assert_array_equal(picker.points, [[6, 7, 1, 1]])


def test_a_wrong_point_is_named_and_has_the_largest_residual(picker: PointPicker) -> None:
    for number, at in enumerate(MORE):
        picker.set("photo", at[0] - 10 * (number == 3), at[1])
        picker.set("scan", *on_map(*at))
    assert "point 4 contradicts" in picker.problem
    assert picker.residuals.argmax() == 3
    picker.move(4, "photo", *PIXELS[3])
    assert picker.problem == ""
    assert picker.residuals.max() < 1e-9
    picker.remove(6)
    assert len(picker.points) == len(MORE) - 1


def test_residuals_are_millimetres(picker: PointPicker) -> None:
    for number, at in enumerate(MORE):
        picker.set("photo", *at)
        column, row = on_map(*at)
        picker.set("scan", column + 0.2 * (number == 4), row)
    assert picker.residuals[4] == pytest.approx(0.2 * 0.5, rel=0.02)  # pixels of 0.5 mm


def test_faults(picker: PointPicker) -> None:
    for call, text in (
        (lambda: picker.set("photo", 64, 3), "must lie on the photo"),
        (lambda: picker.set("photo", "a", np.nan), "must lie on the photo"),
        (lambda: picker.set("map", 1, 1), "side must be"),
        (lambda: picker.remove(1), "number must be"),
        (lambda: picker.move(0, "photo", 1, 1), "number must be"),
    ):
        with pytest.raises(InvalidInput, match=text):
            call()
    assert picker.pairs == []
    for at in ((1, 1), (2, 2), (3, 3), (1, 1)):
        picker.set("scan", *at)
        picker.set("photo", *at)
    assert "points 1 and 4 are both" in picker.problem

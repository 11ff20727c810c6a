"""Control points with a thin-plate spline, for canvases that are not flat."""

from __future__ import annotations

import numpy as np
import pytest

from xrfsr import InvalidInput, as_scan, register
from xrfsr.registration.spline import SplineTransform, fit_spline

ROWS, COLUMNS, RATIO = 24, 32, 5
SCAN = as_scan(np.random.default_rng(0).random((2, ROWS, COLUMNS)) + 1, ["Ca-K", "Pb-L"], pixel_size=0.5)


def bulge(points: np.ndarray, height: float = 4.0) -> np.ndarray:
    """Photo pixels (column, row) of map pixels, on a canvas that bulges by some photo pixels."""
    x, y = points.T
    bend = height * np.sin(np.pi * x / COLUMNS) * np.sin(np.pi * y / ROWS)
    return np.stack([RATIO * x + 20 + bend, RATIO * y + 15 - 0.7 * bend], axis=1)


def marked(columns: int = 5, rows: int = 4, error: float = 0.0) -> np.ndarray:
    x, y = (one.ravel() for one in np.meshgrid(np.linspace(0, COLUMNS - 1, columns), np.linspace(0, ROWS - 1, rows)))
    maps = np.stack([x, y], axis=1)
    photo = bulge(maps) + error * np.random.default_rng(1).standard_normal(maps.shape)
    return np.hstack([photo, maps])


def picture() -> np.ndarray:
    """A photo whose red and green are its column and row."""
    y, x = np.mgrid[: ROWS * RATIO + 40, : COLUMNS * RATIO + 50]
    return np.stack([x / 255, y / 255, 0 * x], axis=-1)


def everywhere() -> np.ndarray:
    x, y = (one.ravel() for one in np.meshgrid(np.linspace(0, COLUMNS - 1, 13), np.linspace(0, ROWS - 1, 11)))
    return np.stack([x, y], axis=1)


@pytest.mark.parametrize("error", [pytest.param(0.0, marks=pytest.mark.soak), 0.5])
def test_a_bulging_canvas_is_followed(error: float) -> None:
    points = marked(7, 6, error)
    flat = register(picture(), SCAN, control_points=points, like=SCAN)
    found = register(picture(), SCAN, control_points=points, model="thin_plate_spline", like=SCAN)
    assert found.model == "thin_plate_spline"
    assert found.residual_mm < 0.6 * flat.residual_mm
    distance = {}
    for name, each in (("flat", flat), ("spline", found)):
        moved = each.photo_to_map_pixels(bulge(everywhere()))
        distance[name] = np.sqrt(((moved - everywhere()) ** 2).sum(axis=1).mean())
    assert distance["spline"] < (0.05 if error == 0 else 0.11)
    assert distance["spline"] < 0.5 * distance["flat"]
    # The photo on the grid of the scan shows where each of its pixels lies on the file.
    x, y = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS))
    expected = bulge(np.stack([x.ravel(), y.ravel()], axis=1)).T.reshape(2, ROWS, COLUMNS)
    np.testing.assert_allclose(255 * found.photo[:2], expected, atol=0.6 if error == 0 else 1.5)
    assert found.largest_scale == pytest.approx(RATIO, abs=0.2)


def test_there_and_back() -> None:
    points = marked(6, 5)
    spline, errors = fit_spline(points[:, :2], points[:, 2:], (0.5, 0.5), (ROWS, COLUMNS))
    assert errors.shape == (30,)
    np.testing.assert_allclose(spline.inverse(spline(points[:, :2])), points[:, :2], atol=1e-5)
    inner = spline.inverse(everywhere())
    np.testing.assert_allclose(spline(inner), everywhere(), atol=1e-5)
    half = spline.inverted().after(np.diag([0.5, 0.5, 1.0])).after(np.diag([2.0, 2.0, 1.0]))
    np.testing.assert_allclose(half(everywhere()), inner)
    assert spline(np.zeros((0, 2))).shape == (0, 2)


def test_points_that_were_marked_badly_are_not_followed() -> None:
    rng = np.random.default_rng(0)
    flat = np.stack([rng.uniform(0, COLUMNS - 1, 20), rng.uniform(0, ROWS - 1, 20)], axis=1)
    photo = RATIO * flat + 20 + rng.standard_normal(flat.shape)
    spline, _ = fit_spline(photo, flat, (0.5, 0.5), (ROWS, COLUMNS))
    assert spline.smoothness >= 1, "nearly affine"
    exact = fit_spline(RATIO * flat + 20, flat, (0.5, 0.5), (ROWS, COLUMNS))[1]
    assert exact.max() < 1e-6


def test_pixels_that_are_not_square() -> None:
    scan = as_scan(np.ones((1, ROWS, COLUMNS)) * np.arange(COLUMNS), ["Ca-K"], pixel_size=(1.0, 0.25))
    found = register(picture(), scan, control_points=marked(7, 6), model="thin_plate_spline", scale=4)
    assert found.photo.shape == (3, 4 * ROWS, 4 * COLUMNS)
    np.testing.assert_allclose(found.photo_to_map_pixels(bulge(everywhere())), everywhere(), atol=0.1)


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (marked(5, 1), "model='thin_plate_spline' needs at least 6 control points, better 12 or more, got 5"),
        (marked(7, 1), "must not lie on one line"),
        (None, "needs control_points=..., at least 6"),
    ],
)
def test_too_little_is_refused(points: np.ndarray | None, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        register(picture(), SCAN, control_points=points, model="thin_plate_spline")
    assert text in str(caught.value)


def test_a_wrong_point_is_named() -> None:
    points = marked(7, 6)
    points[17, 0] += 40
    with pytest.raises(InvalidInput, match="point 18 contradicts the others"):
        register(picture(), SCAN, control_points=points, model="thin_plate_spline")


def test_a_fold_is_noticed() -> None:
    points = marked(5, 4)
    right = SplineTransform(points[:, :2], points[:, 2:], (0.5, 0.5), 0.0)
    assert not right.folds((ROWS, COLUMNS))
    assert not SplineTransform(np.array([-1, 1]) * right.photo, right.maps, (0.5, 0.5), 0.0).folds((ROWS, COLUMNS))
    points[[6, 8], :2] = points[[8, 6], :2]
    assert SplineTransform(points[:, :2], points[:, 2:], (0.5, 0.5), 0.0).folds((ROWS, COLUMNS))

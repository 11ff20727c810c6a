"""Transforms, resampling and control points of a registration, each on its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xrfsr.errors import InvalidInput
from xrfsr.registration.pictures import block_means, directions
from xrfsr.registration.transform import MODELS, Model, Transform, fit
from xrfsr.registration.warp import warp_photo

SMALL = st.floats(-0.1, 0.1)


@st.composite
def transforms(draw: st.DrawFn) -> Transform:
    """Like a photo of a painting: some pixels to a pixel, a turn, a little shear and perspective."""
    model: Model = draw(st.sampled_from(MODELS))
    scale, turn = draw(st.floats(0.2, 5)), draw(st.floats(-np.pi, np.pi))
    matrix = np.eye(3)
    matrix[:2, :2] = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if model != "similarity":
        matrix[:2, :2] = matrix[:2, :2] @ (
            np.eye(2) + np.array([[draw(SMALL), draw(SMALL)], [draw(SMALL), draw(SMALL)]])
        )
    if model == "homography":
        matrix[2, :2] = draw(SMALL) / 400, draw(SMALL) / 400
    matrix[:2, 2] = draw(st.floats(-500, 500)), draw(st.floats(-500, 500))
    return Transform(matrix, model)


POINTS = np.stack(np.meshgrid([0.0, 40.0, 100.0], [0.0, 70.0, 100.0]), axis=-1).reshape(-1, 2)


@given(transforms())
def test_fit_finds_a_transform_again(transform: Transform) -> None:
    found = fit(POINTS, transform(POINTS), transform.model)
    np.testing.assert_allclose(found(POINTS), transform(POINTS), rtol=1e-6, atol=1e-5)


@given(transforms())
def test_there_and_back(transform: Transform) -> None:
    np.testing.assert_allclose(transform.inverse(transform(POINTS)), POINTS, atol=1e-6)
    np.testing.assert_allclose(transform.inverted().inverted().matrix, transform.matrix, rtol=1e-6, atol=1e-9)


@given(transforms(), transforms())
def test_one_after_the_other(first: Transform, second: Transform) -> None:
    both = second.after(first.matrix)
    np.testing.assert_allclose(both(POINTS), second(first(POINTS)), rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(first.then(second.matrix)(POINTS), both(POINTS), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.outer(np.arange(5), [1, 2])])
def test_points_at_one_place_or_on_a_line_determine_nothing(points: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="do not determine model="):
        fit(points, points, "affine")


def test_points_have_a_column_and_a_row() -> None:
    with pytest.raises(InvalidInput, match=r"points must have shape \(n, 2\), each \(column, row\), got \[1, 2, 3\]"):
        Transform(np.eye(3), "similarity")([1, 2, 3])


IDENTITY = Transform(np.eye(3), "similarity")


@given(arrays(np.float32, (3, 7, 5), elements=st.floats(0, 1, width=32)))
def test_a_photo_on_its_own_grid_stays_as_it_is(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(warp_photo(photo, np.ones((7, 5), bool), IDENTITY, (7, 5)), photo)


@given(transforms(), st.floats(0, 1, width=32))
def test_an_even_photo_stays_even(transform: Transform, value: float) -> None:
    centred = transform.then(np.array([[1, 0, 100], [0, 1, 100], [0, 0, 1.0]]) @ np.linalg.inv(_shift_of(transform)))
    photo = np.full((3, 200, 200), value, np.float32)
    result = warp_photo(photo, np.ones((200, 200), bool), centred, (8, 8))
    assert np.isfinite(result[:, 4, 4]).all()
    np.testing.assert_allclose(result[np.isfinite(result)], value, atol=1e-6)


def _shift_of(transform: Transform) -> np.ndarray:
    [[x, y]] = transform([[4.0, 4.0]])
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


@given(st.integers(2, 9), st.data())
def test_whole_pixels_are_averaged_as_a_scanner_averages(ratio: int, data: st.DataObject) -> None:
    photo = data.draw(arrays(np.float32, (3, 4 * ratio, 3 * ratio), elements=st.floats(0, 1, width=32)))
    to_photo = Transform(
        np.array([[ratio, 0, (ratio - 1) / 2], [0, ratio, (ratio - 1) / 2], [0, 0, 1]], float), "similarity"
    )
    means = photo.reshape(3, 4, ratio, 3, ratio).mean((2, 4))
    np.testing.assert_allclose(warp_photo(photo, np.ones(photo.shape[1:], bool), to_photo, (4, 3)), means, atol=1e-5)


def test_detail_too_fine_becomes_grey_and_no_pattern() -> None:
    board = np.indices((400, 400)).sum(axis=0) % 2
    photo = np.repeat(board[None], 3, axis=0).astype(np.float32)
    turn = np.deg2rad(3)
    matrix = np.array(
        [[5.3 * np.cos(turn), -5.3 * np.sin(turn), 60], [5.3 * np.sin(turn), 5.3 * np.cos(turn), 40], [0, 0, 1]]
    )
    result = warp_photo(photo, np.ones((400, 400), bool), Transform(matrix, "similarity"), (50, 50))
    assert abs(result - 0.5).max() < 0.06


def test_what_the_photo_does_not_reach_is_missing() -> None:
    photo, photo_valid = np.full((3, 10, 10), 0.5, np.float32), np.ones((10, 10), bool)
    photo_valid[:, 7:] = False
    result = warp_photo(
        photo, photo_valid, Transform(np.array([[1, 0, -3], [0, 1, 0], [0, 0, 1.0]]), "similarity"), (10, 13)
    )
    assert np.isnan(result[:, :, :3]).all()
    assert (result[:, :, 3:10] == 0.5).all()
    assert np.isnan(result[:, :, 10:]).all()


def test_strips_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.random.default_rng(0).random((3, 40, 40)).astype(np.float32)
    to_photo = Transform(np.array([[1.7, 0.1, 1], [-0.1, 1.7, 3], [0.001, 0, 1.0]]), "homography")
    whole = warp_photo(photo, np.ones((40, 40), bool), to_photo, (20, 20))
    monkeypatch.setattr("xrfsr.registration.warp.STRIP", 100)
    np.testing.assert_array_equal(warp_photo(photo, np.ones((40, 40), bool), to_photo, (20, 20)), whole)


def test_directions_do_not_care_which_side_is_brighter() -> None:
    picture = np.random.default_rng(0).random((1, 30, 30))
    np.testing.assert_allclose(directions(picture), directions(-3 * picture), atol=1e-9)
    # Turned by a right angle, squared gradients change their sign.
    turned = directions(np.rot90(picture, axes=(1, 2)))
    np.testing.assert_allclose(turned, -np.rot90(directions(picture)), atol=1e-9)


def test_gaps_do_not_count_in_smaller_copies() -> None:
    pixels = np.arange(36.0).reshape(1, 6, 6)
    valid = np.ones((6, 6), bool)
    valid[0, 0] = valid[:2, 4:] = False
    level = block_means(pixels, valid, (2, 2))
    assert level.pixels[0, 0, 0] == pytest.approx((1 + 6 + 7) / 3)
    assert not level.valid[0, 2]
    assert level.step == (2.0, 2.0)
    assert np.isfinite(level.pixels).all()

"""Gaps are filled from the nearest known pixels, in the same way whatever the orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

import xrfsr
from xrfsr.operators.gaps import fill_gaps

TURNS: dict[str, Any] = {
    "left and right": lambda maps: maps[..., ::-1],
    "top and bottom": lambda maps: maps[..., ::-1, :],
    "half turn": lambda maps: maps[..., ::-1, ::-1],
    "quarter turn": lambda maps: np.rot90(maps, axes=(-2, -1)),
    "transposed": lambda maps: np.swapaxes(maps, -2, -1),
}


def picture(seed: int, share: float, dtype: str = "f4") -> tuple[NDArray[Any], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    known = rng.random((9, 13)) > share
    known[4, 5] = True
    return np.where(known, rng.random((2, 9, 13)), np.nan).astype(dtype), known


@given(st.integers(0, 1000), st.floats(0, 1), st.sampled_from(["f4", "f8"]))
def test_orientation_does_not_matter(seed: int, share: float, dtype: str) -> None:
    maps, known = picture(seed, share, dtype)
    filled = fill_gaps(maps, known)
    assert filled.dtype == maps.dtype
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[:, known], maps[:, known])
    for turn in TURNS.values():
        np.testing.assert_allclose(fill_gaps(turn(maps), turn(known)), turn(filled), rtol=1e-6)
    np.testing.assert_array_equal(fill_gaps(maps[0], known), filled[0])


def test_a_pixel_with_one_nearest_takes_its_value() -> None:
    maps, known = picture(0, 0.6)
    filled = fill_gaps(maps, known)
    distance, (y, x) = distance_transform_edt(~known, return_indices=True)
    seen = 0
    for row, column in zip(*np.nonzero(~known), strict=True):
        away = np.hypot(*(np.indices(known.shape) - np.array([row, column])[:, None, None]))
        if (known & np.isclose(away, distance[row, column])).sum() == 1:
            seen += 1
            assert filled[0, row, column] == maps[0, y[row, column], x[row, column]]
    assert seen > 5


def test_nothing_to_fill_or_to_fill_from() -> None:
    maps, known = picture(0, 0)
    assert fill_gaps(maps, known) is maps
    assert not fill_gaps(maps, np.zeros_like(known)).any()


@pytest.mark.parametrize("method", ["bicubic", "gsa", "kriging"])
@pytest.mark.parametrize("turn", ["flip", "rotate"])
def test_results_turn_with_the_scan(method: str, turn: str) -> None:
    _, scan, rgb = xrfsr.simulate.painting(48, 48, scale=2, lines=["Ca-K", "Pb-L"])
    valid = np.ones((24, 24), bool)
    valid[5:9, 6:12] = valid[14, 3:20] = valid[20:, :2] = False
    scan = scan.assign_coords(valid=(("y", "x"), valid))

    def turned(obj: Any) -> Any:
        return obj.xrfsr.flip("x") if turn == "flip" else obj.xrfsr.rotate(90)

    before = turned(scan).xrfsr.superresolve(turned(rgb), scale=2, method=method)
    after = turned(scan.xrfsr.superresolve(rgb, scale=2, method=method))
    np.testing.assert_allclose(before["intensity"], after["intensity"], rtol=2e-3, atol=2e-2)

"""Grids: invariants of refining, coarsening and a round trip through coordinates."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrfsr import Grid, InvalidInput
from xrfsr.core.grid import Axis

steps = st.floats(1e-3, 10).flatmap(lambda step: st.sampled_from([step, -step]))
axes = st.builds(Axis, size=st.integers(2, 400), step=steps, first=st.floats(-1e3, 1e3))
scales = st.integers(1, 12)


def close(a: Axis, b: Axis) -> bool:
    slack = 1e-9 * (abs(a.first) + a.extent)
    return a.size == b.size and abs(a.first - b.first) <= slack and abs(a.step - b.step) <= slack / a.size


@given(axes, scales)
def test_refining_and_coarsening_are_inverse(axis: Axis, scale: int) -> None:
    assert close(axis.refine(scale).coarsen(scale), axis)


@given(axes, st.floats(0.1, 10))
def test_edges_and_direction_are_kept(axis: Axis, scale: float) -> None:
    other = axis.resize(max(1, round(axis.size * scale)))
    slack = 1e-9 * (abs(axis.first) + axis.extent)
    np.testing.assert_allclose(other.edges, axis.edges, rtol=0, atol=slack)
    assert other.step * axis.step > 0
    assert other.covers(axis)
    assert axis.covers(other)
    assert axis.overlap(other) == pytest.approx(axis.extent, abs=slack)


@given(axes, scales)
def test_the_first_fine_centre(axis: Axis, scale: int) -> None:
    dx = axis.step
    expected = axis.first - dx / 2 + dx / (2 * scale)
    assert axis.refine(scale).centres[0] == pytest.approx(expected, rel=1e-9, abs=1e-9 * axis.extent)


@given(axes, scales)
def test_fine_centres_average_to_coarse_ones(axis: Axis, scale: int) -> None:
    means = axis.refine(scale).centres.reshape(axis.size, scale).mean(axis=1)
    np.testing.assert_allclose(means, axis.centres, rtol=0, atol=1e-9 * (abs(axis.first) + axis.extent))


@given(axes)
def test_round_trip_through_centres(axis: Axis) -> None:
    assert close(Axis.from_centres(axis.centres), axis)


@given(st.integers(3, 400), st.floats(0.05, 2), st.floats(-10, 10))
def test_centres_in_single_precision_are_regular(size: int, step: float, first: float) -> None:
    axis = Axis.from_centres(Axis(size, step, first).centres.astype(np.float32))
    assert axis.size == size
    assert axis.step == pytest.approx(step, rel=1e-3)


@given(axes.filter(lambda axis: axis.size > 3), st.data())
def test_a_skipped_row_is_refused(axis: Axis, data: st.DataObject) -> None:
    centres = axis.centres
    at = data.draw(st.integers(1, axis.size - 2))
    with pytest.raises(InvalidInput, match=r"'y' is irregular.*ds\.interp"):
        Axis.from_centres(
            np.delete(centres, at) if axis.size < 100 else centres + (np.arange(axis.size) >= at) * axis.step, "y"
        )


@pytest.mark.parametrize(
    "centres", [[1.0], [[1.0, 2.0]], [1.0, np.nan], [1.0, np.inf, 3.0], [2.0, 2.0], [0.0, 1.0, 0.0]]
)
def test_centres_that_make_no_axis(centres: list[float]) -> None:
    with pytest.raises(InvalidInput, match="'x'"):
        Axis.from_centres(centres, "x")


def test_both_axes_are_reported() -> None:
    with pytest.raises(InvalidInput) as caught:
        Grid.from_centres([0.0, 1.0, 3.0], [0.0, np.nan])
    assert len(caught.value.faults) == 2


def test_descending() -> None:
    axis = Axis.from_centres([3.5, 2.5, 1.5])
    assert axis.edges == (1.0, 4.0)
    assert axis.refine(2).centres.tolist() == [3.75, 3.25, 2.75, 2.25, 1.75, 1.25]


@pytest.mark.parametrize("bad", [(0, 1.0, 0.0), (2, 0.0, 0.0), (2, np.nan, 0.0), (2, 1.0, np.inf)])
def test_impossible_axes(bad: tuple[int, float, float]) -> None:
    with pytest.raises(InvalidInput):
        Axis(*bad)


@given(axes, axes)
def test_overlap_is_symmetric_and_bounded(a: Axis, b: Axis) -> None:
    assert a.overlap(b) == b.overlap(a)
    assert 0 <= a.overlap(b) <= min(a.extent, b.extent) * (1 + 1e-9)
    if a.covers(b):
        assert a.overlap(b) == pytest.approx(b.extent, abs=1e-8 * (a.extent + b.extent))


def test_grid() -> None:
    scan = Grid.from_shape((64, 48), pixel_size=(0.5, 0.25), origin=(10.0, -3.0))
    assert scan.y.edges == (10.0, 42.0)
    assert scan.x.edges == (-3.0, 9.0)
    assert scan.spacing == (0.5, 0.25)
    fine = scan.refine(4)
    assert fine.shape == (256, 192)
    assert fine.coarsen(4) == scan == Grid.from_centres(scan.y.centres, scan.x.centres)
    assert fine.overlap(scan) == pytest.approx(32 * 12)
    assert pickle.loads(pickle.dumps(fine)) == fine
    assert hash(Grid.from_shape((64, 48), (0.5, 0.25), (10.0, -3.0))) == hash(scan)


def test_grids_apart() -> None:
    here, there = Grid.from_shape((4, 4), 1.0), Grid.from_shape((4, 4), 1.0, origin=(0.0, 5.0))
    assert here.overlap(there) == 0
    assert not here.covers(there)
    assert here.covers(there, tolerance=5.0)


def test_a_grid_says_what_it_is() -> None:
    grid = Grid.from_centres([3.5, 2.5, 1.5], [0.25, 0.75])
    assert repr(grid) == "<Grid of 3 x 2 pixels of 1 x 0.5 mm, y 1 to 4, x 0 to 1 mm, y descending>"


@pytest.mark.parametrize("size", ["0.5 mm", "500 um", (0.5, 0.5), [0.5, 0.5], np.array([0.5, 0.5])])
def test_pixel_sizes_of_any_kind(size: Any) -> None:
    assert Grid.from_shape((64, 48), size) == Grid.from_shape((64, 48), 0.5)


def test_wandering_coordinates_are_regular_and_those_of_a_slipping_stage_are_not() -> None:
    rng = np.random.default_rng(0)
    centres = 0.5 * np.arange(100)
    assert Axis.from_centres(centres + 0.5 * rng.uniform(-0.01, 0.01, 100)).step == pytest.approx(0.5, rel=1e-3)
    for slip in (0.1, 0.5, 1.0):
        with pytest.raises(InvalidInput, match="irregular"):
            Axis.from_centres(centres + 0.5 * slip * (np.arange(100) > 60))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Grid.from_shape((4, 5), "0.5"),
        lambda: Grid.from_shape((4, 5), (1, 2, 3)),
        lambda: Grid.from_shape((4.5, 5), 1),  # type: ignore[arg-type]
        lambda: Grid.from_shape((4, 5), 1).refine(np.nan),
        lambda: Grid.from_shape((4, 5), 1).coarsen(0),
        lambda: Grid.from_shape((4, 5), 1).coarsen(-2),
        lambda: Grid.from_centres(["a", "b"], [0.0, 1.0]),
    ],
)
def test_impossible_grids(make: Callable[[], Grid]) -> None:
    with pytest.raises(InvalidInput):
        make()

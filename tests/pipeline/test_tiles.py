"""Pieces of a painting: together they are the whole, and apart they know what they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import FOOTPRINTS, operator

from xrfsr.core.grid import Axis, Grid
from xrfsr.operators import Downsampling
from xrfsr.pipeline.tiles import MAX_UNTILED_PIXELS, Tile, sample_windows, tiles

SIZES = st.integers(8, 60)


def between(rows: int, columns: int, scale: float, *, flipped: bool = False) -> Downsampling:
    coarse = Grid.from_shape((rows, columns), 0.5)
    if flipped:
        coarse = Grid(Axis(rows, -0.5, 10.0), coarse.x)
    return Downsampling.between(coarse.refine(scale), coarse)


@given(SIZES, SIZES, st.floats(1.5, 6), st.integers(16, 200), st.integers(0, 9), st.booleans())
def test_every_fine_pixel_belongs_to_one_tile(
    rows: int, columns: int, scale: float, side: int, margin: int, flipped: bool
) -> None:
    U = between(rows, columns, scale, flipped=flipped)
    owners = np.zeros(U.fine.shape, dtype=int)
    for tile in (tile for row in tiles(U, side, margin) for tile in row):
        owners[tile.y, tile.x] += 1
        assert tile.y.stop - tile.y.start <= side + scale
        part, y, x = U.crop(tile.rows, tile.columns)
        assert part.fine.shape == (y.stop - y.start, x.stop - x.start)
        assert y.start <= tile.y.start < tile.y.stop <= y.stop or margin == 0
    assert (owners == 1).all()


@given(SIZES, SIZES, st.sampled_from(FOOTPRINTS), st.booleans(), st.randoms())
def test_a_part_sees_what_the_whole_sees(rows: int, columns: int, footprint: Any, flipped: bool, random: Any) -> None:
    scale, kind, fwhm = footprint
    coarse = Grid.from_shape((rows, columns), 1.0)
    fine = coarse.refine(scale)
    if flipped:
        fine = Grid(Axis(fine.y.size, -fine.y.step, fine.y.centres[-1]), fine.x)
    U = Downsampling.between(fine, coarse, kind, fwhm=fwhm)
    maps = np.random.default_rng(0).random((2, *U.fine.shape))
    top, left = random.randrange(rows - 3), random.randrange(columns - 3)
    chosen = slice(top, top + 3), slice(left, left + 3)
    part, y, x = U.crop(*chosen)
    np.testing.assert_allclose(part(maps[:, y, x]), U(maps)[:, *chosen], rtol=1e-12)
    np.testing.assert_allclose(part.fine.y.centres, U.fine.y.centres[y])
    np.testing.assert_allclose(part.coarse.x.centres, U.coarse.x.centres[chosen[1]])


@settings(max_examples=25)
@given(st.integers(16, 3000), st.integers(16, 3000), st.sampled_from([2, 2.5, 4, 8]), st.integers(0, 9))
def test_windows_do_not_overlap_and_are_no_more_than_asked_for(
    rows: int, columns: int, scale: float, seed: int
) -> None:
    U = between(rows, columns, scale)
    chosen = sample_windows(U, seed)
    total = U.fine.shape[0] * U.fine.shape[1]
    if total <= MAX_UNTILED_PIXELS:
        assert chosen == [Tile.whole(U)]
        return
    seen = np.zeros(U.coarse.shape, dtype=int)
    for tile in chosen:
        seen[tile.rows, tile.columns] += 1
    assert seen.max() == 1
    looked_at = sum((t.y.stop - t.y.start) * (t.x.stop - t.x.start) for t in chosen)
    assert looked_at <= 1.1 * MAX_UNTILED_PIXELS
    assert looked_at >= min(0.4 * MAX_UNTILED_PIXELS, 0.4 * total)
    assert len({tile.rows.stop - tile.rows.start for tile in chosen}) == 1
    assert chosen == sample_windows(U, seed)


def test_windows_stand_for_all_corners() -> None:
    U = between(2000, 2000, 4)
    chosen = sample_windows(U)
    assert len(chosen) == 16
    assert {(tile.rows.start // 500, tile.columns.start // 500) for tile in chosen} == {
        (i, j) for i in range(4) for j in range(4)
    }
    assert chosen != sample_windows(U, seed=1)


@pytest.mark.parametrize("footprint", FOOTPRINTS)
def test_beyond_its_reach_a_residual_is_not_felt(footprint: Any) -> None:
    U = operator(*footprint, shape=(60, 61))
    far = U.halo
    one = np.zeros((1, 60, 61))
    one[0, 30, 30] = 1.0
    spread = np.abs(U.right_inverse(U.correlation_length)(one)[0])
    row, column = U.coarse.y.parent_cell(U.fine.y), U.coarse.x.parent_cell(U.fine.x)
    assert spread[np.abs(row - 30) > far].max() < 2e-3
    assert spread[:, np.abs(column - 30) > far].max() < 2e-3
    assert spread[np.abs(row - 30) >= max(far - 2, 0)].max() > 2e-4


@given(st.integers(1, 30), st.floats(1, 7), st.integers(0, 20))
def test_the_home_of_a_pixel_does_not_depend_on_where_the_axis_begins(size: int, scale: float, start: int) -> None:
    coarse = Axis(size + start, 0.3, 1.0)
    fine = coarse.refine(scale)
    home = coarse.parent_cell(fine)
    assert (np.diff(home) >= 0).all()
    assert home[0] == 0
    assert (np.abs(fine.centres - coarse.centres[home]) <= 0.15 + 1e-6).all()
    part = coarse.crop(slice(start, start + size))
    inside = home >= start
    np.testing.assert_array_equal(part.parent_cell(fine)[inside], home[inside] - start)

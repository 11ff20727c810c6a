"""Maps reduced to what a page can hold."""

from __future__ import annotations

import math

import dask.array as da
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xrfsr.report.shrinking import LONGEST, block_means, factor_for, shrunk


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 40))
def test_factors_are_the_smallest_that_fit(rows: int, columns: int, maps: int) -> None:
    limit = 2**22
    factor = factor_for((rows, columns), maps, limit)

    def fits(each: int) -> bool:
        sides = [math.ceil(side / each) for side in (rows, columns)]
        return max(sides) <= LONGEST and sides[0] * sides[1] * maps <= limit

    assert fits(factor)
    assert factor == 1 or not fits(factor - 1)


@given(st.integers(1, 11), st.integers(1, 11), st.integers(1, 4), st.integers(0, 2**16))
def test_blocks_are_means_of_what_is_there(rows: int, columns: int, factor: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, rows, columns)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    made = block_means(values, factor)
    for line, row, column in np.ndindex(made.shape):
        block = values[line, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        known = block[np.isfinite(block)]
        if known.size:
            assert np.isclose(made[line, row, column], known.mean(dtype=float), atol=1e-5)
        else:
            assert np.isnan(made[line, row, column])


def test_lazy_arrays_stay_lazy_and_become_the_same() -> None:
    values = np.random.default_rng(0).normal(size=(2, 70, 51)).astype(np.float32)
    lazy = shrunk(da.from_array(values, chunks=(1, 32, 17)), 3)
    assert isinstance(lazy, da.Array)
    assert lazy.shape == (2, 24, 17)
    assert np.allclose(lazy.compute(), shrunk(values, 3), atol=1e-6)

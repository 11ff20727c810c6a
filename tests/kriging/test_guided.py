"""Guided kriging against the dense formulas, and its properties for any guide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid
from xrfsr.kriging import guided, strip
from xrfsr.kriging.guided import NUGGET, guided_krige, leave_one_out
from xrfsr.kriging.strip import UNGUIDED
from xrfsr.operators import Downsampling

Array = NDArray[Any]
seeds = st.integers(0, 2**32 - 1)
WINDOW = 5  # coarse pixels along a side of a neighbourhood


@st.composite
def operators(draw: st.DrawFn, size: int | None = None) -> Downsampling:
    """Draw U on small grids that need not be square, ascend, or divide each other."""
    axes = []
    for _ in "yx":
        sign, step, low = draw(st.sampled_from([-1, 1])), draw(st.floats(0.5, 2)), draw(st.floats(-9, 9))
        coarse = Axis(size or draw(st.integers(2, 9)), sign * step, low)
        axes.append((coarse.refine(draw(st.floats(1.5, 3))), coarse))
    fine, coarse_grid = (Grid(y, x) for y, x in zip(*axes, strict=True))
    return Downsampling.between(fine, coarse_grid, draw(st.sampled_from(["area", "decimate"])))


def whole(ratio: int = 4, shape: tuple[int, int] = (9, 7), footprint: Any = "area", **beam: float) -> Downsampling:
    coarse = Grid.from_shape(shape, 1.5)
    return Downsampling.between(coarse.refine(ratio), coarse, footprint, **beam)


def inputs(U: Downsampling, seed: int, lines: int = 2, channels: int = 3) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    scan = random.random((lines, *U.coarse.shape)).astype(np.float32)
    return scan, random.normal(size=(channels, *U.fine.shape)).astype(np.float32)


def dense(U: Downsampling, guide: Array) -> tuple[Array, Array]:
    """U and Q as full matrices."""
    length = U.correlation_length
    rho = np.kron(*(np.exp(-np.abs(a.centres[:, None] - a.centres) / length) for a in (U.fine.y, U.fine.x)))
    g = guide.reshape(len(guide), -1).astype(np.float64)
    apart = ((g[:, :, None] - g[:, None]) ** 2).sum(axis=0)
    return np.kron(U.y.toarray(), U.x.toarray()), rho * (UNGUIDED + (1 - UNGUIDED) * np.exp(-apart / 2))


def ordinary(C: Array, right: Array) -> Array:
    """Weights that sum to one, from the bordered system of ordinary kriging."""
    n = len(C)
    system = np.block([[C, np.ones((n, 1))], [np.ones((1, n)), np.zeros((1, 1))]])
    return np.asarray(np.linalg.solve(system, np.vstack([right, np.ones((1, right.shape[1]))]))[:n])


@settings(max_examples=30)
@given(operators(WINDOW), seeds)
def test_it_is_ordinary_kriging_of_the_neighbourhood(U: Downsampling, seed: int) -> None:
    scan, guide = inputs(U, seed)
    A, Q = dense(U, guide)
    C = A @ Q @ A.T + NUGGET * np.eye(len(A))
    found = guided_krige(scan, guide, U)
    # The neighbourhood of the middle pixel is the whole scan.
    expected = scan.reshape(2, -1) @ ordinary(C, A @ Q)
    rows, columns = (
        np.abs(fine.centres - coarse.centres[2]) < abs(coarse.step) * 0.4999
        for fine, coarse in ((U.fine.y, U.coarse.y), (U.fine.x, U.coarse.x))
    )
    middle = np.ix_(np.arange(2), rows, columns)
    np.testing.assert_allclose(found.fine[middle], expected.reshape(found.fine.shape)[middle], rtol=0, atol=1e-4)
    cell = WINDOW**2 // 2
    others = np.delete(np.arange(WINDOW**2), cell)
    without = scan.reshape(2, -1)[:, others] @ ordinary(C[np.ix_(others, others)], C[others][:, [cell]])
    np.testing.assert_allclose(found.left_out[:, 2, 2], without[:, 0], rtol=0, atol=1e-4)


@settings(max_examples=30)
@given(operators(), seeds, st.floats(0, 9))
def test_flat_maps_stay_flat_whatever_the_guide(U: Downsampling, seed: int, contrast: float) -> None:
    _, guide = inputs(U, seed)
    found = guided_krige(np.full((1, *U.coarse.shape), 3.0), contrast * guide, U)
    np.testing.assert_allclose(found.fine, 3.0, rtol=1e-5)
    np.testing.assert_allclose(found.left_out, 3.0, rtol=1e-5)


@pytest.mark.parametrize("footprint", ["area", "decimate"])
@pytest.mark.parametrize("ratio", [1, 2, 4, 7])
def test_with_whole_ratios_the_scan_comes_back(footprint: str, ratio: int) -> None:
    U = whole(ratio, footprint=footprint)
    scan, guide = inputs(U, 0)
    fine = guided_krige(scan, guide, U).fine
    # Except for the nugget, whose effect the projection removes.
    np.testing.assert_allclose(U(fine), scan, rtol=0, atol=5e-3)


def test_an_edge_is_where_the_guide_has_it() -> None:
    U = whole()
    truth = np.zeros((1, *U.fine.shape), dtype=np.float32)
    truth[:, :, 14:] = 1
    along, without = (np.abs(guided_krige(U(truth), c * truth, U).fine - truth).max() for c in (4.0, 0.0))
    assert along < 0.2
    assert without > 0.4


def test_a_constant_guide_is_kriging_and_its_level_is_irrelevant() -> None:
    U = whole()
    scan, guide = inputs(U, 1)
    grey, other = (guided_krige(scan, np.full_like(guide, level), U) for level in (0.0, 1e4))
    np.testing.assert_allclose(grey.fine, other.fine, rtol=0, atol=1e-5)
    lifted = guided_krige(scan, guide + 1000, U)
    np.testing.assert_allclose(lifted.fine, guided_krige(scan, guide, U).fine, rtol=0, atol=2e-3)


@pytest.mark.parametrize("axis", [1, 2])
def test_turned_over_it_gives_the_same_turned_over(axis: int) -> None:
    U = whole()
    scan, guide = inputs(U, 2)
    there = guided_krige(np.flip(scan, axis), np.flip(guide, axis), U).fine
    np.testing.assert_allclose(np.flip(there, axis), guided_krige(scan, guide, U).fine, rtol=0, atol=2e-5)


def test_leaving_one_out_needs_no_fine_pixels() -> None:
    U = whole(4, (9, 7))
    scan, guide = inputs(U, 3)
    expected = guided_krige(scan, guide, U).left_out
    np.testing.assert_allclose(leave_one_out(scan, guide, U), expected, atol=1e-4 * np.abs(scan).max())


def test_strips_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    U = whole(3, (23, 11))
    scan, guide = inputs(U, 3)
    expected = guided_krige(scan, guide, U)
    for name in ("PAIRS_PER_STRIP", "PIXELS_PER_BLOCK", "TALL"):
        monkeypatch.setattr(guided, name, 1)
    monkeypatch.setattr(strip, "PAIRS_PER_BLOCK", 1)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        found = guided_krige(scan, guide, U)
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("ratio", "footprint", "beam"), [(12, "area", {}), (4, "gaussian", {"fwhm": 0.7})])
def test_pooling_wide_footprints_changes_little(
    ratio: int, footprint: str, beam: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    U = whole(ratio, footprint=footprint, **beam)
    scan, _ = inputs(U, 4)
    y, x = np.mgrid[: U.fine.shape[0], : U.fine.shape[1]] / ratio
    guide = np.stack([np.sin(y), np.cos(x)]).astype(np.float32)
    pooled = guided_krige(scan, guide, U)
    monkeypatch.setattr(guided, "MAX_GROUPS", 99)
    every = guided_krige(scan, guide, U)
    assert np.abs(pooled.fine - every.fine).std() < 0.03 * every.fine.std()


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> list[slice]:
    """Rows of every strip for which the equations are solved."""
    noted: list[slice] = []
    original = guided._Solver.solve_rows

    def solve_rows(solver: Any, strip: strip.Strip, *out: Array) -> None:
        noted.append(strip.rows)
        original(solver, strip, *out)

    monkeypatch.setattr(guided._Solver, "solve_rows", solve_rows)
    return noted


def test_strips_stay_small_and_hold_every_row_once(strips: list[slice]) -> None:
    """Memory does not grow with the number of rows of a scan."""
    for rows in (40, 160):
        strips.clear()
        U = whole(4, (rows, 128))
        guided_krige(*inputs(U, 5, lines=1, channels=1), U)
        assert sorted(row for strip in strips for row in range(rows)[strip]) == list(range(rows))
        assert all((strip.stop - strip.start) * 128 * 4**4 <= guided.PAIRS_PER_STRIP for strip in strips)


def test_on_a_gpu_strips_are_fewer_and_larger(strips: list[slice], monkeypatch: pytest.MonkeyPatch) -> None:
    U = whole(4, (160, 128))
    scan, guide = inputs(U, 6, lines=2, channels=2)
    expected = guided_krige(scan, guide, U)
    strips.clear()
    monkeypatch.setattr(guided, "is_cpu", lambda device: False)
    found = guided_krige(scan, guide, U)
    assert strips == [slice(0, 160)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)

"""U against what it must be: adjoint, rows of one, exact projection, and the dense formulas of the paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xrfsr.errors import InvalidInput
from xrfsr.grid import Axis, Grid
from xrfsr.kriging import correlation_length, krige, leave_out
from xrfsr.positivity import nonnegative
from xrfsr.sampling import Downsampling, footprint_matrix, linear_matrix


@st.composite
def operators(draw: st.DrawFn) -> Downsampling:
    """U between grids of any size, ratio, offset and direction."""

    def axis() -> tuple[Axis, Axis]:
        coarse = Axis(
            draw(st.integers(3, 9)),
            draw(st.sampled_from([-1, 1])) * draw(st.floats(0.2, 3.0)),
            draw(st.floats(-5, 5)),
        )
        fine = coarse.refine(draw(st.floats(1.3, 5.0)))
        # Extra fine pixels and a shift that keep the coarse cells covered.
        shift = draw(st.floats(0, 1)) * fine.step
        return Axis(fine.size + 2, fine.step, fine.first - shift - fine.step / 2), coarse

    (fine_y, y), (fine_x, x) = axis(), axis()
    footprint = draw(st.sampled_from(["area", "gaussian", "decimate"]))
    grids = Grid(fine_y, fine_x), Grid(y, x)
    if footprint != "gaussian":
        return Downsampling.between(*grids, footprint)
    smear = draw(st.sampled_from([None, (0.0, abs(x.step))]))
    return Downsampling.between(*grids, footprint, fwhm=0.7 * min(abs(y.step), abs(x.step)), smear=smear)


@given(operators(), st.integers(0, 2**32 - 1))
def test_adjoint(U: Downsampling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, *U.fine.shape)), rng.standard_normal((2, *U.coarse.shape))
    np.testing.assert_allclose(np.vdot(U(a), b), np.vdot(a, U.adjoint(b)), rtol=1e-6, atol=1e-9)


@given(operators())
def test_rows_sum_to_one(U: Downsampling) -> None:
    np.testing.assert_allclose(U(np.ones(U.fine.shape)), 1.0, rtol=1e-12)


@given(operators(), st.integers(0, 2**32 - 1), st.sampled_from([None, 1.0, 10.0]))
def test_projection_is_consistent_and_idempotent(U: Downsampling, seed: int, pixels: float | None) -> None:
    rng = np.random.default_rng(seed)
    estimate, scan = rng.random(U.fine.shape), rng.random(U.coarse.shape)
    length = None if pixels is None else pixels * max(U.coarse.spacing)
    once = U.project(estimate, scan, length)
    np.testing.assert_allclose(U(once), scan, atol=1e-6)
    np.testing.assert_allclose(U.project(once, scan, length), once, atol=1e-6 * np.abs(once).max())


@given(operators(), st.integers(0, 2**32 - 1))
def test_torch_agrees_with_numpy_and_differentiates_to_the_adjoint(U: Downsampling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, *U.fine.shape)), rng.random((2, *U.coarse.shape))
    tensor = torch.tensor(a, requires_grad=True)
    out = U(tensor)
    np.testing.assert_allclose(out.detach().numpy(), U(a), rtol=1e-9)
    (out * torch.tensor(b)).sum().backward()
    assert tensor.grad is not None
    np.testing.assert_allclose(tensor.grad.numpy(), U.adjoint(b), rtol=1e-9, atol=1e-12)


@given(st.integers(2, 5), st.integers(0, 2**32 - 1), st.sampled_from([-1.0, 1.0]))
def test_area_conserves_counts_and_is_the_block_mean(scale: int, seed: int, direction: float) -> None:
    coarse = Grid(Axis(4, direction * 0.5, 3.0), Axis(5, 0.7, -1.0))
    U = Downsampling.between(coarse.refine(scale), coarse)
    fine = np.random.default_rng(seed).random(U.fine.shape)
    np.testing.assert_allclose(U(fine), fine.reshape(4, scale, 5, scale).mean((1, 3)), rtol=1e-12)
    np.testing.assert_allclose(U(fine).sum() * scale**2, fine.sum(), rtol=1e-12)


def test_area_against_overlaps_found_one_by_one() -> None:
    coarse, fine = Axis(3, 1.0, 0.5), Axis(7, 0.45, 0.2)
    low = fine.centres - 0.225
    expected = np.array([[max(0.0, min(c + 0.5, f + 0.45) - max(c - 0.5, f)) for f in low] for c in coarse.centres])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(footprint_matrix(fine, coarse).toarray(), expected, atol=1e-12)


def test_gaussian_against_quadrature() -> None:
    coarse, fwhm = Axis(9, 1.0, 0.5), 0.8
    fine = coarse.refine(4)
    t = np.linspace(-5, 14, 190001)
    sigma = fwhm / (2 * np.sqrt(2 * np.log(2)))
    row = 4
    box = (np.arange(400) + 0.5) / 400 - 0.5 + coarse.centres[row]
    density = sum(np.exp(-((t - s) ** 2) / (2 * sigma**2)) for s in box)
    cell = np.floor(t / 0.25).astype(int)
    expected = np.array([density[cell == j].sum() for j in range(fine.size)])
    found = footprint_matrix(fine, coarse, "gaussian", fwhm=fwhm).toarray()[row]
    np.testing.assert_allclose(found, expected / expected.sum(), atol=2e-4)


def test_eq10_is_the_literal_formula_for_orthonormal_columns() -> None:
    coarse = Grid.from_shape((5, 6), 1.0)
    U = Downsampling.between(coarse.refine(3), coarse, "decimate")
    rng = np.random.default_rng(0)
    estimate, scan = rng.random(U.fine.shape), rng.random(U.coarse.shape)
    np.testing.assert_allclose(U.project(estimate, scan), estimate - U.adjoint(U(estimate) - scan), atol=1e-12)


@pytest.mark.parametrize("length", [None, 2.5])
def test_spreading_is_the_dense_formula(length: float | None) -> None:
    coarse = Grid(Axis(4, 1.0, 0.5), Axis(3, -0.8, 0.0))
    U = Downsampling.between(coarse.refine(2.5), coarse)
    dense = np.kron(U.y.toarray(), U.x.toarray())
    covariance = np.eye(dense.shape[1])
    if length is not None:
        q = [np.exp(-np.abs(a.centres[:, None] - a.centres) / length) for a in (U.fine.y, U.fine.x)]
        covariance = np.kron(*q)
    gram = dense @ covariance @ dense.T
    spreading = U.spreading(length)
    np.testing.assert_allclose(
        np.kron(spreading.y.toarray(), spreading.x.toarray()), covariance @ dense.T @ np.linalg.inv(gram), atol=1e-9
    )
    np.testing.assert_allclose(
        np.kron(spreading.precision_y.toarray(), spreading.precision_x.toarray()), np.linalg.inv(gram), atol=1e-9
    )
    if length is None:
        np.testing.assert_allclose(
            np.kron(spreading.y.toarray(), spreading.x.toarray()), np.linalg.pinv(dense), atol=1e-9
        )


def test_leave_out_is_kriging_without_the_pixel() -> None:
    coarse = Grid.from_shape((4, 3), 1.0)
    U = Downsampling.between(coarse.refine(2), coarse)
    scan = np.random.default_rng(0).random((1, 4, 3))
    length = correlation_length(U)
    q = [np.exp(-np.abs(a.centres[:, None] - a.centres) / length) for a in (U.fine.y, U.fine.x)]
    dense, covariance = np.kron(U.y.toarray(), U.x.toarray()), np.kron(*q)
    found = leave_out(scan, U)
    pull = np.kron(found.spreading.y.toarray(), found.spreading.x.toarray())
    mean = scan.mean()
    for cell in range(12):
        rest = np.delete(dense, cell, axis=0)
        values = np.delete(scan.ravel(), cell) - mean
        expected = mean + covariance @ rest.T @ np.linalg.solve(rest @ covariance @ rest.T, values)
        without = found.full.ravel() - pull[:, cell] * found.influence.ravel()[cell]
        np.testing.assert_allclose(without, expected, atol=1e-9)


@given(operators())
def test_flat_maps_stay_flat(U: Downsampling) -> None:
    np.testing.assert_allclose(krige(np.full((1, *U.coarse.shape), 3.0), U), 3.0, rtol=1e-9)


def test_linear_matrix_is_interpolation_with_held_ends() -> None:
    source = Axis(5, 0.7, 1.0)
    target = source.refine(3.4)
    values = np.random.default_rng(0).random(5)
    np.testing.assert_allclose(
        linear_matrix(source, target) @ values, np.interp(target.centres, source.centres, values), atol=1e-12
    )


def test_nonnegative_maps_stay_consistent() -> None:
    coarse = Grid.from_shape((16, 12), 1.0)
    U = Downsampling.between(coarse.refine(4), coarse)
    scan = np.random.default_rng(0).poisson(0.4, (2, 16, 12)).astype(np.float32)
    spreading = U.spreading(correlation_length(U))
    floor = krige(scan, U, spreading)
    assert floor.min() < 0  # else there is nothing to test
    made = nonnegative(floor, scan, U, spreading)
    assert made.min() >= 0
    np.testing.assert_allclose(U(made), scan, atol=1e-5 * scan.max())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"footprint": "round"}, "'round' is unknown"),
        ({"footprint": "gaussian"}, "needs the beam's FWHM"),
        ({"footprint": "gaussian", "fwhm": -1.0}, "above zero"),
        ({"footprint": "area", "fwhm": 1.0}, "belong to footprint='gaussian'"),
    ],
)
def test_bad_footprints_are_refused(options: dict, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        footprint_matrix(Axis(8, 0.5, 0.25), Axis(4, 1.0, 0.5), **options)


def test_uncovered_cells_and_coarser_targets_are_refused() -> None:
    with pytest.raises(InvalidInput, match="outside the source"):
        footprint_matrix(Axis(4, 0.5, 0.25), Axis(4, 1.0, 0.5))
    coarse = Grid.from_shape((8, 8), 1.0)
    with pytest.raises(InvalidInput, match="at least as fine"):
        Downsampling.between(coarse.coarsen(2), coarse).spreading()

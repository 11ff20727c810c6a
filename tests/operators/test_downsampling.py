"""Properties of U: adjoint, rows that sum to one, exact projection, and the dense formulas of the paper."""

from __future__ import annotations

import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from xrfsr.core.grid import Axis, Grid
from xrfsr.errors import InvalidInput
from xrfsr.operators import Downsampling, apply_separable, footprint_matrix, linear_matrix
from xrfsr.utils import device

seeds = st.integers(0, 2**32 - 1)
signs = st.sampled_from([-1, 1])
SOME = st.integers(1, 9)
RATIOS = st.floats(1.3, 5) | st.sampled_from([2.0, 4.0])
WIDTHS = st.floats(0.2, 1.2)


def flipped(axis: Axis) -> Axis:
    return Axis(axis.size, -axis.step, float(axis.centres[-1]))


def covering(draw: st.DrawFn, cells: st.SearchStrategy[int], ratios: st.SearchStrategy[float]) -> tuple[Axis, Axis]:
    """A fine and a coarse axis of any ratio, offset and direction, the coarse one covered (almost) by the fine one."""
    size, step, low = draw(cells), draw(st.floats(0.05, 20)), draw(st.floats(-100, 100))
    ratio = draw(ratios)
    pad, beyond = draw(st.floats(-0.4 / ratio, 2)), draw(st.floats(0, 2))
    count = max(1, int(np.ceil(size * ratio + pad + beyond)))
    fine = Axis(count, step / ratio, low + (0.5 - pad) * step / ratio)
    coarse = Axis(size, step, low + 0.5 * step)
    return tuple(axis if draw(signs) > 0 else flipped(axis) for axis in (fine, coarse))  # type: ignore[return-value]


@st.composite
def operators(
    draw: st.DrawFn,
    cells: st.SearchStrategy[int] = SOME,
    ratios: st.SearchStrategy[float] = RATIOS,
    widths: st.SearchStrategy[float] = WIDTHS,
) -> Downsampling:
    """U with any footprint between grids of any size, ratio, offset and direction."""
    axes = [covering(draw, cells, ratios) for _ in "yx"]
    fine, coarse = (Grid(y, x) for y, x in zip(*axes, strict=True))
    footprint = draw(st.sampled_from(["area", "gaussian", "decimate"]))
    if footprint != "gaussian":
        return Downsampling.between(fine, coarse, footprint)
    dy, dx = coarse.spacing
    fwhm = draw(st.sampled_from(["one", "two"]))
    beam = draw(widths) * min(dy, dx) if fwhm == "one" else (draw(widths) * dy, draw(widths) * dx)
    return Downsampling.between(fine, coarse, footprint, fwhm=beam, smear=draw(st.sampled_from([None, (0.0, dx)])))


def dense(U: Downsampling) -> NDArray[np.float64]:
    return np.kron(U.y.toarray(), U.x.toarray())


def covariance(U: Downsampling, length: float | None) -> NDArray[np.float64]:
    if length is None:
        return np.eye(U.fine.shape[0] * U.fine.shape[1])
    return np.kron(*(np.exp(-np.abs(a.centres[:, None] - a.centres) / length) for a in (U.fine.y, U.fine.x)))


def amplification(U: Downsampling, length: float | None) -> float:
    right_inverse = U.right_inverse(length)
    return float(abs(right_inverse.y).sum(axis=1).max() * abs(right_inverse.x).sum(axis=1).max())


# U and its adjoint


@given(operators(), seeds, st.sampled_from([np.float32, np.float64]), st.sampled_from(["numpy", "torch"]))
def test_adjoint(U: Downsampling, seed: int, dtype: Any, library: str) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.standard_normal((2, *grid.shape)).astype(dtype) for grid in (U.fine, U.coarse))
    if library == "numpy":
        forward, backward = U(a), U.adjoint(b)
        assert forward.dtype == backward.dtype == dtype
    else:
        made = U(torch.from_numpy(a)), U.adjoint(torch.from_numpy(b))
        assert {part.dtype for part in made} == {torch.from_numpy(a).dtype}
        forward, backward = (part.numpy() for part in made)
    one, other = (np.vdot(p.astype(np.float64), q.astype(np.float64)) for p, q in ((forward, b), (a, backward)))
    tolerance = 1e-12 if dtype == np.float64 else 1e-6
    assert abs(one - other) <= tolerance * np.linalg.norm(a) * np.linalg.norm(b)


@settings(max_examples=20)
@given(operators(), seeds)
def test_products_with_zeros_are_the_sparse_ones(U: Downsampling, seed: int) -> None:
    """Elsewhere than on a CPU, the factors of U are dense."""
    maps = torch.rand(2, *U.fine.shape, generator=torch.Generator().manual_seed(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "is_cpu", lambda place: False)
        dense = U(maps), U.adjoint(U(maps))
    for one, other in zip(dense, (U(maps), U.adjoint(U(maps))), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@given(operators(), seeds, st.sampled_from([torch.float32, torch.float64]))
def test_torch_agrees_with_numpy_and_differentiates_to_the_adjoint(
    U: Downsampling, seed: int, dtype: torch.dtype
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, *U.fine.shape)), rng.random((2, *U.coarse.shape))
    tensor = torch.tensor(a, dtype=dtype, requires_grad=True)
    out = U(tensor)
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(out.detach().numpy(), U(a), **tolerance)
    (out * torch.tensor(b)).sum().backward()
    assert tensor.grad is not None
    assert tensor.grad.dtype == dtype
    np.testing.assert_allclose(tensor.grad.numpy(), U.adjoint(b), **tolerance)


def test_gradients_of_gradients() -> None:
    coarse = Grid.from_shape((3, 2), 1.0)
    U = Downsampling.between(coarse.refine(2.5), coarse, "gaussian", fwhm=0.8)
    scan = torch.rand(coarse.shape, dtype=torch.float64)
    assert torch.autograd.gradgradcheck(
        lambda maps: U.project(maps, scan, 2.0).pow(2),
        torch.rand(U.fine.shape, dtype=torch.float64, requires_grad=True),
    )


@given(operators(), seeds)
def test_rows_are_means(U: Downsampling, seed: int) -> None:
    for factor in (U.y, U.x):
        assert factor.data.min() >= 0
        np.testing.assert_allclose(factor.sum(axis=1), 1.0, rtol=1e-12)
    maps = np.random.default_rng(seed).random(U.fine.shape)
    np.testing.assert_allclose(U(maps).ravel(), dense(U) @ maps.ravel(), rtol=1e-12)


# Footprints compared with independent computations of the weights


def pairs(ratios: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[Axis, Axis]]:
    return st.composite(lambda draw: covering(draw, st.integers(1, 12), ratios))()


def normalised(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@given(pairs(st.floats(1, 8)))
def test_area_against_overlaps_found_one_by_one(axes: tuple[Axis, Axis]) -> None:
    fine, coarse = axes
    half, reach = abs(fine.step) / 2, abs(coarse.step) / 2
    shared = [
        [max(0.0, min(f + half, c + reach) - max(f - half, c - reach)) for f in fine.centres] for c in coarse.centres
    ]
    found = footprint_matrix(fine, coarse).toarray()
    np.testing.assert_allclose(found, normalised(np.array(shared)), rtol=0, atol=1e-7)


@given(st.integers(1, 6), st.integers(1, 6), seeds, signs, signs)
def test_whole_ratios_are_block_means(down: int, right: int, seed: int, up: int, left: int) -> None:
    coarse = Grid(Axis(4, up * 0.5, 3.0), Axis(5, left * 0.7, -1.0))
    fine = Grid(coarse.y.refine(down), coarse.x.refine(right))
    maps = np.random.default_rng(seed).random(fine.shape)
    found = Downsampling.between(fine, coarse)(maps)
    np.testing.assert_allclose(found, maps.reshape(4, down, 5, right).mean((1, 3)), rtol=1e-12)


@given(st.tuples(st.integers(1, 20), st.integers(1, 20)), st.floats(1, 7), st.floats(1, 7), seeds, signs, signs)
def test_area_conserves_counts(
    shape: tuple[int, int], down: float, right: float, seed: int, up: int, left: int
) -> None:
    coarse = Grid(Axis(shape[0], up * 0.3, 7.0), Axis(shape[1], left * 1.1, -40.0))
    fine = Grid(coarse.y.refine(down), flipped(coarse.x.refine(right)))
    maps = np.random.default_rng(seed).random(fine.shape)
    before, after = (
        a.sum() * np.prod(g.spacing) for a, g in ((maps, fine), (Downsampling.between(fine, coarse)(maps), coarse))
    )
    assert after == pytest.approx(before, rel=1e-10)


@given(pairs(st.floats(1, 8) | st.integers(1, 8).map(float)))
def test_decimation_takes_the_nearest_pixel(axes: tuple[Axis, Axis]) -> None:
    fine, coarse = axes
    found = footprint_matrix(fine, coarse, "decimate")
    np.testing.assert_array_equal(found.data, 1.0)
    for centre, chosen in zip(coarse.centres, found.indices, strict=True):
        distance = np.abs(fine.centres - centre) / abs(fine.step)
        assert distance[chosen] <= distance.min() + 1e-5
        tied = np.flatnonzero(distance < distance.min() + 1e-8)
        if len(tied) > 1:
            assert chosen == min(tied, key=lambda cell: fine.centres[cell])
    np.testing.assert_array_equal(np.diff(found.indptr), 1)


@given(pairs(st.floats(1, 5)), st.floats(0.3, 2), st.sampled_from([None, 0.0, 0.6]))
def test_gaussian_against_quadrature(axes: tuple[Axis, Axis], width: float, smear: float | None) -> None:
    fine, coarse = axes
    pixel = abs(coarse.step)
    fwhm = width * pixel
    sigma = fwhm / np.sqrt(8 * np.log(2))
    node, weight = np.polynomial.legendre.leggauss(40)
    inside = fine.centres[:, None] + node * abs(fine.step) / 2
    length = pixel if smear is None else smear * pixel
    box = node * length / 2
    density = np.array(
        [np.exp(-(((inside[..., None] - c - box) / sigma) ** 2) / 2) @ weight @ weight for c in coarse.centres]
    )
    found = footprint_matrix(fine, coarse, "gaussian", fwhm=fwhm, smear=None if smear is None else length)
    np.testing.assert_allclose(found.toarray(), normalised(density), rtol=0, atol=2e-6)


@given(pairs(st.floats(1, 6)), st.sampled_from(["area", "gaussian", "decimate", "linear", "spreading"]))
def test_direction_is_only_order(axes: tuple[Axis, Axis], kind: str) -> None:
    fine, coarse = axes

    def matrix(fine: Axis, coarse: Axis) -> NDArray[np.float64]:
        if kind == "linear":
            return linear_matrix(fine, coarse).toarray()
        if kind == "spreading":
            same = Axis(1, 1.0, 0.0)
            return (
                Downsampling.between(Grid(fine, same), Grid(coarse, same)).right_inverse(abs(coarse.step)).y.toarray().T
            )
        return footprint_matrix(fine, coarse, kind, fwhm=abs(coarse.step) if kind == "gaussian" else None).toarray()  # type: ignore[arg-type]

    try:
        plain = matrix(fine, coarse)
    except InvalidInput:  # a ratio so close to one that footprints of neighbours are nearly equal
        assert kind == "spreading"
        return
    tolerance = {"rtol": 0, "atol": 1e-7 * np.abs(plain).max()}
    np.testing.assert_allclose(matrix(flipped(fine), coarse), plain[:, ::-1], **tolerance)
    np.testing.assert_allclose(matrix(fine, flipped(coarse)), plain[::-1], **tolerance)


# Linear interpolation


@given(pairs(st.floats(0.3, 6)), seeds)
def test_linear_is_interpolation_with_held_ends(axes: tuple[Axis, Axis], seed: int) -> None:
    target, source = axes
    values = np.random.default_rng(seed).random(source.size)
    order = np.argsort(source.centres)
    expected = np.interp(target.centres, source.centres[order], values[order])
    np.testing.assert_allclose(linear_matrix(source, target) @ values, expected, rtol=0, atol=1e-7)


def test_linear_along_both_axes_is_bilinear() -> None:
    source = Grid(Axis(5, 0.7, 1.0), Axis(6, -0.4, 2.0))
    target = Grid(Axis(9, 0.3, 1.1), Axis(7, -0.25, 1.9))
    maps = np.random.default_rng(0).random(source.shape)
    grid = RegularGridInterpolator((source.y.centres, source.x.centres[::-1]), maps[:, ::-1])
    expected = grid(tuple(np.meshgrid(target.y.centres, target.x.centres, indexing="ij")))
    found = apply_separable(linear_matrix(source.y, target.y), linear_matrix(source.x, target.x), maps)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_target_on_a_centre_needs_no_neighbour() -> None:
    source = Axis(4, 0.1, 0.3)
    matrix = linear_matrix(source, Axis(3, 0.1, 0.3 + 2e-12))
    np.testing.assert_array_equal(matrix.toarray(), np.eye(4)[:3])


# Pseudo-inverse, spreading and projection

small = operators(cells=st.integers(1, 4), ratios=st.floats(1.3, 3))


@settings(max_examples=40)
@given(small)
def test_pseudo_inverse(U: Downsampling) -> None:
    A = dense(U)
    identity = np.eye(A.shape[0]).reshape(-1, *U.coarse.shape)
    P = U.pinv(identity).reshape(A.shape[0], -1).T
    np.testing.assert_allclose(P, np.linalg.pinv(A), rtol=0, atol=1e-10 * np.abs(P).max())
    for one, other in ((A @ P @ A, A), (P @ A @ P, P), ((A @ P).T, A @ P), ((P @ A).T, P @ A)):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10 * np.abs(P).max())


def test_pseudo_inverse_of_block_means_copies() -> None:
    coarse = Grid.from_shape((3, 4), 1.0)
    scan = np.arange(12.0).reshape(3, 4)
    made = Downsampling.between(coarse.refine(3), coarse).pinv(scan)
    np.testing.assert_allclose(made, scan.repeat(3, 0).repeat(3, 1), rtol=1e-12, atol=1e-12)


@settings(max_examples=40)
@given(small, st.floats(0.1, 10) | st.none())
def test_spreading_is_the_dense_formula(U: Downsampling, pixels: float | None) -> None:
    length = None if pixels is None else pixels * max(U.coarse.spacing)
    A, Q = dense(U), covariance(U, length)
    inverse = np.linalg.inv(A @ Q @ A.T)
    found = U.right_inverse(length)
    for (y, x), expected in (
        ((found.y, found.x), Q @ A.T @ inverse),
        ((found.precision_y, found.precision_x), inverse),
    ):
        made = np.kron(y.toarray(), x.toarray())
        np.testing.assert_allclose(made, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("length", [None, 0.01, 3.0, 300.0])
@pytest.mark.parametrize(
    ("ratio", "options"),
    [
        (4.0, {}),
        (1.7, {}),
        (4.0, {"footprint": "decimate"}),
        (2.3, {"footprint": "gaussian", "fwhm": 1.0}),
        (3.0, {"footprint": "gaussian", "fwhm": 2.0, "smear": 0.0}),
    ],
)
def test_blocks_of_a_long_axis_make_the_whole(ratio: float, options: dict[str, Any], length: float | None) -> None:
    # Long enough for several blocks, and for margins that have to be widened.
    coarse = Axis(500, -1.0, 499.5)
    fine = Axis(round(500 * ratio) + 8, 1 / ratio, -3 / ratio)
    smear = options.get("smear")
    one = Axis(1, 1.0, 0.0)
    U = Downsampling.between(
        Grid(fine, one), Grid(coarse, one), **options | ({} if smear is None else {"smear": (smear, 1.0)})
    )
    A = U.y.toarray()
    QA = A.T if length is None else np.exp(-np.abs(fine.centres[:, None] - fine.centres) / length) @ A.T
    expected = np.linalg.solve(A @ QA, QA.T).T
    found = U.right_inverse(length)
    np.testing.assert_allclose(found.y.toarray(), expected, rtol=0, atol=1e-9 * np.abs(expected).max())
    np.testing.assert_allclose((U.y @ found.y).toarray(), np.eye(500), rtol=0, atol=1e-10)
    if length is not None:
        np.testing.assert_allclose(
            (found.precision_y @ A @ QA), np.eye(500), rtol=0, atol=1e-7 if "fwhm" in options else 1e-9
        )


def test_the_spreading_of_a_long_axis_is_a_band() -> None:
    def per_column(size: int) -> float:
        coarse = Grid(Axis(size, 1.0, 0.5), Axis(1, 1.0, 0.5))
        return Downsampling.between(coarse.refine(4), coarse).right_inverse(3.0).y.nnz / size

    assert per_column(4000) < per_column(1000) * 1.05 < 250


@given(operators(), seeds, st.sampled_from([None, 0.3, 3.0, 100.0]), st.sampled_from([np.float32, np.float64]))
def test_projection_is_exactly_consistent(U: Downsampling, seed: int, pixels: float | None, dtype: Any) -> None:
    rng = np.random.default_rng(seed)
    estimate, scan = rng.random((2, *U.fine.shape)).astype(dtype), rng.random((2, *U.coarse.shape)).astype(dtype)
    length = None if pixels is None else pixels * max(U.coarse.spacing)
    once = U.project(estimate, scan, length)
    assert once.dtype == dtype
    rounding = 30 * np.finfo(dtype).eps * amplification(U, length)
    tolerance = max(1e-9, rounding) if dtype == np.float64 else rounding
    np.testing.assert_allclose(U(once), scan, rtol=0, atol=tolerance)
    np.testing.assert_allclose(U.project(once, scan, length), once, rtol=0, atol=tolerance * amplification(U, length))
    kept = U.project(estimate, U(estimate), length)
    np.testing.assert_allclose(kept, estimate, rtol=0, atol=tolerance * amplification(U, length))
    in_torch = U.project(torch.from_numpy(estimate), torch.from_numpy(scan), length)
    np.testing.assert_allclose(in_torch.numpy(), once, rtol=0, atol=tolerance * amplification(U, length))


@settings(max_examples=40)
@given(small, seeds, st.floats(0.1, 10) | st.none())
def test_projection_is_the_nearest_consistent_point(U: Downsampling, seed: int, pixels: float | None) -> None:
    rng = np.random.default_rng(seed)
    estimate, scan = rng.random(U.fine.shape), rng.random(U.coarse.shape)
    length = None if pixels is None else pixels * max(U.coarse.spacing)
    # In coordinates where the norm of Q⁻¹ is the usual one, the nearest point is the least-norm solution.
    root = np.linalg.cholesky(covariance(U, length))
    step = root @ np.linalg.lstsq(dense(U) @ root, (scan - U(estimate)).ravel(), rcond=1e-12)[0]
    found = U.project(estimate, scan, length)
    np.testing.assert_allclose(found.ravel(), estimate.ravel() + step, rtol=0, atol=1e-8 * np.abs(found).max())


@given(st.integers(2, 5), seeds)
def test_eq10_is_the_literal_formula_for_orthonormal_columns(scale: int, seed: int) -> None:
    coarse = Grid.from_shape((5, 6), (1.0, 0.4))
    U = Downsampling.between(coarse.refine(scale), coarse, "decimate")
    rng = np.random.default_rng(seed)
    estimate, scan = rng.random(U.fine.shape), rng.random(U.coarse.shape)
    np.testing.assert_allclose(U.project(estimate, scan), estimate - U.adjoint(U(estimate) - scan), atol=1e-14)
    plain = Downsampling.between(coarse.refine(scale), coarse)
    literal = estimate - plain.adjoint(plain(estimate) - scan)
    left = plain(literal) - scan
    np.testing.assert_allclose(left, (1 - 1 / scale**2) * (plain(estimate) - scan), atol=1e-12)


@settings(max_examples=60)
@given(operators(cells=st.integers(1, 60), ratios=st.floats(1, 5), widths=st.floats(0.05, 4)), seeds)
def test_what_is_accepted_is_consistent(U: Downsampling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scan = rng.random(U.coarse.shape)
    for length in (None, 3 * max(U.coarse.spacing), 1e6 * max(U.coarse.spacing)):
        try:
            made = U.right_inverse(length)(scan)
        except InvalidInput:
            continue
        np.testing.assert_allclose(U(made), scan, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("width", "accepted"), [(0.5, True), (1.0, True), (2.0, True), (2.5, True), (3.0, False), (8.0, False)]
)
def test_how_wide_a_beam_may_be(width: float, accepted: bool) -> None:
    coarse = Grid.from_shape((40, 50), 0.2)
    U = Downsampling.between(coarse.refine(4), coarse, "gaussian", fwhm=(0.1, width * 0.2))
    scan = np.random.default_rng(0).random(coarse.shape)
    if accepted:
        np.testing.assert_allclose(U(U.pinv(scan)), scan, rtol=0, atol=1e-10)
    else:
        with pytest.raises(
            InvalidInput, match=rf"along 'x'.*beam of {width * 0.2:g} mm is too wide for pixels of 0.2 mm"
        ):
            U.pinv(scan)
    assert U(U.adjoint(scan)).shape == scan.shape


# Arrays


def test_arrays_of_every_kind_come_back_as_they_came() -> None:
    coarse = Grid.from_shape((3, 5), 1.0)
    U = Downsampling.between(coarse.refine(4), coarse)
    maps = np.random.default_rng(0).integers(0, 200, (2, *U.fine.shape))
    expected = U(maps.astype(np.float64))
    for dtype, made, tolerance in (
        ("i4", "f8", 1e-12),
        ("u1", "f8", 1e-12),
        (">f4", "f4", 1e-5),
        (">f8", "f8", 1e-12),
        ("f2", "f2", 2e-3),
    ):
        found = U(maps.astype(dtype))
        assert found.dtype == made
        np.testing.assert_allclose(found, expected, rtol=tolerance)
    for dtype_t, made_t, tolerance in (
        (torch.int32, torch.float64, 1e-12),
        (torch.float16, torch.float16, 2e-3),
        (torch.bfloat16, torch.bfloat16, 2e-2),
    ):
        found_t = U(torch.from_numpy(maps).to(dtype_t))
        assert found_t.dtype == made_t
        np.testing.assert_allclose(found_t.to(torch.float64), expected, rtol=tolerance)
    views = np.asfortranarray(maps.astype(np.float64))[:, ::1], maps[::-1].astype(np.float64)[::-1]
    for view in views:
        np.testing.assert_allclose(U(view), expected, rtol=1e-12)
    assert U(np.zeros((0, *U.fine.shape), np.float32)).shape == (0, 3, 5)
    np.testing.assert_allclose(U(maps[0]), expected[0], rtol=1e-12)
    read_only = maps.astype(np.float32)
    read_only.flags.writeable = False
    np.testing.assert_allclose(U(read_only), expected, rtol=1e-5)


def test_one_operator_serves_many_threads_and_keeps_no_state() -> None:
    coarse = Grid.from_shape((40, 30), 1.0)
    U = Downsampling.between(coarse.refine(3.3), coarse, "gaussian", fwhm=1.0)
    before = [(f.data.copy(), f.indices.copy(), f.indptr.copy()) for f in (U.y, U.x)]
    rng = np.random.default_rng(0)
    scans = rng.random((24, *coarse.shape)).astype(np.float32)
    estimates = rng.random((24, *U.fine.shape)).astype(np.float32)
    alone = [U.project(e, s, 3.0) for e, s in zip(estimates, scans, strict=True)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: U.project(*pair, 3.0), zip(estimates, scans, strict=True)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    for arrays, factor in zip(before, (U.y, U.x), strict=True):
        for old, new in zip(arrays, (factor.data, factor.indices, factor.indptr), strict=True):
            np.testing.assert_array_equal(old, new)


# Bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"footprint": "round"}, "footprint must be one of 'area', 'gaussian', 'decimate', got 'round'"),
        ({"footprint": None}, "'decimate', got None"),
        ({"footprint": "gaussian"}, "footprint 'gaussian' needs fwhm, the FWHM of the beam in mm"),
        ({"footprint": "gaussian", "fwhm": -1.0}, "fwhm must be a length in mm, > 0, .* got -1.0"),
        ({"footprint": "gaussian", "fwhm": 0.0}, "> 0"),
        ({"footprint": "gaussian", "fwhm": np.nan}, "got nan"),
        ({"footprint": "gaussian", "fwhm": (0.5, np.inf)}, r"got \(0.5, inf\)"),
        (
            {"footprint": "gaussian", "fwhm": "0.5 mm"},
            "> 0, one number or two as .* got '0.5 mm'",
        ),
        ({"footprint": "gaussian", "fwhm": (1.0, 2.0, 3.0)}, r"two as \(y, x\), got \(1.0, 2.0, 3.0\)"),
        (
            {"footprint": "gaussian", "fwhm": 1.0, "smear": (-1.0, 0.0)},
            r"smear must be .*, ≥ 0, .* got \(-1.0, 0.0\)",
        ),
        ({"footprint": "area", "fwhm": 1.0}, "footprint 'area' has no fwhm, got 1.0; use footprint='gaussian'"),
        ({"footprint": "decimate", "smear": (0.0, 1.0)}, r"footprint 'decimate' has no smear, got \(0.0, 1.0\)"),
    ],
)
def test_bad_footprints_are_refused(options: dict[str, Any], words: str) -> None:
    coarse = Grid.from_shape((4, 4), 1.0)
    with pytest.raises(InvalidInput, match=words):
        Downsampling.between(coarse.refine(2), coarse, **options)


@pytest.mark.parametrize("value", [np.float32(0.5), np.int64(1), [0.5, 1.0], np.array([0.5, 1.0]), 1])
def test_a_length_may_be_any_number(value: Any) -> None:
    coarse = Grid.from_shape((4, 4), 1.0)
    U = Downsampling.between(coarse.refine(2), coarse, "gaussian", fwhm=value)
    assert U.fwhm == tuple(np.broadcast_to(value, 2).tolist())


def test_every_fault_of_both_axes_is_named() -> None:
    coarse = Grid(Axis(8, 1.0, 0.5), Axis(8, 0.1, 0.05))
    fine = Grid(Axis(8, 0.5, 0.25), Axis(2, 0.4, 0.2))
    with pytest.raises(InvalidInput) as caught:
        Downsampling.between(fine, coarse, "gaussian", fwhm=(-1.0, 0.1), smear=(0.0, -2.0))
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    assert "got (-1.0, 0.1)" in text
    assert "got (0.0, -2.0)" in text
    assert "along 'y', 4 of 8 target cells (the first centred at 4.5 mm) lie outside the source grid" in text
    assert "along 'x', the fine grid must have pixels of at most 0.1 mm, as the scan, got 0.4 mm" in text
    assert "refine the fine one" in text


@pytest.mark.parametrize("footprint", ["area", "gaussian", "decimate"])
@pytest.mark.parametrize("turned", list(itertools.product([False, True], repeat=2)))
def test_a_coarse_cell_may_reach_out_by_half(footprint: Any, turned: tuple[bool, bool]) -> None:
    def between(first: float) -> Any:
        axes = Axis(20, 0.25, 0.125), Axis(4, 1.0, first)
        fine, coarse = (flipped(axis) if turn else axis for axis, turn in zip(axes, turned, strict=True))
        return footprint_matrix(fine, coarse, footprint, fwhm=0.5 if footprint == "gaussian" else None)

    np.testing.assert_allclose(between(0.0).sum(axis=1), 1.0)
    np.testing.assert_allclose(between(2.0).sum(axis=1), 1.0)
    for first in (-0.01, 2.01, 100.0, -100.0):
        with pytest.raises(InvalidInput, match="lie outside the source grid"):
            between(first)


def test_pixels_that_see_the_same_are_refused() -> None:
    # As many fine pixels as coarse ones, half a pixel apart: values that reproduce the means grow along the axis.
    coarse = Grid(Axis(3000, 1.0, 1.0), Axis(4, 1.0, 0.5))
    U = Downsampling.between(Grid(Axis(3001, 1.0, 0.5), Axis(4, 1.0, 0.5)), coarse)
    with pytest.raises(InvalidInput, match=r"along 'y', 3001 fine pixels .* use a finer target grid"):
        U.right_inverse()
    # More coarse pixels than fine ones.
    U = Downsampling.between(Grid(Axis(3, 1.0, 1.0), Axis(4, 1.0, 0.5)), Grid(Axis(4, 1.0, 0.5), Axis(4, 1.0, 0.5)))
    with pytest.raises(InvalidInput, match="3 fine pixels can reproduce 4 coarse ones"):
        U.right_inverse(2.0)


@pytest.mark.parametrize("length", [0.0, -1.0, np.nan, np.inf, 1e12])
def test_bad_correlation_lengths_are_refused(length: float) -> None:
    coarse = Grid.from_shape((4, 4), 1.0)
    with pytest.raises(InvalidInput, match="correlation_length must be a length"):
        Downsampling.between(coarse.refine(2), coarse).right_inverse(length)


def test_bad_arrays_are_refused() -> None:
    coarse = Grid.from_shape((4, 6), 1.0)
    U = Downsampling.between(coarse.refine(2), coarse)
    for shape in ((12, 8), (8, 12, 2), (12,), ()):
        with pytest.raises(InvalidInput, match=r"it must have shape \(\.\.\., 8, 12\)"):
            U(np.zeros(shape))
        with pytest.raises(InvalidInput, match=r"must have shape \(\.\.\., 8, 12\)"):
            U(torch.zeros(shape))
    # Shapes that numpy would broadcast.
    for shape in ((4, 1), (1, 6), (8, 12)):
        with pytest.raises(InvalidInput, match=r"invalid scan: it must have shape \(\.\.\., 4, 6\)"):
            U.project(np.zeros((8, 12)), np.zeros(shape))
    with pytest.raises(InvalidInput, match="invalid estimate"):
        U.project(np.zeros((4, 6)), np.zeros((4, 6)))
    with pytest.raises(InvalidInput, match=r"got a DataArray \(.*\); pass .values"):
        U(xr.DataArray(np.zeros((8, 12)), dims=("y", "x")))  # type: ignore[type-var]
    with pytest.raises(InvalidInput, match="must be a numpy array or a torch tensor"):
        U([[1.0]])  # type: ignore[type-var]


def test_right_inverses_are_built_once_and_stay_out_of_pickles() -> None:
    coarse = Grid.from_shape((8, 9), pixel_size=0.5)
    U = Downsampling.between(coarse.refine(4), coarse)
    before = pickle.dumps(U)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: U.right_inverse(U.correlation_length), range(32)))
    assert len(found) == 1
    assert U.right_inverse() is not U.right_inverse(U.correlation_length)
    assert U.halo > 0
    assert pickle.dumps(U) == before
    assert U.crop(slice(0, 8), slice(0, 9)).U.right_inverse() is not U.right_inverse()
    scan = np.random.default_rng(0).random((2, 8, 9))
    np.testing.assert_array_equal(pickle.loads(before).right_inverse(1.0)(scan), U.right_inverse(1.0)(scan))

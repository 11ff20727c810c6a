"""Patches for the discriminator: windows of the projected output, and pseudo-real mixtures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.network import TrainingConfig
from xrfsr.network.cells import CellDataset, network_inputs
from xrfsr.network.generator import Architecture, Generator
from xrfsr.network.patches import PatchSampler, WindowAxis, most_correlated_band, random_flips
from xrfsr.operators import Downsampling

CPU = torch.device("cpu")
Array = NDArray[Any]


def operator(scale: float, shape: tuple[int, int] = (16, 20), footprint: Any = "area", **beam: Any) -> Downsampling:
    coarse = Grid.from_shape(shape, 1.0)
    return Downsampling.between(coarse.refine(scale), coarse, footprint, **beam)


def painting(U: Downsampling, lines: int = 3) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.random((lines, *U.coarse.shape), dtype=np.float32), rng.random((3, *U.fine.shape), dtype=np.float32)


def patches_of(U: Downsampling, inputs: Any = ("bilinear",), **changes: Any) -> tuple[PatchSampler, Array, Array]:
    scan, photo = painting(U)
    cells = CellDataset.of(scan, photo, U, np.ones(scan.shape, bool), inputs, CPU)
    settings = {"inputs": inputs, "views": "pixel", "transfer": 0.0, "patch": 16, "patches": 40}
    config = TrainingConfig(**settings | changes)
    return PatchSampler.of(cells, scan, photo, U, config, CPU), scan, photo


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network_of(members: int = 1, lines: int = 3) -> Generator:
    return Generator(Architecture(B=lines, K=2, M=8, members=members), source(5))


def find(patch: Array, image: Array) -> bool:
    """Whether a patch, flipped in any way, is somewhere in an image."""
    n, m = patch.shape
    views = np.lib.stride_tricks.sliding_window_view(image, (n, m))
    turned = [patch[::a, ::b] for a in (1, -1) for b in (1, -1)]
    return any(np.isclose(views, one, atol=2e-5).all(axis=(2, 3)).any() for one in turned)


def projected_image(network: Generator, scan: Array, photo: Array, U: Downsampling, kind: Any) -> Array:
    """Proj(g(X)) of the whole image with the pseudo-inverse, Eq. 10 for any footprint: (line, y, x)."""
    x = np.concatenate([network_inputs(scan, U, (kind,))[kind], photo])
    with torch.no_grad():
        output = network(torch.tensor(x).flatten(1).T[None].contiguous())[0, :, : len(scan)]
    estimate = output.T.reshape(len(scan), *U.fine.shape).numpy()
    return U.project(estimate, scan)


@pytest.mark.parametrize("windows", [None, 3])
@pytest.mark.parametrize("kind", ["bilinear", "leave-out"])
def test_eq10_reconstructed_patches_are_of_the_projected_output(windows: int | None, kind: Any) -> None:
    U = operator(4)
    patches, scan, photo = patches_of(U, (kind,), windows=windows)
    network = network_of()
    made = patches.reconstructed(network, source()).detach().numpy()
    assert made.shape == (40, 1, 16, 16)
    whole = projected_image(network, scan, photo, U, kind)
    assert not find(made[0, 0] + 0.01, whole[0])
    for patch in made[:, 0]:
        assert any(find(patch, plane) for plane in whole)


@pytest.mark.parametrize(("scale", "footprint", "beam"), [(2.5, "area", {}), (4, "gaussian", {"fwhm": 0.7})])
def test_eq10_on_the_whole_image_for_any_footprint(scale: float, footprint: Any, beam: dict[str, float]) -> None:
    U = operator(scale, (10, 12), footprint, **beam)
    patches, scan, photo = patches_of(U, windows=None)
    network = network_of()
    whole = projected_image(network, scan, photo, U, "bilinear")
    for patch in patches.reconstructed(network, source()).detach().numpy()[:8, 0]:
        assert any(find(patch, plane) for plane in whole)


@pytest.mark.parametrize(("scale", "n"), [(4, 5), (2.5, 4), (1.7, 6)])
def test_strips_are_windows_of_u_and_invert_it(scale: float, n: int) -> None:
    u = operator(scale).y
    strips = WindowAxis.of(u, n, CPU)
    dense = u.toarray()
    assert len(strips.first) == 16 - n + 1
    for i, first in enumerate(strips.first.tolist()):
        np.testing.assert_allclose(strips.u[i], dense[i : i + n, first : first + strips.u.shape[2]], atol=1e-7)
        np.testing.assert_allclose(strips.u[i] @ strips.right_inverse[i], np.eye(n), atol=1e-5)
        np.testing.assert_allclose(strips.u[i].sum(dim=1), 1.0, atol=1e-6)


def test_windows_are_small_where_the_painting_is_large() -> None:
    patches, _, _ = patches_of(operator(4, (60, 80)), windows=2)
    assert patches.rows.u.shape[2] == patches.columns.u.shape[2] == 28  # 1.5 patches and a cell
    whole, _, _ = patches_of(operator(4), windows=None)
    assert (whole.rows.u.shape[2], whole.columns.u.shape[2]) == (64, 80)


def test_gradients_of_patches_reach_the_network() -> None:
    patches, _, _ = patches_of(operator(4))
    network = network_of()
    patches.reconstructed(network, source()).square().sum().backward()
    for name, value in network.named_parameters():
        assert value.grad is not None
        # The projection replaces a constant offset, so the bias has no gradient.
        assert bool((value.grad.abs() > 1e-3).any()) == (name != "threshold_out")


def test_eq14_pseudo_real_patches_mix_a_map_with_the_band_most_correlated_with_it() -> None:
    U = operator(4)
    for beta, of_photo in ((0.0, True), (1.0, False)):
        patches, scan, photo = patches_of(U, beta=beta, patches=12)
        upscaled = network_inputs(scan, U, ("bilinear",))["bilinear"]
        made = patches.pseudo_real(source(3)).numpy()
        assert made.shape == (12, 1, 16, 16)
        if of_photo:
            assert all(any(find(patch, band) for band in photo) for patch in made[:, 0])
        else:
            # β is between 0 and 1: mixtures of map and band at one place.
            assert not any(find(patch, plane) for patch in made[:, 0] for plane in (*photo, *upscaled))


def test_eq14_against_one_mixture_worked_out() -> None:
    """One line, one patch as large as the image: only β and the flip are left to chance."""
    U = operator(4, (8, 8))
    rng = np.random.default_rng(0)
    photo = rng.random((3, 32, 32), dtype=np.float32)
    scan = U(photo[1:2]) * 0.5 + 0.1
    cells = CellDataset.of(scan, photo, U, np.ones(scan.shape, bool), ("bilinear",), CPU)
    config = TrainingConfig(inputs=("bilinear",), views="pixel", transfer=0.0, patches=1)
    made = PatchSampler.of(cells, scan, photo, U, config, CPU).pseudo_real(source(1)).numpy()[0, 0]
    upscaled = network_inputs(scan, U, ("bilinear",))["bilinear"][0]
    fits = []
    for patch in (made[::a, ::b] for a in (1, -1) for b in (1, -1)):
        # β Y↓↑ + (1 - β) Z is linear in β.
        slope = upscaled - photo[1]
        beta = float(((patch - photo[1]) * slope).sum() / (slope**2).sum())
        fits.append((np.abs(photo[1] + beta * slope - patch).max(), beta))
    error, beta = min(fits)
    assert error < 1e-5
    assert 0 <= beta <= 0.9


def test_eq14_beta_runs_from_zero_to_its_largest() -> None:
    U = operator(4, (8, 8))
    photo = np.zeros((3, 32, 32), np.float32)
    scan = np.ones((1, 8, 8), np.float32)
    cells = CellDataset.of(scan, photo, U, np.ones(scan.shape, bool), ("bilinear",), CPU)
    config = TrainingConfig(inputs=("bilinear",), views="pixel", transfer=0.0, patches=2000)
    beta = PatchSampler.of(cells, scan, photo, U, config, CPU).pseudo_real(source()).numpy()[:, 0, 0, 0]
    assert 0 <= beta.min() < 0.01
    assert 0.89 < beta.max() <= 0.9
    assert beta.mean() == pytest.approx(0.45, abs=0.02)


def test_the_band_most_correlated_with_each_map() -> None:
    rng = np.random.default_rng(0)
    photo = rng.random((3, 8, 9))
    scan = np.stack([photo[2] * 5 + 1, 2 - photo[0], photo[1] + 0.1 * rng.random((8, 9)), np.ones((8, 9))])
    found = most_correlated_band(scan, photo)
    assert found[0] == 2
    assert found[1] != 0, "highest and not strongest: this map is dark where that band is bright"
    assert found[2] == 1
    grey = np.repeat(photo[:1], 3, axis=0)
    assert most_correlated_band(scan, grey).max() < 3


@given(st.integers(0, 2**31))
def test_flips_keep_the_values_and_come_in_all_four_ways(seed: int) -> None:
    patch = torch.arange(4.0).reshape(1, 1, 2, 2).expand(200, 1, 2, 2)
    turned = random_flips(patch, source(seed))
    ways = {tuple(one.ravel().tolist()) for one in turned}
    assert ways == {(0, 1, 2, 3), (2, 3, 0, 1), (1, 0, 3, 2), (3, 2, 1, 0)}


def test_members_see_the_same_place_through_their_own_input() -> None:
    U = operator(4)
    patches, _, _ = patches_of(U, ("bilinear", "leave-out", "bilinear"))
    real = patches.pseudo_real(source())
    assert real.shape[1] == 3
    assert torch.equal(real[:, 0], real[:, 2])
    assert not torch.equal(real[:, 0], real[:, 1])
    alone = patches.select_members(slice(1, 2))
    assert torch.equal(alone.pseudo_real(source()), real[:, 1:2])
    network = network_of(3)
    assert patches.reconstructed(network, source()).shape == (40, 3, 16, 16)

"""The prior of random shapes: its network, what it sees, and the file of its weights."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xrfsr.network.prior import RADIUS, RATIO, Components, PriorNetwork, load_prior, prior_inputs


def inputs(shape: tuple[int, int] = (6, 7), seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    fine = tuple(RATIO * size for size in shape)
    return prior_inputs(torch.randn(1, *fine), torch.randn(1, 3, *fine) / 3, torch.randn(1, 3, *fine) / 3)


def test_a_correction_leaves_the_means_over_the_pixels_of_the_scan() -> None:
    made = load_prior()(inputs())[0].numpy()
    assert made.shape == (24, 28)
    assert np.abs(made).max() > 0.01
    np.testing.assert_allclose(made.reshape(6, 4, 7, 4).mean(axis=(1, 3)), 0, atol=1e-6)


@pytest.mark.parametrize("guided", [False, True])
def test_the_context_of_a_painting_is_computed_once_for_all_maps(guided: bool) -> None:
    torch.manual_seed(1)
    estimates, photo, shared = (
        torch.randn(count, *channels, 24, 28) for count, channels in ((2, ()), (1, (3,)), (1, (3,)))
    )
    network = load_prior()
    context = network.context(photo, shared)[guided]
    for estimate in estimates[:, None]:
        wanted = network(prior_inputs(estimate, photo * guided, shared))
        torch.testing.assert_close(network.within(context, estimate), wanted, rtol=0, atol=1e-5)


def test_the_network_sees_no_further_than_its_radius() -> None:
    size = 2 * RADIUS + 3
    x = inputs((size, size))
    changed = x.clone()
    changed[..., 0, 0] += 1.0
    difference = (load_prior()(x) - load_prior()(changed))[0].abs().numpy()
    beyond = RATIO * (RADIUS + 1)
    np.testing.assert_allclose(difference[beyond:], 0, atol=1e-6)
    np.testing.assert_allclose(difference[:, beyond:], 0, atol=1e-6)
    assert difference[0, 0] > 1e-4


def test_the_weights_are_small_and_all_there() -> None:
    with (files("xrfsr.network") / "prior.safetensors").open("rb") as file:
        assert len(file.read()) <= 4 * 2**20
    network = load_prior()
    assert load_prior() is network
    assert all(torch.isfinite(value).all() and not value.requires_grad for value in network.parameters())


def test_cells_are_the_channels_of_a_pixel_of_the_scan() -> None:
    scan = torch.arange(6.0).reshape(1, 2, 3)
    estimate = scan.repeat_interleave(RATIO, 1).repeat_interleave(RATIO, 2)
    photo, shared = torch.zeros(1, 3, 8, 12), torch.ones(1, 3, 8, 12)
    made = prior_inputs(estimate, photo, shared)
    assert made.shape == (1, PriorNetwork().first.in_channels, 2, 3)
    assert torch.equal(made[:, 0], scan)
    assert not made[:, 1:65].any()
    assert (made[:, 65:] == 1).all()


@given(st.integers(1, 6), st.integers(0, 5), st.floats(1e-3, 1e4))
def test_components_are_those_of_the_singular_value_decomposition(channels: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    maps = scale * np.cumsum(rng.standard_normal((channels, 9, 8)), axis=0)
    flat = maps.reshape(channels, -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    expected = values[:3, None] * rows[:3] / np.sqrt(centred.var(axis=1).sum())
    made = Components.fit([maps])(maps).reshape(3, -1)
    kept = min(3, channels)
    np.testing.assert_allclose(np.abs(made[:kept]), np.abs(expected), atol=2e-3)
    assert not made[kept:].any()


def test_components_of_parts_are_those_of_the_whole() -> None:
    maps = np.random.default_rng(0).random((4, 12, 10))
    whole, parts = Components.fit([maps]), Components.fit([maps[:, :5], maps[:, 5:]])
    np.testing.assert_allclose(parts.axes, whole.axes, atol=1e-5)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(parts.variance, maps.var(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5, 1e6])
def test_components_of_constant_maps_are_zero(value: float) -> None:
    maps = np.full((3, 6, 6), value, np.float32)
    np.testing.assert_allclose(Components.fit([maps])(maps), 0, atol=1e-3)

"""The discriminator: its layers, its scores, and that its members share nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from xrfsr.network.discriminator import Discriminator


def discriminator(patch: int = 32, members: int = 1, seed: int = 0) -> Discriminator:
    return Discriminator(patch, members, torch.Generator().manual_seed(seed))


def patches(count: int, members: int, size: int, seed: int = 1) -> torch.Tensor:
    return torch.rand((count, members, size, size), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("patch", [8, 16, 32, 64])
def test_one_score_for_each_patch_and_member(patch: int) -> None:
    assert discriminator(patch, members=2)(patches(5, 2, patch)).shape == (5, 2)


def test_layers_for_a_patch_of_32() -> None:
    shapes = [tuple(layer.weight.shape) for layer in discriminator().layers]  # type: ignore[union-attr,operator]
    assert shapes == [(64, 1, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (1, 256, 4, 4)]


def test_score_against_correlations_in_numpy() -> None:
    network, patch = discriminator(8), patches(1, 1, 8)
    first, last = network.layers
    padded = np.pad(patch[0, 0].numpy().astype(np.float64), 1)
    total = 0.0
    for out in range(64):
        seen = correlate2d(padded, first.weight[out, 0].detach().numpy(), "valid")[::2, ::2]  # type: ignore[union-attr,operator,index]
        active = np.where(seen > 0, seen, 0.2 * seen)
        total += (active * last.weight[0, out].detach().numpy()).sum()  # type: ignore[union-attr,operator,index]
    assert network(patch).item() == pytest.approx(total, rel=1e-4)


def test_scores_are_unbounded() -> None:
    network, patch = discriminator(), patches(4, 1, 32)
    near, far = network(patch), network(1000 * patch)
    assert far.abs().max() > 100 * near.abs().max() > 0


def test_members_share_nothing() -> None:
    network, patch = discriminator(members=3), patches(2, 3, 32)
    before = network(patch).detach()
    changed = patch.clone()
    changed[:, 1] += 1
    after = network(changed).detach()
    assert (before == after).all(dim=0).tolist() == [True, False, True]


def test_the_same_seed_gives_the_same_discriminator() -> None:
    one, again, other = (discriminator(seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["layers.0.weight"], other["layers.0.weight"])

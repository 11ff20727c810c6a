"""Patches of the low-rank method: what is cut out and put back."""

from __future__ import annotations

import pytest
import torch

from xrfsr.methods.lttr import Patches


@pytest.mark.parametrize(
    ("shape", "side", "apart"), [((17, 23), 8, 4), ((9, 8), 8, 8), ((6, 30), 8, 3), ((12, 12), 4, 1)]
)
def test_patches_are_put_back_as_their_mean(shape: tuple[int, int], side: int, apart: int) -> None:
    random = torch.Generator().manual_seed(0)
    patches = Patches(shape, side, apart, torch.device("cpu"))
    maps = torch.rand(3, *shape, generator=random)
    torch.testing.assert_close(patches.joined(patches.of(maps)), maps, rtol=1e-6, atol=1e-6)
    cut = torch.rand(patches.of(maps).shape, generator=random)
    total, count = torch.zeros(3, shape[0] * shape[1]), torch.zeros(shape[0] * shape[1])
    for place, patch in zip(patches.places, cut, strict=True):
        total[:, place.flatten()] += patch.flatten(1)
        count[place.flatten()] += 1
    assert torch.equal(patches.joined(cut), (total / count).view(3, *shape))  # to the bit

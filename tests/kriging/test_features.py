"""Comparison of pixels by their neighbourhoods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.kriging.features import KEPT_VARIANCE, Guide, neighbourhood

Array = NDArray[Any]


def distance(maps: Array, spread: float, p: tuple[int, int], q: tuple[int, int]) -> tuple[float, float]:
    """Return the weighted squared difference of the nine pixels around p and q, and the sum of the weights."""
    total = weights = 0.0
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            weight = float(np.exp(-(down**2 + right**2) / (2 * spread**2)))
            total += weight * float(
                np.square(maps[:, p[0] + down, p[1] + right] - maps[:, q[0] + down, q[1] + right]).sum()
            )
            weights += weight
    return total, weights


@given(channels=st.integers(1, 5), spread=st.floats(0.3, 2.0), seed=st.integers(0, 1000))
def test_distances_are_those_of_the_neighbours(channels: int, spread: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    maps = random.random((channels, 12, 14)).astype(np.float32)
    guide = neighbourhood(maps, spread)
    for _ in range(5):
        p, q = ((int(random.integers(1, 11)), int(random.integers(1, 13))) for _ in range(2))
        total, weights = distance(maps.astype(np.float64), spread, p, q)
        found = float(np.square(guide[:, p[0], p[1]] - guide[:, q[0], q[1]]).sum())
        # The omitted components hold at most this much of the variance, and one pair may account for all of it.
        left_out = (1 - KEPT_VARIANCE) * float(maps.var(axis=(1, 2)).sum())
        assert found <= total / weights + 1e-5
        assert found >= total / weights - 4 * 12 * 14 * left_out - 1e-5


def test_redundant_maps_need_one_channel() -> None:
    plane = np.add.outer(np.zeros(64), np.linspace(0, 1, 64))
    assert len(neighbourhood(np.stack([plane, 2 * plane, -plane]), 0.5)) == 1
    assert len(neighbourhood(np.random.default_rng(0).random((2, 64, 64)), 0.5)) > 6


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 9), (1, 9, 1)])
def test_few_pixels_and_no_contrast(shape: tuple[int, int, int]) -> None:
    guide = neighbourhood(np.full(shape, 3.0, dtype=np.float32), 0.5)
    assert guide.shape[1:] == shape[1:]
    assert np.ptp(guide) < 1e-5


def test_noise_of_single_pixels_misleads_less() -> None:
    random = np.random.default_rng(0)
    edge = np.zeros((1, 64, 64))
    edge[:, :, 32:] = 1
    noisy = edge + 0.4 * random.standard_normal(edge.shape)

    def misled(guide: Array) -> float:
        """Return the share of rows in which a pixel beyond the edge seems nearer than one on this side."""
        across = np.square(guide[:, :, 20] - guide[:, :, 44]).sum(axis=0)
        along = np.square(guide[:, :, 20] - guide[:, :, 10]).sum(axis=0)
        return float((across < along).mean())

    assert misled(neighbourhood(noisy, 0.7)) < 0.6 * misled(noisy)


def test_maps_count_by_their_signal() -> None:
    random = np.random.default_rng(0)
    edge = np.zeros((1, 40, 40), dtype=np.float32)
    edge[:, :, 20:] = 1
    both = np.concatenate([edge, random.standard_normal((1, 40, 40)).astype(np.float32)])
    alone = Guide.fit([edge], 0.4, bandwidth=0.8)(edge)
    guide = Guide.fit([both], 0.4, bandwidth=0.8, signal=np.array([1.0, 0.0]))(both)

    def contrasts(maps: Array) -> Array:
        return np.square(maps[:, :, :1] - maps).sum(axis=0)

    np.testing.assert_allclose(contrasts(guide), contrasts(alone), atol=1e-4)
    whole = Guide.fit([both], 0.4, bandwidth=0.8, signal=np.ones(2))
    np.testing.assert_array_equal(whole(both), Guide.fit([both], 0.4, bandwidth=0.8)(both))
    nothing = Guide.fit([both], 0.4, bandwidth=0.8, signal=np.zeros(2))(both)
    assert np.ptp(nothing) == 0

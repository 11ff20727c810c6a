"""Detail is supported where the scan changes with the colours of the photo, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from small import operator

from xrfsr.methods import Problem
from xrfsr.trust.support import REACH, Evidence

ALL = slice(None)


def problem(maps: NDArray[Any], photo: NDArray[Any], scale: float = 4.0) -> Problem:
    shape = tuple(round(side / scale) for side in photo.shape[1:])
    U = operator(scale, shape=(shape[0], shape[1]))
    lines = tuple(f"{name}-K" for name in ("Ca", "Fe", "Cu")[: len(maps)])
    scan = U(maps.astype(np.float32))
    return Problem.of(scan, photo.astype(np.float32), U, lines, np.ones(len(maps), bool))


def patches(seed: int, channels: int, side: int = 96) -> NDArray[np.float64]:
    """Return smooth fields of which each is above or below its median."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.standard_normal((channels, side, side)), (0, 9, 9), mode="wrap")
    return np.asarray(fields > np.median(fields, axis=(1, 2), keepdims=True), float)


def edges(plane: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(ndimage.gaussian_gradient_magnitude(plane, 1.0) > 0.15)


def support(given: Problem) -> NDArray[np.float32]:
    return Evidence.of([given])(given, ALL, ALL)


@pytest.mark.parametrize("seed", range(5))
def test_shared_edges_are_supported_and_others_are_not(seed: int) -> None:
    fields, rng = patches(seed, 4), np.random.default_rng(seed)
    photo = fields[:3] + 0.05 * rng.standard_normal((3, 96, 96))
    made = support(problem(np.stack([fields[0], fields[3], rng.random((96, 96))]), photo))
    assert made[0][edges(fields[0])].mean() > 0.7
    alone = edges(fields[1]) & ~ndimage.binary_dilation(edges(fields[0]), iterations=8)
    assert made[0][alone].mean() < 0.3
    assert made[1].mean() < 0.3  # a map of shapes that the photo does not show
    assert made[2].mean() < 0.2  # noise


def test_a_flat_photo_supports_nothing() -> None:
    assert not support(problem(patches(0, 2), np.full((3, 96, 96), 0.4))).any()


def test_a_flat_map_is_not_supported() -> None:
    assert not support(problem(np.ones((1, 96, 96)), patches(0, 3)))[0].any()


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 9))
def test_support_does_not_depend_on_units(unit: float, seed: int) -> None:
    fields = patches(seed, 3, 48)
    one, other = (support(problem(by * fields[:1], fields)) for by in (1, unit))
    np.testing.assert_allclose(one, other, atol=2e-3)
    assert one.min() >= 0
    assert one.max() <= 1


@pytest.mark.parametrize("bands", [1, 2, 3, 7])
def test_photos_of_any_number_of_bands(bands: int) -> None:
    fields = patches(1, bands)
    assert support(problem(fields[:1], fields))[0][edges(fields[0])].mean() > 0.5


@pytest.mark.parametrize(("scale", "side"), [(2.0, 48), (4.0, 96), (3.0, 72)])
def test_a_part_has_the_support_of_the_whole(scale: float, side: int) -> None:
    fields = patches(2, 3, side)
    whole = problem(fields[:1], fields, scale)
    evidence = Evidence.of([whole])
    inner, y, x = whole.crop(slice(10 - REACH, 12 + REACH), slice(0, 5 + REACH))
    core = slice(round(10 * scale), round(12 * scale)), slice(0, round(5 * scale))
    own = (slice(c.start - s.start, c.stop - s.start) for c, s in zip(core, (y, x), strict=True))
    np.testing.assert_allclose(evidence(inner, *own), evidence(whole, *core), atol=1e-4)

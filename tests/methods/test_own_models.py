"""Scenes made by the very model that a method assumes: there it has to find them again, to 35 dB."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small import operator, reconstruct

from xrfsr.methods import Problem
from xrfsr.methods.bicubic import bicubic
from xrfsr.operators import Downsampling

Array = NDArray[Any]
LINES = ("Ca-K", "Cu-K", "Fe-K", "Hg-L", "Pb-L", "Zn-K")


def patchwork(random: np.random.Generator, kinds: int, shape: tuple[int, int], side: int) -> Array:
    """Squares of `side` fine pixels, which borders of coarse ones cut through, each of one kind."""
    rows, columns = (-(-size // side) for size in shape)
    made = random.integers(0, kinds, (rows, columns)).repeat(side, axis=0).repeat(side, axis=1)
    return made[: shape[0], : shape[1]]


def coded(kind: Array, atoms: int, value: Any) -> Array:
    """Sparse codes (atom, y, x), one per pixel."""
    codes = np.zeros((atoms, *kind.shape))
    np.put_along_axis(codes, kind[None], value, axis=0)
    return codes


def common_and_unique(U: Downsampling) -> tuple[Array, Array]:
    """Eq. 1: three common atoms in sharp patches; two of the maps alone, which vary slowly."""
    random = np.random.default_rng(0)
    height, width = U.fine.shape
    D_xrf, D_rgb = random.random((6, 3)) * (random.random((6, 3)) > 0.5), random.random((3, 3))
    D_unique = random.random((6, 2)) * (random.random((6, 2)) > 0.5)
    kind, strength = patchwork(random, 3, U.fine.shape, 6), patchwork(random, 3, U.fine.shape, 9)
    A = coded(kind, 3, 0.5 + strength[None] / 4)
    y, x = np.mgrid[:height, :width] / height
    A_unique = np.stack([np.clip(np.sin(3 * y + i) * np.cos(2 * x - i), 0, 1) / 2 for i in range(2)])
    photo = np.tensordot(D_rgb, A, axes=1)
    return np.tensordot(D_xrf, A, axes=1) + np.tensordot(D_unique, A_unique, axes=1), photo / max(1, photo.max())


def visible_and_hidden(U: Downsampling) -> tuple[Array, Array]:
    """Two of four atoms in every pixel, summing to one, and a hidden rectangle in one map."""
    random = np.random.default_rng(0)
    D_xrf, D_rgb = random.random((6, 4)) * (random.random((6, 4)) > 0.5), random.random((3, 4))
    kind = patchwork(random, 4, U.fine.shape, 6)
    other = (kind + 1 + patchwork(random, 3, U.fine.shape, 9)) % 4
    A = coded(kind, 4, 0.7) + coded(other, 4, 0.3)
    hidden = np.zeros((6, *U.fine.shape))
    hidden[0, 16:56, 24:72] = 0.5
    return np.tensordot(D_xrf, A, axes=1) + hidden, np.tensordot(D_rgb, A, axes=1)


def mixed_by_R(U: Downsampling) -> tuple[Array, Array]:
    """Eight materials in patches, and a photo that mixes their three maps by an R that is not negative."""
    random = np.random.default_rng(0)
    truth = np.tensordot(random.random((3, 8)), coded(patchwork(random, 8, U.fine.shape, 6), 8, 1.0), axes=1)
    return truth, np.tensordot(random.random((3, 3)) / 3, truth, axes=1)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("method", "scene", "settings"),
    [
        ("ssrcu", common_and_unique, {}),
        ("ssr", visible_and_hidden, {}),
        ("cstf", mixed_by_R, {}),
        ("lttr", mixed_by_R, {"eta": 1e-3}),  # without noise: by default 34 dB
        ("cms", mixed_by_R, {}),
    ],
)
@pytest.mark.parametrize("projected", [pytest.param(False, marks=pytest.mark.soak), True])
def test_a_scene_of_its_own_model_is_found_again(method: str, scene: Any, settings: Any, projected: bool) -> None:
    U = operator(4.0, shape=(24, 24))
    truth, photo = (each.astype(np.float32) for each in scene(U))
    lines = LINES[: len(truth)]
    problem = Problem.of(U(truth), photo, U, lines, np.ones(len(lines), bool))
    found = reconstruct(method, problem, seed=0, projected=projected, **settings).maps

    def psnr(maps: Array) -> float:
        return float(-10 * np.log10(((maps - truth) ** 2).mean() / truth.max() ** 2))

    assert psnr(bicubic(problem)) < 20
    assert psnr(found) >= 35

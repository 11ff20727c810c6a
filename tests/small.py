"""Small paintings in arrays, for tests of array code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.methods import Method, Problem, Reconstruction, Run, get
from xrfsr.methods.unfolding import Unfolding
from xrfsr.network import Model
from xrfsr.operators import Downsampling

CPU = torch.device("cpu")
FOOTPRINTS = [(4.0, "area", None), (2.5, "area", None), (3.0, "gaussian", 1.1), (1.7, "gaussian", 0.6)]
Array = NDArray[Any]


def operator(scale: float, footprint: Any = "area", fwhm: float | None = None, shape: tuple[int, int] = (9, 10)) -> Any:
    coarse = Grid.from_shape(shape, 1.0)
    return Downsampling.between(coarse.refine(scale), coarse, footprint, fwhm=fwhm)


def painting(U: Downsampling, lines: int = 2, seed: int = 0) -> tuple[Array, Array]:
    """Return a scan whose maps follow the colours of a photo, and that photo of coloured patches."""
    rng = np.random.default_rng(seed)
    height, width = U.fine.shape
    patches = rng.random((3, 5, 6)).repeat(-(-height // 5), axis=1).repeat(-(-width // 6), axis=2)[:, :height, :width]
    photo = np.clip(patches + 0.02 * rng.standard_normal(patches.shape), 0, 1).astype(np.float32)
    mixing = rng.random((lines, 3)) / 3
    return U(np.einsum("lb,byx->lyx", mixing, photo).astype(np.float32)), photo


def problem(scale: float = 4.0, footprint: Any = "area", fwhm: float | None = None, **changes: Any) -> Problem:
    """Return such a painting as the input of a method; `changes` index the missing pixels of ``scan`` or ``photo``."""
    U = operator(scale, footprint, fwhm)
    scan, photo = painting(U)
    for name, array in (("scan", scan), ("photo", photo)):
        if name in changes:
            array[changes[name]] = np.nan
    return Problem.of(50 * scan, photo, U, ("Ca-K", "Fe-K"), np.array([True, True]))


def _asked(method: Method[Any], keywords: dict[str, Any]) -> tuple[Any, Run]:
    """Options and circumstances, as they are written by a user."""
    run = Run(keywords.pop("device", "cpu"), keywords.pop("seed", 0), keywords.pop("progress", False))
    return method.options_from(keywords), run


def fit(sample: Sequence[Problem], **keywords: Any) -> Model:
    """Train a model on arrays."""
    method = Unfolding()
    return method.train(sample, *_asked(method, keywords))


def reconstruct(name: str, problem: Problem, **keywords: Any) -> Reconstruction:
    """Apply a method to arrays."""
    method = get(name)
    return method.solve(problem, *_asked(method, keywords)).reconstruction

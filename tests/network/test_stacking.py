"""Stacking weights of networks and baseline, from held-out pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.network.cells import CellDataset
from xrfsr.network.generator import Architecture, Generator
from xrfsr.network.stacking import SHRINKAGE, simplex_weights, stacking_weights
from xrfsr.operators import Downsampling

CPU = torch.device("cpu")
Array = NDArray[Any]


def operator(shape: tuple[int, int]) -> Downsampling:
    coarse = Grid.from_shape(shape, 1.0)
    return Downsampling.between(coarse.refine(2), coarse)


def cells_of(scan: Array, photo: Array, U: Downsampling, inputs: Any) -> CellDataset:
    return CellDataset.of(scan, photo, U, np.ones(scan.shape, bool), inputs, CPU)


def noise() -> CellDataset:
    """A scan of 16 × 16 pixels without any structure."""
    rng = np.random.default_rng(0)
    scan, photo = rng.random((2, 16, 16), dtype=np.float32), rng.random((3, 32, 32), dtype=np.float32)
    return cells_of(scan, photo, operator((16, 16)), ("leave-out",))


def test_weights_follow_the_better_predictor() -> None:
    """A network that returns nonsense has no weight; the baseline has it all."""
    U = operator((20, 20))
    rng = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(rng.standard_normal((2, 20, 20)), axis=1), axis=2)
    scan = (smooth / np.ptp(smooth)).astype(np.float32)
    cells = cells_of(scan, rng.random((3, 40, 40), dtype=np.float32), U, ("leave-out", "leave-out"))
    network = Generator(Architecture(B=2, K=2, M=8, members=2), torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.threshold_out[:] = 5.0
    held_out = torch.arange(0, 400, 4)
    weights, has_holdout, gain = stacking_weights(network, cells, held_out)
    np.testing.assert_allclose(weights, [[0, 0], [0, 0], [1, 1]], atol=0.02)
    assert has_holdout.tolist() == [True, True]
    np.testing.assert_allclose(gain, 0, atol=0.05)
    # Too few held-out values: the baseline has all of the weight.
    values = cells.values.clone()
    values[held_out[10:], 1, 1] = 0  # not measured
    weights, has_holdout, gain = stacking_weights(network, replace(cells, values=values), held_out)
    assert weights[:, 1].tolist() == [0, 0, 1]
    assert has_holdout.tolist() == [True, False]
    assert np.isnan(gain).tolist() == [False, True]
    # No pixel is held out: the plain mean of the members.
    weights, has_holdout, _ = stacking_weights(network, cells, held_out[:0])
    assert weights.T.tolist() == [[0.5, 0.5, 0]] * 2
    assert has_holdout.tolist() == [False, False]


def test_baseline_prediction_in_weights_is_the_kriging_without_the_cell() -> None:
    """A network that returns the leave-one-out kriging plus an error has no weight."""
    cells = noise()

    class Shifted(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[..., :-1] + 0.2

    # The two would share the weight if the errors had opposite signs.
    assert (stacking_weights(Shifted(), cells, torch.arange(0, 256, 2)).weights[1] > 0.95).all()  # type: ignore[arg-type]
    batch = cells.batch(torch.arange(256), torch.ones(1, 256))
    passed = torch.einsum("cp,cpb->cb", batch.weight, batch.x[0].reshape(256, -1, 6)[..., :2])
    torch.testing.assert_close(passed, batch.target - cells.influence, atol=1e-5, rtol=0)


@given(
    errors=st.lists(st.lists(st.floats(-3, 3), min_size=6, max_size=6), min_size=1, max_size=4),
    seed=st.integers(0, 9),
)
def test_simplex_weights_beat_every_single_candidate(errors: list[list[float]], seed: int) -> None:
    truth = np.random.default_rng(seed).random(6)
    candidates = truth + np.array(errors)
    weights = simplex_weights(candidates, truth)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    best = min(((candidate - truth) ** 2).sum() for candidate in candidates)
    assert ((weights @ candidates - truth) ** 2).sum() <= best + 1e-3 * max(1.0, np.abs(errors).max() ** 2)


def test_the_gain_is_that_over_the_kriging_without_the_pixel() -> None:
    """A network that halves the error of the leave-one-out kriging gains 6 dB."""
    cells = noise()

    class Knowing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[..., :-1] + half.repeat_interleave(4, dim=0)

    half = torch.nn.functional.pad(cells.influence[:128] / 2, (0, 3))[None].squeeze(0)
    weights, _, gain = stacking_weights(Knowing(), cells, torch.arange(128))  # type: ignore[arg-type]
    np.testing.assert_allclose(weights[0], 1, atol=1e-3)
    np.testing.assert_allclose(gain, 20 * np.log10(2), atol=0.02)


def test_other_estimates_are_stacked_with_the_networks() -> None:
    """Weights of estimates that beat the baseline are shrunk towards their mean; nonsense has none."""
    cells = noise()
    held_out = torch.arange(0, 256, 2)

    class Nonsense(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[..., :-1] + 9.0

    def weighed(*other_predictions: NDArray[np.float32]) -> NDArray[np.float32]:
        return stacking_weights(Nonsense(), cells, held_out, other_predictions).weights  # type: ignore[arg-type]

    knowing = cells.target.T.numpy()
    near = knowing + 0.02
    np.testing.assert_allclose(weighed(knowing), [[0, 0], [1, 1], [0, 0]], atol=1e-3)
    np.testing.assert_allclose(weighed(knowing, near)[1:3, 0], [1 - SHRINKAGE / 2, SHRINKAGE / 2], atol=1e-2)
    np.testing.assert_allclose(weighed(knowing + 7)[-1], 1, atol=0.02)

"""Validation at reduced resolution: the scan from half its resolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small import CPU, fit, operator, painting, problem

from xrfsr.kriging.simple import krige
from xrfsr.network.cells import CellDataset
from xrfsr.network.config import TrainingConfig
from xrfsr.network.generator import Architecture, Generator
from xrfsr.network.reduced_resolution import ReducedResolution
from xrfsr.network.stacking import stacking_weights


def test_it_is_the_same_problem_one_scale_down() -> None:
    U = operator(4.0, shape=(20, 22))
    scan, photo = painting(U)
    made = ReducedResolution.of(scan, photo, U)
    assert made is not None
    assert made.scan.shape == (2, 10, 11)
    np.testing.assert_allclose(made.scan, scan.reshape(2, 10, 2, 11, 2).mean(axis=(2, 4)), rtol=1e-5)
    np.testing.assert_allclose(made.photo, photo.reshape(3, 20, 4, 22, 4).mean(axis=(2, 4)), rtol=1e-4)
    assert made.truth is scan


@pytest.mark.parametrize("shape", [(15, 40), (40, 15)])
def test_a_scan_that_is_too_small_has_none(shape: tuple[int, int]) -> None:
    U = operator(2.0, shape=shape)
    assert ReducedResolution.of(*painting(U), U) is None


@pytest.mark.parametrize(
    ("scale", "footprint", "fwhm"), [(4.0, "area", None), (2.5, "area", None), (3.0, "gaussian", 1.1)]
)
def test_results_are_consistent_and_in_order(scale: float, footprint: str, fwhm: float | None) -> None:
    U = operator(scale, footprint, fwhm, shape=(17, 20))
    scan, photo = painting(U)
    made = ReducedResolution.of(scan, photo, U)
    assert made is not None
    config = TrainingConfig(K=2, M=8)
    network = Generator(Architecture.from_config(config, 2, 3), torch.Generator().manual_seed(0))
    other = np.random.default_rng(0).random(scan.shape).astype(np.float32)
    results = made.with_predictions(other).reconstructions(network, config, CPU)
    assert len(results) == len(config.inputs) + 2 == config.candidates
    for result in results:
        assert result.shape == scan.shape
        np.testing.assert_allclose(made.U(result), made.scan, atol=3e-5)
    np.testing.assert_allclose(results[-1], krige(made.scan, made.U), atol=1e-5)
    # Members have different weights; the first two have the same input, the third has another view.
    assert not np.allclose(results[0], results[1])


def test_the_better_estimate_at_reduced_resolution_has_more_weight() -> None:
    made = problem()
    config = TrainingConfig(K=2, M=8)
    arguments = (
        made.scan,
        made.photo,
        made.U,
        made.training_mask,
        config.inputs,
        CPU,
        config.member_views,
    )
    cells = CellDataset.of(*arguments)
    network = Generator(Architecture.from_config(config, 2, 3), torch.Generator().manual_seed(0))
    held_out = torch.arange(0, 90, 2)
    noise = np.random.default_rng(0).standard_normal((4, *made.scan.shape))
    for best in range(4):
        reduced_results = [made.scan + (0 if number == best else 20) * each for number, each in enumerate(noise)]
        without = stacking_weights(network, cells, held_out).weights
        weights = stacking_weights(network, cells, held_out, reduced_results=reduced_results).weights
        np.testing.assert_allclose(weights, (without + (np.arange(4) == best)[:, None]) / 2, atol=1e-3)


def test_a_small_scan_is_tested_on_held_out_pixels_alone() -> None:
    small = problem()  # of 9 x 10 pixels
    assert ReducedResolution.of(small.scan, small.photo, small.U) is None
    model = fit([small], device="cpu", progress=False, K=2, M=8, steps=4, pixels=256)
    assert model.has_holdout.all()
    np.testing.assert_allclose(model.weights.sum(axis=0), 1, atol=1e-5)

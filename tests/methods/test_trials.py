"""The last steps are taken as far as they are right at half the resolution of the scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import xrfsr
from xrfsr.kriging.features import Guide
from xrfsr.methods import Problem
from xrfsr.methods.common.halving import halved
from xrfsr.methods.common.method import ALL, Run
from xrfsr.methods.unfolding import Unfolding, UnfoldingOptions
from xrfsr.methods.unfolding.prepared import PreparedUnfolding
from xrfsr.methods.unfolding.trials import Half, _with_safeguard, _with_sharpening

OPTIONS = UnfoldingOptions.from_keywords("unfolding", {"steps": 5})


@pytest.fixture(scope="module")
def problem() -> Problem:
    _, scan, rgb = xrfsr.simulate.painting(128, 128, lines=["Fe-K", "Hg-L", "Pb-L"], seed=4)
    U = scan.xrfsr.downsampling(4)
    return Problem.of(scan.intensity.values, rgb.values, U, tuple(scan.line.values), np.ones(3, bool))


@pytest.fixture(scope="module")
def prepared(problem: Problem) -> PreparedUnfolding:
    return Unfolding().prepare([problem], OPTIONS, Run("cpu", 0, False))


def half_of(problem: Problem) -> Half:
    coarse = halved(problem)
    assert coarse is not None
    return Half(coarse, problem.scan, problem.measured, problem.measured)


def test_edges_of_no_map_sharpen_nothing(problem: Problem, prepared: PreparedUnfolding) -> None:
    half = half_of(problem)
    # The scan itself is the best estimate there is: what kriging mixes into it makes it worse.
    truth = problem.scan.copy()
    noise = np.random.default_rng(0).normal(size=prepared.estimate(problem).maps.shape)
    shuffled = Guide.fit([noise.astype(np.float32)], 0.4, count=1, bandwidth=0.8, signal=np.ones(3))
    made = replace(prepared, edges=shuffled, sharpened=np.ones(3, bool))
    tested, maps = _with_sharpening([half], [truth], made)
    assert not tested.sharpened.any()
    np.testing.assert_array_equal(maps[0], truth)
    np.testing.assert_array_equal(tested.along_edges(half.problem, truth), truth)


def test_edges_that_help_are_kept(problem: Problem, prepared: PreparedUnfolding) -> None:
    half = half_of(problem)
    made = replace(prepared, sharpened=np.ones(3, bool))
    blurred = made.baseline(half.problem, made.places)
    edges = Guide.fit([problem.scan], 0.4, count=1, bandwidth=0.8, signal=np.ones(3))
    made = replace(made, edges=lambda maps: edges(problem.scan))
    tested, maps = _with_sharpening([half], [blurred], made)
    assert tested.sharpened.all()
    assert (abs(maps[0] - problem.scan).mean(axis=(1, 2)) < abs(blurred - problem.scan).mean(axis=(1, 2))).all()


def mirrored_about(baseline: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps that are as far from the baseline as the truth, on the other side."""
    return np.asarray(2 * baseline - truth)


def test_what_is_no_better_than_the_baseline_is_the_baseline(problem: Problem, prepared: PreparedUnfolding) -> None:
    half = half_of(problem)
    made = replace(prepared, prior=None, guided=np.ones(3, bool))
    assert made.model is not None
    assert made.model.has_holdout.all()
    baseline = made.baseline(half.problem, made.places)
    maps = np.stack([problem.scan[0], *mirrored_about(baseline, problem.scan)[1:]])
    tested = _with_safeguard([half], [maps], made)
    assert tested.kept.tolist() == [1, 0, 0]
    fine = tested.apply(problem, ALL).maps
    plain = tested.physical(tested.baseline(problem, np.arange(3)), problem, ALL).maps
    np.testing.assert_array_equal(fine[1:], plain[1:])
    assert np.abs(fine[0] - made.apply(problem, ALL).maps[0]).max() == 0


def test_small_scans_are_not_tested(problem: Problem, prepared: PreparedUnfolding) -> None:
    small, _, _ = problem.crop(slice(0, 15), slice(0, 20))
    assert halved(small) is None
    tested = _with_safeguard([], [], prepared)
    assert (tested.kept == prepared.kept).all()

"""The step with the prior: how much of it is taken, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.kriging.simple import krige
from xrfsr.methods import Problem
from xrfsr.methods.common.halving import halved
from xrfsr.methods.unfolding.within_pixels import PriorStep, Trial
from xrfsr.network.prior import VERSION
from xrfsr.operators import Downsampling

CPU = torch.device("cpu")
QUICK: dict[str, Any] = {"steps": 5, "progress": False, "device": "cpu", "refine": None}


@pytest.fixture(scope="module")
def painting() -> tuple[xr.Dataset, xr.Dataset, xr.DataArray]:
    return xrfsr.simulate.painting(64, 80, lines=["Fe-K", "Hg-L", "Pb-L"], seed=4)


@pytest.fixture(scope="module")
def problem(painting: Any) -> Problem:
    _, scan, rgb = painting
    return Problem.of(
        scan.intensity.values, rgb.values, scan.xrfsr.downsampling(4), tuple(scan.line.values), np.ones(3, bool)
    )


def trial(step: PriorStep, problem: Problem, part: float) -> Trial:
    """A trial whose truth is kriging and a part of the correction."""
    coarse = halved(problem)
    assert coarse is not None
    estimate = krige(coarse.scan, coarse.U)
    correction = step.correction(coarse, estimate, np.arange(3), CPU)
    return Trial(correction, part * correction, np.ones(correction.shape, bool))


@pytest.mark.parametrize("part", [-0.5, 0.0, 0.5, 1.0, 2.0])
def test_the_share_grows_with_what_is_right_at_half_the_resolution(problem: Problem, part: float) -> None:
    step = PriorStep.of([problem], np.ones(3, bool))
    share = step.judged([trial(step, problem, part)]).share
    assert (share >= 0.2).all()
    assert (share <= 0.9).all()
    more = step.judged([trial(step, problem, part + 0.25)]).share
    assert (more >= share).all()
    np.testing.assert_allclose(share, 0.2 + 0.7 * np.clip(part, 0, 1), atol=1e-3)


def test_pixels_that_were_not_measured_are_no_witnesses(problem: Problem) -> None:
    step = PriorStep.of([problem], np.ones(3, bool))
    made = trial(step, problem, 1.0)
    wrong = made.missing.copy()
    wrong[:, :10] = 100
    known = made.measured.copy()
    known[:, :10] = False
    share = step.judged([Trial(made.correction, wrong, known)]).share
    np.testing.assert_allclose(share, step.judged([made]).share, atol=1e-3)


def test_a_flat_map_and_a_small_scan_are_left_alone(problem: Problem) -> None:
    flat = replace(problem, scan=np.concatenate([problem.scan[:2], np.full_like(problem.scan[:1], 3.0)]))
    step = PriorStep.of([flat], np.ones(3, bool))
    change = step(flat, krige(flat.scan, flat.U), CPU)
    assert not change[2].any()
    assert change[:2].any()
    small, _, _ = problem.crop(slice(0, 15), slice(0, 18))
    assert halved(small) is None
    assert not step.judged([]).share.any()


def test_a_photo_that_is_not_used_changes_nothing(problem: Problem) -> None:
    step = PriorStep.of([problem], np.array([True, False, True]))
    estimate = krige(problem.scan, problem.U)
    other = replace(problem, photo=problem.photo[:, ::-1].copy())
    one, two = step(problem, estimate, CPU), step(other, estimate, CPU)
    np.testing.assert_array_equal(one[1], two[1])
    assert np.abs(one[0] - two[0]).max() > 1e-4


def test_units_do_not_matter(problem: Problem) -> None:
    scaled = replace(problem, scan=problem.scan * np.float32(64))
    one = PriorStep.of([problem], np.ones(3, bool))(problem, krige(problem.scan, problem.U), CPU)
    two = PriorStep.of([scaled], np.ones(3, bool))(scaled, krige(scaled.scan, scaled.U), CPU)
    np.testing.assert_allclose(two, 64 * one, atol=64 * 1e-4 * np.abs(one).max())


def test_a_painting_on_its_side_gets_the_same_correction(problem: Problem) -> None:
    square, _, _ = problem.crop(slice(0, 16), slice(0, 16))

    def turned(maps: Any) -> Any:
        return np.rot90(maps, axes=(-2, -1)).copy()

    aside = replace(square, scan=turned(square.scan), photo=turned(square.photo), measured=turned(square.measured))
    one, two = (PriorStep.of([each], np.ones(3, bool))(each, krige(each.scan, each.U), CPU) for each in (square, aside))
    np.testing.assert_allclose(two, turned(one), atol=1e-4 * np.abs(one).max())


@pytest.mark.parametrize("scale", [2, 3, 6])
def test_at_other_ratios_the_means_of_the_scan_are_left_alone(problem: Problem, scale: int) -> None:
    U = Downsampling.between(problem.U.coarse.refine(scale), problem.U.coarse)
    other = replace(problem, U=U, photo=np.zeros((3, *U.fine.shape), np.float32))
    change = PriorStep.of([other], np.zeros(3, bool))(other, krige(other.scan, U), CPU)
    assert change.shape == (3, *U.fine.shape)
    np.testing.assert_allclose(U(change), 0, atol=1e-4 * np.abs(change).max())


@pytest.mark.filterwarnings("ignore:negative values remain")
@pytest.mark.parametrize("beam", [{}, {"footprint": "gaussian", "fwhm": "0.1 mm"}])
def test_results_are_consistent_and_say_what_was_added(painting: Any, beam: dict[str, Any]) -> None:
    _, scan, rgb = painting
    fine = scan.xrfsr.superresolve(rgb, **QUICK, **beam)
    plain = scan.xrfsr.superresolve(rgb, **QUICK, **beam, prior=False)
    assert (fine.prior_share >= 0).all()
    assert "prior_share" not in plain.coords
    assert (fine.attrs["xrfsr_prior"], plain.attrs["xrfsr_prior"]) == (VERSION, "none")
    U = scan.xrfsr.downsampling(4, **beam)
    for made in (fine, plain):
        residual = np.abs(U(made.intensity.values.astype(np.float64)) - scan.intensity.values)
        assert residual.max() < 1e-4 * scan.intensity.values.max()
    changed = np.abs(fine.intensity - plain.intensity).max(("y", "x")) > 0
    np.testing.assert_array_equal(changed, fine.prior_share > 0)


def test_a_trained_model_is_used_with_and_without(painting: Any) -> None:
    _, scan, rgb = painting
    model = scan.xrfsr.train(rgb, **QUICK)
    for prior in (True, False):
        given = scan.xrfsr.superresolve(rgb, model=model, prior=prior, refine=None, device="cpu", progress=False)
        trained = scan.xrfsr.superresolve(rgb, prior=prior, **QUICK)
        np.testing.assert_array_equal(given.intensity, trained.intensity)


def test_without_held_out_pixels_nothing_is_added(painting: Any) -> None:
    _, scan, rgb = painting
    fine = scan.xrfsr.superresolve(rgb, held_out=0, **QUICK)
    assert fine.attrs["xrfsr_prior"] == "none"
    assert "prior_share" not in fine.coords


def test_the_switch_is_a_switch(painting: Any) -> None:
    _, scan, rgb = painting
    with pytest.raises(InvalidInput, match="prior must be True or False"):
        scan.xrfsr.superresolve(rgb, prior="yes", **QUICK)

"""The last steps tested where the truth is known: the scan, from itself at half its resolution.

Predictions of held-out pixels show how good means over pixels are, but not the detail within them, on which the last
steps work. So the same steps are applied, without changes, to the scan made twice as coarse, and their result is
compared with the scan (Wald, Ranchin & Mangolini 1997, "Fusion of satellite images of different spatial resolutions").
Networks were trained on the pixels of the scan, so what they make of it is better than what they make of anything else.
Where they have a share, the test of each step sees only the pixels that were held out from their training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.common.halving import halved
from xrfsr.methods.common.method import ALL
from xrfsr.methods.common.paired import Pair, PairedTest
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.unfolding.prepared import PreparedUnfolding
from xrfsr.methods.unfolding.within_pixels import PriorStep, Trial
from xrfsr.network.held_out import held_out_pixels

__all__ = ["Half", "tested", "unseen"]


class Half(NamedTuple):
    """A window at half the resolution of the scan, and its solution for the model's lines: the scan.

    Attributes
    ----------
    problem : Problem
        Scan at half its resolution, all lines.
    truth : array of float32, shape (model line, y, x)
        Scan.
    measured : array of bool, shape like `truth`
        Where it was measured.
    unseen : array of bool, shape like `truth`
        Measured pixels on which no network was trained.
    """

    problem: Problem
    truth: NDArray[np.float32]
    measured: NDArray[np.bool_]
    unseen: NDArray[np.bool_]

    def step(self, before: NDArray[np.float32], after: NDArray[np.float32]) -> Pair:
        """Return the estimates before and after a step as a pair on unseen pixels."""
        return Pair(before, after, self.truth, self.unseen)

    def result(self, baseline: NDArray[np.float32], maps: NDArray[np.float32]) -> Pair:
        """Return the baseline and the result as a pair on all pixels, because every step has passed its own test."""
        return Pair(baseline, maps, self.truth, self.measured)


def tested(sample: Sequence[Problem], made: PreparedUnfolding, *, prior: bool) -> PreparedUnfolding:
    """Return a copy with the last steps as far as they are right at half the resolution of the scan.

    Sharpening along common edges, and the prior, are left out of maps that they make significantly worse there. Of the
    prior's correction the best share is taken. What all steps together add to the baseline is taken where it makes a
    map better by a standard error, and shrunk elsewhere. A scan that is too small for the tests is sharpened, without
    the prior.

    Parameters
    ----------
    sample : sequence of Problem
        Windows of the painting, or all of it.
    made : PreparedUnfolding
        Method with the common edges of the maps.
    prior : bool
        Whether the prior may be used.
    """
    halves = [
        Half(coarse, problem.scan[made.places], problem.measured[made.places], apart[made.places])
        for problem, apart in zip(sample, unseen(sample, made), strict=True)
        if (coarse := halved(problem)) is not None
    ]
    maps = [made.estimate(half.problem).maps for half in halves]
    made, maps = _with_sharpening(halves, maps, made)
    if prior:
        made, maps = _with_prior(sample, halves, maps, made)
    return _with_safeguard(halves, maps, made)


def unseen(sample: Sequence[Problem], made: PreparedUnfolding) -> list[NDArray[np.bool_]]:
    """Return the pixels of the scan that count, (line, y, x): those on which no network was trained."""
    if made.model is None or not made.model.has_holdout.any():
        return [problem.measured for problem in sample]
    masks = [problem.sel_lines(made.places).training_mask for problem in sample]
    held_out = held_out_pixels(masks, made.model.config.held_out, int(made.model.training["seed"]))
    untrained = np.ones(len(sample[0].lines), dtype=bool)
    untrained[made.places] = ~made.helps
    return [
        problem.measured & (drawn | untrained[:, None, None]) for problem, drawn in zip(sample, held_out, strict=True)
    ]


def _with_sharpening(
    halves: Sequence[Half], maps: Sequence[NDArray[np.float32]], made: PreparedUnfolding
) -> tuple[PreparedUnfolding, list[NDArray[np.float32]]]:
    """Return a copy that sharpens no map for the worse, and the maps of all halves that it sharpens."""
    sharper = [made.along_edges(half.problem, each) for half, each in zip(halves, maps, strict=True)]
    if halves and made.edges is not None:
        test = PairedTest.of(half.step(*both) for half, *both in zip(halves, maps, sharper, strict=True))
        made = replace(made, sharpened=made.sharpened & ~test.worse)
    chosen = made.sharpened[:, None, None]
    return made, [np.where(chosen, after, before) for before, after in zip(maps, sharper, strict=True)]


def _with_prior(
    sample: Sequence[Problem], halves: Sequence[Half], maps: Sequence[NDArray[np.float32]], made: PreparedUnfolding
) -> tuple[PreparedUnfolding, list[NDArray[np.float32]]]:
    """Return a copy that takes the best share of the prior's correction, and the maps of all halves with that share."""
    assert made.model is not None
    known = made.model.has_holdout & made.guided
    step = PriorStep.of([problem.sel_lines(made.places) for problem in sample], made.helps)
    corrections = [made.correction(half.problem, each, step) for half, each in zip(halves, maps, strict=True)]
    step = step.judged(
        Trial(correction, half.truth - each, half.measured)
        for half, each, correction in zip(halves, maps, corrections, strict=True)
    )

    def taken(share: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [each + share[:, None, None] * correction for each, correction in zip(maps, corrections, strict=True)]

    share = step.share
    if halves:
        pairs = zip(halves, maps, taken(share), strict=True)
        share = np.where(PairedTest.of(half.step(*both) for half, *both in pairs).worse, 0, share)
    share = np.where(known, share, 0).astype(np.float32)
    made.line_values["prior_share"][made.places] = share
    return replace(made, prior=replace(step, share=share)), taken(share)


def _with_safeguard(
    halves: Sequence[Half], maps: Sequence[NDArray[np.float32]], made: PreparedUnfolding
) -> PreparedUnfolding:
    """Return a copy that takes of all steps together what is clearly better than the baseline."""
    if not halves:
        return made
    assert made.model is not None
    pairs = []
    for half, each in zip(halves, maps, strict=True):
        chosen = half.problem.sel_lines(made.places)
        both = (made.baseline(half.problem, made.places), each)
        pairs.append(half.result(*(made.physical(one, chosen, ALL).maps for one in both)))
    kept = np.where(made.model.has_holdout & made.guided, PairedTest.of(pairs).share, 1).astype(np.float32)
    for name in ("guided_share", "prior_share"):
        if name in made.line_values:
            made.line_values[name][made.places] *= kept
    return replace(made, kept=kept)

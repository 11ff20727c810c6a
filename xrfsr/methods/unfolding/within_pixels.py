r"""The step with the prior: what the network of `xrfsr.network.prior` adds to an estimate, and how much of it is taken.

The prior sees all pixels of the scan, so held-out pixels cannot judge it. It is judged where the truth is known: the
scan is made twice as coarse, the same steps are applied to that, and their result is compared with the scan itself
(Wald, Ranchin & Mangolini 1997). The correction is orthogonal to the means over pixels, so its best weight in the
sense of least squares is :math:`\langle c, y - \hat y\rangle / \langle c, c\rangle`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.methods.common.problem import Problem
from xrfsr.network.prior import RATIO, Components, load_prior
from xrfsr.operators.subdivision import Subdivision

__all__ = ["PriorStep", "Trial"]

LEAST_SHARE, MOST_SHARE = 0.2, 0.9  # of a correction that the trial finds wrong, and wholly right
TURNS = 4
LEAST_UNIT = 1e-12  # share of the highest value: less contrast is rounding


@dataclass(frozen=True, eq=False)
class PriorStep:
    """The prior with all that it needs to know of the whole painting.

    Attributes
    ----------
    mean, unit : array of float32, shape (line,)
        Mean and standard deviation of every map of the scan.
    photo : Components
        Principal components of the photo.
    shared : Components
        Principal components of all maps, in their units.
    shown : array of bool, shape (line,)
        Lines whose maps the photo may guide.
    share : array of float32, shape (line,)
        Share of the correction that is taken.
    """

    mean: NDArray[np.float32]
    unit: NDArray[np.float32]
    photo: Components
    shared: Components
    shown: NDArray[np.bool_]
    share: NDArray[np.float32]

    @classmethod
    def of(cls, sample: Sequence[Problem], shown: NDArray[np.bool_]) -> Self:
        """Fit what holds for the whole painting; the share is that of a prior that is always right."""
        moments = Components.fit([problem.scan for problem in sample])
        unit = np.sqrt(np.maximum(moments.variance, 0))
        highest = np.max([np.abs(problem.scan).max(axis=(1, 2)) for problem in sample], axis=0)
        flat = unit <= LEAST_UNIT * highest
        unit = np.where(flat, 1, unit).astype(np.float32)
        scaled = [(problem.scan - moments.mean[:, None, None]) / unit[:, None, None] for problem in sample]
        return cls(
            moments.mean,
            unit,
            Components.fit([problem.photo for problem in sample]),
            Components.fit(scaled),
            shown,
            np.where(flat, 0, 1).astype(np.float32),
        )

    def __call__(self, problem: Problem, estimate: NDArray[np.float32], device: torch.device) -> NDArray[np.float32]:
        """Return what to add to an estimate, shape (line, fine.y, fine.x)."""
        chosen = np.flatnonzero(self.share)
        made = np.zeros_like(estimate)
        made[chosen] = self.share[chosen, None, None] * self.correction(problem, estimate, chosen, device)
        return made

    def correction(
        self, problem: Problem, estimate: NDArray[np.float32], chosen: NDArray[np.intp], device: torch.device
    ) -> NDArray[np.float32]:
        """Return the corrections of some maps of an estimate, in the unit of the scan."""
        network = load_prior(device)
        grid = Subdivision.of(problem.U, RATIO)
        middle, unit = self.mean[:, None, None], self.unit[:, None, None]
        fine = grid.cells((estimate - middle) / unit)
        photo, shared = self.photo(grid.cells(problem.photo)), self.shared(fine)
        made = np.zeros((len(chosen), *fine.shape[1:]), np.float32)
        with torch.no_grad():
            # The mean over four quarter turns: the network errs differently in each.
            for turns in range(TURNS):
                turned = [_turned(each, turns, device) for each in (photo, shared)]
                contexts = network.context(*turned)
                # One map after the other: all together would need many times the memory of the result.
                for place, line in enumerate(chosen):
                    found = network.within(contexts[int(self.shown[line])], _turned(fine[line], turns, device))
                    made[place] += torch.rot90(found[0], -turns).cpu().numpy() / TURNS
        return grid.fine(made) * unit[chosen]

    def judged(self, trials: Iterable[Trial]) -> Self:
        """Return a copy with the share of the correction that the trials show to be best for every map."""
        gained, spent = np.zeros(len(self.unit)), np.zeros(len(self.unit))
        for trial in trials:
            correction = trial.correction.astype(np.float64)
            gained += (correction * trial.missing).sum(axis=(1, 2), where=trial.measured)
            spent += (correction**2).sum(axis=(1, 2), where=trial.measured)
        judged = (self.share > 0) & (spent > 0)
        best = np.divide(gained, spent, out=np.zeros_like(gained), where=judged)
        return replace(self, share=np.where(judged, _share(best), 0).astype(np.float32))


def _share(best: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the correction to take at the scale of the result, from the best one at half the resolution.

    The best shares at both scales are only loosely related (r = 0.5 over 76 maps, simulated and of random shapes), so
    the trial is not followed all the way: detail of the scan's own size may be lost in it, and a low share there says
    less than a high one.
    """
    return LEAST_SHARE + (MOST_SHARE - LEAST_SHARE) * best.clip(0, 1)


class Trial(NamedTuple):
    """The whole correction of an estimate whose solution is known, at half the resolution of the scan.

    Attributes
    ----------
    correction : array of float32, shape (line, coarse.y, coarse.x)
        What the prior adds to the estimate, if all of it is taken.
    missing : array of float32, shape (line, coarse.y, coarse.x)
        Scan minus estimate.
    measured : array of bool, shape like `missing`
        Where the scan was measured.
    """

    correction: NDArray[np.float32]
    missing: NDArray[np.float32]
    measured: NDArray[np.bool_]


def _turned(array: NDArray[np.float32], turns: int, device: torch.device) -> torch.Tensor:
    """Return an array (..., y, x) on the device, turned by some quarters, with an axis in front."""
    return torch.rot90(torch.as_tensor(array, device=device), turns, (-2, -1))[None]

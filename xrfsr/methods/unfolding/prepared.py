"""The method ready to be applied: the network, and all that holds for the whole painting.

Applied to a tile, it does what it would do to the whole, as far as its halo reaches.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import GuidedKriging, guided_krige
from xrfsr.kriging.photo_gain import along_photo
from xrfsr.kriging.simple import krige
from xrfsr.kriging.strip import HALO
from xrfsr.methods.common.method import Reconstruction, Run
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.unfolding.within_pixels import PriorStep
from xrfsr.network.model import Model
from xrfsr.network.prior import RADIUS
from xrfsr.operators import Downsampling
from xrfsr.operators.nonnegative import project_nonnegative

__all__ = ["Estimate", "PreparedUnfolding", "halo"]

# Coarse pixels by which the estimate acts through the guide that is made of it: the pixels that the neighbours of a
# coarse pixel see, and their neighbours.
GUIDED_HALO = HALO + 1


def halo(U: Downsampling) -> int:
    """Return the halo of the projected estimate, of guided kriging along its edges, and of the projection of that."""
    return 2 * U.halo + GUIDED_HALO + RADIUS


class Estimate(NamedTuple):
    """Estimate of the model's lines.

    Attributes
    ----------
    maps : array of float32, shape (model line, fine.y, fine.x)
        Prediction moved towards the scan.
    spread : array of float32, shape like `maps`, optional
        Variance over members, kriging along the photo and baseline, where the uncertainty is asked for.
    """

    maps: NDArray[np.float32]
    spread: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class PreparedUnfolding:
    """See `xrfsr.methods.common.method.Prepared`.

    Attributes
    ----------
    run : Run
        Its device predicts and interpolates.
    mean : array, shape (line,)
        Mean of every map over the whole painting.
    nugget : array, shape (line,)
        Variance of the noise over that of the maps.
    exact : bool
        Whether U takes the result back to the scan.
    model : Model, optional
        Trained network; without it the result is the kriging baseline.
    places : array of int, shape (model line,)
        Positions of the model's lines among those of the scan.
    guided : array of bool, shape (model line,)
        Lines that the photo may guide.
    share : array of float32, shape (model line,)
        Fraction of the residual by which the estimate is moved towards the scan; one if exact.
    photo : Guide, optional
        Photo as the guide of kriging.
    trust : array of float32, shape (model line,)
        Share of what network and photo add to the baseline that is taken; zero for lines that the photo does not help.
    edges : Guide, optional
        Common edges of the maps, along which they are sharpened.
    prior : PriorStep, optional
        What has been learned from random shapes, for the model's lines.
    sharpened : array of bool, shape (model line,)
        Lines that are sharpened along the common edges.
    kept : array of float32, shape (model line,)
        Share of what all steps together add to the baseline that is taken.
    metadata, line_values
        See `Prepared`.
    """

    run: Run
    mean: NDArray[np.float64]
    nugget: NDArray[np.float64]
    exact: bool
    model: Model | None = None
    places: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    guided: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    share: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    photo: Guide | None = None
    trust: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    edges: Guide | None = None
    prior: PriorStep | None = None
    sharpened: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    kept: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    metadata: dict[str, str | float] = field(default_factory=dict)
    line_values: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def apply(self, problem: Problem, core: tuple[slice, slice]) -> Reconstruction:
        """See `xrfsr.methods.common.method.Prepared`."""
        if self.model is not None:
            return self.finish(problem, self.estimate(problem), core)
        problem, _, core = self._within_last_halo(problem, core)
        return self.physical(self.baseline(problem, np.arange(len(problem.lines))), problem, core)

    def finish(self, problem: Problem, estimate: Estimate, core: tuple[slice, slice]) -> Reconstruction:
        """Return the fine maps of `core` from the estimate of a problem."""
        problem, window, core = self._within_last_halo(problem, core)
        maps = self.along_edges(problem, estimate.maps[:, *window])
        maps = self.towards_baseline(problem, self.with_prior(problem, maps), self.kept)
        made = self.physical(self._all_lines(problem, maps), problem, core)
        if estimate.spread is None:
            return made
        spread = np.zeros_like(made.maps)
        spread[self.places] = estimate.spread[:, *window][:, *core] * self.kept[:, None, None] ** 2
        return replace(made, spread=spread)

    def baseline(self, problem: Problem, lines: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the kriging baseline of some lines; it allows for noise unless it has to be exact."""
        U, scan = problem.U, problem.scan[lines]
        if self.exact:
            return krige(scan, U, mean=self.mean[lines])
        return guided_krige(scan, np.zeros_like(problem.photo[:1]), U, self._device, self.nugget[lines]).fine

    def raw(
        self, problem: Problem, along: GuidedKriging | None = None, variance: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return what network and photo predict of the model's lines, and the baseline where there is no photo.

        `along` is kriging along the photo, where it is known already; `variance` receives that over all estimates.
        """
        assert self.model is not None
        chosen, model = problem.sel_lines(self.places), self.model
        peak = model.peak[:, None, None]
        others = []
        if self.photo is not None:
            if along is None:
                others = [along_photo(chosen.scan / peak, chosen.photo, chosen.U, self._device, self.photo).fine]
                others[0] *= peak
            else:
                others = [along.fine * peak]
        mean = self.mean[self.places]
        predicted = model.predict(chosen.scan, chosen.photo, chosen.U, self._device, others, mean, variance)
        return self._baseline_without_photo(problem, predicted)

    def estimate(self, problem: Problem, along: GuidedKriging | None = None) -> Estimate:
        """Return the prediction moved towards the scan, mixed with the baseline by the trust in the photo."""
        U, scan = problem.U, problem.scan[self.places]
        spread = np.empty((len(scan), *U.fine.shape), np.float32) if self.run.compares else None
        predicted = self.raw(problem, along, spread)
        moved: NDArray[np.float32] = U.right_inverse(U.correlation_length)(scan - U(predicted))
        moved *= self.share[:, None, None]
        moved += predicted
        return Estimate(self.towards_baseline(problem, moved, self.trust), spread)

    def towards_baseline(
        self, problem: Problem, maps: NDArray[np.float32], share: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Take only a share (model line,) of what maps of the model's lines add to the baseline."""
        mixed = np.flatnonzero(share < 1)
        if mixed.size:
            baseline, maps = self.baseline(problem, self.places[mixed]), maps.copy()
            maps[mixed] = baseline + share[mixed, None, None] * (maps[mixed] - baseline)
        return maps

    @property
    def helps(self) -> NDArray[np.bool_]:
        """Lines for which the photo is used, shape (model line,)."""
        return np.asarray(self.trust > 0)

    @property
    def _device(self) -> torch.device:
        return self.run.device

    def _baseline_without_photo(self, problem: Problem, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put the baseline in place of maps of the model's lines where the photo shows nothing."""
        if not problem.photo_valid.all():
            maps[:, ~problem.photo_valid] = self.baseline(problem, self.places)[:, ~problem.photo_valid]
        return maps

    def with_prior(self, problem: Problem, estimate: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add the correction of the prior, if there is one."""
        return estimate if self.prior is None else estimate + self.correction(problem, estimate, self.prior)

    def correction(self, problem: Problem, estimate: NDArray[np.float32], prior: PriorStep) -> NDArray[np.float32]:
        """Return what a prior adds to the model's lines; U sees nothing of it."""
        chosen, U = problem.sel_lines(self.places), problem.U
        change = prior(chosen, self.consistent(chosen, estimate), self._device)
        made: NDArray[np.float32] = U.project(change, np.zeros_like(chosen.scan), U.correlation_length)
        return made

    def consistent(self, chosen: Problem, estimate: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an estimate of the model's lines with the noise of the scan, as in the training of the prior."""
        if self.exact:
            return estimate
        made: NDArray[np.float32] = chosen.U.project(estimate, chosen.scan, chosen.U.correlation_length)
        return made

    def along_edges(self, problem: Problem, estimate: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mix kriging along the common edges of all maps into each that is sharpened."""
        if self.edges is None or not self.sharpened.any():
            return estimate
        assert self.model is not None
        U, model, scan = problem.U, self.model, problem.scan[self.places]
        mixed = guided_krige(scan, self.edges(estimate), U, self._device, self.nugget[self.places]).fine
        mixed -= estimate
        mixed *= np.where(self.sharpened, model.config.along_edges, 0).astype(np.float32)[:, None, None]
        mixed += estimate
        mixed = self._baseline_without_photo(problem, mixed)
        if self.exact:
            mixed = U.project(mixed, scan, U.correlation_length)
        return mixed

    def _all_lines(self, problem: Problem, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add the baseline of lines that the model does not know or the photo may not guide."""
        lines = np.arange(len(problem.lines))
        guided = self.places[self.guided]
        if np.array_equal(guided, lines):
            return maps
        made = np.empty((len(lines), *maps.shape[1:]), dtype=np.float32)
        others = np.setdiff1d(lines, guided)
        made[guided] = maps[self.guided]
        if others.size:
            made[others] = self.baseline(problem, others)
        return made

    def _within_last_halo(
        self, problem: Problem, core: tuple[slice, slice]
    ) -> tuple[Problem, tuple[slice, slice], tuple[slice, slice]]:
        """Crop to the halo the last step needs; return the crop, its fine pixels, and `core` relative to them."""
        U = problem.U
        margin = U.halo + GUIDED_HALO + (RADIUS if self.prior is not None else 0)
        rows, columns = (
            _coarse_around(part, fine, coarse, margin)
            for part, fine, coarse in zip(core, U.fine.shape, U.coarse.shape, strict=True)
        )
        if (rows, columns) == tuple(slice(0, size) for size in U.coarse.shape):
            return problem, (slice(None), slice(None)), core
        inner, y, x = problem.crop(rows, columns)
        moved = (
            slice(core[0].start - y.start, core[0].stop - y.start),
            slice(core[1].start - x.start, core[1].stop - x.start),
        )
        return inner, (y, x), moved

    def physical(self, maps: NDArray[np.float32], problem: Problem, core: tuple[slice, slice]) -> Reconstruction:
        """Remove negative values, keeping the means of the scan, or those of the maps where these are positive."""
        if self.exact:
            means: NDArray[Any] = problem.scan
        else:
            allowed = np.where(problem.scan.min(axis=(1, 2)) < 0, -np.inf, 0)[:, None, None]
            means = np.maximum(problem.U(maps), allowed).astype(np.float32)
        maps, physical = project_nonnegative(maps, means, problem.U)
        return Reconstruction(maps[:, *core], physical)


def _coarse_around(core: slice, fine: int, coarse: int, margin: int) -> slice:
    """Return the coarse pixels under some fine ones, and `margin` more to either side."""
    start, stop, _ = core.indices(fine)
    return slice(
        max(0, floor(start * coarse / fine) - margin),
        min(coarse, ceil(stop * coarse / fine) + margin),
    )

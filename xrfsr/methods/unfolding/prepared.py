r"""The method ready to be applied: the network, and all that holds for the whole painting.

Applied to a part, it does what it would do to the whole, as far as its margin reaches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import HALO, GuidedKriging, guided_krige
from xrfsr.kriging.photo_gain import along_photo
from xrfsr.kriging.simple import krige
from xrfsr.methods.common.problem import Problem, Reconstruction
from xrfsr.network.model import Model
from xrfsr.operators import Downsampling
from xrfsr.operators.nonnegative import project_nonnegative

__all__ = ["Estimate", "Unfolding", "reach"]

# How far an estimate is felt through the guide that is made of it: the pixels seen by the neighbours of a coarse pixel,
# and their neighbours.
GUIDED_REACH = HALO + 1


def reach(U: Downsampling) -> int:
    """The residual of the network, spread; guided kriging of what that gives; and the residual of this, spread."""
    return 2 * U.halo + GUIDED_REACH


class Estimate(NamedTuple):
    """What is known of a problem before its maps are sharpened.

    Attributes
    ----------
    problem : Problem
    maps : array of float32, shape (model line, fine.y, fine.x)
    """

    problem: Problem
    maps: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Unfolding:
    """See `xrfsr.methods.common.problem.Prepared`.

    Attributes
    ----------
    mean : array, shape (line,)
        Of the maps of the whole painting.
    nugget : array, shape (line,)
        Variance of the noise over that of the maps.
    exact : bool
        Whether U takes the result back to the scan.
    model : Model, optional
        Without it, the result is the photo-free floor.
    places : array of int, shape (model line,)
        Which of the lines the model knows.
    guided : array of bool, shape (model line,)
        Which of those the photo may guide.
    share : array of float32, shape (model line,)
        How far the estimate is moved towards the scan; all the way if exact.
    photo : Guide, optional
        For kriging along the photo.
    helps : array of bool, shape (model line,)
        Maps in which the photo takes part.
    edges : Guide, optional
        For sharpening along edges that the maps share.
    record, per_line
        See `Prepared`.
    kept : Estimate, optional
        Of the whole painting, if it was the sample.
    """

    mean: NDArray[np.float64]
    nugget: NDArray[np.float64]
    exact: bool
    model: Model | None = None
    places: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    guided: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    share: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    photo: Guide | None = None
    helps: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    edges: Guide | None = None
    record: dict[str, str | float] = field(default_factory=dict)
    per_line: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    kept: Estimate | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "kept": None}

    def apply(self, problem: Problem, own: tuple[slice, slice], device: str) -> Reconstruction:
        """See `xrfsr.methods.common.problem.Prepared`."""
        lines = np.arange(len(problem.lines))
        if self.model is None:
            problem, _, own = self._without_margin(problem, own)
            maps = self.floor(problem, lines, device)
        else:
            known = self.kept if self.kept is not None and self.kept.problem is problem else None
            made = self.estimate(problem, device) if known is None else known.maps
            problem, part, own = self._without_margin(problem, own)
            made = made[:, *part]
            if self.edges is not None:
                made = self._sharpened(problem, made, device)
            maps = self._with_others(problem, made, device)
        maps, physical = self._without_negatives(maps, problem)
        return Reconstruction(maps[:, *own], physical)

    def floor(self, problem: Problem, lines: NDArray[np.intp], device: str) -> NDArray[np.float32]:
        """The photo-free floor of some lines, which knows of the noise unless it has to be exact."""
        U, scan = problem.U, problem.scan[lines]
        if self.exact:
            return krige(scan, U, mean=self.mean[lines])
        return guided_krige(scan, np.zeros_like(problem.photo[:1]), U, device, self.nugget[lines]).fine

    def raw(self, problem: Problem, device: str, along: GuidedKriging | None = None) -> NDArray[np.float32]:
        """What network and photo say of the model's lines; the floor where the photo shows nothing."""
        assert self.model is not None
        chosen, model = problem.sel_lines(self.places), self.model
        peak = model.peak[:, None, None]
        other_predictions = []
        if self.photo is not None:
            if along is None:
                other_predictions = [along_photo(chosen.scan / peak, chosen.photo, chosen.U, device, self.photo).fine]
                other_predictions[0] *= peak
            else:
                other_predictions = [along.fine * peak]
        mean = self.mean[self.places]
        estimate = model.predict(chosen.scan, chosen.photo, chosen.U, device, other_predictions, mean)
        return self._where_seen(problem, estimate, device)

    def estimate(self, problem: Problem, device: str, along: GuidedKriging | None = None) -> NDArray[np.float32]:
        """The same moved towards the scan, and the floor where the photo does not help."""
        U, scan = problem.U, problem.scan[self.places]
        shown = self.raw(problem, device, along)
        moved: NDArray[np.float32] = U.right_inverse(U.correlation_length)(scan - U(shown))
        moved *= self.share[:, None, None]
        moved += shown
        if not self.helps.all():
            moved[~self.helps] = self.floor(problem, self.places[~self.helps], device)
        return moved

    def _where_seen(self, problem: Problem, maps: NDArray[np.float32], device: str) -> NDArray[np.float32]:
        """The floor in place of maps of the model's lines where the photo shows nothing."""
        if not problem.photo_valid.all():
            maps[:, ~problem.photo_valid] = self.floor(problem, self.places, device)[:, ~problem.photo_valid]
        return maps

    def _sharpened(self, problem: Problem, estimate: NDArray[np.float32], device: str) -> NDArray[np.float32]:
        """Kriging along the edges of all maps mixed into each that was judged."""
        assert self.model is not None
        assert self.edges is not None
        U, model, scan = problem.U, self.model, problem.scan[self.places]
        mixed = guided_krige(scan, self.edges(estimate), U, device, self.nugget[self.places]).fine
        mixed -= estimate
        mixed *= np.where(model.has_holdout, model.config.along_edges, 0).astype(np.float32)[:, None, None]
        mixed += estimate
        mixed = self._where_seen(problem, mixed, device)
        if self.exact:
            mixed = U.project(mixed, scan, U.correlation_length)
        return mixed

    def _with_others(self, problem: Problem, maps: NDArray[np.float32], device: str) -> NDArray[np.float32]:
        """Maps of all lines: the floor of those that the model does not know or the photo may not guide."""
        lines = np.arange(len(problem.lines))
        mine = self.places[self.guided]
        if np.array_equal(mine, lines):
            return maps
        made = np.empty((len(lines), *maps.shape[1:]), dtype=np.float32)
        others = np.setdiff1d(lines, mine)
        made[mine] = maps[self.guided]
        if others.size:
            made[others] = self.floor(problem, others, device)
        return made

    def _without_margin(
        self, problem: Problem, own: tuple[slice, slice]
    ) -> tuple[Problem, tuple[slice, slice], tuple[slice, slice]]:
        """The problem without what has a say in the estimate alone, its fine pixels, and `own` counted in it."""
        U = problem.U
        margin = U.halo + GUIDED_REACH
        rows, columns = (
            _around(part, fine, coarse, margin)
            for part, fine, coarse in zip(own, U.fine.shape, U.coarse.shape, strict=True)
        )
        if (rows, columns) == tuple(slice(0, size) for size in U.coarse.shape):
            return problem, (slice(None), slice(None)), own
        inner, y, x = problem.crop(rows, columns)
        moved = (
            slice(own[0].start - y.start, own[0].stop - y.start),
            slice(own[1].start - x.start, own[1].stop - x.start),
        )
        return inner, (y, x), moved

    def _without_negatives(self, maps: NDArray[np.float32], problem: Problem) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The same without negative values, with the means of the scan, or their own as far as these are positive."""
        if self.exact:
            return project_nonnegative(maps, problem.scan, problem.U)
        allowed = np.where(problem.scan.min(axis=(1, 2)) < 0, -np.inf, 0)[:, None, None]
        return project_nonnegative(maps, np.maximum(problem.U(maps), allowed).astype(np.float32), problem.U)


def _around(own: slice, fine: int, coarse: int, margin: int) -> slice:
    """Coarse pixels under some fine ones and so many to either side."""
    start, stop, _ = own.indices(fine)
    return slice(
        max(0, floor(start * coarse / fine) - margin),
        min(coarse, ceil(stop * coarse / fine) + margin),
    )

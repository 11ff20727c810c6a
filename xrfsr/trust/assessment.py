"""A prepared method whose maps come with what can be believed of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods import Prepared, Problem, Reconstruction
from xrfsr.methods.common.halving import halved
from xrfsr.methods.common.method import ALL, Method
from xrfsr.methods.common.problem import pooled_noise
from xrfsr.trust.support import REACH, Evidence
from xrfsr.trust.uncertainty import Calibration, Trial, around, rough_variance

__all__ = ["LAYERS", "Assessed", "assessed_halo"]

UNCERTAINTY, SUPPORT = "uncertainty", "photo_support"
LAYERS = {
    UNCERTAINTY: "standard deviation of the intensity",
    SUPPORT: "how far detail is of a kind that the scan confirms, from 0 to 1",
}


def assessed_halo(halo: int | None) -> int | None:
    """Return the coarse pixels around a tile that are needed, from the halo of the method: one more, to be whole."""
    return None if halo is None else max(halo + 1, REACH)


@dataclass(frozen=True, eq=False)
class Assessed:
    """See `xrfsr.methods.common.method.Prepared`.

    Attributes
    ----------
    prepared : Prepared
        Method that makes the maps.
    calibration : Calibration
        How s becomes a standard deviation.
    evidence : Evidence, optional
        What the photo shows; none without a photo.
    used : array of bool, shape (line,)
        Maps in which the photo has a share.
    """

    prepared: Prepared
    calibration: Calibration
    evidence: Evidence | None
    used: NDArray[np.bool_]

    @classmethod
    def of(cls, method: Method[Any], prepared: Prepared, sample: Sequence[Problem]) -> Self:
        """Test a method on the sample on which it was prepared."""
        trials = _trials(prepared, sample, method.unseen(prepared, sample))
        calibration = Calibration.of(trials, pooled_noise(sample))
        shown = len(sample[0].photo) > 0
        share = prepared.line_values.get("guided_share")
        used = np.array(sample[0].photo_lines) if share is None else np.asarray(share > 0)
        return cls(prepared, calibration, Evidence.of(sample) if shown else None, used & shown)

    @property
    def metadata(self) -> dict[str, str | float]:
        """See `Prepared`."""
        return self.prepared.metadata

    @property
    def line_values(self) -> dict[str, NDArray[np.float32]]:
        """See `Prepared`."""
        return self.prepared.line_values

    def apply(self, problem: Problem, core: tuple[slice, slice]) -> Reconstruction:
        """See `Prepared`; with the layers `LAYERS`."""
        seen = around(core, problem.U)
        return self.with_layers(problem, self.prepared.apply(problem, seen), seen, core)

    def with_layers(
        self, problem: Problem, made: Reconstruction, seen: tuple[slice, slice], core: tuple[slice, slice]
    ) -> Reconstruction:
        """Return the maps of `core` with their layers, from those of `seen`, of which they are a part."""
        U = problem.U
        (top, bottom), (left, right) = (part.indices(size)[:2] for part, size in zip(core, U.fine.shape, strict=True))
        above, before = (part.indices(size)[0] for part, size in zip(seen, U.fine.shape, strict=True))
        inner = (slice(None), slice(top - above, bottom - above), slice(left - before, right - before))
        variance = rough_variance(made.maps, made.spread, U, seen)
        deviation = self.calibration(made.maps[inner], variance[inner])
        support = np.zeros_like(deviation)
        if self.evidence is not None and self.used.any():
            chosen = np.flatnonzero(self.used)
            support[chosen] = self.evidence(problem, slice(top, bottom), slice(left, right))[chosen]
            support[:, ~problem.photo_valid[top:bottom, left:right]] = 0
        return replace(made, maps=made.maps[inner], spread=None, layers={UNCERTAINTY: deviation, SUPPORT: support})


def _trials(prepared: Prepared, sample: Sequence[Problem], unseen: Sequence[NDArray[np.bool_]]) -> Iterator[Trial]:
    for problem, apart in zip(sample, unseen, strict=True):
        if (coarse := halved(problem)) is not None:
            made = prepared.apply(coarse, ALL)
            yield Trial(
                made.maps, rough_variance(made.maps, made.spread, coarse.U), problem.scan, problem.measured, apart
            )

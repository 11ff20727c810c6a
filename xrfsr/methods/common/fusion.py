"""Base of methods that are a function from a scan and a photo to fine maps.

All of them are treated alike. The function is shown the maps that the photo may guide, without gaps. Maps that the
photo may not guide (scatter, diagnostic and flat ones) and pixels that the photo does not show are the kriging
baseline. The result is projected onto the maps that agree with the scan and have no negative values; with
``projected=False`` the function's own maps are returned.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging.simple import krige
from xrfsr.methods.common.method import Method, Reconstruction, Run
from xrfsr.methods.common.options import MethodOptions, setting
from xrfsr.methods.common.problem import Problem
from xrfsr.operators import Downsampling
from xrfsr.operators.nonnegative import project_nonnegative

__all__ = ["FusionMethod", "FusionOptions", "projection_halo"]

BASELINE_HALO = 3  # coarse pixels by which the baseline reaches further than a residual, which is smaller


@dataclass(frozen=True, kw_only=True)
class FusionOptions(MethodOptions):
    """Options that every such method has.

    Attributes
    ----------
    projected : bool
        Whether the maps are made consistent with the scan and free of negative values.
    """

    projected: bool = setting(True)


FusionOptionsT = TypeVar("FusionOptionsT", bound=FusionOptions)


def projection_halo(U: Downsampling) -> int:
    """Return how many coarse pixels around a tile its projection depends on.

    Parameters
    ----------
    U : Downsampling
        Operator from fine to coarse pixels.

    Returns
    -------
    int
        Number of coarse pixels on each side.

    Examples
    --------
    >>> import xrfsr
    >>> scan = xrfsr.as_scan([[[1.0, 2.0], [3.0, 4.0]]], lines=["Ca-K"], pixel_size="0.5 mm")
    >>> projection_halo(scan.xrfsr.downsampling(4)) > 0
    True
    """
    return U.halo + BASELINE_HALO


class FusionMethod(Method[FusionOptionsT]):
    """A method that is one function; a subclass writes `estimate`.

    Attributes
    ----------
    every_map : bool
        Whether the function makes every map, also those that the photo may not guide.
    """

    every_map: ClassVar[bool] = False

    @abstractmethod
    def estimate(self, problem: Problem, options: FusionOptionsT, run: Run) -> NDArray[np.float32]:
        """Return the fine maps of a problem, shape (line, fine.y, fine.x), before they are projected."""

    def prepare(self, sample: Sequence[Problem], options: FusionOptionsT, run: Run) -> PreparedFusion:
        """Return the method itself: everything is computed when it is applied."""
        return PreparedFusion(self, options, run)


@dataclass(frozen=True, eq=False)
class PreparedFusion:
    """See `xrfsr.methods.common.method.Prepared`."""

    method: FusionMethod[Any]
    options: FusionOptions
    run: Run
    metadata: dict[str, str | float] = field(default_factory=dict)
    line_values: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def apply(self, problem: Problem, core: tuple[slice, slice]) -> Reconstruction:
        """See `xrfsr.methods.common.method.Prepared`."""
        if self.method.uses_device:
            from xrfsr.utils.fork import note_threads  # which loads torch

            note_threads()
        maps = self._estimate(problem) if self.method.every_map else self._where_guided(problem)
        if not self.options.projected:
            return Reconstruction(maps[:, *core])
        U = problem.U
        maps = U.project(maps, problem.scan, U.correlation_length)
        maps, physical = project_nonnegative(maps, problem.scan, U)
        return Reconstruction(maps[:, *core], physical)

    def _estimate(self, problem: Problem) -> NDArray[np.float32]:
        return self.method.estimate(problem, self.options, self.run)

    def _where_guided(self, problem: Problem) -> NDArray[np.float32]:
        """Return the method's maps where the photo may guide, and the baseline elsewhere."""
        guided = np.flatnonzero(problem.photo_lines)
        if guided.size == len(problem.lines) and problem.photo_valid.all():
            return self._estimate(problem)
        U = problem.U
        maps = krige(problem.scan, U, mean=problem.mean)
        if guided.size:
            estimate = self._estimate(problem.sel_lines(guided))
            maps[guided] = np.where(problem.photo_valid, estimate, maps[guided])
        return np.asarray(maps, dtype=np.float32)

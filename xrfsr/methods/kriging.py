"""The kriging baseline: interpolation of the scan alone, exactly consistent with it and free of negative values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging.simple import krige
from xrfsr.methods.common.fusion import projection_halo
from xrfsr.methods.common.method import Method, Reconstruction, Run
from xrfsr.methods.common.options import MethodOptions
from xrfsr.methods.common.problem import Problem, pooled_mean
from xrfsr.operators import Downsampling
from xrfsr.operators.nonnegative import project_nonnegative

__all__ = ["Kriging"]


class Kriging(Method[MethodOptions]):
    """Simple kriging of every map around its mean, see `xrfsr.kriging.simple.krige`."""

    name = "kriging"
    uses_photo = False
    Options = MethodOptions

    def prepare(self, sample: Sequence[Problem], options: MethodOptions, run: Run) -> PreparedKriging:
        """See `xrfsr.methods.common.method.Method`; the means of the maps are all there is to prepare."""
        return PreparedKriging(pooled_mean(sample))

    def halo(self, U: Downsampling) -> int:
        """See `xrfsr.methods.common.method.Method`."""
        return projection_halo(U)


@dataclass(frozen=True, eq=False)
class PreparedKriging:
    """See `xrfsr.methods.common.method.Prepared`.

    Attributes
    ----------
    mean : array of float64, shape (line,)
        Mean of every map over the painting.
    """

    mean: NDArray[np.float64]
    metadata: dict[str, str | float] = field(default_factory=dict)
    line_values: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def apply(self, problem: Problem, core: tuple[slice, slice]) -> Reconstruction:
        """See `xrfsr.methods.common.method.Prepared`."""
        U = problem.U
        maps = krige(problem.scan, U, mean=self.mean)
        maps, physical = project_nonnegative(maps, problem.scan, U)
        return Reconstruction(maps[:, *core], physical)

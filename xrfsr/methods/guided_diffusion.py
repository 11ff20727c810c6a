r"""Anisotropic diffusion guided by the photo: values spread until they meet an edge of it.

The un-learned part of N. Metzger, R. C. Daudt, K. Schindler, "Guided depth super-resolution by deep anisotropic
diffusion" (CVPR 2023), after P. Perona, J. Malik, "Scale-space and edge detection using anisotropic diffusion", IEEE
TPAMI 12 (1990). With conductivities between neighbours p and q on the fine grid

.. math:: c_{pq} = \frac{1}{1 + (d_{pq} / \kappa)^2}, \qquad
    d_{pq} = \operatorname{mean}_b |Z_{bp} - Z_{bq}|,

every step diffuses and returns to what agrees with the scan:

.. math:: Y \leftarrow Y + \tau \sum_{q \sim p} c_{pq} (Y_q - Y_p), \qquad
    Y \leftarrow Y - U^+ (U Y - Y_\downarrow).

Filled in: the start is the kriging baseline, :math:`\kappa = 0.03` and :math:`\tau = 0.24` as in the reference, and
300 steps for its thousands, beyond which little changes. The reference scales every coarse pixel by
:math:`Y_\downarrow / U Y`; here the pseudo-inverse adds what is missing, so that any footprint and any ratio will
do. The reference takes the upscaled map as one more channel of the guide; here it is the photo alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrfsr.kriging.simple import krige
from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem

__all__ = ["GuidedDiffusion", "GuidedDiffusionOptions", "guided_diffusion"]


@dataclass(frozen=True, kw_only=True)
class GuidedDiffusionOptions(FusionOptions):
    """Options of `GuidedDiffusion`; the symbols are those of the module's docstring."""

    steps: int = setting(300, 1)
    kappa: float = setting(0.03, 1e-6)
    tau: float = setting(0.24, 1e-6, 0.25)  # above, it is unstable


def guided_diffusion(problem: Problem, steps: int, kappa: float, tau: float) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    U, scan, photo = problem.U, problem.scan, problem.photo
    down, across = (
        (tau / (1 + (np.abs(np.diff(photo, axis=axis)).mean(axis=0) / kappa) ** 2)).astype(np.float32)
        for axis in (1, 2)
    )
    fine = np.empty((len(scan), *U.fine.shape), dtype=np.float32)
    flow_down, flow_across = np.empty_like(down), np.empty_like(across)
    baseline = krige(scan, U, mean=problem.mean)
    # Map by map, which stays in the cache.
    for line, (maps, coarse) in enumerate(zip(baseline.astype(np.float32), scan, strict=True)):
        for _ in range(steps):
            np.subtract(maps[1:], maps[:-1], out=flow_down)
            np.subtract(maps[:, 1:], maps[:, :-1], out=flow_across)
            flow_down *= down
            flow_across *= across
            maps[:-1] += flow_down
            maps[1:] -= flow_down
            maps[:, :-1] += flow_across
            maps[:, 1:] -= flow_across
            maps[:] = U.project(maps, coarse)
        fine[line] = maps
    return fine


class GuidedDiffusion(FusionMethod[GuidedDiffusionOptions]):
    """Guided anisotropic diffusion."""

    name = "guided_diffusion"
    Options = GuidedDiffusionOptions

    def estimate(self, problem: Problem, options: GuidedDiffusionOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return guided_diffusion(problem, steps=options.steps, kappa=options.kappa, tau=options.tau)

r"""Gram–Schmidt adaptive pan-sharpening, each map with the band of the photo that it resembles most.

B. Aiazzi, S. Baronti, M. Selva, "Improving component substitution pansharpening through multivariate regression of
MS + Pan data", IEEE TGRS 45 (2007), carried to a photo of several bands as in N. Yokoya, C. Grohnfeldt, J.
Chanussot, "Hyperspectral and multispectral data fusion", IEEE GRSM 5 (2017): maps fall into groups, one for each
band :math:`Z_b` of the photo, by the correlation of :math:`Y_\downarrow` with :math:`U Z_b`. Within a group

.. math:: w &= \arg\min \lVert w_0 + \textstyle\sum_k w_k Y_{\downarrow k} - U Z_b \rVert^2, \qquad
    I_\downarrow = w_0 + \textstyle\sum_k w_k Y_{\downarrow k}, \\
    \hat Y_k &= Y_{\downarrow\uparrow k} + g_k (Z_b - I_{\downarrow\uparrow}), \qquad
    g_k = \mathrm{cov}(I_\downarrow, Y_{\downarrow k}) / \mathrm{var}(I_\downarrow),

with ↑ bicubic interpolation.

Filled in: correlation is that of magnitudes (a map may be dark where the photo is bright); a group whose I is flat
stays as it was interpolated; regressions see the pixels that were measured and that the photo shows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.bicubic import bicubic
from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.problem import Problem

__all__ = ["GSA", "gsa"]

FLAT = 1e-12  # variance of I against that of the band


def gsa(problem: Problem) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    known = problem.training_mask.all(axis=0)
    fine = bicubic(problem)
    if known.sum() <= len(problem.lines) + 1:
        return fine  # too few to fit anything to
    scan = problem.scan[:, known].astype(np.float64)
    image = problem.U(problem.photo.astype(np.float64))[:, known]
    group = _correlation(scan, image).argmax(axis=1)
    for band, plane in enumerate(problem.photo):
        lines = np.flatnonzero(group == band)
        if not lines.size:
            continue
        maps = np.vstack([scan[lines], np.ones_like(scan[:1])])
        weights = np.linalg.lstsq(maps.T, image[band], rcond=None)[0]
        intensity = weights @ maps
        centred = intensity - intensity.mean()
        power = (centred**2).mean()
        if power <= FLAT * max(image[band].var(), FLAT):
            continue
        gain = (scan[lines] * centred).mean(axis=1) / power
        upscaled = weights[-1] + np.tensordot(weights[:-1], fine[lines], axes=1)
        fine[lines] += (gain[:, None, None] * (plane - upscaled)).astype(np.float32)
    return fine


def _correlation(scan: NDArray[np.float64], image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Magnitude of the correlation of every map with every band, shape (line, band)."""
    a, b = scan - scan.mean(axis=1, keepdims=True), image - image.mean(axis=1, keepdims=True)
    size = np.sqrt(np.outer((a**2).sum(axis=1), (b**2).sum(axis=1)))
    return np.asarray(np.abs(a @ b.T) / np.maximum(size, 1e-300))


class GSA(FusionMethod[FusionOptions]):
    """Gram–Schmidt adaptive pan-sharpening."""

    name = "gsa"
    Options = FusionOptions

    def estimate(self, problem: Problem, options: FusionOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return gsa(problem)

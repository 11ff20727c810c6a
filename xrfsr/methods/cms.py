r"""Clustering manifold structure: CMS.

L. Zhang, W. Wei, C. Bai, Y. Gao, Y. Zhang, "Exploiting clustering manifold structure for hyperspectral imagery
super-resolution", IEEE TIP 27 (2018). Pixels whose surroundings in the photo are alike form clusters; within cluster
k each is a mixture of the others, by coefficients that are found in the photo and hold for the maps:

.. math:: S_k = \arg\min_S \lVert F_k - F_k S \rVert^2 + \alpha \lVert S \rVert^2
    = (F_k^T F_k + \alpha 1)^{-1} F_k^T F_k,

.. math:: \min w \lVert Y U - Y_\downarrow \rVert^2 + \lVert R Y - Z \rVert^2
    + \eta \sum_k \lVert Y_k - Y_k S_k \rVert^2,

with :math:`F_k` the patches of the photo around the pixels of the cluster. ADMM with :math:`V = Y`: in the right
singular vectors :math:`q_j` of :math:`F_k`, of singular values :math:`s_j`, the step for V is

.. math:: V_k \leftarrow (Y_k + \Lambda_k) \Bigl(\tfrac{\mu}{\eta + \mu} 1
    + \sum_j \Bigl(\tfrac{\mu}{\eta d_j^2 + \mu} - \tfrac{\mu}{\eta + \mu}\Bigr) q_j q_j^T \Bigr), \qquad
    d_j = \frac{\alpha}{s_j^2 + \alpha},

then the Sylvester step of `xrfsr.methods.common.sylvester` for Y, then the multiplier.

Filled in: patches of 3 × 3 pixels and a constant (so that the mean of a cluster is kept), 64 clusters by k-means,
:math:`\alpha = 10^{-4}` for each pixel of a cluster, :math:`\eta = 10^{-2}`, :math:`\mu = 10^{-3}`, 25 steps. R by
non-negative least squares on the coarse pair, w so that both data terms are curved alike; Y starts as the bicubic
interpolation. Pixels that were not measured enter as the nearest measured ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.methods.bicubic import bicubic
from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.kmeans import clusters
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.spectral_response import SpectralResponse
from xrfsr.methods.common.sylvester import Sylvester

__all__ = ["CMS", "CMSOptions", "cms"]

AROUND = 1  # pixels to either side


@dataclass(frozen=True, kw_only=True)
class CMSOptions(FusionOptions):
    """Options of `CMS`; the symbols are those of the module's docstring."""

    groups: int = setting(64, 1)
    alpha: float = setting(1e-4, 1e-9)
    eta: float = setting(1e-2)
    mu: float = setting(1e-3, 1e-9)
    steps: int = setting(25, 1)


class Cluster(NamedTuple):
    """One cluster: its pixels, the q_j (pixel, feature), and the gain along each of them."""

    pixels: Tensor
    q: Tensor
    gain: Tensor


def cms(
    problem: Problem, device: torch.device, *, seed: int, groups: int, alpha: float, eta: float, mu: float, steps: int
) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    response = SpectralResponse(problem)
    with torch.inference_mode():
        features = surroundings(torch.as_tensor(problem.photo, device=device))
        found = clusters(features.cpu().numpy(), groups, seed)
        constant = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
        members = [_cluster(torch.as_tensor(each, device=device), constant, alpha, eta, mu) for each in found]
        solve = Sylvester(problem, response, mu, device)
        peak = torch.as_tensor(response.peak, dtype=torch.float32, device=device)[:, None, None]
        Y = torch.as_tensor(bicubic(problem), device=device) / peak
        multiplier = torch.zeros_like(Y)
        rest = mu / (eta + mu)
        for _ in range(steps):
            near = (Y + multiplier).flatten(1)
            V = rest * near
            for cluster in members:
                V[:, cluster.pixels] += (near[:, cluster.pixels] @ cluster.q * cluster.gain) @ cluster.q.T
            multiplier += Y - V.view_as(Y)
            Y = solve(V.view_as(Y) - multiplier)
    return response.maps(Y.flatten(1).cpu().numpy(), problem)


def surroundings(photo: Tensor) -> Tensor:
    """Return the patch around every pixel, shape (pixels, band · patch)."""
    around = (AROUND,) * 4
    padded = torch.nn.functional.pad(photo[None], around, mode="replicate")
    return torch.nn.functional.unfold(padded, 2 * AROUND + 1)[0].T.contiguous()


def _cluster(pixels: Tensor, features: Tensor, alpha: float, eta: float, mu: float) -> Cluster:
    _, s, q = torch.linalg.svd(features[pixels].T, full_matrices=False)
    d = len(pixels) * alpha / (s.square() + len(pixels) * alpha)
    return Cluster(pixels, q.T.contiguous(), mu / (eta * d.square() + mu) - mu / (eta + mu))


class CMS(FusionMethod[CMSOptions]):
    """CMS, our re-implementation."""

    name = "cms"
    uses_device = True
    Options = CMSOptions

    def estimate(self, problem: Problem, options: CMSOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return cms(
            problem,
            run.device,
            seed=run.seed,
            groups=options.groups,
            alpha=options.alpha,
            eta=options.eta,
            mu=options.mu,
            steps=options.steps,
        )

r"""Visible and non-visible parts of every map: SSR, our re-implementation.

Q. Dai, E. Pouyet, O. Cossairt, M. Walton, A. K. Katsaggelos, "Spatial-spectral representation for X-ray fluorescence
image super-resolution", IEEE TCI 3 (2017). A map is what the eye sees, which shares its coefficients with the photo,
and what lies below, which only total variation sharpens:

.. math:: Y = D^{xrf} A + Y_{nv}, \qquad Z = D^{rgb} A,

.. math:: \min \tfrac{w}{2} \lVert Y U - Y_\downarrow \rVert^2 + \tfrac12 \lVert Z - D^{rgb} A \rVert^2
    + \gamma \lVert \nabla Y_{nv} \rVert_{2, 1}, \qquad
    A \ge 0, \quad 1^T A = 1^T, \quad 0 \le D \le 1, \quad Y_{nv} \ge 0.

In turn: A by a gradient step and projection of its columns onto the simplex, D by one and clipping (PALM: J. Bolte,
S. Sabach, M. Teboulle, Math. Programming 146 (2014)), and :math:`Y_{nv}` by a primal-dual step (L. Condat, J.
Optimization Theory and Applications 158 (2013)) with the dual variable P of the gradient:

.. math:: Y_{nv}^+ = \max(0, Y_{nv} - \tau (w (Y U - Y_\downarrow) U^T + \nabla^T P)), \qquad
    P \leftarrow \mathrm{clip}_{\lVert \cdot \rVert \le \gamma} (P + \sigma \nabla (2 Y_{nv}^+ - Y_{nv})).

Filled in: the reference also bounds how many coefficients a pixel has; the simplex leaves few. 100 atoms, starting as
pixels of the scan with the photo over them, drawn at random far from each other; A by the likeness of colours;
:math:`w = 1 / \lVert U \rVert^2`; :math:`\gamma = 10^{-2}` of maps with a peak of one; :math:`\tau = 1 / 2`,
:math:`\sigma = 1 / 8`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.methods.common.dictionary import kmeanspp_init, simplex, soft_assignment
from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.spectral_response import SpectralResponse

__all__ = ["SSR", "SSROptions", "ssr"]

TAU, SIGMA = 0.5, 0.125  # 1/τ - σ ‖∇‖² = 1 is at least half the curvature of the data term


@dataclass(frozen=True, kw_only=True)
class SSROptions(FusionOptions):
    """Options of `SSR`; the symbols are those of the module's docstring."""

    atoms: int = setting(100, 1)
    gamma: float = setting(1e-2)
    rounds: int = setting(50, 1)


def ssr(
    problem: Problem, device: torch.device, *, seed: int, atoms: int, gamma: float, rounds: int
) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    U, response = problem.U, SpectralResponse(problem)
    with torch.inference_mode():
        scan, photo = (
            torch.as_tensor(each, dtype=torch.float32, device=device) for each in (response.scan, response.photo)
        )
        known = torch.as_tensor(response.known, device=device)
        lines = len(scan)
        start = kmeanspp_init(np.vstack([response.scan, response.image])[:, response.known], atoms, seed)
        D = torch.as_tensor(start, dtype=torch.float32, device=device)
        A = soft_assignment(photo, D[lines:])
        hidden = torch.zeros(lines, *U.fine.shape, dtype=torch.float32, device=device)
        P = torch.zeros(2, *hidden.shape, dtype=torch.float32, device=device)

        def residual(visible: Tensor) -> Tensor:
            """W (Y U - Y↓) Uᵀ."""
            maps = visible.view_as(hidden) + hidden
            seen = U(maps).reshape(lines, -1) - scan
            seen *= known * response.weight
            fine: Tensor = U.adjoint(seen.view(lines, *U.coarse.shape))
            return fine

        def gradient() -> Tensor:
            """Of the data terms, for X = D A."""
            X = D @ A
            return torch.cat([residual(X[:lines]).flatten(1), X[lines:] - photo])

        for _ in range(rounds):
            A = simplex(A - D.T @ gradient() / torch.linalg.matrix_norm(D, 2) ** 2)
            D = (D - gradient() @ A.T / torch.linalg.matrix_norm(A @ A.T, 2)).clamp_(0, 1)
            before = hidden
            hidden = (hidden - TAU * (residual(D[:lines] @ A) + _adjoint_differences(P))).clamp_(min=0)
            P += SIGMA * _differences(2 * hidden - before)
            P *= gamma / P.square().sum(dim=0).sqrt_().clamp_(min=gamma)
        made = D[:lines] @ A + hidden.flatten(1)
    return response.maps(made.cpu().numpy(), problem)


def _differences(maps: Tensor) -> Tensor:
    """∇: to the next pixel along y and x, (2, line, y, x), nothing beyond the last."""
    made = maps.new_zeros(2, *maps.shape)
    made[0, :, :-1] = maps[:, 1:] - maps[:, :-1]
    made[1, :, :, :-1] = maps[:, :, 1:] - maps[:, :, :-1]
    return made


def _adjoint_differences(P: Tensor) -> Tensor:
    """∇ᵀ."""
    made = torch.zeros_like(P[0])
    made[:, 1:] += P[0, :, :-1]
    made[:, :-1] -= P[0, :, :-1]
    made[:, :, 1:] += P[1, :, :, :-1]
    made[:, :, :-1] -= P[1, :, :, :-1]
    return made


class SSR(FusionMethod[SSROptions]):
    """SSR, our re-implementation."""

    name = "ssr"
    uses_device = True
    Options = SSROptions

    def estimate(self, problem: Problem, options: SSROptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return ssr(problem, run.device, seed=run.seed, atoms=options.atoms, gamma=options.gamma, rounds=options.rounds)

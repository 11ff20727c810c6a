r"""Common and unique dictionaries of maps and photo: SSRCU, our re-implementation.

S. Yan, H. Verinaz-Jadan, J.-J. Huang, N. Daly, C. Higgitt, P. L. Dragotti, "Super-resolution for macro X-ray
fluorescence data collected from Old Master paintings", ICASSP 2023. Its model is Eqs. 1 to 4 of the paper that this
package is about,

.. math:: X = \begin{bmatrix} Y \\ Z \end{bmatrix} = D A, \qquad
    D = \begin{bmatrix} D_c^{xrf} & D_u^{xrf} & 0 \\ D_c^{rgb} & 0 & D_u^{rgb} \end{bmatrix}, \qquad
    A = \begin{bmatrix} A_c \\ A_u^{xrf} \\ A_u^{rgb} \end{bmatrix},

and what is minimised is

.. math:: \tfrac{w}{2} \lVert Y U - Y_\downarrow \rVert^2 + \tfrac12 \lVert Z - [D A]_Z \rVert^2
    + \lambda \lVert A \rVert_1, \qquad 0 \le A \le 1, \quad 0 \le D \le 1,

by block-coordinate proximal gradient steps, first A, then D, each from a point extrapolated after Nesterov (Y. Xu,
W. Yin, "A block coordinate descent method for regularized multiconvex optimization", SIAM J. Imaging Sciences 6
(2013)):

.. math:: A \leftarrow \mathrm{clip}_{[0, 1]} \bigl(\hat A - \tfrac1L (D^T G + \lambda)\bigr), \qquad
    D \leftarrow \mathrm{clip}_{[0, 1]} \bigl(\hat D - \tfrac1L G A^T\bigr), \qquad
    G = \begin{bmatrix} w (Y U - Y_\downarrow) U^T \\ [D A]_Z - Z \end{bmatrix}.

Filled in, since the public text gives no sizes, weights or start: 128 common atoms, as many unique ones as there are
maps and bands; :math:`w = 1 / \lVert U \rVert^2`, so that both terms are curved alike; :math:`\lambda = 10^{-3}`;
maps scaled to a peak of one; common atoms start as pixels of the scan with the photo over them, drawn at random far
from each other, unique ones as single channels; :math:`A_c` by the likeness of colours, all else of A at zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.methods.common.dictionary import kmeanspp_init, soft_assignment
from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.spectral_response import SpectralResponse

__all__ = ["SSRCU", "SSRCUOptions", "ssrcu"]

STEADY = 0.9999  # of the longest extrapolation that is known to converge
NORMS = 10  # rounds between two looks at the size of A


@dataclass(frozen=True, kw_only=True)
class SSRCUOptions(FusionOptions):
    """Options of `SSRCU`; the symbols are those of the module's docstring."""

    atoms: int = setting(128, 1)
    sparsity: float = setting(1e-3)
    rounds: int = setting(100, 1)


def ssrcu(
    problem: Problem, device: torch.device, *, seed: int, atoms: int, sparsity: float, rounds: int
) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    U, response = problem.U, SpectralResponse(problem)
    with torch.inference_mode():
        scan, photo = (
            torch.as_tensor(each, dtype=torch.float32, device=device) for each in (response.scan, response.photo)
        )
        known = torch.as_tensor(response.known, device=device)
        lines, bands = len(scan), len(photo)
        common = kmeanspp_init(np.vstack([response.scan, response.image])[:, response.known], atoms, seed)
        atoms = common.shape[1]
        D = torch.zeros(lines + bands, atoms + lines + bands, dtype=torch.float32, device=device)
        D[:, :atoms] = torch.as_tensor(common, dtype=torch.float32, device=device)
        free = torch.zeros_like(D)
        free[:, :atoms] = free[:lines, atoms : atoms + lines] = free[lines:, atoms + lines :] = 1
        D[:, atoms:] = torch.eye(lines + bands, dtype=torch.float32, device=device)
        A = torch.zeros(D.shape[1], photo.shape[1], dtype=torch.float32, device=device)
        spread = U.right_inverse(U.correlation_length)
        A[:atoms] = soft_assignment(photo, D[lines:, :atoms])

        def residual(D: Tensor, A: Tensor) -> Tensor:
            """G."""
            G = D @ A
            seen = U(G[:lines].view(lines, *U.fine.shape)).reshape(lines, -1) - scan
            seen *= known
            G[:lines] = spread(seen.view(lines, *U.coarse.shape)).reshape(lines, -1)
            G[lines:] -= photo
            return G

        blocks = Extrapolated(A), Extrapolated(D)
        of_A = torch.ones((), dtype=torch.float32, device=device)
        for number in range(rounds):
            of_D = torch.linalg.matrix_norm(D, 2) ** 2
            ahead = blocks[0].ahead(of_D)
            A = blocks[0].moved((ahead - (D.T @ residual(D, ahead) + sparsity) / of_D).clamp_(0, 1))
            if number % NORMS == 0:
                of_A = torch.linalg.matrix_norm(A @ A.T, 2)
            ahead = blocks[1].ahead(of_A)
            D = blocks[1].moved(((ahead - residual(ahead, A) @ A.T / of_A) * free).clamp_(0, 1))
        made = D[:lines] @ A
    return response.maps(made.cpu().numpy(), problem)


class Extrapolated:
    """A block of variables, and how far ahead of it its next gradient is taken."""

    def __init__(self, value: Tensor) -> None:
        self.value = self.before = value
        self.t, self.L = 1.0, 0.0

    def ahead(self, L: Tensor) -> Tensor:
        """Return the point to step from, for a gradient with this Lipschitz constant."""
        following = (1 + sqrt(1 + 4 * self.t**2)) / 2
        most = STEADY * sqrt(self.L / float(L)) if self.L else 0.0
        share = min((self.t - 1) / following, most)
        self.t, self.L = following, float(L)
        return self.value + share * (self.value - self.before)

    def moved(self, value: Tensor) -> Tensor:
        """Take a step."""
        self.before, self.value = self.value, value
        return value


class SSRCU(FusionMethod[SSRCUOptions]):
    """SSRCU, our re-implementation."""

    name = "ssrcu"
    uses_device = True
    Options = SSRCUOptions

    def estimate(self, problem: Problem, options: SSRCUOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return ssrcu(
            problem, run.device, seed=run.seed, atoms=options.atoms, sparsity=options.sparsity, rounds=options.rounds
        )

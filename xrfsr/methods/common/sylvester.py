r"""The step that LTTR and CMS share: the maps that best agree with scan, photo and something that is near.

.. math:: \min_Y w \lVert Y U - Y_\downarrow \rVert^2 + \lVert R Y - Z \rVert^2 + \mu \lVert Y - V \rVert^2

is a Sylvester equation, :math:`(R^T R + \mu 1) Y + Y (w U U^T) = R^T Z + w Y_\downarrow U^T + \mu V`. Q. Wei et al.
("R-FUSE", IEEE SPL 2016) solve it by Fourier transform, for circular blurs. Here U is separable and its ends are the
painting's edges, so it is solved exactly in the eigenvectors of :math:`U_y^T U_y`, :math:`U_x^T U_x` and :math:`R^T
R`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.spectral_response import SpectralResponse

__all__ = ["Sylvester"]


class Sylvester:
    """Solves it for one problem and one μ.

    Parameters
    ----------
    problem : Problem
    pair : Pair
        Its maps scaled, and R.
    mu : float
    device : torch.device
    """

    def __init__(self, problem: Problem, pair: SpectralResponse, mu: float, device: torch.device) -> None:
        U, lines = problem.U, len(pair.scan)

        def tensor(values: object) -> Tensor:
            return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=device)

        R = pair.R[:, :-1]
        rows, columns = ((u.T @ u).toarray() for u in (U.y, U.x))
        parts = [np.linalg.eigh(each) for each in (R.T @ R, rows, columns)]
        self.vectors = [tensor(vectors) for _, vectors in parts]
        spectral, y, x = (np.maximum(values, 0) for values, _ in parts)
        self.divisor = tensor(spectral[:, None, None] + pair.weight * y[:, None] * x + mu)
        self.mu = mu
        scan = tensor(pair.scan.reshape(lines, *U.coarse.shape))
        photo = tensor((R.T @ (pair.photo - pair.R[:, -1:])).reshape(lines, *U.fine.shape))
        self.given = self._turned(photo + pair.weight * U.adjoint(scan))

    def __call__(self, near: Tensor) -> Tensor:
        """Y, (line, fine.y, fine.x), for V."""
        lines, y, x = self.vectors
        found = (self.given + self.mu * self._turned(near)) / self.divisor
        return torch.einsum("lk,kyx->lyx", lines, y @ found @ x.T)

    def _turned(self, maps: Tensor) -> Tensor:
        lines, y, x = self.vectors
        return torch.einsum("kl,kyx->lyx", lines, y.T @ maps @ x)

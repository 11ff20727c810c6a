r"""Coupled sparse tensor factorisation: CSTF.

S. Li, R. Dian, L. Fang, J. M. Bioucas-Dias, "Fusing hyperspectral and multispectral images via coupled sparse tensor
factorization", IEEE TIP 27 (2018). All maps are one tensor, a sparse core times a dictionary along every mode,

.. math:: Y = \mathcal C \times_1 W \times_2 H \times_3 S, \qquad
    Y_\downarrow = \mathcal C \times_1 U_y W \times_2 U_x H \times_3 S, \qquad
    Z = \mathcal C \times_1 W \times_2 H \times_3 R S,

which a separable :math:`U = U_y \otimes U_x` fits without approximation. Minimised is

.. math:: \lVert Y_\downarrow - \mathcal C \times_1 U_y W \times_2 U_x H \times_3 S \rVert^2
    + \lVert Z - \mathcal C \times_1 W \times_2 H \times_3 R S \rVert^2 + \lambda \lVert \mathcal C \rVert_1

by proximal alternating optimisation, with :math:`\beta \lVert \cdot - \cdot_{old} \rVert^2` added for each block.
For a dictionary this is a Sylvester equation, :math:`U_y^T U_y W (A A^T) + W (B B^T + \beta 1) = U_y^T Y_{\downarrow
(1)} A^T + Z_{(1)} B^T + \beta W_{old}`, and so for H and S. The core is found by ADMM: with C split in two copies,
one for each data term, each solved in the eigenvectors of its dictionaries' Gram matrices, and soft thresholding.

Filled in: the defaults of the reference, W of 240 and H of 240 atoms for 256 pixels (15/16 of the pixels along each
side), S of 9, :math:`\lambda = 10^{-5}`, :math:`\beta = 10^{-3}`, three outer loops. R by non-negative least squares
on the coarse pair, its constant taken off the photo. W and H start as leading left singular vectors of the photo's
unfoldings and S as those of the scan's (the reference learns them by DUC-KSVD and SISAL); 40 steps of ADMM. Pixels
that were not measured enter as the nearest measured ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.spectral_response import SpectralResponse

__all__ = ["CSTF", "CSTFOptions", "cstf"]

BETA = 1e-3
PENALTY = 1e-3  # of ADMM


@dataclass(frozen=True, kw_only=True)
class CSTFOptions(FusionOptions):
    """Options of `CSTF`; the symbols are those of the module's docstring."""

    share: float = setting(15 / 16, 0.01, 1)
    spectra: int = setting(9, 1)
    sparsity: float = setting(1e-5)
    loops: int = setting(3, 1)
    steps: int = setting(40, 1)


def cstf(
    problem: Problem, device: torch.device, share: float, spectra: int, sparsity: float, loops: int, steps: int
) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x); `share` is the number of atoms per pixel of a side."""
    U, response = problem.U, SpectralResponse(problem)
    lines = len(response.scan)

    def tensor(values: NDArray[Any]) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=device)

    with torch.inference_mode():
        # Modes in the order of the reference: y, x, line.
        scan = tensor(response.scan).view(lines, *U.coarse.shape).permute(1, 2, 0)
        photo = tensor(response.photo - response.R[:, -1:]).view(-1, *U.fine.shape).permute(1, 2, 0)
        R, along = tensor(response.R[:, :-1]), [tensor(u.toarray()) for u in (U.y, U.x)]
        W, H = (_leading(photo, mode, round(share * size)) for mode, size in enumerate(U.fine.shape))
        S = _leading(scan, 2, min(spectra, lines))
        core = scan.new_zeros(W.shape[1], H.shape[1], S.shape[1])
        for _ in range(loops):
            low, high = (along[0] @ W, along[1] @ H, S), (W, H, R @ S)
            core = _core(core, (scan, low), (photo, high), sparsity, steps)
            W = _dictionary(0, core, (scan, low), (photo, high), along[0], None, W)
            low, high = (along[0] @ W, along[1] @ H, S), (W, H, R @ S)
            H = _dictionary(1, core, (scan, low), (photo, high), along[1], None, H)
            low, high = (along[0] @ W, along[1] @ H, S), (W, H, R @ S)
            S = _dictionary(2, core, (scan, low), (photo, high), None, R, S)
        made = _times(core, (W, H, S)).permute(2, 0, 1).reshape(lines, -1)
    return response.maps(made.cpu().numpy(), problem)


Term = tuple[Tensor, tuple[Tensor, Tensor, Tensor]]


def _times(core: Tensor, dictionaries: Sequence[Tensor | None]) -> Tensor:
    """Return C ×₁ W ×₂ H ×₃ S; None leaves a mode unchanged."""
    for mode, matrix in enumerate(dictionaries):
        if matrix is not None:
            core = torch.tensordot(matrix, core.movedim(mode, 0), dims=1).movedim(0, mode)
    return core


def _unfolded(values: Tensor, mode: int) -> Tensor:
    return values.movedim(mode, 0).flatten(1)


def _leading(values: Tensor, mode: int, count: int) -> Tensor:
    """Left singular vectors of an unfolding, the strongest first."""
    unfolded = _unfolded(values, mode)
    vectors: Tensor = torch.linalg.eigh(unfolded @ unfolded.T).eigenvectors.flip(1)
    return vectors[:, :count].contiguous()


def _dictionary(
    mode: int, core: Tensor, scan: Term, photo: Term, down: Tensor | None, mix: Tensor | None, old: Tensor
) -> Tensor:
    """Solve for the dictionary of one mode, seen by the scan through `down`, by the photo through `mix`."""

    def others(term: Term) -> tuple[Tensor, Tensor]:
        data, dictionaries = term
        left = _unfolded(_times(core, [None if i == mode else d for i, d in enumerate(dictionaries)]), mode)
        return left, _unfolded(data, mode)

    (A, y), (B, z) = others(scan), others(photo)
    right = (y if down is None else down.T @ y) @ A.T + (z if mix is None else mix.T @ z) @ B.T + BETA * old
    # G X (A Aᵀ) + X (B Bᵀ) + β X, or with the roles of the two exchanged.
    through, plain = A @ A.T, B @ B.T
    if mix is not None:
        through, plain = plain, through
    matrix = down if mix is None else mix
    assert matrix is not None
    return _sylvester(
        matrix.T @ matrix, through, plain + BETA * torch.eye(len(plain), dtype=plain.dtype, device=plain.device), right
    )


def _sylvester(gram: Tensor, through: Tensor, plain: Tensor, right: Tensor) -> Tensor:
    """Solve gram X through + X plain = right, for symmetric matrices of which `plain` is positive definite."""
    gram, through, plain, right = (each.double() for each in (gram, through, plain, right))
    values, vectors = torch.linalg.eigh(gram)
    factor = torch.linalg.cholesky(plain)
    half = torch.linalg.solve_triangular(factor, through, upper=False)
    inner = torch.linalg.solve_triangular(factor, half.T, upper=False)
    shares, turned = torch.linalg.eigh((inner + inner.T) / 2)
    back = torch.linalg.solve_triangular(factor.T, turned, upper=True)  # through · back = plain · back · shares
    found = (vectors.T @ right @ back) / (1 + values.clamp(min=0)[:, None] * shares.clamp(min=0))
    solution: Tensor = vectors @ found @ back.T
    return solution.float()


def _core(core: Tensor, scan: Term, photo: Term, sparsity: float, steps: int) -> Tensor:
    """Update the core by ADMM, with a copy of the core for each data term."""
    old = core
    solvers = [_quadratic(term) for term in (scan, photo)]
    copies, duals = [core, core], [torch.zeros_like(core), torch.zeros_like(core)]
    weight = BETA + 2 * PENALTY
    for _ in range(steps):
        total = BETA * old
        for copy, dual in zip(copies, duals, strict=True):
            total = total + PENALTY * (copy + dual)
        core = torch.nn.functional.softshrink(total / weight, sparsity / (2 * weight))
        for i, solve in enumerate(solvers):
            copies[i] = solve(core - duals[i])
            duals[i] = duals[i] + copies[i] - core
    return core


def _quadratic(term: Term) -> Any:
    """Return the minimiser C of ‖data - C × …‖² + μ ‖C - near‖² as a function of `near`."""
    data, dictionaries = term
    values, vectors = zip(*(torch.linalg.eigh(d.T @ d) for d in dictionaries), strict=True)
    power = values[0][:, None, None] * values[1][:, None] * values[2]
    given = _times(data, [v.T @ d.T for v, d in zip(vectors, dictionaries, strict=True)])
    divisor = power.clamp_(min=0) + PENALTY

    def solve(near: Tensor) -> Tensor:
        turned = _times(near, [v.T for v in vectors])
        return _times((given + PENALTY * turned) / divisor, vectors)

    return solve


class CSTF(FusionMethod[CSTFOptions]):
    """CSTF, our re-implementation."""

    name = "cstf"
    uses_device = True
    Options = CSTFOptions

    def estimate(self, problem: Problem, options: CSTFOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return cstf(
            problem,
            run.device,
            share=options.share,
            spectra=options.spectra,
            sparsity=options.sparsity,
            loops=options.loops,
            steps=options.steps,
        )

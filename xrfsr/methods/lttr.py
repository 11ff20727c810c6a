r"""Low tensor-train rank of groups of patches: LTTR.

R. Dian, S. Li, L. Fang, "Learning a low tensor-train rank representation for hyperspectral image super-resolution",
IEEE TNNLS 30 (2019). Patches that look alike in the photo form groups; stacked, the patches of a group are a tensor
:math:`\mathcal V_k` (y, x, line, patch) of low tensor-train rank. Minimised is

.. math:: w \lVert Y U - Y_\downarrow \rVert^2 + \lVert R Y - Z \rVert^2
    + \eta \sum_k \sum_i \alpha_i \sum_j \log(\sigma_j(V_{k \langle i \rangle}) + \epsilon)

over the singular values of the canonical unfoldings :math:`V_{\langle i \rangle}` (the first i modes against the
rest), by ADMM with the splitting :math:`V_i = Y`:

.. math:: \sigma \leftarrow \max\bigl(0, \tfrac12 (c_1 + \sqrt{c_2})\bigr), \quad c_1 = \sigma - \epsilon, \quad
    c_2 = c_1^2 - 4 (\alpha_i \eta / \mu - \epsilon \sigma) \quad (0 \text{ if } c_2 < 0),

then the Sylvester step of `xrfsr.methods.common.sylvester` for Y, then the multipliers.

Filled in: the defaults of the reference, patches of 8 × 8 at a distance of 4, 160 clusters by k-means of the photo's
patches, :math:`\eta = 10^{-2}`, :math:`\mu = 10^{-3}`, 25 steps; :math:`\alpha_i` in proportion to the smaller side
of an unfolding; where patches overlap, their mean. R by non-negative least squares on the coarse pair, w as in
`xrfsr.methods.common.sylvester`; Y starts as the bicubic interpolation. Pixels that were not measured enter as the
nearest measured ones.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from xrfsr.utils.device import CPU

__all__ = ["LTTR", "LTTROptions", "lttr"]

EPSILON = 1e-3  # of the logarithm


@dataclass(frozen=True, kw_only=True)
class LTTROptions(FusionOptions):
    """Options of `LTTR`; the symbols are those of the module's docstring."""

    patch: int = setting(8, 2, 64)
    apart: int = setting(4, 1, 64)
    groups: int = setting(160, 1)
    eta: float = setting(1e-2)
    mu: float = setting(1e-3, 1e-9)
    steps: int = setting(25, 1)


def lttr(
    problem: Problem,
    device: torch.device,
    *,
    seed: int,
    patch: int,
    apart: int,
    groups: int,
    eta: float,
    mu: float,
    steps: int,
) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    U, response = problem.U, SpectralResponse(problem)
    with torch.inference_mode():
        patches = Patches(U.fine.shape, patch, min(apart, patch), device)
        photo = torch.as_tensor(problem.photo, device=device)
        members = clusters(patches.of(photo).flatten(1).cpu().numpy(), groups, seed)
        solve = Sylvester(problem, response, 3 * mu, device)
        peak = torch.as_tensor(response.peak, dtype=torch.float32, device=device)[:, None, None]
        Y = torch.as_tensor(bicubic(problem), device=device) / peak
        multipliers = [torch.zeros_like(Y) for _ in range(3)]
        for _ in range(steps):
            near = torch.zeros_like(Y)
            for i, multiplier in enumerate(multipliers):
                cut = patches.of(Y + multiplier)
                low = torch.empty_like(cut)
                for group in members:
                    low[group] = _shrunk(cut[group], i + 1, eta / mu)
                V = patches.joined(low)
                multiplier += Y - V
                near += V - multiplier
            Y = solve(near / 3)
    return response.maps(Y.flatten(1).cpu().numpy(), problem)


def _shrunk(group: Tensor, modes: int, threshold: float) -> Tensor:
    """Shrink the singular values of one unfolding of patches (patch, line, y, x)."""
    tensor = group.permute(2, 3, 1, 0)  # y, x, line, patch
    shape = tensor.shape
    matrix = tensor.reshape(int(np.prod(shape[:modes])), -1)
    sides = [min(int(np.prod(shape[:i])), int(np.prod(shape[i:]))) for i in (1, 2, 3)]
    share = sides[modes - 1] / sum(sides)
    wide = matrix.shape[0] > matrix.shape[1]
    work = matrix.T if wide else matrix
    # The smaller Gram matrix: its eigenvectors are the left singular vectors.
    power, vectors = torch.linalg.eigh(work @ work.T)
    sigma = power.clamp_(min=0).sqrt_()
    c1 = sigma - EPSILON
    c2 = c1.square() - 4 * (share * threshold - EPSILON * sigma)
    kept = torch.where(c2 > 0, ((c1 + c2.clamp(min=0).sqrt()) / 2).clamp(min=0), 0)
    ratio = torch.where(sigma > 1e-12, kept / sigma.clamp(min=1e-12), 0)
    made: Tensor = (vectors * ratio) @ (vectors.T @ work)
    return (made.T if wide else made).reshape(shape).permute(3, 2, 0, 1)


class Patches:
    """Square patches that cover a grid; the last ones are moved in, so that they end with it."""

    def __init__(self, shape: tuple[int, int], side: int, apart: int, device: torch.device) -> None:
        self.shape = shape
        sides = [min(side, size) for size in shape]
        starts = [
            torch.unique(torch.arange(0, size - side + apart, apart, device=CPU).clamp(max=size - side))
            for size, side in zip(shape, sides, strict=True)
        ]
        rows = (starts[0][:, None] + torch.arange(sides[0], device=CPU)).to(device)
        columns = (starts[1][:, None] + torch.arange(sides[1], device=CPU)).to(device)
        # (patch, y, x)
        self.places = (rows[:, None, :, None] * shape[1] + columns[None, :, None, :]).flatten(0, 1)
        # Indices of the patch pixels that cover each grid pixel, in the order of the patches, padded with the index of
        # an extra zero.
        places = self.places.flatten().cpu()
        count = torch.bincount(places, minlength=shape[0] * shape[1])
        order, first = places.argsort(stable=True), count.cumsum(0) - count
        lane = torch.arange(int(count.max()), device=CPU)[:, None]
        covering = torch.where(lane < count, order[(first + lane).clamp(max=len(order) - 1)], len(order))
        self.covering, self.count = covering.to(device), count.to(device, torch.float32)

    def of(self, maps: Tensor) -> Tensor:
        """Cut maps (channel, y, x) into patches (patch, channel, y, x)."""
        return maps.flatten(1)[:, self.places].movedim(0, 1)

    def joined(self, patches: Tensor) -> Tensor:
        """Return maps (channel, y, x), with means where patches overlap."""
        values = torch.nn.functional.pad(patches.movedim(1, 0).flatten(1), (0, 1))
        total = torch.zeros_like(values[:, self.covering[0]])
        for index in self.covering:  # in a fixed order, unlike `index_add_` on a GPU
            total += values[:, index]
        return (total / self.count).view(-1, *self.shape)


class LTTR(FusionMethod[LTTROptions]):
    """LTTR, our re-implementation."""

    name = "lttr"
    uses_device = True
    Options = LTTROptions

    def estimate(self, problem: Problem, options: LTTROptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return lttr(
            problem,
            run.device,
            seed=run.seed,
            patch=options.patch,
            apart=options.apart,
            groups=options.groups,
            eta=options.eta,
            mu=options.mu,
            steps=options.steps,
        )

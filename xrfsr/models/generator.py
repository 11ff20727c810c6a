r"""The deep-unfolding generator :math:`g(\cdot;\theta)` of the paper, Eqs. 3–9.

One unfolded iteration is one layer,

.. math:: A^{(k+1)} = \mathrm{Sigmoid}(A^{(k)} - W^{(k)} A^{(k)} + S^{(k)} X - \lambda^{(k)}),

started from :math:`A^{(0)} = 0`, so the first layer has no W. Every product acts on the channels of one pixel
(the paper's convolutions with unit-length filters), so pixels are rows here and a layer is a matrix product.

Several members of an ensemble train side by side: every parameter carries a leading dimension `members`, and
one batched product serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn
from torch.nn.functional import pad

from xrfsr.errors import InvalidInput
from xrfsr.models.config import TrainingConfig

__all__ = ["Architecture", "Generator"]

# Whatever the default of the process is: the projection that follows is in single precision too.
DTYPE = torch.float32
# Spread of a layer's pre-activations at the start: wide enough that a sigmoid separates its inputs,
# narrow enough that it does not saturate.
START_SPREAD = 2.0
# Squared weights that start at zero would stay there (their gradient vanishes too).
SMALLEST_ATOM = 1e-2


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape of the network, in the paper's symbols.

    Parameters
    ----------
    B : int
        Element maps.
    b : int
        Bands of the photo.
    K : int
        Unfolded iterations.
    M : int
        Atoms: columns of D, rows of A.
    members : int
        Networks trained side by side.
    zero_blocks : bool
        Whether D has the zero blocks of Eq. 4: half of the atoms common to maps and photo, a quarter for the
        maps alone, a quarter for the photo alone.
    final_sigmoid : bool
        Whether the output passes the sigmoid of Eq. 8. The paper leaves it out of pretraining.
    """

    B: int
    b: int = 3
    K: int = 5
    M: int = 64
    members: int = 1
    zero_blocks: bool = False
    final_sigmoid: bool = False

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {value}; a whole number of at least {least} is needed"
            for name, value, least in (
                ("B", self.B, 1),
                ("b", self.b, 1),
                ("K", self.K, 1),
                ("M", self.M, 4),
                ("members", self.members, 1),
            )
            if value < least
        ]
        if faults:
            raise InvalidInput("network", faults)

    @classmethod
    def of(cls, config: TrainingConfig, lines: int, bands: int) -> Self:
        """The network that `config` asks for."""
        return cls(
            B=lines,
            b=bands,
            K=config.K,
            M=config.M,
            members=len(config.inputs),
            zero_blocks=config.zero_blocks,
            final_sigmoid=config.final_sigmoid,
        )

    @property
    def channels(self) -> int:
        """Rows of X: maps and photo bands together."""
        return self.B + self.b

    @property
    def flops_per_pixel(self) -> int:
        """Floating-point operations of the matrix products for one pixel and member, forward."""
        # λ takes part in the products of Eq. 7 as the weights of one more channel.
        return 2 * self.M * (self.K * (self.channels + 1) + (self.K - 1) * self.M + self.channels)


class Generator(nn.Module):
    """Stacked unfolding networks: X, the upscaled maps and the photo, to X̂ (Eqs. 7 and 8).

    Parameters
    ----------
    architecture : Architecture
    generator : torch.Generator, optional
        Source of the random start.
    """

    support: Tensor

    def __init__(self, architecture: Architecture, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.architecture = a = architecture
        n, c = a.members, a.channels

        def normal(*shape: int, fan_in: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=DTYPE) / fan_in**0.5)

        self.W = normal(a.K - 1, n, a.M, a.M, fan_in=a.M)
        self.S = normal(a.K, n, c, a.M, fan_in=c)
        self.threshold = nn.Parameter(torch.zeros(a.K, n, 1, a.M, dtype=DTYPE))  # λ⁽ᵏ⁾, one per atom
        self.D_root = nn.Parameter(torch.rand(n, a.M, c, generator=generator, dtype=DTYPE) / a.M**0.5)
        self.threshold_out = nn.Parameter(torch.zeros(n, 1, c, dtype=DTYPE))  # λ⁽ᴷ⁾ of Eq. 8
        support = torch.ones(a.M, c, dtype=DTYPE)
        if a.zero_blocks:
            common, unique = a.M // 2, a.M // 4
            support[common : common + unique, a.B :] = 0.0
            support[common + unique :, : a.B] = 0.0
        self.register_buffer("support", support, persistent=False)

    @property
    def D(self) -> Tensor:
        """Dictionary of Eq. 4, transposed: (members, M, B + b), non-negative because it is a square."""
        return self.D_root**2 * self.support

    def codes(self, x: Tensor) -> Tensor:
        """:math:`A^{(K)}` of Eq. 7: (members, pixels, B + b) to (members, pixels, M)."""
        # A constant channel carries −λ, so each layer's drive S⁽ᵏ⁾X − λ⁽ᵏ⁾ is a single product.
        x = pad(x, (0, 1), value=1.0)
        weights = torch.cat([self.S, -self.threshold], dim=2)
        a = torch.bmm(x, weights[0]).sigmoid_()
        identity = torch.eye(self.architecture.M, dtype=x.dtype, device=x.device)
        for k in range(1, self.architecture.K):
            # In place: the backward pass of a product needs its factors, that of a sigmoid its result.
            a = torch.bmm(x, weights[k]).baddbmm_(a, identity - self.W[k - 1]).sigmoid_()
        return a

    def forward(self, x: Tensor) -> Tensor:
        """X̂ of Eq. 8.

        Parameters
        ----------
        x : Tensor, shape (members, pixels, B + b)
            Upscaled maps first, photo after them.

        Returns
        -------
        Tensor, shape (members, pixels, B + b)
            Slice the first B channels for Ŷ and the rest for Ẑ (Eq. 9).
        """
        out = torch.baddbmm(-self.threshold_out, self.codes(x), self.D)
        return torch.sigmoid(out) if self.architecture.final_sigmoid else out

    @torch.no_grad()
    def centre_on(self, x: Tensor) -> None:
        """Start from the data: no sigmoid saturated or idle, and a dictionary that already fits.

        Five nested sigmoids with small random weights pass no gradient. Each layer's S is therefore scaled so that
        its pre-activations spread by two over a sample of pixels, λ is their mean, and D is the non-negative
        least-squares fit of X by the last activations.

        Parameters
        ----------
        x : Tensor, shape (members, pixels, B + b)
            A sample of pixels, a few thousand.
        """
        m = self.architecture.M
        a = torch.zeros(*x.shape[:2], m, dtype=x.dtype, device=x.device)
        for k in range(self.architecture.K):
            drive = torch.bmm(x, self.S[k])
            # Identity stays in the recurrence: A − WA starts near A, as an iteration of ISTA does.
            before = a - torch.bmm(a, self.W[k - 1]) if k > 0 else torch.zeros_like(drive)
            # The gain g for which var(g drive + before) is the square of the spread.
            power = drive.var(dim=1, keepdim=True).clamp_min(1e-12)
            shared = ((drive - drive.mean(dim=1, keepdim=True)) * before).sum(dim=1, keepdim=True) / (x.shape[1] - 1)
            missing = (START_SPREAD**2 - before.var(dim=1, keepdim=True)).clamp_min(0.0)
            gain = ((shared**2 + power * missing).sqrt() - shared) / power
            self.S[k] *= gain
            before += gain * drive
            self.threshold[k] = before.mean(dim=1, keepdim=True)
            a = torch.sigmoid(before - self.threshold[k])
        support = self.support.cpu().numpy().astype(bool)
        for member in range(self.architecture.members):
            atoms = a[member].cpu().double().numpy()  # in this order: MPS has no double precision
            for channel in range(self.architecture.channels):
                chosen = support[:, channel]
                fit = np.full(m, SMALLEST_ATOM**2)
                fit[chosen] = np.maximum(
                    nnls(atoms[:, chosen], x[member, :, channel].cpu().double().numpy())[0], fit[0]
                )
                self.D_root[member, :, channel] = torch.as_tensor(np.sqrt(fit), dtype=x.dtype, device=x.device)

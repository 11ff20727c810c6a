r"""Deep-unfolding generator :math:`g(\cdot;\theta)` of the paper, Eqs. 3–9.

One unfolded iteration is one layer,

.. math:: A^{(k+1)} = \mathrm{Sigmoid}(A^{(k)} - W^{(k)} A^{(k)} + S^{(k)} X - \lambda^{(k)}),

starting from :math:`A^{(0)} = 0`, so the first layer has no W. Every product acts on the channels of one pixel (the
paper's convolutions with unit-length filters). Pixels are therefore rows here, and a layer is a matrix product.

The members of an ensemble are trained together: every parameter has a leading dimension `members`, and one batched
product serves them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn
from torch.nn.functional import pad

from xrfsr.errors import InvalidInput
from xrfsr.network.config import TrainingConfig
from xrfsr.network.fused import BufferPool, unfold
from xrfsr.utils.device import CPU

__all__ = ["Architecture", "Generator"]

# Independent of the default of the process: the projection that follows is in single precision too.
DTYPE = torch.float32
# Four bytes each. Networks of the default and of the paper have a thousandth of it.
MAX_WEIGHTS = 2**26
# Initial standard deviation of a layer's pre-activations: large enough for a sigmoid to separate its inputs, small
# enough for it not to saturate.
START_SPREAD = 2.0
# Squared weights that start at zero would stay there, because their gradient vanishes too.
SMALLEST_ATOM = 1e-2


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape of the network, in the paper's symbols.

    Parameters
    ----------
    B : int
        Number of element maps.
    b : int
        Number of bands of the photo, or of channels of a view of it.
    K : int
        Number of unfolded iterations.
    M : int
        Number of atoms: columns of D, rows of A.
    members : int
        Number of networks that are trained together.
    zero_blocks : bool
        Whether D has the zero blocks of Eq. 4: half of the atoms common to maps and photo, a quarter for the maps
        alone, a quarter for the photo alone.
    final_sigmoid : bool
        Whether the output passes through the sigmoid of Eq. 8 from the start.
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
            f"{name} must be an integer ≥ {least}, got {value}"
            for name, value, least in (
                ("B", self.B, 1),
                ("b", self.b, 1),
                ("K", self.K, 1),
                ("M", self.M, 4),
                ("members", self.members, 1),
            )
            if value < least
        ]
        if not faults and (count := sum(map(math.prod, self.shapes.values()))) > MAX_WEIGHTS:
            faults.append(
                f"the network must have at most {MAX_WEIGHTS:,} weights, got {count:,} for {self.members} members with "
                f"K={self.K}, M={self.M}, {self.B} lines and {self.b} channels of the photo; make K or M smaller"
            )
        if faults:
            raise InvalidInput("network", faults)

    @classmethod
    def from_config(cls, config: TrainingConfig, lines: int, bands: int, members: int | None = None) -> Self:
        """Return the network that `config` describes, for a photo of `bands` bands.

        It has all members of the ensemble, or `members` of them.
        """
        return cls(
            B=lines,
            b=config.photo_channels(bands),
            K=config.K,
            M=config.M,
            members=len(config.inputs) if members is None else members,
            zero_blocks=config.zero_blocks,
            final_sigmoid=config.final_sigmoid == "always",
        )

    @property
    def channels(self) -> int:
        """Number of rows of X: maps and photo bands together."""
        return self.B + self.b

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights of a `Generator`, by their names; all are float32."""
        n, c = self.members, self.channels
        return {
            "W": (self.K - 1, n, self.M, self.M),
            "S": (self.K, n, c, self.M),
            "threshold": (self.K, n, 1, self.M),
            "D_root": (n, self.M, c),
            "threshold_out": (n, 1, c),
        }

    @property
    def flops_per_pixel(self) -> int:
        """Number of floating-point operations of the forward products for one pixel and member."""
        # λ is one more row of S in the products of Eq. 7.
        return 2 * self.M * (self.K * (self.channels + 1) + (self.K - 1) * self.M + self.channels)


class Generator(nn.Module):
    """Unfolding networks of all members: X, the upscaled maps and the photo, to X̂ (Eqs. 7 and 8).

    Parameters
    ----------
    architecture : Architecture
        Shape of the network.
    generator : torch.Generator, optional
        Source of the random initial weights.

    Attributes
    ----------
    final_sigmoid : tuple of bool
        Whether the output of each member passes through the sigmoid of Eq. 8; training may switch it on.
    product_dtype : torch.dtype or None
        Number format of the products; that of the input if None.
    """

    support: Tensor

    def __init__(self, architecture: Architecture, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.final_sigmoid = (a.final_sigmoid,) * a.members
        self.product_dtype: torch.dtype | None = None
        self.buffer_pool = BufferPool()
        shapes = a.shapes

        def normal(shape: tuple[int, ...], fan_in: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=generator, dtype=DTYPE, device=CPU) / fan_in**0.5)

        def zeros(shape: tuple[int, ...]) -> nn.Parameter:
            return nn.Parameter(torch.zeros(shape, dtype=DTYPE, device=CPU))

        self.W = normal(shapes["W"], fan_in=a.M)
        self.S = normal(shapes["S"], fan_in=a.channels)
        self.threshold = zeros(shapes["threshold"])  # λ⁽ᵏ⁾, one per atom
        start = torch.rand(shapes["D_root"], generator=generator, dtype=DTYPE, device=CPU)
        self.D_root = nn.Parameter(start / a.M**0.5)
        self.threshold_out = zeros(shapes["threshold_out"])  # λ⁽ᴷ⁾ of Eq. 8
        support = torch.ones(a.M, a.channels, dtype=DTYPE, device=CPU)
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
        """Return :math:`A^{(K)}` of Eq. 7: (members, pixels, B + b) to (members, pixels, M)."""
        m = self.architecture.M
        identity = torch.eye(m, dtype=x.dtype, device=x.device).expand(len(x), m, m)
        return self._unfold(x, identity, torch.zeros((1, 1, m), dtype=x.dtype, device=x.device))

    def forward(self, x: Tensor) -> Tensor:
        """Return X̂ of Eq. 8.

        Parameters
        ----------
        x : Tensor, shape (members, pixels, B + b) or (members, pixels, B + b + 1)
            Input X: upscaled maps, then the photo, then a channel of ones, which is added if it is missing.

        Returns
        -------
        Tensor, shape (members, pixels, B + b)
            Output X̂; its first B channels are Ŷ, the others Ẑ (Eq. 9).
        """
        out = self._unfold(x, self.D, -self.threshold_out)
        if any(self.final_sigmoid):
            members = [one.sigmoid() if last else one for one, last in zip(out, self.final_sigmoid, strict=True)]
            out = torch.stack(members)
        return out

    def _unfold(self, x: Tensor, dictionary: Tensor, bias: Tensor) -> Tensor:
        if x.shape[-1] == self.architecture.channels:
            x = pad(x, (0, 1), value=1.0)
        drive = torch.cat([self.S, -self.threshold], dim=2)
        identity = torch.eye(self.architecture.M, dtype=x.dtype, device=x.device)
        return unfold(x, drive, identity - self.W, dictionary, bias, self.buffer_pool, self.product_dtype)

    @staticmethod
    def member_axis(name: str) -> int:
        """Return the axis of a parameter that runs over the members."""
        return 1 if name in ("W", "S", "threshold") else 0

    @classmethod
    def concatenate(cls, networks: Sequence[Generator]) -> Generator:
        """Return one network with the members of several."""
        first = networks[0]
        members = sum(network.architecture.members for network in networks)
        # A separate source of random numbers, because these weights are overwritten.
        made = cls(replace(first.architecture, members=members), torch.Generator(CPU)).to(first.W.device)
        made.final_sigmoid = tuple(last for network in networks for last in network.final_sigmoid)
        with torch.no_grad():
            for name, value in made.named_parameters():
                parts: list[Tensor] = [network.get_parameter(name) for network in networks]
                value.copy_(torch.cat(parts, dim=cls.member_axis(name)))
        return made

    @torch.no_grad()
    def limit(self, magnitude: float) -> None:
        """Clip the weights of W, S and D to a magnitude."""
        self.W.clamp_(-magnitude, magnitude)
        self.S.clamp_(-magnitude, magnitude)
        self.D_root.clamp_(-(magnitude**0.5), magnitude**0.5)

    @torch.no_grad()
    def initialize_from(self, x: Tensor, limit: float | None = None) -> None:
        """Initialise the weights from data: no sigmoid saturated or constant, and a dictionary that already fits.

        Five nested sigmoids with small random weights pass no gradient. Each layer's S is therefore scaled so that its
        pre-activations have a standard deviation of two over a sample of pixels, λ is their mean, and D is the
        non-negative least-squares fit of X by the last activations.

        Parameters
        ----------
        x : Tensor, shape (members, pixels, B + b) or (members, pixels, B + b + 1)
            Sample of a few thousand pixels.
        limit : float, optional
            Largest magnitude of W, S and D; it may reduce the standard deviation.
        """
        if limit is not None:
            self.limit(limit)
        x = x[..., : self.architecture.channels]
        m = self.architecture.M
        a = torch.zeros(*x.shape[:2], m, dtype=x.dtype, device=x.device)
        for k in range(self.architecture.K):
            drive = torch.bmm(x, self.S[k])
            # The identity remains in the recurrence: A − WA starts near A, as an iteration of ISTA does.
            before = a - torch.bmm(a, self.W[k - 1]) if k > 0 else torch.zeros_like(drive)
            # Gain g for which var(g drive + before) is the square of START_SPREAD.
            power = drive.var(dim=1, keepdim=True).clamp_min(1e-12)
            shared = ((drive - drive.mean(dim=1, keepdim=True)) * before).sum(dim=1, keepdim=True) / (x.shape[1] - 1)
            missing = (START_SPREAD**2 - before.var(dim=1, keepdim=True)).clamp_min(0.0)
            gain = ((shared**2 + power * missing).sqrt() - shared) / power
            self.S[k] *= gain
            if limit is not None:
                self.S[k].clamp_(-limit, limit)
            before += torch.bmm(x, self.S[k])
            self.threshold[k] = before.mean(dim=1, keepdim=True)
            a = torch.sigmoid(before - self.threshold[k])
        support = self.support.cpu().numpy().astype(bool)
        for member in range(self.architecture.members):
            # To the CPU first: MPS has no double precision.
            atoms, wanted = (each[member].cpu().double().numpy() for each in (a, x))
            # Rotated: as many equations as atoms have the same solution as one for every pixel.
            turn, atoms = np.linalg.qr(atoms)
            wanted = turn.T @ wanted
            for channel in range(self.architecture.channels):
                chosen = support[:, channel]
                fit = np.full(m, SMALLEST_ATOM**2)
                fit[chosen] = np.maximum(nnls(atoms[:, chosen], wanted[:, channel])[0], fit[0])
                self.D_root[member, :, channel] = torch.as_tensor(np.sqrt(fit), dtype=x.dtype, device=x.device)
        if limit is not None:
            self.limit(limit)

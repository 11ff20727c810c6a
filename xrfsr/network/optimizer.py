r"""Optimisers of the training: Adam, and SOAP on whitened inputs.

SOAP is Adam in the eigenbases of the factors of Shampoo (Vyas et al. 2024, "SOAP: improving and stabilizing Shampoo
using Adam"). This is its one-sided version: the rows of the gradient G of a weight matrix, which belong to the inputs
of a layer, are turned into the eigenbasis of the average of :math:`G G^T`. Turning the columns too takes twice as long
and gains nothing here. The matrices of this network have at most some hundred rows, so the bases cost little.

The channels of X are strongly correlated: views of one photo differ only in fine detail, maps of one painting share
their edges. In the coordinates of the channels, weights would have to grow large, in opposite directions, before that
detail counted. So steps of S are taken in coordinates in which X is white.

`torch.optim` has no SOAP, and its first use imports a compiler, which takes longer than a fifth of the training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Adam", "Soap", "whitening"]

EPSILON = 1e-8
SOAP_BETAS = 0.95, 0.95  # memory of the first and second moments
FACTOR_MEMORY = 0.95  # of the average of G Gᵀ
# Steps after which the bases are improved: often at the start, when they are unknown.
EARLY, INTERVAL = (1, 2, 3, 4, 6, 8), 10
# Share of the mean eigenvalue that is added to all of them when a basis is improved. Of directions in which hardly any
# gradient was seen, the iteration would otherwise make directions that rounding alone determines.
LEAST_EIGENVALUE = 1e-4
MAX_ROWS = 256  # the basis of more rows would take longer than the step
# Directions of X with less than this share of the mean variance are not amplified further: they are noise.
LEAST_VARIANCE = 1e-2


class Adam:
    """Adam (Kingma & Ba 2015) on some parameters.

    Parameters
    ----------
    parameters : sequence of Parameter
        What is optimised.
    rate : float
        Learning rate.
    betas : (float, float)
        Memory of the first and of the second moments.

    Attributes
    ----------
    rate, betas
        As above; they may be changed between steps.
    steps : int
        Number of steps taken.
    state : list of dict of Tensor
        Moments and other averages of each parameter, by their names; empty before the first step.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], rate: float, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        self.parameters = list(parameters)
        self.rate, self.betas, self.steps = rate, betas, 0
        self.state: list[dict[str, Tensor]] = [{} for _ in self.parameters]

    @classmethod
    def shapes(cls, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the state of a parameter, by their names."""
        return {"exp_avg": shape, "exp_avg_sq": shape}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter against its gradient."""
        self.steps += 1
        for number, parameter in enumerate(self.parameters):
            state = self.state[number]
            if not state:
                state |= {name: parameter.new_zeros(shape) for name, shape in self.shapes(parameter.shape).items()}
            assert parameter.grad is not None
            parameter.sub_(self._direction(number, parameter.grad, state), alpha=self.rate)

    def _direction(self, number: int, gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
        """Update the state and return the step, in units of the rate."""
        state["exp_avg"].lerp_(gradient, 1 - self.betas[0])
        return self._normalised(state, state["exp_avg"], gradient)

    def _normalised(self, state: dict[str, Tensor], mean: Tensor, gradient: Tensor) -> Tensor:
        """Update the second moment with a gradient, and return the mean over its root, both without bias."""
        first, second = self.betas
        squares = state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root = squares.sqrt().div_((1 - second**self.steps) ** 0.5).add_(EPSILON)
        return mean / root.mul_(1 - first**self.steps)


class Soap(Adam):
    """SOAP on stacks of weight matrices (..., rows, columns).

    Parameters
    ----------
    parameters, rate
        See `Adam`.
    white : mapping of int to Tensor, optional
        Symmetric matrices (..., rows, rows) from white to given coordinates of the rows, by the number of the
        parameter.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], rate: float, white: Mapping[int, Tensor] | None = None
    ) -> None:
        super().__init__(parameters, rate, SOAP_BETAS)
        self.white = white or {}

    @classmethod
    def shapes(cls, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the state of a parameter, by their names."""
        made = super().shapes(shape)
        rows = shape[-2]
        if 1 < rows <= MAX_ROWS:
            made |= {name: (*shape[:-2], rows, rows) for name in ("factor", "basis")}
        return made

    def _direction(self, number: int, gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
        white = self.white.get(number)
        if white is not None:
            gradient = white @ gradient
        mean = state["exp_avg"].lerp_(gradient, 1 - self.betas[0])
        if "basis" in state:
            self._update_basis(gradient, state)
            mean, gradient = (state["basis"].mT @ each for each in (mean, gradient))
        # Of Adam no step is longer but in rare cases. Here the mean may lie along a direction that is new, so that
        # nothing is known of its squares.
        made = self._normalised(state, mean, gradient).clamp_(-1, 1)
        if "basis" in state:
            made = state["basis"] @ made
        return made if white is None else white @ made

    def _update_basis(self, gradient: Tensor, state: dict[str, Tensor]) -> None:
        """Average the factor, and improve its eigenvectors by one orthogonal iteration where that is due."""
        factor, basis = state["factor"], state["basis"]
        factor.lerp_(gradient @ gradient.mT, 1 - FACTOR_MEMORY if self.steps > 1 else 1.0)
        if self.steps == 1:
            basis.copy_(torch.eye(basis.shape[-1], dtype=basis.dtype, device=basis.device).expand_as(basis))
        if self.steps not in EARLY and self.steps % INTERVAL:
            return
        # In the order of their eigenvalues, as the iteration needs them.
        mean = factor.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
        turned = torch.addcmul(factor @ basis, mean, basis, value=LEAST_EIGENVALUE)
        order = (basis * turned).sum(dim=-2).argsort(dim=-1, descending=True, stable=True)
        basis.copy_(torch.linalg.qr(turned.gather(-1, order[..., None, :].expand_as(turned)))[0])
        squares = state["exp_avg_sq"]
        squares.copy_(squares.gather(-2, order[..., :, None].expand_as(squares)))


def whitening(x: Tensor) -> Tensor:
    """Return the symmetric matrices P for which ``x @ P`` has uncorrelated channels of unit variance.

    Directions of little variance remain smaller, because they are noise.

    Parameters
    ----------
    x : Tensor, shape (members, pixels, channels)
        Sample of the input.

    Returns
    -------
    Tensor, shape (members, channels, channels)
    """
    sample = x.cpu().double()  # MPS has no double precision
    sample = sample - sample.mean(dim=1, keepdim=True)
    variance, axes = torch.linalg.eigh(sample.mT @ sample / sample.shape[1])
    mean = variance.mean(dim=1, keepdim=True)
    least = torch.where(mean > 0, LEAST_VARIANCE * mean, 1.0)
    scale = (variance.clamp_min(0) + least).rsqrt()
    made: Tensor = (axes * scale[:, None, :]) @ axes.mT
    return made.to(x)

"""Eqs. 7 and 8 as one differentiable operation that allocates no large memory from one step to the next.

Training takes a few thousand passes over batches of the same size. By itself, autograd requests a megabyte per layer
and pass, and on a CPU clearing those pages costs about as much as the sigmoids. Here every pass borrows one set of
buffers and returns it when its graph is freed. All products are those of Eqs. 7 and 8 and their gradients; between
them everything happens in place.

Products may run in bfloat16 (`dtype`), which has the exponent range of float32 and 8 significant bits: parameters,
their gradients, the loss and everything after the network stay in float32.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["BufferPool", "unfold"]

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


class _BufferSet(NamedTuple):
    """Buffers of one forward and backward pass.

    Attributes
    ----------
    x : Tensor, shape (members, pixels, channels + 1)
        Converted input; empty if no conversion is needed.
    codes : list of Tensor, shape (members, pixels, atoms)
        Codes A⁽¹⁾ ... A⁽ᴷ⁾.
    output, output_gradient : Tensor, shape (members, pixels, channels out)
        Converted output and its gradient; empty if no conversion is needed.
    gradient, next_gradient : Tensor, shape (members, pixels, atoms)
        Gradients with respect to the codes of two successive iterations.
    """

    x: Tensor
    codes: list[Tensor]
    output: Tensor
    output_gradient: Tensor
    gradient: Tensor
    next_gradient: Tensor


class BufferPool:
    """Free sets of buffers by shape; borrowed sets are not in the pool."""

    def __init__(self) -> None:
        self._free: dict[tuple[Any, ...], list[_BufferSet]] = {}

    def borrow(self, x: Tensor, iterations: int, atoms: int, channels: int, dtype: torch.dtype) -> _Loan:
        """Return a set of buffers for the lifetime of the loan."""
        free = self._free.setdefault((*x.shape, iterations, atoms, channels, dtype, x.dtype, x.device), [])
        try:
            return _Loan(free.pop(), free)
        except IndexError:
            pass
        members, pixels, inputs = x.shape
        converted = pixels if dtype != x.dtype else 0

        def empty(width: int, pixels: int = pixels) -> Tensor:
            # An ordinary tensor even if the first pass runs in inference mode.
            with torch.inference_mode(False):
                return torch.empty((members, pixels, width), dtype=dtype, device=x.device)

        made = _BufferSet(
            empty(inputs, converted),
            [empty(atoms) for _ in range(iterations)],
            empty(channels, converted),
            empty(channels, converted),
            empty(atoms),
            empty(atoms),
        )
        return _Loan(made, free)

    def __deepcopy__(self, memo: Any) -> BufferPool:
        return BufferPool()

    def __reduce__(self) -> tuple[type[BufferPool], tuple[()]]:
        return (BufferPool, ())


class _Loan:
    """Loan of a set of buffers, which returns to its pool once nothing refers to the loan."""

    def __init__(self, held: _BufferSet, owner: list[_BufferSet]) -> None:
        self.held = held
        self._owner = owner

    def __del__(self) -> None:
        self._owner.append(self.held)


def unfold(
    x: Tensor,
    drive: Tensor,
    recurrence: Tensor,
    dictionary: Tensor,
    bias: Tensor,
    buffers: BufferPool,
    dtype: torch.dtype | None = None,
) -> Tensor:
    r"""Return D A⁽ᴷ⁾ plus a bias.

    The codes are :math:`A^{(k+1)} = \mathrm{Sigmoid}(V^{(k)} A^{(k)} + S^{(k)} X - \lambda^{(k)})` with A⁽⁰⁾ = 0.

    Parameters
    ----------
    x : Tensor, shape (members, pixels, channels + 1)
        Input X. The last channel is ones, so that λ is one more row of S.
    drive : Tensor, shape (K, members, channels + 1, atoms)
        Weights S, with -λ as the last row.
    recurrence : Tensor, shape (K - 1, members, atoms, atoms)
        Weights V = 1 - W.
    dictionary : Tensor, shape (members, atoms, channels out)
        Dictionary D.
    bias : Tensor, shape (members, 1, channels out)
        Bias of the output.
    buffers : BufferPool
        Pool from which the pass borrows its memory.
    dtype : torch.dtype, optional
        Number format of the products; that of `x` if not given.

    Returns
    -------
    Tensor, shape (members, pixels, channels out)
        Output in the dtype of `x`.
    """
    apply: Any = _Unfold.apply
    made: Tensor = apply(x, drive, recurrence, dictionary, bias, buffers, dtype or x.dtype)
    return made


class _Unfold(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        drive: Tensor,
        recurrence: Tensor,
        dictionary: Tensor,
        bias: Tensor,
        buffers: BufferPool,
        dtype: torch.dtype,
    ) -> Tensor:
        iterations, _, _, atoms = drive.shape
        S, V, D = drive.to(dtype), recurrence.to(dtype), dictionary.to(dtype)
        loan = buffers.borrow(x, iterations, atoms, D.shape[-1], dtype)
        held = loan.held
        X = x if dtype == x.dtype else held.x.copy_(x)
        for k, code in enumerate(held.codes):
            torch.bmm(X, S[k], out=code)
            if k > 0:
                code.baddbmm_(held.codes[k - 1], V[k - 1])
            code.sigmoid_()
        if dtype == x.dtype:
            output = torch.baddbmm(bias, held.codes[-1], D)
        else:
            output = torch.bmm(held.codes[-1], D, out=held.output) + bias
        if any(ctx.needs_input_grad):
            ctx.loan = loan
            ctx.save_for_backward(x, S, V, D)
            ctx.dtype = drive.dtype
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, output_gradient: Tensor) -> Any:
        x, S, V, D = ctx.saved_tensors
        held: _BufferSet = ctx.loan.held
        X, G = x, output_gradient
        if D.dtype != x.dtype:
            X, G = held.x, held.output_gradient.copy_(output_gradient)
        drive_gradient, recurrence_gradient = (
            torch.empty(part.shape, dtype=ctx.dtype, device=x.device) for part in (S, V)
        )
        bias_gradient = output_gradient.sum(dim=1, keepdim=True)
        dictionary_gradient = torch.bmm(held.codes[-1].mT, G).to(ctx.dtype)
        input_gradient = torch.zeros_like(X) if ctx.needs_input_grad[0] else None
        gradient, following = held.gradient, held.next_gradient
        torch.bmm(G, D.mT, out=gradient)

        def product(one: Tensor, into: Tensor) -> None:
            if into.dtype == one.dtype:
                torch.bmm(one.mT, gradient, out=into)
            else:
                into.copy_(torch.bmm(one.mT, gradient))

        for k in reversed(range(len(held.codes))):
            sigmoid_backward(gradient, held.codes[k], grad_input=gradient)
            product(X, drive_gradient[k])
            if input_gradient is not None:
                input_gradient.baddbmm_(gradient, S[k].mT)
            if k > 0:
                product(held.codes[k - 1], recurrence_gradient[k - 1])
                torch.bmm(gradient, V[k - 1].mT, out=following)
                gradient, following = following, gradient
        if input_gradient is not None:
            input_gradient = input_gradient.to(x.dtype)
        return input_gradient, drive_gradient, recurrence_gradient, dictionary_gradient, bias_gradient, None, None

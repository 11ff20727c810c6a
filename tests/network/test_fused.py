"""The unfolded iterations as one operation: products in other formats, and memory that is used again."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import pytest
import torch

from xrfsr.network.fused import BufferPool
from xrfsr.network.generator import Architecture, Generator


def network_of(members: int = 2, **shape: Any) -> tuple[Generator, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    architecture = Architecture(**{"B": 4, "K": 3, "M": 16, "members": members, **shape})
    network = Generator(architecture, random)
    x = torch.rand((members, 500, architecture.channels), generator=random)
    network.initialize_from(x)
    return network, x


def held(buffers: BufferPool) -> int:
    return sum(len(free) for free in buffers._free.values())


def test_ones_are_added_where_they_are_missing() -> None:
    network, x = network_of()
    with_ones = torch.cat([x, torch.ones(2, 500, 1)], dim=2)
    torch.testing.assert_close(network(x), network(with_ones), rtol=0, atol=0)


def test_one_set_of_buffers_serves_all_steps() -> None:
    network, x = network_of()
    for _ in range(5):
        network(x).sum().backward()
        assert held(network.buffer_pool) == 1
    with torch.no_grad():
        network(x)
    with torch.inference_mode():
        network(x)
    network(x).sum().backward()
    assert held(network.buffer_pool) == 1


def test_two_passes_at_once_do_not_share_a_set() -> None:
    network, x = network_of()
    one, other = network(x), network(x + 0.1)
    expected = torch.autograd.grad(network(x).sum(), list(network.parameters()))
    one.sum().backward()
    for value, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(value.grad, gradient, rtol=0, atol=0)
    del one, other
    gc.collect()
    assert held(network.buffer_pool) >= 2


def test_what_comes_out_is_not_overwritten_by_the_next_pass() -> None:
    network, x = network_of()
    for dtype in (None, torch.bfloat16):
        network.product_dtype = dtype
        first = network(x)
        kept = first.detach().clone()
        del first
        second = network(x)
        network(x * 0)
        assert torch.equal(second.detach(), kept)


def test_going_back_twice() -> None:
    network, x = network_of()
    loss = network(x).square().sum()
    once = torch.autograd.grad(loss, network.S, retain_graph=True)[0]
    again = torch.autograd.grad(loss, network.S)[0]
    assert torch.equal(once, again)


def test_second_derivatives_are_refused_rather_than_wrong() -> None:
    network, x = network_of()
    gradient = torch.autograd.grad(network(x).square().sum(), network.S, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_products_in_bfloat16_are_those_in_float32_but_for_their_digits() -> None:
    network, x = network_of()
    target = torch.rand((2, 500, 7), generator=torch.Generator().manual_seed(1))
    made = {}
    for dtype in (None, torch.bfloat16):
        network.product_dtype = dtype
        network.zero_grad()
        output = network(x)
        assert output.dtype == torch.float32
        (output - target).square().mean().backward()
        gradients = {name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None}
        assert all(gradient.dtype == torch.float32 for gradient in gradients.values())
        made[dtype] = output.detach(), gradients
    exact, rounded = made[None], made[torch.bfloat16]
    # Eight significant bits, a few roundings in a row.
    assert 0 < (exact[0] - rounded[0]).abs().max() < 0.05
    for name, gradient in exact[1].items():
        assert (gradient - rounded[1][name]).norm() < 0.05 * gradient.norm()


def test_copies_have_buffers_of_their_own() -> None:
    network, x = network_of()
    network(x).sum().backward()
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert held(other.buffer_pool) == 0
        torch.testing.assert_close(other(x), network(x), rtol=0, atol=0)

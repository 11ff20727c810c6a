"""Optimisers: Adam as published, SOAP as Adam in other coordinates, and white inputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xrfsr.network.optimizer import EARLY, MAX_ROWS, Adam, Soap, whitening

Loss = Callable[[torch.Tensor], torch.Tensor]


def random_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def steps(optimizer: Adam, loss: Loss, count: int) -> torch.Tensor:
    (parameter,) = optimizer.parameters
    for _ in range(count):
        optimizer.zero_grad()
        loss(parameter).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return parameter.detach()


def quadratic(seed: int, rows: int, columns: int, dtype: torch.dtype = torch.float32) -> Loss:
    """A bowl that is far from round in its rows and columns, with its lowest point at one."""
    one, other = (
        torch.linalg.qr(torch.randn(n, n, generator=random_of(seed), dtype=dtype))[0] for n in (rows, columns)
    )
    one, other = (q * torch.logspace(0, -1.5, len(q), dtype=dtype) @ q.mT for q in (one, other))
    return lambda value: (one @ (value - 1) @ other).square().sum()


def test_adam_takes_the_steps_of_torch() -> None:
    ours, theirs = (torch.nn.Parameter(torch.randn(2, 5, 7, generator=random_of(0))) for _ in range(2))
    optimizer, reference = Adam([ours], 0.01, (0.9, 0.99)), torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99))
    for _ in range(20):
        for parameter, one in ((ours, optimizer), (theirs, reference)):
            one.zero_grad()
            (parameter**4).sum().backward()
            one.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_members_are_optimised_on_their_own(rows: int, columns: int, seed: int) -> None:
    # In double precision, because every step enlarges what one processor rounds differently from another.
    start = torch.randn(3, rows, columns, generator=random_of(seed), dtype=torch.float64)
    losses = [quadratic(seed + i, rows, columns, torch.float64) for i in range(3)]
    together = steps(
        Soap([torch.nn.Parameter(start.clone())], 0.05),
        lambda value: sum(loss(one) for loss, one in zip(losses, value, strict=True)),
        12,
    )
    for one, loss, first in zip(together, losses, start, strict=True):
        alone = steps(Soap([torch.nn.Parameter(first[None].clone())], 0.05), lambda value, f=loss: f(value[0]), 12)
        torch.testing.assert_close(alone[0], one, rtol=1e-4, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_rounding_does_not_choose_the_way(rows: int, columns: int, seed: int) -> None:
    start = torch.randn(rows, columns, generator=random_of(seed), dtype=torch.float64)
    loss = quadratic(seed, rows, columns, torch.float64)
    one, other = (steps(Soap([torch.nn.Parameter(start * by)], 0.05), loss, 12) for by in (1, 1 + 1e-13))
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_the_basis_is_orthogonal_and_no_step_is_longer_than_the_rate_allows() -> None:
    loss = quadratic(1, 8, 5)
    parameter = torch.nn.Parameter(torch.randn(8, 5, generator=random_of(1)))
    optimizer = Soap([parameter], 0.1)
    for step in range(1, 31):
        before = parameter.detach().clone()
        # Changes of direction and size for which no average is prepared.
        size, sign = 10.0 ** (step % 7 - 3), (-1) ** step
        steps(optimizer, lambda value, size=size, sign=sign: size * loss(sign * value), 1)
        assert (parameter.detach() - before).norm() <= 0.1 * 40**0.5 * 1.001
        basis = optimizer.state[0]["basis"]
        torch.testing.assert_close(basis @ basis.mT, torch.eye(8), rtol=0, atol=1e-5)
    assert optimizer.steps > max(EARLY)


@pytest.mark.parametrize("gradient", [0.0, 1e-30, 1e15])
def test_soap_stays_finite(gradient: float) -> None:
    moved = steps(Soap([torch.nn.Parameter(torch.zeros(4, 6))], 0.1), lambda value: gradient * value.sum(), 15)
    assert torch.isfinite(moved).all()


def test_many_rows_have_no_basis() -> None:
    assert set(Soap.shapes((MAX_ROWS + 1, 1))) == set(Soap.shapes((1, 5))) == set(Adam.shapes((1, 1)))
    assert Soap.shapes((3, MAX_ROWS, 5))["basis"] == (3, MAX_ROWS, MAX_ROWS)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 99))
def test_white_channels_are_uncorrelated(channels: int, seed: int) -> None:
    mix = torch.eye(channels) + 0.3 * torch.randn(channels, channels, generator=random_of(seed))
    x = torch.randn(2, 3000, channels, generator=random_of(seed + 1)) @ mix + 5
    made = whitening(x)
    torch.testing.assert_close(made, made.mT)
    for one, p in zip(x, made, strict=True):
        before, after = (torch.cov(each.mT).reshape(channels, channels) for each in (one, one @ p))
        variance = torch.linalg.eigvalsh(before)
        expected = variance / (variance + 0.01 * variance.mean())
        torch.testing.assert_close(torch.linalg.eigvalsh(after), expected, rtol=1e-2, atol=1e-3)


def test_constant_channels_are_left() -> None:
    torch.testing.assert_close(whitening(torch.ones(1, 10, 3)), torch.eye(3)[None])

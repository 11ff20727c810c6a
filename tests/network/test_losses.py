"""Eqs. 11 to 13 against loops over cells, pixels and patches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xrfsr.network.cells import Batch
from xrfsr.network.losses import (
    adversarial_loss,
    discriminator_loss,
    misclassified,
    pretraining_gradient,
    pretraining_loss,
)


def test_eq11_against_loops() -> None:
    rng = np.random.default_rng(0)
    members, cells, width, lines, bands, alpha_1 = 3, 4, 5, 2, 3, 0.07
    output = rng.random((members, cells * width, lines + bands))
    x = rng.random(output.shape)
    weight = rng.dirichlet(np.ones(width), cells)
    target, measured = rng.random((cells, lines)), np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    for member, found in enumerate(
        pretraining_loss(
            torch.tensor(output),
            Batch(*map(torch.tensor, (x, weight, target, measured.astype(float)))),
            alpha_1,
        ).tolist()
    ):
        scan_errors, photo_errors = [], []
        for c in range(cells):
            for line in range(lines):
                average = sum(weight[c, p] * output[member, c * width + p, line] for p in range(width))
                if measured[c, line]:
                    scan_errors.append((average - target[c, line]) ** 2)
            for p in range(width):
                for band in range(lines, lines + bands):
                    photo_errors.append((output[member, c * width + p, band] - x[member, c * width + p, band]) ** 2)
        assert found == pytest.approx(np.mean(scan_errors) + alpha_1 * np.mean(photo_errors), rel=1e-12)


def test_eq11_of_a_batch_without_a_measured_value() -> None:
    batch = Batch(torch.rand(1, 6, 5), torch.full((2, 3), 1 / 3), torch.rand(2, 2), torch.zeros(2, 2))
    assert pretraining_loss(batch.x, batch, 1.0).tolist() == [0.0]


@given(seed=st.integers(0, 99), members=st.integers(1, 3), alpha_1=st.floats(0, 2))
def test_eq11_gradient_in_closed_form_is_that_of_the_loss(seed: int, members: int, alpha_1: float) -> None:
    random = torch.Generator().manual_seed(seed)
    cells, width, lines, bands = 4, 5, 2, 3

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=random, dtype=torch.float64)

    output = rand(members, cells * width, lines + bands).requires_grad_()
    x = torch.cat([rand(members, cells * width, lines + bands), torch.ones(members, cells * width, 1)], dim=2)
    weight = torch.softmax(rand(cells, width), dim=1)
    batch = Batch(x, weight, rand(cells, lines), (rand(cells, lines) > 0.3).double())
    weights = rand(members)
    (weights * pretraining_loss(output, batch, alpha_1)).sum().backward()
    found = torch.full_like(output, torch.nan)
    pretraining_gradient(output.detach(), batch, alpha_1, weights, found)
    torch.testing.assert_close(found, output.grad)


def expectation(scores: list[float], tau: float) -> float:
    """Return the mean of (d - τ)² over the misclassified patches, one by one, or zero without any."""
    wrong = [score for score in scores if (score < tau if tau > 0 else score > tau)]
    return sum((score - tau) ** 2 for score in wrong) / len(wrong) if wrong else 0.0


scores = st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=6)


def column(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


@given(scores, st.sampled_from([1.0, -1.0]))
def test_misclassified_patches_alone_count(values: list[float], tau: float) -> None:
    assert float(misclassified(column(values), tau)) == pytest.approx(expectation(values, tau), abs=1e-9)


def test_eq12_the_generator_wants_its_patches_to_look_real() -> None:
    # 1.5 is classified as real; the others give (0 - 1)² = 1 and (-2 - 1)² = 9.
    assert float(adversarial_loss(column([1.5, 0.0, -2.0]))) == pytest.approx(5.0)
    assert float(adversarial_loss(column([1.0, 2.0]))) == 0.0


@given(scores)
def test_eq12_against_loops(values: list[float]) -> None:
    assert float(adversarial_loss(column(values))) == pytest.approx(expectation(values, 1.0), abs=1e-9)


def test_eq13_the_discriminator_distinguishes_them() -> None:
    # Reconstructed: -1.5 is correct, the other gives (1 + 1)² = 4. Real: 2 is correct, the others give (0 - 1)² = 1 and
    # (-1 - 1)² = 4.
    assert float(discriminator_loss(column([-1.5, 1.0]), column([2.0, 0.0, -1.0]))) == pytest.approx(4.0 + 2.5)


@given(scores, scores)
def test_eq13_against_loops(reconstructed: list[float], real: list[float]) -> None:
    expected = expectation(reconstructed, -1.0) + expectation(real, 1.0)
    assert float(discriminator_loss(column(reconstructed), column(real))) == pytest.approx(expected, abs=1e-9)


def test_eq12_and_13_with_nothing_misclassified_pull_nowhere() -> None:
    sure = column([2.0, 1.5]).requires_grad_()
    (adversarial_loss(sure) + discriminator_loss(-sure, sure)).sum().backward()
    assert sure.grad is not None
    assert (sure.grad == 0).all()
    assert torch.isfinite(sure.grad).all()


def test_eq12_and_13_of_every_member_on_its_own() -> None:
    random = torch.Generator().manual_seed(0)
    fake, real = (torch.randn((7, 3), generator=random, dtype=torch.float64) for _ in range(2))
    for loss, arguments in ((adversarial_loss, (fake,)), (discriminator_loss, (fake, real))):
        together = loss(*arguments)
        alone = [float(loss(*(scores[:, i : i + 1] for scores in arguments))) for i in range(3)]
        np.testing.assert_allclose(together, alone)


def test_eq12_gradient_reaches_misclassified_patches_only() -> None:
    score = column([1.5, 0.0, -2.0]).requires_grad_()
    adversarial_loss(score).sum().backward()
    assert score.grad is not None
    # d/ds of (s - 1)² / 2 over two patches.
    torch.testing.assert_close(score.grad.ravel(), torch.tensor([0.0, -1.0, -3.0], dtype=torch.float64))


def test_the_batch_is_what_the_loss_is_about() -> None:
    x: Any = torch.rand(1, 6, 6)
    batch = Batch(x, torch.full((2, 3), 1 / 3), torch.rand(2, 2), torch.ones(2, 2))
    perfect = x[..., :-1].clone()
    perfect[..., :2] = batch.target[:, None].expand(2, 3, 2).reshape(1, 6, 2)
    assert float(pretraining_loss(perfect, batch, 1.0)) == pytest.approx(0.0, abs=1e-12)

"""Eqs. 6 to 14 of the paper, one test each, against values computed by hand.

The other tests of network, losses and patches test the same equations with random numbers and all shapes.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from xrfsr.core.grid import Grid
from xrfsr.network import TrainingConfig
from xrfsr.network.cells import Batch, CellDataset
from xrfsr.network.generator import Architecture, Generator
from xrfsr.network.losses import adversarial_loss, discriminator_loss, pretraining_loss
from xrfsr.network.patches import PatchSampler
from xrfsr.operators import Downsampling

LOG3 = math.log(3)  # the sigmoid of which is 3/4, and of its negative 1/4
X = torch.tensor([[[1.0, 2.0]]], dtype=torch.float64)  # one map, one band, one pixel: Y = 1, Z = 2


@pytest.fixture
def network() -> Generator:
    """One map, one band, two iterations, four atoms."""
    made = Generator(Architecture(B=1, b=1, K=2, M=4), torch.Generator()).double()
    with torch.no_grad():
        # Stored transposed: rows are what comes in, columns are atoms.
        made.S[0, 0] = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
        made.threshold[0, 0, 0] = torch.tensor([1.0, 2.0, 3.0, -LOG3])
        W = torch.diag(torch.tensor([1.0, 1.0, 0.0, 1.0], dtype=torch.float64))
        W[0, 3] = 2.0  # the fourth atom holds the first one down
        made.W[0, 0] = W.T
        made.S[1, 0] = torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
        made.threshold[1, 0, 0] = torch.tensor([1.5, 1.0, 0.5, LOG3])
        made.D_root[0] = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
        made.threshold_out[0, 0] = 0.5
    return made


# A⁽¹⁾: S X - λ is (1 - 1, 2 - 2, 3 - 3, 0 + log 3), so that A⁽¹⁾ = (1/2, 1/2, 1/2, 3/4).
# A⁽²⁾: A - W A is (-2 · 3/4, 0, 1/2, 0) and S X is (1 + 2, 1, 0, 0), so that with λ the sums are
#       (-3/2 + 3 - 3/2, 1 - 1, 1/2 - 1/2, -log 3), and A⁽²⁾ = (1/2, 1/2, 1/2, 1/4).


def test_eq_6(network: Generator) -> None:
    """LISTA and the network differ in the last function alone: undone, the ReLU of what is left is Eq. 6."""
    with torch.no_grad():
        network.threshold[1, 0, 0] -= 2.0
    sums = torch.logit(network.codes(X))[0, 0]
    relu = torch.relu(sums).tolist()
    assert relu == pytest.approx([2.0, 2.0, 2.0, 2.0 - LOG3])
    with torch.no_grad():
        network.threshold[1, 0, 0] += 2.0
    assert torch.relu(torch.logit(network.codes(X))[0, 0]).tolist() == pytest.approx([0.0] * 4, abs=1e-12)


def test_eq_7(network: Generator) -> None:
    assert network.codes(X)[0, 0].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.25])


def test_eq_8(network: Generator) -> None:
    # D is ((1, 0, 4, 0), (0, 1, 0, 4)), the squares of its roots: D A - λ is (1/2 + 2 - 1/2, 1/2 + 1 - 1/2).
    assert network(X)[0, 0].tolist() == pytest.approx([2.0, 1.0])
    network.final_sigmoid = (True,)
    assert network(X)[0, 0].tolist() == pytest.approx([1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-1))])


def test_eq_9(network: Generator) -> None:
    output, B = network(X), network.architecture.B
    assert output[..., :B].item() == pytest.approx(2.0), "Ŷ"
    assert output[..., B:].item() == pytest.approx(1.0), "Ẑ"


def test_eq_10() -> None:
    coarse = Grid.from_shape((1, 2), 2.0)
    estimate, scan = np.array([[1.0, 3.0, 5.0, 7.0]] * 2), np.array([[4.0, 6.0]])
    # Means of 2 × 2 pixels: Ŷ U = (2, 6) misses (4, 6) by (2, 0), which goes to the four pixels of the first.
    area = Downsampling.between(coarse.refine(2), coarse)
    np.testing.assert_allclose(area.project(estimate, scan), [[3.0, 5.0, 5.0, 7.0]] * 2)
    # One pixel of each: Uᵀ U = 1, and the formula is that of the paper.
    point = Downsampling.between(coarse.refine(2), coarse, "decimate")
    printed = estimate - point.adjoint(point(estimate) - scan)
    np.testing.assert_allclose(printed, [[4.0, 3.0, 6.0, 7.0], [1.0, 3.0, 5.0, 7.0]])
    np.testing.assert_allclose(point.project(estimate, scan), printed)


def test_eq_11() -> None:
    # One cell of two pixels with weights 1/4 and 3/4; Ŷ = (1, 2), so Ŷ↓ = 7/4 against 1: (3/4)² = 9/16.
    # Ẑ = (1/2, 1/2) against Z = (0, 1): 1/4 each. With α₁ = 2 the loss is 9/16 + 2/4.
    output = torch.tensor([[[1.0, 0.5], [2.0, 0.5]]])
    x = torch.tensor([[[9.0, 0.0], [9.0, 1.0]]])
    batch = Batch(x, torch.tensor([[0.25, 0.75]]), torch.tensor([[1.0]]), torch.tensor([[1.0]]))
    assert pretraining_loss(output, batch, 2.0).item() == pytest.approx(9 / 16 + 2 / 4)


def test_eq_12() -> None:
    # d = 3/2 is classified as real; (0 - 1)² = 1 and (-2 - 1)² = 9 are left, with a mean of 5.
    assert adversarial_loss(torch.tensor([[1.5], [0.0], [-2.0]])).item() == pytest.approx(5.0)
    assert adversarial_loss(torch.tensor([[1.5]])).item() == 0.0


def test_eq_13() -> None:
    # Reconstructed: -3/2 is correct, (1 + 1)² = 4 is left. Real: 2 is correct, (0 - 1)² = 1 and (-1 - 1)² = 4
    # are left, with a mean of 5/2.
    reconstructed, real = torch.tensor([[-1.5], [1.0]]), torch.tensor([[2.0], [0.0], [-1.0]])
    assert discriminator_loss(reconstructed, real).item() == pytest.approx(4.0 + 2.5)
    assert discriminator_loss(torch.tensor([[-2.0]]), torch.tensor([[2.0]])).item() == 0.0


def test_eq_14() -> None:
    # A map of ones and a photo of zeros: β · 1 + (1 - β) · 0 is β, the same all over a patch.
    coarse = Grid.from_shape((8, 8), 1.0)
    U = Downsampling.between(coarse.refine(4), coarse)
    scan, photo = np.ones((1, 8, 8), np.float32), np.zeros((3, 32, 32), np.float32)
    cells = CellDataset.of(scan, photo, U, np.ones(scan.shape, bool), ("bilinear",), torch.device("cpu"))
    config = TrainingConfig(inputs=("bilinear",), views="pixel", transfer=0.0, patches=3)
    patches = PatchSampler.of(cells, scan, photo, U, config, torch.device("cpu"))
    made = patches.pseudo_real(torch.Generator().manual_seed(5))
    random = torch.Generator().manual_seed(5)
    for below in (1, 1, 1):  # one map, one place along either axis
        torch.randint(below, (3,), generator=random)
    beta = 0.9 * torch.rand((3, 1), generator=random)
    torch.testing.assert_close(made, beta[:, :, None, None].expand(3, 1, 32, 32))

"""The equations of the paper against values worked out by hand, and training that is what it says it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xrfsr.errors import InvalidInput
from xrfsr.grid import Grid
from xrfsr.kriging import correlation_length, leave_out
from xrfsr.models import TrainingConfig, load_model
from xrfsr.models.cells import Batch, Cells
from xrfsr.models.generator import Architecture, Generator
from xrfsr.models.losses import pretraining_loss
from xrfsr.models.validation import simplex_weights
from xrfsr.sampling import Downsampling

CPU = torch.device("cpu")


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


@pytest.fixture
def network() -> Generator:
    made = Generator(Architecture(B=2, b=3, K=3, M=4, members=2), torch.Generator().manual_seed(0))
    with torch.no_grad():
        made.threshold.normal_()
        made.threshold_out.normal_()
    return made.double()


def test_eq7_unfolded_iterations(network: Generator) -> None:
    x = torch.rand(2, 6, 5, dtype=torch.float64)
    found = network.codes(x).detach().numpy()
    W, S, threshold = (p.detach().numpy() for p in (network.W, network.S, network.threshold))
    for member in range(2):
        for pixel in range(6):
            a = np.zeros(4)
            for k in range(3):
                pull = a @ W[k - 1, member] if k else 0.0
                a = sigmoid(a - pull + x[member, pixel].numpy() @ S[k, member] - threshold[k, member, 0])
            np.testing.assert_allclose(found[member, pixel], a, rtol=1e-12)


@pytest.mark.parametrize("final", [False, True])
def test_eq8_output(network: Generator, final: bool) -> None:
    x = torch.rand(2, 6, 5, dtype=torch.float64)
    expected = np.einsum("mpa,mac->mpc", network.codes(x).detach().numpy(), network.D_root.detach().numpy() ** 2)
    expected -= network.threshold_out.detach().numpy()
    object.__setattr__(network.architecture, "final_sigmoid", final)
    np.testing.assert_allclose(network(x).detach().numpy(), sigmoid(expected) if final else expected, rtol=1e-12)


def test_eq4_zero_blocks_stay_zero() -> None:
    network = Generator(Architecture(B=2, b=3, K=2, M=8, zero_blocks=True), torch.Generator().manual_seed(0))
    network(torch.rand(1, 9, 5)).sum().backward()
    torch.optim.SGD(network.parameters(), 0.1).step()
    D = network.D.detach().numpy()[0]
    assert (D >= 0).all()
    assert (D[:4] > 0).all()
    assert (D[4:6, 2:] == 0).all()
    assert (D[4:6, :2] > 0).all()
    assert (D[6:, :2] == 0).all()
    assert (D[6:, 2:] > 0).all()


def test_eq11_without_adversarial_term() -> None:
    output = torch.tensor([[[1.0, 0.5], [3.0, 0.0], [5.0, 1.0], [7.0, 1.0]]])  # two cells of two pixels, B = b = 1
    x = torch.tensor([[[0.0, 0.5], [0.0, 0.5], [0.0, 1.0], [0.0, 0.0]]])
    batch = Batch(x, torch.full((2, 2), 0.5), torch.tensor([[1.0], [9.0]]), torch.tensor([[1.0], [0.0]]))
    # Cell means 2 and 6; only the first is measured: (2 - 1)² = 1. Photo: (0 + 0.25 + 0 + 1) / 4.
    assert pretraining_loss(output, batch, alpha_1=0.1).tolist() == pytest.approx([1 + 0.1 * 1.25 / 4])


def test_data_centred_start() -> None:
    network = Generator(Architecture(B=2, b=3, K=3, M=16, members=2), torch.Generator().manual_seed(1))
    x = torch.rand(2, 500, 5)
    network.centre_on(x)
    first = (torch.bmm(x, network.S[0]) - network.threshold[0]).detach()
    np.testing.assert_allclose(first.mean(1), 0.0, atol=1e-4)
    np.testing.assert_allclose(first.std(1), 2.0, rtol=1e-3)
    codes = network.codes(x)
    assert 0.1 < float(codes.detach().std(1).mean()) < 0.5
    assert float(((network(x).detach() - x) ** 2).mean()) < float(x.var())


def problem() -> tuple[np.ndarray, np.ndarray, Downsampling]:
    rng = np.random.default_rng(0)
    coarse = Grid.from_shape((10, 12), 1.0)
    return (
        rng.random((2, 10, 12)).astype("f4"),
        rng.random((3, 25, 30)).astype("f4"),
        Downsampling.between(coarse.refine(2.5), coarse),
    )


def test_cells_hold_the_footprint_and_leave_themselves_out() -> None:
    scan, photo, U = problem()
    spreading = U.spreading(correlation_length(U))
    cells = Cells.of(scan, photo, U, np.ones(scan.shape, bool), ("leave-out",), spreading, CPU)
    number = torch.arange(120)
    full = cells.batch(number, torch.zeros(1, 120))
    # The full interpolation is consistent, so under U it gives the scan; without the cell it gives the rest's guess.
    coarse = torch.einsum("cp,mcpb->mcb", full.weight, full.x[..., :2].reshape(1, 120, -1, 2))[0]
    np.testing.assert_allclose(coarse, full.target, atol=1e-5)
    without = cells.batch(number, torch.ones(1, 120))
    guess = torch.einsum("cp,mcpb->mcb", without.weight, without.x[..., :2].reshape(1, 120, -1, 2))[0]
    expected = scan - leave_out(scan, U, spreading).influence
    np.testing.assert_allclose(guess, expected.reshape(2, -1).T, atol=1e-4)


def test_simplex_weights_prefer_the_better_candidate() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(400)
    good, bad = truth + 0.1 * rng.standard_normal(400), truth + 0.3 * rng.standard_normal(400)
    weights = simplex_weights(np.stack([good, bad]), truth)
    # Independent errors: the best weights are as the inverse variances, 0.9 and 0.1.
    np.testing.assert_allclose(weights, [0.9, 0.1], atol=0.06)
    assert (simplex_weights(np.stack([truth, truth + 1]), truth) > [0.999, -1e-9]).all()


def test_unknown_settings_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'steps'"):
        TrainingConfig().override(step=3)
    with pytest.raises(InvalidInput, match=r"(?s)K is 0.*steps is -1"):
        TrainingConfig(K=0, steps=-1)


def test_saved_models_predict_the_same_bits(scan, photo, tmp_path: Path) -> None:
    model = scan.xrfsr.train(photo, scale=4, steps=5, pixels=256, progress=False, seed=3, device="cpu")
    model.save(tmp_path / "model")
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model.json", "weights.safetensors"]
    with pytest.raises(InvalidInput, match="exists"):
        model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    first, second, direct = (
        scan.xrfsr.superresolve(photo, scale=4, progress=False, device="cpu", **options).intensity.values
        for options in ({"model": model}, {"model": again}, {"steps": 5, "pixels": 256, "seed": 3})
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, direct)


def test_damaged_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no model.json and no weights.safetensors"):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text("{")
    (tmp_path / "weights.safetensors").write_bytes(b"")
    with pytest.raises(InvalidInput, match="damaged"):
        load_model(tmp_path)

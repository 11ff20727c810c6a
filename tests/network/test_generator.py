"""The network against the equations of the paper, worked out with loops over rows, atoms and pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from xrfsr.errors import InvalidInput
from xrfsr.network import TrainingConfig
from xrfsr.network.generator import Architecture, Generator

PIXELS = 5
Array = NDArray[np.float64]
shapes = st.builds(
    Architecture,
    B=st.integers(1, 4),
    b=st.integers(1, 3),
    K=st.integers(1, 4),
    M=st.integers(4, 7),
    members=st.integers(1, 3),
    zero_blocks=st.booleans(),
    final_sigmoid=st.booleans(),
)


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def network_of(architecture: Architecture, seed: int = 0) -> Generator:
    """A network in double precision whose every parameter is random, λ too."""
    random = torch.Generator().manual_seed(seed)
    network = Generator(architecture, random).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=random)
    return network


def input_of(architecture: Architecture, pixels: int = PIXELS, seed: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(architecture.members, pixels, architecture.channels, dtype=torch.float64, generator=random)


def paper(network: Generator, member: int) -> tuple[list[Array], list[Array], list[Array], Array, Array]:
    """W⁽ᵏ⁾ (M, M), S⁽ᵏ⁾ (M, B + b), λ⁽ᵏ⁾ (M), D (B + b, M) and the last λ (B + b), as the paper writes them."""
    W, S, threshold, root, last = (
        parameter.detach().numpy()
        for parameter in (network.W, network.S, network.threshold, network.D_root, network.threshold_out)
    )
    D = root[member].T ** 2
    a = network.architecture
    if a.zero_blocks:
        common, maps_only = a.M // 2, a.M // 2 + a.M // 4
        D[a.B :, common:maps_only] = 0
        D[: a.B, maps_only:] = 0
    return (
        [w[member].T for w in W],
        [s[member].T for s in S],
        [t[member, 0] for t in threshold],
        D,
        last[member, 0],
    )


def iteration(A: Array, X: Array, W: Array | None, S: Array, threshold: Array) -> Array:
    """Eq. 7, one entry after the other; A is (M, pixels), X is (B + b, pixels)."""
    after = np.empty_like(A)
    for i in range(A.shape[0]):
        for p in range(A.shape[1]):
            z = A[i, p] - threshold[i]
            for j in range(A.shape[0]):
                z -= 0.0 if W is None else W[i, j] * A[j, p]
            for c in range(X.shape[0]):
                z += S[i, c] * X[c, p]
            after[i, p] = sigmoid(z)
    return after


def unfolded(network: Generator, x: torch.Tensor, member: int) -> Array:
    """A⁽ᴷ⁾ (M, pixels)."""
    W, S, threshold, _, _ = paper(network, member)
    X = x[member].numpy().T
    A = np.zeros((network.architecture.M, X.shape[1]))
    for k in range(network.architecture.K):
        # A⁽⁰⁾ = 0, so the first iteration has nothing that a W could act on.
        A = iteration(A, X, W[k - 1] if k else None, S[k], threshold[k])
    return A


@given(architecture=shapes, seed=st.integers(0, 99))
@settings(max_examples=15)
def test_eq3_output_is_dictionary_times_codes(architecture: Architecture, seed: int) -> None:
    network, x = network_of(architecture, seed), input_of(architecture)
    codes = network.codes(x).detach().numpy()
    for member in range(architecture.members):
        D = paper(network, member)[3]
        X = np.zeros((architecture.channels, PIXELS))
        for c in range(architecture.channels):
            for p in range(PIXELS):
                for i in range(architecture.M):
                    X[c, p] += D[c, i] * codes[member, p, i]
        found = (network.codes(x) @ network.D)[member].detach().numpy().T
        np.testing.assert_allclose(found, X, rtol=1e-12)


def test_eq4_zero_blocks_are_where_they_should_be() -> None:
    network = network_of(Architecture(B=3, b=2, M=8, members=2, zero_blocks=True))
    for D in network.D.detach().transpose(1, 2):  # (B + b, M)
        assert (D[:, :4] > 0).all(), "common atoms show in maps and photo"
        assert (D[:3, 4:6] > 0).all()
        assert (D[3:, 4:6] == 0).all(), "atoms of the maps alone"
        assert (D[:3, 6:] == 0).all(), "atoms of the photo alone"
        assert (D[3:, 6:] > 0).all()


def test_eq4_no_blocks_unless_asked_for() -> None:
    assert (network_of(Architecture(B=3, b=2, M=8)).D > 0).all()


def test_eq4_zero_blocks_stay_zero_through_training() -> None:
    architecture = Architecture(B=3, b=2, M=8, K=2, members=2, zero_blocks=True)
    network, x = network_of(architecture), input_of(architecture, 40)
    network.initialize_from(x)
    zero = torch.zeros(8, 5, dtype=torch.bool)
    zero[4:6, 3:] = zero[6:, :3] = True
    assert torch.equal(network.D == 0, zero.expand(2, -1, -1))
    before = network.D.detach().clone()
    # Adam moves every weight that has any gradient by about the learning rate.
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(20):
        optimiser.zero_grad()
        ((network(x) - x) ** 2).sum().backward()
        optimiser.step()
    assert torch.equal(network.D == 0, zero.expand(2, -1, -1))
    assert (network.D[:, ~zero] != before[:, ~zero]).all()


def test_eq4_atoms_of_one_side_leave_the_other_alone() -> None:
    architecture = Architecture(B=3, b=2, M=8, zero_blocks=True)
    network, x = network_of(architecture), input_of(architecture)
    before = network(x).detach()
    with torch.no_grad():
        network.D_root[:, 4:6] += 1  # maps only
    after = network(x).detach()
    assert (after[..., :3] != before[..., :3]).all()
    assert torch.equal(after[..., 3:], before[..., 3:])


@given(seed=st.integers(0, 99), zero_blocks=st.booleans())
@settings(max_examples=10)
def test_dictionary_is_non_negative_whatever_its_weights(seed: int, zero_blocks: bool) -> None:
    network = network_of(Architecture(B=2, b=3, M=6, members=2, zero_blocks=zero_blocks), seed)
    assert (network.D_root < 0).any()
    assert (network.D >= 0).all()


def test_eq6_is_a_gradient_step_of_eq5() -> None:
    """With W = DᵀD / L and S = Dᵀ / L the argument is ISTA's: A - Dᵀ(DA - X) / L - λ."""
    architecture = Architecture(B=2, b=3, K=2, M=6, members=2)
    network, x = network_of(architecture), input_of(architecture)
    with torch.no_grad():
        atoms = network.D  # (members, M, B + b), which is Dᵀ
        step = 1 / torch.linalg.matrix_norm(atoms, 2)[:, None, None] ** 2
        network.W[0] = step * atoms @ atoms.mT
        network.S[1] = step * atoms.mT
    codes = network.codes(x).detach()
    for member in range(2):
        _, S, threshold, D, _ = paper(network, member)
        X = x[member].numpy().T
        A = iteration(np.zeros((6, PIXELS)), X, None, S[0], threshold[0])
        gradient = D.T @ (D @ A - X) * float(step[member])
        logit = torch.logit(codes[member]).numpy().T
        np.testing.assert_allclose(logit, A - gradient - threshold[1][:, None], rtol=1e-9, atol=1e-9)


def test_eq7_one_unfolded_iteration() -> None:
    architecture = Architecture(B=2, b=3, K=2, M=4, members=3)
    network, x = network_of(architecture), input_of(architecture)
    first = Generator(Architecture(B=2, b=3, K=1, M=4, members=3)).double()
    with torch.no_grad():
        first.S[0], first.threshold[0] = network.S[0], network.threshold[0]
    start, found = first.codes(x).detach().numpy(), network.codes(x).detach().numpy()
    for member in range(3):
        W, S, threshold, _, _ = paper(network, member)
        expected = iteration(start[member].T, x[member].numpy().T, W[0], S[1], threshold[1])
        np.testing.assert_allclose(found[member].T, expected, rtol=1e-12)


@given(architecture=shapes, seed=st.integers(0, 99))
@settings(max_examples=15)
def test_eq7_all_iterations(architecture: Architecture, seed: int) -> None:
    network, x = network_of(architecture, seed), input_of(architecture)
    found = network.codes(x).detach().numpy()
    for member in range(architecture.members):
        np.testing.assert_allclose(found[member].T, unfolded(network, x, member), rtol=1e-10)


def test_eq7_every_layer_has_its_own_weights_and_a_threshold_for_each_atom() -> None:
    a = Architecture(B=2, b=3, K=5, M=6, members=2)
    network, x = network_of(a), input_of(a)
    assert network.W.shape == (4, 2, 6, 6)
    assert network.S.shape == (5, 2, 5, 6)
    assert network.threshold.shape == (5, 2, 1, 6)
    network.codes(x).sum().backward()
    for parameter in (network.W, network.S, network.threshold):
        assert parameter.grad is not None
        layers = parameter.grad.flatten(1)
        assert (layers != 0).any(dim=1).all(), "each layer contributes"
        assert len({tuple(layer.tolist()) for layer in layers}) == len(layers), "each in its own way"
    # A component of λ⁽ᴷ⁻¹⁾ moves its own atom and no other.
    before = network.codes(x).detach()
    with torch.no_grad():
        network.threshold[-1, :, :, 2] += 1
    moved = (network.codes(x) != before).any(dim=1)
    assert moved.tolist() == [[False, False, True, False, False, False]] * 2


@given(architecture=shapes, seed=st.integers(0, 99))
@settings(max_examples=15)
def test_eq8_output(architecture: Architecture, seed: int) -> None:
    network, x = network_of(architecture, seed), input_of(architecture)
    found = network(x).detach().numpy()
    for member in range(architecture.members):
        *_, D, last = paper(network, member)
        A = unfolded(network, x, member)
        for c in range(architecture.channels):
            for p in range(PIXELS):
                z = sum(D[c, i] * A[i, p] for i in range(architecture.M)) - last[c]
                expected = sigmoid(z) if architecture.final_sigmoid else z
                assert found[member, p, c] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_eq8_final_sigmoid_is_bounded_and_its_absence_is_not() -> None:
    for final in (True, False):
        architecture = Architecture(B=2, b=3, K=2, M=8, final_sigmoid=final)
        network = network_of(architecture)
        with torch.no_grad():
            network.threshold_out.mul_(30)
        out = network(input_of(architecture))
        inside = bool(((out >= 0) & (out <= 1)).all())
        assert inside is final


def test_eq9_maps_come_first_and_the_photo_after_them() -> None:
    """The channel of X̂ that λ⁽ᴷ⁾ lowers is the one of X that D was fitted to."""
    architecture = Architecture(B=2, b=3, K=3, M=32, members=2)
    network, x = network_of(architecture), input_of(architecture, 400)
    network.initialize_from(x)
    found = network(x).detach()
    for member in range(2):
        for c in range(5):
            errors = [float(((found[member, :, c] - x[member, :, other]) ** 2).mean()) for other in range(5)]
            assert np.argmin(errors) == c
    # On the way in too: channel c of X reaches the codes through row c of S alone.
    with torch.no_grad():
        network.S[:, :, 1] = 0
    changed = x.clone()
    changed[..., 1] += 1
    assert torch.equal(network.codes(changed), network.codes(x))


def test_gradients_survive_working_in_place() -> None:
    architecture = Architecture(B=1, b=2, K=3, M=4, members=2, final_sigmoid=True)
    network, x = network_of(architecture), input_of(architecture, 3).requires_grad_()
    names = [name for name, _ in network.named_parameters()]

    def output(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(network, dict(zip(names, values, strict=True)), (x,))
        return result

    assert torch.autograd.gradcheck(output, (x, *network.parameters()))


def test_a_pixel_knows_nothing_of_its_neighbours() -> None:
    architecture = Architecture(B=2, b=3, members=2)
    network, x = network_of(architecture), input_of(architecture, 7)
    layout = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    torch.testing.assert_close(network(x[:, layout]), network(x)[:, layout], rtol=1e-12, atol=1e-12)


def test_members_share_nothing() -> None:
    architecture = Architecture(B=2, b=3, members=3)
    network, x = network_of(architecture), input_of(architecture)
    network(x)[1].sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        member = 1 if parameter.shape[0] in (4, 5) and parameter.ndim == 4 else 0
        touched = (parameter.grad.movedim(member, 0).flatten(1) != 0).any(dim=1)
        assert touched.tolist() == [False, True, False]


def test_data_centred_start() -> None:
    architecture = Architecture(B=3, b=3, K=5, M=16, members=2)
    network = Generator(architecture, torch.Generator().manual_seed(1)).double()
    # Channels as they come: one wide, one narrow, two alike, none centred.
    random = torch.Generator().manual_seed(2)
    x = torch.rand(2, 600, 6, dtype=torch.float64, generator=random)
    x[..., 1] = 0.1 + 0.01 * x[..., 1]
    x[..., 2] = 0.9 * x[..., 0] + 0.1 * x[..., 2]
    untrained = network(x).detach()
    network.initialize_from(x)
    for member in range(2):
        W, S, threshold, _, _ = paper(network, member)
        X, A = x[member].numpy().T, np.zeros((16, 600))
        for k in range(5):
            before = A - (W[k - 1] @ A if k else 0.0) + S[k] @ X - threshold[k][:, None]
            np.testing.assert_allclose(before.mean(axis=1), 0.0, atol=1e-9)
            np.testing.assert_allclose(before.std(axis=1, ddof=1), 2.0, rtol=1e-9)
            A = 1 / (1 + np.exp(-before))
    found = network(x).detach()
    error = ((found - x) ** 2).mean(dim=1)
    assert (error < ((untrained - x) ** 2).mean(dim=1)).all()
    # Non-negative least squares does at least as well as the best constant, which 16 atoms of any kind contain nearly.
    assert (error < 0.5 * x.var(dim=1))[..., [0, 3, 4, 5]].all()
    assert (network.D >= 0).all()
    assert (network.D_root > 0).all(), "a weight of zero has no gradient, so it would stay zero"


def test_data_centred_start_of_a_channel_without_contrast() -> None:
    architecture = Architecture(B=2, b=3, K=3, M=8)
    network = Generator(architecture, torch.Generator().manual_seed(1))
    x = torch.full((1, 100, 5), 0.5)
    x[..., 0] = torch.rand(1, 100, generator=torch.Generator().manual_seed(2))
    network.initialize_from(x)
    assert torch.isfinite(network(x)).all()


@pytest.mark.parametrize("zero_blocks", [False, True])
@pytest.mark.parametrize(("B", "b", "K", "M", "members"), [(6, 3, 5, 64, 2), (1, 3, 1, 4, 1), (9, 1, 2, 16, 3)])
def test_flops_per_pixel(B: int, b: int, K: int, M: int, members: int, zero_blocks: bool) -> None:
    architecture = Architecture(B=B, b=b, K=K, M=M, members=members, zero_blocks=zero_blocks)
    x = torch.rand(members, 10, B + b)

    def in_place(self: Any, first: Any, second: Any, **_: Any) -> int:
        return 2 * math.prod(first) * second[-1]

    # The counter knows the product with a sum only under the name that makes a new tensor.
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: in_place})
    with counter, torch.no_grad():
        Generator(architecture)(x)
    assert counter.get_total_flops() == architecture.flops_per_pixel * members * 10


def test_architecture_of_a_configuration() -> None:
    config = TrainingConfig(
        K=3, M=8, zero_blocks=True, final_sigmoid="always", inputs=("bilinear", "leave-out", "bilinear"), transfer=0.0
    )
    assert Architecture.from_config(config, lines=7, bands=3) == Architecture(7, 9, 3, 8, 3, True, True)
    assert Architecture.from_config(config.override(views="pixel"), lines=7, bands=3).b == 3
    default = TrainingConfig()
    assert (default.K, default.M, default.alpha_1) == (5, 64, 0.003), "as in the paper"


def test_bad_architectures_are_refused_with_every_fault() -> None:
    with pytest.raises(
        InvalidInput, match=r"(?s)B must be an integer ≥ 1, got 0.*K must.*M must.*got 3.*members must.*got -1"
    ) as caught:
        Architecture(B=0, K=0, M=3, members=-1)
    assert len(caught.value.faults) == 4


def test_the_same_seed_gives_the_same_network() -> None:
    first, again, other = (
        Generator(Architecture(B=2), torch.Generator().manual_seed(seed)).state_dict() for seed in (5, 5, 6)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["S"], other["S"])

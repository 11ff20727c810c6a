"""Tensors in the saved state of a trainer: what they are, and which values training can have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from xrfsr.errors import InvalidInput
from xrfsr.network.optimizer import Adam
from xrfsr.network.tensor_files import Layout
from xrfsr.utils.device import CPU
from xrfsr.utils.documents import Many, Maybe, Number, Rule

__all__ = ["CURVE", "check_state", "moments", "set_moments", "state_layout"]

LARGEST = 1e30  # magnitude of a number; those of trained networks are below ten
MOST_VALIDATIONS = 64  # of both stages together
# Training curve of one network: pairs of a step and the loss after it, null where training diverged.
CURVE: Rule = Many(Many(Maybe(Number(0, LARGEST)), 2, 2), 0, MOST_VALIDATIONS)
Shapes = Mapping[str, tuple[int, ...]]


def state_layout(
    network: Shapes, adversary: Shapes, optimised: Mapping[str, Sequence[Shapes]], members: int, random: Tensor
) -> Layout:
    """Return names, types and shapes of the tensors of a state.

    Parameters
    ----------
    network : mapping of str to tuple of int
        Shapes of the parameters of the networks.
    adversary : mapping of str to tuple of int
        Shapes of the parameters of the discriminator; none before the adversarial stage.
    optimised : mapping of str to sequence of mapping
        Shapes of the state of every parameter of each optimiser that has taken a step.
    members : int
        Number of networks.
    random : Tensor
        State of the random numbers.
    """
    shapes = {f"{part}.{name}": shape for part in ("network", "best") for name, shape in network.items()}
    shapes |= {"best_loss": (members,)} | {f"adversary.{name}": shape for name, shape in adversary.items()}
    for name, several in optimised.items():
        for i, kept in enumerate(several):
            shapes |= {f"{name}.{i}.{key}": shape for key, shape in kept.items()}
        shapes[f"{name}.step"] = ()
    return {name: ("F32", shape) for name, shape in shapes.items()} | {"random": ("U8", tuple(random.shape))}


def check_state(tensors: Mapping[str, Tensor], device: torch.device) -> None:
    """Refuse values that would make training fail or its result infinite.

    Raises
    ------
    InvalidInput
        Naming every tensor with such values.
    """
    faults = [
        f"{name} must hold numbers from {least:g} to {most:g}, got {float(value.min()):g} to {float(value.max()):g}"
        for name, value in tensors.items()
        if name != "random" and value.numel()
        for least, most in (_range_of(name),)
        if not (value.min() >= least and value.max() <= most)  # also if there is a NaN
    ]
    try:
        torch.Generator(device).set_state(tensors["random"])
    except RuntimeError as error:
        faults.append(f"random must be a state of torch's random numbers ({str(error).splitlines()[0]})")
    if faults:
        raise InvalidInput("state", faults)


def _range_of(name: str) -> tuple[float, float]:
    """Return the smallest and the largest number that a tensor of a state may hold."""
    if name == "best_loss":
        return 0.0, math.inf  # infinite before the first validation
    if name.endswith(".step"):
        return 1.0, 1e10
    return (0.0 if name.endswith(".exp_avg_sq") else -LARGEST), LARGEST


def moments(name: str, optimizer: Adam) -> dict[str, Tensor]:
    """Return the state of an optimiser as tensors by name; nothing before its first step."""
    if not optimizer.steps:
        return {}
    made = {f"{name}.{i}.{key}": value for i, state in enumerate(optimizer.state) for key, value in state.items()}
    return made | {f"{name}.step": torch.tensor(optimizer.steps, dtype=torch.float32, device=CPU)}


def set_moments(name: str, optimizer: Adam, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state of an optimiser from `moments`."""
    if f"{name}.step" not in tensors:
        return
    optimizer.steps = int(tensors[f"{name}.step"])
    for i, parameter in enumerate(optimizer.parameters):
        prefix = f"{name}.{i}."
        optimizer.state[i] = {
            key.removeprefix(prefix): value.to(parameter.device, copy=True)
            for key, value in tensors.items()
            if key.startswith(prefix)
        }

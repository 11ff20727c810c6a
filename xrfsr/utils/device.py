"""The device on which PyTorch computes; no other module handles names of devices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe
from xrfsr.utils.fork import check_fork
from xrfsr.utils.process_settings import ProcessSetting

__all__ = ["CPU", "describe_gpu", "is_cpu", "reproducible", "resolve_device"]

CPU = torch.device("cpu")

_deterministic = ProcessSetting(
    lambda: torch.backends.cudnn.deterministic, lambda value: setattr(torch.backends.cudnn, "deterministic", value)
)


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Return the device that is named or given; for ``"auto"`` CUDA if present, else MPS if present, else the CPU.

    Raises
    ------
    InvalidInput
        If PyTorch does not know the device, this machine lacks it, or it cannot compute (``"meta"``); or in a forked
        process in which PyTorch would wait forever (see `xrfsr.utils.fork`).
    """
    check_fork()
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    if isinstance(device, str) and device == "auto":
        return _with_index(torch.device(present[0]))
    names = ", ".join(map(repr, reversed(present)))
    accepted = f"accepted here are 'auto', {names}; 'auto' takes a GPU if there is one"
    if not isinstance(device, str | torch.device):
        raise InvalidInput("device", [f"device must be text or a torch.device, got {describe(device)}; {accepted}"])
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidInput("device", [f"unknown device {describe(device)}; {accepted}"]) from error
    count = torch.cuda.device_count() if chosen.type == "cuda" else 1
    if chosen.type not in present or (chosen.index or 0) >= count:
        raise InvalidInput("device", [f"device {describe(str(device))} is not present on this machine; {accepted}"])
    return CPU if chosen.type == "cpu" else _with_index(chosen)


def _with_index(device: torch.device) -> torch.device:
    """Return the device with its index, as in tensors, because "cuda" and "cuda:0" compare unequal in PyTorch."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def describe_gpu() -> str:
    """Return the names of the GPUs that torch can use, "-" if there is none."""
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return f"{', '.join(names)} (CUDA {torch.version.cuda})"
    return "Apple (MPS)" if torch.backends.mps.is_available() else "-"


def is_cpu(device: torch.device) -> bool:
    """Return whether the device computes in threads of this process, so that networks can train at the same time."""
    return device.type == "cpu"


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Make convolutions on a GPU give the same bits in every run, which cuDNN does only on request.

    The switch belongs to the whole process, so it is restored when the last of several such blocks ends.
    """
    if is_cpu(device):
        yield
        return
    with _deterministic.restored():
        torch.backends.cudnn.deterministic = True
        yield

"""Where torch computes: the only place that knows the names of devices."""

from __future__ import annotations

import torch

from xrfsr.errors import InvalidInput

__all__ = ["is_cpu", "resolve_device"]


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Return CUDA where there is one, then MPS, then the CPU; or the named device; a `torch.device` as it was given.

    Raises
    ------
    InvalidInput
        If the named device is unknown to torch or not present.
    """
    if isinstance(device, torch.device):
        return device
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    if device == "auto":
        return torch.device(present[0])
    accepted = f"accepted here are 'auto', {', '.join(map(repr, reversed(present)))}"
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InvalidInput("device", [f"{device!r} is no torch device; {accepted}"]) from error
    count = torch.cuda.device_count() if chosen.type == "cuda" else 1
    if chosen.type not in present or (chosen.index or 0) >= count:
        raise InvalidInput("device", [f"{device!r} is not present on this machine; {accepted}"])
    return chosen


def is_cpu(device: torch.device) -> bool:
    """Whether threads of this process compute there, so that networks can train side by side."""
    return device.type == "cpu"

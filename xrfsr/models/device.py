"""Where torch computes, and in which number format: the only place that knows the names of devices."""

from __future__ import annotations

import torch

from xrfsr.errors import InvalidInput
from xrfsr.models.config import Precision

__all__ = ["choose", "product_dtype", "shares_memory"]


def choose(device: str = "auto") -> torch.device:
    """CUDA where there is one, then MPS, then the CPU; or the device that is named.

    Raises
    ------
    InvalidInput
        If the named device is unknown to torch or not present.
    """
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


def product_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Of the network's products in training: float32, or bfloat16 if asked for or multiplied natively by the device."""
    if precision == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    # Emulated, it would be several times slower than float32.
    if device.type == "cpu":
        # Names without a promise: in a release that has none of them, float32 it is.
        asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
        return any(bool(ask()) for ask in asked if ask is not None)
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return False


def shares_memory(device: torch.device) -> bool:
    """Whether threads of this process compute there, so that networks can train side by side."""
    return device.type == "cpu"

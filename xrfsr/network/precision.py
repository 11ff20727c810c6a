"""In which number format torch multiplies in training."""

from __future__ import annotations

import torch

from xrfsr.network.config import Precision

__all__ = ["product_dtype"]


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

"""Number format of the matrix products in training."""

from __future__ import annotations

import torch

from xrfsr.network.config import Precision

__all__ = ["product_dtype"]


def product_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return bfloat16 if `precision` asks for it, or if it is "auto" and native on the device; else float32."""
    if precision == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _multiplies_bfloat16(device: torch.device) -> bool:
    # Emulated bfloat16 would be several times slower than float32.
    if device.type == "cpu":
        # Private names of torch: in a release without them, float32 is used.
        asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
        return any(bool(ask()) for ask in asked if ask is not None)
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return False

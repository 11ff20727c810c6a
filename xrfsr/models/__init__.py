"""The network of the paper and its training, in torch: arrays in, arrays out."""

from __future__ import annotations

from xrfsr.models.config import TrainingConfig
from xrfsr.models.saved import Model, load_model

__all__ = ["Model", "TrainingConfig", "load_model"]

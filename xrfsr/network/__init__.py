"""The paper's network and its training, in torch: arrays in, arrays out."""

from __future__ import annotations

from xrfsr.network.config import TrainingConfig
from xrfsr.network.model import Model, load_model

__all__ = ["Model", "TrainingConfig", "load_model"]

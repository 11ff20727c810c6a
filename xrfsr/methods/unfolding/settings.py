"""What the method can be told, checked before any data are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.network.config import TrainingConfig
from xrfsr.network.model import Model
from xrfsr.network.training import Run
from xrfsr.utils.device import resolve_device

__all__ = ["CARRIED_OUT", "check", "configuration"]

CONSISTENCY = ("exact", "noise-aware")
# Settings that say how training is carried out, not what is trained.
CARRIED_OUT = ("max_seconds", "checkpoint", "checkpoint_seconds", "keep_interrupted")


def check(device: str, settings: Mapping[str, Any]) -> None:
    """Raise `InvalidInput`, naming every fault of the device and the settings."""
    faults: list[str] = []
    settings = dict(settings)
    if (consistency := settings.pop("consistency", "exact")) not in CONSISTENCY:
        faults.append(f"consistency is {consistency!r}; accepted are {', '.join(CONSISTENCY)}")
    model = settings.pop("model", None)
    with collect_faults(faults):
        resolve_device(device)
    if model is not None and not isinstance(model, Model):
        faults.append(
            f"model is {model!r}; a model is needed: .xrfsr.train(rgb) makes one, xrfsr.load_model(folder) opens one"
        )
    if model is not None and settings:
        faults.append(f"{', '.join(settings)} cannot change a model that is trained already; leave out one of the two")
    with collect_faults(faults):
        Run(resolve_device(), **{name: settings.pop(name) for name in CARRIED_OUT if name in settings})
    with collect_faults(faults):
        configuration(settings)
    if faults:
        raise InvalidInput("settings", faults)


def configuration(settings: Mapping[str, Any]) -> TrainingConfig:
    """The preset that is named, ``"default"`` if none is, with the other settings changed."""
    chosen = {name: value for name, value in settings.items() if name not in (*CARRIED_OUT, "preset")}
    faults: list[str] = []
    config = TrainingConfig()
    with collect_faults(faults):
        config = TrainingConfig.preset(settings.get("preset", "default"))
    with collect_faults(faults):
        config = config.override(**chosen)
    if faults:
        raise InvalidInput("settings", faults)
    return config

"""What the method can be told, checked before any data are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xrfsr.errors import InvalidInput, collecting
from xrfsr.network.config import TrainingConfig
from xrfsr.network.model import Model
from xrfsr.network.training import Run
from xrfsr.utils.device import choose

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
    with collecting(faults):
        choose(device)
    if model is not None and not isinstance(model, Model):
        faults.append(
            f"model is {model!r}; a model is needed: .xrfsr.train(rgb) makes one, xrfsr.load_model(folder) opens one"
        )
    if model is not None and settings:
        faults.append(f"{', '.join(settings)} cannot change a model that is trained already; leave out one of the two")
    with collecting(faults):
        Run(choose(), **{name: settings.pop(name) for name in CARRIED_OUT if name in settings})
    with collecting(faults):
        configuration(settings)
    if faults:
        raise InvalidInput("settings", faults)


def configuration(settings: Mapping[str, Any]) -> TrainingConfig:
    """The preset that is named, ``"default"`` if none is, with the other settings changed."""
    chosen = {name: value for name, value in settings.items() if name not in (*CARRIED_OUT, "preset")}
    faults: list[str] = []
    config = TrainingConfig()
    with collecting(faults):
        config = TrainingConfig.preset(settings.get("preset", "default"))
    with collecting(faults):
        config = config.override(**chosen)
    if faults:
        raise InvalidInput("settings", faults)
    return config

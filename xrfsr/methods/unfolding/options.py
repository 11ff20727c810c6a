"""Options of the paper's method, checked before any data are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import Any, ClassVar, Literal, Self, get_args

import torch

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import MethodOptions, near_option
from xrfsr.network.config import TrainingConfig
from xrfsr.network.model import Model
from xrfsr.network.prior import VERSION
from xrfsr.network.training import Run as TrainingRun
from xrfsr.utils.checks import choice_faults, switch_faults
from xrfsr.utils.describe import describe
from xrfsr.utils.device import CPU

__all__ = ["Consistency", "UnfoldingOptions"]

Consistency = Literal["exact", "noise-aware"]


@dataclass(frozen=True, kw_only=True)
class UnfoldingOptions(MethodOptions):
    """Options of `Unfolding`.

    Attributes
    ----------
    config : TrainingConfig
        What is trained. A user passes its fields one by one, and ``preset`` for those that are not given.
    consistency : {"exact", "noise-aware"}
        Whether U takes the maps back to the scan exactly, or as far as the noise of the scan allows.
    prior : bool
        Whether a network that has learned from random shapes sharpens the maps, as far as the scan confirms it; False
        is the paper's method, which knows nothing beforehand. It needs pixels held out from training.
    model : Model, optional
        Trained model; without one, one is trained.
    max_seconds, checkpoint, checkpoint_seconds, keep_interrupted
        How training is carried out, see `xrfsr.network.training.Run`.
    """

    # They change no result, and a path has no place in a file that is passed on.
    not_recorded: ClassVar[tuple[str, ...]] = ("model", "checkpoint", "checkpoint_seconds", "keep_interrupted")

    config: TrainingConfig = field(default_factory=TrainingConfig)
    consistency: Consistency = "exact"
    prior: bool = True
    model: Model | None = None
    max_seconds: float | None = None
    checkpoint: str | PathLike[str] | None = None
    checkpoint_seconds: float = 60.0
    keep_interrupted: bool | None = None

    def __post_init__(self) -> None:
        faults: list[str] = []
        faults += choice_faults("consistency", self.consistency, get_args(Consistency))
        faults += switch_faults(prior=self.prior)
        if self.model is not None and not isinstance(self.model, Model):
            faults.append(
                f"model must be a trained model, got {describe(self.model)}; .xrfsr.train(rgb) makes one, "
                "xrfsr.load_model(folder) opens one"
            )
        with collect_faults(faults):
            self.training_run(Run(), CPU)
        if faults:
            raise InvalidInput("options", faults)

    @classmethod
    def from_keywords(cls, method: str, keywords: Mapping[str, Any]) -> Self:
        """See `MethodOptions`; fields of `TrainingConfig` and ``preset`` are keywords too."""
        own = {each.name for each in fields(cls)} - {"config"}
        settings = [each.name for each in fields(TrainingConfig)]
        known = ["preset", *settings, *own]
        given = {name: value for name, value in keywords.items() if name in own}
        training = {name: value for name, value in keywords.items() if name in settings}
        faults = [
            f"unknown setting {describe(name)}; {near_option(name, known)}choose from preset, "
            f"{', '.join(sorted(own))}, and the fields of xrfsr.network.TrainingConfig, such as steps"
            for name in keywords
            if name not in known
        ]
        if given.get("model") is not None and (others := set(keywords) - {"model", "consistency", "prior"}):
            listed = ", ".join(name for name in keywords if name in others)
            faults.append(f"{listed} cannot change a model that is already trained; leave out one of the two")
        config, made = TrainingConfig(), None
        with collect_faults(faults):
            config = TrainingConfig.preset(keywords.get("preset", "default"))
        with collect_faults(faults):
            config = config.override(**training)
        with collect_faults(faults):
            made = cls(config=config, **given)
        if faults or made is None:
            raise InvalidInput("options", faults)
        return made

    @property
    def trained(self) -> TrainingConfig:
        """Settings of the model that is given, or of the one to train."""
        return self.config if self.model is None else self.model.config

    @property
    def uses_prior(self) -> bool:
        """Whether the prior is used: not without held-out pixels, because nothing is judged then."""
        return self.prior and self.trained.held_out > 0

    def training_run(self, run: Run, device: torch.device) -> TrainingRun:
        """How training is carried out on a device."""
        return TrainingRun(
            device,
            run.seed,
            run.progress,
            self.max_seconds,
            self.checkpoint,
            self.checkpoint_seconds,
            self.keep_interrupted,
        )

    def metadata(self) -> dict[str, str | float]:
        """See `MethodOptions`."""
        return {"consistency": self.consistency, "prior": VERSION if self.uses_prior else "none"}

    def recorded(self) -> dict[str, Any]:
        """See `MethodOptions`; the settings of the training are those of the model, if one is given."""
        return self.trained.to_dict() | super().recorded()

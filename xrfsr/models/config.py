"""The settings of a training run: one small frozen value that travels with the model."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np

from xrfsr.errors import InvalidInput, collecting

__all__ = ["Input", "TrainingConfig"]

Input = Literal["bilinear", "leave-out"]


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    r"""How the generator is built and pretrained.

    Parameters
    ----------
    K : int
        Unfolded iterations (paper: 5).
    M : int
        Atoms of the dictionary (paper: 64).
    zero_blocks : bool
        Whether D has the zero blocks of Eq. 4.
    final_sigmoid : bool
        Whether the output passes the sigmoid of Eq. 8 (the paper leaves it out of pretraining).
    inputs : tuple of {"bilinear", "leave-out"}
        One member of the ensemble per entry, and what it sees in place of :math:`Y_{\downarrow\uparrow}`.
        ``"bilinear"`` is the paper's. ``"leave-out"`` is the kriging interpolation; in training it is taken without
        the coarse pixel that serves as the target, so the network has to look at the photo to predict it.
    mixing : float
        Leave-out members see the left-out interpolation mixed by a random share, at most this, with the full one.
    steps : int
        Steps of Adam, with a one-cycle learning rate.
    pixels : int
        Fine pixels in a step (whole coarse cells are drawn at random).
    learning_rate : float
        Peak of the cycle.
    alpha_1 : float
        Weight of the photo's reconstruction :math:`\mathcal L_{c2}` in Eq. 11 (paper: 0.003).
    transfer : float or tuple of float
        Weight of the same loss one scale down, from the twice-downsampled maps and the downsampled photo to the
        scan itself: the paper's "augmented data". One number, or one per member.
    held_out : float
        Share of the coarse pixels that is not trained on, but decides how much each member and the photo-free floor
        weigh in each map (see `xrfsr.models.validation`). Of a small scan it is more: at least 64 pixels, but never
        more than a quarter.
    """

    K: int = 5
    M: int = 64
    zero_blocks: bool = False
    final_sigmoid: bool = False
    inputs: tuple[Input, ...] = ("leave-out", "leave-out")
    mixing: float = 0.8
    steps: int = 1000
    pixels: int = 4096
    learning_rate: float = 1e-2
    alpha_1: float = 0.003
    transfer: float | tuple[float, ...] = (0.05, 1.0)
    held_out: float = 0.1

    def __post_init__(self) -> None:
        # NumPy numbers, lists and a single input are taken as what they mean, so that equal settings compare equal
        # and go to JSON.
        for name in (field.name for field in fields(self)):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        if isinstance(self.inputs, str):
            object.__setattr__(self, "inputs", (self.inputs,))
        faults = [
            f"{name} is {getattr(self, name)!r}; a whole number of at least {least} is needed"
            for name, least in (("K", 1), ("M", 4), ("steps", 1), ("pixels", 1))
            if not (type(getattr(self, name)) is int and getattr(self, name) >= least)
        ]
        faults += [
            f"{name} is {getattr(self, name)!r}; a number from 0 to {most:g} is needed"
            if most < math.inf
            else f"{name} is {getattr(self, name)!r}; a finite number of at least 0 is needed"
            for name, most in (("learning_rate", math.inf), ("alpha_1", math.inf), ("mixing", 1), ("held_out", 0.5))
            if not (_at_least_zero(getattr(self, name)) and getattr(self, name) <= most)
        ]
        faults += [
            f"{name} is {getattr(self, name)!r}; True or False is needed"
            for name in ("zero_blocks", "final_sigmoid")
            if not isinstance(getattr(self, name), bool)
        ]
        known = get_args(Input)
        several = isinstance(self.inputs, tuple) and bool(self.inputs)
        if not (several and all(name in known for name in self.inputs)):
            faults.append(f"inputs is {self.inputs!r}; one or more of {', '.join(known)} are accepted")
        if several and not (all(map(_at_least_zero, self.transfers)) and len(self.transfers) == len(self.inputs)):
            faults.append(
                f"transfer is {self.transfer!r}; a number of at least 0 is needed, or {len(self.inputs)} of them, "
                "one for each of inputs"
            )
        if faults:
            raise InvalidInput("training settings", faults)

    @property
    def transfers(self) -> tuple[float, ...]:
        """`transfer` for each member."""
        return self.transfer if isinstance(self.transfer, tuple) else (self.transfer,) * len(self.inputs)

    def override(self, **changes: Any) -> TrainingConfig:
        """A copy with some fields changed; unknown ones are refused with the nearest known name.

        Where `inputs` brings another number of members and `transfer` is not given, each gets a transfer of 1.
        """
        known = [field.name for field in fields(self)]
        faults: list[str] = []
        for name in changes:
            if name not in known:
                near = difflib.get_close_matches(name.lower(), [each.lower() for each in known], n=1, cutoff=0.5)
                meant = [each for each in known if each.lower() in near]
                hint = f"did you mean {meant[0]!r}? " if meant else ""
                faults.append(f"{name!r} is no setting; {hint}accepted are {', '.join(known)}")
        chosen = {name: value for name, value in changes.items() if name in known}
        inputs = chosen.get("inputs", self.inputs)
        members = 1 if isinstance(inputs, str) or not hasattr(inputs, "__len__") else len(inputs)
        if "inputs" in chosen and "transfer" not in chosen and members != len(self.inputs):
            chosen["transfer"] = 1.0
        made = self
        with collecting(faults):
            made = replace(self, **chosen)
        if faults:
            raise InvalidInput("training settings", faults)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are written to JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """The inverse of `to_dict`."""
        return cls().override(**dict(values))


def _plain(value: Any) -> Any:
    """The Python value of a NumPy one, and tuples for lists."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _at_least_zero(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf

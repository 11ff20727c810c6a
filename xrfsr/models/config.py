"""The settings of a training run: one small frozen value that travels with the model."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from xrfsr.errors import InvalidInput

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
        weigh in each map (see `xrfsr.models.validation`).
    """

    K: int = 5
    M: int = 64
    zero_blocks: bool = False
    final_sigmoid: bool = False
    inputs: tuple[Input, ...] = ("leave-out", "leave-out")
    mixing: float = 0.8
    steps: int = 1000
    pixels: int = 4096
    learning_rate: float = 3e-3
    alpha_1: float = 0.003
    transfer: float | tuple[float, ...] = (0.05, 1.0)
    held_out: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        if isinstance(self.transfer, (list, tuple)):
            object.__setattr__(self, "transfer", tuple(self.transfer))
        faults = [
            f"{name} is {getattr(self, name)!r}; a whole number of at least {least} is needed"
            for name, least in (("K", 1), ("M", 4), ("steps", 1), ("pixels", 1))
            if not (type(getattr(self, name)) is int and getattr(self, name) >= least)
        ]
        faults += [
            f"{name} is {getattr(self, name)!r}; a finite number of at least 0 is needed"
            for name in ("learning_rate", "alpha_1", "mixing", "held_out")
            if not _at_least_zero(getattr(self, name))
        ]
        if not all(map(_at_least_zero, self.transfers)) or len(self.transfers) != len(self.inputs):
            faults.append(
                f"transfer is {self.transfer!r}; a number of at least 0 is needed, or {len(self.inputs)} of them, "
                "one for each of inputs"
            )
        if not faults and self.mixing > 1:
            faults.append(f"mixing is {self.mixing}; a share between 0 and 1 is needed")
        if not faults and self.held_out > 0.5:
            faults.append(f"held_out is {self.held_out}; a share between 0 and 0.5 is needed")
        wrong = sorted({str(name) for name in self.inputs if name not in get_args(Input)})
        if wrong or not self.inputs:
            faults.append(f"inputs is {self.inputs}; one or more of {', '.join(get_args(Input))} are accepted")
        if faults:
            raise InvalidInput("training settings", faults)

    @property
    def transfers(self) -> tuple[float, ...]:
        """`transfer` for each member."""
        return self.transfer if isinstance(self.transfer, tuple) else (self.transfer,) * len(self.inputs)

    def override(self, **changes: Any) -> TrainingConfig:
        """A copy with some fields changed; unknown ones are refused with the nearest known name."""
        known = [field.name for field in fields(self)]
        faults = []
        for name in changes:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}? " if near else ""
                faults.append(f"{name!r} is no setting; {hint}accepted are {', '.join(known)}")
        if faults:
            raise InvalidInput("training settings", faults)
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are written to JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """The inverse of `to_dict`."""
        return cls().override(**dict(values))


def _at_least_zero(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf

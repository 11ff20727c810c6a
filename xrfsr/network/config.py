"""Settings of a training run: one small frozen value that is saved with the model, and the presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import near_name
from xrfsr.utils.describe import describe

__all__ = ["PRESETS", "VIEWS", "Input", "TrainingConfig", "View"]

Input = Literal["bilinear", "leave-out"]
View = Literal["pixel", "sharp", "soft"]
FinalSigmoid = Literal["never", "adversarial", "always"]
Schedule = Literal["one-cycle", "constant"]
Optimizer = Literal["soap", "adam"]
Precision = Literal["auto", "float32", "bfloat16"]

VIEWS: Mapping[View, tuple[float, ...]] = MappingProxyType(
    {"pixel": (0.0,), "sharp": (0.0, 1.0, 3.0), "soft": (0.7, 2.0, 5.0)}
)
"""Standard deviations, in fine pixels, of the Gaussians by which a view smooths the photo."""

# Far more than any use needs, but few enough that settings from elsewhere cannot ask for all memory.
MAX_K, MAX_M, MAX_MEMBERS = 100, 4096, 64
MAX_NUMBER = 10**9  # of all other settings


@dataclass(frozen=True, slots=True, repr=False)
class TrainingConfig:
    r"""Settings of the generator and of its training. `TrainingConfig.preset` gives the two named ones.

    Parameters
    ----------
    K : int
        Number of unfolded iterations (paper: 5).
    M : int
        Number of atoms of the dictionary (paper: 64).
    zero_blocks : bool
        Whether D has the zero blocks of Eq. 4.
    final_sigmoid : {"never", "adversarial", "always"}
        When the output passes through the sigmoid of Eq. 8. The paper omits it in pretraining: ``"adversarial"``.
    inputs : tuple of {"bilinear", "leave-out"}
        Input of each network (member of the ensemble) as :math:`Y_{\downarrow\uparrow}`. ``"bilinear"`` is the paper's.
        ``"leave-out"`` is the kriging interpolation. In training it is computed without the coarse pixel that serves as
        the target, so the network has to use the photo to predict that pixel.
    views : {"pixel", "sharp", "soft"} or tuple of these
        Input from the photo: the pixel alone, as in the paper; the pixel and its neighbourhood; or the same without the
        finest detail, for photos with texture and noise that no map shows. One view, or one per member. ``"pixel"``
        cannot be combined with the others, because its network has fewer inputs. See `VIEWS`.
    mixing : float
        Largest share of the full interpolation that is mixed, at random, into the leave-one-out input of a member.
    steps : int
        Number of steps in pretraining, Eq. 11 without its adversarial term (paper: 10⁵).
    pixels : int, optional
        Fine pixels per step (whole coarse cells are drawn at random); None for the whole image, as in the paper.
    learning_rate : float
        Peak learning rate of pretraining (the paper does not state it).
    optimizer : {"soap", "adam"}
        Optimiser of pretraining: SOAP on whitened inputs (see `xrfsr.network.optimizer`), or Adam, as in the paper.
    schedule : {"one-cycle", "constant"}
        Schedule of the learning rate in pretraining.
    weight_limit : float, optional
        Largest magnitude of W, S and D in pretraining (paper: 1); None for no limit.
    alpha_1 : float
        Weight of the photo's reconstruction :math:`\mathcal L_{c2}` in Eq. 11 (paper: 0.003).
    transfer : float or tuple of float
        Weight of the same loss one scale down, from the twice-downsampled maps and the downsampled photo to the scan
        itself (Wald's protocol as a loss): the paper's "augmented data". One number, or one per member.
    held_out : float
        Share of the coarse pixels that is held out from training. The errors on these pixels, together with those of a
        validation at half the scan's resolution, determine the weight of each member and of the kriging baseline in
        each map (see `xrfsr.network.stacking`). At least 64 pixels are held out, but at most a quarter. None are held
        out if a member has bilinear input, which contains them.
    adversarial_steps : int
        Number of steps of the adversarial stage that follows (paper: 2 × 10⁶).
    alpha_2 : float
        Weight of the adversarial term :math:`\mathcal L_{adv}` in Eq. 11 (paper: 0.5 × 10⁻⁶).
    patch, patches : int
        Side of the discriminator's patches in fine pixels, and their number per step (paper: 32, 32).
    windows : int, optional
        Number of random windows of the image from which the reconstructed patches of a step are cut; None for the whole
        image, as in the paper.
    beta : float
        Largest share of the interpolated map in pseudo-real patches, Eq. 14 (paper: 0.9).
    generator_rate, discriminator_rate : float
        Learning rates of the adversarial stage (paper: 3 × 10⁻⁴, 3 × 10⁻⁶).
    along_photo : bool
        Whether kriging along the edges of the photo is one more estimate in the ensemble (paper: no). See
        `xrfsr.kriging.photo_gain`.
    along_edges : float
        Share of kriging along the edges of the network's estimate in the result; the rest is the estimate itself
        (paper: 0). See `xrfsr.kriging.guided`.
    precision : {"auto", "float32", "bfloat16"}
        Number format of the network's products in training; ``"auto"`` chooses bfloat16 if the device supports it
        natively. Parameters, losses, prediction and projection are always in float32.

    Examples
    --------
    >>> TrainingConfig.preset("paper").steps
    100000
    >>> TrainingConfig().override(steps=500, alpha_1=0.01).alpha_1
    0.01
    """

    K: int = 5
    M: int = 64
    zero_blocks: bool = False
    final_sigmoid: FinalSigmoid = "never"
    inputs: tuple[Input, ...] = ("leave-out", "leave-out", "leave-out")
    views: View | tuple[View, ...] = ("sharp", "sharp", "soft")
    mixing: float = 0.8
    steps: int = 600
    pixels: int | None = 1300
    learning_rate: float = 3e-2
    optimizer: Optimizer = "soap"
    schedule: Schedule = "one-cycle"
    weight_limit: float | None = None
    alpha_1: float = 0.003
    transfer: float | tuple[float, ...] = (0.05, 1.0, 0.3)
    held_out: float = 0.1
    adversarial_steps: int = 0
    alpha_2: float = 0.5e-6
    patch: int = 32
    patches: int = 32
    windows: int | None = 8
    beta: float = 0.9
    generator_rate: float = 3e-4
    discriminator_rate: float = 3e-6
    along_photo: bool = True
    along_edges: float = 0.5
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        # NumPy numbers, lists and a single input are converted, so that equal settings compare equal and can be written
        # to JSON.
        for name in (field.name for field in fields(self)):
            object.__setattr__(self, name, _plain(getattr(self, name)))
        if isinstance(self.inputs, str):
            object.__setattr__(self, "inputs", (self.inputs,))
        faults = [*self._whole_number_faults(), *self._number_faults(), *self._choice_faults()]
        several = isinstance(self.inputs, tuple) and 0 < len(self.inputs) <= MAX_MEMBERS
        if not (several and all(_one_of(name, Input) for name in self.inputs)):
            faults.append(
                f"inputs must be 1 to {MAX_MEMBERS} of {', '.join(get_args(Input))}, got {describe(self.inputs)}"
            )
        if several and not (
            all(map(_at_least_zero, self.member_transfers)) and len(self.member_transfers) == len(self.inputs)
        ):
            faults.append(
                f"transfer must be a number ≥ 0, or {len(self.inputs)} of them, one for each of inputs, got "
                f"{describe(self.transfer)}"
            )
        views = self.views if isinstance(self.views, tuple) else (self.views,)
        known = bool(views) and all(_one_of(view, View) for view in views)
        if not known or (several and len(self.member_views) != len(self.inputs)):
            faults.append(
                f"views must be one of {', '.join(get_args(View))}, or {len(self.inputs)} of them, one for each of "
                f"inputs, got {describe(self.views)}"
            )
        elif len({len(VIEWS[view]) for view in views}) > 1:
            faults.append(f"views must not combine 'pixel', whose network has fewer inputs, got {describe(self.views)}")
        if faults:
            raise InvalidInput("training settings", faults)

    def _whole_number_faults(self) -> list[str]:
        least = {"K": 1, "M": 4, "steps": 1, "pixels": 1, "adversarial_steps": 0, "patches": 1, "windows": 1}
        most = {"K": MAX_K, "M": MAX_M}
        optional = {"pixels", "windows"}
        faults = [
            f"{name} must be an integer from {low} to {most.get(name, MAX_NUMBER):,}"
            + (", or None for the whole image" if name in optional else "")
            + f", got {describe(value)}"
            for name, low in least.items()
            for value in (getattr(self, name),)
            if not (value is None and name in optional)
            and not (type(value) is int and low <= value <= most.get(name, MAX_NUMBER))
        ]
        if not (type(self.patch) is int and 8 <= self.patch <= MAX_NUMBER and self.patch & (self.patch - 1) == 0):
            faults.append(f"patch must be a power of two ≥ 8, such as 32, got {describe(self.patch)}")
        return faults

    def _number_faults(self) -> list[str]:
        most = {"mixing": 1, "held_out": 0.5, "beta": 1, "along_edges": 1}
        names = ("learning_rate", "alpha_1", "mixing", "held_out", "alpha_2", "beta")
        faults = [
            f"{name} must be a number from 0 to {most.get(name, MAX_NUMBER):,}, got {describe(value)}"
            for name in (*names, "generator_rate", "discriminator_rate", "along_edges")
            for value in (getattr(self, name),)
            if not (_at_least_zero(value) and value <= most.get(name, math.inf))
        ]
        if self.weight_limit is not None and not (_at_least_zero(self.weight_limit) and self.weight_limit > 0):
            faults.append(f"weight_limit must be a number > 0, or None for no limit, got {describe(self.weight_limit)}")
        return faults

    def _choice_faults(self) -> list[str]:
        choices = {
            "final_sigmoid": FinalSigmoid,
            "optimizer": Optimizer,
            "schedule": Schedule,
            "precision": Precision,
        }
        faults = [
            f"{name} must be one of {', '.join(get_args(kind))}, got {describe(getattr(self, name))}"
            for name, kind in choices.items()
            if not _one_of(getattr(self, name), kind)
        ]
        faults += [
            f"{name} must be True or False, got {describe(getattr(self, name))}"
            for name in ("zero_blocks", "along_photo")
            if not isinstance(getattr(self, name), bool)
        ]
        return faults

    def __repr__(self) -> str:
        changed = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if getattr(self, each.name) != each.default
        ]
        return f"TrainingConfig({', '.join(changed)})"

    @classmethod
    def preset(cls, name: str) -> TrainingConfig:
        """Return the settings of the preset ``"default"`` or ``"paper"``.

        Raises
        ------
        InvalidInput
            If there is no preset of that name.
        """
        if not isinstance(name, str) or name not in PRESETS:
            near = near_name(name, list(PRESETS))
            hint = f"did you mean {near!r}? " if near else ""
            raise InvalidInput("preset", [f"unknown preset {describe(name)}; {hint}choose from {', '.join(PRESETS)}"])
        return PRESETS[name]

    @property
    def member_transfers(self) -> tuple[float, ...]:
        """Value of `transfer` for each member."""
        return self.transfer if isinstance(self.transfer, tuple) else (self.transfer,) * len(self.inputs)

    @property
    def member_views(self) -> tuple[View, ...]:
        """Value of `views` for each member."""
        return self.views if isinstance(self.views, tuple) else (self.views,) * len(self.inputs)

    def photo_channels(self, bands: int) -> int:
        """Return the number of the network's channels for a photo of `bands` bands."""
        return bands * len(VIEWS[self.member_views[0]])

    @property
    def candidates(self) -> int:
        """Number of weights per map: members, kriging along the photo if it is used, and the kriging baseline."""
        return len(self.inputs) + self.along_photo + 1

    @property
    def total_steps(self) -> int:
        """Number of steps of both stages."""
        return self.steps + self.adversarial_steps

    def override(self, **changes: Any) -> TrainingConfig:
        """Return a copy with some fields changed; unknown names are refused, with the nearest known one.

        If `inputs` changes the number of members, and `transfer` or `views` are not given, each member gets a transfer
        of 1 and the first of the views.
        """
        known = [field.name for field in fields(self)]
        faults: list[str] = []
        for name in changes:
            if name not in known:
                near = near_name(name, known)
                hint = f"did you mean {near!r}? " if near else ""
                faults.append(f"unknown setting {describe(name)}; {hint}choose from {', '.join(known)}")
        chosen = {name: value for name, value in changes.items() if name in known}
        inputs = chosen.get("inputs", self.inputs)
        members = len(inputs) if isinstance(inputs, tuple | list) else 1
        if "inputs" in chosen and "transfer" not in chosen and members != len(self.inputs):
            chosen["transfer"] = 1.0
        if "inputs" in chosen and "views" not in chosen and members != len(self.inputs):
            chosen["views"] = self.member_views[0]
        made = self
        with collect_faults(faults):
            made = replace(self, **chosen)
        if faults:
            raise InvalidInput("training settings", faults)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain values, as they are written to JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Create the settings from the values of `to_dict`, exactly: none may be missing, and no default is used.

        Raises
        ------
        InvalidInput
            Naming every setting that is missing, unknown or not accepted.
        """
        known = [field.name for field in fields(cls)]
        faults = [f"setting {name!r} is missing" for name in known if name not in values]
        made = None
        with collect_faults(faults):
            made = cls().override(**dict(values))
        if made is not None and not faults:
            faults += [
                f"{name} must be written as {describe(meant)}, got {describe(values[name])}"
                for name, meant in made.to_dict().items()
                if meant != values[name] or isinstance(meant, list) is not isinstance(values[name], list)
            ]
        if faults or made is None:
            raise InvalidInput("training settings", faults)
        return made


def _plain(value: Any) -> Any:
    """Convert NumPy values to Python ones, and lists to tuples."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _one_of(value: object, kind: Any) -> bool:
    return isinstance(value, str) and value in get_args(kind)


def _at_least_zero(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


PRESETS: Mapping[str, TrainingConfig] = MappingProxyType(
    {
        "default": TrainingConfig(),
        # Exactly as in the paper, except for the learning rate of pretraining, which it does not state.
        "paper": TrainingConfig(
            inputs=("bilinear",),
            views="pixel",
            transfer=1.0,
            final_sigmoid="adversarial",
            steps=100_000,
            pixels=None,
            learning_rate=1e-3,
            optimizer="adam",
            schedule="constant",
            weight_limit=1.0,
            held_out=0.0,
            adversarial_steps=2_000_000,
            windows=None,
            along_photo=False,
            along_edges=0.0,
            precision="float32",
        ),
    }
)
"""Named settings."""

"""What a method can be told, declared beside it and checked before any data are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np

__all__ = ["PROJECTED", "Setting", "chosen", "faults_of"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A number, a whole number or a switch, as its default is one.

    Attributes
    ----------
    default : bool, int or float
    least, most : float
        What is accepted, ends included.
    """

    default: bool | int | float
    least: float = 0
    most: float = inf

    def fault(self, name: str, value: Any) -> str | None:
        """What is wrong with a value, if anything is."""
        switch = isinstance(value, bool | np.bool_)
        if isinstance(self.default, bool):
            return None if switch else f"{name} is {value!r}; True or False is needed"
        whole = isinstance(self.default, int)
        number = isinstance(value, int | np.integer | (int if whole else float) | np.floating) and not switch
        if number and isfinite(value) and self.least <= value <= self.most and (not whole or value == int(value)):
            return None
        wanted = "a whole number" if whole else "a number"
        return f"{name} is {value!r}; {wanted} {self._range} is needed, such as {self.default}"

    @property
    def _range(self) -> str:
        return f"from {self.least:g}" + (f" to {self.most:g}" if isfinite(self.most) else "")


# Whether the maps are made consistent with the scan and not negative, as those of the package's own method are.
PROJECTED = Setting(True)


def faults_of(method: str, known: Mapping[str, Setting], given: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with the settings given to a method."""
    faults = []
    accepted = f"its settings are {', '.join(known)}" if known else "it has no settings"
    for name, value in given.items():
        if name not in known:
            faults.append(f"method {method!r} does not take {name!r}; {accepted}")
        elif fault := known[name].fault(name, value):
            faults.append(fault)
    return faults


def chosen(known: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, bool | int | float]:
    """The value of every setting as plain Python: what was given, or else the default."""
    return {name: type(setting.default)(given.get(name, setting.default)) for name, setting in known.items()}

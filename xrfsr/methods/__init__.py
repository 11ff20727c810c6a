"""The methods: one file each, found by name.

A method is a module with a function ``reconstruct(problem, *, device, seed, progress, **settings)`` that takes a
`Problem` and returns a `Reconstruction`. If it takes settings or uses a device, it has a function
``check(device, settings)`` too, which raises `InvalidInput` before any data are read. To add one, write its file and
name it here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from xrfsr.errors import InvalidInput
from xrfsr.methods.problem import PER_LINE, Problem, Reconstruction

__all__ = ["METHODS", "PER_LINE", "Method", "Problem", "Reconstruction", "get"]


@dataclass(frozen=True, slots=True)
class Method:
    """One entry of the registry.

    Attributes
    ----------
    module : str
        Imported at first use: some bring torch with them.
    guided : bool
        Whether it needs a photo.
    consistent : bool
        Whether U takes its result back to the scan.
    """

    module: str
    guided: bool
    consistent: bool

    @property
    def reconstruct(self) -> Callable[..., Reconstruction]:
        """``reconstruct(problem, *, device, seed, progress, **settings)``."""
        function: Callable[..., Reconstruction] = self._loaded.reconstruct
        return function

    def check(self, device: str, settings: Mapping[str, Any]) -> None:
        """Raise `InvalidInput` if the method cannot run like this, whatever the data."""
        own: Callable[[str, Mapping[str, Any]], None] | None = getattr(self._loaded, "check", None)
        if own is not None:
            own(device, settings)
        elif settings:
            name = self.module.rpartition(".")[2]
            raise InvalidInput(
                "settings", [f"method {name!r} does not take {setting!r}; leave it out" for setting in settings]
            )

    @property
    def _loaded(self) -> ModuleType:
        return import_module(self.module)


METHODS = {
    "unfolding": Method("xrfsr.methods.unfolding", guided=True, consistent=True),
    "kriging": Method("xrfsr.methods.kriging", guided=False, consistent=True),
    "bilinear": Method("xrfsr.methods.bilinear", guided=False, consistent=False),
}


def get(name: str) -> Method:
    """A method by name.

    Raises
    ------
    InvalidInput
        If there is none; the message names those there are.
    """
    if not isinstance(name, str) or name not in METHODS:
        near = difflib.get_close_matches(str(name), METHODS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InvalidInput("method", [f"method {name!r} is unknown; {hint}accepted are {', '.join(METHODS)}"])
    return METHODS[name]

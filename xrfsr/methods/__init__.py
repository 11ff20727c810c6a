"""The methods: one file or folder each, found by name.

A method is a module with a function ``prepare(sample, *, device, seed, progress, **settings)``. It is shown a sequence
of `Problem` that stand for the whole painting, or are it, and returns something that is `Prepared` to be applied to
any part. More functions are optional. ``check(device, settings)``, if it takes settings or uses a device, raises
`InvalidInput` before any data are read. ``reach(U)`` tells how many coarse pixels around a part have a say in it;
without it the method is only ever applied to the whole. ``announce(device, seed, settings)`` tells what `Prepared` will
know, before it does. To add a method, write its file and name it here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from xrfsr.errors import InvalidInput
from xrfsr.methods.problem import PER_LINE, Prepared, Problem, Reconstruction
from xrfsr.sampling import Downsampling

__all__ = ["METHODS", "PER_LINE", "Method", "Prepared", "Problem", "Reconstruction", "get"]


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
    def prepare(self) -> Callable[..., Prepared]:
        """``prepare(sample, *, device, seed, progress, **settings)``."""
        function: Callable[..., Prepared] = self._loaded.prepare
        return function

    def reach(self, U: Downsampling) -> int | None:
        """How many coarse pixels around a part of a painting have a say in it; None if all of them do."""
        own: Callable[[Downsampling], int] | None = getattr(self._loaded, "reach", None)
        return None if own is None else own(U)

    def announce(
        self, device: str, seed: int, settings: Mapping[str, Any]
    ) -> tuple[dict[str, str | float], tuple[str, ...]]:
        """`Prepared.record` and the names in `Prepared.per_line` before anything is computed."""
        own = getattr(self._loaded, "announce", None)
        return ({}, ()) if own is None else own(device, seed, settings)

    def reconstruct(self, problem: Problem, *, device: str = "auto", **settings: Any) -> Reconstruction:
        """Prepare on a whole problem, and apply to it."""
        prepared = self.prepare([problem], device=device, **settings)
        return prepared.apply(problem, (slice(None), slice(None)), device)

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

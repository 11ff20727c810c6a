"""The methods: one file or folder each, found by name.

A method is a module with a function ``prepare(sample, *, device, seed, progress, **settings)``. It is shown a
sequence of `Problem` that stand for the whole painting, or are it, and returns something that is `Prepared` to be
applied to any part. More is optional. ``SETTINGS`` names what it can be told; a method that can be told more than
numbers and switches, or uses a device, has ``check(device, settings)``, which raises `InvalidInput` before any data
are read. ``reach(U)`` tells how many coarse pixels around a part have a say in it; without it the method is only
ever applied to the whole. ``announce(device, seed, settings)`` tells what `Prepared` will know, before it does. To
add a method, write its file and name it here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from xrfsr.errors import InvalidInput
from xrfsr.methods.common.problem import LINE_COORDS, Prepared, Problem, Reconstruction
from xrfsr.methods.common.settings import Setting, chosen, faults_of
from xrfsr.operators import Downsampling

__all__ = ["LINE_COORDS", "METHODS", "Method", "Prepared", "Problem", "Reconstruction", "get"]


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
        Whether U takes its result back to the scan, unless it is told otherwise.
    needs_settings : bool
        Whether it cannot run without settings that only the user has.
    """

    module: str
    guided: bool
    consistent: bool
    needs_settings: bool = False

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
        if own is not None:
            told: tuple[dict[str, str | float], tuple[str, ...]] = own(device, seed, settings)
            return told
        return ({"settings": json.dumps(chosen(self.settings, settings))} if self.settings else {}, ())

    def reconstruct(self, problem: Problem, *, device: str = "auto", **settings: Any) -> Reconstruction:
        """Prepare on a whole problem, and apply to it."""
        prepared = self.prepare([problem], device=device, **settings)
        return prepared.apply(problem, (slice(None), slice(None)), device)

    def check(self, device: str, settings: Mapping[str, Any]) -> None:
        """Raise `InvalidInput` if the method cannot run like this, whatever the data."""
        own: Callable[[str, Mapping[str, Any]], None] | None = getattr(self._loaded, "check", None)
        if own is not None:
            own(device, settings)
        elif faults := faults_of(self.module.rpartition(".")[2], self.settings, settings):
            raise InvalidInput("settings", faults)

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What it can be told, as far as that is numbers and switches."""
        return getattr(self._loaded, "SETTINGS", {})

    @property
    def _loaded(self) -> ModuleType:
        return import_module(self.module)


METHODS = {
    "unfolding": Method("xrfsr.methods.unfolding", guided=True, consistent=True),
    "kriging": Method("xrfsr.methods.kriging", guided=False, consistent=True),
    "bilinear": Method("xrfsr.methods.bilinear", guided=False, consistent=False),
    "bicubic": Method("xrfsr.methods.bicubic", guided=False, consistent=False),
    "ssr": Method("xrfsr.methods.ssr", guided=True, consistent=True),
    "ssrcu": Method("xrfsr.methods.ssrcu", guided=True, consistent=True),
    "cstf": Method("xrfsr.methods.cstf", guided=True, consistent=True),
    "lttr": Method("xrfsr.methods.lttr", guided=True, consistent=True),
    "cms": Method("xrfsr.methods.cms", guided=True, consistent=True),
    "sisr": Method("xrfsr.methods.sisr", guided=False, consistent=True, needs_settings=True),
    "guided_filter": Method("xrfsr.methods.guided_filter", guided=True, consistent=True),
    "guided_diffusion": Method("xrfsr.methods.guided_diffusion", guided=True, consistent=True),
    "gsa": Method("xrfsr.methods.gsa", guided=True, consistent=True),
    "cnmf": Method("xrfsr.methods.cnmf", guided=True, consistent=True),
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

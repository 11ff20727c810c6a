"""The methods: one file each, found by name.

A method is a module with a function ``reconstruct(problem, *, device, seed, progress, **settings)`` that takes a
`Problem` and returns a `Reconstruction`. To add one, write its file and name it here.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any, Protocol

from xrfsr.errors import InvalidInput
from xrfsr.methods.problem import Problem, Reconstruction

__all__ = ["METHODS", "Method", "Problem", "Reconstruction", "get"]

# Modules are imported at first use: some bring torch with them.
METHODS = {
    "unfolding": "xrfsr.methods.unfolding",
    "kriging": "xrfsr.methods.kriging",
    "bilinear": "xrfsr.methods.bilinear",
}


class Method(Protocol):
    """How a method is called."""

    def __call__(
        self, problem: Problem, *, device: str, seed: int, progress: bool | None, **settings: Any
    ) -> Reconstruction:
        """Solve `problem`."""


def get(name: str) -> Method:
    """The method called `name`.

    Raises
    ------
    InvalidInput
        If there is none; the message names those there are.
    """
    if not isinstance(name, str) or name not in METHODS:
        near = difflib.get_close_matches(str(name), METHODS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InvalidInput("method", [f"{name!r} is unknown; {hint}accepted are {', '.join(METHODS)}"])
    method: Method = import_module(METHODS[name]).reconstruct
    return method

"""The one exception for bad input, which carries every fault found, and warnings that point to the caller's line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["InvalidInput", "collect_faults", "import_optional", "warn"]


class InvalidInput(ValueError):
    """Something handed to xrfsr cannot be used; the message lists every fault.

    Parameters
    ----------
    what : str
        The thing that was looked at, such as ``"scan"`` or ``"line labels"``.
    faults : sequence of str
        One sentence per fault: the variable, the offending value, what is accepted, and the fix.

    Attributes
    ----------
    what : str
    faults : tuple of str

    Examples
    --------
    >>> error = InvalidInput("scan", ["'x' has no units; set ds.x.attrs['units'] = 'mm'"])
    >>> print(error)
    invalid scan: 'x' has no units; set ds.x.attrs['units'] = 'mm'
    """

    def __init__(self, what: str, faults: Sequence[str]) -> None:
        self.what = what
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            message = f"invalid {what}: {self.faults[0]}"
        else:
            listed = "\n".join(f"  - {fault}" for fault in self.faults)
            message = f"invalid {what}, {len(self.faults)} faults:\n{listed}"
        super().__init__(message)

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[str, tuple[str, ...]]]:
        # The default would pickle the message alone, and a Dask worker could not send the error home.
        return (type(self), (self.what, self.faults))


@contextmanager
def collect_faults(faults: list[str]) -> Iterator[None]:
    """Add the faults of an `InvalidInput` raised inside to `faults`, and go on after the block."""
    try:
        yield
    except InvalidInput as error:
        faults.extend(error.faults)


def warn(message: str) -> None:
    """Warn with the line from which this package was entered, however many of its functions lie between.

    Or xarray's, which may have been asked for something that this package does.
    """
    depth, frame = 1, sys._getframe()
    inside = (__package__, "xarray")
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in inside:
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=depth)


def import_optional(module: str, purpose: str, extra: str) -> Any:
    """A package that only some users need.

    Parameters
    ----------
    module : str
        To import.
    purpose : str
        What needs it, in the plural, for the message.
    extra : str
        The extra of this package that brings it.

    Raises
    ------
    InvalidInput
        If it is not installed, with the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InvalidInput(
            "installation",
            [f"{purpose} need the package '{module.partition('.')[0]}' ({error}): pip install \"xrfsr[{extra}]\""],
        ) from error

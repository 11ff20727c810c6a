"""The one exception for bad input, which carries every fault found, and warnings that point to the caller's line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["Fault", "InvalidInput", "collect_faults", "import_optional", "warn"]


MOST = 20  # faults that a message lists; the others are of the same kind


class Fault(str):
    """One fault: a sentence, and the subject it concerns where that is not clear from the sentence.

    As text it is both: ``"subject: sentence"``. The sentence may be a fault with a subject of its own.

    Parameters
    ----------
    sentence : str
        Variable, offending value, what is accepted, and the fix.
    subject : str
        Thing that the sentence is about, such as ``"scan"`` or ``"'fit.h5'"``, or empty.

    Examples
    --------
    >>> fault = Fault("'x' has no units; set ds.x.attrs['units'] = 'mm'", subject="scan")
    >>> print(fault)
    scan: 'x' has no units; set ds.x.attrs['units'] = 'mm'
    >>> fault.subject
    'scan'
    """

    __slots__ = ("sentence", "subject")

    sentence: str
    subject: str

    def __new__(cls, sentence: str, subject: str = "") -> Fault:
        """Join subject and sentence."""
        fault = super().__new__(cls, f"{subject}: {sentence}" if subject else sentence)
        fault.sentence, fault.subject = sentence, subject
        return fault

    def __reduce__(self) -> tuple[type[Fault], tuple[str, str]]:
        return (type(self), (self.sentence, self.subject))


class InvalidInput(ValueError):
    """Arguments or files that xrfsr cannot use; the message lists every fault.

    Parameters
    ----------
    what : str
        Name of the thing that was checked, such as ``"scan"`` or ``"line labels"``.
    faults : sequence of str
        One sentence per fault (variable, offending value, what is accepted, and the fix), as text or as `Fault`.

    Attributes
    ----------
    what : str
    faults : tuple of str
        All faults with their subjects, as `Fault`; the message lists the first twenty.

    Examples
    --------
    >>> error = InvalidInput("scan", ["'x' has no units; set ds.x.attrs['units'] = 'mm'"])
    >>> print(error)
    invalid scan: 'x' has no units; set ds.x.attrs['units'] = 'mm'
    """

    def __init__(self, what: str, faults: Sequence[str]) -> None:
        self.what = what
        self.faults = tuple(fault if isinstance(fault, Fault) else Fault(fault) for fault in faults)
        if len(self.faults) == 1:
            message = f"invalid {what}: {self.faults[0]}"
        else:
            shown = [*self.faults[:MOST], *([f"and {len(self.faults) - MOST} more"] if len(self.faults) > MOST else [])]
            listed = "\n".join(f"  - {fault}" for fault in shown)
            message = f"invalid {what}, {len(self.faults)} faults:\n{listed}"
        super().__init__(message)

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[str, tuple[Fault, ...]]]:
        # The default would pickle the message alone, and a Dask worker could not return the error.
        return (type(self), (self.what, self.faults))


@contextmanager
def collect_faults(faults: list[str], subject: str = "") -> Iterator[None]:
    """Add the faults of an `InvalidInput` raised in the block to `faults`, and continue after the block.

    Parameters
    ----------
    faults : list of str
        List that is extended.
    subject : str
        Subject of the faults, if they need one; see `Fault`.
    """
    try:
        yield
    except InvalidInput as error:
        faults.extend(Fault(fault, subject) if subject else fault for fault in error.faults)


def warn(message: str) -> None:
    """Warn at the line from which this package was called, however many of its functions lie between.

    Functions of xarray count as part of this package, because xarray calls its backend and its accessor.
    """
    depth, frame = 1, sys._getframe()
    inside = (__package__, "xarray")
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in inside:
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=depth)


def import_optional(module: str, purpose: str, extra: str) -> Any:
    """Import a package that only some users need.

    Parameters
    ----------
    module : str
        Name of the module.
    purpose : str
        Subject of the message, a plural noun such as ``"EDF files"``.
    extra : str
        Extra of this package that installs it.

    Raises
    ------
    InvalidInput
        If it is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InvalidInput(
            "installation",
            [f"{purpose} need the package '{module.partition('.')[0]}' ({error}): pip install \"xrfsr[{extra}]\""],
        ) from error

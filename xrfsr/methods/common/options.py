"""Options of a method: one frozen dataclass, built from the user's keywords and checked before any data are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from math import inf, isfinite
from typing import Any, ClassVar, Self, cast

import numpy as np

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_number, near_name
from xrfsr.utils.describe import describe

__all__ = ["MethodOptions", "near_option", "setting", "unknown_fault"]

# Of `superresolve`, for every method.
ARGUMENTS = (
    "rgb", "scale", "method", "model", "device", "seed", "progress", "footprint", "fwhm", "smear", "chunk", "refine",
    "uncertainty",
)  # fmt: skip
LINES = ("line", "lines", "element", "elements")  # asked for by those who want some of the maps


def setting(default: bool | int | float, least: float = 0, most: float = inf) -> Any:
    """Declare a field of `MethodOptions`: a switch, an integer or a number, whichever its default is.

    Parameters
    ----------
    default : bool, int or float
        Value where the user gives none; its type is the type of the option.
    least, most : float
        Smallest and largest accepted number.

    Returns
    -------
    dataclasses.Field
        Declaration, to be assigned to a field with its type.

    Examples
    --------
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Options(MethodOptions):
    ...     radius: int = setting(2, 1, 4)
    >>> Options(radius=5)
    Traceback (most recent call last):
    xrfsr.errors.InvalidInput: invalid options: radius must be an integer from 1 to 4, got 5 (default: 2)
    """
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """Base of the options of every method. Fields declared by `setting` are checked and become plain Python values.

    Attributes
    ----------
    not_recorded : tuple of str
        Names of options that results do not record, such as the paths of files.

    Raises
    ------
    InvalidInput
        Naming every value that is not accepted.
    """

    not_recorded: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        faults = []
        for each in fields(self):
            if "least" not in each.metadata:
                continue
            value, default = getattr(self, each.name), cast("bool | int | float", each.default)
            if fault := _fault(each.name, value, default, each.metadata["least"], each.metadata["most"]):
                faults.append(fault)
            else:
                object.__setattr__(self, each.name, type(default)(value))
        if faults:
            raise InvalidInput("options", faults)

    @classmethod
    def from_keywords(cls, method: str, keywords: Mapping[str, Any]) -> Self:
        """Build the options of the method named `method` from what the user wrote.

        Raises
        ------
        InvalidInput
            Naming every unknown keyword, with the nearest known one, and every value that is not accepted.
        """
        known = [each.name for each in fields(cls)]
        faults = [unknown_fault(method, name, known) for name in keywords if name not in known]
        made = None
        given = {name: value for name, value in keywords.items() if name in known}
        missing = [name for name in cls.required() if name not in given]
        wrong: list[str] = []
        with collect_faults(wrong):
            made = cls(**dict.fromkeys(missing), **given)
        if missing and not wrong:
            wrong = [f"method {method!r} needs {name}=...; there is no default" for name in missing]
        faults += wrong
        if faults or made is None:
            raise InvalidInput("options", faults)
        return made

    @classmethod
    def required(cls) -> tuple[str, ...]:
        """Names of options that have no default."""
        return tuple(each.name for each in fields(cls) if each.default is MISSING and each.default_factory is MISSING)

    def metadata(self) -> dict[str, str | float]:
        """Attributes of a result that was made with these options, without the prefix ``xrfsr_``.

        What `recorded` returns is in another attribute.
        """
        return {}

    def recorded(self) -> dict[str, Any]:
        """Return the keywords that make these options again, as far as JSON can hold them.

        Options that are no plain values (a model), or of which `not_recorded` has the names, are left out. If they
        matter, they have to be passed again.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in self.not_recorded}
        return {name: value for name, value in values.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def near_option(name: str, known: Sequence[str]) -> str:
    """Return a hint with the option or argument that a keyword resembles most, or an empty text."""
    if name in LINES:
        return "select the lines first: scan.xrfsr.sel(line=['Pb-L', ...]); "
    near = near_name(name, [*known, *ARGUMENTS])
    return f"did you mean {near!r}? " if near else ""


def unknown_fault(method: str, name: str, known: list[str]) -> str:
    """Return the message for a keyword that a method does not have."""
    hint = near_option(name, known)
    accepted = f"its options are {', '.join(known)}" if known else "it has no options"
    return f"method {method!r} has no option {describe(name)}; {hint}{accepted}"


def _fault(name: str, value: Any, default: bool | int | float, least: float, most: float) -> str | None:
    """Return what is wrong with a value, if anything is."""
    is_switch = isinstance(value, bool | np.bool_)
    if isinstance(default, bool):
        return None if is_switch else f"{name} must be True or False, got {describe(value)}"
    whole = isinstance(default, int)
    plain = not (whole and isinstance(value, float) and not isinstance(value, np.floating))
    if plain and is_number(value) and least <= value <= most and (not whole or value == int(value)):
        return None
    accepted = f"from {least:g} to {most:g}" if isfinite(most) else f"≥ {least:g}"
    return (
        f"{name} must be {'an integer' if whole else 'a number'} {accepted}, got {describe(value)} (default: {default})"
    )

"""Checks of plain arguments: numbers, arrays of them, switches and choices."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from xrfsr.utils.describe import describe

__all__ = ["choice_faults", "is_dask", "is_integer", "is_number", "near_name", "numbers", "switch_faults"]

SIMILARITY = 0.65  # of a misspelt name; below, a hint would be a guess


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite real number, of Python or NumPy, and no bool.

    Examples
    --------
    >>> [is_number(value) for value in (1, np.float32(0.5), True, "4", float("nan"), 10**400)]
    [True, True, False, False, False, False]
    """
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False


def is_integer(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer of Python or NumPy, and no bool.

    Examples
    --------
    >>> [is_integer(value) for value in (1, np.int64(2), True, 1.0)]
    [True, True, False, False]
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_dask(value: object) -> bool:
    """Return whether a value is a Dask array; a quantity, which calls itself one, is none."""
    return hasattr(value, "__dask_graph__") and not hasattr(value, "magnitude")


def numbers(value: object, kinds: str = "iuf") -> NDArray[Any] | None:
    """Return a value as an array of numbers, or None if it is none.

    Parameters
    ----------
    value : object
        Array of any library, number, or nested sequence. A quantity is none: it would lose its unit.
    kinds : str
        Kinds of dtypes that are accepted, as NumPy names them: integers, unsigned integers and floats.

    Examples
    --------
    >>> numbers([1, 2]), numbers("4"), numbers([[1], [2, 3]])
    (array([1, 2]), None, None)
    """
    if hasattr(value, "magnitude"):
        return None
    try:
        array = np.asarray(value)
    # Lists of parts that differ in length; tensors on a GPU, or that need gradients.
    except (TypeError, ValueError, RuntimeError):
        return None
    return array if array.dtype.kind in kinds else None


def switch_faults(*, optional: bool = False, **switches: object) -> list[str]:
    """Return a fault for each argument that is neither True nor False (nor None, if that is accepted).

    Examples
    --------
    >>> switch_faults(overwrite="yes", silent=False)
    ["overwrite must be True or False, got 'yes'"]
    """
    accepted = "True, False or None" if optional else "True or False"
    return [
        f"{name} must be {accepted}, got {describe(value)}"
        for name, value in switches.items()
        if not (isinstance(value, bool | np.bool_) or (optional and value is None))
    ]


def choice_faults(name: str, value: object, choices: Sequence[str]) -> list[str]:
    """Return the fault of an argument that is none of several texts, in a list, or an empty list.

    Examples
    --------
    >>> choice_faults("metric", "pnsr", ["psnr", "rmse"])
    ["metric must be one of 'psnr', 'rmse', got 'pnsr'; did you mean 'psnr'?"]
    """
    if isinstance(value, str) and value in choices:
        return []
    near = near_name(value, choices)
    meant = f"; did you mean {near!r}?" if near else ""
    return [f"{name} must be one of {', '.join(map(repr, choices))}, got {describe(value)}{meant}"]


def near_name(value: object, choices: Sequence[str]) -> str:
    """Return the choice that a text resembles most, or an empty text.

    Examples
    --------
    >>> near_name("stpes", ["seed", "steps"]), near_name("nonsense", ["seed", "steps"])
    ('steps', '')
    """
    if not isinstance(value, str):
        return ""
    lower = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(value[:100].casefold(), lower, n=1, cutoff=SIMILARITY)
    return lower[near[0]] if near else ""

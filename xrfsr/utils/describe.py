"""Values in a few words, for messages: never the contents of an array, never more than a line."""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

__all__ = ["describe", "listing"]

LONGEST = 60  # characters of a text or a list that is shown
SHOWN = 6  # entries of a list that is shown
_ARRAYS = {"ndarray": "array", "MaskedArray": "array", "Tensor": "tensor", "Array": "array", "Index": "Index"}
_PLAIN = (numbers.Number, slice, range, datetime.date, datetime.timedelta)


def describe(value: object) -> str:
    """Describe what a caller passed.

    Parameters
    ----------
    value : object
        Anything. Arrays are not read.

    Returns
    -------
    str
        The value where it is a short text, number or list of these, and otherwise what it is: ``"an array of shape (3,
        4) and dtype float32"``, ``"a Dataset with intensity, valid"``, ``"a list of 1000 entries"``.

    Examples
    --------
    >>> describe(np.float64(0.5)), describe("4"), describe(["Ca-K", 26])
    ('0.5', "'4'", "['Ca-K', 26]")
    >>> describe(np.zeros((3, 4), "float32"))
    'an array of shape (3, 4) and dtype float32'
    >>> describe("Ca-K, " * 100)
    "'Ca-K, Ca-K, Ca-K, Ca-K, Ca-K...' (600 characters)"
    """
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value.dtype.kind in "biufcSU":
        value = value.item()
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str | bytes):
        return _text(value)
    if isinstance(value, PurePath):
        return _text(str(value))
    if isinstance(value, int) and value.bit_length() > 64:
        return f"an integer of about {round(value.bit_length() * 0.30103)} digits"  # str() refuses very long ones
    if isinstance(value, _PLAIN):
        return _cut(str(value))
    if isinstance(value, list | tuple | set | frozenset):
        return _entries(value)
    if isinstance(value, Mapping) and not hasattr(value, "dims"):
        return f"a {type(value).__name__} with {listing(value)}" if value else f"an empty {type(value).__name__}"
    return _thing(value)


def listing(values: Any, most: int = 12) -> str:
    """Join what `describe` makes of each value, texts without quotes, and count those that would make it long.

    Examples
    --------
    >>> listing(["Ca-K", "Pb-L"]), listing(range(100), most=3)
    ('Ca-K, Pb-L', '0, 1, 2 and 97 more')
    """
    every = list(values)
    shown = [_name(each) if isinstance(each, str) else describe(each) for each in every[:most]]
    rest = len(every) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _name(text: str) -> str:
    """Return a name, which may come from a file, without the control characters that terminals obey."""
    return _cut(text if text.isprintable() else ascii(text)[1:-1])


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}..."


def _text(value: str | bytes) -> str:
    if len(value) <= LONGEST:
        return repr(value)
    kind = "characters" if isinstance(value, str) else "bytes"
    start = repr(value[: LONGEST // 2])
    return f"{start[:-1]}...{start[-1]} ({len(value)} {kind})"


def _entries(value: Any) -> str:
    """Describe a list, tuple or set: its entries if they are few and plain."""
    kind = type(value).__name__
    if not value:
        return f"an empty {kind}"
    plain = all(each is None or isinstance(each, str | int | float | np.generic) for each in value)
    if plain and len(value) <= SHOWN:
        inside = ", ".join(describe(each) for each in value)
        opening, closing = {"list": ("[", "]"), "tuple": ("(", ")")}.get(kind, ("{", "}"))
        if len(inside) <= LONGEST:
            return f"{opening}{inside}{',' if kind == 'tuple' and len(value) == 1 else ''}{closing}"
    return f"a {kind} of {len(value)} {'entry' if len(value) == 1 else 'entries'}"


def _thing(value: Any) -> str:
    """Describe an object by its type, and by its shape or its names. Libraries that nobody imported stay unimported."""
    library, kind = type(value).__module__.partition(".")[0], _cut(type(value).__name__)
    if isinstance(value, type):
        return f"the class {_cut(value.__name__)}"
    if library == "xarray":
        return _of_xarray(kind, value)
    if library == "xrfsr":
        own = repr(value)
        return own if "\n" not in own and len(own) <= 2 * LONGEST else _with_article(kind)
    if library == "pint" and hasattr(value, "magnitude"):
        size = getattr(value.magnitude, "shape", ())
        unit = f"{value.units:~C}"
        return f"a quantity of shape {size} in {unit}" if size else f"{describe(value.magnitude)} {unit}"
    if library == "pandas":
        return f"a {kind} of shape {value.shape}" if hasattr(value, "shape") else _with_article(kind)
    if isinstance(getattr(value, "shape", None), tuple) and hasattr(value, "dtype"):
        name = "Dask array" if library == "dask" else _ARRAYS.get(kind, kind)
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{_with_article(name)} of shape {tuple(value.shape)} and dtype {dtype}"
    if callable(value):
        named = getattr(value, "__name__", "")
        return f"the function {_cut(named)}" if named else _with_article(kind)
    return _with_article(kind)


def _of_xarray(kind: str, value: Any) -> str:
    if hasattr(value, "data_vars"):  # Dataset and DataTree
        names = listing(value.data_vars, SHOWN)
        return f"a {kind} with {names}" if names else f"{_with_article(kind)} without variables"
    if hasattr(value, "dims") and hasattr(value, "sizes"):
        sizes = ", ".join(f"{_cut(str(name))}: {size}" for name, size in list(value.sizes.items())[:SHOWN])
        return f"a {kind} ({sizes})"
    return _with_article(kind)


def _with_article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"

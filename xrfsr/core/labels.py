"""Labels as a caller passes them: one text, or several in an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe

__all__ = ["as_argument", "label_list"]

SHOWN = 5  # labels of a fix
EXAMPLE = "such as lines=['Ca-K', 'Pb-L']"


def as_argument(labels: Sequence[str]) -> str:
    """Return labels as a list in code, for the fix in a message, or ``[...]`` where they are many.

    Examples
    --------
    >>> as_argument(["Ca-K"]), as_argument(["Ca-K"] * 6)
    ("['Ca-K']", '[...]')
    """
    return f"[{', '.join(map(describe, labels))}]" if len(labels) <= SHOWN else "[...]"


def label_list(labels: object) -> list[Any]:
    """Return labels as a list; whether each is a label is not checked.

    Parameters
    ----------
    labels : str or iterable of str
        One label, or several as a list, tuple, array or DataArray.

    Raises
    ------
    InvalidInput
        If they are none, or have no order.

    Examples
    --------
    >>> label_list("Ca-K"), label_list(("Ca-K", "Pb-L"))
    (['Ca-K'], ['Ca-K', 'Pb-L'])
    """
    if isinstance(labels, str):
        return [labels]
    if isinstance(labels, set | frozenset):
        raise InvalidInput(
            "line labels", [f"lines must have an order, got {describe(labels)}; pass a list of labels, {EXAMPLE}"]
        )
    given: Any = labels
    # A DataArray would iterate over further DataArrays.
    given = given.values if hasattr(given, "dims") and hasattr(given, "ndim") else given
    refused = isinstance(given, bytes | Mapping) or hasattr(given, "data_vars") or getattr(given, "ndim", 1) == 0
    if isinstance(given, Iterable) and not refused:
        try:
            return list(given)
        except TypeError:  # a quantity of one number calls itself iterable
            pass
    raise InvalidInput(
        "line labels", [f"lines must be a list of labels, got {describe(labels)}; pass labels, {EXAMPLE}"]
    )

"""Progress bars that are quiet where nobody looks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import TypeVar

__all__ = ["bar"]

T = TypeVar("T")


def bar(items: Iterable[T], label: str, show: bool | None = None) -> Iterable[T]:
    """Iterate with a tqdm bar.

    Parameters
    ----------
    items : iterable
    label : str
        What is going on.
    show : bool, optional
        Always or never; if not given, in a terminal or a notebook but not in a log file.
    """
    with warnings.catch_warnings():
        # In a notebook without ipywidgets tqdm falls back to text, and says so at every import.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    # A notebook's output stream says it is no terminal, but somebody looks at it.
    hide = not show if show is not None else (None if "ipykernel" not in sys.modules else False)
    shown: Iterable[T] = tqdm(items, desc=label, disable=hide, leave=False)
    return shown

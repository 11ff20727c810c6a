"""Progress bars that are quiet where nobody looks."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(total: int, label: str, show: bool | None = None) -> Iterator[Callable[[int], None]]:
    """A tqdm bar that is told how far things are.

    Parameters
    ----------
    total : int
        Steps in all.
    label : str
        What is going on.
    show : bool, optional
        Always or never; if not given, in a terminal or a notebook but not in a log file.

    Yields
    ------
    callable
        Called with the number of steps done so far.
    """
    with warnings.catch_warnings():
        # In a notebook without ipywidgets tqdm falls back to text, and says so at every import.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    # A notebook's output stream says it is no terminal, but somebody looks at it.
    hide = not show if show is not None else (None if "ipykernel" not in sys.modules else False)
    with tqdm(total=total, desc=label, disable=hide, leave=False) as bar:

        def advance(done: int) -> None:
            bar.update(done - bar.n)

        yield advance

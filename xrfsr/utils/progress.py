"""Progress bars that are silent where nobody would see them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(total: int, label: str, show: bool | None = None) -> Iterator[Callable[[int], None]]:
    """Show a tqdm bar during the block.

    Parameters
    ----------
    total : int
        Number of steps.
    label : str
        Description shown before the bar.
    show : bool, optional
        Whether to show the bar. By default it is shown in a terminal and a notebook, but not in a log file.

    Yields
    ------
    callable
        Function of the number of steps done so far, which updates the bar.
    """
    with warnings.catch_warnings():
        # In a notebook without ipywidgets, tqdm uses text instead, and warns at every import.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from tqdm.auto import tqdm
    # The output stream of a notebook is not a terminal, but its reader sees the bar.
    hide = not show if show is not None else (None if "ipykernel" not in sys.modules else False)
    with tqdm(total=total, desc=label, disable=hide, leave=False) as bar:

        def advance(done: int) -> None:
            bar.update(done - bar.n)

        yield advance

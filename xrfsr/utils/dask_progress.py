"""How many tasks of a Dask graph are done, in the line of progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xrfsr.utils.progress import progress_bar

__all__ = ["counted_tasks"]


@contextmanager
def counted_tasks(label: str) -> Iterator[list[Any]]:
    """Count the tasks of one computation, in a bar of their own or in that of what they are a part of.

    A cluster does not report single tasks here: its dashboard, or ``distributed.progress``, shows them.

    Parameters
    ----------
    label : str
        What the tasks make.

    Yields
    ------
    list
        Argument ``callbacks`` of ``.compute()``: one that counts, and those of the user, such as Dask's ProgressBar.
    """
    from dask.callbacks import Callback

    with progress_bar(2, label) as show:  # two at least, so that it is no single step
        done = 0

        def count(key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
            nonlocal done
            done += 1
            left = sum(len(state[name]) for name in ("waiting", "ready", "running"))
            show(done, total=done + left)

        # Of this computation alone: another thread may compute something at the same time.
        mine = Callback(posttask=count)._callback  # type: ignore[no-untyped-call]
        yield [mine, *Callback.active]

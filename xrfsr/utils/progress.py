"""Progress in one line, wherever somebody sees it: a terminal or a notebook, and no log file.

What runs within something else is shown in the same line: ``compare:  20%|██ | 2/10 [00:21<01:20], gsa, tile 3/16``.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from xrfsr.utils.cell_bar import new_bar
from xrfsr.utils.interactive import is_notebook

__all__ = ["Advance", "progress_bar", "stage"]

DELAY = 1.0  # seconds before a line appears that nobody asked for: what is done by then needs none
SINGLE = "{desc} [{elapsed}]{postfix}"
FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"

_quiet: ContextVar[bool] = ContextVar("xrfsr_quiet", default=False)
_lock = threading.RLock()
_open: _Line | None = None  # of all threads: two lines would overwrite each other


@dataclass(eq=False)
class _Task:
    """Something that is under way; with a total of 0 it is only a name for what is within it."""

    label: str
    total: int
    done: int = 0

    def __str__(self) -> str:
        return f"{self.label} {self.done}/{self.total}" if self.total > 1 else self.label


class Advance(Protocol):
    """Function that says how far something is."""

    def __call__(self, done: int, label: str = "", total: int = 0) -> None:
        """Show the steps done so far, and a new label and a new total if they are given."""


class _Line:
    """The line, which shows the first task of several steps as a bar, and what is within it as words."""

    def __init__(self, label: str, delay: float) -> None:
        self.label, self.tasks = label, list[_Task]()
        self._started, self._delay = time.monotonic(), delay
        self._bar: Any = None
        self._main: _Task | None = None
        self._timer = threading.Timer(delay, self.refresh)
        self._timer.daemon = True
        if delay:
            self._timer.start()

    def refresh(self) -> None:
        """Show the tasks, if it is time for that."""
        with _lock, suppress(Exception):  # a closed stream or a lost notebook does not end a computation
            # A single step has no share that could be shown, unless there is nothing else.
            main = next((task for task in self.tasks if task.total > 1), None)
            main = main or next((task for task in reversed(self.tasks) if task.total), None)
            if main is None or time.monotonic() - self._started < self._delay:
                return
            if self._bar is None:
                self._bar = new_bar(FORMAT, in_cell=is_notebook())
                self._bar.delay = 0  # which only kept it from appearing empty
            bar = self._bar
            inner = ", ".join(str(task) for task in self.tasks[self.tasks.index(main) + 1 :] if task.total)
            bar.bar_format = FORMAT if main.total > 1 else SINGLE
            bar.set_postfix_str(inner, refresh=False)
            bar.set_description_str(main.label, refresh=False)
            if main is self._main:
                bar.total = main.total
                bar.update(main.done - bar.n)
                return
            self._main = main
            bar.reset(main.total)
            bar.update(main.done)
            bar.refresh()

    def close(self, outcome: str) -> None:
        """Clear the line in a terminal; in a notebook leave one that says how long it took."""
        self._timer.cancel()
        with _lock, suppress(Exception):
            if self._bar is not None:
                self._bar.refresh()  # the last steps, which may have been too quick to be shown
                self._bar.start_t -= max(0.0, time.monotonic() - self._started - self._bar.format_dict["elapsed"])
                self._bar.set_postfix_str("", refresh=False)
                self._bar.set_description_str(self.label, refresh=False)
                self._bar.bar_format = f"{{desc}}: {outcome} {{elapsed}}"
                self._bar.close()


@contextmanager
def progress_bar(total: int, label: str, show: bool | None = None) -> Iterator[Advance]:
    """Show how far the block is, in the line of what it is a part of, or in a line of its own.

    Parameters
    ----------
    total : int
        Number of steps. With 0, only what is within the block is shown.
    label : str
        What is done, shown before the bar.
    show : bool, optional
        Whether to show it, and what is within the block. By default it is shown if the block takes a second or more, in
        a terminal and a notebook, but not in a log file and not in processes that work for another.

    Yields
    ------
    callable
        Function of the number of steps done so far, and optionally of a new label and a new total.
    """
    global _open
    quiet = show is False or (_quiet.get() and show is None)
    with _lock:
        line, mine = _open, False
        if not quiet and line is None and _is_seen(show):
            line = _open = _Line(label, 0.0 if show else DELAY)
            mine = True
    if quiet or line is None:
        token = _quiet.set(quiet or _quiet.get())
        try:
            yield _ignore
        finally:
            _quiet.reset(token)
        return
    task, outcome = _Task(label, total), "stopped after"
    shown = line

    def advance(done: int, label: str = "", total: int = 0) -> None:
        task.done, task.label, task.total = done, label or task.label, total or task.total
        shown.refresh()

    try:
        with _lock:
            line.tasks.append(task)
        line.refresh()
        yield advance
        outcome = "done in"
    finally:
        with _lock:
            line.tasks.remove(task)
            if mine:
                _open = None
        if mine:
            line.close(outcome)


@contextmanager
def stage(label: str) -> Iterator[None]:
    """Name what the block does, in the line of what it is a part of."""
    with progress_bar(1, label):
        yield


def _ignore(done: int, label: str = "", total: int = 0) -> None:
    """Show nothing."""


def _is_seen(show: bool | None) -> bool:
    """Return whether somebody sees a line, or asked for it."""
    if show is not None:
        return show
    if multiprocessing.parent_process() is not None or _is_dask_worker():
        return False
    return is_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def _is_dask_worker() -> bool:
    """Return whether this thread works for a Dask cluster, whose client shows what is done."""
    if (distributed := sys.modules.get("distributed")) is None:
        return False
    try:
        distributed.get_worker()
    except (AttributeError, ValueError):  # half imported, or no worker
        return False
    return True

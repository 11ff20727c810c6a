"""Threads on a CPU: who takes what work, and the number of threads that torch takes within each.

Networks of an ensemble share nothing, so they are best trained side by side: products of this size leave little to
divide among the threads of one, which wait for each other at every step, and wait long if another program holds a core.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch

__all__ = ["available", "cancel_on", "limit_threads", "parallel_map", "round_robin", "run_threads", "threads_for"]

T = TypeVar("T")
TICK = 0.1  # seconds between looks at how far the workers are

_limit: ContextVar[int | None] = ContextVar("threads", default=None)
_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)
_lock = threading.Lock()
_running = 0
_usual = 1


@contextmanager
def limit_threads(threads: int) -> Iterator[None]:
    """What is computed within the block takes no more threads: others share the machine."""
    token = _limit.set(threads)
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def cancel_on(stop: threading.Event) -> Iterator[None]:
    """What is run within the block is interrupted once `stop` is set: by a thread that cannot be interrupted itself."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


def available() -> int:
    """How many threads there are for what is computed here."""
    with _lock:
        total = _usual if _running else torch.get_num_threads()
    limit = _limit.get()
    return total if limit is None else max(1, min(limit, total))


def threads_for(workers: int) -> int:
    """How many threads torch should take in each of several workers."""
    return max(1, available() // workers)


def run_threads(
    tasks: Sequence[Callable[[threading.Event], None]], watch: Callable[[], None] = lambda: None
) -> KeyboardInterrupt | None:
    """Run tasks at the same time, each in a thread of its own.

    Parameters
    ----------
    tasks : sequence of callable
        Each is handed an event, and should return soon after it is set.
    watch : callable
        Called by the waiting thread a few times a second, and at the end.

    Returns
    -------
    KeyboardInterrupt or None
        The interruption from the keyboard that made the tasks stop early.

    Raises
    ------
    Exception
        The first one that a task raised, after all have stopped.
    """
    stop = threading.Event()
    # Not `Thread.join`: interrupted, it takes the thread for ended (Python 3.11 and 3.12).
    ended = [threading.Event() for _ in tasks]
    failures: list[BaseException] = []
    each = threads_for(len(tasks))

    def work(task: Callable[[threading.Event], None], end: threading.Event) -> None:
        try:
            torch.set_num_threads(each)  # of this thread
            task(stop)
        except BaseException as error:
            failures.append(error)
            stop.set()
        finally:
            end.set()

    interruption: KeyboardInterrupt | None = None
    told = _stop.get()
    with _counted():
        for task, end in zip(tasks, ended, strict=True):
            threading.Thread(target=work, args=(task, end), daemon=True).start()
        while not all(end.is_set() for end in ended):
            try:
                for end in ended:
                    end.wait(TICK / len(ended))
                watch()
                if told is not None and told.is_set() and not stop.is_set():
                    raise KeyboardInterrupt
            except KeyboardInterrupt as error:
                # Between two steps, never within one, which would leave parameters half updated.
                interruption = error
                stop.set()
    if failures:
        raise failures[0]
    watch()
    return interruption


def parallel_map(items: Iterable[T], work: Callable[[T], None], workers: int) -> None:
    """Call `work` for every item, without gradients, by several threads that take the next one when they are ready.

    Raises
    ------
    Exception
        The first one that `work` raised, or the interruption from the keyboard.
    """
    waiting = iter(items)
    one_at_a_time = threading.Lock()

    def task(stop: threading.Event) -> None:
        with torch.inference_mode():
            while not stop.is_set():
                with one_at_a_time:
                    try:
                        item = next(waiting)
                    except StopIteration:
                        return
                work(item)

    if interruption := run_threads([task] * workers):
        raise interruption


def round_robin(
    items: Sequence[T],
    turn: Callable[[T], bool],
    how_far: Callable[[T], float],
    watch: Callable[[], None] = lambda: None,
) -> KeyboardInterrupt | None:
    """Bring items forward together, by no more threads than there are for them, however many items there are.

    A thread that is ready takes the item that is the least advanced of those nobody holds.

    Parameters
    ----------
    items : sequence
    turn : callable
        Brings an item a little forward, and returns whether there is more to do to it.
    how_far : callable
        How advanced an item is.
    watch
        See `run_threads`, whose outcome is returned.
    """
    waiting, change = list(items), threading.Lock()

    def task(stop: threading.Event) -> None:
        while not stop.is_set():
            with change:
                if not waiting:
                    return  # those that others hold are the last
                item = min(waiting, key=how_far)
                waiting.remove(item)
            if turn(item):
                with change:
                    waiting.append(item)

    return run_threads([task] * min(available(), len(items)), watch)


@contextmanager
def _counted() -> Iterator[Any]:
    """Restore the number of threads that new threads start with, once no worker is left that sets its own."""
    global _running, _usual
    with _lock:
        if not _running:
            _usual = torch.get_num_threads()
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running:
                torch.set_num_threads(_usual)

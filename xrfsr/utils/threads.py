"""Threads on a CPU: how work is divided among them, and the number of threads that PyTorch uses within each.

Networks of an ensemble share nothing, so they are best trained at the same time, each by one thread: their matrix
products are too small to be divided, and the threads of one product would wait for each other at every step, and wait
long if another program occupies a core.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar

import torch

from xrfsr.utils.fork import check_fork, note_threads
from xrfsr.utils.process_settings import ProcessSetting

__all__ = ["available", "cancel_on", "limit_threads", "parallel_map", "round_robin", "run_threads", "threads_for"]

T = TypeVar("T")
TICK = 0.1  # seconds between checks of the workers
# Seconds after which a thread that waits for Python's lock demands it. A training step is a few matrix products, which
# need no lock, and many small operations, between which a thread can take the lock again before others wake up. With
# Python's 5 ms, longer than half a step, two threads used 1.65 cores; with this they use 1.9.
SWITCH = 1e-4

_limit: ContextVar[int | None] = ContextVar("threads", default=None)
_cancelled: ContextVar[threading.Event | None] = ContextVar("cancelled", default=None)
# The number with which new threads start. Workers set their own, and PyTorch passes it on to threads that start later.
_thread_count = ProcessSetting(torch.get_num_threads, torch.set_num_threads)
_switch_interval = ProcessSetting(sys.getswitchinterval, sys.setswitchinterval)


@contextmanager
def limit_threads(threads: int) -> Iterator[None]:
    """Limit the computations in the block to `threads` threads, because others share the machine."""
    token = _limit.set(threads)
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def cancel_on(stop: threading.Event) -> Iterator[None]:
    """Interrupt what runs in the block once `stop` is set.

    For threads other than the main one, which an interruption from the keyboard does not reach.
    """
    token = _cancelled.set(stop)
    try:
        yield
    finally:
        _cancelled.reset(token)


def available() -> int:
    """Return the number of threads available to a computation that starts here."""
    total = _thread_count.outside
    limit = _limit.get()
    return total if limit is None else max(1, min(limit, total))


def threads_for(workers: int) -> int:
    """Return the number of threads that PyTorch should use in each of several workers."""
    return max(1, available() // workers)


def run_threads(
    tasks: Sequence[Callable[[threading.Event], None]], watch: Callable[[], None] = lambda: None
) -> KeyboardInterrupt | None:
    """Run tasks at the same time, each in a thread of its own.

    Parameters
    ----------
    tasks : sequence of callable
        Functions of an event; each should return soon after the event is set.
    watch : callable
        Function that the waiting thread calls a few times a second, and at the end.

    Returns
    -------
    KeyboardInterrupt or None
        Interruption from the keyboard that made the tasks stop early.

    Raises
    ------
    Exception
        First one that a task raised, after all have stopped.
    InvalidInput
        In a forked process in which the threads would wait forever; see `xrfsr.utils.fork`.
    """
    check_fork()
    note_threads()
    stop, cancelled = threading.Event(), _cancelled.get()
    failures: list[BaseException] = []

    def work(task: Callable[[threading.Event], None]) -> None:
        try:
            task(stop)
        except BaseException as error:
            failures.append(error)
            stop.set()

    interruption: KeyboardInterrupt | None = None
    workers = len(tasks)
    each = (threads_for(workers),)  # a setting of each thread
    with (
        _thread_count.restored(),
        _switch_interval.restored(),
        ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=each) as pool,
        ExitStack() as end,
    ):
        end.callback(stop.set)  # or an error here would wait for tasks that nobody stops
        sys.setswitchinterval(min(SWITCH, sys.getswitchinterval()))
        futures = [pool.submit(work, task) for task in tasks]
        while not all(future.done() for future in futures):
            try:
                for future in futures:
                    # Not `wait(futures)`: an interruption while it takes their locks would leave them taken.
                    with suppress(TimeoutError):
                        future.result(TICK / workers)
                watch()
                if cancelled is not None and cancelled.is_set() and not stop.is_set():
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
    """Call `work` for every item, without gradients, in several threads that each take the next item when ready.

    Raises
    ------
    Exception
        First one that `work` raised, or the interruption from the keyboard.
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
    """Advance items together, in no more threads than are available, however many items there are.

    A thread that is ready takes the least advanced of the items that no other thread holds.

    Parameters
    ----------
    items : sequence
    turn : callable
        Function that advances an item a little, and returns whether more remains to be done.
    how_far : callable
        Function that returns how advanced an item is.
    watch : callable
        See `run_threads`.

    Returns
    -------
    KeyboardInterrupt or None
        See `run_threads`.
    """
    waiting, change = list(items), threading.Lock()

    def task(stop: threading.Event) -> None:
        while not stop.is_set():
            with change:
                if not waiting:
                    return  # the last items are held by other threads
                item = min(waiting, key=how_far)
                waiting.remove(item)
            if turn(item):
                with change:
                    waiting.append(item)

    return run_threads([task] * min(available(), len(items)), watch)

"""How far the memory of this process rises while something is computed."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

__all__ = ["peak_memory"]

LOOK = 0.01  # seconds between looks at the memory


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """Measure the memory that a block needs at its peak beyond what was held before, in MB."""
    _trim_heap()
    process, over = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    held = [0.0]

    def look() -> None:
        while not over.wait(LOOK):
            held[0] = max(held[0], (process.memory_info().rss - before) / 1e6)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield held
    finally:
        over.set()
        watcher.join()


def _trim_heap() -> None:
    """Trim the heap so that the next peak starts from a true baseline."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # where the C library is not that of GNU
        ctypes.CDLL(None).malloc_trim(0)

"""Settings of the whole process that overlapping computations change, and that the last one restores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["ProcessSetting"]

T = TypeVar("T")


class ProcessSetting(Generic[T]):
    """Setting of the process, restored when the last of several overlapping blocks ends.

    Parameters
    ----------
    read : callable
        Function that returns the value.
    write : callable
        Function that sets the value.

    Examples
    --------
    >>> values = {"threads": 8}
    >>> setting = ProcessSetting(lambda: values["threads"], lambda value: values.update(threads=value))
    >>> with setting.restored():
    ...     values["threads"] = 1
    ...     setting.outside
    8
    >>> values["threads"]
    8
    """

    def __init__(self, read: Callable[[], T], write: Callable[[T], object]) -> None:
        self._read, self._write = read, write
        self._lock = threading.Lock()
        self._blocks = 0
        self._before: T

    @property
    def outside(self) -> T:
        """Value outside all blocks."""
        with self._lock:
            return self._before if self._blocks else self._read()

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Restore the value when no block is left."""
        with self._lock:
            if not self._blocks:
                self._before = self._read()
            self._blocks += 1
        try:
            yield
        finally:
            with self._lock:
                self._blocks -= 1
                if not self._blocks:
                    self._write(self._before)

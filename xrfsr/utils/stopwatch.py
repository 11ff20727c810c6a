"""How long the parts of a computation take, without a clock in the arguments of every function."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["measured", "timed"]

_seconds: ContextVar[dict[str, float] | None] = ContextVar("xrfsr_seconds", default=None)


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Collect the seconds of the parts that `timed` names within the block, in this thread.

    Examples
    --------
    >>> with measured() as seconds:
    ...     with timed("training"):
    ...         pass
    >>> list(seconds)
    ['training']
    """
    seconds: dict[str, float] = {}
    token = _seconds.set(seconds)
    try:
        yield seconds
    finally:
        _seconds.reset(token)


@contextmanager
def timed(part: str) -> Iterator[None]:
    """Add the time that the block takes to a part, if somebody measures."""
    started = time.monotonic()
    try:
        yield
    finally:
        seconds = _seconds.get()
        if seconds is not None:
            seconds[part] = seconds.get(part, 0.0) + time.monotonic() - started

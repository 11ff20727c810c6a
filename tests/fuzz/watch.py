"""Counts how often anything opens a file in a folder, in Python or in a library below it (Linux)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["opened_in"]

IN_OPEN, IN_NONBLOCK, IN_ISDIR = 0x20, 0o4000, 0x40000000
HEAD = 16  # bytes of an event before its name


@contextmanager
def opened_in(folder: Path) -> Iterator[list[str]]:
    """Collect the names of the files in a folder that are opened in the block; the list is complete after its end."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(IN_NONBLOCK)
    if watch < 0 or libc.inotify_add_watch(watch, os.fsencode(folder), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "this system cannot watch a folder")
    found: list[str] = []
    try:
        yield found
        while True:
            try:
                events = os.read(watch, 1 << 16)
            except BlockingIOError:
                break
            while events:
                mask, size = (int.from_bytes(events[at : at + 4], "little") for at in (4, 12))
                if not mask & IN_ISDIR:
                    found.append(events[HEAD : HEAD + size].rstrip(b"\0").decode())
                events = events[HEAD + size :]
    finally:
        os.close(watch)

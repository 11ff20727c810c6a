"""What a test counts in place of seconds: bytes that this process reads, and memory that it takes."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

IO = Path("/proc/self/io")


@dataclass
class Spent:
    """What a block took.

    Attributes
    ----------
    read : int
        Bytes read from files; 0 where the system does not count them (it is Linux that does). Files that are mapped
        into memory are not counted.
    allocated : int
        The most memory that Python and NumPy held for it at a time, in bytes. That of libraries below them is not
        counted: it depends on the machine.
    """

    read: int = 0
    allocated: int = 0


@contextmanager
def spent() -> Iterator[Spent]:
    """Count within the block; the result is complete after its end."""
    result, before = Spent(), _bytes_read()
    tracemalloc.start()
    try:
        yield result
    finally:
        result.allocated = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        result.read = _bytes_read() - before


def _bytes_read() -> int:
    if not IO.is_file():
        return 0
    found = re.search(r"rchar: (\d+)", IO.read_text("ascii"))
    assert found is not None
    return int(found[1])

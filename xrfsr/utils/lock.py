"""A lock on a file that one process at a time can hold, and that ends with the process, however it ends."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["HeldError", "exclusive_lock"]

FAR = 1 << 30


class HeldError(Exception):
    """Raised if another process holds the lock; the text names that process, where it is known."""


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a lock file during the block, and remove it at the end.

    The operating system frees the lock of a process that was killed. The file is then left, and has no effect.

    Parameters
    ----------
    path : Path
        File to make, which nothing else uses.

    Raises
    ------
    HeldError
        If another process, or this one, holds the lock.
    OSError
        If the file cannot be made.
    """
    descriptor = _acquire(path)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()} since {time.ctime()}".encode())
        yield
    finally:
        with suppress(OSError):  # first, so that nobody can hold a file that has no name
            path.unlink()
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
        try:
            if not _try_lock(descriptor):
                os.lseek(descriptor, 0, os.SEEK_SET)
                holder = os.read(descriptor, 200).decode("utf-8", "replace")
                raise HeldError(holder or "another process")
            with suppress(FileNotFoundError):
                # The holder may have removed the file after it was opened here; then another file has its name.
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        os.lseek(descriptor, FAR, os.SEEK_SET)  # a locked byte cannot be read
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Python file for h5py that defers disk errors until HDF5 has closed it.

HDF5 cannot abandon a file after a failed write: it tries again when the file is closed or garbage-collected or when the
program ends, and then the whole program crashes. This file keeps such an error until HDF5 has closed it, and raises it
then.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

__all__ = ["Hdf5File"]


class Hdf5File:
    """New file with the methods that h5py requires of a Python file, none of which raises a disk error.

    Examples
    --------
    >>> import h5py, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Hdf5File(Path(folder, "maps.h5")) as raw, h5py.File(raw, "w") as file:
    ...         file["counts"] = [1, 2, 3]
    ...         raw.check()
    ...     with h5py.File(Path(folder, "maps.h5")) as file:
    ...         file["counts"][:].tolist()
    [1, 2, 3]
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b", buffering=0)
        self._error: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise the first disk error, if there was one."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        """Write all of `data`, or keep the error."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._error = self._error or error
        return size

    def readinto(self, buffer: Any) -> int:
        """Fill all of `buffer`, with zeros beyond the end of the file."""
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def read(self, size: int) -> bytes:
        """Read the next `size` bytes."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def truncate(self, size: int) -> int:
        """Change the length of the file to `size`, or keep the error."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the current position."""
        return self._file.tell()

    def flush(self) -> None:
        """Do nothing, because the file is unbuffered."""

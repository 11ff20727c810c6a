"""The file that HDF5 writes to, which keeps the errors of the disk from it.

HDF5 cannot give up a file that it failed to write: it tries again when the file is closed, forgotten or the program
ends, and then the whole program crashes. Here such an error is kept until HDF5 has closed the file, and raised then.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

__all__ = ["Hdf5File"]


class Hdf5File:
    """A new file with the methods that h5py asks of a Python file, none of which fails.

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
        """Raise the first error of the disk, if there was one."""
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        """Write all of `data`, or remember why not."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._error = self._error or error
        return size

    def readinto(self, buffer: Any) -> int:
        """Fill all of `buffer`, with zeros where nothing could be written."""
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view) or 0
        view[count:] = bytes(len(view) - count)
        return len(view)

    def read(self, size: int) -> bytes:
        """The next `size` bytes."""
        made = bytearray(size)
        self.readinto(made)
        return bytes(made)

    def truncate(self, size: int) -> int:
        """Make the file so long, or remember why not."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._file.tell()

    def flush(self) -> None:
        """Nothing is held back."""

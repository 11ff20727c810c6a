"""Lazy arrays for xarray that read a window of a file when its values are requested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xrfsr.errors import InvalidInput
from xrfsr.io.source import Source

__all__ = ["LazyMaps", "LazyMask", "unreadable_message"]


def unreadable_message(what: str, error: BaseException | str) -> str:
    """Return the message for something that cannot be read, with the reason and the fix.

    Parameters
    ----------
    what : str
        Name of the file or variable, in quotes.
    error : exception or str
        Reason.
    """
    reason = " ".join(str(error).split()) or type(error).__name__
    if len(reason) > 300:
        reason = reason[:300] + " ..."
    if isinstance(error, MemoryError):
        reason = "not enough memory"
    if isinstance(error, OSError) and ("lock" in reason or "already open" in reason or "used by another" in reason):
        return f"{what} cannot be read ({reason}): it is open for writing; close it in the program that has it open"
    return f"{what} cannot be read ({reason}): it is damaged, incomplete or changed; copy or export it again"


class _LazyArray(BackendArray):
    """Lazy array whose errors name the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __init__(self, path: Path, source: Source) -> None:
        self.path, self.source = path, source

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._window)

    def _window(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        raise NotImplementedError

    def _read(self, maps: list[int], y: slice, x: slice) -> NDArray[Any]:
        shape = (len(maps), len(range(*y.indices(self.shape[-2]))), len(range(*x.indices(self.shape[-1]))))
        if 0 in shape:
            return np.zeros(shape, np.float32)
        try:
            values = np.asarray(self.source.read(maps, y, x))
        except InvalidInput:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise InvalidInput("file", [unreadable_message(f"'{self.path}'", error)]) from error
        if values.shape != shape:
            raise InvalidInput(
                "file",
                [
                    f"'{self.path}' returned values of shape {values.shape}, expected {shape}: it is incomplete or has "
                    "changed since it was opened; open it again"
                ],
            )
        return values


class LazyMaps(_LazyArray):
    """Maps (line, y, x) as float32.

    Parameters
    ----------
    path : Path
        File named in messages.
    source : Source
        Source of the maps.
    count : int
        Number of maps.
    shape : (int, int)
        Number of rows and columns.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path: Path, source: Source, count: int, shape: tuple[int, int]) -> None:
        super().__init__(path, source)
        self.shape = (count, *shape)

    def _window(self, key: tuple[int | slice, ...]) -> NDArray[np.float32]:
        line, y, x = (slice(k, k + 1) if isinstance(k, int | np.integer) else k for k in key)
        values = self._read(list(range(*line.indices(self.shape[0]))), y, x)
        with np.errstate(over="ignore"):  # values beyond float32 become infinite, and the scan check reports them
            values = values.astype(np.float32, copy=False)
        return np.asarray(values[tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)])


class LazyMask(_LazyArray):
    """Mask (y, x) as bool: true where the file holds a nonzero number.

    Parameters
    ----------
    path : Path
        File named in messages.
    source : Source
        Source of the mask.
    shape : (int, int)
        Number of rows and columns.
    """

    dtype = np.dtype(np.bool_)

    def __init__(self, path: Path, source: Source, shape: tuple[int, int]) -> None:
        super().__init__(path, source)
        self.shape = shape

    def _window(self, key: tuple[int | slice, ...]) -> NDArray[np.bool_]:
        y, x = (slice(k, k + 1) if isinstance(k, int | np.integer) else k for k in key)
        values = self._read([0], y, x)[0]
        valid = (values != 0) & (values == values)  # NaN is nonzero but invalid
        return np.asarray(valid[tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)])

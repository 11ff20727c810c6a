"""Paths as they come from a caller."""

from __future__ import annotations

import os
from pathlib import Path

from xrfsr.errors import InvalidInput

__all__ = ["entries", "local_path"]


def local_path(path: object, what: str) -> Path:
    """The path that was handed over, as a Path.

    Parameters
    ----------
    path : object
        What a caller gave: text or anything with ``__fspath__``.
    what : str
        What the path should lead to, for the message, such as ``"the path of a TIFF file"``.

    Raises
    ------
    InvalidInput
        If it is no path at all: None, a number, bytes, or nothing but blanks, which would mean the working folder.

    Examples
    --------
    >>> local_path("maps/Ca-K.tif", "the path of a TIFF file").name
    'Ca-K.tif'
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise InvalidInput("path", [f"path is {path!r}; give {what}, as text or pathlib.Path"])
    return Path(text)


def entries(folder: Path, wanted: str) -> list[str]:
    """The names in a folder.

    Parameters
    ----------
    folder : Path
    wanted : str
        What to do about it if there is no such folder, for the message.

    Raises
    ------
    InvalidInput
        If it does not exist, is a file, or cannot be read.
    """
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        problem = f"does not exist; {wanted}"
    except NotADirectoryError:
        problem = f"is a file; {wanted}"
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); see who may read it, or {wanted}"
    raise InvalidInput("folder", [f"'{folder}' {problem}"])

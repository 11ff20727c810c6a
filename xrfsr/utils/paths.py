"""Checks of paths that a caller passes."""

from __future__ import annotations

import os
from pathlib import Path

from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe

__all__ = ["entries", "local_path"]

LONGEST = 4096  # characters; no system opens a longer path, and messages repeat it


def local_path(path: object, what: str) -> Path:
    """Convert what a caller passed as a path to a `Path`.

    Parameters
    ----------
    path : object
        Text or an object with ``__fspath__``; anything else is refused.
    what : str
        Description of the expected path for the message, such as ``"the path of a TIFF file"``.

    Raises
    ------
    InvalidInput
        If it is not a path: None, a number, bytes, or blanks alone, which would mean the working folder.

    Examples
    --------
    >>> local_path("maps/Ca-K.tif", "the path of a TIFF file").name
    'Ca-K.tif'
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise InvalidInput("path", [f"path must be text or a pathlib.Path, got {describe(path)}; pass {what}"])
    if len(text) > LONGEST:
        raise InvalidInput("path", [f"path must have at most {LONGEST} characters, got {describe(text)}; pass {what}"])
    return Path(text)


def entries(folder: Path, wanted: str) -> list[str]:
    """Return the names of the files and folders in a folder.

    Parameters
    ----------
    folder : Path
    wanted : str
        Fix for the message if there is no such folder, such as ``"name the folder of the maps"``.

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
        problem = f"cannot be read ({error.strerror}); check its permissions, or {wanted}"
    raise InvalidInput("folder", [f"'{folder}' {problem}"])

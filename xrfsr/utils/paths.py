"""Checks of paths that a caller passes."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path

from xrfsr.errors import InvalidInput
from xrfsr.utils.describe import describe

__all__ = ["absence", "entries", "local_path"]

# No system opens longer paths, and messages repeat them.
LONGEST, LONGEST_NAME = 4096, 255
# A path of pathlib has lost one of the two slashes of an address.
ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):(?P<rest>//.*)", re.IGNORECASE | re.DOTALL)
SHORTENED = re.compile(
    r"(?P<scheme>https?|ftps?|s3a?|gs|gcs|abfss?|az|file|sftp|ssh|hdfs|webdavs?|doi):(?P<rest>/[^/].*)"
)


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
        If it is not a path: None, a number, bytes, blanks alone, which would mean the working folder, or an address
        such as ``"https://..."``.

    Examples
    --------
    >>> local_path("maps/Ca-K.tif", "the path of a TIFF file").name
    'Ca-K.tif'
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise InvalidInput("path", [f"path must be text or a pathlib.Path, got {describe(path)}; pass {what}"])
    try:
        names = [len(os.fsencode(name)) for name in text.split(os.sep)]
    except UnicodeEncodeError:
        raise InvalidInput("path", [f"path must be text of whole characters, got {text[:60]!a}; pass {what}"]) from None
    if fault := _address_fault(text):
        raise InvalidInput("path", [f"{fault}; pass {what}"])
    if len(text) > LONGEST or max(names) > LONGEST_NAME:
        limits = f"at most {LONGEST} characters, and {LONGEST_NAME} bytes a name"
        raise InvalidInput("path", [f"path must have {limits}, got {describe(text)}; pass {what}"])
    return Path(text)


def _address_fault(text: str) -> str:
    """Return why an address is no path, and what to do, or an empty text if it is none."""
    match = ADDRESS.fullmatch(text) or SHORTENED.fullmatch(text)
    if match is None or os.path.lexists(text):
        return ""
    scheme = match["scheme"].lower()
    lost = "" if match["rest"].startswith("//") else "//" if scheme == "file" else "/"
    shown = f"{scheme}:{lost}{match['rest']}"
    said = f"path must be on this machine, got the address {describe(shown)}"
    if scheme == "file":
        return f"{said}; leave out 'file://'"
    if scheme in ("http", "https", "ftp", "ftps"):
        load = f"curl -LO '{shown}'" if len(shown) < 200 else "curl -LO"
        return f"{said}; download it first, for example with {load}, or upload a result when it is written"
    return (
        f"{said}; copy it here first, for example with fsspec.filesystem('{scheme}').get(...), or upload a result when "
        "it is written"
    )


def absence(path: Path) -> str:
    """Return why nothing is at a path, with the nearest name that is there, or an empty text if something is.

    Examples
    --------
    >>> absence(Path("nowhere/maps.h5"))
    "'nowhere/maps.h5' does not exist, nor does the folder 'nowhere'"
    """
    try:
        if path.exists() or path.is_symlink():
            return ""
        for parent in path.parents:
            if parent.is_dir():
                break
            if parent.exists():
                return f"'{path}' does not exist, because '{parent}' is a file and no folder"
        if parent != path.parent:
            return f"'{path}' does not exist, nor does the folder '{path.parent}'"
        near = get_close_matches(path.name, os.listdir(parent), n=1, cutoff=0.7)
    except OSError:  # a name that is too long, or a folder that may not be read
        near = []
    meant = f" (did you mean '{path.with_name(near[0])}'?)" if near else ""
    return f"'{path}' does not exist{meant}"


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

"""Files in a folder that may come from elsewhere: only regular files of that folder are read, and only ours replaced.

A folder from elsewhere may hold symbolic links to any file, or devices and pipes that never end.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from xrfsr.errors import InvalidInput
from xrfsr.utils.stand_ins import MAX_POINTER_BYTES, pointer_fault

__all__ = ["read_limited", "regular_file", "replace_file"]


def regular_file(folder: Path, name: str, *, links: bool = True) -> Path:
    """Return the path of a regular file in a folder, with symbolic links resolved.

    Parameters
    ----------
    folder : Path
        Folder; it may itself be a symbolic link.
    name : str
        Name of the file in it.
    links : bool
        Whether the file may be a symbolic link to another file in the folder.

    Raises
    ------
    InvalidInput
        If there is no such file, it is a device, a pipe or a folder, or a symbolic link that leads out of the folder.
    """
    path = folder / name
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            target = path.resolve(strict=True)
            if not links or not target.is_relative_to(folder.resolve(strict=True)):
                where = "" if not links else ", out of the folder"
                raise InvalidInput(
                    "file", [f"'{path}' is a symbolic link to '{target}'{where}; put the file itself in its place"]
                )
            path, mode = target, os.lstat(target).st_mode
    except FileNotFoundError:
        raise InvalidInput("file", [f"'{path}' does not exist"]) from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput("file", [f"'{path}' cannot be read ({reason})"]) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
        raise InvalidInput("file", [f"'{path}' is {kind}; a file is needed"])
    return path


def read_limited(path: Path, most: int) -> bytes:
    """Read a file of at most `most` bytes; opening it never waits.

    Raises
    ------
    InvalidInput
        If it is larger, or cannot be read.
    """
    # A pipe that has taken the place of the file since it was checked opens at once, and holds nothing.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            content = file.read(min(os.fstat(file.fileno()).st_size, most) + 1)
    except OSError as error:
        raise InvalidInput("file", [f"'{path}' cannot be read ({error.strerror or error})"]) from error
    if len(content) <= MAX_POINTER_BYTES and (pointer := pointer_fault(content, path.name)):
        raise InvalidInput("file", [f"'{path}' {pointer}"])
    if len(content) > most:
        raise InvalidInput("file", [f"'{path}' must have at most {most:,} bytes, got more"])
    return content


def replace_file(path: Path, content: bytes) -> None:
    """Write a file completely or not at all, in place of an earlier regular file.

    It is written under another name first, ``.NAME.new``, in place of one that a killed program left.

    Raises
    ------
    InvalidInput
        If `path`, or the other name, is a symbolic link or no regular file; neither is touched then.
    OSError
        If it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    for each in (path, new):
        if os.path.lexists(each):
            regular_file(each.parent, each.name, links=False)
    new.unlink(missing_ok=True)
    # Fails if something has appeared there since, a symbolic link included.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    made = os.open(new, flags, 0o666)
    try:
        with open(made, "wb") as file:
            file.write(content)
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise

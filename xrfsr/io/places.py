"""Rules for the files that a reader may open: regular files, in the folder that the caller named."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xrfsr.errors import InvalidInput
from xrfsr.utils.paths import absence
from xrfsr.utils.stand_ins import stand_in

__all__ = ["TRUST", "Home", "kind_of", "require_regular"]

KINDS = (
    (stat.S_ISREG, "a regular file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
REGULAR, FOLDER = KINDS[0][1], KINDS[1][1]
TRUST = "copy it there, or pass external=True if you trust the file"


def kind_of(path: Path) -> str | None:
    """Return what a path leads to, such as ``"a folder"``; None if there is nothing, or if links form a loop."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # a name that is too long, or one with a null character
        return None
    return next((name for matches, name in KINDS if matches(mode)), "no file")


def require_regular(path: Path, wanted: str, *, folder: bool = False) -> None:
    """Refuse a path that does not lead to a regular file, before anything opens it and waits for a writer.

    Parameters
    ----------
    path : Path
        Path that the caller named; it may be a symbolic link.
    wanted : str
        Fix for the message, such as ``"pass the path of a TIFF file"``.
    folder : bool
        Whether a folder is accepted, too.

    Raises
    ------
    InvalidInput
        If nothing is there, or a device, a named pipe or a socket, a folder that is not accepted, or a pointer of Git
        LFS.
    """
    kind = kind_of(path)
    if kind == REGULAR and (pointer := stand_in(path)):
        raise InvalidInput("file", [f"'{path}' {pointer}"])
    if kind == REGULAR or (folder and kind == FOLDER):
        return
    problem = f"is {kind}" if kind == FOLDER else f"is {kind}, not a regular file" if kind else "does not exist"
    sentence = absence(path) or f"'{path}' {problem}"
    raise InvalidInput("file", [f"{sentence}; {wanted}"])


@dataclass(frozen=True, slots=True)
class Home:
    """Folders from which the files of one scan may come.

    Attributes
    ----------
    folders : tuple of Path
        Folders without symbolic links.
    external : bool
        Whether files elsewhere are accepted, too.
    """

    folders: tuple[Path, ...]
    external: bool = False

    @classmethod
    def of(cls, path: Path, *, external: bool = False) -> Home:
        """Return the home of the path that the caller named: a folder, or the folder of a file.

        A file named by a symbolic link has two: the folder of the link, and that of the file.
        """
        real = _real(path)
        if path.is_dir():
            return cls((real,), external)
        return cls(tuple(dict.fromkeys((_real(path.parent), real.parent))), external)

    def fault(self, path: Path, what: str) -> str | None:
        """Return why a file must not be opened, or None.

        Parameters
        ----------
        path : Path
            File to open; symbolic links in it are followed.
        what : str
            Name of the file for messages.
        """
        real = _real(path)
        if not self.external and not any(real.is_relative_to(folder) for folder in self.folders):
            named = "" if real == Path(os.path.abspath(path)) else f" (a symbolic link to '{real}')"
            return f"{what}{named} is outside the folder '{self.folders[-1]}'; {TRUST}"
        kind = kind_of(path)
        if kind is None:
            return f"{what} does not exist; copy it there"
        if kind != REGULAR:
            return f"{what} is {kind}, not a regular file; replace it"
        if pointer := stand_in(path):
            return f"{what} {pointer}"
        return None

    def check(self, paths: Iterable[Path]) -> None:
        """Refuse files that must not be opened.

        Raises
        ------
        InvalidInput
            If a file is missing, is no regular file, or lies elsewhere; all such files are named.
        """
        if faults := [fault for path in paths if (fault := self.fault(path, f"'{path}'"))]:
            raise InvalidInput("file", faults)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))

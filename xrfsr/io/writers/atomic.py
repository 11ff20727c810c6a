"""Atomic writing: a file or folder appears under its name only once it is complete, and replaces only what is ours."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from xrfsr.errors import InvalidInput

__all__ = ["Obstacle", "atomic_write", "scratch_folder", "target_faults"]

CLEANUP_ATTEMPTS = 100
SETTLED = 3  # times that the folder of a failed run is looked for again
# Function of an existing file or folder that returns why it is not replaced, or an empty string if it may be.
Obstacle = Callable[[Path], str]


def target_faults(path: Path, obstacle: Obstacle | None = None, *, overwrite: bool = False) -> list[str]:
    """Return the faults of a path to write to; empty if it can be written.

    Parameters
    ----------
    path : Path
        File or folder to write.
    obstacle : callable, optional
        Function that returns why an existing file or folder cannot be replaced, such as ``"is not an HDF5 file that
        xrfsr wrote"``. By default nothing can be replaced.
    overwrite : bool
        Whether what can be replaced is replaced.
    """
    try:
        if not path.parent.is_dir():
            problem = "is a file" if path.parent.exists() else "does not exist"
            return [f"the folder '{path.parent}' {problem}; create it first, or choose another"]
        if not os.path.lexists(path):
            return [] if os.access(path.parent, os.W_OK | os.X_OK) else [_write_failure(path, "permission denied")]
        if problem := _irregular(path):
            return [f"'{path}' {problem}; choose another name"]
        if obstacle is None:
            return [f"'{path}' exists; choose another name"]
        problem = obstacle(path)
        if overwrite and problem:
            return [f"'{path}' {problem}, so it is not replaced; remove it first, or choose another name"]
        if not overwrite:
            allow = "" if problem else ", or pass overwrite=True to replace it"
            return [f"'{path}' exists; choose another name{allow}"]
    except OSError as error:
        return [_write_failure(path, error.strerror)]
    return []


def _irregular(path: Path) -> str:
    """Return what an existing path is if it is neither a file nor a folder of its own, otherwise an empty string."""
    if path.is_symlink():
        return f"is a symbolic link to '{os.readlink(path)}', which is neither followed nor replaced"
    return "" if path.is_file() or path.is_dir() else "is a device, pipe or socket"


@contextmanager
def atomic_write(
    target: Path,
    what: str,
    obstacle: Obstacle | None = None,
    *,
    overwrite: bool = False,
    scratch_in: Path | None = None,
) -> Iterator[Path]:
    """Yield a path to write to, and rename it to `target` when the block succeeds; until then an older `target` stays.

    The path is in a temporary folder next to the target, so that the final step is a rename on one disk. Its own
    permissions are the usual ones, unlike those of the temporary folder.

    Parameters
    ----------
    target : Path
        File or folder to write.
    what : str
        Name of the format for messages, such as ``"zarr store"``.
    obstacle, overwrite
        As for `target_faults`, which is called again at the end, because writing may take hours.
    scratch_in : Path, optional
        Folder for the temporary folder, on the same disk. Default: the folder of the target.

    Raises
    ------
    InvalidInput
        If the disk is full or not writable, or if something that is not replaced has appeared under the name of the
        target. What was written is then kept next to it under another name, which the message contains, unless
        `scratch_in` is given.
    """
    with scratch_folder(target, what, scratch_in or target.parent) as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        yield new
        if faults := target_faults(target, obstacle, overwrite=overwrite):
            if scratch_in is None:
                new.rename(kept := _free_name(target))
                faults = [f"{faults[0]}; the new {what} is in '{kept}'"]
            raise InvalidInput(f"{what} '{target}'", faults)
        if target.is_dir():
            target.rename(old)
        try:
            new.replace(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise


def _free_name(target: Path) -> Path:
    """Return a name next to `target` under which nothing exists."""
    number = 1
    while os.path.lexists(name := target.with_name(f"{target.stem}-{number}{target.suffix}")):
        number += 1
    return name


@contextmanager
def scratch_folder(path: Path, what: str, place: Path) -> Iterator[str]:
    """Make a temporary folder in `place`, and remove it at the end even if threads still write to it.

    Parameters
    ----------
    path : Path
        File or folder that is written by its help, for messages.
    what : str
        Name of its format for messages.
    place : Path
        Folder for the temporary folder.

    Raises
    ------
    InvalidInput
        If the disk is full or not writable.
    """
    try:
        folder = mkdtemp(prefix=f".{path.name}.", dir=place)
    except OSError as error:
        raise InvalidInput(f"{what} '{path}'", [_write_failure(path, error.strerror)]) from error
    failed = True
    try:
        yield folder
        failed = False
    except OSError as error:
        # Errors of files in the temporary folder are reported for the target, because the caller does not know that
        # folder. HDF5 and GDAL name no file; their errors count as write errors, too. Other errors, such as those of
        # the data's own file, are raised unchanged.
        if error.filename is None or str(error.filename).startswith(folder):
            reason = (error.strerror or str(error)).replace(f"{folder}{os.sep}new", str(path))
            raise InvalidInput(f"{what} '{path}'", [_write_failure(path, reason)]) from error
        raise
    finally:
        absent = 0
        for attempt in range(CLEANUP_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=attempt < CLEANUP_ATTEMPTS - 1)
            # After a failure, a thread that has not noticed it yet may make the folder anew.
            absent = 0 if Path(folder).exists() else absent + 1
            if absent > (SETTLED if failed else 0):
                break
            time.sleep(0.05)


def _write_failure(path: Path, reason: str | None) -> str:
    return (
        f"'{path.name}' cannot be written to the folder '{path.parent}' ({reason}); choose another folder, or check "
        "its permissions and free space"
    )

"""Atomic writing: a file or folder appears under its name only once it is complete."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from xrfsr.errors import InvalidInput

__all__ = ["atomic_write", "target_faults"]

CLEANUP_ATTEMPTS = 100


def target_faults(path: Path, overwrite: bool, *, may_replace: bool, kind: str) -> list[str]:
    """Return the faults of a path to write to; empty if it can be written.

    Parameters
    ----------
    path : Path
        File or folder to write.
    overwrite : bool
        Whether an existing file or folder is replaced.
    may_replace : bool
        Whether the existing file or folder has the format that is written; any other is never replaced.
    kind : str
        Name of the format for messages, such as ``"zarr v3 store"``.
    """
    try:
        if not path.parent.is_dir():
            return [f"the folder '{path.parent}' does not exist; create it first, or choose another"]
        if not path.exists():
            return [] if os.access(path.parent, os.W_OK | os.X_OK) else [_write_failure(path, "permission denied")]
        if not overwrite:
            return [f"'{path}' exists; choose another name, or pass overwrite=True to replace it"]
        if not may_replace:
            return [f"'{path}' exists and is not a {kind}, so it is not replaced; remove it first"]
    except OSError as error:
        return [_write_failure(path, error.strerror)]
    return []


@contextmanager
def atomic_write(target: Path, what: str, scratch_in: Path | None = None) -> Iterator[Path]:
    """Yield a path to write to, and rename it to `target` when the block succeeds; until then an older `target` stays.

    The path is in a temporary folder next to the target, so that the final step is a rename on one disk. Its own
    permissions are the usual ones, unlike those of the temporary folder.

    Parameters
    ----------
    target : Path
        File or folder to write.
    what : str
        Name of the format for messages, such as ``"zarr store"``.
    scratch_in : Path, optional
        Folder for the temporary folder, on the same disk. Default: the folder of the target.

    Raises
    ------
    InvalidInput
        If the disk is full or not writable.
    """
    with _scratch(target, what, scratch_in or target.parent) as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        yield new
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise


@contextmanager
def _scratch(path: Path, what: str, place: Path) -> Iterator[str]:
    """Make a temporary folder in `place`, and remove it at the end even if threads still write to it."""
    try:
        folder = mkdtemp(prefix=f".{path.name}.", dir=place)
    except OSError as error:
        raise InvalidInput(f"{what} '{path}'", [_write_failure(path, error.strerror)]) from error
    try:
        yield folder
    except OSError as error:
        # Errors of files in the temporary folder are reported for the target, because the caller does not know that
        # folder. HDF5 and GDAL name no file; their errors count as write errors, too. Other errors, such as those of
        # the data's own file, are raised unchanged.
        if error.filename is None or str(error.filename).startswith(folder):
            reason = (error.strerror or str(error)).replace(f"{folder}{os.sep}new", str(path))
            raise InvalidInput(f"{what} '{path}'", [_write_failure(path, reason)]) from error
        raise
    finally:
        for attempt in range(CLEANUP_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=attempt < CLEANUP_ATTEMPTS - 1)
            if not Path(folder).exists():
                break
            time.sleep(0.05)


def _write_failure(path: Path, reason: str | None) -> str:
    return (
        f"'{path.name}' cannot be written to the folder '{path.parent}' ({reason}); choose another folder, or check "
        "its permissions and free space"
    )

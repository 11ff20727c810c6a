"""Files and folders that appear when they are complete, or not at all."""

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
    """Why nothing can be written to `path`; empty where it can.

    Parameters
    ----------
    path : Path
    overwrite : bool
        Whether the caller wants what exists to be replaced.
    may_replace : bool
        Whether what exists is of the kind that is written; anything else is never replaced.
    kind : str
        What is written, for messages, such as ``"zarr v3 store"``.
    """
    try:
        if not path.parent.is_dir():
            return [f"the folder '{path.parent}' does not exist; make it first, or choose another"]
        if not path.exists():
            return [] if os.access(path.parent, os.W_OK | os.X_OK) else [_write_failure(path, "permission denied")]
        if not overwrite:
            return [f"'{path}' exists; choose another name, or pass overwrite=True to replace it"]
        if not may_replace:
            return [f"'{path}' exists and is no {kind}, so it is not replaced; remove it first"]
    except OSError as error:
        return [_write_failure(path, error.strerror)]
    return []


@contextmanager
def atomic_write(target: Path, what: str, scratch_in: Path | None = None) -> Iterator[Path]:
    """A path to write to, which becomes `target` when the block ends well; an older `target` stays until then.

    It lies beside the target, so that the final step is a rename; in a folder of its own, because a temporary folder
    is closed to others and what is written should have the usual permissions.

    Parameters
    ----------
    target : Path
    what : str
        What is written, for messages, such as ``"zarr store"``.
    scratch_in : Path, optional
        Where to write to meanwhile, on the same disk, if not beside the target.

    Raises
    ------
    InvalidInput
        If the disk is full or may not be written to.
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
    """A folder in `place` that is gone afterwards, also if writers that outlive a failure still add to it."""
    try:
        folder = mkdtemp(prefix=f".{path.name}.", dir=place)
    except OSError as error:
        raise InvalidInput(f"{what} '{path}'", [_write_failure(path, error.strerror)]) from error
    try:
        yield folder
    except OSError as error:
        # Of files in the scratch folder nobody has heard; others, say of the data itself, are left as they are.
        # HDF5 and GDAL name no file: what goes wrong while writing is then taken for the fault of the disk.
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
        f"'{path.name}' cannot be written to the folder '{path.parent}' ({reason}); choose another, or see to its "
        "permissions and the space left"
    )

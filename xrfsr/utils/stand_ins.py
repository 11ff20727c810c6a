"""Small text files that stand for a large one until it is fetched: pointers of Git LFS and git-annex."""

from __future__ import annotations

from pathlib import Path

__all__ = ["MAX_POINTER_BYTES", "pointer_fault", "stand_in"]

LFS, ANNEX, MAX_POINTER_BYTES = b"version https://git-lfs.github.com/spec/", b"/annex/objects/", 1024


def pointer_fault(content: bytes, name: str) -> str | None:
    """Return what a file is, if it is a pointer, and how to fetch what it stands for.

    Parameters
    ----------
    content : bytes
        First bytes of the file.
    name : str
        Name of the file.

    Examples
    --------
    >>> pointer_fault(b"version https://git-lfs.github.com/spec/v1", "fit.h5")
    "is a pointer of Git LFS and not the file itself; fetch it: git lfs pull --include='fit.h5'"
    >>> pointer_fault(b"II*", "map.tif")
    """
    if content.startswith(LFS):
        return f"is a pointer of Git LFS and not the file itself; fetch it: git lfs pull --include='{name}'"
    if content.startswith(ANNEX):
        return f"is a pointer of git-annex and not the file itself; fetch it: git annex get '{name}'"
    return None


def stand_in(path: Path) -> str | None:
    """Return what a regular file is, if it is a pointer, and how to fetch what it stands for; see `pointer_fault`."""
    try:
        if path.stat().st_size > MAX_POINTER_BYTES:
            return None
        with path.open("rb") as file:
            return pointer_fault(file.read(len(LFS)), path.name)
    except OSError:
        return None  # the reader finds out

"""A whole folder as data, to compare before and after."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["snapshot"]


def snapshot(folder: Path) -> dict[str, bytes | str | None]:
    """Every file with its bytes, every link with its target, every folder and anything else with None."""
    found: dict[str, bytes | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found

"""Zarr groups that this package wrote: the mark by which they are known, their files, and everything else in them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from xrfsr.io.zarr_arrays import ArrayLayout
from xrfsr.utils.names import name_problem

__all__ = ["MARK", "METADATA_FILE", "content_digest", "foreign_entries", "links", "mark_of", "marks", "read_metadata"]

METADATA_FILE = "zarr.json"
# Attributes of the group: its kind, and the names of its arrays. Xarray hides attributes that begin with "_nc", so that
# a Dataset reads back identical.
MARK, ARRAYS = "_nc_xrfsr", "_nc_xrfsr_arrays"
BLOCK = 1 << 20


def marks(kind: str, names: Iterable[Any] = ()) -> dict[str, Any]:
    """Return the attributes by which a group with these arrays is known as written by this package."""
    return {MARK: kind, ARRAYS: sorted(map(str, names))}


def mark_of(folder: Path) -> str:
    """Return the kind of a group that this package wrote, or an empty string."""
    return str(read_metadata(folder).get("attributes", {}).get(MARK, ""))


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return the metadata of a group or array, or an empty dictionary if there is nothing that can be read as such."""
    file = folder / METADATA_FILE
    try:
        if file.is_symlink() or not file.is_file():
            return {}
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("zarr_format") != 3:
        return {}
    return found if isinstance(found.get("attributes", {}), dict) else {}


def _arrays(folder: Path) -> dict[str, ArrayLayout | None]:
    """Return the arrays that this package wrote to a group by their names; None for those that have been damaged."""
    names = read_metadata(folder).get("attributes", {}).get(ARRAYS, ())
    return {str(name): _layout(folder, str(name)) for name in names if not name_problem(name)}


def _layout(folder: Path, name: str) -> ArrayLayout | None:
    try:
        return ArrayLayout.parse_v3(name, read_metadata(folder / name))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def foreign_entries(folder: Path) -> list[str]:
    """Return the files, links and empty folders in a store that are not part of its arrays, relative to the store."""
    arrays = _arrays(folder)
    chunks = {name: set(layout.keys()) for name, layout in arrays.items() if layout}
    return sorted(name for name, path in _walk(folder) if not _is_own(name, path, arrays, chunks))


def _is_own(name: str, path: Path, arrays: Iterable[str], chunks: Mapping[str, set[str]]) -> bool:
    """Return whether a file, or an empty folder that is left where chunks were lost, is part of the arrays."""
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return False
    array, _, rest = name.partition("/")
    if not rest:
        return name == METADATA_FILE if path.is_file() else name in arrays
    if array not in arrays:
        return False
    if array not in chunks or path.is_dir():
        return rest == METADATA_FILE or re.fullmatch(r"c(/\d+)*", rest) is not None
    return rest == METADATA_FILE or name in chunks[array]


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file, link and empty folder in a folder; links are not followed."""
    for place, folders, files in os.walk(folder):
        inside = Path(place)
        for name in [*files, *(name for name in folders if (inside / name).is_symlink())]:
            yield (inside / name).relative_to(folder).as_posix(), inside / name
        if not folders and not files and inside != folder:
            yield inside.relative_to(folder).as_posix(), inside


def links(folder: Path) -> list[str]:
    """Return the symbolic links, devices, pipes and sockets in a folder, relative to it."""
    return sorted(name for name, path in _walk(folder) if path.is_symlink() or not (path.is_file() or path.is_dir()))


def content_digest(folder: Path) -> str:
    """Return a hash of the arrays in a store: of their metadata and chunks, not of the attributes of the group.

    Raises
    ------
    OSError
        If a file of an array is absent, is a link, or cannot be read.
    """
    total = hashlib.sha256()
    there = {name for name, path in _walk(folder) if path.is_file() and not path.is_symlink()}
    for array, layout in sorted(_arrays(folder).items()):
        if layout is None:
            raise FileNotFoundError(f"'{array}/{METADATA_FILE}' is missing or damaged")
        for name in (f"{array}/{METADATA_FILE}", *layout.keys()):
            if name not in there:
                raise FileNotFoundError(f"'{name}' is missing")
            with (folder / name).open("rb") as content:
                total.update(f"{name} {os.fstat(content.fileno()).st_size}\n".encode())
                while block := content.read(BLOCK):
                    total.update(block)
    return total.hexdigest()

"""Files of a zarr store that this package wrote: its mark, the chunks that its metadata promise, and all others."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from xrfsr.utils.names import name_problem

__all__ = [
    "MARK",
    "METADATA_FILE",
    "StoredArray",
    "content_digest",
    "foreign_entries",
    "kind_of",
    "links",
    "marks",
    "missing_chunks",
    "read_metadata",
]

METADATA_FILE = "zarr.json"
# Attribute of the group, whose value is the kind of the store. Xarray hides attributes that begin with "_nc", so that a
# Dataset reads back identical.
MARK = "_nc_xrfsr"
ARRAYS = "_nc_xrfsr_arrays"  # attribute of the group: names of its arrays
BLOCK = 1 << 20


def marks(kind: str, names: Iterable[Any] = ()) -> dict[str, Any]:
    """Return the attributes by which a group with these arrays is known as written by this package."""
    return {MARK: kind, ARRAYS: sorted(map(str, names))}


def kind_of(folder: Path) -> str:
    """Return the kind of a group that this package wrote, or an empty string."""
    return str(read_metadata(folder).get("attributes", {}).get(MARK, ""))


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return the metadata of a group or array, or an empty dictionary if there are none that can be read."""
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


@dataclass(frozen=True, slots=True)
class StoredArray:
    """Layout of an array as this package writes it: a regular grid of chunks or shards in folders.

    Attributes
    ----------
    folder : Path
        Folder of the array.
    grid : tuple of int
        Number of files along each dimension.
    """

    folder: Path
    grid: tuple[int, ...]

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the layout of the array in a folder, or None if it is not such an array."""
        metadata = read_metadata(folder)
        try:
            shape, pieces = metadata["shape"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
            keys: Mapping[str, Any] = metadata["chunk_key_encoding"]
            regular = metadata["node_type"] == "array" and metadata["chunk_grid"]["name"] == "regular"
            if not regular or keys["name"] != "default" or keys.get("configuration", {}).get("separator", "/") != "/":
                return None
            return cls(
                folder, tuple(math.ceil(int(size) / int(piece)) for size, piece in zip(shape, pieces, strict=True))
            )
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
            return None

    def chunk_files(self) -> Iterator[str]:
        """Yield the files of all chunks, relative to the folder; an array without dimensions has one."""
        for position in itertools.product(*map(range, self.grid)):
            yield "/".join(["c", *map(str, position)])

    def holds(self, name: str, *, is_folder: bool = False) -> bool:
        """Return whether the array has a file of this name, relative to its folder, or a folder of chunks."""
        if name == METADATA_FILE:
            return not is_folder
        first, *position = name.split("/")
        depth = len(position)
        return (
            first == "c"
            and (depth < len(self.grid) if is_folder else depth == len(self.grid))
            and all(
                one.isdecimal() and str(int(one)) == one and int(one) < count
                for one, count in zip(position, self.grid[:depth], strict=True)
            )
        )


def _arrays(folder: Path) -> dict[str, StoredArray | None]:
    """Return the arrays that this package wrote to a group by their names; None for those that have been damaged."""
    names = read_metadata(folder).get("attributes", {}).get(ARRAYS, ())
    return {str(name): StoredArray.read(folder / str(name)) for name in names if not name_problem(name)}


def foreign_entries(folder: Path) -> list[str]:
    """Return the files, links and empty folders in a store that are not part of its arrays, relative to the store."""
    arrays = _arrays(folder)
    return sorted(name for name, path in _walk(folder) if not _is_own(name, path, arrays))


def _is_own(name: str, path: Path, arrays: Mapping[str, StoredArray | None]) -> bool:
    """Return whether a file, or an empty folder that is left where chunks were lost, is part of the arrays."""
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return False
    first, _, rest = name.partition("/")
    if not rest:
        return name == METADATA_FILE if path.is_file() else name in arrays
    if first not in arrays:
        return False
    if (array := arrays[first]) is not None:
        return array.holds(rest, is_folder=path.is_dir())
    return rest == METADATA_FILE or re.fullmatch(r"c(/\d+)*", rest) is not None


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file, link and empty folder in a folder; links are not followed."""
    for place, folders, files in os.walk(folder):
        inside = Path(place)
        links = [name for name in folders if (inside / name).is_symlink()]
        for name in [*files, *links]:
            yield (inside / name).relative_to(folder).as_posix(), inside / name
        if not folders and not files and inside != folder:
            yield inside.relative_to(folder).as_posix(), inside


def links(folder: Path) -> list[str]:
    """Return the symbolic links, devices, pipes and sockets in a folder, relative to it."""
    return sorted(name for name, path in _walk(folder) if path.is_symlink() or not (path.is_file() or path.is_dir()))


def missing_chunks(folder: Path) -> list[str]:
    """Return the files of chunks, relative to the store, that its arrays promise and that are absent or empty."""
    sizes = _sizes(folder)
    expected = [
        f"{name}/{file}"
        for name, array in sorted(_arrays(folder).items())
        for file in (array.chunk_files() if array else [METADATA_FILE])
    ]
    return [name for name in expected if not sizes.get(name)]


def _sizes(folder: Path) -> dict[str, int]:
    """Return the sizes in bytes of the files in a folder, without links and anything behind them."""
    return {name: path.stat().st_size for name, path in _walk(folder) if path.is_file() and not path.is_symlink()}


def content_digest(folder: Path) -> str:
    """Return a hash of the arrays in a store: of their metadata and chunks, not of the attributes of the group.

    Raises
    ------
    OSError
        If a chunk is absent, is a link, or cannot be read.
    """
    total, sizes = hashlib.sha256(), _sizes(folder)
    for name, array in sorted(_arrays(folder).items()):
        if array is None:
            raise FileNotFoundError(f"'{name}/{METADATA_FILE}' is missing or damaged")
        for file in itertools.chain([METADATA_FILE], array.chunk_files()):
            key = f"{name}/{file}"
            if key not in sizes:
                raise FileNotFoundError(f"'{key}' is missing")
            total.update(f"{key} {sizes[key]}\n".encode())
            with (array.folder / file).open("rb") as content:
                while block := content.read(BLOCK):
                    total.update(block)
    return total.hexdigest()

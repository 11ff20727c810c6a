"""Files of a zarr store in a folder or zip file: regular, within the store, and read no further than their size."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from xrfsr.errors import InvalidInput
from xrfsr.io.places import TRUST, Home, kind_of
from xrfsr.io.zarr_arrays import ArrayLayout
from xrfsr.utils.stand_ins import MAX_POINTER_BYTES, pointer_fault

__all__ = ["METADATA_NAMES", "FolderFiles", "StoreFiles", "ZipFiles", "open_files"]

METADATA_NAMES = frozenset({"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"})
MAX_METADATA_BYTES = 1 << 24
MAX_LISTED = 5
# Without waiting for the writer of a named pipe.
OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class StoreFiles:
    """Files of a store by their keys, which are names relative to the store with slashes.

    Parameters
    ----------
    path : Path
        Folder or zip file.
    external : bool
        Whether symbolic links in a folder may lead elsewhere.
    """

    def __init__(self, path: Path, *, external: bool = False) -> None:
        self.path, self.external = path, external

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Size of each file in bytes.

        Raises
        ------
        InvalidInput
            If something in the store is no regular file, or a link that leads out of it.
        """
        raise NotImplementedError

    def exists(self, key: str) -> bool:
        """Return whether there is a file."""
        raise NotImplementedError

    def read(self, key: str, start: int = 0, stop: int | None = None, *, most: int | None = None) -> bytes | None:
        """Read a file, or part of it; None if it does not exist.

        Parameters
        ----------
        key : str
            Name in the store.
        start, stop : int or None
            Part to read; negative positions count from the end.
        most : int, optional
            Largest size of the file.

        Raises
        ------
        ValueError
            If the file is larger.
        OSError
            If it cannot be read, is no regular file, or is a link that leads out of the store.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Release what is open."""

    def metadata(self, key: str) -> dict[str, Any] | None:
        """Return the metadata in a JSON file; None if there is none.

        Raises
        ------
        ValueError, RecursionError
            If the file is not a JSON object of a usual size.
        """
        content = self.read(key, most=MAX_METADATA_BYTES)
        if content is None:
            return None
        found = json.loads(content)
        if not isinstance(found, dict):
            raise ValueError(f"'{key}' is not a JSON object")
        return found

    def layout(self, name: str) -> ArrayLayout | None:
        """Return the layout of an array; None if there is no array of this name."""
        prefix = f"{name}/" if name else ""
        found = self.metadata(f"{prefix}zarr.json")
        if found is not None:
            return ArrayLayout.parse_v3(name, found) if found.get("node_type") == "array" else None
        found = self.metadata(f"{prefix}.zarray")
        return None if found is None else ArrayLayout.parse_v2(name, found)

    def children(self, name: str = "") -> list[str]:
        """Return the names of the groups and arrays in a group."""
        depth = name.count("/") + 1 if name else 0
        found: dict[str, None] = {}
        for key in self.sizes:
            parts = key.split("/")
            if len(parts) == depth + 2 and parts[-1] in METADATA_NAMES and "/".join(parts[:depth]) == name:
                found[parts[depth]] = None
        return list(found)


class FolderFiles(StoreFiles):
    """Files of a store in a folder."""

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "external": self.external}  # another process reads files without a list of all

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Size of each file in bytes; see `StoreFiles`."""
        found: dict[str, int] = {}
        faults: list[str] = []
        home = Home.of(self.path, external=self.external)
        for key, entry in _walk(self.path, follow=self.external):
            path = self.path / key
            if entry.is_symlink() and entry.is_dir():
                faults.append(f"'{path}' is a symbolic link to a folder; {TRUST}")
            elif entry.is_symlink() and (fault := home.fault(path, f"'{path}'")):
                faults.append(fault)
            elif not entry.is_file():
                faults.append(f"'{path}' is {kind_of(path)}, not a regular file; remove it")
            else:
                found[key] = entry.stat().st_size
        if faults:
            raise InvalidInput("zarr store", faults[:MAX_LISTED])
        return found

    def exists(self, key: str) -> bool:
        """Return whether there is a file."""
        return (self.path / key).is_file()

    def read(self, key: str, start: int = 0, stop: int | None = None, *, most: int | None = None) -> bytes | None:
        """Read a file, or part of it; see `StoreFiles`."""
        if not self.external and not _real(self.path / key).is_relative_to(_real(self.path)):
            raise OSError(f"'{key}' is a symbolic link that leads out of the store")
        try:
            descriptor = os.open(self.path / key, OPEN_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with open(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise OSError(f"'{key}' is not a regular file")
            _check_size(key, state.st_size, most)
            if state.st_size <= MAX_POINTER_BYTES and (pointer := pointer_fault(file.read(), key)):
                raise OSError(f"'{key}' {pointer}")
            first, last, _ = slice(start, stop).indices(state.st_size)
            file.seek(first)
            return file.read(max(0, last - first))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _check_size(key: str, size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise ValueError(f"'{key}' has {size} bytes, expected at most {most}")


def _walk(folder: Path, *, follow: bool) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield each entry that is not a folder with its key; symbolic links to folders count as one if not followed."""
    pending: list[tuple[str, frozenset[str]]] = [("", frozenset())]
    while pending:
        inside, above = pending.pop()
        above |= {os.path.realpath(folder / inside)}
        with os.scandir(folder / inside) as entries:
            for entry in entries:
                key = f"{inside}/{entry.name}" if inside else entry.name
                if not entry.is_dir() or (entry.is_symlink() and not follow):
                    yield key, entry
                elif not entry.is_symlink() or os.path.realpath(entry.path) not in above:
                    pending.append((key, above))


class ZipFiles(StoreFiles):
    """Files of a store in a zip file, which are never extracted."""

    def __init__(self, path: Path, *, external: bool = False) -> None:
        super().__init__(path, external=external)
        self._zip = zipfile.ZipFile(path)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Size of each file in bytes; see `StoreFiles`."""
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        faults = [
            f"'{self.path}' contains {name!r} {count} times; keep one"
            for name, count in Counter(member.filename for member in members).items()
            if count > 1
        ]
        for member in members:
            name = member.filename
            if name.startswith("/") or "\\" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
                faults.append(f"'{self.path}' contains {name!r}, expected names in a zarr store; save it again")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                faults.append(f"{name!r} in '{self.path}' must be stored or deflated; save it again")
        if faults:
            raise InvalidInput("zarr store", faults[:MAX_LISTED])
        return {member.filename: member.file_size for member in members}

    def exists(self, key: str) -> bool:
        """Return whether there is a file."""
        return key in self.sizes

    def read(self, key: str, start: int = 0, stop: int | None = None, *, most: int | None = None) -> bytes | None:
        """Read a file, or part of it; see `StoreFiles`."""
        if key not in self.sizes:
            return None
        _check_size(key, self.sizes[key], most)
        with self._zip.open(key) as file:
            # With a limit, because the declared size may be wrong.
            return file.read(self.sizes[key])[start:stop]

    def close(self) -> None:
        """Close the zip file."""
        self._zip.close()


def open_files(path: Path, *, external: bool = False) -> StoreFiles:
    """Return the files of a store in a folder or zip file.

    Raises
    ------
    InvalidInput
        If `path` is neither.
    """
    if path.is_dir():
        return FolderFiles(path, external=external)
    return ZipFiles(path, external=external)

"""HDF5 groups that follow links themselves, so that a file reads no other file that nobody named.

HDF5 follows soft and external links while it opens an object. Here each component of a name is looked up on its own,
and links are followed only where `Home` accepts the file to which they lead. Links that are not followed do not
matter.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
from h5py import h5g, h5i, h5l, h5o

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5_storage import checked_dataset
from xrfsr.io.places import Home, require_regular

__all__ = ["LinkedFiles", "LinkedGroup", "open_hdf5"]

# HDF5 itself follows 16 links one after the other.
MAX_LINKS = 16


@contextmanager
def open_hdf5(path: Path, *, external: bool = False) -> Iterator[LinkedGroup]:
    """Open a file for reading, without a lock, because another program may hold it or its folder may be read-only.

    Parameters
    ----------
    path : Path
        File to open.
    external : bool
        Whether links and datasets may lead to files outside the folder of the file.

    Yields
    ------
    LinkedGroup
        Root group, which is closed with all files to which links lead.

    Raises
    ------
    InvalidInput
        If `path` leads to no regular file.
    """
    require_regular(path, "pass the file that holds the maps")
    with LinkedFiles(path, Home.of(path, external=external)) as files:
        yield files.root(files.path)


class LinkedFiles:
    """HDF5 file with the files to which it links, all of which are closed together.

    Parameters
    ----------
    path : Path
        File that the caller named.
    home : Home
        Folders from which linked files may come.
    """

    def __init__(self, path: Path, home: Home) -> None:
        self.named, self.home = path, home
        self.path = Path(os.path.realpath(path))
        self._opened: dict[Path, h5py.File] = {}
        self._stack = ExitStack()

    def __enter__(self) -> LinkedFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.clear()
        self._stack.close()

    def root(self, path: Path) -> LinkedGroup:
        """Return the root group of one of the files."""
        if path not in self._opened:
            # HDF5 opens a file twice if its name differs; the error of h5py would name the file behind a link.
            name = self.named if path == self.path else path
            self._opened[path] = self._stack.enter_context(h5py.File(name, "r", locking=False))
        return LinkedGroup(h5g.open(self._opened[path].id, b"/"), self, path, "/")

    def accept(self, name: str, base: Path, what: str) -> Path:
        """Return the real path of a file that a link or dataset names.

        Parameters
        ----------
        name : str
            Name in the file; relative names refer to the folder of the file that holds them.
        base : Path
            File that holds the name.
        what : str
            Subject of the message, such as ``"'fit.h5' links '/maps' to 'scan.h5'"``.

        Raises
        ------
        InvalidInput
            If the file is missing, is no regular file, or lies outside the folder.
        """
        path = base.parent / name  # an absolute name replaces the folder
        if os.path.isabs(name) and not os.path.lexists(path):
            path = base.parent / Path(name).name  # like HDF5, for files that were moved together
        if fault := self.home.fault(path, f"{what}, which"):
            raise InvalidInput("file", [fault])
        return Path(os.path.realpath(path))


class LinkedGroup(h5py.Group):  # type: ignore[misc]  # h5py has no types
    """Group that follows links only to files that are accepted, and checks datasets that are stored in other files.

    Parameters
    ----------
    bind : GroupID
        Open group.
    files : LinkedFiles
        Files to which links may lead.
    path : Path
        File that contains the group.
    place : str
        Name under which the group is reached from the root of the file that the caller named.
    """

    def __init__(self, bind: Any, files: LinkedFiles, path: Path, place: str) -> None:
        super().__init__(bind)
        self._files, self._path, self._place = files, path, place

    @property
    def name(self) -> str:
        """Name under which the group is reached, also through links."""
        return self._place

    @property
    def parent(self) -> LinkedGroup:
        """Group that contains this one, or the link to it."""
        parent = self._files.root(self._files.path)[self._place.rpartition("/")[0] or "/"]
        assert isinstance(parent, LinkedGroup)
        return parent

    def __getitem__(self, name: object) -> Any:
        """Open an object.

        Raises
        ------
        KeyError
            If it does not exist.
        InvalidInput
            If a link or dataset leads to a file that is not accepted.
        """
        return self._open(name)

    def open_source(self, name: str, depth: int) -> h5py.Dataset:
        """Open the source of a virtual dataset that is the source of `depth` - 1 others."""
        found = self._open(name, depth)
        if not isinstance(found, h5py.Dataset):
            raise KeyError(f"'{name}' is not a dataset")
        return found

    def _open(self, name: object, depth: int = 0) -> Any:
        if not isinstance(name, str):
            raise TypeError(f"a name must be text, got {name!r}")
        place = name if name.startswith("/") else f"{self._place.rstrip('/')}/{name}"
        place = "/" + "/".join(part for part in place.split("/") if part not in ("", "."))
        found, path = self._resolve(name, place)
        if h5i.get_type(found) == h5i.GROUP:
            return LinkedGroup(found, self._files, path, place)
        if h5i.get_type(found) == h5i.DATASET:
            return checked_dataset(found, self._files, path, place, depth)
        raise KeyError(f"'{place}' is neither a group nor a dataset")

    def get(self, name: str, default: Any = None, getclass: bool = False, getlink: bool = False) -> Any:
        """Open an object, or return `default` if it does not exist; other arguments as in h5py.

        Raises
        ------
        InvalidInput
            If a link or dataset leads to a file that is not accepted.
        """
        if getlink:
            parent, _, last = name.rpartition("/")
            group = self[parent or "/"] if "/" in name else self
            return _link(group, last, default) if not getclass else type(_link(group, last, default))
        try:
            found = self[name]
        except KeyError:
            return default
        return found if not getclass else h5py.Group if isinstance(found, LinkedGroup) else h5py.Dataset

    def __contains__(self, name: object) -> bool:
        """Return whether a name exists; one that leads to a refused file does, and opening it raises the reason."""
        try:
            self._resolve(str(name), str(name))
        except KeyError:
            return False
        except InvalidInput:
            return True
        return True

    def _resolve(self, name: str, place: str) -> tuple[Any, Path]:
        """Return an object and the file that contains it."""
        current, path, links = self.id, self._path, 0
        pending = deque(name.split("/"))
        if name.startswith("/"):
            current = self._files.root(path).id
        crossed, after = "", 0  # the last link to another file, and the components that follow its target
        while pending:
            if len(pending) <= after:
                crossed = ""
            part = pending.popleft()
            if part in ("", "."):
                continue
            if h5i.get_type(current) != h5i.GROUP:
                raise self._missing(place, crossed)
            key = part.encode("utf-8", "surrogateescape")
            if not current.links.exists(key):
                raise self._missing(place, crossed)
            kind = current.links.get_info(key).type
            if kind == h5l.TYPE_HARD:
                current = h5o.open(current, key)
                continue
            links += 1
            if links > MAX_LINKS:
                raise InvalidInput(
                    "file",
                    [f"'{self._files.named}' has links from '{place}' that form a loop or a chain; remove them"],
                )
            target = current.links.get_val(key)
            if kind == h5l.TYPE_SOFT:
                inner = target.decode("utf-8", "surrogateescape")
                if inner.startswith("/"):
                    current = self._files.root(path).id
            elif kind == h5l.TYPE_EXTERNAL:
                file, inner = os.fsdecode(target[0]), target[1].decode("utf-8", "surrogateescape")
                crossed = f"'{self._files.named}' links {place!r} to {inner!r} in {file!r}"
                path, after = self._files.accept(file, path, crossed), len(pending)
                try:
                    current = self._files.root(path).id
                except OSError as error:
                    raise InvalidInput("file", [f"{crossed}, which cannot be read ({error}); copy it again"]) from error
            else:
                raise InvalidInput(
                    "file", [f"'{self._files.named}' has a link of an unknown kind at '{place}'; export the file again"]
                )
            pending.extendleft(reversed(inner.split("/")))
        return current, path

    def _missing(self, place: str, crossed: str) -> Exception:
        if crossed:
            return InvalidInput("file", [f"{crossed}, which does not contain it; export the files again"])
        return KeyError(f"'{place}' does not exist")


def _link(group: h5py.Group, name: str, default: Any) -> Any:
    """Return a link without opening what it leads to, as h5py would."""
    key = name.encode("utf-8", "surrogateescape")
    if not group.id.links.exists(key):
        return default
    kind = group.id.links.get_info(key).type
    if kind == h5l.TYPE_HARD:
        return h5py.HardLink()
    target = group.id.links.get_val(key)
    if kind == h5l.TYPE_SOFT:
        return h5py.SoftLink(target.decode("utf-8", "surrogateescape"))
    if kind == h5l.TYPE_EXTERNAL:
        return h5py.ExternalLink(os.fsdecode(target[0]), target[1].decode("utf-8", "surrogateescape"))
    return default

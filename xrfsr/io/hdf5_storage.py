"""Checks that an HDF5 dataset is stored completely: in its file, in raw files, or in the sources of a virtual dataset.

HDF5 returns the fill value, usually zero, for everything that is missing.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import h5py
from h5py import h5d, h5i, h5p, h5s

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5_chunks import StoredDataset, chunk_fault, chunk_index
from xrfsr.io.hdf5_filters import filter_fault, stored_filters

__all__ = ["checked_dataset", "truncation_faults", "unwritten_faults", "unwritten_parts"]

# Deflate compresses at most about 1000:1; a dataset that declares more than this factor was not written completely.
MAX_COMPRESSION = 4000
MIN_CHECKED_BYTES = 1 << 20
# Encoded values may take a little more than plain ones.
OVERHEAD = 1 << 12
MAX_DEPTH = 8
UNLIMITED = 2**64 - 1


class Files(Protocol):
    """Files that may be read; see `xrfsr.io.hdf5_links.LinkedFiles`."""

    named: Path

    def accept(self, name: str, base: Path, what: str) -> Path:
        """Return the real path of a file that a dataset names, or raise the reason why it is refused."""
        ...

    def root(self, path: Path) -> Any:
        """Return the root group of a file."""
        ...


def checked_dataset(bind: Any, files: Files, path: Path, place: str, depth: int = 0) -> h5py.Dataset:
    """Return an open dataset, of which all values can be read.

    Parameters
    ----------
    bind : DatasetID
        Open dataset.
    files : Files
        Files that may be read.
    path : Path
        File that contains the dataset.
    place : str
        Name of the dataset for messages.
    depth : int
        Number of virtual datasets that are composed of this one.

    Raises
    ------
    InvalidInput
        If the values are in another file that is missing, too short, or not accepted.
    """
    plist = bind.get_create_plist()
    if plist.get_layout() == h5d.CHUNKED and (fault := chunk_fault(plist, bind.shape, bind.get_type().get_size())):
        raise InvalidInput("file", [f"'{place}' in '{files.named}' {fault}"])
    sources: tuple[h5py.Dataset, ...] = ()
    if plist.get_layout() == h5d.VIRTUAL:
        if depth > MAX_DEPTH:
            raise InvalidInput(
                "file", [f"'{place}' in '{files.named}' is a virtual dataset of itself; export the file again"]
            )
        sources = _check_sources(bind, files, path, place, depth)
    elif plist.get_external_count():
        if depth:
            raise InvalidInput(
                "file",
                [f"'{place}' in '{files.named}' has a source in raw files; copy its values to a plain dataset"],
            )
        _check_raw_files(bind, files, path, place)
        # HDF5 would look for the files in the working folder.
        access = h5p.create(h5p.DATASET_ACCESS)
        access.set_efile_prefix(os.fsencode(path.parent))
        name = h5i.get_name(bind)
        bind.close()  # HDF5 refuses to open a dataset twice with different folders
        bind = h5d.open(files.root(path).id, name, access)
    found = StoredDataset(bind, readonly=True)
    found.sources = sources
    return found


def _check_raw_files(bind: Any, files: Files, path: Path, place: str) -> None:
    """Check the files that hold consecutive parts of a dataset."""
    plist, faults = bind.get_create_plist(), []
    rest = math.prod(bind.shape) * bind.get_type().get_size()
    for number in range(plist.get_external_count()):
        name, offset, size = plist.get_external(number)
        what = f"'{place}' in '{files.named}' is stored in {os.fsdecode(name)!r}"
        raw = files.accept(os.fsdecode(name), path, what)
        there, needed = raw.stat().st_size, offset + min(rest, size)
        if there < needed:
            faults.append(f"{what}, which has {there} bytes, expected {needed}: it is truncated; copy it again")
        rest -= min(rest, size)
    if faults:
        raise InvalidInput("file", faults)


def _check_sources(bind: Any, files: Files, path: Path, place: str, depth: int) -> tuple[h5py.Dataset, ...]:
    """Check the datasets of which a virtual dataset is composed, and return them."""
    plist = bind.get_create_plist()
    what = f"'{place}' in '{files.named}' is a virtual dataset"
    count = plist.get_virtual_count()
    spaces = [(plist.get_virtual_vspace(number), plist.get_virtual_srcspace(number)) for number in range(count)]
    names = [(plist.get_virtual_filename(number), plist.get_virtual_dsetname(number)) for number in range(count)]
    variable = [_is_unlimited(space) for pair in spaces for space in pair]
    variable += [_is_pattern(name) for pair in names for name in pair]
    if any(variable):
        raise InvalidInput(
            "file",
            [f"{what} with a variable number of sources, which cannot be checked; copy its values to a plain dataset"],
        )
    # Not earlier: to find the shape of one with a variable number, HDF5 opens the sources.
    whole = bind.shape
    if not _covers(whole, [space for space, _ in spaces]):
        raise InvalidInput(
            "file", [f"{what} whose sources do not cover it, so the rest would be zero; export the file again"]
        )
    faults: list[str] = []
    seen: dict[tuple[str, str], h5py.Dataset] = {}
    for pair, (target, space) in zip(names, spaces, strict=True):
        file, name = (one.replace("%%", "%") for one in pair)
        source = f"{what} of {name!r} in {file!r}"
        if (file, name) not in seen:
            at = path if file == "." else files.accept(file, path, source)
            try:
                found = files.root(at).open_source(name, depth + 1)
                seen[file, name] = found
            except KeyError:
                raise InvalidInput("file", [f"{source}, which does not contain it; copy the file again"]) from None
            except OSError as error:
                raise InvalidInput("file", [f"{source}, which cannot be read ({error}); copy it again"]) from error
            faults += unwritten_faults(found, f"{name!r} in {file!r}, a source of '{place}' in '{files.named}',")
        shape = seen[file, name].shape
        if space.get_select_type() == h5s.SEL_ALL:  # of which HDF5 does not store the shape
            needed = math.prod(whole) if target.get_select_type() == h5s.SEL_ALL else target.get_select_npoints()
            fits, expected = math.prod(shape) == needed, f"{needed} values"
        else:
            least = tuple(int(last) + 1 for last in space.get_select_bounds()[1])
            fits = len(shape) == len(least) and all(one >= size for one, size in zip(shape, least, strict=True))
            expected = f"at least {least}"
        if not fits:
            faults.append(f"{source}, which has shape {shape}, expected {expected}; copy the file again")
    if faults:
        raise InvalidInput("file", faults)
    return tuple(seen.values())


def _is_pattern(name: str) -> bool:
    """Return whether a name stands for the names of several sources, as in printf."""
    return "%b" in name.replace("%%", "")


def _is_unlimited(space: Any) -> bool:
    if space.get_select_type() != h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return False
    _, _, count, block = space.get_regular_hyperslab()
    return UNLIMITED in count or UNLIMITED in block


def _covers(shape: tuple[int, ...], spaces: Sequence[Any]) -> bool:
    """Return whether selections cover all of a dataset."""
    if any(space.get_select_type() == h5s.SEL_ALL for space in spaces):
        return True
    total = math.prod(shape)
    if sum(space.get_select_npoints() for space in spaces) < total:
        return False
    together = h5s.create_simple(shape)
    together.select_none()
    for space in spaces:
        if space.is_regular_hyperslab():
            start, stride, count, block = space.get_regular_hyperslab()
            together.select_hyperslab(start, count, stride, block, op=h5s.SELECT_OR)
        else:
            for first, last in space.get_select_hyper_blocklist():
                size = tuple(int(end - begin + 1) for begin, end in zip(first, last, strict=True))
                together.select_hyperslab(tuple(map(int, first)), (1,) * len(size), block=size, op=h5s.SELECT_OR)
    return int(together.get_select_npoints()) == total


def _grid(dataset: h5py.Dataset) -> int:
    """Return the number of chunks of a chunked dataset."""
    return math.prod(-(-size // length) for size, length in zip(dataset.shape, dataset.chunks, strict=True))


def unwritten_parts(dataset: h5py.Dataset, parts: Collection[int]) -> int:
    """Return how many of some chunks along the first dimension were not written completely.

    Parameters
    ----------
    dataset : Dataset
        Dataset.
    parts : collection of int
        Positions of chunks along the first dimension, in chunks.
    """
    if not dataset.chunks:
        stored = dataset.id.get_storage_size() or dataset.is_virtual
        return 0 if stored else len(parts)
    length, grid = dataset.chunks[0], _grid(dataset)
    there: Counter[int] = Counter()
    dataset.id.chunk_iter(lambda chunk: there.update([chunk.chunk_offset[0] // length]))
    whole = grid // -(-dataset.shape[0] // length)
    return sum(there[part] < whole for part in parts)


def unwritten_faults(dataset: h5py.Dataset, what: str) -> list[str]:
    """Return the faults of a numeric dataset that declares more values than were written.

    Parameters
    ----------
    dataset : Dataset
        Dataset with at least one value.
    what : str
        Name of the dataset for messages.
    """
    plist = dataset.id.get_create_plist()
    if plist.get_layout() == h5d.VIRTUAL or plist.get_external_count():
        return []  # checked when it was opened
    if fault := filter_fault(stored_filters(plist)):
        return [f"{what} {fault}"]
    stored, itemsize = dataset.id.get_storage_size(), dataset.dtype.itemsize
    faults = truncation_faults(what, dataset.shape, itemsize, stored)
    if dataset.chunks and not faults:
        index, most = chunk_index(dataset), itemsize * math.prod(dataset.chunks) * 11 // 10 + OVERHEAD
        if index.largest > most:
            return [f"{what} has a chunk of {index.largest} bytes, expected at most {most}; copy it again"]
        grid = _grid(dataset)
        if (missing := grid - index.count) > 0:
            faults.append(
                f"{what} lacks {missing} of {grid} chunks, which would be read as {dataset.fillvalue}: it was not "
                "written completely; copy or export it again"
            )
    elif not stored and not faults:
        faults.append(f"{what} was never written, so all values would be {dataset.fillvalue}; export the file again")
    return faults


def truncation_faults(array: str, shape: Sequence[int], itemsize: int, stored: int) -> list[str]:
    """Return a fault if an array declares far more values than its stored bytes can hold.

    Missing values of such an array would be read as zeros.

    Parameters
    ----------
    array : str
        Name of the array for messages.
    shape : sequence of int
        Declared shape.
    itemsize : int
        Bytes of one value.
    stored : int
        Stored, possibly compressed, bytes of the array.
    """
    declared = itemsize * math.prod(map(int, shape))
    if declared <= MIN_CHECKED_BYTES or declared <= MAX_COMPRESSION * stored:
        return []
    return [
        f"{array} declares {tuple(shape)} values, {declared / 1e6:.3g} MB, but the file contains only {stored} bytes "
        "of them: it was not written completely; copy or export it again"
    ]

"""Functions shared by the HDF5 readers: maps in datasets, checks of datasets, and NeXus coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid
from xrfsr.core.units import in_mm, mm_per
from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.io.hdf5_chunks import check_chunks, read_all, read_window
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.hdf5_storage import unwritten_faults
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.strangers import select_known

__all__ = [
    "Hdf5Maps",
    "describe_stack",
    "groups_with",
    "map_faults",
    "name_refused",
    "nexus_grid",
    "text",
    "texts",
]

# Names of maps and the like.
MAX_TEXTS, MAX_TEXT_BYTES = 10_000, 1 << 24


@dataclass(frozen=True, slots=True)
class Hdf5Maps:
    """Maps in an HDF5 file.

    Attributes
    ----------
    path : Path
        File that holds the maps.
    locations : tuple of (str, int or None)
        Name of the dataset of each map, and the position along its first or last dimension if it holds several maps.
    external : bool
        Whether the maps may be stored outside the folder of the file.
    last : bool
        Whether datasets of several maps are (y, x, map) rather than (map, y, x).
    """

    path: Path
    locations: tuple[tuple[str, int | None], ...]
    external: bool = False
    last: bool = False

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        with open_hdf5(self.path, external=self.external) as file:
            windows = []
            for number in maps:
                name, position = self.locations[number]
                key: tuple[int | slice, ...] = (y, x)
                if position is not None:
                    key = (y, x, position) if self.last else (position, y, x)
                windows.append(read_window(file[name], key))
        return np.stack(windows)


def map_faults(dataset: Any, name: str, dims: int = 2) -> list[str]:
    """Return the faults of a dataset that should be a map (`dims` 2) or a stack of maps (3)."""
    if not isinstance(dataset, h5py.Dataset):
        return [
            f"'{name}' is {'missing' if dataset is None else 'not a dataset'}, expected maps; export the file again"
        ]
    if dataset.dtype.kind not in "iuf":
        return [f"'{name}' has dtype {dataset.dtype}, expected numbers; export the file again"]
    shape = dataset.shape
    if shape is None or len(shape) != dims:
        needed = "(y, x)" if dims == 2 else "(map, y, x)"
        advice = ""
        if shape is not None and len(shape) == dims - 1:
            advice = "; its points are not arranged on a grid: grid them first in the program that fitted them"
        return [f"'{name}' has shape {shape}, expected {needed}{advice}"]
    if 0 in shape:
        return [f"'{name}' has shape {shape}, so it contains no pixel; export the file again"]
    return unwritten_faults(dataset, f"'{name}'")


def groups_with(root: h5py.Group, name: str, refused: list[str]) -> list[str]:
    """Return the names of the groups in `root` that contain `name`.

    Links that lead to files that are not accepted are passed over: their faults are added to `refused`.
    """
    found: list[str] = []
    for one in root:
        with collect_faults(refused):
            group = root.get(one)
            if isinstance(group, h5py.Group) and name in group:
                found.append(one)
    return found


@contextmanager
def name_refused(refused: Sequence[str]) -> Iterator[None]:
    """Add to an error in the block what `groups_with` passed over, because the wanted group may be among it."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(error.what, [*error.faults, *refused]) from None


def describe_stack(
    file: h5py.Group,
    path: Path,
    options: ReadOptions,
    *,
    group: str,
    maps: str,
    names: str,
    units: str | None = None,
    label: Callable[[str], str] = str,
    strangers: bool = False,
) -> ScanDescription:
    """Describe maps in one dataset (map, y, x) with their names in another dataset.

    Parameters
    ----------
    file : h5py.Group
        Root group of the open file.
    path : Path
        Path of the file.
    options : ReadOptions
        Options of the caller.
    group : str
        Absolute name of the group that contains both datasets.
    maps, names : str
        Names of the datasets in the group.
    units : str, optional
        Units of the maps.
    label : callable
        Function that returns the label of a name in the file.
    strangers : bool, optional
        Whether images whose name is not a line are left out, with a warning, rather than refused.

    Raises
    ------
    InvalidInput
        If a dataset is missing or unsuitable, or a name is not a known line.
    """
    place = f"{group}/{maps}"
    faults = map_faults(file[group].get(maps), place, dims=3)
    labels = file[group].get(names)
    known = [label(name) for name in texts(labels)] if isinstance(labels, h5py.Dataset) else []
    if not known:
        faults.append(f"'{group}/{names}' is missing, so the names of the maps are unknown; export the file again")
    if faults:
        raise InvalidInput("file", faults)
    dataset = file[group][maps]
    count, height, width = dataset.shape
    if len(known) != count:
        raise InvalidInput(
            "file", [f"'{place}' has {count} maps, but '{names}' has {len(known)} names; export the file again"]
        )
    lines: Any = options.lines
    if isinstance(lines, list | tuple):
        lines = [label(name) if isinstance(name, str) else name for name in lines]
    warnings: tuple[str, ...] = ()
    if strangers:
        chosen, warnings = select_known(known, lines, path, faults)
    else:
        chosen = select_maps(known, lines, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(known[position] for position in chosen),
        shape=(height, width),
        intensity=Hdf5Maps(path, tuple((place, position) for position in chosen), options.external),
        units=units,
        tile=dataset.chunks[1:] if dataset.chunks else None,
        attrs={"source_group": place},
        warnings=warnings,
    )


def text(value: Any) -> str | None:
    """Return the text of an attribute or scalar dataset, or None."""
    if isinstance(value, h5py.Dataset):
        value = read_all(value) if value.size == 1 else None
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else None


def texts(values: Any) -> list[str]:
    """Return a list of text from an attribute or dataset of bytes, fixed-length or variable-length text.

    A dataset without values, or with more than names can have, gives none.
    """
    if isinstance(values, h5py.Dataset):
        if values.shape is None or values.size > MAX_TEXTS or values.nbytes > MAX_TEXT_BYTES:
            return []
        values = _values_of_texts(values)
    return [name for value in np.atleast_1d(values).reshape(-1).tolist() if (name := text(value)) is not None]


def _values_of_texts(dataset: h5py.Dataset) -> NDArray[Any]:
    """Return the values of a dataset of text."""
    if dataset.dtype.kind != "O":
        return read_all(dataset)
    check_chunks(dataset)
    # One by one, because any number of them may be the same large text in the file.
    found, size = np.empty(dataset.shape, object), 0
    for position in np.ndindex(dataset.shape):
        found[position] = dataset[position]
        size += len(found[position]) if hasattr(found[position], "__len__") else 0
        if size > MAX_TEXT_BYTES:
            raise InvalidInput("file", [f"'{dataset.name}' has more than {MAX_TEXT_BYTES} bytes of text"])
    return found


def nexus_grid(group: h5py.Group, shape: tuple[int, int], faults: list[str]) -> Grid | None:
    """Return the grid of an NXdata group if the last two of its `axes` have units of length, otherwise None.

    Axes with units that are irregular or do not match the shape are added to `faults`.
    """
    names = texts(group.attrs["axes"]) if "axes" in group.attrs else []
    if len(names) not in (2, 3):
        return None
    found: list[Axis] = []
    for name, size in zip(names[-2:], shape, strict=True):
        dataset = group.get(name)
        unit = text(dataset.attrs.get("units")) if isinstance(dataset, h5py.Dataset) else None
        if unit is None or dataset.dtype.kind not in "iuf":
            return None
        if dataset.shape != (size,):
            faults.append(f"axis '{name}' has shape {dataset.shape}, but the maps {shape}; pass pixel_size=...")
            continue
        with collect_faults(faults):
            try:
                factor = mm_per(unit)
            except InvalidInput as error:
                raise InvalidInput(
                    "axis", [Fault(f"{error.faults[0]}; pass pixel_size=...", f"axis '{name}'")]
                ) from None
            values = read_all(dataset).astype(np.float64)
            found.append(Axis.from_centres(in_mm(values, factor), name))
    return Grid(found[0], found[1]) if len(found) == 2 else None

"""What all HDF5 formats share: datasets as maps, checks of what a file declares, coordinates of NeXus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid
from xrfsr.core.units import in_mm, mm_per
from xrfsr.errors import InvalidInput, collect_faults

__all__ = ["Hdf5Maps", "map_faults", "nexus_grid", "open_hdf5", "text", "texts"]

# Deflate packs at most a thousand to one; who declares more than this did not write it.
MAX_COMPRESSION = 4000
MIN_CHECKED_BYTES = 1 << 20


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """The file, open for reading; another program may hold it, and its folder may be read-only."""
    with h5py.File(path, "r", locking=False) as file:
        yield file


@dataclass(frozen=True, slots=True)
class Hdf5Maps:
    """Maps in an HDF5 file.

    Attributes
    ----------
    path : Path
    locations : tuple of (str, int or None)
        For each map the name of its dataset, and its position along the first dimension if it holds several maps.
    """

    path: Path
    locations: tuple[tuple[str, int | None], ...]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        with open_hdf5(self.path) as file:
            windows = []
            for number in maps:
                name, position = self.locations[number]
                windows.append(file[name][(y, x) if position is None else (position, y, x)])
        return np.stack(windows)


def map_faults(dataset: Any, name: str, dims: int = 2) -> list[str]:
    """What keeps a dataset from being a map (`dims` 2) or a stack of maps (3)."""
    if not isinstance(dataset, h5py.Dataset):
        return [f"'{name}' is {'missing' if dataset is None else 'no dataset'}, but maps are expected there"]
    if dataset.dtype.kind not in "iuf":
        return [f"'{name}' has dtype {dataset.dtype}, but numbers are needed"]
    shape = dataset.shape
    if shape is None or len(shape) != dims:
        needed = "(y, x)" if dims == 2 else "(map, y, x)"
        advice = ""
        if shape is not None and len(shape) == dims - 1:
            advice = "; its points were not arranged on a grid, so do that first in the program that fitted them"
        return [f"'{name}' has shape {shape}, but {needed} is needed{advice}"]
    if 0 in shape:
        return [f"'{name}' has shape {shape}, so there is no pixel"]
    declared = dataset.dtype.itemsize * int(np.prod(shape, dtype=object))
    stored = dataset.id.get_storage_size()
    # A virtual dataset lies in other files. Of others, what is declared and not there would be read as zeros.
    if not dataset.is_virtual and declared > MIN_CHECKED_BYTES and declared > MAX_COMPRESSION * stored:
        return [
            f"'{name}' declares {shape} numbers, {declared / 1e6:.3g} MB, but only {stored} bytes of them are in the "
            "file, so it was never written to the end; copy or export it again"
        ]
    return []


def text(value: Any) -> str | None:
    """Text of an attribute or scalar dataset, or None."""
    if isinstance(value, h5py.Dataset):
        value = value[()]
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else None


def texts(values: Any) -> list[str]:
    """A list of text from an attribute or dataset: bytes, fixed or variable length."""
    if isinstance(values, h5py.Dataset):
        values = values[()]
    return [name for value in np.atleast_1d(values).reshape(-1).tolist() if (name := text(value)) is not None]


def nexus_grid(group: h5py.Group, shape: tuple[int, int], faults: list[str]) -> Grid | None:
    """Where the pixels of an NXdata group lie, if its `axes` tell it with units of length.

    Axes without units are no help; those with units that are irregular or do not fit are added to `faults`.
    """
    names = texts(group.attrs["axes"]) if "axes" in group.attrs else []
    if len(names) != 2:
        return None
    found: list[Axis] = []
    for name, size in zip(names, shape, strict=True):
        dataset = group.get(name)
        unit = text(dataset.attrs.get("units")) if isinstance(dataset, h5py.Dataset) else None
        if unit is None or dataset.dtype.kind not in "iuf":
            return None
        if dataset.shape != (size,):
            faults.append(f"axis '{name}' has shape {dataset.shape}, but the maps have {shape}; pass pixel_size=...")
            continue
        with collect_faults(faults):
            try:
                factor = mm_per(unit)
            except InvalidInput as error:
                raise InvalidInput("axis", [f"axis '{name}': {error.faults[0]}; pass pixel_size=..."]) from None
            values = np.asarray(dataset[()], np.float64)
            found.append(Axis.from_centres(in_mm(values, factor), name))
    return Grid(found[0], found[1]) if len(found) == 2 else None

"""Reader of HDF5 from Bruker's CRONO scanner, as documented by the package cronomaxrf, and of the cubes it exports.

The scanner stores a spectrum for every time step, some of which belong to no pixel: ``XRF/Spectra`` has one per row,
and ``XRF/SpectraSelectedIndex`` holds the row of each pixel. cronomaxrf exports ``spectra`` (row, column, channel) with
``energies``. Neither file stores the positions of the pixels in mm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import Hdf5Maps, map_faults
from xrfsr.io.hdf5_chunks import read_all, read_window
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.hdf5_storage import truncation_faults, unwritten_faults, unwritten_parts
from xrfsr.io.selection import select_maps, try_parse
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.array_cube import ArrayCube
from xrfsr.io.spectra.cubes import MAX_CHANNELS, describe_cube

__all__ = ["CronoCube", "describe", "matches"]

OPTIONS = frozenset({"group"})
GROUPS = ("Spectra", "ComputedMaps")
SPECTRA, INDEX, ENERGIES = "XRF/Spectra", "XRF/SpectraSelectedIndex", "XRF/EnergyVector"
NAMES, COMPUTED = "XRF/ROIs/ROIsNames", "XRF/Maps/ComputedMaps"
GRIDDED, GRIDDED_ENERGIES = "spectra", "energies"
# Longest run of spectra that is read at once, and longest gap of spectra of no pixel within it.
MAX_RUN, MAX_GAP = 1024, 16
# Pixels whose index is checked at once.
ROWS = 1 << 20


def matches(file: h5py.Group) -> bool:
    """Return whether a file has the layout of CRONO, or of an export of cronomaxrf."""
    return any(
        all(isinstance(file.get(name), h5py.Dataset) for name in names)
        for names in ((SPECTRA, INDEX), (GRIDDED, GRIDDED_ENERGIES))
    )


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe maps of lines computed from the spectra or, with ``group="ComputedMaps"``, the maps of the scanner.

    Raises
    ------
    InvalidInput
        If spectra, energies and index are inconsistent, or a line is unknown or outside the spectra.
    """
    if options.group not in (None, *GROUPS):
        raise InvalidInput("file", [f"group must be one of {GROUPS} for '{path}', got {options.group!r}"])
    with open_hdf5(path, external=options.external) as file:
        if options.group == "ComputedMaps":
            return _describe_computed(file, path, options)
        gridded = not isinstance(file.get(SPECTRA), h5py.Dataset)
        energies = _energies(file, path, GRIDDED_ENERGIES if gridded else ENERGIES)
        warnings: tuple[str, ...] = ()
        if options.lines is None and (names := [name for name in _roi_names(file) if name]):
            options, warnings = _lines_of_regions(names, options, path)
        cube = (_open_gridded if gridded else _open_selected)(file, path, options.external)
        return describe_cube(cube, energies, options, path=path, warnings=warnings)


@dataclass(frozen=True, slots=True)
class CronoCube:
    """Cube of the spectra that belong to pixels.

    Attributes
    ----------
    path : Path
        File that holds the spectra.
    dtype : dtype
        Number type of the counts.
    shape : (int, int, int)
        Number of rows, columns and channels.
    external : bool
        Whether the spectra may be stored outside the folder of the file.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    external: bool = False

    @property
    def chunk(self) -> tuple[int, int]:
        """One row of the scan."""
        return 1, self.shape[1]

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """Read (row, column, channel); see `xrfsr.io.spectra.cubes.Cube`."""
        with open_hdf5(self.path, external=self.external) as file:
            selected = _positions(file[INDEX], y)[:, x]
            spectra = file[SPECTRA]
            wanted, where = np.unique(selected, return_inverse=True)
            found = np.empty((wanted.size, len(range(*channels.indices(self.shape[2])))), self.dtype)
            for run in _runs(wanted):
                first, last = int(wanted[run.start]), int(wanted[run.stop - 1])
                found[run] = read_window(spectra, (slice(first, last + 1), channels))[wanted[run] - first]
        return np.asarray(found[where.reshape(selected.shape)])


def _runs(positions: NDArray[np.int64]) -> Iterator[slice]:
    """Yield runs of ascending positions that are close to each other."""
    ends = np.flatnonzero(np.diff(positions) > MAX_GAP) + 1
    for start, stop in zip([0, *ends.tolist()], [*ends.tolist(), positions.size], strict=True):
        for first in range(start, stop, MAX_RUN):
            yield slice(first, min(first + MAX_RUN, stop))


def _positions(index: h5py.Dataset, y: slice) -> NDArray[np.int64]:
    """Return the positions of the spectra of some rows of pixels."""
    rows = index[y] if index.ndim == 2 else index[y, :, 0]
    return np.asarray(rows).astype(np.int64)


def _energies(file: h5py.Group, path: Path, name: str) -> NDArray[np.float64]:
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iuf" or len(dataset.shape or ()) != 1:
        raise InvalidInput(
            "file", [f"'{path}' has no energies in '{name}', expected one number in keV per channel; copy it again"]
        )
    faults = unwritten_faults(dataset, f"'{name}' in '{path}'")
    if dataset.shape[0] > MAX_CHANNELS:
        faults.append(f"'{name}' in '{path}' has {dataset.shape[0]} channels, expected at most {MAX_CHANNELS}")
    if faults:
        raise InvalidInput("file", faults)
    return read_all(dataset).astype(np.float64)


def _cube_faults(dataset: h5py.Dataset, path: Path, name: str, dims: int) -> list[str]:
    shape = dataset.shape
    if dataset.dtype.kind not in "iuf" or shape is None or len(shape) != dims or 0 in shape:
        needed = "(spectrum, channel)" if dims == 2 else "(row, column, channel)"
        return [f"'{name}' in '{path}' has shape {shape} and dtype {dataset.dtype}, expected numbers {needed}"]
    if dims == 3:
        return unwritten_faults(dataset, f"'{name}' in '{path}'")
    # The scanner may reserve more spectra than it measures.
    return truncation_faults(f"'{name}' in '{path}'", shape, dataset.dtype.itemsize, dataset.id.get_storage_size())


def _open_gridded(file: h5py.Group, path: Path, external: bool) -> ArrayCube:
    spectra = file[GRIDDED]
    if faults := _cube_faults(spectra, path, GRIDDED, 3):
        raise InvalidInput("file", faults)
    chunks = spectra.chunks or (1, *spectra.shape[1:])
    return ArrayCube(path, GRIDDED, spectra.dtype, spectra.shape, chunk=chunks[:2], external=external)


def _open_selected(file: h5py.Group, path: Path, external: bool) -> CronoCube:
    spectra, index = file[SPECTRA], file.get(INDEX)
    faults = _cube_faults(spectra, path, SPECTRA, 2)
    shape = index.shape if isinstance(index, h5py.Dataset) and index.dtype.kind in "iu" else None
    if shape is None or shape[2:] not in ((), (1,)) or len(shape) < 2 or 0 in shape:
        faults.append(
            f"'{path}' has no integers (row, column, 1) in '{INDEX}', the index of the spectrum of each pixel; copy it "
            "again"
        )
    else:
        faults += unwritten_faults(index, f"'{INDEX}' in '{path}'")
    if faults or shape is None:
        raise InvalidInput("file", faults)
    used = _used(index, spectra.chunks[0] if spectra.chunks else spectra.shape[0])
    low, high = used.low, used.high
    if low < 0 or high >= spectra.shape[0]:
        raise InvalidInput(
            "file",
            [
                f"'{path}' selects spectra {low} to {high} in '{INDEX}', but contains 0 to {spectra.shape[0] - 1}: it "
                "is incomplete; copy it again"
            ],
        )
    if missing := unwritten_parts(spectra, used.parts):
        raise InvalidInput(
            "file",
            [
                f"'{SPECTRA}' in '{path}' lacks {missing} of {len(used.parts)} chunks of spectra that pixels use: it "
                "is incomplete; copy it again"
            ],
        )
    return CronoCube(path, spectra.dtype, (shape[0], shape[1], spectra.shape[1]), external)


class _Used(NamedTuple):
    """First and last spectrum of any pixel, and the chunks that contain spectra of pixels."""

    low: int
    high: int
    parts: frozenset[int]


def _used(index: h5py.Dataset, chunk: int) -> _Used:
    low, high = [], []
    parts: set[int] = set()
    step = max(1, ROWS // index.shape[1])
    for start in range(0, index.shape[0], step):
        part = read_window(index, (slice(start, start + step), *(slice(None),) * (len(index.shape) - 1)))
        low.append(int(part.min()))
        high.append(int(part.max()))
        parts.update(np.unique(part // chunk).tolist())
    return _Used(min(low), max(high), frozenset(parts))


def _roi_names(file: h5py.Group) -> list[str]:
    """Return the names of the regions of interest, each stored as an array of single letters."""
    dataset = file.get(NAMES)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "OS" or len(dataset.shape or ()) != 1:
        return []
    return [_name(value) for value in read_all(dataset)]


def _name(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = b"".join(value.tolist()) if value.dtype.kind == "S" else b""
    return value.decode("utf-8", "replace").strip("\0 ") if isinstance(value, bytes) else str(value)


def _lines_of_regions(names: list[str], options: ReadOptions, path: Path) -> tuple[ReadOptions, tuple[str, ...]]:
    """Request the lines that the regions of interest are named after, without scatter, which has no energy window."""
    others = [name for name in names if (line := try_parse(name)) and line.kind != "element"]
    rest = [name for name in names if name not in others]
    faults: list[str] = []
    chosen = select_maps(rest, None, path, faults)
    if faults:
        raise InvalidInput("file", faults)
    warnings = (f"regions that are not element lines are ignored: {', '.join(others)}",) if others else ()
    return replace(options, lines=[rest[position] for position in chosen]), warnings


def _describe_computed(file: h5py.Group, path: Path, options: ReadOptions) -> ScanDescription:
    dataset, names = file.get(COMPUTED), _roi_names(file)
    faults = map_faults(dataset, COMPUTED, 3)
    if not faults and dataset.shape[2] != len(names):
        faults.append(
            f"'{path}' has {dataset.shape[2]} maps in '{COMPUTED}', but {len(names)} names of regions; leave group out"
        )
    chosen = select_maps(names, options.lines, path, faults)
    if not faults and not any(np.isfinite(dataset[row]).any() for row in range(dataset.shape[0])):
        faults.append(
            f"the maps in '{COMPUTED}' were not computed (all values are NaN); leave group out and pass lines to "
            "compute them from the spectra"
        )
    if faults:
        raise InvalidInput(f"file '{path}'", faults)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=dataset.shape[:2],
        intensity=Hdf5Maps(path, tuple((COMPUTED, position) for position in chosen), options.external, last=True),
        units="count",
        attrs={"source_group": COMPUTED},
    )

"""Maps of element lines computed block by block from cubes of spectra of any format."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid
from xrfsr.core.lines import parse_all, try_parse
from xrfsr.core.units import in_mm, mm_per
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.selection import group_list, parse_lines, unknown_group
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.energies import KEV_PER_UNIT
from xrfsr.io.spectra.line_windows import (
    NetCounts,
    Window,
    axis_faults,
    channels,
    find_overlaps,
    net_counts,
    parse_resolution,
    place_windows,
)
from xrfsr.utils.describe import describe
from xrfsr.utils.progress import progress_bar

__all__ = [
    "KEV_PER_UNIT",
    "MAX_CHANNELS",
    "Cube",
    "WindowMaps",
    "axes_grid",
    "channel_energies",
    "describe_cube",
    "integrate_windows",
    "select_cube",
]

# Bytes of spectra that are read at once, and of computed maps that are cached.
# Detectors have some thousand channels.
MAX_CHANNELS = 1 << 20
BLOCK_BYTES, CACHE_BYTES = 1 << 25, 1 << 28


class Cube(Protocol):
    """Cube of spectra, which can be pickled and hashed because it holds no open file."""

    @property
    def path(self) -> Path:
        """File or folder."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the counts."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of rows, columns and channels."""
        ...

    @property
    def chunk(self) -> tuple[int, int] | None:
        """Rows and columns of a stored chunk; None if the cube can only be read whole."""
        ...

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """Read (row, column, channel); only `y` and `x` may have steps."""
        ...


@dataclass(frozen=True, slots=True)
class WindowMaps:
    """Source of maps of element lines in a cube of spectra; see `xrfsr.io.source.Source`.

    Attributes
    ----------
    cube : Cube
        Cube of spectra.
    windows : tuple of Window
        Energy window of each map.
    deviation : bool
        Whether the maps are standard deviations rather than net counts.
    """

    cube: Cube
    windows: tuple[Window, ...]
    deviation: bool = False

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[np.float32]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        height, width, _ = self.cube.shape
        rows, columns = range(*y.indices(height)), range(*x.indices(width))
        whole = self.cube.chunk is None
        wanted = (range(height), range(width)) if whole else (rows, columns)
        stat = self.cube.path.stat()
        key = (self.cube, self.windows, *wanted, stat.st_mtime_ns, stat.st_size, stat.st_ino)
        both = _CACHE.get(key, lambda: self.compute(*wanted))
        found = both[int(self.deviation)][list(maps)]
        return found[:, y, x] if whole else found

    def compute(self, rows: range, columns: range) -> NetCounts:
        """Compute net counts and standard deviations of all windows."""
        return integrate_windows(self.cube, self.windows, rows, columns)


def integrate_windows(cube: Cube, windows: Sequence[Window], rows: range, columns: range) -> NetCounts:
    """Compute net counts, clipped at zero, and standard deviations of all windows, block by block."""
    shape = (len(windows), len(rows), len(columns))
    net, deviation = np.empty(shape, np.float32), np.empty(shape, np.float32)
    used = channels(windows)
    done = 0
    with progress_bar(len(rows), f"rows of spectra in {cube.path.name}") as show:
        for y, x in _blocks(cube, rows, columns, used.stop - used.start):
            spectra = cube.spectra(_slice(rows[y]), _slice(columns[x]), used)
            # A cube that is read whole is still converted to floating point in blocks.
            step = max(1, BLOCK_BYTES // max(1, 8 * spectra[:1].size))
            for start in range(0, spectra.shape[0], step):
                part = spectra[start : start + step]
                at = (slice(None), slice(y.start + start, y.start + start + len(part)), x)
                net[at], deviation[at] = net_counts(part, windows, used.start)
                done += len(part) * part.shape[1]
                show(done // len(columns))
    return np.maximum(net, 0, out=net), deviation


def _blocks(cube: Cube, rows: range, columns: range, depth: int) -> Iterator[tuple[slice, slice]]:
    """Yield the positions in rows and columns of blocks: as many whole chunks of the file as fit."""
    if cube.chunk is None:
        yield slice(0, len(rows)), slice(0, len(columns))
        return
    most = max(1, BLOCK_BYTES // (depth * cube.dtype.itemsize))
    height, width = (
        max(1, size // abs(step)) for size, step in zip(cube.chunk, (rows.step, columns.step), strict=True)
    )
    if height * width > most:  # a single chunk is too large: read parts of it
        width = min(width, most)
        height = max(1, most // width)
    width = min(len(columns), width * max(1, most // (height * width)))
    height = min(len(rows), height * max(1, most // (height * width)))
    for y in range(0, len(rows), height):
        for x in range(0, len(columns), width):
            yield slice(y, min(y + height, len(rows))), slice(x, min(x + width, len(columns)))


def _slice(part: range) -> slice:
    return slice(part.start, part.stop, part.step)


class _MapCache:
    """Cache of the last computed maps.

    Dask requests each line, and its uncertainty, separately. Without the cache the same spectra would be decoded every
    time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, Future[NetCounts]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], NetCounts]) -> NetCounts:
        """Return the cached result of `make`, which is called once per key even if several threads request it."""
        with self._lock:
            future = self._entries.get(key)
            mine = future is None
            if future is None:
                self._entries[key] = future = Future()
            self._entries.move_to_end(key)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                with self._lock:
                    self._entries.pop(key, None)
                raise
            self._evict()
        return future.result()

    def _evict(self) -> None:
        with self._lock:
            done = {key: one.result() for key, one in self._entries.items() if one.done() and not one.exception()}
            size = sum(array.nbytes for pair in done.values() for array in pair)
            for key, pair in done.items():
                if size <= self._limit:
                    return
                size -= sum(array.nbytes for array in pair)
                self._entries.pop(key)


_CACHE = _MapCache(CACHE_BYTES)


def describe_cube(
    cube: Cube,
    energies: NDArray[np.float64],
    options: ReadOptions,
    *,
    path: Path,
    grid: Grid | None = None,
    resolution: object = None,
    known: Sequence[str] = (),
    warnings: Sequence[str] = (),
    source: type[WindowMaps] = WindowMaps,
) -> ScanDescription:
    """Describe the maps of the requested lines in a cube of spectra.

    Parameters
    ----------
    cube : Cube
        Cube of spectra.
    energies : ndarray of shape (channel,)
        Energies of the channels in keV.
    options : ReadOptions
        Options of the caller.
    path : Path
        File named in messages.
    grid : Grid, optional
        Positions of the pixels.
    resolution : object
        FWHM at Mn-Ka in eV, if the file stores it.
    known : sequence of str
        Lines that the file names, as suggestions.
    warnings : sequence of str
        Warnings of the reader.
    source : type
        Class that computes the maps.

    Raises
    ------
    InvalidInput
        If no lines are requested, or lines and energies cannot be used.
    """
    faults = axis_faults(energies)
    if not faults and len(energies) != cube.shape[2]:
        faults.append(f"'{path}' has {cube.shape[2]} channels, but energies of {len(energies)}; export it again")
    lines = []
    if options.lines is None:
        named = f"; the file names {', '.join(known)}" if known else ""
        faults.append(
            f"'{path}' contains spectra, so lines must be chosen: pass labels such as lines=['Ca-K', 'Fe-K', 'Pb-L']"
            f"{named}"
        )
    else:
        lines = parse_lines(_labels(options.lines, path, faults), faults)
        with collect_faults(faults):
            parse_all(line.label for line in lines)
    if faults:
        raise InvalidInput("file", faults)
    width = parse_resolution(resolution)
    windows = place_windows(lines, energies, width)
    notes = list(warnings)
    if mixed := find_overlaps(windows, lines, energies, width):
        notes.append(
            f"energy windows do not separate all lines in '{path}': {'; '.join(mixed)}; fit the spectra if this matters"
        )
    counted = cube.dtype.kind in "iu"
    return ScanDescription(
        names=tuple(window.label for window in windows),
        labels=tuple(window.label for window in windows),
        shape=cube.shape[:2],
        intensity=source(cube, windows),
        # Non-integer values are no longer Poisson counts.
        uncertainty=source(cube, windows, deviation=True) if counted else None,
        units="count",
        grid=grid,
        tile=cube.chunk,
        attrs={
            "line_windows": "; ".join(f"{one.label} {one.low:.3f} to {one.high:.3f} keV" for one in windows),
            "background": "straight line between flanks of each window",
            "negative_net_counts": "set to zero",
            "detector_fwhm": f"{1000 * width:.0f} eV at Mn-Ka",
        },
        warnings=tuple(notes),
    )


def _labels(lines: Any, path: Path, faults: list[str]) -> Any:
    """Return the lines to measure; of a mapping the labels, because spectra have no maps that could be renamed."""
    if not isinstance(lines, Mapping):
        return lines
    for name, label in lines.items():
        named, line = try_parse(name), try_parse(label)
        if named and line and named.element and named.element != line.element:
            faults.append(
                f"lines names {describe(name)} {describe(label)}, but '{path}' contains spectra, in which both can be "
                f"measured: pass lines={[name, label]}"
            )
    return list(lines.values())


def select_cube(path: Path, names: Sequence[str], wanted: str | None) -> str:
    """Return the name of the cube to read: the requested one, or the only one.

    Raises
    ------
    InvalidInput
        If no cube has the requested name, or if there are several and none is requested.
    """
    if wanted is not None and wanted not in names:
        raise unknown_group(wanted, names, path)
    if wanted is None and len(names) > 1:
        raise InvalidInput("file", [f"'{path}' contains {len(names)} cubes; choose one: {group_list(names)}"])
    return names[0] if wanted is None else wanted


def channel_energies(axis: Mapping[str, Any], faults: list[str]) -> NDArray[np.float64]:
    """Return the energies of the channels in keV."""
    factor = KEV_PER_UNIT.get(str(axis.get("units")).strip().lower())
    if factor is None:
        faults.append(
            f"the energy axis {axis.get('name')!r} must be in keV or eV, got {axis.get('units')!r}; set its units, "
            "scale and offset in HyperSpy and save again"
        )
        return np.zeros(0)
    if not 0 < axis["size"] <= MAX_CHANNELS:
        faults.append(f"the energy axis must have at most {MAX_CHANNELS} channels, got {axis['size']}; export it again")
        return np.zeros(0)
    if "values" in axis:
        return factor * np.asarray(axis["values"], np.float64)
    try:
        offset, scale = float(axis["offset"]), float(axis["scale"])
    except (KeyError, TypeError, ValueError):
        faults.append(
            f"the energy axis must have a numeric offset and scale, got {axis.get('offset')!r} and "
            f"{axis.get('scale')!r}; set them in HyperSpy and save again"
        )
        return np.zeros(0)
    return factor * (offset + scale * np.arange(axis["size"]))


def axes_grid(y: Mapping[str, Any], x: Mapping[str, Any]) -> Grid | None:
    """Return the grid of two axes if both have units of length, otherwise None."""
    found: list[Axis] = []
    for axis in (y, x):
        try:
            factor = mm_per(axis["units"])
            step, first = float(axis["scale"]), float(axis.get("offset") or 0.0)
            found.append(Axis(axis["size"], in_mm(step, factor), in_mm(first, factor)))
        except (InvalidInput, KeyError, TypeError, ValueError):
            return None  # the caller must then pass a pixel size
    return Grid(*found)

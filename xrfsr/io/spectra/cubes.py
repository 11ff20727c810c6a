"""Maps of lines from any cube of spectra, in blocks and once: what the formats of spectra share."""

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
from xrfsr.core.lines import parse_all
from xrfsr.core.units import in_mm, mm_per
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.hdf5 import MAX_COMPRESSION, MIN_CHECKED_BYTES
from xrfsr.io.selection import parse_lines
from xrfsr.io.source import ReadOptions, ScanDescription
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

__all__ = [
    "KEV",
    "Cube",
    "WindowMaps",
    "axes_grid",
    "channel_energies",
    "describe_cube",
    "integrate_windows",
    "select_cube",
    "truncation_faults",
]

KEV = {"kev": 1.0, "ev": 1e-3}
# Bytes of spectra that are read at once, and of maps that are kept.
BLOCK_BYTES, CACHE_BYTES = 1 << 25, 1 << 28


class Cube(Protocol):
    """Spectra of pixels: a plain value that pickles and hashes, and holds no open file."""

    @property
    def path(self) -> Path:
        """File or folder."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, channels."""
        ...

    @property
    def chunk(self) -> tuple[int, int] | None:
        """Rows and columns that are read together at no further cost; None if only all are."""
        ...

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """Read (row, column, channel); only `y` and `x` may have steps."""
        ...


@dataclass(frozen=True, slots=True)
class WindowMaps:
    """Maps of lines in a cube of spectra; a `xrfsr.io.source.Source`.

    Attributes
    ----------
    cube : Cube
    windows : tuple of Window
    deviation : bool
        Whether the maps are standard deviations in place of net counts.
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
        """Net counts and deviations of all windows."""
        return integrate_windows(self.cube, self.windows, rows, columns)


def integrate_windows(cube: Cube, windows: Sequence[Window], rows: range, columns: range) -> NetCounts:
    """Net counts, none below zero, and deviations of all windows, from blocks of the cube."""
    shape = (len(windows), len(rows), len(columns))
    net, deviation = np.empty(shape, np.float32), np.empty(shape, np.float32)
    used = channels(windows)
    for y, x in _blocks(cube, rows, columns, used.stop - used.start):
        spectra = cube.spectra(_slice(rows[y]), _slice(columns[x]), used)
        # A cube that is there as a whole is still not turned into floating numbers as a whole.
        step = max(1, BLOCK_BYTES // max(1, 8 * spectra[:1].size))
        for start in range(0, spectra.shape[0], step):
            part = spectra[start : start + step]
            at = (slice(None), slice(y.start + start, y.start + start + len(part)), x)
            net[at], deviation[at] = net_counts(part, windows, used.start)
    return np.maximum(net, 0, out=net), deviation


def _blocks(cube: Cube, rows: range, columns: range, depth: int) -> Iterator[tuple[slice, slice]]:
    """Positions in rows and columns that are read at once: whole pieces of the file, as many as may be."""
    if cube.chunk is None:
        yield slice(0, len(rows)), slice(0, len(columns))
        return
    most = max(1, BLOCK_BYTES // (depth * cube.dtype.itemsize))
    height, width = (
        max(1, size // abs(step)) for size, step in zip(cube.chunk, (rows.step, columns.step), strict=True)
    )
    if height * width > most:  # more than may be: then parts of pieces
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
    """Maps that were made last.

    Dask asks for one line after the other, and for the uncertainty apart, of the same spectra, which would be decoded
    for each of them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, Future[NetCounts]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], NetCounts]) -> NetCounts:
        """What `compute` returns, or returned for the same key; made once where several threads ask."""
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
    place: Path,
    grid: Grid | None = None,
    resolution: object = None,
    known: Sequence[str] = (),
    warnings: Sequence[str] = (),
    source: type[WindowMaps] = WindowMaps,
) -> ScanDescription:
    """Maps of lines from a cube of spectra.

    Parameters
    ----------
    cube : Cube
    energies : ndarray of shape (channel,)
        keV.
    options : ReadOptions
    place : Path
        The file, for messages.
    grid : Grid, optional
    resolution : object
        FWHM at Mn-Ka in eV, if the file tells it.
    known : sequence of str
        Lines that the file names, to suggest.
    warnings : sequence of str
        Warnings of the format.
    source : type
        How maps are made.
    """
    faults = axis_faults(energies)
    if not faults and len(energies) != cube.shape[2]:
        faults.append(f"'{place}' has {cube.shape[2]} channels, but energies of {len(energies)}")
    lines = []
    if options.lines is None:
        named = f"; the file names {', '.join(known)}" if known else ""
        faults.append(
            f"'{place}' holds spectra, so lines must be chosen: pass lines=['Ca-K', 'Fe-K', 'Pb-L'], or those that are "
            f"there{named}"
        )
    else:
        lines = parse_lines(options.lines, faults)
        with collect_faults(faults):
            parse_all(line.label for line in lines)
    if faults:
        raise InvalidInput("file", faults)
    width = parse_resolution(resolution)
    windows = place_windows(lines, energies, width)
    notes = list(warnings)
    if mixed := find_overlaps(windows, lines, energies, width):
        notes.append(
            f"windows of energy do not tell all lines apart in '{place}': {'; '.join(mixed)}; fit the spectra where "
            "it matters"
        )
    counted = cube.dtype.kind in "iu"
    return ScanDescription(
        names=tuple(window.label for window in windows),
        shape=cube.shape[:2],
        intensity=source(cube, windows),
        # Of numbers with fractions, who knows what was done to the counts.
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


def truncation_faults(place: Path, what: str, shape: Sequence[int], itemsize: int, stored: int) -> list[str]:
    """A fault if far more numbers are declared than can be in a file."""
    declared = itemsize * int(np.prod(shape, dtype=object))
    if declared <= MIN_CHECKED_BYTES or declared <= MAX_COMPRESSION * stored:
        return []
    return [
        f"'{place}' declares {tuple(shape)} numbers in {what}, {declared / 1e6:.3g} MB, but only {stored} bytes of "
        "them are in the file, so it was never written to the end; copy or export it again"
    ]


def select_cube(path: Path, names: Sequence[str], wanted: str | None) -> str:
    """The name of the cube to read: the one that is wanted, or the only one.

    Raises
    ------
    InvalidInput
        If there is none of that name, or several and none is chosen.
    """
    listed = ", ".join(f"group={name!r}" for name in names)
    if wanted is not None and wanted not in names:
        raise InvalidInput("file", [f"group is {wanted!r}, which '{path}' has not; it has {listed}"])
    if wanted is None and len(names) > 1:
        raise InvalidInput("file", [f"'{path}' holds {len(names)} cubes; choose one: {listed}"])
    return names[0] if wanted is None else wanted


def channel_energies(axis: Mapping[str, Any], faults: list[str]) -> NDArray[np.float64]:
    """Energies of channels in keV."""
    factor = KEV.get(str(axis.get("units")).strip().lower())
    if factor is None:
        faults.append(
            f"the axis of spectra, {axis.get('name')!r}, is in {axis.get('units')!r}; keV or eV is needed, so set its "
            "units, scale and offset in HyperSpy and save again"
        )
        return np.zeros(0)
    if "values" in axis:
        return factor * np.asarray(axis["values"], np.float64)
    try:
        offset, scale = float(axis["offset"]), float(axis["scale"])
    except (KeyError, TypeError, ValueError):
        faults.append(f"the axis of energy has offset {axis.get('offset')!r} and scale {axis.get('scale')!r}")
        return np.zeros(0)
    return factor * (offset + scale * np.arange(axis["size"]))


def axes_grid(y: Mapping[str, Any], x: Mapping[str, Any]) -> Grid | None:
    """Where pixels lie, if both axes tell it in units of length."""
    found: list[Axis] = []
    for axis in (y, x):
        try:
            factor = mm_per(axis["units"])
            step, first = float(axis["scale"]), float(axis.get("offset") or 0.0)
            found.append(Axis(axis["size"], in_mm(step, factor), in_mm(first, factor)))
        except (InvalidInput, KeyError, TypeError, ValueError):
            return None  # then a pixel size is asked for
    return Grid(*found)

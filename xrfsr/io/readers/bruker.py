"""Reader of Bruker hypermaps (``.bcf``), decoded by rosettasciio from the extra ``formats``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import Fault, InvalidInput, import_optional
from xrfsr.io.hdf5_storage import truncation_faults
from xrfsr.io.readers.bruker_decoder import SUM, decode, describe_maps, net_count_maps
from xrfsr.io.selection import group_list
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.cubes import (
    WindowMaps,
    axes_grid,
    channel_energies,
    describe_cube,
    select_cube,
)
from xrfsr.io.spectra.line_windows import NetCounts

__all__ = ["BcfCube", "BcfMaps", "VisitedPixels", "describe", "groups"]

OPTIONS = frozenset({"group"})


@dataclass(frozen=True, slots=True)
class VisitedPixels:
    """Source of a mask of the pixels that were visited; see `xrfsr.io.source.Source`.

    Attributes
    ----------
    bits : bytes
        Packed bits of the pixels, row by row.
    shape : (int, int)
        Number of rows and columns.
    """

    bits: bytes
    shape: tuple[int, int]

    @classmethod
    def any_of(cls, bits: Sequence[bytes], shape: tuple[int, int]) -> VisitedPixels:
        """Return the pixels that any of several detectors visited."""
        merged = np.bitwise_or.reduce([np.frombuffer(one, np.uint8) for one in bits])
        return cls(merged.tobytes(), shape)

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[np.bool_]:
        """Read a window of the mask; see `xrfsr.io.source.Source`."""
        height, width = self.shape
        pixels = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=height * width)
        return pixels.reshape(height, width)[None, y, x] > 0


@dataclass(frozen=True, slots=True)
class BcfCube:
    """Hypermap in Bruker's format, which can only be decoded as a whole.

    Attributes
    ----------
    path : Path
        File that holds the hypermap.
    numbers : tuple of int
        Positions of the hypermaps in the file whose counts are added, one for each detector.
    dtype : dtype
        Number type of the counts.
    shape : (int, int, int)
        Number of rows, columns and channels.
    offset, scale : float
        Energy of the first channel and channel width in keV, to skip channels above the highest line.
    visited : VisitedPixels or None
        Pixels that were visited; None for all.
    """

    path: Path
    numbers: tuple[int, ...]
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    offset: float
    scale: float
    visited: VisitedPixels | None = None

    chunk = None

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """Read (row, column, channel); see `xrfsr.io.spectra.cubes.Cube`."""
        import_optional("rsciio.bruker", "files of Bruker (.bcf)", "formats")
        return decode(self.path, self.numbers, self.offset + self.scale * (channels.stop + 1))[y, x, channels]


@dataclass(frozen=True, slots=True)
class BcfMaps(WindowMaps):
    """Source of maps of lines in a hypermap, computed in a process of its own."""

    def compute(self, rows: range, columns: range) -> NetCounts:
        """Compute net counts and standard deviations of all windows; NaN where no pixel was visited."""
        both = net_count_maps(self.cube, self.windows, rows, columns)
        if isinstance(self.cube, BcfCube) and self.cube.visited is not None:
            (missing,) = ~self.cube.visited.read([0], slice(None), slice(None))
            for maps in both:
                maps[:, missing[np.ix_(rows, columns)]] = np.nan
        return both


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open each map of a file with several, such as those of two detectors."""
    import_optional("rsciio", "files of Bruker (.bcf)", "formats")
    names = [str(number) for number in range(len(describe_maps(path)))]
    return {name: {"group": name} for name in names} if len(names) > 1 else {}


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe maps of the requested lines.

    Raises
    ------
    InvalidInput
        If no lines are requested, a line is outside the spectra, or the file is not a cube with calibrated energies.
    """
    import_optional("rsciio", "files of Bruker (.bcf)", "formats")
    found = describe_maps(path, options.group, records=options.lines is not None)
    names = [str(number) for number in range(len(found))]
    if len(names) > 1 and options.group == SUM:
        numbers = tuple(range(len(found)))
        if any(one["axes"] != found[0]["axes"] or one["shape"] != found[0]["shape"] for one in found):
            raise InvalidInput(
                "file",
                [f"group='{SUM}' needs detectors with one energy scale and size in '{path}'; open each by itself"],
            )
    elif len(names) > 1 and options.group is None:
        raise InvalidInput(
            "file",
            [
                f"'{path}' contains the maps of {len(names)} detectors; choose their sum, {group_list([SUM])}, or one "
                f"of {group_list(names)}"
            ],
        )
    else:
        numbers = (int(select_cube(path, [*names, SUM] if len(names) > 1 else names, options.group)),)
    first = found[numbers[0]]
    sizes, axes = first["shape"], first["axes"]
    dtype = max((np.dtype(found[number]["dtype"]) for number in numbers), key=lambda one: one.itemsize)
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidInput(
            "file", [f"'{path}' contains a map of shape {sizes}, expected (row, column, channel); export it again"]
        )
    height, width, depth = sizes
    if faults := truncation_faults(f"the map in '{path}'", sizes, dtype.itemsize, path.stat().st_size):
        raise InvalidInput("file", faults)
    energies = channel_energies(axes[2], faults)
    bits = [found[number]["visited"] for number in numbers if "visited" in found[number]]
    visited = VisitedPixels.any_of(bits, (height, width)) if len(bits) == len(numbers) else None
    if visited is not None and not visited.read([0], slice(None), slice(None)).any():
        faults.append("no pixel was measured; pass another file")
    if faults:
        raise InvalidInput("file", [Fault(fault, f"'{path}'") for fault in faults])
    offset, scale = float(axes[2]["offset"]), float(axes[2]["scale"])
    described = describe_cube(
        BcfCube(path, numbers, dtype, (height, width, depth), offset, scale, visited),
        energies,
        options,
        path=path,
        grid=axes_grid(axes[0], axes[1]),
        known=first["lines"],
        source=BcfMaps,
    )
    return replace(described, valid=visited)

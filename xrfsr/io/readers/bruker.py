"""Reader of Bruker hypermaps (``.bcf``), decoded by rosettasciio from the extra ``formats``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import Fault, InvalidInput, import_optional
from xrfsr.io.hdf5_storage import truncation_faults
from xrfsr.io.readers.bruker_decoder import describe_maps, net_count_maps
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.cubes import (
    WindowMaps,
    axes_grid,
    channel_energies,
    describe_cube,
    select_cube,
)
from xrfsr.io.spectra.line_windows import NetCounts

__all__ = ["BcfCube", "BcfMaps", "describe"]

OPTIONS = frozenset({"group"})


@dataclass(frozen=True, slots=True)
class BcfCube:
    """Hypermap in Bruker's format, which can only be decoded as a whole.

    Attributes
    ----------
    path : Path
        File that holds the hypermap.
    index : int
        Position of the hypermap in the file.
    dtype : dtype
        Number type of the counts.
    shape : (int, int, int)
        Number of rows, columns and channels.
    offset, scale : float
        Energy of the first channel and channel width in keV, to skip channels above the highest line.
    """

    path: Path
    index: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    offset: float
    scale: float

    chunk = None

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """Read (row, column, channel); see `xrfsr.io.spectra.cubes.Cube`."""
        bruker = import_optional("rsciio.bruker", "files of Bruker (.bcf)", "formats")
        highest = self.offset + self.scale * (channels.stop + 1)
        found = bruker.file_reader(
            str(self.path), select_type="spectrum_image", index=self.index, cutoff_at_kV=float(highest)
        )
        return np.asarray(found[0]["data"][y, x, channels])


@dataclass(frozen=True, slots=True)
class BcfMaps(WindowMaps):
    """Source of maps of lines in a hypermap, computed in a process of its own."""

    def compute(self, rows: range, columns: range) -> NetCounts:
        """Compute net counts and standard deviations of all windows."""
        return net_count_maps(self.cube, self.windows, rows, columns)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe maps of the requested lines.

    Raises
    ------
    InvalidInput
        If no lines are requested, a line is outside the spectra, or the file is not a cube with calibrated energies.
    """
    import_optional("rsciio", "files of Bruker (.bcf)", "formats")
    found = describe_maps(path)
    names = [str(number) for number in range(len(found))]
    number = int(select_cube(path, names, options.group))
    sizes, dtype, axes = found[number]["shape"], np.dtype(found[number]["dtype"]), found[number]["axes"]
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidInput(
            "file", [f"'{path}' contains a map of shape {sizes}, expected (row, column, channel); export it again"]
        )
    height, width, depth = sizes
    if faults := truncation_faults(f"the map in '{path}'", sizes, dtype.itemsize, path.stat().st_size):
        raise InvalidInput("file", faults)
    energies = channel_energies(axes[2], faults)
    if faults:
        raise InvalidInput("file", [Fault(fault, f"'{path}'") for fault in faults])
    return describe_cube(
        BcfCube(path, number, dtype, (height, width, depth), float(axes[2]["offset"]), float(axes[2]["scale"])),
        energies,
        options,
        path=path,
        grid=axes_grid(axes[0], axes[1]),
        known=found[number]["lines"],
        source=BcfMaps,
    )

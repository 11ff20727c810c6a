"""Reader of Bruker hypermaps (``.bcf``), decoded by rosettasciio from the extra ``formats``."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import Fault, InvalidInput, import_optional
from xrfsr.io.hdf5_storage import truncation_faults
from xrfsr.io.lazy import unreadable_message
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.cubes import (
    WindowMaps,
    axes_grid,
    channel_energies,
    describe_cube,
    integrate_windows,
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
    """Source of maps of lines in a hypermap, computed in a subprocess.

    On damaged files the compiled decoder of rosettasciio reads out of bounds, which would crash the main process.
    """

    def compute(self, rows: range, columns: range) -> NetCounts:
        """Compute net counts and standard deviations of all windows in a subprocess."""
        code = "from xrfsr.io.readers.bruker import decode_in_subprocess; decode_in_subprocess()"
        run = subprocess.run(
            # -P and the same path, so that nothing is imported from the current folder.
            [sys.executable, "-P", "-c", code],
            input=pickle.dumps((self.cube, self.windows, rows, columns)),
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        if run.returncode:
            last = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            reason = f"the decoder crashed: {last[0] if last and run.returncode > 0 else run.returncode}"
            if "MemoryError" in reason:
                reason = (
                    "not enough memory, because .bcf is decoded as a whole; export it as .rpl, which is read in parts"
                )
            raise InvalidInput("file", [unreadable_message(f"'{self.cube.path}'", reason)])
        maps: NetCounts = pickle.loads(run.stdout)
        return maps


def decode_in_subprocess() -> None:
    """Run as the subprocess of `BcfMaps`: read the task from standard input and write the maps to standard output."""
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    output.write(pickle.dumps(integrate_windows(*pickle.load(sys.stdin.buffer))))


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe maps of the requested lines.

    Raises
    ------
    InvalidInput
        If no lines are requested, a line is outside the spectra, or the file is not a cube with calibrated energies.
    """
    bruker = import_optional("rsciio.bruker", "files of Bruker (.bcf)", "formats")
    found = bruker.file_reader(str(path), lazy=True, select_type="spectrum_image", index="all")
    names = [str(number) for number in range(len(found))]
    number = int(select_cube(path, names, options.group))
    data, axes, metadata = (found[number][key] for key in ("data", "axes", "metadata"))
    sizes = [int(size) for size in data.shape]
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidInput(
            "file", [f"'{path}' contains a map of shape {sizes}, expected (row, column, channel); export it again"]
        )
    height, width, depth = sizes
    if faults := truncation_faults(f"the map in '{path}'", sizes, data.dtype.itemsize, path.stat().st_size):
        raise InvalidInput("file", faults)
    energies = channel_energies(axes[2], faults)
    if faults:
        raise InvalidInput("file", [Fault(fault, f"'{path}'") for fault in faults])
    sample = metadata.get("Sample", {})
    return describe_cube(
        BcfCube(path, number, data.dtype, (height, width, depth), float(axes[2]["offset"]), float(axes[2]["scale"])),
        energies,
        options,
        path=path,
        grid=axes_grid(axes[0], axes[1]),
        known=[str(line) for line in sample.get("xray_lines") or sample.get("elements") or ()],
        source=BcfMaps,
    )

"""Bruker's hypermaps, ``.bcf``, which rosettasciio decodes: the extra ``formats``."""

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
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.cubes import (
    WindowMaps,
    axes_grid,
    channel_energies,
    describe_cube,
    integrate_windows,
    select_cube,
    truncation_faults,
)
from xrfsr.io.spectra.line_windows import NetCounts

__all__ = ["BcfCube", "BcfMaps", "describe"]

USES = frozenset({"group"})


@dataclass(frozen=True, slots=True)
class BcfCube:
    """A hypermap in Bruker's format, which can only be decoded as a whole.

    Attributes
    ----------
    path : Path
    index : int
    dtype : dtype
    shape : (int, int, int)
        Rows, columns, channels.
    offset, scale : float
        Of energies, keV: what lies above the highest line is not decoded.
    """

    path: Path
    index: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    offset: float
    scale: float

    chunk = None

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """See `xrfsr.io.spectra.cubes.Cube`."""
        bruker = import_optional("rsciio.bruker", "files of Bruker (.bcf)", "formats")
        highest = self.offset + self.scale * (channels.stop + 1)
        found = bruker.file_reader(
            str(self.path), select_type="spectrum_image", index=self.index, cutoff_at_kV=float(highest)
        )
        return np.asarray(found[0]["data"][y, x, channels])


@dataclass(frozen=True, slots=True)
class BcfMaps(WindowMaps):
    """Maps of lines in a hypermap, made in a process of its own.

    On damaged files the compiled decoder of rosettasciio reads beyond its memory, which ends the process that it is in.
    """

    def compute(self, rows: range, columns: range) -> NetCounts:
        """See `WindowMaps`."""
        code = "from xrfsr.io.readers.bruker import decode_in_subprocess; decode_in_subprocess()"
        run = subprocess.run(
            # -P and the same path: this package, and nothing that happens to lie in the current folder.
            [sys.executable, "-P", "-c", code],
            input=pickle.dumps((self.cube, self.windows, rows, columns)),
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        if run.returncode:
            told = run.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            reason = f"the decoder broke down, {told[0] if told and run.returncode > 0 else run.returncode}"
            if "MemoryError" in reason:
                reason = "it is decoded as a whole, for which there is not enough memory; .rpl is read in parts"
            raise InvalidInput(
                "file",
                [
                    f"'{self.cube.path}' cannot be read ({reason}): damaged, incomplete or changed, so copy or "
                    "export it again"
                ],
            )
        made: NetCounts = pickle.loads(run.stdout)
        return made


def decode_in_subprocess() -> None:
    """What the process of `BcfMaps` does: read from standard input what to make, and write it to standard output."""
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    output.write(pickle.dumps(integrate_windows(*pickle.load(sys.stdin.buffer))))


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Maps of the chosen lines.

    Raises
    ------
    InvalidInput
        If lines are not chosen, lie outside the spectra, or the file is no cube with a calibrated energy axis.
    """
    bruker = import_optional("rsciio.bruker", "files of Bruker (.bcf)", "formats")
    found = bruker.file_reader(str(path), lazy=True, select_type="spectrum_image", index="all")
    names = [str(number) for number in range(len(found))]
    number = int(select_cube(path, names, options.group))
    data, axes, metadata = (found[number][key] for key in ("data", "axes", "metadata"))
    sizes = [int(size) for size in data.shape]
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidInput("file", [f"'{path}' declares a map of {sizes} rows, columns and channels"])
    height, width, depth = sizes
    if faults := truncation_faults(path, "its map", sizes, data.dtype.itemsize, path.stat().st_size):
        raise InvalidInput("file", faults)
    energies = channel_energies(axes[2], faults)
    if faults:
        raise InvalidInput("file", [Fault(fault, f"'{path}'") for fault in faults])
    sample = metadata.get("Sample", {})
    return describe_cube(
        BcfCube(path, number, data.dtype, (height, width, depth), float(axes[2]["offset"]), float(axes[2]["scale"])),
        energies,
        options,
        place=path,
        grid=axes_grid(axes[0], axes[1]),
        known=[str(line) for line in sample.get("xray_lines") or sample.get("elements") or ()],
        source=BcfMaps,
    )

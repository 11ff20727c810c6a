"""Reader of Ripple: a text header ``.rpl`` that describes the raw values in a ``.raw`` file of the same name.

The package parses the header itself, because rosettasciio refuses headers, and ignores energies, of Bruker programs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.io.places import Home
from xrfsr.io.readers.declared_sizes import is_longer_side
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.cubes import KEV_PER_UNIT, MAX_CHANNELS, axes_grid, describe_cube
from xrfsr.io.spectra.energies import given_energies, unit_fault
from xrfsr.utils.describe import describe as describe_value

__all__ = ["RawCube", "describe"]

OPTIONS = frozenset({"energy"})
MAX_HEADER_BYTES = 1 << 20
EXAMPLE_ENERGY = "('-0.96 keV', '10 eV'), the energy of the first channel and the width of a channel"


@dataclass(frozen=True, slots=True)
class RawCube:
    """Cube of raw values, of which only the requested window is read.

    Attributes
    ----------
    path : Path
        File that holds the values.
    dtype : dtype
        Number type with byte order.
    offset : int
        Bytes before the first value.
    shape : (int, int, int)
        Number of rows, columns and channels.
    by_image : bool
        Whether the file stores maps of channels rather than spectra of pixels.
    """

    path: Path
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, int, int]
    by_image: bool = False

    @property
    def chunk(self) -> tuple[int, int]:
        """One row of the scan."""
        return 1, self.shape[1]

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """Read (row, column, channel); see `xrfsr.io.spectra.cubes.Cube`."""
        height, width, _ = self.shape
        if not self.by_image:
            return np.array(np.memmap(self.path, self.dtype, "r", self.offset, self.shape)[y, x, channels])
        # The rows of a window are far apart in the file, where memory mapping would read much more than them.
        rows, planes = range(height)[y], range(self.shape[2])[channels]
        first, last = rows[0], rows[-1]
        found = np.empty((len(rows), len(range(width)[x]), len(planes)), self.dtype)
        with self.path.open("rb") as file:
            for number, plane in enumerate(planes):
                file.seek(self.offset + (plane * height + first) * width * self.dtype.itemsize)
                read = np.fromfile(file, self.dtype, (last - first + 1) * width)
                found[..., number] = read.reshape(-1, width)[:: rows.step, x]
        return found


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe maps of the requested lines.

    Raises
    ------
    InvalidInput
        If no lines are requested, a line is outside the spectra, or the file is not a cube with calibrated energies.
    """
    header_path, raw_path = _partner(path, ".rpl"), _partner(path, ".raw")
    Home.of(path, external=options.external).check({header_path, raw_path} - {path})
    header = _header(header_path)
    faults: list[str] = []
    sizes = {name: _number(header, name, int, faults) for name in ("width", "height", "depth")}
    offset = int(_number(header, "offset", int, faults, 0))
    kind, length = header.get("data-type", ""), header.get("data-length", "")
    kinds = {"signed": "i", "unsigned": "u", "float": "f"}
    if kind not in kinds or length not in ("1", "2", "4", "8") or (kind == "float" and length in ("1", "2")):
        faults.append(
            "data-type and data-length must be signed or unsigned with 1, 2, 4 or 8, or float with 4 or 8, got "
            f"{kind!r} and {length!r}"
        )
    order, record = header.get("byte-order", "dont-care"), header.get("record-by", "vector")
    if order not in ("little-endian", "big-endian", "dont-care"):
        faults.append(f"byte-order must be little-endian, big-endian or dont-care, got {order!r}")
    if record not in ("vector", "image"):
        faults.append(f"record-by must be vector or image, got {record!r}")
    faults += [f"{name} must be > 0, got {size}" for name, size in sizes.items() if size < 1]
    if sizes["depth"] > MAX_CHANNELS:
        faults.append(f"depth must be at most {MAX_CHANNELS} channels, got {sizes['depth']}")
    if offset < 0:
        faults.append(f"offset must be ≥ 0, got {offset}")
    stored = _ripple_energy(header, faults)
    depth = int(sizes["depth"])
    energies = None if stored is None else stored[0] + stored[1] * np.arange(max(0, min(depth, MAX_CHANNELS)))
    if options.energy is not None and depth > 0:
        with collect_faults(faults):
            energies = given_energies(options.energy, min(depth, MAX_CHANNELS))
    elif stored is not None and (wrong := unit_fault(*stored)):
        faults.append(f"the units of its energies are wrong: {wrong}; pass energy={EXAMPLE_ENERGY}")
    elif energies is None:
        faults.append(
            f"the energies of the channels are missing; pass energy={EXAMPLE_ENERGY}, or add "
            "depth-origin, depth-scale and depth-units (keV or eV), or depthscaleorigin, depthscaleincrement "
            "and depthscaleunits, or ev-per-chan to the header"
        )
    if not faults:
        height, width, depth = (int(sizes[name]) for name in ("height", "width", "depth"))
        declared = offset + height * width * depth * int(length)
        there = raw_path.stat().st_size
        surplus, values = there - declared, (height, width, depth)
        # A few bytes at the end may be padding; whole channels, columns or rows mean that the declared sizes are wrong.
        if not 0 <= surplus < width * depth * int(length) or is_longer_side(surplus, values, int(length)):
            wrong = "the file is truncated" if there < declared else "width, height, depth or data-length are wrong"
            faults.append(
                f"{height} rows x {width} columns x {depth} channels of {length} bytes after {offset} are {declared} "
                f"bytes, but '{raw_path}' has {there}: {wrong}; copy or export it again"
            )
    if faults or energies is None:
        raise InvalidInput("file", [Fault(fault, f"'{header_path}'") for fault in faults])
    warnings = []
    if surplus >= depth * int(length):
        warnings.append(
            f"'{raw_path}' has {there} bytes, {surplus} more than '{header_path}' declares, which are ignored; check "
            "the map for rows that are shifted"
        )
    if stored is not None and options.energy is not None:
        start, step = energies[0], energies[1] - energies[0]
        if not np.allclose((start, step), stored, rtol=0.01, atol=0.1 * step):
            replaced = f"{stored[0]:g} and {stored[1]:g} keV"
            warnings.append(
                f"energy={describe_value(options.energy)} replaces the {replaced} stored in '{header_path}'"
            )
    if header.get("depth1", "0") not in ("0", "1") or header.get("depthbinsize", "1") != "1":
        warnings.append(
            f"'{header_path}' was written with removed or summed channels (depth1={header.get('depth1')}, "
            f"depthbinsize={header.get('depthbinsize')}); its energy scale is assumed to apply to the stored channels, "
            "so check the position of a known line"
        )
    code = ("<" if order != "big-endian" else ">") + kinds[kind] + length
    cube = RawCube(raw_path, np.dtype(code), offset, (height, width, depth), record == "image")
    return describe_cube(
        cube,
        np.asarray(energies, np.float64),
        options,
        path=header_path,
        grid=axes_grid(*(_header_axis(header, name, size) for name, size in (("height", height), ("width", width)))),
        resolution=header.get("detector-peak-width-ev"),
        warnings=warnings,
    )


def _partner(path: Path, suffix: str) -> Path:
    """Return the header of a raw file, or the raw file of a header."""
    if path.suffix.lower() == suffix:
        return path
    for one in (suffix, suffix.upper(), suffix.capitalize()):
        if os.path.lexists(found := path.with_suffix(one)):
            return found
    what = "its raw values" if suffix == ".raw" else "its header"
    raise InvalidInput(
        "file", [f"'{path}' needs {what}, but '{path.with_suffix(suffix).name}' is missing; copy it to the same folder"]
    )


def _header(path: Path) -> dict[str, str]:
    """Return the header by key in lower case, from lines ``key value`` or, as in INCA, ``(MLX::KEY : VALUE)``."""
    if path.stat().st_size > MAX_HEADER_BYTES:
        raise InvalidInput(
            "file", [f"'{path}' has {path.stat().st_size} bytes, too many for a Ripple header; export it again"]
        )
    header: dict[str, str] = {}
    for line in path.read_text("latin-1").splitlines():
        inner = re.fullmatch(r"\(MLX::(.*)\)", line.strip(), re.IGNORECASE)
        match = re.fullmatch(r"([^\s:;]+)[\s:]+(.*)", inner[1] if inner else line.strip())
        if match:
            key, value = match[1].lower(), match[2].partition(";")[0].strip()
            header[key] = value.lower() if key in ("data-type", "byte-order", "record-by") else value
    return header


def _number(header: Mapping[str, str], key: str, kind: type, faults: list[str], missing: float | None = None) -> float:
    value = header.get(key)
    if value is None and missing is not None:
        return missing
    try:
        number: float = kind(value)
        if not isfinite(number):
            raise ValueError
    except (OverflowError, TypeError, ValueError):
        faults.append(f"{key} must be a number, got {'nothing' if value is None else repr(value)}")
        return 1
    return number


def _ripple_energy(header: Mapping[str, str], faults: list[str]) -> tuple[float, float] | None:
    """Return the energy of the first channel and the channel width in keV, or None if the header has neither."""
    # Keys of HyperSpy, of Bruker programs, and of the format itself.
    for origin, scale, unit in (
        ("depth-origin", "depth-scale", header.get("depth-units")),
        ("depthscaleorigin", "depthscaleincrement", header.get("depthscaleunits")),
        ("depth-origin", "ev-per-chan", "eV"),
    ):
        if scale in header and (factor := KEV_PER_UNIT.get(str(unit).strip().lower())):
            return factor * _number(header, origin, float, faults, 0.0), factor * _number(header, scale, float, faults)
    return None


def _header_axis(header: Mapping[str, str], name: str, size: int) -> dict[str, Any]:
    keys = {"offset": "origin", "scale": "scale", "units": "units"}
    return {"size": size, **{key: header.get(f"{name}-{word}") for key, word in keys.items()}}

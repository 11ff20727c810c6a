"""Cubes of spectra: Bruker's ``.bcf``, Ripple (``.rpl`` beside ``.raw``), HyperSpy's ``.hspy`` and ``.zspy``.

HyperSpy's layout is read as what it is, HDF5 or zarr, and Ripple as text beside plain numbers: rosettasciio keeps every
file open that it opens lazily, and refuses headers that Bruker's own programs write. It decodes ``.bcf``.
"""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, collecting, needed
from xrfsr.grid import Axis, Grid
from xrfsr.io.choice import parsed_lines
from xrfsr.io.hdf5 import MOST_COMPRESSED, SMALL, opened, text, texts
from xrfsr.io.maps import Maps, Request
from xrfsr.io.windows import (
    Cube,
    Pair,
    WindowMaps,
    axis_faults,
    overlaps,
    place_windows,
    reduced,
    usable_resolution,
)
from xrfsr.lines import parse_all
from xrfsr.units import mm_per

__all__ = ["ArrayCube", "BcfCube", "RawCube", "describe", "maps_of"]

USES = frozenset({"group"})
KEV = {"kev": 1.0, "ev": 1e-3}
LONGEST_HEADER = 1 << 20
AXES = ({"y", "x"}, {"height", "width"})


def describe(path: Path, request: Request) -> Maps:
    """Maps of the chosen lines.

    Raises
    ------
    InvalidInput
        If lines are not chosen, lie outside the spectra, or the file is no cube with a calibrated energy axis.
    """
    suffix = path.suffix.lower()
    if suffix in (".rpl", ".raw"):
        if request.group is not None:
            raise InvalidInput("file", [f"group is {request.group!r}, but a Ripple file has one cube; leave it out"])
        return _ripple(path, request)
    return _bcf(path, request) if suffix == ".bcf" else _hyperspy(path, request)


def maps_of(
    cube: Cube,
    energies: NDArray[np.float64],
    request: Request,
    *,
    place: Path,
    grid: Grid | None = None,
    resolution: object = None,
    known: Sequence[str] = (),
    remarks: Sequence[str] = (),
    source: type[WindowMaps] = WindowMaps,
) -> Maps:
    """Maps of lines from a cube of spectra.

    Parameters
    ----------
    cube : Cube
    energies : ndarray of shape (channel,)
        keV.
    request : Request
    place : Path
        The file, for messages.
    grid : Grid, optional
    resolution : object
        FWHM at Mn-Ka in eV, if the file tells it.
    known : sequence of str
        Lines that the file names, to suggest.
    remarks : sequence of str
        Warnings of the format.
    source : type
        How maps are made.
    """
    faults = axis_faults(energies)
    if not faults and len(energies) != cube.shape[2]:
        faults.append(f"'{place}' has {cube.shape[2]} channels, but energies of {len(energies)}")
    lines = []
    if request.lines is None:
        named = f"; the file names {', '.join(known)}" if known else ""
        faults.append(
            f"'{place}' holds spectra, so lines must be chosen: pass lines=['Ca-K', 'Fe-K', 'Pb-L'], or those that are "
            f"there{named}"
        )
    else:
        lines = parsed_lines(request.lines, faults)
        with collecting(faults):
            parse_all(line.label for line in lines)
    if faults:
        raise InvalidInput("file", faults)
    width = usable_resolution(resolution)
    windows = place_windows(lines, energies, width)
    notes = list(remarks)
    if mixed := overlaps(windows, lines, energies, width):
        notes.append(
            f"windows of energy do not tell all lines apart in '{place}': {'; '.join(mixed)}; fit the spectra where "
            "it matters"
        )
    counted = cube.dtype.kind in "iu"
    return Maps(
        names=tuple(window.label for window in windows),
        shape=cube.shape[:2],
        intensity=source(cube, windows),
        # Of numbers with fractions, who knows what was done to the counts.
        uncertainty=source(cube, windows, deviation=True) if counted else None,
        units="count",
        grid=grid,
        tile=cube.piece,
        attrs={
            "line_windows": "; ".join(f"{one.label} {one.low:.3f} to {one.high:.3f} keV" for one in windows),
            "background": "straight line between flanks of each window",
            "negative_net_counts": "set to zero",
            "detector_fwhm": f"{1000 * width:.0f} eV at Mn-Ka",
        },
        remarks=tuple(notes),
    )


def stored_faults(place: Path, what: str, shape: Sequence[int], itemsize: int, stored: int) -> list[str]:
    """A fault if far more numbers are declared than can be in a file."""
    declared = itemsize * int(np.prod(shape, dtype=object))
    if declared <= SMALL or declared <= MOST_COMPRESSED * stored:
        return []
    return [
        f"'{place}' declares {tuple(shape)} numbers in {what}, {declared / 1e6:.3g} MB, but only {stored} bytes of "
        "them are in the file, so it was never written to the end; copy or export it again"
    ]


# --- Ripple


@dataclass(frozen=True, slots=True)
class RawCube:
    """Plain numbers, of which the window that is asked for is read.

    Attributes
    ----------
    path : Path
    dtype : dtype
    offset : int
        Bytes before the first number.
    shape : (int, int, int)
        Rows, columns, channels.
    by_image : bool
        Whether a map of each channel comes after the other, in place of spectra.
    """

    path: Path
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, int, int]
    by_image: bool = False

    @property
    def piece(self) -> tuple[int, int]:
        """One row."""
        return 1, self.shape[1]

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """See `xrfsr.io.windows.Cube`."""
        height, width, _ = self.shape
        if not self.by_image:
            return np.array(np.memmap(self.path, self.dtype, "r", self.offset, self.shape)[y, x, channels])
        # Far apart in the file, where mapping would fetch much more than the rows.
        rows, planes = range(height)[y], range(self.shape[2])[channels]
        first, last = rows[0], rows[-1]
        found = np.empty((len(rows), len(range(width)[x]), len(planes)), self.dtype)
        with self.path.open("rb") as file:
            for number, plane in enumerate(planes):
                file.seek(self.offset + (plane * height + first) * width * self.dtype.itemsize)
                read = np.fromfile(file, self.dtype, (last - first + 1) * width)
                found[..., number] = read.reshape(-1, width)[:: rows.step, x]
        return found


def _ripple(path: Path, request: Request) -> Maps:
    header_path, raw_path = _partner(path, ".rpl"), _partner(path, ".raw")
    header = _header(header_path)
    faults: list[str] = []
    sizes = {name: _number(header, name, int, faults) for name in ("width", "height", "depth")}
    offset = int(_number(header, "offset", int, faults, 0))
    kind, length = header.get("data-type", ""), header.get("data-length", "")
    kinds = {"signed": "i", "unsigned": "u", "float": "f"}
    if kind not in kinds or length not in ("1", "2", "4", "8") or (kind == "float" and length in ("1", "2")):
        faults.append(
            f"data-type is {kind!r} and data-length {length!r}; accepted are signed and unsigned with 1, 2, 4 or 8, "
            "and float with 4 or 8"
        )
    order, record = header.get("byte-order", "dont-care"), header.get("record-by", "vector")
    if order not in ("little-endian", "big-endian", "dont-care"):
        faults.append(f"byte-order is {order!r}; accepted are little-endian, big-endian and dont-care")
    if record not in ("vector", "image"):
        faults.append(f"record-by is {record!r}; spectra are recorded by vector or image")
    faults += [f"{name} is {size}; it must be above zero" for name, size in sizes.items() if size < 1]
    if offset < 0:
        faults.append(f"offset is {offset}; it must be zero or more")
    energy = _ripple_energy(header, faults)
    if not faults:
        height, width, depth = (int(sizes[name]) for name in ("height", "width", "depth"))
        declared = offset + height * width * depth * int(length)
        there = raw_path.stat().st_size
        # What little may follow is padding; more, and the sizes are not those of the numbers.
        if not declared <= there < declared + width * depth * int(length):
            wrong = "the file is cut off" if there < declared else "width, height, depth or data-length are wrong"
            faults.append(
                f"{height} rows x {width} columns x {depth} channels of {length} bytes after {offset} are {declared} "
                f"bytes, but '{raw_path}' has {there}: {wrong}, so copy or export it again"
            )
    if faults:
        raise InvalidInput("file", [f"'{header_path}': {fault}" for fault in faults])
    remarks = []
    if header.get("depth1", "0") not in ("0", "1") or header.get("depthbinsize", "1") != "1":
        remarks = [
            f"'{header_path}' tells of channels that were cut off or summed (depth1={header.get('depth1')}, "
            f"depthbinsize={header.get('depthbinsize')}); the scale is taken to be that of the channels in the file, "
            "so check that a line lies where it should"
        ]
    code = ("<" if order != "big-endian" else ">") + kinds[kind] + length
    cube = RawCube(raw_path, np.dtype(code), offset, (height, width, depth), record == "image")
    return maps_of(
        cube,
        np.asarray(energy[0] + energy[1] * np.arange(depth), np.float64),
        request,
        place=header_path,
        grid=_grid(*(_header_axis(header, name, size) for name, size in (("height", height), ("width", width)))),
        resolution=header.get("detector-peak-width-ev"),
        remarks=remarks,
    )


def _partner(path: Path, suffix: str) -> Path:
    """The header of the numbers, or the other way round."""
    if path.suffix.lower() == suffix:
        return path
    for one in (suffix, suffix.upper(), suffix.capitalize()):
        if (found := path.with_suffix(one)).is_file():
            return found
    what = "its numbers" if suffix == ".raw" else "its header, which tells what its numbers are"
    raise InvalidInput("file", [f"'{path}' needs {what}: '{path.with_suffix(suffix).name}' is not beside it"])


def _header(path: Path) -> dict[str, str]:
    """Keys in lower case, and their values: separated by blanks, or as INCA writes them, ``(MLX::KEY : VALUE)``."""
    if path.stat().st_size > LONGEST_HEADER:
        raise InvalidInput("file", [f"'{path}' has {path.stat().st_size} bytes, far more than a header of Ripple"])
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
        faults.append(f"{key} is {'missing' if value is None else repr(value)}; a number is needed")
        return 1
    return number


def _ripple_energy(header: Mapping[str, str], faults: list[str]) -> tuple[float, float]:
    """Energy of the first channel and step, in keV."""
    # HyperSpy's keys, those of Bruker's programs, and the one of the format itself.
    for origin, scale, unit in (
        ("depth-origin", "depth-scale", header.get("depth-units")),
        ("depthscaleorigin", "depthscaleincrement", header.get("depthscaleunits")),
        ("depth-origin", "ev-per-chan", "eV"),
    ):
        if scale in header and (factor := KEV.get(str(unit).strip().lower())):
            return factor * _number(header, origin, float, faults, 0.0), factor * _number(header, scale, float, faults)
    faults.append(
        "the energy of channels is not told: depth-origin, depth-scale and depth-units keV or eV are needed, or "
        "depthscaleorigin, depthscaleincrement and depthscaleunits, or ev-per-chan; write them into the header"
    )
    return 0.0, 1.0


def _header_axis(header: Mapping[str, str], name: str, size: int) -> dict[str, Any]:
    keys = {"offset": "origin", "scale": "scale", "units": "units"}
    return {"size": size, **{key: header.get(f"{name}-{word}") for key, word in keys.items()}}


# --- HyperSpy


@dataclass(frozen=True, slots=True)
class ArrayCube:
    """Spectra in an array of HDF5 or zarr.

    Attributes
    ----------
    path : Path
    name : str
        Of the array.
    dtype : dtype
    shape : (int, int, int)
        Rows, columns, channels.
    order : (int, int, int)
        Which dimensions of the array these are.
    piece : (int, int) or None
        Rows and columns of a chunk.
    """

    path: Path
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    order: tuple[int, int, int] = (0, 1, 2)
    piece: tuple[int, int] | None = None

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """See `xrfsr.io.windows.Cube`."""
        key = [slice(None)] * 3
        for dim, part in zip(self.order, (y, x, channels), strict=True):
            key[dim] = part
        with _tree(self.path) as root:
            return np.asarray(root[self.name][tuple(key)]).transpose(self.order)


@contextmanager
def _tree(path: Path) -> Iterator[Any]:
    """Groups and arrays of an HDF5 file or a zarr store, which are read alike."""
    if path.suffix.lower() != ".zspy":
        with opened(path) as file:
            yield file
        return
    import zarr

    if zipfile.is_zipfile(path):
        with zarr.storage.ZipStore(path, mode="r") as store:
            yield zarr.open_group(store, mode="r")
    else:
        yield zarr.open_group(path, mode="r")


def _hyperspy(path: Path, request: Request) -> Maps:
    with _tree(path) as root:
        signals = {name: root["Experiments"][name] for name in root.get("Experiments", ())}
        signals = {name: signal for name, signal in signals.items() if "data" in signal}
        if not signals:
            raise InvalidInput("file", [f"'{path}' holds no signal: 'Experiments' with 'data' in it is expected"])
        cubes = [name for name, signal in signals.items() if len(getattr(signal["data"], "shape", ())) == 3]
        name = _chosen(path, cubes or list(signals), request.group)
        signal = signals[name]
        what, data = f"Experiments/{name}/data", signal["data"]
        if len(data.shape) != 3 or data.dtype.kind not in "iuf" or 0 in data.shape:
            raise InvalidInput(
                "file",
                [f"'{path}' has {data.shape} {data.dtype} in {what}; numbers (row, column, energy) are needed"],
            )
        stored = _stored(path, data)
        if faults := stored_faults(path, what, data.shape, data.dtype.itemsize, stored):
            raise InvalidInput("file", faults)
        axes = [_axis(signal, dim, size) for dim, size in enumerate(data.shape)]
        order = _order(path, axes)
        metadata = signal.get("metadata", {})
        known = _strings(metadata, "Sample", "xray_lines") or _strings(metadata, "Sample", "elements")
        shape, chunks, dtype = data.shape, data.chunks, data.dtype
        told = [_attribute(metadata, f"Acquisition_instrument/{mode}/Detector/EDS") for mode in ("SEM", "TEM")]
    faults = []
    y, x, energy = (axes[dim] for dim in order)
    energies = _energies(energy, faults)
    if faults:
        raise InvalidInput("file", [f"'{path}': {fault}" for fault in faults])
    cube = ArrayCube(
        path,
        what,
        dtype,
        (shape[order[0]], shape[order[1]], shape[order[2]]),
        order,
        (int(chunks[order[0]]), int(chunks[order[1]])) if chunks else None,
    )
    resolution = next((one["energy_resolution_MnKa"] for one in told if "energy_resolution_MnKa" in one), None)
    return maps_of(
        cube, energies, request, place=path, grid=_grid(y, x), resolution=resolution, known=[str(one) for one in known]
    )


def _chosen(path: Path, names: Sequence[str], wanted: str | None) -> str:
    listed = ", ".join(f"group={name!r}" for name in names)
    if wanted is not None and wanted not in names:
        raise InvalidInput("file", [f"group is {wanted!r}, which '{path}' has not; it has {listed}"])
    if wanted is None and len(names) > 1:
        raise InvalidInput("file", [f"'{path}' holds {len(names)} cubes; choose one: {listed}"])
    return names[0] if wanted is None else wanted


def _stored(path: Path, data: Any) -> int:
    """Bytes of an array in a file."""
    if hasattr(data, "id"):
        return int(data.id.get_storage_size())
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in (path / data.path).rglob("*") if file.is_file())


def _axis(signal: Any, dim: int, size: int) -> dict[str, Any]:
    group = signal.get(f"axis-{dim}")
    if group is None:
        return {"size": size}
    axis = {**{key: _plain(value) for key, value in group.attrs.items()}, "size": size}
    if "axis" in group:  # energies or positions one by one
        values = group["axis"]
        axis["values"] = np.asarray(values[()], np.float64) if values.shape == (size,) else np.zeros(0)
    return axis


def _plain(value: Any) -> Any:
    told = text(value)
    return value.item() if told is None and isinstance(value, np.generic) else value if told is None else told


def _order(path: Path, axes: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Which dimensions are rows, columns and channels."""
    # By the unit, for the axis of energy may be one to navigate along: then a file holds maps of channels.
    signal = [dim for dim, axis in enumerate(axes) if str(axis.get("units")).strip().lower() in KEV]
    signal = signal or [dim for dim, axis in enumerate(axes) if not axis.get("navigate", True)]
    if len(signal) != 1:
        listed = ", ".join(f"{axis.get('name')} in {axis.get('units')}" for axis in axes)
        raise InvalidInput("file", [f"'{path}' has the axes {listed}; one of energy, in keV or eV, is needed"])
    y, x = (dim for dim in range(3) if dim != signal[0])
    # HyperSpy keeps rows before columns, but names tell where somebody did not.
    names = [str(axes[dim].get("name")).strip().lower() for dim in (y, x)]
    if set(names) in AXES and names[0] in ("x", "width"):
        y, x = x, y
    return y, x, signal[0]


def _energies(axis: Mapping[str, Any], faults: list[str]) -> NDArray[np.float64]:
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


def _grid(y: Mapping[str, Any], x: Mapping[str, Any]) -> Grid | None:
    """Where pixels lie, if both axes tell it in units of length."""
    found: list[Axis] = []
    for axis in (y, x):
        try:
            factor = mm_per(axis["units"])
            step, first = float(axis["scale"]), float(axis.get("offset") or 0.0)
            divided = (step, first) if factor >= 1 else (step / round(1 / factor), first / round(1 / factor))
            found.append(Axis(axis["size"], *(divided if factor < 1 else (step * factor, first * factor))))
        except (InvalidInput, KeyError, TypeError, ValueError):
            return None  # then a pixel size is asked for
    return Grid(*found)


def _attribute(group: Any, place: str) -> dict[str, Any]:
    inner = group.get(place)
    return dict(inner.attrs) if hasattr(inner, "attrs") else {}


def _strings(group: Any, place: str, name: str) -> list[str]:
    """A list of text, as HyperSpy writes it."""
    inner = group.get(place)
    if not hasattr(inner, "attrs"):
        return []
    found = inner.get(f"_list_{name}", inner.attrs.get(name))
    return [] if found is None else texts(np.asarray(found[()] if hasattr(found, "shape") else found, object))


# --- Bruker


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

    piece = None

    def spectra(self, y: slice, x: slice, channels: slice) -> NDArray[Any]:
        """See `xrfsr.io.windows.Cube`."""
        bruker = needed("rsciio.bruker", "files of Bruker (.bcf)", "formats")
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

    def make(self, rows: range, columns: range) -> Pair:
        """See `WindowMaps`."""
        code = "from xrfsr.io.spectra import make_apart; make_apart()"
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
        made: Pair = pickle.loads(run.stdout)
        return made


def make_apart() -> None:
    """What the process of `BcfMaps` does: read from standard input what to make, and write it to standard output."""
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    output.write(pickle.dumps(reduced(*pickle.load(sys.stdin.buffer))))


def _bcf(path: Path, request: Request) -> Maps:
    bruker = needed("rsciio.bruker", "files of Bruker (.bcf)", "formats")
    found = bruker.file_reader(str(path), lazy=True, select_type="spectrum_image", index="all")
    names = [str(number) for number in range(len(found))]
    number = int(_chosen(path, names, request.group))
    data, axes, metadata = (found[number][key] for key in ("data", "axes", "metadata"))
    sizes = [int(size) for size in data.shape]
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidInput("file", [f"'{path}' declares a map of {sizes} rows, columns and channels"])
    height, width, depth = sizes
    if faults := stored_faults(path, "its map", sizes, data.dtype.itemsize, path.stat().st_size):
        raise InvalidInput("file", faults)
    energies = _energies(axes[2], faults)
    if faults:
        raise InvalidInput("file", [f"'{path}': {fault}" for fault in faults])
    sample = metadata.get("Sample", {})
    return maps_of(
        BcfCube(path, number, data.dtype, (height, width, depth), float(axes[2]["offset"]), float(axes[2]["scale"])),
        energies,
        request,
        place=path,
        grid=_grid(axes[0], axes[1]),
        known=[str(line) for line in sample.get("xray_lines") or sample.get("elements") or ()],
        source=BcfMaps,
    )

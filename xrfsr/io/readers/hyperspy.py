"""Reader of HyperSpy ``.hspy`` (HDF5, also under other suffixes) and ``.zspy`` (zarr): cubes of spectra, and maps.

Files are read with h5py and zarr, because rosettasciio keeps every file open that it opens lazily.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.io.hdf5 import name_refused, text, texts
from xrfsr.io.hdf5_chunks import read_all
from xrfsr.io.hdf5_storage import unwritten_faults
from xrfsr.io.readers.hyperspy_maps import Image, describe_images, line_names, titled_line
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.array_cube import ArrayCube, open_tree
from xrfsr.io.spectra.cubes import KEV_PER_UNIT, axes_grid, channel_energies, describe_cube, select_cube

__all__ = ["describe", "groups", "matches"]

OPTIONS = frozenset({"group"})
ROOT = "Experiments"
MAX_STACKED = 1000
AXES = ({"y", "x"}, {"height", "width"})


def matches(file: h5py.Group) -> bool:
    """Return whether an HDF5 file with any suffix was written by HyperSpy."""
    return text(file.attrs.get("file_format")) == "HyperSpy" and isinstance(file.get(ROOT), h5py.Group)


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open each cube or stack of maps, by its title; none if all signals are single maps."""
    with open_tree(path, external=options.external) as root:
        signals = _signals(path, root, [])
        return {
            name: {"group": name} for name, signal in signals.items() if len(getattr(signal["data"], "shape", ())) == 3
        }


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe maps of the requested lines in a cube of spectra, or the maps that the file holds.

    Raises
    ------
    InvalidInput
        If the file holds neither maps with names nor a cube with calibrated energies, no lines are requested from a
        cube, or a line is unknown or outside the spectra.
    """
    with open_tree(path, external=options.external) as root:
        refused: list[str] = []
        signals = _signals(path, root, refused)
        ranks = {name: len(getattr(signal["data"], "shape", ())) for name, signal in signals.items()}
        with name_refused(refused):
            if options.group is None and set(ranks.values()) == {2}:
                return _describe_single(path, signals, options)
            cubes = [name for name, rank in ranks.items() if rank == 3]
            name = select_cube(path, cubes or list(signals), options.group)
        signal = signals[name]
        what, data = f"{ROOT}/{name}/data", signal["data"]
        if len(data.shape) not in (2, 3) or data.dtype.kind not in "iuf" or 0 in data.shape:
            raise InvalidInput(
                "file",
                [
                    f"{what} in '{path}' has shape {data.shape} and dtype {data.dtype}, expected numbers (row, column, "
                    "energy) or (line, row, column)"
                ],
            )
        if len(data.shape) == 2:
            return _describe_single(path, {name: signal}, options)
        if faults := _storage_faults(data, f"{what} in '{path}'"):
            raise InvalidInput("file", faults)
        axes = [_axis(signal, dim, size) for dim, size in enumerate(data.shape)]
        if not any(_is_energy(axis) for axis in axes):
            dim = _line_dimension(axes)
            names = line_names(_known(signal), _stacked(signal), data.shape[dim])
            if names:
                return _describe_stack(path, signal, what, axes, dim, names, options)
            if sum(bool(axis.get("navigate", True)) for axis in axes) != 2:
                raise InvalidInput("file", [_nameless(path, what, data.shape)])
        order = _order(path, axes)
        known = _known(signal) or _strings(signal.get("metadata", {}), "Sample", "elements")
        shape, chunks, dtype = data.shape, data.chunks, data.dtype
        metadata = signal.get("metadata", {})
        detectors = [_attribute(metadata, f"Acquisition_instrument/{mode}/Detector/EDS") for mode in ("SEM", "TEM")]
    faults = []
    y, x, energy = (axes[dim] for dim in order)
    energies = channel_energies(energy, faults)
    if faults:
        raise InvalidInput("file", [Fault(fault, f"'{path}'") for fault in faults])
    cube = ArrayCube(
        path,
        what,
        dtype,
        (shape[order[0]], shape[order[1]], shape[order[2]]),
        order,
        (int(chunks[order[0]]), int(chunks[order[1]])) if chunks else None,
        options.external,
    )
    resolution = next((one["energy_resolution_MnKa"] for one in detectors if "energy_resolution_MnKa" in one), None)
    names = [str(one) for one in known]
    return describe_cube(cube, energies, options, path=path, grid=axes_grid(y, x), resolution=resolution, known=names)


def _signals(path: Path, root: Any, refused: list[str]) -> dict[str, Any]:
    signals: dict[str, Any] = {}
    for name in root.get(ROOT, ()):
        with collect_faults(refused):  # other signals may still be read
            if "data" in (signal := root[ROOT][name]):
                signals[name] = signal
    if not signals:
        lacks = f"'{path}' contains no signal, expected '{ROOT}' with 'data'; save it in HyperSpy again"
        raise InvalidInput("file", refused or [lacks])
    return signals


def _describe_single(path: Path, signals: Mapping[str, Any], options: ReadOptions) -> ScanDescription:
    """Describe signals that are one map each."""
    faults: list[str] = []
    names, images, shapes = [], [], []
    axes: list[tuple[dict[str, Any], dict[str, Any]]] = []
    tile, quantity = None, ""
    for name, signal in signals.items():
        what, data = f"{ROOT}/{name}/data", signal["data"]
        known = _known(signal)
        line = known[0] if len(known) == 1 else titled_line(_title(signal))
        if not line:
            faults.append(_nameless(path, what, data.shape))
            continue
        if data.dtype.kind not in "iuf" or 0 in data.shape:
            faults.append(f"{what} in '{path}' has shape {data.shape} and dtype {data.dtype}, expected numbers")
            continue
        faults += _storage_faults(data, f"{what} in '{path}'")
        one = [_axis(signal, dim, size) for dim, size in enumerate(data.shape)]
        y, x = _rows_first(one, (0, 1))
        names.append(line)
        images.append(Image(what, (y, x)))
        shapes.append((int(data.shape[y]), int(data.shape[x])))
        axes.append((one[y], one[x]))
        tile = (int(data.chunks[y]), int(data.chunks[x])) if data.chunks else None
        quantity = _quantity(signal)
    if faults:
        raise InvalidInput("file", faults)
    return describe_images(path, options, names, images, shapes, axes[0], quantity, tile)


def _describe_stack(
    path: Path, signal: Any, what: str, axes: list[dict[str, Any]], dim: int, names: list[str], options: ReadOptions
) -> ScanDescription:
    """Describe a signal with the maps along dimension `dim`."""
    first, second = (one for one in range(3) if one != dim)
    y, x = _rows_first(axes, (first, second))
    data = signal["data"]
    shape = (int(data.shape[y]), int(data.shape[x]))
    images = [Image(what, (y, x), (dim, number)) for number in range(len(names))]
    tile = (int(data.chunks[y]), int(data.chunks[x])) if data.chunks else None
    grid = (axes[y], axes[x])
    return describe_images(path, options, names, images, [shape] * len(names), grid, _quantity(signal), tile)


def _line_dimension(axes: Sequence[Mapping[str, Any]]) -> int:
    """Return the dimension of the maps in a stack of maps."""
    named = [dim for dim, axis in enumerate(axes) if _name(axis) not in set().union(*AXES)]
    kinds = [bool(axis.get("navigate", True)) for axis in axes]
    alone = [dim for dim, kind in enumerate(kinds) if kinds.count(kind) == 1]
    return named[0] if len(named) == 1 else alone[0] if alone else 0


def _nameless(path: Path, what: str, shape: Sequence[int]) -> str:
    return (
        f"{what} in '{path}' has shape {tuple(shape)}, expected numbers (row, column, energy) or maps with names; for "
        "maps, set signal.metadata.Sample.xray_lines = ['Ca_K', ...], one for each and in their order, and save again"
    )


def _storage_faults(data: Any, what: str) -> list[str]:
    """Return the faults of an array that declares more values than are stored."""
    if hasattr(data, "id"):
        return unwritten_faults(data, what)
    from xrfsr.io.zarr_store import array_faults

    return array_faults(data, what)


def _axis(signal: Any, dim: int, size: int) -> dict[str, Any]:
    group = signal.get(f"axis-{dim}")
    if group is None:
        return {"size": size}
    axis = {**{key: _plain(value) for key, value in group.attrs.items()}, "size": size}
    if "axis" in group:  # a non-uniform axis
        values = group["axis"]
        axis["values"] = np.asarray(_values(values), np.float64) if values.shape == (size,) else np.zeros(0)
    return axis


def _plain(value: Any) -> Any:
    decoded = text(value)
    return value.item() if decoded is None and isinstance(value, np.generic) else value if decoded is None else decoded


def _order(path: Path, axes: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Return the dimensions of rows, columns and channels."""
    # By the units, because the energy axis may be a navigation axis in a file with maps of channels.
    signal = [dim for dim, axis in enumerate(axes) if _is_energy(axis)]
    signal = signal or [dim for dim, axis in enumerate(axes) if not axis.get("navigate", True)]
    if len(signal) != 1:
        listed = ", ".join(f"{axis.get('name')} in {axis.get('units')}" for axis in axes)
        raise InvalidInput(
            "file", [f"'{path}' has the axes {listed}, expected one energy axis in keV or eV; set units in HyperSpy"]
        )
    first, second = (dim for dim in range(3) if dim != signal[0])
    return *_rows_first(axes, (first, second)), signal[0]


def _rows_first(axes: Sequence[Mapping[str, Any]], dims: tuple[int, int]) -> tuple[int, int]:
    """Return two dimensions with that of the rows first."""
    # HyperSpy stores rows before columns, unless the names of the axes show the opposite.
    names = [_name(axes[dim]) for dim in dims]
    return dims[::-1] if set(names) in AXES and names[0] in ("x", "width") else dims


def _name(axis: Mapping[str, Any]) -> str:
    return str(axis.get("name")).strip().lower()


def _is_energy(axis: Mapping[str, Any]) -> bool:
    return str(axis.get("units")).strip().lower() in KEV_PER_UNIT


def _known(signal: Any) -> list[str]:
    """Return the lines that the metadata of a signal name."""
    return _strings(signal.get("metadata", {}), "Sample", "xray_lines")


def _title(signal: Any) -> str:
    return str(_attribute(signal, "metadata/General").get("title", ""))


def _quantity(signal: Any) -> str:
    return str(_attribute(signal, "metadata/Signal").get("quantity", ""))


def _stacked(signal: Any) -> list[tuple[str, str]]:
    """Return line and title of the signals of which one was stacked."""
    found: list[tuple[str, str]] = []
    place = "original_metadata/stack_elements"
    while f"{place}/element{len(found)}" in signal and len(found) < MAX_STACKED:
        one = signal[f"{place}/element{len(found)}"]
        known = _known(one)
        found.append((known[0] if len(known) == 1 else "", _title(one)))
    return found


def _attribute(group: Any, place: str) -> dict[str, Any]:
    inner = group.get(place)
    return dict(inner.attrs) if hasattr(inner, "attrs") else {}


def _strings(group: Any, place: str, name: str) -> list[str]:
    """Return a list of text as HyperSpy stores it."""
    inner = group.get(place)
    if not hasattr(inner, "attrs"):
        return []
    found = inner.get(f"_list_{name}", inner.attrs.get(name))
    return [] if found is None else texts(np.asarray(_values(found), object))


def _values(found: Any) -> Any:
    """Return the values of an array of HDF5 or zarr; anything else is a value itself."""
    if isinstance(found, h5py.Dataset):
        return read_all(found)
    return found[()] if hasattr(found, "shape") and not isinstance(found, np.ndarray | np.generic) else found

"""Reader of HyperSpy ``.hspy`` (HDF5) and ``.zspy`` (zarr): cubes of spectra with axes.

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
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.spectra.array_cube import ArrayCube, open_tree
from xrfsr.io.spectra.cubes import KEV_PER_UNIT, axes_grid, channel_energies, describe_cube, select_cube

__all__ = ["describe"]

OPTIONS = frozenset({"group"})
AXES = ({"y", "x"}, {"height", "width"})


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe maps of the requested lines.

    Raises
    ------
    InvalidInput
        If no lines are requested, a line is outside the spectra, or the file is not a cube with calibrated energies.
    """
    with open_tree(path, external=options.external) as root:
        signals: dict[str, Any] = {}
        refused: list[str] = []
        for name in root.get("Experiments", ()):
            with collect_faults(refused):  # other signals may still be read
                if "data" in (signal := root["Experiments"][name]):
                    signals[name] = signal
        if not signals:
            lacks = f"'{path}' contains no signal, expected 'Experiments' with 'data'; save it in HyperSpy again"
            raise InvalidInput("file", refused or [lacks])
        cubes = [name for name, signal in signals.items() if len(getattr(signal["data"], "shape", ())) == 3]
        with name_refused(refused):
            name = select_cube(path, cubes or list(signals), options.group)
        signal = signals[name]
        what, data = f"Experiments/{name}/data", signal["data"]
        if len(data.shape) != 3 or data.dtype.kind not in "iuf" or 0 in data.shape:
            raise InvalidInput(
                "file",
                [
                    f"{what} in '{path}' has shape {data.shape} and dtype {data.dtype}, expected numbers (row, column, "
                    "energy)"
                ],
            )
        if faults := _storage_faults(data, f"{what} in '{path}'"):
            raise InvalidInput("file", faults)
        axes = [_axis(signal, dim, size) for dim, size in enumerate(data.shape)]
        order = _order(path, axes)
        metadata = signal.get("metadata", {})
        known = _strings(metadata, "Sample", "xray_lines") or _strings(metadata, "Sample", "elements")
        shape, chunks, dtype = data.shape, data.chunks, data.dtype
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
    signal = [dim for dim, axis in enumerate(axes) if str(axis.get("units")).strip().lower() in KEV_PER_UNIT]
    signal = signal or [dim for dim, axis in enumerate(axes) if not axis.get("navigate", True)]
    if len(signal) != 1:
        listed = ", ".join(f"{axis.get('name')} in {axis.get('units')}" for axis in axes)
        raise InvalidInput(
            "file", [f"'{path}' has the axes {listed}, expected one energy axis in keV or eV; set units in HyperSpy"]
        )
    y, x = (dim for dim in range(3) if dim != signal[0])
    # HyperSpy stores rows before columns, unless the names of the axes show the opposite.
    names = [str(axes[dim].get("name")).strip().lower() for dim in (y, x)]
    if set(names) in AXES and names[0] in ("x", "width"):
        y, x = x, y
    return y, x, signal[0]


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

"""Reader of HDF5 from PyXRF: ``xrfmap/<detector>/xrf_fit`` (map, y, x) with names in ``xrf_fit_name``."""

from __future__ import annotations

from pathlib import Path

import h5py

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import Hdf5Maps, map_faults, open_hdf5, texts
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["describe", "matches"]

USES = frozenset({"group"})
ROOT, SUM = "xrfmap", "detsum"


def matches(file: h5py.File) -> bool:
    """Return whether a file has the layout of PyXRF."""
    return isinstance(file.get(ROOT), h5py.Group)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the fitted maps of the sum of all detectors, or of the detector that `options.group` names.

    Raises
    ------
    InvalidInput
        If no detector has a fit, or a name is not a known line.
    """
    faults: list[str] = []
    with open_hdf5(path) as file:
        root = file[ROOT]
        fitted = [name for name in root if isinstance(root[name], h5py.Group) and "xrf_fit" in root[name]]
        detector = _detector(fitted, path, options.group)
        group = root[detector]
        place = f"/{ROOT}/{detector}/xrf_fit"
        faults += map_faults(group.get("xrf_fit"), place, dims=3)
        names = texts(group["xrf_fit_name"]) if isinstance(group.get("xrf_fit_name"), h5py.Dataset) else []
        if not names:
            faults.append(f"'{place}_name' is missing, so the names of the maps are not known")
        if faults:
            raise InvalidInput("file", faults)
        count, *shape = group["xrf_fit"].shape
        if len(names) != count:
            raise InvalidInput("file", [f"'{place}' has {count} maps, but '{place}_name' has {len(names)} names"])
        chosen = select_maps(names, options.lines, path, faults)
        chunks = group["xrf_fit"].chunks
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(shape[0], shape[1]),
        intensity=Hdf5Maps(path, tuple((place, position) for position in chosen)),
        tile=chunks[1:] if chunks else None,
        attrs={"source_group": place},
    )


def _detector(fitted: list[str], path: Path, wanted: str | None) -> str:
    listed = ", ".join(f"group={name!r}" for name in fitted)
    if not fitted:
        raise InvalidInput("file", [f"'{path}' has no 'xrf_fit' in any detector; fit the spectra in PyXRF first"])
    if wanted is not None:
        name = wanted.strip("/").removeprefix(f"{ROOT}/").split("/")[0]
        if name not in fitted:
            raise InvalidInput("file", [f"group is {wanted!r}, but '{path}' has {listed}"])
        return name
    if SUM in fitted:
        return SUM
    if len(fitted) > 1:
        raise InvalidInput(
            "file", [f"'{path}' has fits of {len(fitted)} detectors but not of their sum; choose one: {listed}"]
        )
    return fitted[0]

"""Reader of HDF5 from XRF-Maps, MAPS and MapsTorch: ``/MAPS/XRF_Analyzed/<analysis>/Counts_Per_Sec`` (map, y, x)."""

from __future__ import annotations

from pathlib import Path

import h5py

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import Hdf5Maps, map_faults, open_hdf5, texts
from xrfsr.io.selection import select_maps
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["describe", "matches"]

USES = frozenset({"group"})
ROOT = "MAPS/XRF_Analyzed"
ANALYSES = ("Fitted", "NNLS", "ROI")  # in order of preference


def matches(file: h5py.File) -> bool:
    """Return whether a file has the layout of MAPS."""
    return isinstance(file.get("MAPS"), h5py.Group)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of one analysis: fitted, else by non-negative least squares, else regions of interest.

    Raises
    ------
    InvalidInput
        If there is no analysis, or a name is not a known line.
    """
    faults: list[str] = []
    with open_hdf5(path) as file:
        root = file.get(ROOT)
        there = [name for name in root if isinstance(root[name], h5py.Group)] if isinstance(root, h5py.Group) else []
        there = [name for name in there if "Counts_Per_Sec" in root[name]]
        if not there:
            raise InvalidInput("file", [f"'{path}' has no analysis in '/{ROOT}'; fit the spectra in XRF-Maps first"])
        analysis = next((name for name in ANALYSES if name in there), there[0])
        if options.group is not None:
            known = {name.casefold(): name for name in there}
            found = known.get(options.group.strip("/").split("/")[-1].casefold())
            if found is None:
                listed = ", ".join(f"group={name!r}" for name in there)
                raise InvalidInput("file", [f"group is {options.group!r}, but '{path}' has {listed}"])
            analysis = found
        place = f"/{ROOT}/{analysis}/Counts_Per_Sec"
        group = root[analysis]
        faults += map_faults(group["Counts_Per_Sec"], place, dims=3)
        names = texts(group["Channel_Names"]) if isinstance(group.get("Channel_Names"), h5py.Dataset) else []
        if not names:
            faults.append(f"'/{ROOT}/{analysis}/Channel_Names' is missing, so the names of the maps are not known")
        if faults:
            raise InvalidInput("file", faults)
        count, *shape = group["Counts_Per_Sec"].shape
        if len(names) != count:
            raise InvalidInput("file", [f"'{place}' has {count} maps, but 'Channel_Names' has {len(names)} names"])
        chosen = select_maps(names, options.lines, path, faults)
        chunks = group["Counts_Per_Sec"].chunks
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(names[position] for position in chosen),
        shape=(shape[0], shape[1]),
        intensity=Hdf5Maps(path, tuple((place, position) for position in chosen)),
        units="count/s",
        tile=chunks[1:] if chunks else None,
        attrs={"source_group": place},
    )

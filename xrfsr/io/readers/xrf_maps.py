"""Reader of HDF5 from XRF-Maps, MAPS and MapsTorch: ``/MAPS/XRF_Analyzed/<analysis>/Counts_Per_Sec`` (map, y, x)."""

from __future__ import annotations

from pathlib import Path

import h5py

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import describe_stack, open_hdf5
from xrfsr.io.selection import unknown_group
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["describe", "matches"]

OPTIONS = frozenset({"group"})
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
                raise unknown_group(options.group, there, path)
            analysis = found
        return describe_stack(
            file,
            path,
            options,
            group=f"/{ROOT}/{analysis}",
            maps="Counts_Per_Sec",
            names="Channel_Names",
            units="count/s",
        )

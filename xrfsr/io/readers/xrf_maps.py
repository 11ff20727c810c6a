"""Reader of HDF5 from XRF-Maps, MAPS and MapsTorch: ``/MAPS/XRF_Analyzed/<analysis>/Counts_Per_Sec`` (map, y, x)."""

from __future__ import annotations

from pathlib import Path

import h5py

from xrfsr.core.pile_up import pile_up_of_symbols
from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import describe_stack, groups_with, name_refused
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.selection import unknown_group
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["describe", "matches"]

OPTIONS = frozenset({"group"})
ROOT = "MAPS/XRF_Analyzed"
ANALYSES = ("Fitted", "NNLS", "ROI")  # in order of preference


def matches(file: h5py.Group) -> bool:
    """Return whether a file has the layout of MAPS."""
    return isinstance(file.get("MAPS"), h5py.Group)


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of one analysis: fitted, else by non-negative least squares, else regions of interest.

    Raises
    ------
    InvalidInput
        If there is no analysis, or a name is not a known line.
    """
    with open_hdf5(path, external=options.external) as file:
        root = file.get(ROOT)
        refused: list[str] = []
        there = groups_with(root, "Counts_Per_Sec", refused) if isinstance(root, h5py.Group) else []
        if not there:
            lacks = f"'{path}' has no analysis in '/{ROOT}'; fit the spectra in XRF-Maps first"
            raise InvalidInput("file", refused or [lacks])
        analysis = next((name for name in ANALYSES if name in there), there[0])
        if options.group is not None:
            known = {name.casefold(): name for name in there}
            found = known.get(options.group.strip("/").split("/")[-1].casefold())
            if found is None:
                with name_refused(refused):
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
            label=lambda name: pile_up_of_symbols(name) or name,
        )

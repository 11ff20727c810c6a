"""Reader of HDF5 from XRF-Maps and MAPS, whose files have two layouts, often both at once.

``/MAPS/XRF_Analyzed/<analysis>/Counts_Per_Sec`` (map, y, x) has its names in ``Channel_Names``. Version 9 of MAPS has
``/MAPS/XRF_fits``, ``XRF_roi_plus`` and ``XRF_roi`` with one list of names, ``channel_names``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from xrfsr.core.pile_up import pile_up_of_symbols
from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import describe_stack, groups_with, name_refused
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.selection import unknown_group
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["describe", "groups", "matches"]

OPTIONS = frozenset({"group"})
MAPS = "MAPS"
ROOT = f"{MAPS}/XRF_Analyzed"
ANALYSES = ("Fitted", "NNLS", "ROI")  # in order of preference
VERSION_9 = {"Fitted": "XRF_fits", "NNLS": "XRF_roi_plus", "ROI": "XRF_roi"}
VERSION_9_NAMES = "channel_names"
SPECTRA = ("Spectra/mca_arr", "mca_arr")


def matches(file: h5py.Group) -> bool:
    """Return whether a file has the layout of MAPS."""
    return isinstance(file.get(MAPS), h5py.Group)


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open each analysis, by its name."""
    with open_hdf5(path, external=options.external) as file:
        return {name: {"group": name} for name in _analyses(file, [])}


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of one analysis: fitted, else by non-negative least squares, else regions of interest.

    Raises
    ------
    InvalidInput
        If there is no analysis, or no name is a known line.
    """
    with open_hdf5(path, external=options.external) as file:
        refused: list[str] = []
        found = _analyses(file, refused)
        if not found:
            raise InvalidInput("file", refused or [_lacks(file[MAPS], path)])
        old = {name: dataset for name, dataset in found.items() if dataset}
        analysis = next((name for name in ANALYSES if name in found), next(iter(found)))
        if options.group is not None:
            known = {old[name].casefold(): name for name in old} | {name.casefold(): name for name in found}
            chosen = known.get(options.group.strip("/").split("/")[-1].casefold())
            if chosen is None:
                with name_refused(refused):
                    raise unknown_group(options.group, found, path)
            analysis = chosen
        return describe_stack(
            file,
            path,
            options,
            group=f"/{MAPS}" if analysis in old else f"/{ROOT}/{analysis}",
            maps=old.get(analysis, "Counts_Per_Sec"),
            names=VERSION_9_NAMES if analysis in old else "Channel_Names",
            units="count/s",
            label=lambda name: pile_up_of_symbols(name) or name,
            strangers=True,
        )


def _analyses(file: h5py.Group, refused: list[str]) -> dict[str, str]:
    """Return the analyses, each with its dataset if it has the layout of version 9, else with an empty text."""
    root, maps = file.get(ROOT), file[MAPS]
    there = groups_with(root, "Counts_Per_Sec", refused) if isinstance(root, h5py.Group) else []
    named = VERSION_9_NAMES in maps
    old = {key: name for key, name in VERSION_9.items() if named and name in maps and key not in there}
    return dict.fromkeys(there, "") | old


def _lacks(maps: h5py.Group, path: Path) -> str:
    shapes = [f"'/{MAPS}/{name}' {one.shape}" for name in SPECTRA if isinstance(one := maps.get(name), h5py.Dataset)]
    if not shapes:
        return f"'{path}' has no analysis in '/{ROOT}'; fit the spectra in XRF-Maps first"
    return (
        f"'{path}' contains spectra, {shapes[0]}, but no maps in '/{ROOT}'; fit them in XRF-Maps first, or pass the "
        "maps that MapsTorch fitted: xrfsr.as_scan(maps, lines=[...], pixel_size=...)"
    )

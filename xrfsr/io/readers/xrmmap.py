"""Reader of HDF5 from GSECARS and xraylarch: ``xrmmap/roimap``, sums over regions of interest of each detector.

Since version 2 of the layout, ``roimap/<detector>/<region>`` holds ``cor`` (corrected for dead time) and ``raw``, both
(row, column). Version 1 has ``roimap/sum_cor`` and ``sum_raw`` (row, column, region) with names in ``sum_name``. Arrays
that a user computed, such as fitted abundances, are virtual detectors: groups next to ``roimap``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.hdf5 import Hdf5Maps, map_faults, text, texts
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.selection import group_list, unknown_group
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.strangers import select_known
from xrfsr.utils.describe import listing

__all__ = ["describe", "groups", "matches"]

OPTIONS = frozenset({"group"})
ROIS, CONFIG = "roimap", "config"
ATTRIBUTES = ("Version", "Map_Folder", "Dimension", "Start_Time")
# Sums of all detectors, in order of preference.
TOTALS = ("mcasum", "detsum", "sum")
CORRECTED, RAW = "cor", "raw"
# Python 2 wrote b'...' into names.
QUOTED = re.compile(r"b'(?P<name>.*)'")


@dataclass(frozen=True, slots=True)
class Regions:
    """Maps of one detector.

    Attributes
    ----------
    names : tuple of str
        Names of the regions.
    locations : tuple of (str, int or None)
        Dataset of each, and the position along its last dimension if it holds several.
    """

    names: tuple[str, ...]
    locations: tuple[tuple[str, int | None], ...]


def matches(file: h5py.Group) -> bool:
    """Return whether a file has the layout of GSECARS, whatever the name of its group."""
    return next(_roots(file), None) is not None


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open each detector, corrected for dead time, by its name."""
    with open_hdf5(path, external=options.external) as file:
        found = _every(file)
    return {name: {"group": name} for name in found if not name.endswith(f"/{RAW}")}


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the sums of all detectors corrected for dead time, or the maps that `options.group` names.

    Raises
    ------
    InvalidInput
        If the group does not exist, or no region is named after a line.
    """
    faults: list[str] = []
    with open_hdf5(path, external=options.external) as file:
        found = _every(file)
        if not found:
            raise InvalidInput(
                "file", [f"'{path}' has no region of interest in '{ROIS}'; define some in xraylarch, and save the map"]
            )
        name = _choose(list(found), path, options.group)
        regions = found[name]
        chosen, warnings = select_known(regions.names, options.lines, path, faults)
        places = [regions.locations[position] for position in chosen]
        for place, position in dict.fromkeys(places):
            faults += map_faults(file.get(place), place, 2 if position is None else 3)
        shapes = [file[place].shape[:2] for place, _ in places] if not faults else []
        if len(set(shapes)) > 1:
            faults.append(f"the maps of '{name}' in '{path}' differ in shape: {shapes}; select some with lines=[...]")
        if faults:
            raise InvalidInput("file", faults)
        chunks = file[places[0][0]].chunks
    return ScanDescription(
        names=tuple(regions.names[position] for position in chosen),
        shape=shapes[0],
        intensity=Hdf5Maps(path, tuple(places), options.external, last=True),
        units="count",
        tile=chunks[:2] if chunks else None,
        attrs={"source_group": name},
        warnings=warnings,
    )


def _roots(file: h5py.Group) -> Iterator[h5py.Group]:
    """Yield the groups that larch takes for a map."""
    for name in file:
        with collect_faults([]):
            # Files of beamlines may link to thousands of others, which need not be opened.
            root = file.get(name) if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
            if (
                isinstance(root, h5py.Group)
                and isinstance(root.get(ROIS), h5py.Group)
                and isinstance(root.get(CONFIG), h5py.Group)
                and all(attribute in root.attrs for attribute in ATTRIBUTES)
            ):
                yield root


def _every(file: h5py.Group) -> dict[str, Regions]:
    """Return the maps of all detectors by the names that `group` takes, with that of the map if there are several."""
    roots = list(_roots(file))
    return {
        name if len(roots) == 1 else f"{root.name.strip('/')}/{name}": regions
        for root in roots
        for name, regions in _detectors(root).items()
        if regions.names
    }


def _detectors(root: h5py.Group) -> dict[str, Regions]:
    """Return the maps of all detectors in a map by their names."""
    found: dict[str, Regions] = {}
    rois = root[ROIS]
    for name in rois:
        if isinstance(detector := rois.get(name), h5py.Group):
            for kind in (CORRECTED, RAW):
                inner = [one for one in detector if isinstance(detector.get(one), h5py.Group) and kind in detector[one]]
                found[name if kind == CORRECTED else f"{name}/{kind}"] = Regions(
                    tuple(inner), tuple((f"{detector.name}/{one}/{kind}", None) for one in inner)
                )
    if isinstance(sums := rois.get("sum_name"), h5py.Dataset):
        names = tuple(match["name"] if (match := QUOTED.fullmatch(one)) else one for one in texts(sums))
        for kind in (CORRECTED, RAW):
            dataset = rois.get(f"sum_{kind}")
            if isinstance(dataset, h5py.Dataset) and len(dataset.shape or ()) == 3 and dataset.shape[2] == len(names):
                places = tuple((f"{rois.name}/sum_{kind}", position) for position in range(len(names)))
                found["sum" if kind == CORRECTED else f"sum/{kind}"] = Regions(names, places)
    for name in root:
        group = root.get(name)
        if isinstance(group, h5py.Group) and (text(group.attrs.get("type")) or "").startswith("virtual detector"):
            arrays = [one for one in group if isinstance(group.get(one), h5py.Dataset) and len(group[one].shape) == 2]
            found[name] = Regions(tuple(arrays), tuple((f"{group.name}/{one}", None) for one in arrays))
    return found


def _choose(names: list[str], path: Path, wanted: str | None) -> str:
    if wanted is None:
        if maps := sorted({name.partition("/")[0] for name in names if name.count("/") > name.endswith(f"/{RAW}")}):
            raise InvalidInput(
                "file", [f"'{path}' contains {len(maps)} maps, {listing(maps)}; choose one of {group_list(names)}"]
            )
        return next((name for name in TOTALS if name in names), names[0])
    tidy = wanted.strip("/").removesuffix(f"/{CORRECTED}")
    tidy = next((name for name in names if tidy == name or tidy.endswith(f"/{name}")), tidy)
    if tidy not in names:
        raise unknown_group(wanted, names, path)
    return tidy

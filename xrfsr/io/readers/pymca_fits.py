"""Fits in an HDF5 file of PyMca or ewoksfluo: where they are, and whether their values lie on a grid.

A fit is a group with ``results/parameters``. PyMca writes it as ``<entry>/<process>``, ewoksfluo also one level deeper,
as ``<entry>/fit/<detector>``. ewoksfluo fits a scan point by point: its values have the shape (point,) or, for several
scans, (scan, point), until its regrid task puts them on a grid and names the axes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import h5py

from xrfsr.core.provenance import PROVENANCE, known_method
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.hdf5 import text, texts
from xrfsr.io.selection import group_list

__all__ = [
    "axes_of",
    "choose_fit",
    "containers",
    "fit_name",
    "fits",
    "grid_fault",
    "matching",
    "method_stored",
    "points_fault",
    "program_of",
    "signals",
]

DEPTH = 4  # groups between the root and a fit, with one to spare
# Groups of other classes contain spectra, counters and the like, and no fits.
CONTAINERS = {"", "NXroot", "NXentry", "NXsubentry", "NXcollection", "NXprocess"}
# Entries of the beamlines whose data ewoksfluo processes: the number of a scan.
SCAN_NUMBER = re.compile(r"\d+\.\d+")
# Names of the groups with maps in a group `results`: fits, and sums over regions.
RESULTS = ("parameters", "roisum", "roi")
ADVICE = (
    "run the task RegridXrfResults of ewoksfluo (RegridXrfResultsStack for several scans) and open the file that it "
    "writes"
)


def fits(file: h5py.Group) -> Iterator[h5py.Group]:
    """Yield the groups `results` of all fits, those nearest to the root first."""
    return (results for results in containers(file) if isinstance(results.get("parameters"), h5py.Group))


def containers(file: h5py.Group) -> Iterator[h5py.Group]:
    """Yield all groups `results`, those nearest to the root first; what is in one of them is not searched."""
    seen = {file.id}
    waiting = deque([(file, 0)])
    while waiting:
        group, depth = waiting.popleft()
        for inner in _subgroups(group):
            if inner.id in seen:  # a second name of the same group
                continue
            seen.add(inner.id)
            results = inner.get("results")
            if depth and isinstance(results, h5py.Group) and any(results.get(name, getclass=True) for name in RESULTS):
                yield results
            elif not depth or (depth < DEPTH - 1 and (text(inner.attrs.get("NX_class")) or "") in CONTAINERS):
                waiting.append((inner, depth + 1))


def _subgroups(group: h5py.Group) -> Iterator[h5py.Group]:
    for name in group:
        # A link would list the same fit twice, and a damaged link is not a fit.
        if group.get(name, getlink=True).__class__ is h5py.HardLink and group.get(name, getclass=True) is h5py.Group:
            yield group[name]


def fit_name(results: h5py.Group) -> str:
    """Return the name of a fit, as the argument `group` takes it."""
    return str(results.name.removesuffix("/results"))


def program_of(results: h5py.Group) -> str:
    """Return the name of the program that made a fit, or an empty text."""
    with collect_faults([]):  # a link that is not followed is no reason to refuse the maps
        return text(results.parent.get("program")) or ""
    return ""


def method_stored(results: h5py.Group) -> dict[str, str | int | float]:
    """Return the attribute of a result of `superresolve` that `to_pymca` stores, or nothing."""
    with collect_faults([]):  # as above
        return known_method(text(results.parent.attrs.get(PROVENANCE)))
    return {}


def axes_of(group: h5py.Group) -> list[str]:
    """Return the names of the axes of an NXdata group, if it has any."""
    return texts(group.attrs["axes"]) if "axes" in group.attrs else []


def signals(group: h5py.Group) -> list[str]:
    """Return the names of the maps of an NXdata group.

    Raises
    ------
    InvalidInput
        If the group does not name them.
    """
    if "signal" not in group.attrs:
        raise InvalidInput(
            "file", [f"'{group.name}' has no attribute 'signal' with the names of the maps; export the file again"]
        )
    more = group.attrs.get("auxiliary_signals", [])
    return list(dict.fromkeys([*texts(group.attrs["signal"]), *texts(more)]))


def grid_fault(results: h5py.Group, group: h5py.Group) -> str | None:
    """Return why the values of a fit are no maps, if they are those of single points; None if they may be maps.

    Parameters
    ----------
    results : h5py.Group
        Group `results` of the fit.
    group : h5py.Group
        NXdata group in it.
    """
    shape = next((one.shape for name in signals(group) if isinstance(one := group.get(name), h5py.Dataset)), None)
    if not shape:
        return None
    if len(shape) == 1:
        return f"the values in '{group.name}' have shape {shape}: {shape[0]} points, which are not arranged on a grid"
    if len(shape) == 2 and not axes_of(group) and _is_ewoksfluo(results):
        return (
            f"the values in '{group.name}' have shape {shape} and no axes: they are {shape[1]} points of "
            f"{shape[0]} scan{'s' if shape[0] > 1 else ''}, which are not arranged on a grid"
        )
    return None


def _is_ewoksfluo(results: h5py.Group) -> bool:
    if program := program_of(results).casefold():
        return "ewoks" in program
    parts = fit_name(results).strip("/").split("/")
    return len(parts) > 2 or SCAN_NUMBER.fullmatch(parts[0]) is not None


def matching(file: h5py.Group, path: Path, wanted: str | None) -> list[h5py.Group]:
    """Return the fits in the group `wanted`, or all.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    found = list(fits(file))
    if not found:
        raise InvalidInput(
            "file",
            [
                f"'{path}' contains no fit, expected a group 'results/parameters' as in files of PyMca and ewoksfluo; "
                "fit the spectra first and pass the file with the results"
            ],
        )
    if wanted is None:
        return found
    tidy = "/" + wanted.strip("/")
    chosen = [fit for fit in found if f"{fit.name}/".startswith(tidy + "/")]
    if not chosen:
        raise InvalidInput(
            "file", [f"group={wanted!r} matches 0 fits in '{path}'; choose one of {group_list(map(fit_name, found))}"]
        )
    return chosen


def choose_fit(file: h5py.Group, path: Path, wanted: str | None) -> h5py.Group:
    """Return the fit to read: the requested one, or the only one whose values lie on a grid.

    Raises
    ------
    InvalidInput
        If there is no fit, none on a grid, or several of which none is chosen.
    """
    found = matching(file, path, wanted)
    faults = [points_fault(fit) for fit in found]
    gridded = [fit for fit, fault in zip(found, faults, strict=True) if not fault]
    if not gridded:
        raise InvalidInput("file", [f"{faults[0]}; {_way_out(file)}"])
    # Files of ewoksfluo hold deeper fits next to those that it made of them.
    nearest = min(fit.name.count("/") for fit in gridded)
    near = [fit for fit in gridded if fit.name.count("/") == nearest]
    if len(near) == 1:
        return near[0]
    listed = group_list(map(fit_name, gridded))
    if wanted is None:
        raise InvalidInput("file", [f"'{path}' contains {len(gridded)} fits; choose one: {listed}"])
    raise InvalidInput("file", [f"group={wanted!r} matches {len(gridded)} fits in '{path}'; choose one of {listed}"])


def points_fault(fit: h5py.Group) -> str | None:
    """Return why a fit has no maps, if it is one of single points; see `grid_fault`."""
    with collect_faults([]):  # another fault is reported when the fit is read
        return grid_fault(fit, fit["parameters"])
    return None


def _way_out(file: h5py.Group) -> str:
    """Return what to do about a fit of points: open another fit in the file, or grid it."""
    others = [fit_name(fit) for fit in fits(file) if not points_fault(fit)]
    return f"choose one that is: {group_list(others)}" if others else ADVICE

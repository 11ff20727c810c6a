"""Reader of HDF5 from the sums of PyMca over regions of interest, which are no fits.

``results/roisum`` is written by the batch for regions that the user named, and holds sums, and net sums above a
straight line. ``results/roi`` is written by the fit batch in place of a fit, for the strongest transitions of each
line: ``Fe_K_KL3``, ``Pb_L_L3M5*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5 import Hdf5Maps, map_faults
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.readers.pymca_fits import containers, program_of, signals
from xrfsr.io.region_names import read_region
from xrfsr.io.selection import group_list
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.strangers import select_known

__all__ = ["describe", "groups", "matches"]

OPTIONS = frozenset({"group"})
SUMS, TRANSITIONS = "roisum", "roi"
NET, RAW = "net", "raw"
# Element and family of the fit, and the transition: "Fe_Ka_KL3a", "Pb_L_L3O45*".
TRANSITION = re.compile(r"(?P<element>[A-Z][a-z]?)_[KLM]\w*_(?P<line>[KLM]\w*?)[ab]?\*?")


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over regions of one kind.

    Attributes
    ----------
    group : str
        Group of the datasets.
    names : tuple of str
        Names of the lines.
    datasets : tuple of str
        Their datasets.
    """

    group: str
    names: tuple[str, ...]
    datasets: tuple[str, ...]


def matches(file: h5py.Group) -> bool:
    """Return whether a file contains sums over regions; a fit in the same file is preferred."""
    return next(_results(file), None) is not None


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open each kind of sums, by its name."""
    with open_hdf5(path, external=options.external) as file:
        names = [name for results in _results(file) for name in _sums(results)]
    return {name.strip("/"): {"group": name} for name in names}


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the net sums over regions, or the sums that `options.group` names.

    Raises
    ------
    InvalidInput
        If there are several results of which none is chosen, or no region is named after a line.
    """
    faults: list[str] = []
    with open_hdf5(path, external=options.external) as file:
        found = {name: sums for results in _results(file) for name, sums in _sums(results).items()}
        sums = found[_choose(list(found), path, options.group)]
        chosen, warnings = select_known(sums.names, options.lines, path, faults)
        places = [f"{sums.group}/{sums.datasets[position]}" for position in chosen]
        for place in places:
            faults += map_faults(file.get(place), place)
        shapes = [file[place].shape for place in places] if not faults else []
        if len(set(shapes)) > 1:
            faults.append(f"the maps in '{sums.group}' differ in shape: {shapes}; export the file again")
        if faults:
            raise InvalidInput("file", faults)
        chunks, program = file[places[0]].chunks, program_of(file[sums.group.rpartition("/")[0]])
    return ScanDescription(
        names=tuple(sums.names[position] for position in chosen),
        shape=shapes[0],
        intensity=Hdf5Maps(path, tuple((place, None) for place in places), options.external),
        units="count",
        tile=chunks,
        attrs={"source_group": sums.group, **({"source_program": program} if program else {})},
        warnings=warnings,
    )


def _results(file: h5py.Group) -> Iterator[h5py.Group]:
    for results in containers(file):
        if any(isinstance(results.get(name), h5py.Group) for name in (SUMS, TRANSITIONS)):
            yield results


def _sums(results: h5py.Group) -> dict[str, Sums]:
    """Return the kinds of sums in a group `results` by their names for the argument `group`."""
    found: dict[str, Sums] = {}
    place = str(results.name.removesuffix("/results"))
    if isinstance(group := results.get(SUMS), h5py.Group):
        regions = [(name, region) for name in signals(group) if (region := read_region(name)) and region.name]
        for kind, net in ((NET, True), (RAW, False)):
            if some := [(name, region.name) for name, region in regions if region.is_net == net]:
                datasets, names = zip(*some, strict=True)
                found[f"{place}/{kind}"] = Sums(group.name, names, datasets)
    if isinstance(group := results.get(TRANSITIONS), h5py.Group):
        transitions = signals(group)
        found[place] = Sums(group.name, tuple(map(_transition, transitions)), tuple(transitions))
    return found


def _transition(name: str) -> str:
    match = TRANSITION.fullmatch(name)
    return f"{match['element']}-{match['line']}" if match else name


def _choose(names: list[str], path: Path, wanted: str | None) -> str:
    if wanted is not None:
        tidy = wanted.strip("/")
        some = [name for name in names if f"{name}/".startswith(f"/{tidy}/") or name.endswith(f"/{tidy}")]
    else:
        some = names
    # Net sums are what a fit would find; raw ones contain the background.
    preferred = [name for name in some if not name.endswith(f"/{RAW}")] or some
    if len(preferred) != 1:
        said = f"'{path}' contains" if wanted is None else f"group={wanted!r} matches"
        where = "" if wanted is None else f" in '{path}'"
        raise InvalidInput("file", [f"{said} {len(some)} sums over regions{where}; choose one of {group_list(names)}"])
    return preferred[0]

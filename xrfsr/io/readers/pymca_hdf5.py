"""Reader of HDF5 from the batch fit of PyMca (FastXRF), and from ewoksfluo, which writes the same layout.

A fit is a group with ``results/parameters``, an NXdata group whose attributes `signal` and `auxiliary_signals` name the
maps, because the group also contains links to errors and axes. ``uncertainties`` has the same structure, and so have
``massfractions`` (ewoksfluo: ``mass_fractions``) if the fit computed them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.hdf5 import Hdf5Maps, map_faults, nexus_grid, text, texts
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.selection import group_list, select_maps
from xrfsr.io.source import ReadOptions, ScanDescription

__all__ = ["describe", "matches"]

OPTIONS = frozenset({"quantity", "group"})
GROUPS = {"count": ("parameters",), "mass_fraction": ("massfractions", "mass_fractions")}
UNITS = {"count": "count", "mass_fraction": "dimensionless"}


def matches(file: h5py.Group) -> bool:
    """Return whether a file has the layout of PyMca."""
    return next(_fits(file), None) is not None


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of one fit.

    Raises
    ------
    InvalidInput
        If there is no fit, several of which none is chosen, or a name is not a known line.
    """
    faults: list[str] = []
    quantity = options.quantity or "count"
    with open_hdf5(path, external=options.external) as file:
        results = _choose_fit(file, path, options.group)
        name = next((name for name in GROUPS[quantity] if name in results), None)
        if name is None:
            there = ", ".join(key for key, names in GROUPS.items() if any(one in results for one in names))
            raise InvalidInput(
                "file",
                [
                    f"quantity={quantity!r} cannot be read: '{path}' has no {GROUPS[quantity][0]} in '{results.name}'; "
                    f"available quantities: {there or 'none'}"
                ],
            )
        group = results[name]
        signals = _signals(group)
        names = [signals[position] for position in select_maps(signals, options.lines, path, faults)]
        for one in names:
            faults += map_faults(group.get(one), f"{group.name}/{one}")
        shapes = [group[one].shape for one in names if isinstance(group.get(one), h5py.Dataset)]
        if not faults and len(set(shapes)) > 1:
            listed = ", ".join(f"{one} {shape}" for one, shape in zip(names, shapes, strict=True))
            faults.append(f"the maps in '{group.name}' differ in shape: {listed}; select some with lines=[...]")
        if faults:
            raise InvalidInput("file", faults)
        grid = nexus_grid(group, shapes[0], faults)
        units = text(group[names[0]].attrs.get("units"))
        twin = results.get("uncertainties") if quantity == "count" else None
        uncertain, warnings = _uncertain(twin, names, shapes[0])
        chunks = group[names[0]].chunks
        title = ""
        with collect_faults([]):  # a link that is not followed is no reason to refuse the maps
            title = text(results.parent.get("program")) or ""
        place = group.name
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(names),
        shape=shapes[0],
        intensity=Hdf5Maps(path, tuple((f"{place}/{one}", None) for one in names), options.external),
        uncertainty=Hdf5Maps(path, tuple((one, None) for one in uncertain), options.external) if uncertain else None,
        units=units or UNITS[quantity],
        grid=grid,
        tile=chunks,
        attrs={"source_group": place, **({"source_program": title} if title else {})},
        warnings=warnings,
    )


def _fits(file: h5py.Group) -> Iterator[h5py.Group]:
    """Yield the groups ``<entry>/<process>/results`` that contain `parameters`."""
    for entry in _subgroups(file):
        for process in _subgroups(entry):
            results = process.get("results")
            if isinstance(results, h5py.Group) and isinstance(results.get("parameters"), h5py.Group):
                yield results


def _subgroups(group: h5py.Group) -> Iterator[h5py.Group]:
    for name in group:
        # A link would list the same fit twice, and a damaged link is not a fit.
        if group.get(name, getlink=True).__class__ is h5py.HardLink and group.get(name, getclass=True) is h5py.Group:
            yield group[name]


def _choose_fit(file: h5py.Group, path: Path, wanted: str | None) -> h5py.Group:
    fits = list(_fits(file))
    names = [results.name.removesuffix("/results") for results in fits]
    listed = group_list(names)
    if not fits:
        raise InvalidInput(
            "file",
            [
                f"'{path}' contains no fit, expected a group 'results/parameters' as in files of PyMca and ewoksfluo; "
                "fit the spectra first and pass the file with the results"
            ],
        )
    if wanted is not None:
        tidy = "/" + wanted.strip("/")
        chosen = [fit for fit in fits if f"{fit.name}/".startswith(tidy + "/")]
        if len(chosen) == 1:
            return chosen[0]
        raise InvalidInput("file", [f"group={wanted!r} matches {len(chosen)} fits in '{path}'; choose one of {listed}"])
    if len(fits) > 1:
        raise InvalidInput("file", [f"'{path}' contains {len(fits)} fits; choose one: {listed}"])
    return fits[0]


def _signals(group: h5py.Group) -> list[str]:
    """Return the names of the maps of an NXdata group."""
    if "signal" not in group.attrs:
        raise InvalidInput(
            "file", [f"'{group.name}' has no attribute 'signal' with the names of the maps; export the file again"]
        )
    more = group.attrs.get("auxiliary_signals", [])
    return list(dict.fromkeys([*texts(group.attrs["signal"]), *texts(more)]))


def _uncertain(group: h5py.Group | None, names: list[str], shape: tuple[int, int]) -> tuple[list[str], tuple[str, ...]]:
    """Return the datasets of the uncertainties if all maps have one, otherwise none and a warning."""
    if not isinstance(group, h5py.Group):
        return [], ()
    missing = [name for name in names if map_faults(group.get(name), name) or group[name].shape != shape]
    if missing:
        return [], (f"uncertainties are ignored: '{group.name}' has none that fit {', '.join(missing)}",)
    return [f"{group.name}/{name}" for name in names], ()

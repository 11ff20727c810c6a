"""Reader of HDF5 from the batch fit of PyMca (FastXRF), and from ewoksfluo, which writes the same layout.

A fit is a group with ``results/parameters``, an NXdata group whose attributes `signal` and `auxiliary_signals` name the
maps, because the group also contains links to errors and axes. ``uncertainties`` has the same structure, and so have
``massfractions`` (ewoksfluo: ``mass_fractions``) if the fit computed them. ewoksfluo also stacks maps of several scans
along an axis, such as the energy of the beam, of which the caller chooses one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.hdf5 import Hdf5Maps, map_faults, nexus_grid, text
from xrfsr.io.hdf5_chunks import read_all
from xrfsr.io.hdf5_links import open_hdf5
from xrfsr.io.partial import missing_uncertainties, partial_source
from xrfsr.io.readers import pymca_roi
from xrfsr.io.readers.pymca_fits import (
    axes_of,
    choose_fit,
    fit_name,
    fits,
    grid_fault,
    method_stored,
    points_fault,
    program_of,
    signals,
)
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.io.strangers import select_known

__all__ = ["describe", "groups", "matches"]

OPTIONS = frozenset({"quantity", "group", "index"})
GROUPS = {"count": ("parameters",), "mass_fraction": ("massfractions", "mass_fractions")}
MAX_STACKED = 1000  # scans of a stack that a tree lists
UNITS = {"count": "count", "mass_fraction": "dimensionless"}


def matches(file: h5py.Group) -> bool:
    """Return whether a file has the layout of PyMca."""
    return next(fits(file), None) is not None


def groups(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the options that open each fit in a file, by its name; each scan of a stack, if no index is given.

    Fits of points are left out if there are fits on a grid, which ewoksfluo made of them. Sums over regions of interest
    next to the fits follow.
    """
    found: dict[str, dict[str, Any]] = {}
    with open_hdf5(path, external=options.external) as file:
        every = list(fits(file))
        for fit in [fit for fit in every if not points_fault(fit)] or every:
            name = fit_name(fit)
            count = 0 if options.index is not None else _stacked(fit)
            found |= {f"{name}/{index}": {"group": name, "index": index} for index in range(count)}
            if not count:
                found[name] = {"group": name}
    return found if options.index is not None else found | _regions(path, options)


def _regions(path: Path, options: ReadOptions) -> dict[str, dict[str, Any]]:
    """Return the sums over regions that are in no group of a fit, by their names."""
    with open_hdf5(path, external=options.external) as file:
        names = [fit_name(fit) for fit in fits(file)]
    with collect_faults([]):  # damaged sums are no reason to refuse the fits
        return {
            name: own
            for name, own in pymca_roi.groups(path, options).items()
            if not any(f"/{name}/".startswith(f"{fit}/") for fit in names)
        }
    return {}


def _stacked(fit: h5py.Group) -> int:
    """Return the number of scans in a stack of several, or 0."""
    with collect_faults([]):  # another fault is reported when the fit is read
        group = fit["parameters"]
        first = next(iter(signals(group)), None)
        dataset = None if first is None else group.get(first)
        if len(axes_of(group)) == 3 and isinstance(dataset, h5py.Dataset) and len(dataset.shape or ()) == 3:
            count = int(dataset.shape[0])
            return count if 1 < count <= MAX_STACKED else 0
    return 0


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of one fit.

    Raises
    ------
    InvalidInput
        If there is no fit, several of which none is chosen, or a name is not a known line.
    """
    counts = options.quantity in (None, "count") and options.index is None
    if counts and options.group is not None and options.group.strip("/") in _regions(path, options):
        return pymca_roi.describe(path, options)
    faults: list[str] = []
    quantity = options.quantity or "count"
    with open_hdf5(path, external=options.external) as file:
        results = choose_fit(file, path, options.group)
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
        if fault := grid_fault(results, group):
            raise InvalidInput("file", [fault])
        named, axes = signals(group), axes_of(group)
        dims = 3 if len(axes) == 3 else 2
        chosen, left_out = select_known(named, options.lines, path, faults)
        names = [named[position] for position in chosen]
        for one in names:
            faults += map_faults(group.get(one), f"{group.name}/{one}", dims)
        shapes = [group[one].shape for one in names if isinstance(group.get(one), h5py.Dataset)]
        if not faults and len(set(shapes)) > 1:
            listed = ", ".join(f"{one} {shape}" for one, shape in zip(names, shapes, strict=True))
            faults.append(f"the maps in '{group.name}' differ in shape: {listed}; select some with lines=[...]")
        if faults:
            raise InvalidInput("file", faults)
        position, attrs = _position(group, axes, shapes[0], path, options.index)
        height, width = shapes[0][-2:]
        grid = nexus_grid(group, (height, width), faults)
        units = text(group[names[0]].attrs.get("units"))
        twin = results.get("uncertainties") if quantity == "count" else None
        uncertain, warnings = _uncertain(twin, names, shapes[0])
        chunks = group[names[0]].chunks
        title, method, place = program_of(results), method_stored(results), group.name
    if faults:
        raise InvalidInput("file", faults)
    return ScanDescription(
        names=tuple(names),
        shape=(height, width),
        intensity=Hdf5Maps(path, tuple((f"{place}/{one}", position) for one in names), options.external),
        uncertainty=partial_source(
            lambda there: Hdf5Maps(path, tuple((one, position) for one in there), options.external),
            uncertain,
            (height, width),
        ),
        units=units or UNITS[quantity],
        grid=grid,
        tile=chunks[-2:] if chunks else None,
        attrs={"source_group": place, **({"source_program": title} if title else {}), **method, **attrs},
        warnings=(*warnings, *left_out),
    )


def _uncertain(
    group: h5py.Group | None, names: Sequence[str], shape: tuple[int, ...]
) -> tuple[list[str | None], tuple[str, ...]]:
    """Return the dataset of the uncertainty of each map, None for those without, and the warning about these."""
    if not isinstance(group, h5py.Group):
        return [None] * len(names), ()
    found = [
        None if map_faults(group.get(name), name, len(shape)) or group[name].shape != shape else f"{group.name}/{name}"
        for name in names
    ]
    return found, missing_uncertainties(names, found, str(group.name))


def _position(
    group: h5py.Group, axes: Sequence[str], shape: tuple[int, ...], path: Path, index: int | None
) -> tuple[int | None, dict[str, str | int | float]]:
    """Return the position of the maps in their stack, and what the attributes say about it."""
    if len(shape) == 2:
        if index is not None:
            raise InvalidInput(
                "file", [f"index={index} was passed, but '{group.name}' in '{path}' is no stack; leave it out"]
            )
        return None, {}
    count, axis = shape[0], group.get(axes[0])
    values, unit = None, ""
    if isinstance(axis, h5py.Dataset) and axis.shape == (count,) and axis.dtype.kind in "iuf":
        values, unit = read_all(axis).astype(np.float64), text(axis.attrs.get("units")) or ""
    if index is None and count > 1:
        extent = "" if values is None else f" ({values[0]:g} to {values[-1]:g} {unit}".rstrip() + ")"
        raise InvalidInput(
            "file",
            [
                f"'{group.name}' in '{path}' is a stack of {count} scans along '{axes[0]}'{extent}; choose one with "
                f"index=0 to index={count - 1}"
            ],
        )
    position = 0 if index is None else int(index)
    if not 0 <= position < count:
        raise InvalidInput(
            "file",
            [f"index must be from 0 to {count - 1} for the stack '{group.name}' in '{path}', got {index}"],
        )
    said = {} if values is None else {"source_position": f"{axes[0]} = {values[position]:g} {unit}".rstrip()}
    return position, {"source_index": position, **said}

"""Which maps of a file are wanted, whatever the spelling on either side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from xrfsr.core.lines import Line, parse, parse_all
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.source import ReadOptions

__all__ = [
    "ColumnSelection",
    "derived_names",
    "parse_lines",
    "select_columns",
    "select_lines",
    "select_maps",
    "try_parse",
]

# PyMca writes s(Fe_Ka), w(Fe_Ka), mM(Fe_Ka) in tables and without brackets in the names of files.
DERIVED_NAME = re.compile(r"(?P<kind>s|w|mM)(\((?P<bracketed>.+)\)|(?P<plain>[A-Z].*))")


@dataclass(frozen=True, slots=True)
class ColumnSelection:
    """Which of many named maps to read.

    Attributes
    ----------
    names : tuple of str
        Of the chosen maps.
    maps, uncertainties : tuple of int
        Their positions; uncertainties of all of them, or none.
    units : str or None
        "dimensionless" for mass fractions.
    warnings : tuple of str
        Warnings for the caller.
    """

    names: tuple[str, ...]
    maps: tuple[int, ...]
    uncertainties: tuple[int, ...]
    units: str | None
    warnings: tuple[str, ...]


def select_columns(names: Sequence[str], options: ReadOptions, path: Path, faults: list[str]) -> ColumnSelection:
    """Which maps to read where uncertainties and mass fractions stand among them, as s(Fe_Ka) and w(Fe_Ka).

    Parameters
    ----------
    names : sequence of str
        Of everything in the file.
    options : ReadOptions
    path : Path
        The file, for messages.
    faults : list of str
        Gets what `select_maps` finds, and names that occur twice.
    """
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        faults.append(f"'{path}' has {', '.join(map(repr, twice))} more than once; keep one of each")
    there = {name: position for position, name in enumerate(names) if name}
    kinds: dict[str, dict[str, int]] = {"s": {}, "w": {}, "mM": {}}
    for name, (kind, line) in derived_names(list(there)).items():
        kinds[kind][line] = there.pop(name)
    uncertainties, units = kinds["s"], None
    if options.quantity == "mass_fraction":
        there, uncertainties, units = kinds["w"], {}, "dimensionless"
        if not there:
            faults.append(f"'{path}' has no mass fractions, which would be named like w(Fe_Ka)")
    listed = list(there)
    chosen = [listed[position] for position in select_maps(listed, options.lines, path, faults)]
    without = [name for name in chosen if name not in uncertainties]
    warnings: tuple[str, ...] = ()
    if uncertainties and without:
        warnings = (f"uncertainties are left out: '{path}' has none for {', '.join(without)}",)
    return ColumnSelection(
        tuple(chosen),
        tuple(there[name] for name in chosen),
        () if without else tuple(uncertainties[name] for name in chosen),
        units,
        warnings,
    )


def try_parse(label: object) -> Line | None:
    """The line that a label means, or None."""
    try:
        return parse(label)  # type: ignore[arg-type]  # what is no text is no line either
    except InvalidInput:
        return None


def select_maps(names: Sequence[str], lines: object, place: Path, faults: list[str]) -> list[int]:
    """Positions of the maps to read.

    Parameters
    ----------
    names : sequence of str
        Of all maps in the file, as it spells them.
    lines : object
        What the caller asked for; None for all maps.
    place : Path
        The file, for messages.
    faults : list of str
        Gets every name that is no line, where all are wanted; every line that is not there; and maps that mean the
        same line.

    Returns
    -------
    list of int
        Positions in `names`, in the order of `lines`.
    """
    spelled: dict[str, list[int]] = {}
    strangers: list[str] = []
    for position, name in enumerate(names):
        line = try_parse(name)
        if line is None or line.uncertainty:
            strangers.append(name)
        else:
            spelled.setdefault(line.label.casefold(), []).append(position)
    keys = list(spelled)
    if lines is not None:
        known = {key: names[positions[0]] for key, positions in spelled.items()}
        keys = list(select_lines(lines, known, place, faults))
    elif strangers:
        faults += _unknown_name_faults(strangers, [names[positions[0]] for positions in spelled.values()])
    elif not names:
        faults.append(f"'{place}' holds no map")
    for key in keys:
        if len(spelled[key]) > 1:
            listed = " and ".join(repr(names[position]) for position in spelled[key])
            faults.append(f"{listed} are the same line, {parse(names[spelled[key][0]]).label}; keep one in the file")
    return [spelled[key][0] for key in keys]


def _unknown_name_faults(strangers: Sequence[str], known: Sequence[str]) -> list[str]:
    """Why some names are no element lines, and at the end what to do."""
    faults: list[str] = []
    for name in strangers:
        with collect_faults(faults):
            line = parse(name)
            faults.append(f"{name!r} is the uncertainty of {line.label}, whose map is not there")
    if known:
        faults[-1] += f"; choose what to read with lines={list(known)}"
    return faults


def select_lines(lines: object, known: Mapping[str, str], place: Path, faults: list[str]) -> dict[str, str]:
    """What is meant by the argument `lines`.

    Parameters
    ----------
    lines : object
        A label or a sequence of labels in any spelling.
    known : mapping of str to str
        Every line there is, by its canonical label in lower case, as it is spelled in `place`.
    place : Path
        Where the lines were looked for.
    faults : list of str
        Gets every label that is none, is named twice, or is not in `known`.

    Returns
    -------
    dict of str to str
        Those entries of `known` that are wanted, in the order of `lines`.
    """
    wanted = parse_lines(lines, faults)
    if missing := [line.label for line in wanted if line.label.casefold() not in known]:
        faults.append(
            f"{', '.join(missing)}: not in '{place}', which has {', '.join(known.values()) or 'no element line'}"
        )
    return {key: known[key] for line in wanted if (key := line.label.casefold()) in known}


def parse_lines(lines: object, faults: list[str]) -> list[Line]:
    """The argument `lines`, understood; what cannot be is added to `faults`."""
    example = "name them like lines=['Ca-K', 'Pb-L'], or leave it out to read all"
    if isinstance(lines, np.ndarray | xr.DataArray):
        lines = np.atleast_1d(np.asarray(lines)).tolist()
    if isinstance(lines, bytes) or not isinstance(lines, Iterable):
        faults.append(f"lines is {lines!r}, which is no list of labels; {example}")
        return []
    labels = [lines] if isinstance(lines, str) else list(lines)
    if not labels:
        faults.append(f"lines is empty; {example}")
    with collect_faults(faults):
        parse_all(labels)
    wanted = [line for line in map(try_parse, labels) if line]
    faults += [
        f"lines asks for the uncertainty of {line.label}, which comes with its map; name the line alone"
        for line in wanted
        if line.uncertainty
    ]
    return wanted


def derived_names(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Names that belong to another: what they tell of it (``s``, ``w`` or ``mM``) and which.

    Only beside the map itself: 'sI_L' is the uncertainty of iodine or a spelling of silicon.

    Examples
    --------
    >>> related(["Fe_Ka", "s(Fe_Ka)", "wFe_Ka", "S_K"])
    {'s(Fe_Ka)': ('s', 'Fe_Ka'), 'wFe_Ka': ('w', 'Fe_Ka')}
    """
    there = set(names)
    found: dict[str, tuple[str, str]] = {}
    for name in names:
        match = DERIVED_NAME.fullmatch(name)
        line = match and (match["bracketed"] or match["plain"])
        if match and line in there:
            found[name] = (match["kind"], line)
    return found

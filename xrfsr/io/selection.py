"""Selection of the maps to read by their element lines, in any spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xrfsr.core.choice import choose_line
from xrfsr.core.labels import label_list
from xrfsr.core.lines import Line, parse, parse_all, try_parse
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.partial import missing_uncertainties
from xrfsr.io.region_names import lines_of_regions
from xrfsr.io.renaming import example_of_labels, rename_maps
from xrfsr.io.source import ReadOptions
from xrfsr.utils.describe import describe, listing

__all__ = [
    "ColumnSelection",
    "derived_names",
    "group_list",
    "parse_lines",
    "select_columns",
    "select_lines",
    "select_maps",
    "split_strangers",
    "try_parse",
    "unknown_group",
]

SHOWN = 12  # lines of a file that a message offers
CHOOSE = "; choose the maps to read with lines=['Ca-K', ...]"
NAME = "lines={'name in the file': 'Ca-K'}"
# PyMca writes s(Fe_Ka), w(Fe_Ka), mM(Fe_Ka) in tables, and the same without brackets in file names.
DERIVED_NAME = re.compile(r"(?P<kind>s|w|mM)(\((?P<bracketed>.+)\)|(?P<plain>[A-Z].*))")


@dataclass(frozen=True, slots=True)
class ColumnSelection:
    """Selected maps among the named maps of a file.

    Attributes
    ----------
    names : tuple of str
        Names of the selected maps.
    maps : tuple of int
        Positions of the maps.
    uncertainties : tuple of (int or None)
        Positions of their uncertainties; None for a map that has none.
    units : str or None
        "dimensionless" for mass fractions.
    warnings : tuple of str
        Warnings for the caller.
    """

    names: tuple[str, ...]
    maps: tuple[int, ...]
    uncertainties: tuple[int | None, ...]
    units: str | None
    warnings: tuple[str, ...]


def select_columns(names: Sequence[str], options: ReadOptions, path: Path, faults: list[str]) -> ColumnSelection:
    """Select maps from a file that also holds uncertainties ``s(Fe_Ka)`` and mass fractions ``w(Fe_Ka)``.

    Parameters
    ----------
    names : sequence of str
        Names of all columns, pages or images in the file.
    options : ReadOptions
        Options of the caller.
    path : Path
        File named in messages.
    faults : list of str
        List that receives the faults of `select_maps` and the names of maps that occur twice.

    Returns
    -------
    ColumnSelection
        Selected maps and their uncertainties; images of other things are left out as in `split_strangers`.
    """
    regions: tuple[str, ...] = ()
    if not isinstance(options.lines, Mapping):
        names, regions = lines_of_regions(names)
    called = options.lines if isinstance(options.lines, Mapping) else ()
    if twice := sorted({name for name in names if names.count(name) > 1 and (name in called or try_parse(name))}):
        faults.append(f"'{path}' contains {listing(map(describe, twice))} more than once; keep one of each")
    there = {name: position for position, name in enumerate(names) if name}
    kinds: dict[str, dict[str, int]] = {"s": {}, "w": {}, "mM": {}}
    for name, (kind, line) in derived_names(list(there)).items():
        kinds[kind][line] = there.pop(name)
    uncertainties, units = kinds["s"], None
    if options.quantity == "mass_fraction":
        there, uncertainties, units = kinds["w"], {}, "dimensionless"
        if not there:
            faults.append(f"'{path}' has no mass fractions (names such as w(Fe_Ka)); leave quantity out")
    listed = list(there)
    maps, left_out = split_strangers(listed, options.lines, path)
    listed = [listed[at] for at in maps]
    chosen = [listed[at] for at in select_maps(listed, options.lines, path, faults)]
    known = tuple(uncertainties.get(name) for name in chosen)
    return ColumnSelection(
        tuple(chosen),
        tuple(there[name] for name in chosen),
        known,
        units,
        (
            *(regions if options.lines is None else ()),
            *left_out,
            *(missing_uncertainties(chosen, known, path) if uncertainties else ()),
        ),
    )


def split_strangers(names: Sequence[str], lines: object, path: Path) -> tuple[list[int], tuple[str, ...]]:
    """Return the positions of the maps among images of other things, and a warning that names what is left out.

    Nothing is left out if the caller chose `lines`, or if no name is a line.
    """
    maps = [at for at, name in enumerate(names) if (line := try_parse(name)) and not line.uncertainty]
    if lines is not None or not maps or len(maps) == len(names):
        return list(range(len(names))), ()
    others = [name for at, name in enumerate(names) if at not in set(maps)]
    fix = f"if one is a map, label it with {example_of_labels(others)}"
    return maps, (f"images that are no element lines are left out: {listing(others)} in '{path}'; {fix}",)


def select_maps(names: Sequence[str], lines: object, path: Path, faults: list[str]) -> list[int]:
    """Return the positions of the maps to read.

    Parameters
    ----------
    names : sequence of str
        Names of all maps, in the spelling of the file.
    lines : object
        Argument `lines` of the caller, which may be a mapping of names to labels; None for all maps.
    path : Path
        File named in messages.
    faults : list of str
        List that receives unknown names (if all maps are requested), missing lines, and maps of the same line.

    Returns
    -------
    list of int
        Positions in `names`, in the order of `lines`.
    """
    if isinstance(lines, Mapping):
        return list(rename_maps(lines, [(name,) for name in names], path, faults))
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
        before = len(faults)
        keys = list(select_lines(lines, known, path, faults))
        if len(faults) > before and (wanted := [name for name in strangers if name in _labels(lines)]):
            faults[-1] += f"; images that are no lines are read under a label: {example_of_labels(wanted)}"
    elif strangers:
        faults += _unknown_name_faults(strangers, [names[positions[0]] for positions in spelled.values()])
    elif not names:
        faults.append(f"'{path}' contains no map; choose another file")
    for key in keys:
        if len(spelled[key]) > 1:
            listed = " and ".join(repr(names[position]) for position in spelled[key])
            faults.append(f"{listed} are the same line, {parse(names[spelled[key][0]]).label}; keep one in the file")
    return [spelled[key][0] for key in keys]


def _labels(lines: object) -> list[Any]:
    with collect_faults([]):  # which `select_lines` has reported
        return label_list(lines)
    return []


def _unknown_name_faults(strangers: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return why some names are not element lines; the last fault adds the fix."""
    faults: list[str] = []
    for name in strangers:
        with collect_faults(faults):
            line = parse(name)
            faults.append(f"{describe(name)} is the uncertainty of {line.label}, whose map is missing")
    if known:
        faults[-1] += f"; choose the maps to read with lines={list(known)}" if len(known) <= SHOWN else CHOOSE
    faults[-1] += f", or label them, {NAME}" if known else f"; label the maps with {NAME}"
    return faults


def select_lines(lines: object, known: Mapping[str, str], path: Path, faults: list[str]) -> dict[str, str]:
    """Select the available lines that the argument `lines` names.

    Parameters
    ----------
    lines : object
        Label or sequence of labels in any spelling.
    known : mapping of str to str
        Available lines: canonical label in lower case to spelling in the file.
    path : Path
        File named in messages.
    faults : list of str
        List that receives labels that are unknown, repeated, or not in `known`.

    Returns
    -------
    dict of str to str
        Selected entries of `known`, in the order of `lines`.
    """
    keys = list(known)
    held = [try_parse(name) or Line(name, kind="diagnostic") for name in known.values()]
    found: dict[str, str] = {}
    labels: dict[str, object] = {}
    missing: list[str] = []
    for label in _requested(lines, faults):
        with collect_faults(faults):
            position = choose_line(label, held, list(known.values()))
            if position is None:
                line = try_parse(label)
                missing.append(str(label) if line is None or str(label) == line.element else line.label)
                continue
            key = keys[position]
            if key in labels:
                both = f"{describe(label)} and {describe(labels[key])}"
                faults.append(f"{both} are the same line, {held[position].label}; drop or rename one")
            labels.setdefault(key, label)
            found[key] = known[key]
    if missing:
        faults.append(
            f"{listing(missing)}: not in '{path}', which has {listing(known.values()) or 'no element line'}; "
            "choose from these"
        )
    return found


def parse_lines(lines: object, faults: list[str]) -> list[Line]:
    """Parse the argument `lines`, and add labels that cannot be parsed to `faults`."""
    labels = _requested(lines, faults)
    with collect_faults(faults):
        parse_all(labels)
    return [line for line in map(try_parse, labels) if line]


def _requested(lines: object, faults: list[str]) -> list[Any]:
    """Return the labels of the argument `lines`, without those of uncertainties, which are faults."""
    labels: list[Any] | None = None
    with collect_faults(faults):
        labels = label_list(lines)
    if labels is not None and not labels:
        faults.append("lines is empty; pass labels such as lines=['Ca-K', 'Pb-L'], or leave it out to read all")
    uncertain = [line for label in labels or () if (line := try_parse(label)) and line.uncertainty]
    faults += [
        f"lines contains the uncertainty of {line.label}, which is read with its map; name the line only"
        for line in uncertain
    ]
    return [label for label in labels or () if try_parse(label) not in uncertain]


def derived_names(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Find the names of quantities derived from another map, such as the uncertainty ``s(Fe_Ka)`` of ``Fe_Ka``.

    A name counts as derived only if the map itself exists, because 'sI_L' alone might also be a spelling of silicon.

    Returns
    -------
    dict of str to (str, str)
        Derived names, each with its kind (``s``, ``w`` or ``mM``) and the name of the map.

    Examples
    --------
    >>> derived_names(["Fe_Ka", "s(Fe_Ka)", "wFe_Ka", "S_K"])
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


def group_list(names: Iterable[str]) -> str:
    """Return the accepted values of the argument `group` for a message."""
    return listing(f"group={describe(name)}" for name in names)


def unknown_group(wanted: str, names: Iterable[str], path: Path) -> InvalidInput:
    """Make the error for a group that a file does not contain."""
    return InvalidInput(
        "file", [f"group={describe(wanted)} does not exist in '{path}'; choose one of {group_list(names)}"]
    )

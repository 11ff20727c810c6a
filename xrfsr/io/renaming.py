"""Labels of maps by their names in the file: ``lines={"Pb": "Pb-L"}``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from xrfsr.core.line_hints import lines_within
from xrfsr.core.lines import parse_all, try_parse
from xrfsr.core.transitions import mapped_shells
from xrfsr.errors import collect_faults
from xrfsr.utils.describe import describe, listing

__all__ = ["example_of_labels", "rename_maps", "renamed"]


def example_of_labels(names: Sequence[str]) -> str:
    """Return how a caller might label one of these maps, with a line of an element that its name contains.

    Examples
    --------
    >>> example_of_labels(["BSE", "Pb-x"])
    "lines={'Pb-x': 'Pb-L', ...}, which has to name every map that is wanted, since a mapping reads only what it names"
    """
    # Only a line that the name itself suggests: examples are copied as they stand.
    lines = {
        name: meant[0]
        for name in names
        if "/" not in name and (meant := lines_within(Path(name).stem, mapped_shells()))  # a ratio is no map of a line
    }
    name = next(iter(lines), names[0])
    label = lines.get(name, "<element>-<line>")
    return (
        f"lines={{{name!r}: {label!r}, ...}}, which has to name every map that is wanted, since a mapping reads only "
        "what it names"
    )


def rename_maps(
    lines: Mapping[Any, Any], names: Sequence[Collection[str]], path: Path, faults: list[str]
) -> dict[int, str]:
    """Return the labels of the maps that a mapping names.

    Parameters
    ----------
    lines : mapping of str to str
        Name in the file to label.
    names : sequence of collections of str
        Names by which the caller may call each map of the file, the first as the file spells it.
    path : Path
        File named in messages.
    faults : list of str
        List that receives names that the file lacks, labels that are no lines, and maps that are named twice.

    Returns
    -------
    dict of int to str
        Position of each map in `names`, in the order of the mapping, and its label.
    """
    if not lines:
        faults.append("lines is empty; give names in the file and labels, such as lines={'Pb': 'Pb-L'}")
    found: dict[int, str] = {}
    missing: list[object] = []
    for name, label in lines.items():
        position = _position(name, names)
        if position is None:
            missing.append(name)
        elif position in found:
            faults.append(f"lines names the map {describe(next(iter(names[position])))} twice; keep one of them")
        else:
            found[position] = label
    if missing:
        there = listing(next(iter(each)) for each in names) or "no map"
        faults.append(f"lines names {listing(missing)}, but the maps of '{path}' are {there}; choose from these")
    with collect_faults(faults):
        faults += [
            f"{describe(label)} names an uncertainty; give the label of the map"
            for label, line in zip(lines.values(), parse_all(lines.values()), strict=True)
            if line.uncertainty
        ]
    return found


def renamed(names: Sequence[str], lines: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return the labels of maps that `rename_maps` selected by their names."""
    spellings = [(name,) for name in names]
    labels = {_position(name, spellings): label for name, label in lines.items()}
    return tuple(labels.get(position, name) for position, name in enumerate(names))


def _position(name: object, names: Sequence[Collection[str]]) -> int | None:
    """Return the position of the map that is called `name`, or else is the same line in another spelling."""
    exact = [position for position, spellings in enumerate(names) if name in spellings]
    if len(exact) == 1:
        return exact[0]
    line = try_parse(name)
    same = [position for position, (spelled, *_) in enumerate(names) if line and try_parse(spelled) == line]
    return same[0] if len(same) == 1 and not exact else None

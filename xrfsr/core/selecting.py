"""Selection of the maps of a scan by element, family or kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import xarray as xr

from xrfsr.core.choice import choose_line
from xrfsr.core.coordinates import AnyT
from xrfsr.core.lines import Line
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.scan import ensure_scan, lines_of
from xrfsr.core.separate import map_names
from xrfsr.core.to_dataset import in_form_of
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import near_name
from xrfsr.utils.describe import describe, listing

__all__ = ["sel"]


def sel(obj: AnyT, line: Any = None, *, element: Any = None, family: Any = None, kind: Any = None) -> AnyT:
    """Select maps by line, element, family or kind.

    If you give several of them, the maps that match all are selected. xarray's own ``scan.sel(element="Pb")`` takes one
    label of one coordinate at a time. `element` and `family` have no index of their own: with further indexes along
    `line`, xarray 2026.9 leaves them in their old order when it sorts the lines, and refuses arithmetic between scans
    with different lines.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan, result, or its intensity alone. Lazy maps stay lazy.
    line : str or sequence of str, optional
        Labels in any spelling, or symbols of elements that have one line.
    element, family, kind : str or sequence of str, optional
        Symbols such as ``"Pb"``; shells (``"K"``, ``"L"``, ``"M"``); ``"element"``, ``"scatter"`` or ``"diagnostic"``.

    Returns
    -------
    like `obj`
        The maps in the order of the lists, if there are any, otherwise in that of the scan. If all arguments are single
        texts and one map matches, the dimension `line` is dropped, as xarray does; a list keeps it. For a Dataset with
        one variable for each line, the variables of the selected maps.

    Raises
    ------
    InvalidInput
        Naming everything that no map has, or if no map matches all.

    Examples
    --------
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.arange(12.0).reshape(3, 2, 2), lines=["Ca-K", "Pb-L", "Pb-M"], pixel_size="0.5 mm")
    >>> sel(scan, element="Pb").line.values.tolist(), sel(scan, element="Pb", family="L").line.item()
    (['Pb-L', 'Pb-M'], 'Pb-L')
    """
    if not isinstance(obj, xr.Dataset | xr.DataArray) or is_like_photo(obj):
        raise InvalidInput("scan", [no_scan(obj)])
    apart = isinstance(obj, xr.Dataset) and bool(map_names(obj))
    scan = ensure_scan(obj, values=False) if apart else obj
    if "line" not in scan.dims:
        raise InvalidInput("scan", [no_scan(obj)])
    held = lines_of(scan)
    asked = {"line": line, "element": element, "family": family, "kind": kind}
    asked = {name: wanted for name, wanted in asked.items() if wanted is not None}
    faults: list[str] = []
    if not asked:
        faults.append("nothing was given to select by; pass element='Pb', family='L', kind='element' or line='Pb-L'")
    found: list[list[int]] = []
    for name, wanted in asked.items():
        with collect_faults(faults):
            found.append(_places(name, wanted, held))
    if faults:
        raise InvalidInput("selection", faults)
    # The order of the first list counts.
    first = next(
        (places for places, wanted in zip(found, asked.values(), strict=True) if not _single(wanted)), found[0]
    )
    chosen = [place for place in first if all(place in places for places in found)]
    if not chosen:
        said = " and ".join(f"{name} {describe(wanted)}" for name, wanted in asked.items())
        raise InvalidInput("selection", [f"no map has {said}; choose from {listing([each.label for each in held])}"])
    if apart:
        return in_form_of(cast(xr.Dataset, scan.isel(line=chosen)), obj)
    alone = len(chosen) == 1 and all(map(_single, asked.values()))
    return cast(AnyT, scan.isel(line=chosen[0] if alone else chosen))


def _single(wanted: object) -> bool:
    return isinstance(wanted, str) or getattr(wanted, "ndim", None) == 0


def _texts(name: str, wanted: Any) -> list[str]:
    """Return what is wanted as a list of text."""
    given = wanted
    if hasattr(given, "ndim") and hasattr(given, "dtype") and getattr(given.dtype, "kind", "") in "OTU":
        given = np.atleast_1d(np.asarray(given)).tolist()
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list | tuple) or not given or not all(isinstance(each, str) for each in given):
        example = {"line": "Ca-K", "element": "Pb", "family": "L", "kind": "scatter"}[name]
        raise InvalidInput(
            "selection", [f"{name} must be text such as {example!r}, or a list of it, got {describe(wanted)}"]
        )
    return list(given)


def _places(name: str, wanted: Any, held: Sequence[Line]) -> list[int]:
    """Return the positions of the maps that have any of what is wanted, in its order."""
    there = [each.label if name == "line" else getattr(each, name) for each in held]
    places: list[int] = []
    faults: list[str] = []
    for text in _texts(name, wanted):
        same: list[int] = []
        if name == "line":
            with collect_faults(faults):
                same = [place] if (place := choose_line(text, held)) is not None else []
                if not same:
                    faults.append(f"the scan has no line {describe(text)}; it has {listing(there)}")
        elif not (same := [place for place, value in enumerate(there) if value == text]):
            known = [value for value in dict.fromkeys(there) if value]
            near = near_name(text, known)
            hint = f"; did you mean {near!r}?" if near else ""
            faults.append(f"{name} must be one that a map has, {listing(known)}, got {describe(text)}{hint}")
        places += [place for place in same if place not in places]
    if faults:
        raise InvalidInput("selection", faults)
    return places

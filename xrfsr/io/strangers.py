"""Choice of the maps of a file that also holds images of other things, such as counters and the current of the beam."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xrfsr.core.lines import try_parse
from xrfsr.io.selection import select_maps
from xrfsr.utils.describe import listing

__all__ = ["select_known", "without_ratios"]


def select_known(
    names: Sequence[str], lines: object, path: Path, faults: list[str]
) -> tuple[list[int], tuple[str, ...]]:
    """Return the positions of the maps to read, and a warning that names what is left out.

    Parameters
    ----------
    names : sequence of str
        Names of all images.
    lines : object
        Argument `lines` of the caller; None for all maps.
    path : Path
        File named in messages.
    faults : list of str
        List that receives missing lines, maps of the same line, and the names if none is a line.

    Returns
    -------
    (list of int, tuple of str)
        Positions in `names`, in the order of `lines`; images that are no maps are left out, and named in the warning
        unless the caller chose the lines.
    """
    if lines is not None:
        return select_maps(names, lines, path, faults), ()
    known = [at for at, name in enumerate(names) if (line := try_parse(name)) and not line.uncertainty]
    if not known:
        return select_maps(names, None, path, faults), ()
    chosen = [known[at] for at in select_maps([names[at] for at in known], None, path, faults)]
    maps = set(known)
    others = [name for at, name in enumerate(names) if at not in maps]
    if not others:
        return chosen, ()
    return chosen, (f"images that are no element lines are left out: {listing(others)} in '{path}'",)


def without_ratios(names: Sequence[str], path: Path) -> tuple[list[int], tuple[str, ...]]:
    """Return the positions of the maps that are no ratios of two lines, and a warning that names the ratios.

    Examples
    --------
    >>> without_ratios(["Ca K", "Pb L", "Ca-K / Pb-L"], Path("maps.dms"))[0]
    [0, 1]
    """
    ratios = [name for name in names if (parts := name.split(" / ")) and len(parts) == 2 and all(map(try_parse, parts))]
    kept = [at for at, name in enumerate(names) if name not in ratios]
    if not ratios or not kept:
        return list(range(len(names))), ()
    return kept, (f"ratios are left out: {listing(ratios)} in '{path}'",)

"""Choice of the maps of a file that also holds images of other things, such as counters and the current of the beam."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xrfsr.io.selection import select_maps, split_strangers

__all__ = ["select_known"]


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
    known, warnings = split_strangers(names, lines, path)
    return [known[at] for at in select_maps([names[at] for at in known], lines, path, faults)], warnings

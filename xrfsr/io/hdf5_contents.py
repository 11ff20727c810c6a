"""Description of an HDF5 file whose layout is unknown, for the message that refuses it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import h5py

from xrfsr.errors import collect_faults

__all__ = ["describe_contents"]

SHOWN = 8  # datasets that a message lists
MAX_VISITED, MAX_DEPTH = 2000, 8
CHANNELS = 128  # detectors have more channels than most fits have lines


def describe_contents(file: h5py.Group, path: Path) -> str:
    """Return a sentence on the arrays of numbers in a file, and what to do with them.

    Parameters
    ----------
    file : h5py.Group
        Root group.
    path : Path
        File, for the code in the message.
    """
    found = list(_datasets(file))
    if not found:
        links = [file.get(name, getlink=True) for name in list(file)[:SHOWN]]
        if other := dict.fromkeys(link.filename for link in links if isinstance(link, h5py.ExternalLink)):
            return f"it contains links to {', '.join(map(repr, other))}; pass the file with the maps"
        there = ", ".join(f"'{name}'" for name in list(file)[:SHOWN])
        held = f"groups without an array of numbers: {there}" if there else "nothing"
        return f"it contains {held}; pass the file with the maps"
    # What may be maps or spectra first, and then the largest.
    found.sort(key=lambda one: (one[1].count(1) + (len(one[1]) not in (2, 3)), -math.prod(one[1])))
    listed = ", ".join(f"'{name}' {shape}" for name, shape in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    name, shape = found[0]
    advice = "pass the file with the maps"
    if len(shape) == 3 and shape[-1] >= CHANNELS and shape[-1] > max(shape[:-1]):
        advice = f"'{name}' looks like spectra: fit them, for example in PyMca, and pass the file with the results"
    elif len(shape) == 3:
        advice = (
            f"if '{name}' holds maps (line, y, x), read and name them: with h5py.File('{path}') as file: scan = "
            f"xrfsr.as_scan(file['{name}'][()], lines=[...], pixel_size=...)"
        )
    elif len(shape) == 2 and "_NCProperties" in file.attrs:
        advice = (
            f"if these are maps of netCDF, pass them together: xrfsr.as_scan(xr.open_dataset('{path}'), pixel_size=...)"
        )
    elif len(shape) == 2:
        advice = "if these are maps, stack and name them: xrfsr.as_scan(np.stack([...]), lines=[...], pixel_size=...)"
    return f"it contains {listed}{more}; {advice}"


def _datasets(file: h5py.Group) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield names and shapes of the arrays of numbers with at least two dimensions, without following links."""
    waiting, visited = deque([(file, 0)]), 0
    while waiting:
        group, depth = waiting.popleft()
        for name in group:
            visited += 1
            if visited > MAX_VISITED:
                return
            with collect_faults([]):  # what cannot be opened is not described
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    continue
                inner = group.get(name)
                if isinstance(inner, h5py.Group) and depth < MAX_DEPTH:
                    waiting.append((inner, depth + 1))
                elif isinstance(inner, h5py.Dataset) and inner.dtype.kind in "iuf" and len(inner.shape or ()) > 1:
                    yield inner.name.lstrip("/"), tuple(inner.shape)

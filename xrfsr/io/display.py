"""Maps that were made for display: pictures of 8 or 16 bits whose contrast was stretched."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xrfsr.io.source import ScanDescription
from xrfsr.utils.describe import listing

__all__ = ["displayed", "displayed_warning", "white_of"]

SEEN = 3  # maps that are looked at: that counts reach the largest number in one map is possible, in three it is not
MOST_READ = 8  # maps that are read at most; those with one number everywhere do not count
NEAR_WHITE = 0.97  # share of the largest number: pictures that were decoded or resized may miss the very last ones
LEAST_WHITE = 15  # pictures of fewer than four bits are masks


def white_of(dtype: object, white: int | None = None) -> int:
    """Return the largest number of a picture of 8 or 16 bits without sign, or 0 for other numbers.

    Parameters
    ----------
    dtype : str or dtype
        Number type of the file.
    white : int, optional
        Largest number of its bits, if it has fewer than the type.
    """
    kind = np.dtype(dtype)  # type: ignore[call-overload]  # anything that names a dtype
    if kind.kind != "u" or kind.itemsize > 2:
        return 0
    return int(np.iinfo(kind).max) if white is None else white


def displayed(maps: ScanDescription) -> list[str]:
    """Return the names of maps whose contrast was stretched, or nothing.

    Counts end anywhere. A stretched picture ends at the largest number that its bits can hold, or within 3 % of it, and
    so does every map of the file. Three maps are looked at; empty ones do not count, and further ones are read instead.

    Parameters
    ----------
    maps : ScanDescription
        Maps with `whites`, the largest number that each can hold.
    """
    limited = [number for number, white in enumerate(maps.whites) if white >= LEAST_WHITE]
    seen = 0
    for number in limited[:MOST_READ]:
        try:
            values = np.asarray(maps.intensity.read([number], slice(0, maps.shape[0]), slice(0, maps.shape[1])))
        # Damaged values, for which a library may raise anything, are reported when they are used.
        except Exception:
            return []
        known = values[~np.isnan(values)]
        if not known.size or known.min() == known.max():
            continue
        if known.max() < NEAR_WHITE * maps.whites[number]:
            return []
        seen += 1
        if seen == SEEN:
            break
    return [] if not seen else [(maps.labels or maps.names)[number] for number in limited]


def displayed_warning(names: list[str], path: Path) -> str:
    """Return the warning that maps were made for display."""
    return (
        f"{listing(names, 5)} in '{path}': the values reach the largest number of their bits, as in pictures whose "
        "contrast was stretched for display, so they are no counts and the units are 'dimensionless'; export the plain "
        "values, or pass units='count' if they are counts"
    )

"""Maps that were made for display: pictures whose contrast was stretched, in 8 or 16 bits or saved as other numbers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from xrfsr.io.source import ScanDescription
from xrfsr.utils.describe import listing

__all__ = ["displayed", "displayed_warning", "white_of"]

SEEN = 3  # maps that are looked at: that counts reach the largest number in one map is possible, in three it is not
MOST_READ = 8  # maps that are read at most; those with one number everywhere do not count
NEAR_WHITE = 0.97  # share of the largest number: pictures that were decoded or resized may miss the very last ones
LEAST_WHITE = 15  # pictures of fewer than four bits are masks
# Largest numbers of stretched maps in a type that holds larger ones: fractions, and pictures of 8, 12 and 16 bits.
ENDS = (1.0, 255.0, 4095.0, 65535.0)
LEAST_LEVELS = 16  # different numbers of such a map: counts of weak lines may all end at 1
SAMPLE = 1 << 18  # pixels in which they are looked for
MOST_PIXELS = 1 << 19  # of a map that is read for its end alone: larger files open without reading


class _Extent(NamedTuple):
    """Smallest and largest number of a map, NaN if it has none."""

    low: float
    high: float
    has_levels: bool
    whole: bool

    @property
    def is_flat(self) -> bool:
        return not self.low < self.high

    @property
    def end(self) -> float:
        """Largest number of a stretched map that this may be, or 0."""
        # Whole numbers may be counts, which rarely begin at zero and end at such a number.
        could_be = self.has_levels and self.low >= 0 and not (self.whole and self.low > 0)
        return self.high if could_be and self.high in ENDS else 0.0


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
    In other number types, three maps or more have to end exactly at 1, 255, 4095 or 65535, and all that are read.

    Parameters
    ----------
    maps : ScanDescription
        Maps with `whites`, the largest number that each can hold.
    """
    names = maps.labels or maps.names
    limited = [number for number, white in enumerate(maps.whites) if white >= LEAST_WHITE]
    known: dict[int, _Extent] = {}
    try:
        if _reach_white(maps, limited, known):
            return [names[number] for number in limited]
        if maps.shape[0] * maps.shape[1] <= MOST_PIXELS and _end_alike(maps, known):
            return list(names)
    # Damaged values, for which a library may raise anything, are reported when they are used.
    except Exception:
        return []
    return []


def _reach_white(maps: ScanDescription, limited: list[int], known: dict[int, _Extent]) -> bool:
    """Return whether pictures reach the largest number of their bits."""
    seen = 0
    for number in limited[:MOST_READ]:
        extent = _extent(maps, number, known)
        if extent.is_flat:
            continue
        if extent.high < NEAR_WHITE * maps.whites[number]:
            return False
        seen += 1
        if seen == SEEN:
            break
    return seen > 0


def _end_alike(maps: ScanDescription, known: dict[int, _Extent]) -> bool:
    """Return whether maps end at one of the largest numbers of stretched maps, the same for all."""
    ends: list[float] = []
    for number in range(len(maps.whites))[:MOST_READ]:
        extent = _extent(maps, number, known)
        if extent.is_flat:
            continue
        if not extent.end or extent.end not in (ends or ENDS):
            return False
        ends.append(extent.end)
    return len(ends) >= SEEN


def _extent(maps: ScanDescription, number: int, known: dict[int, _Extent]) -> _Extent:
    """Return the extent of a map, which is read once."""
    if number not in known:
        read = maps.intensity.read([number], slice(0, maps.shape[0]), slice(0, maps.shape[1]))
        values = np.asarray(read)
        values = values[~np.isnan(values)]
        if values.size:
            some = values[:: -(-values.size // SAMPLE)]
            has_levels, whole = np.unique(some).size >= LEAST_LEVELS, bool((some == np.floor(some)).all())
            known[number] = _Extent(float(values.min()), float(values.max()), has_levels, whole)
        else:
            known[number] = _Extent(np.nan, np.nan, False, False)
    return known[number]


def displayed_warning(names: list[str], path: Path) -> str:
    """Return the warning that maps were made for display."""
    return (
        f"{listing(names, 5)} in '{path}': the values reach the largest number of a picture (of its bits, or 1, 255, "
        "4095 or 65535 in every map), as if their contrast was stretched for display, so they are no counts and the "
        "units are 'dimensionless'; export the plain values, or pass units='count' if they are counts"
    )

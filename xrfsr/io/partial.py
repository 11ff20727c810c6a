"""Maps of which some are missing, such as the uncertainties of a fit that has none for its residuals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.lines import try_parse
from xrfsr.io.source import Source
from xrfsr.utils.describe import listing

__all__ = ["PartialMaps", "missing_uncertainties", "partial_source"]

LocationT = TypeVar("LocationT")


@dataclass(frozen=True, slots=True)
class PartialMaps:
    """Maps of another source, and NaN for those that it lacks.

    Attributes
    ----------
    source : Source
        Source of the maps that exist.
    positions : tuple of (int or None)
        Position of each map in `source`; None for a map that is missing.
    shape : (int, int)
        Number of rows and columns.
    """

    source: Source
    positions: tuple[int | None, ...]
    shape: tuple[int, int]

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps; see `xrfsr.io.source.Source`."""
        rows, columns = (len(range(*side.indices(size))) for side, size in zip((y, x), self.shape, strict=True))
        found = np.full((len(maps), rows, columns), np.nan, np.float32)
        there = [(number, here) for number, each in enumerate(maps) if (here := self.positions[each]) is not None]
        if there:
            numbers, wanted = zip(*there, strict=True)
            with np.errstate(over="ignore"):
                found[list(numbers)] = self.source.read(wanted, y, x)
        return found


def partial_source(
    make: Callable[[tuple[LocationT, ...]], Source], locations: Sequence[LocationT | None], shape: tuple[int, int]
) -> Source | None:
    """Make a source of maps of which some may be missing; None if all are.

    Parameters
    ----------
    make : callable
        Function that makes the source of the locations that exist.
    locations : sequence
        Location of each map; None for a map that is missing.
    shape : (int, int)
        Number of rows and columns.
    """
    present = tuple(location for location in locations if location is not None)
    if not present:
        return None
    if len(present) == len(locations):
        return make(present)
    numbers = iter(range(len(present)))
    return PartialMaps(
        make(present), tuple(None if location is None else next(numbers) for location in locations), shape
    )


def missing_uncertainties(names: Sequence[str], known: Sequence[object], where: Path | str) -> tuple[str, ...]:
    """Return the warning that some element maps have no uncertainty, or nothing.

    Maps that are no elements need none: a fit has no uncertainty of its residuals.

    Parameters
    ----------
    names : sequence of str
        Names of the maps.
    known : sequence
        Location of the uncertainty of each map; None where it is missing.
    where : Path or str
        File or group named in the message.
    """
    without = [
        name
        for name, one in zip(names, known, strict=True)
        if one is None and ((line := try_parse(name)) is None or line.kind == "element")
    ]
    return (f"uncertainty is NaN for some maps: '{where}' has none for {listing(without)}",) if without else ()

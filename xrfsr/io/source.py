"""What a format module tells of a file: its maps by name, their shape, and where the numbers lie. Nothing is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from xrfsr.core.grid import Grid

__all__ = ["Quantity", "ReadOptions", "ScanDescription", "Source"]

Quantity = Literal["count", "mass_fraction"]


class Source(Protocol):
    """Where the numbers of some maps lie.

    A plain value that pickles: it holds paths and positions and no open file, so that threads and other processes may
    read from it at the same time.
    """

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps.

        Parameters
        ----------
        maps : sequence of int
            Positions of the maps.
        y, x : slice
            Rows and columns, with steps above zero.

        Returns
        -------
        ndarray of shape (map, y, x)
            Any real dtype; row 0 is the first row of the scan.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the caller wants of a file.

    Attributes
    ----------
    lines : sequence of str or None
        Labels in any spelling; None for all.
    quantity : {"count", "mass_fraction"} or None
        Which of the results of a fit; None for the counts.
    group : str or None
        Which of several results in one file; None for the usual one.
    """

    lines: Sequence[str] | None = None
    quantity: Quantity | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ScanDescription:
    """The maps of a file.

    Attributes
    ----------
    names : tuple of str
        As the file spells them; each is an element line or a known other map.
    shape : (int, int)
        Rows and columns.
    intensity : Source
    uncertainty : Source or None
        Standard deviations of the same maps.
    valid : Source or None
        One map, not zero where the scan is valid.
    units : str or None
        As the file tells them; None where it does not.
    grid : Grid or None
        Where the pixels lie, in mm; None where the file does not tell.
    tile : (int, int) or None
        Rows and columns that are read together at no further cost; None for whole maps.
    attrs : dict
        What else is worth knowing: plain scalars and text.
    warnings : tuple of str
        Warnings for the caller.
    """

    names: tuple[str, ...]
    shape: tuple[int, int]
    intensity: Source
    uncertainty: Source | None = None
    valid: Source | None = None
    units: str | None = None
    grid: Grid | None = None
    tile: tuple[int, int] | None = None
    attrs: dict[str, str | int | float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

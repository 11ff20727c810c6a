"""Description of a file that a reader returns: names, shape and sources of the maps, without their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from xrfsr.core.grid import Grid

__all__ = ["Quantity", "ReadOptions", "ScanDescription", "Source"]

Quantity = Literal["count", "mass_fraction"]


class Source(Protocol):
    """Source of the values of several maps.

    A source holds paths and positions but no open file. It can therefore be pickled, and threads and other processes
    may read from it at the same time.
    """

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps.

        Parameters
        ----------
        maps : sequence of int
            Positions of the maps in the source.
        y, x : slice
            Rows and columns, with positive steps.

        Returns
        -------
        ndarray of shape (map, y, x)
            Values of any real dtype; row 0 is the first row of the scan.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options of the caller that select part of a file.

    Attributes
    ----------
    lines : sequence of str or mapping of str to str or None
        Labels of the lines in any spelling, or names in the file with their labels; None for all lines.
    quantity : {"count", "mass_fraction"} or None
        Result of a fit to read; None for the counts.
    group : str or None
        Name of one of several results in a file; None for the default one.
    external : bool
        Whether links in files may lead to files outside the folder that the caller named.
    index : int or None
        Position of the scan in a stack of scans; None if there is only one.
    prefix : str or None
        Beginning of the names of files to read in a folder; None for the one that most maps have.
    energy : object
        Energies of the channels of spectra, as in `xrfsr.io.spectra.energies.given_energies`; None for those of the
        file.
    """

    lines: Sequence[str] | Mapping[str, str] | None = None
    quantity: Quantity | None = None
    group: str | None = None
    external: bool = False
    index: int | None = None
    prefix: str | None = None
    energy: Any = None


@dataclass(frozen=True, slots=True)
class ScanDescription:
    """Description of a scan in a file, which the reader of the format returns.

    Attributes
    ----------
    names : tuple of str
        Names of the maps in the spelling of the file; each is an element line or a known other map.
    labels : tuple of str
        Labels of the maps if the caller gave them by other names than `names`; else empty.
    shape : (int, int)
        Number of rows and columns.
    intensity : Source
        Source of the intensities.
    uncertainty : Source or None
        Source of the standard deviations of the same maps.
    valid : Source or None
        Source of one map that is nonzero where the scan is valid.
    units : str or None
        Units stored in the file, if any.
    grid : Grid or None
        Positions of the pixels in mm, if the file stores them.
    grid_problem : str
        Why the positions that the file stores cannot be used, and what to do; empty if there is no such reason.
    tile : (int, int) or None
        Rows and columns of the blocks that the file is stored in; None if maps are read whole.
    attrs : dict
        Further plain scalars and text for the attributes of the scan.
    warnings : tuple of str
        Warnings for the caller.
    whites : tuple of int
        Largest number that the bits of each map can hold, in files of pictures of whole numbers without sign; 0 for
        other maps. Empty for files that hold no pictures, whose contrast nobody stretches.
    line_values : dict of str to tuple of float
        Further numbers of each map, such as the gain by the photo, by the names of their coordinates.
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
    labels: tuple[str, ...] = ()
    whites: tuple[int, ...] = ()
    grid_problem: str = ""
    line_values: dict[str, tuple[float, ...]] = field(default_factory=dict)

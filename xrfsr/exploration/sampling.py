"""The pixels of maps within a window, averaged over blocks where a screen cannot show each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.grid import Axis, Grid

__all__ = ["PIXELS", "Sample", "Window", "sample"]

PIXELS = 1000  # along the longer side of a picture, about those of a screen


class Window(NamedTuple):
    """Part of a painting, edges in mm."""

    top: float
    bottom: float
    left: float
    right: float

    @classmethod
    def of(cls, grid: Grid) -> Window:
        """Return the window that a grid covers."""
        return cls(*grid.y.edges, *grid.x.edges)

    def grown(self, share: float) -> Window:
        """Return the window with a margin on every side, as a share of its height and width."""
        down, across = share * (self.bottom - self.top), share * (self.right - self.left)
        return Window(self.top - down, self.bottom + down, self.left - across, self.right + across)

    def holds(self, other: Window, within: Window) -> bool:
        """Return whether this window holds what another shows of a third, to within rounding."""
        slack = 1e-6 * (within.bottom - within.top + within.right - within.left)
        return (
            self.top <= max(other.top, within.top) + slack
            and self.left <= max(other.left, within.left) + slack
            and self.bottom >= min(other.bottom, within.bottom) - slack
            and self.right >= min(other.right, within.right) - slack
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Maps within a window.

    Attributes
    ----------
    maps : dict of str to ndarray
        Arrays (..., y, x), rows from the top of the painting, columns from the left.
    window : Window
        Outer edges of their pixels.
    step : int
        Number of pixels along each side of a block that was averaged; 1 if none was.
    """

    maps: dict[str, NDArray[np.floating]]
    window: Window
    step: int

    def at(self, y: float, x: float) -> dict[str, NDArray[np.floating]]:
        """Return the values at a position in mm; empty if it is outside."""
        shape = next(iter(self.maps.values())).shape
        row = int(np.floor((y - self.window.top) / (self.window.bottom - self.window.top) * shape[-2]))
        column = int(np.floor((x - self.window.left) / (self.window.right - self.window.left) * shape[-1]))
        if not (0 <= row < shape[-2] and 0 <= column < shape[-1]):
            return {}
        return {name: each[..., row, column] for name, each in self.maps.items()}


def sample(maps: Mapping[str, xr.DataArray], grid: Grid, window: Window, pixels: int = PIXELS) -> Sample | None:
    """Return maps on one grid within a window, computed together if they are lazy; None if nothing is there.

    Parameters
    ----------
    maps : mapping of str to DataArray
        Maps with the dimensions `y` and `x`, and others before them.
    grid : Grid
        Their grid.
    window : Window
        Part that is wanted; pixels on its edge are included.
    pixels : int
        Most pixels along the longer side. Larger parts are averaged over square blocks of pixels, missing ones left
        out, which Dask does chunk by chunk.
    """
    rows, columns = _cells(grid.y, window.top, window.bottom), _cells(grid.x, window.left, window.right)
    longest = max(rows.stop - rows.start, columns.stop - columns.start)
    if min(rows.stop - rows.start, columns.stop - columns.start) < 1:
        return None
    step = max(1, int(np.ceil(longest / pixels)))
    # Blocks begin at multiples of the step, so that panning moves no block.
    rows, columns = (slice(each.start // step * step, each.stop) for each in (rows, columns))
    chosen = xr.Dataset({name: each.variable for name, each in maps.items()}).isel(y=rows, x=columns)
    if step > 1:
        chosen = chosen.astype(np.float32).coarsen(y=step, x=step, boundary="pad").mean()
    part = grid.crop(rows, columns)
    edges = [_padded(axis, step) for axis in (part.y, part.x)]
    turn = {name: slice(None, None, -1) for name, axis in (("y", grid.y), ("x", grid.x)) if axis.step < 0}
    held = chosen.compute().isel(turn)
    arrays = {str(name): np.asarray(each.transpose(..., "y", "x").values) for name, each in held.items()}
    return Sample(arrays, Window(*edges[0], *edges[1]), step)


def _cells(axis: Axis, low: float, high: float) -> slice:
    """Return the cells of an axis that lie between two positions, in part or whole."""
    ends = (np.array([low, high]) - axis.first) / axis.step + 0.5
    first, last = np.floor(ends.min() + 1e-9), np.ceil(ends.max() - 1e-9)
    start, stop = (int(np.clip(each, 0, axis.size)) for each in (first, last))
    return slice(start, stop)


def _padded(axis: Axis, step: int) -> tuple[float, float]:
    """Return the outer edges of an axis whose last block was filled up."""
    start = axis.first - axis.step / 2
    stop = start + axis.step * step * int(np.ceil(axis.size / step))
    return min(start, stop), max(start, stop)

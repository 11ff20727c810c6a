"""Regular grids in millimetres: all coordinate mathematics, and nothing else.

An `Axis` is one direction, a `Grid` is two. Both are immutable values that can be compared, hashed and pickled.
Coordinates are cell *centres*. The cells tile the interval between the two outer *edges*, and refining and
coarsening keep those edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrfsr.core.units import pair_to_mm, to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils import html
from xrfsr.utils.checks import is_integer, is_number, numbers
from xrfsr.utils.describe import describe

__all__ = ["Axis", "Grid", "grid_facts"]

# Largest deviation of a centre, in steps. Coordinates written as float32 deviate by about 1e-7 of their value, those
# read from the encoders of a stage by a hundredth of a step; a stage that skips a step is off by a whole one.
REGULARITY = 2e-2


MOST_CELLS = 2**53  # of an axis; beyond, their numbers are not exact


def _scale(value: float) -> float:
    if not is_number(value) or value <= 0:
        raise InvalidInput("scale", [f"scale must be a number > 0, such as 4, got {describe(value)}"])
    return value


def _check_axes(**axes: object) -> None:
    faults = [
        f"{name} must be an Axis, got {describe(axis)}; Grid.from_shape((rows, columns), '0.5 mm') makes both"
        for name, axis in axes.items()
        if not isinstance(axis, Axis)
    ]
    if faults:
        raise InvalidInput("grid", faults)


@dataclass(frozen=True, slots=True)
class Axis:
    """Cells of equal width along one direction.

    Parameters
    ----------
    size : int
        Number of cells, at least one.
    step : float
        Distance from one centre to the next in mm; negative where coordinates descend.
    first : float
        Centre of the first cell in mm.

    Examples
    --------
    >>> axis = Axis(size=4, step=2.0, first=1.0)
    >>> axis.centres
    array([1., 3., 5., 7.])
    >>> axis.edges
    (0.0, 8.0)
    >>> axis.refine(2).centres[:3]
    array([0.5, 1.5, 2.5])
    """

    size: int
    step: float
    first: float

    def __post_init__(self) -> None:
        faults = []
        if not is_integer(self.size) or not 1 <= self.size <= MOST_CELLS:
            faults.append(f"size must be an integer ≥ 1, got {describe(self.size)}")
        if not is_number(self.step) or self.step == 0:
            faults.append(f"step must be a finite number of mm other than 0, got {describe(self.step)}")
        if not is_number(self.first):
            faults.append(f"first must be a finite number of mm, got {describe(self.first)}")
        if faults:
            raise InvalidInput("axis", faults)

    @classmethod
    def from_centres(cls, centres: ArrayLike, name: str = "axis") -> Axis:
        """Return the axis through equally spaced cell centres in mm (at least two, ascending or descending).

        Raises
        ------
        InvalidInput
            If there are fewer than two centres, one is not finite, or one deviates from equal steps by more
            than two hundredths of a step.
        """
        values = numbers(centres)
        if values is None:
            raise InvalidInput(
                f"coordinate {name!r}",
                [f"{name!r} must hold numbers of mm, such as [0.25, 0.75, 1.25], got {describe(centres)}"],
            )
        values = values.astype(np.float64)
        if values.ndim != 1 or values.size < 2:
            raise InvalidInput(
                f"coordinate {name!r}",
                [
                    f"{name!r} must be one-dimensional with at least two cell centres, which define the pixel size; "
                    f"got shape {values.shape}"
                ],
            )
        if not np.isfinite(values).all():
            raise InvalidInput(f"coordinate {name!r}", [f"{name!r} must be finite, but holds NaN or infinite values"])
        step = float((values[-1] - values[0]) / (values.size - 1))
        off = np.abs(values - (values[0] + step * np.arange(values.size)))
        if step == 0 or off.max() > REGULARITY * abs(step):
            steps = np.diff(values)
            raise InvalidInput(
                f"coordinate {name!r}",
                [
                    f"{name!r} is irregular: steps must be equal, got {steps.min():g} to {steps.max():g} mm; "
                    "interpolate the scan to a regular grid first (ds.interp)"
                ],
            )
        return cls(values.size, step, float(values[0]))

    @property
    def centres(self) -> NDArray[np.float64]:
        """Cell centres in mm, shape (size,)."""
        return np.asarray(self.first + self.step * np.arange(self.size), dtype=np.float64)

    @property
    def edges(self) -> tuple[float, float]:
        """Outer edges in mm, lower one first."""
        start = self.first - self.step / 2
        stop = start + self.step * self.size
        return (min(start, stop), max(start, stop))

    @property
    def extent(self) -> float:
        """Length covered by all cells in mm."""
        return abs(self.step) * self.size

    def resize(self, size: int) -> Axis:
        """Divide the interval between the same edges, in the same direction, into `size` cells."""
        if not is_integer(size) or not 1 <= size <= MOST_CELLS:
            raise InvalidInput("axis size", [f"size must be at least 1 cell, got {describe(size)}"])
        step = self.step * self.size / size
        return Axis(size, step, self.first - self.step / 2 + step / 2)

    def refine(self, scale: float) -> Axis:
        """Return `scale` times as many cells between the same edges (rounded to whole cells)."""
        return self.resize(round(min(float(self.size * _scale(scale)), 2.0 * MOST_CELLS)))

    def coarsen(self, scale: float) -> Axis:
        """Return 1 / `scale` times as many cells between the same edges (rounded to whole cells, at least one)."""
        return self.resize(max(1, round(min(self.size / _scale(scale), 2.0 * MOST_CELLS))))

    def crop(self, cells: slice) -> Axis:
        """Return consecutive cells, counted from 0 (``slice(start, stop)``)."""
        ends = (cells.start, cells.stop) if isinstance(cells, slice) else (None, None)
        if not all(map(is_integer, ends)) or not 0 <= ends[0] < ends[1] <= self.size:
            raise InvalidInput(
                "cells",
                [f"cells must be slice(start, stop) within slice(0, {self.size}), got {describe(cells)}"],
            )
        return Axis(ends[1] - ends[0], self.step, self.first + self.step * ends[0])

    def parent_cell(self, fine: Axis) -> NDArray[np.intp]:
        """Return the cell that contains the centre of each cell of a finer axis; outside, the nearest cell.

        A centre on the border of two cells belongs to the lower one, wherever the axis begins.
        """
        position = (fine.centres - self.first) / self.step
        return np.clip(np.ceil(position - 0.5 - 1e-6).astype(np.intp), 0, self.size - 1)

    def overlap(self, other: Axis) -> float:
        """Length in mm that both axes cover (zero if they are apart)."""
        (a, b), (c, d) = self.edges, other.edges
        return max(0.0, min(b, d) - max(a, c))

    def covers(self, other: Axis, tolerance: float = 0.0) -> bool:
        """Return whether `other` lies within this axis, to within `tolerance` mm at each end."""
        (a, b), (c, d) = self.edges, other.edges
        slack = tolerance + 1e-9 * (self.extent + other.extent)
        return a - slack <= c and d <= b + slack


@dataclass(frozen=True, slots=True, repr=False)
class Grid:
    """A regular two-dimensional grid in millimetres.

    Parameters
    ----------
    y, x : Axis
        Rows and columns.

    Examples
    --------
    >>> scan = Grid.from_shape((64, 48), pixel_size="0.5 mm")
    >>> scan
    <Grid of 64 x 48 pixels of 0.5 x 0.5 mm, y 0 to 32, x 0 to 24 mm>
    >>> fine = scan.refine(4)
    >>> fine.shape, fine.spacing
    ((256, 192), (0.125, 0.125))
    >>> fine.coarsen(4) == scan
    True
    """

    y: Axis
    x: Axis

    def __post_init__(self) -> None:
        _check_axes(y=self.y, x=self.x)

    def __repr__(self) -> str:
        (top, bottom), (left, right) = self.y.edges, self.x.edges
        (rows, columns), (dy, dx) = self.shape, self.spacing
        turned = [name for name, axis in (("y", self.y), ("x", self.x)) if axis.step < 0]
        note = f", {' and '.join(turned)} descending" if turned else ""
        return (
            f"<Grid of {rows} x {columns} pixels of {dy:g} x {dx:g} mm, y {top:g} to {bottom:g}, x {left:g} to "
            f"{right:g} mm{note}>"
        )

    def _repr_html_(self) -> str | None:
        return _card(self)

    @classmethod
    def from_shape(cls, shape: tuple[int, int], pixel_size: object, origin: object = (0.0, 0.0)) -> Grid:
        """Return the grid of `shape` (rows, columns) whose outer corner lies at `origin` (y, x).

        `pixel_size` and `origin` are lengths in any form that `xrfsr.core.units.pair_to_mm` accepts: numbers of mm,
        text with a unit such as ``"0.5 mm"`` or quantities, one for both directions or a pair (y, x).
        """
        if not isinstance(shape, tuple | list) or len(shape) != 2 or not all(map(is_integer, shape)):
            raise InvalidInput("grid", [f"shape must be two integers (rows, columns), got {describe(shape)}"])
        dy, dx = pair_to_mm(pixel_size)
        top, left = pair_to_mm(origin, "origin", positive=False)
        return cls(Axis(shape[0], dy, top + dy / 2), Axis(shape[1], dx, left + dx / 2))

    @classmethod
    def from_centres(cls, y: ArrayLike, x: ArrayLike) -> Grid:
        """Return the grid through the cell centres `y`, `x` in mm.

        Raises
        ------
        InvalidInput
            Naming every axis that is too short, not finite or irregular.
        """
        axes: list[Axis] = []
        faults: list[str] = []
        for name, centres in (("y", y), ("x", x)):
            with collect_faults(faults):
                axes.append(Axis.from_centres(centres, name))
        if faults:
            raise InvalidInput("coordinates", faults)
        return cls(axes[0], axes[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return (self.y.size, self.x.size)

    @property
    def spacing(self) -> tuple[float, float]:
        """Pixel size (y, x) in mm, always positive."""
        return (abs(self.y.step), abs(self.x.step))

    def refine(self, scale: float) -> Grid:
        """Return `scale` times as many cells between the same edges in each direction."""
        return Grid(self.y.refine(scale), self.x.refine(scale))

    def coarsen(self, scale: float) -> Grid:
        """Return 1 / `scale` times as many cells between the same edges in each direction."""
        return Grid(self.y.coarsen(scale), self.x.coarsen(scale))

    def crop(self, rows: slice, columns: slice) -> Grid:
        """Return consecutive cells of each axis."""
        return Grid(self.y.crop(rows), self.x.crop(columns))

    def overlap(self, other: Grid) -> float:
        """Area in mm² that both grids cover."""
        _check_grid(other)
        return self.y.overlap(other.y) * self.x.overlap(other.x)

    def covers(self, other: Grid, tolerance: float = 0.0) -> bool:
        """Return whether `other` lies within this grid, to within `tolerance` mm."""
        _check_grid(other)
        tolerance = to_mm(tolerance, "tolerance")
        return self.y.covers(other.y, tolerance) and self.x.covers(other.x, tolerance)


def _check_grid(other: object) -> None:
    if not isinstance(other, Grid):
        raise InvalidInput("grid", [f"other must be a Grid such as scan.xrfsr.grid, got {describe(other)}"])


def grid_facts(grid: Grid) -> dict[str, str]:
    """Return size and pixels of a grid in words, width first.

    Examples
    --------
    >>> grid_facts(Grid.from_shape((64, 48), pixel_size="0.5 mm"))
    {'size': '24 × 32 mm (width × height)', 'pixels': '48 × 64, each 0.5 mm'}
    """
    (rows, columns), (dy, dx) = grid.shape, grid.spacing
    square = abs(dy - dx) <= 1e-6 * dx
    pixel = f"{dx:.4g} mm" if square else f"{dx:.4g} × {dy:.4g} mm"
    return {
        "size": f"{grid.x.extent:.5g} × {grid.y.extent:.5g} mm (width × height)",
        "pixels": f"{columns} × {rows}, each {pixel}",
    }


@html.or_none
def _card(grid: Grid) -> str:
    """Return what a notebook shows of a grid."""
    facts: dict[str, object] = dict(grid_facts(grid))
    for name, axis, cells in (("x", grid.x, "column"), ("y", grid.y, "row")):
        turned = f", descending: the first {cells} is at {axis.first:g} mm" if axis.step < 0 else ""
        facts[name] = f"{axis.edges[0]:g} to {axis.edges[1]:g} mm, edge to edge{turned}"
    return html.card("Grid", "", facts, pictures=[html.frame((grid.y.extent, grid.x.extent))])

"""Positions among the numbers of a text: axes in the first line and column, and tables with one pixel per line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Axis", "axes", "axis_faults", "counts", "is_table"]

LEAST = 4  # so many numbers in a row are no coincidence
LEAST_PIXELS = 6
TOLERANCE = 0.02  # of a step, because positions are rounded


class Axis(NamedTuple):
    """Numbers in equal steps at the edge of a matrix, which are an axis if all matrices of a folder have them.

    Attributes
    ----------
    where : {"line", "column"}
        Where they are.
    first, last : float
        First and last number.
    """

    where: str
    first: float
    last: float


def counts(values: Sequence[float]) -> bool:
    """Return whether numbers count from 0 or 1, as in a header."""
    return len(values) >= LEAST and values[0] in (0, 1) and bool(np.all(np.diff(values) == 1))


def axes(lines: Sequence[Sequence[float]], columns: Sequence[Sequence[float]]) -> tuple[Axis, ...]:
    """Return the axes among the first two lines and the first two columns of a matrix.

    The number in the corner belongs to neither if it is missing, or if the others of both are in steps. If most
    steps of the second line are those of the first, they are a gradient.
    """
    edges = {"line": lines, "column": columns}
    inner = {where: _axis(where, edge, 1) for where, edge in edges.items()}
    corner = int(np.isnan(lines[0][0]) or None not in inner.values())
    found = inner if corner else {where: _axis(where, edge, 0) for where, edge in edges.items()}
    return tuple(axis for axis in found.values() if axis is not None)


def axis_faults(layouts: Mapping[str, Sequence[Axis]]) -> list[str]:
    """Return a fault for each axis that all texts of a folder, given by their names, have."""
    common = set.intersection(*map(set, layouts.values())) if layouts else set()
    return [
        f"{next(iter(layouts))} is no plain matrix, because its first {where} is an axis in equal steps from {first:g} "
        f"to {last:g}{', as in all files' if len(layouts) > 1 else ''}; export the values alone"
        for where, first, last in sorted(common)
    ]


def is_table(values: NDArray[np.floating]) -> bool:
    """Return whether two of the first three columns, shape (pixel, column), are the positions of a whole grid."""
    if len(values) < LEAST_PIXELS:
        return False
    for pair in itertools.combinations(values.T[:3], 2):
        sides = [np.unique(column) for column in pair]
        whole = min(map(len, sides)) > 1 and len(sides[0]) * len(sides[1]) == len(values)
        if whole and all(map(_step, sides)) and np.unique(np.stack(pair), axis=1).shape[1] == len(values):
            return True
    return False


def _axis(where: str, edge: Sequence[Sequence[float]], corner: int) -> Axis | None:
    if len(edge) < 2 or len(edge[0]) < LEAST + corner:
        return None
    step = _step(edge[0][corner:])
    steps = np.diff(edge[1][corner:])
    steps = steps[np.isfinite(steps)]
    if not step or (len(steps) and abs(np.median(steps) - step) <= TOLERANCE * abs(step)):
        return None
    return Axis(where, edge[0][corner], edge[0][-1])


def _step(values: ArrayLike) -> float:
    """Return the step of numbers in equal steps, and 0 of others."""
    values = np.asarray(values, np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        return 0.0
    step = float(values[-1] - values[0]) / (len(values) - 1)
    line = np.linspace(values[0], values[-1], len(values))
    return step if np.abs(values - line).max() <= TOLERANCE * abs(step) else 0.0

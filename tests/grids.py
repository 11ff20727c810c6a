"""Grids of either direction, and maps on them, for tests that draw them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st

from xrfsr.core.grid import Axis, Grid


def grids(least: int = 2) -> st.SearchStrategy[Grid]:
    """Grids of at least so many rows and columns."""
    steps = st.one_of(st.floats(0.1, 2), st.floats(-2, -0.1))
    axes = st.builds(Axis, st.integers(least, 12), steps, st.floats(-50, 50))
    return st.builds(Grid, axes, axes)


GRIDS = grids()


def maps_on(grid: Grid) -> xr.DataArray:
    coords = {"y": ("y", grid.y.centres, {"units": "mm"}), "x": ("x", grid.x.centres, {"units": "mm"})}
    return xr.DataArray(np.zeros(grid.shape), coords, ("y", "x"))


def at(grid: Grid, shares: Any) -> np.ndarray:
    """Positions (y, x) in mm from shares of the extent."""
    (top, _), (left, _) = grid.y.edges, grid.x.edges
    return (top, left) + np.array(shares) * (grid.y.extent, grid.x.extent)

"""A result with everything that figures show, without a training."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from xrfsr.core.coordinates import grid_coords, grid_of


@pytest.fixture
def fine(scan: xr.Dataset) -> xr.Dataset:
    """Return the scan with every pixel divided into 4 × 4 equal ones, its uncertainty, support and training curve."""
    maps = scan["intensity"].values.repeat(4, axis=1).repeat(4, axis=2)
    coords = {"line": scan["line"], **grid_coords(grid_of(scan).refine(4))}
    dims = ("line", "y", "x")
    variables = {
        "intensity": (dims, maps, {"units": "count"}),
        "uncertainty": (dims, np.sqrt(maps), {"units": "count"}),
        "photo_support": (dims, np.clip(maps / maps.max(), 0, 1)),
    }
    curve = '{"network 1": [[0, 0.5], [100, 0.1], [200, 0.05]], "network 2": [[0, 0.4], [100, null], [200, 0.2]]}'
    return xr.Dataset(variables, coords, {"xrfsr_training_curve": curve})

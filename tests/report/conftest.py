"""A small result with everything that a report can show, without any training."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr


@pytest.fixture
def fine(scan: xr.Dataset) -> xr.Dataset:
    """Fine maps of the fixture `scan` with uncertainty, support, and what a run records."""
    made = scan.xrfsr.superresolve(method="kriging", uncertainty=True, progress=False)
    made["photo_support"] = (made.photo_support + np.linspace(0, 1, made.sizes["x"])).clip(0, 1).astype(np.float32)
    made = made.assign_coords(
        guided_share=("line", np.array([0.9, 0.5, 0.0], np.float32)),
        photo_gain=("line", np.array([4.0, 1.5, -0.3], np.float32)),
    )
    made.attrs |= {
        "xrfsr_method": "unfolding",
        "xrfsr_shift_mm": "[0.1, -0.25]",
        "xrfsr_held_out": '{"Ca-K": {"ensemble_db": 2.5, "photo_db": 4.0}, "Fe-Ka": {"ensemble_db": null}}',
        "xrfsr_training_curve": '{"network 1": [[0, 1.0], [100, 0.5], [200, 0.25]], "network 2": "nothing"}',
    }
    return made

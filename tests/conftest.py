"""What several tests need: a small scan with its photo, real data where present, and how hypothesis behaves."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import settings

from xrfsr.core.from_arrays import as_scan
from xrfsr.core.photo import as_photo

# A shared machine is sometimes slow; that is no failure.
settings.register_profile("xrfsr", deadline=None)
settings.load_profile("xrfsr")
# Processes that a shell starts in the background ignore interruptions, which some tests raise.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    """The folder with real scans next to the checkout."""
    if not SHARED.is_dir():
        pytest.skip("real scans are not in the repository (their licences differ), and ../shared/data is absent")
    return SHARED


@pytest.fixture
def scan() -> xr.Dataset:
    """Three maps of 12 × 16 pixels of 0.5 mm."""
    rng = np.random.default_rng(0)
    maps = rng.poisson(20 + 15 * rng.random((3, 12, 16)))
    return as_scan(maps, lines=["Ca-K", "Fe-Ka", "Pb-L"], pixel_size=0.5)


@pytest.fixture
def photo(scan: xr.Dataset) -> xr.DataArray:
    """Noise of 48 × 64 pixels over the same area."""
    return as_photo(np.random.default_rng(1).random((48, 64, 3)), like=scan)

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

# A shared machine is sometimes slow; that is no failure. More examples: `pytest --hypothesis-profile=thorough`.
settings.register_profile("xrfsr", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=500)
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


def patches() -> np.ndarray:
    """Photo of 48 × 64 pixels in patches of any form, each of one colour, shape (3, 48, 64)."""
    rng = np.random.default_rng(0)
    middles, colours = rng.random((50, 2)) * (48, 64), rng.random((50, 3))
    pixels = np.stack(np.mgrid[:48, :64], axis=-1)
    nearest = np.hypot(*np.moveaxis(pixels[:, :, None] - middles, -1, 0)).argmin(axis=-1)
    return np.clip(np.moveaxis(colours[nearest], -1, 0) + 0.02 * rng.standard_normal((3, 48, 64)), 0, 1)


@pytest.fixture
def scan() -> xr.Dataset:
    """Three maps of 12 × 16 pixels of 0.5 mm, each bright where one colour of the photo is."""
    means = patches().reshape(3, 12, 4, 16, 4).mean(axis=(2, 4))
    maps = np.random.default_rng(0).poisson(10 + 60 * means)
    return as_scan(maps, lines=["Ca-K", "Fe-Ka", "Pb-L"], pixel_size=0.5)


@pytest.fixture
def photo(scan: xr.Dataset) -> xr.DataArray:
    """Photo of 48 × 64 pixels over the same area, which helps every map."""
    return as_photo(np.moveaxis(patches(), 0, -1), like=scan)

"""Is it any good? The defaults, on paintings whose truth is known and on real scans where they are at hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.core.from_arrays import as_scan
from xrfsr.core.photo import as_photo


def decibels(fine: xr.Dataset, floor: xr.Dataset, truth: xr.Dataset) -> xr.DataArray:
    """How much smaller the error of `fine` is than that of `floor`, for every line."""
    fine_error, floor_error = (((made - truth).intensity ** 2).mean(("y", "x")) for made in (fine, floor))
    assert (fine - truth).sizes == truth.sizes
    return 10 * np.log10(floor_error / fine_error)


@pytest.mark.soak
def test_the_defaults_on_a_simulated_painting() -> None:
    """Seed 9 has played no part in any choice."""
    truth, scan, rgb = xrfsr.simulate.painting(128, 128, scale=4, seed=9)
    fine = scan.xrfsr.superresolve(rgb, scale=4, progress=False)
    floor = scan.xrfsr.superresolve(scale=4, method="kriging")
    gain = decibels(fine, floor, truth)
    assert gain[truth.visible].mean() > 2.0
    assert gain.min() > -0.2
    U = scan.xrfsr.downsampling(4)
    assert float(np.abs(U(fine.intensity.values) - scan.intensity).max()) < 1e-5 * float(scan.intensity.max())


@pytest.mark.soak
def test_a_photo_of_something_else_does_no_harm() -> None:
    truth, scan, rgb = xrfsr.simulate.painting(128, 128, scale=4, seed=9)
    wrong = rgb.copy(data=rgb.values[:, ::-1])
    quick: dict[str, Any] = {"steps": 300, "progress": False}
    with pytest.warns(UserWarning, match="the photo does not help .* check that it is registered with the scan"):
        fine = scan.xrfsr.superresolve(wrong, scale=4, **quick)
    right = scan.xrfsr.superresolve(rgb, scale=4, **quick)
    # Maps that it does not help are not the network's.
    assert (fine.guided_share.values == 0).sum() > fine.sizes["line"] / 2
    assert (right.photo_gain > fine.photo_gain).all()
    gains = [decibels(made, scan.xrfsr.superresolve(method="kriging"), truth) for made in (fine, right)]
    assert gains[0].mean() > -0.02
    assert gains[0].min() > -0.1
    assert gains[1].mean() > gains[0].mean() + 1.0


def load_scenes(shared: Path) -> ModuleType:
    path = shared.parent / "bench" / "scenes.py"
    if not path.is_file():
        pytest.skip("../shared/bench is absent")
    spec = importlib.util.spec_from_file_location("scenes", path)
    assert spec
    assert spec.loader
    scenes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scenes)
    return scenes


def test_real_scene(shared: Path) -> None:
    """A corner of a real scan and little training: still better than without a photo."""
    scenes = load_scenes(shared)
    maps, guide, scale = scenes.scene("zagami")
    maps, guide = maps[:, :96, :96], guide[:, :96, :96]
    scan = as_scan(scenes.box(maps, scale), scenes.LINES["zagami"], pixel_size="2 mm")
    photo = as_photo(guide, like=scan)
    fine = scan.xrfsr.superresolve(photo, scale, steps=100, pixels=2048, progress=False)
    floor = scan.xrfsr.superresolve(photo, scale, method="kriging")
    found, without = (scenes.psnr(made.intensity.values, maps) for made in (fine, floor))
    assert found > without + 0.1
    assert np.abs(scenes.box(fine.intensity.values, scale) - scan.intensity.values).max() < 1e-5

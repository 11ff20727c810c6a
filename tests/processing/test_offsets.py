"""Stitching that finds the positions of scans itself."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from xrfsr import InvalidInput, as_scan
from xrfsr.processing import offsets, stitch
from xrfsr.simulate import painting

LINES = ["Ca-K", "Fe-K", "Pb-L"]


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    """60 × 80 pixels of 1 mm."""
    return only_maps(3)


def only_maps(seed: int) -> xr.Dataset:
    return lost(painting(120, 160, 2, seed=seed, lines=LINES).scan)


def lost(scan: xr.Dataset, pixel: object = 1.0, **options: object) -> xr.Dataset:
    """The same maps with their corner at zero, as a program exports them that knows nothing of the stage."""
    return as_scan(scan.intensity.values, scan.line.values.tolist(), pixel, units="count", **options)


@pytest.mark.parametrize(("rows", "columns"), [(slice(0, 60), slice(66, 80)), (slice(40, 60), slice(30, 80))])
def test_panels_are_found(whole: xr.Dataset, rows: slice, columns: slice) -> None:
    left, right = whole.isel(x=slice(0, 72)), whole.isel(y=rows, x=columns)
    made = stitch([lost(left), lost(right)], find_offsets=True)
    np.testing.assert_allclose(made.intensity.isel(x=slice(72)), left.intensity)
    np.testing.assert_allclose(made.intensity.isel(y=rows, x=columns), right.intensity)
    assert made.attrs["offsets"].startswith(
        f"scan 2: moved by {rows.start} x {columns.start} mm (y, x), correlation 1.00"
    )
    assert "covered more than once" in made.attrs["stitched"]


def test_counting_noise_gaps_and_any_order(whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    noisy = whole.copy(data={"intensity": rng.poisson(whole.intensity).astype(np.float32)})
    parts = [
        noisy.isel(x=slice(0, 35)),
        noisy.isel(y=slice(3, 60), x=slice(55, 80)),
        whole.isel(y=slice(2, 55), x=slice(25, 65)),
    ]
    masked = lost(parts[2])
    masked = masked.assign_coords(valid=(("y", "x"), np.ones((53, 40), bool)))
    masked.valid.values[:6, :] = False
    # The second does not touch the first, so the third has to be placed before it. One is stored upside down.
    compared: list[object] = []
    place = offsets._place
    monkeypatch.setattr(offsets, "_place", lambda *pair: compared.append(pair) or place(*pair))
    made = stitch([lost(parts[0]), lost(parts[1]).isel(y=slice(None, None, -1)), masked], find_offsets=True)
    assert len(compared) == 3  # every pair once
    assert made.sizes["x"] == 80
    assert "scan 2: moved by 3 x 55 mm" in made.attrs["offsets"]
    assert "scan 3: moved by 2 x 25 mm" in made.attrs["offsets"]


def test_other_pixel_sizes_and_millimetres(whole: xr.Dataset) -> None:
    left, right = whole.isel(x=slice(0, 50)), whole.isel(y=slice(4, 56), x=slice(30, 80))
    coarse = right.coarsen(y=2, x=2).mean()
    first = lost(left, 1.0, origin=(100.0, 7.0))
    made = stitch([first, lost(coarse, 2.0)], find_offsets=True)
    assert "scan 2: moved by 104 x 37 mm" in made.attrs["offsets"]
    wide = stitch([lost(left, (0.5, 0.25)), lost(right, (0.5, 0.25))], find_offsets=True)
    assert "scan 2: moved by 2 x 7.5 mm" in wide.attrs["offsets"]
    assert wide.sizes["x"] == 80


def test_positions_that_are_not_clear_are_refused(whole: xr.Dataset) -> None:
    other = only_maps(11)
    left = lost(whole.isel(x=slice(0, 40)))
    stripes = left.copy(
        data={"intensity": np.broadcast_to(10 + 5 * np.sin(np.arange(40)), left.intensity.shape).astype("f4")}
    )
    for wrong in (lost(other.isel(x=slice(40, 80))), lost(whole.isel(x=slice(45, 80))), stripes):
        with pytest.raises(InvalidInput, match=r"scan 2: its place must be clear.*give its position") as caught:
            stitch([stripes if wrong is stripes else left, wrong], find_offsets=True)
        assert "find_offsets" in str(caught.value)


def test_positions_in_millimetres_count_by_default(whole: xr.Dataset) -> None:
    left, right = whole.isel(x=slice(0, 50)), whole.isel(x=slice(30, 80))
    made = stitch([left, right])
    assert "offsets" not in made.attrs
    xr.testing.assert_allclose(made.intensity, whole.intensity)
    found = left.xrfsr.stitch(lost(right), find_offsets=True)
    xr.testing.assert_allclose(found.intensity, whole.intensity)

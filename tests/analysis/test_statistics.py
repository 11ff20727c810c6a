"""Statistics of regions: as NumPy has them, with gaps, with errors in common; of lazy maps, the part that is needed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scans import LABELS, assert_faults, faults_of, masked_scan

from xrfsr.core.from_arrays import as_scan
from xrfsr.core.grid import Grid

SQUARE = [(0, 0), (0, 2), (2, 2), (2, 0)]


def test_as_numpy_has_them() -> None:
    scan = masked_scan()
    inside = scan.intensity.values[:, :4, :4].reshape(len(LABELS), -1)[:, 1:].astype(float)  # (0, 0) is not valid
    mask = scan.xrfsr.region(SQUARE)
    for found in (scan.xrfsr.region_statistics(SQUARE), scan.chunk(y=3).xrfsr.region_statistics(mask)):
        assert found.line.values.tolist() == LABELS
        np.testing.assert_allclose(found["mean"], inside.mean(axis=1))
        np.testing.assert_allclose(found["median"], np.median(inside, axis=1))
        assert (found.pixels == 15).all()
        np.testing.assert_allclose(found.area, 15 * np.prod(scan.xrfsr.grid.spacing))
        assert found["mean"].attrs["units"] == scan.intensity.attrs["units"]
    alone = scan.intensity.drop_vars("uncertainty", errors="ignore").xrfsr.region_statistics(SQUARE)
    assert alone.standard_error.isnull().all()


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(0, 1000))
def test_the_standard_error_is_that_of_simulated_errors(scale: int, seed: int) -> None:
    """Errors that all fine pixels within a pixel of the scan have in common, drawn many times."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(0.5, 2, (3, 4)).repeat(scale, 0).repeat(scale, 1)
    fine = as_scan(deviation[None] + 9, ["Ca-K"], 1 / scale, uncertainty=deviation[None])
    mask = xr.DataArray(rng.random(deviation.shape) < 0.6, fine.intensity[0].coords, ("y", "x")).reset_coords(drop=True)
    mask[0, 0] = True
    found = float(fine.xrfsr.region_statistics(mask, scan=Grid.from_shape((3, 4), 1.0)).standard_error[0])
    draws = rng.standard_normal((4000, 3, 4)).repeat(scale, 1).repeat(scale, 2) * deviation
    assert found == pytest.approx(draws[:, mask.values].mean(axis=1).std(), rel=0.1)
    independent = float(fine.xrfsr.region_statistics(mask).standard_error[0])
    assert independent <= found * (1 + 1e-9)


def test_missing_values() -> None:
    maps = np.arange(32.0).reshape(2, 4, 4)
    maps[0, :2] = np.nan
    scan = as_scan(maps, ["Ca-K", "Pb-L"], 0.5, uncertainty=np.ones_like(maps))
    found = scan.xrfsr.region_statistics([(0, 0), (0, 2), (1, 2), (1, 0)])
    assert found.pixels.values.tolist() == [0, 8]
    assert found["mean"].isnull().values.tolist() == [True, False]
    assert float(found.standard_error[1]) == pytest.approx(8**-0.5)


def test_only_the_part_around_the_region_is_computed() -> None:
    dask = pytest.importorskip("dask.array")
    seen = []

    def block(block_info: dict) -> np.ndarray:
        seen.append(block_info[None]["chunk-location"])
        return np.ones(block_info[None]["chunk-shape"], np.float32)

    maps = dask.map_blocks(block, chunks=((1,), (4,) * 4, (4,) * 4), dtype=np.float32, meta=np.empty((0, 0, 0), "f4"))
    scan = as_scan(maps, ["Ca-K"], 1.0)
    assert scan.xrfsr.region_statistics([(4.2, 4.2), (4.2, 7), (7, 7)]).pixels.item() > 0
    assert set(seen) == {(0, 1, 1)}


def test_faults() -> None:
    scan = masked_scan()
    assert_faults(
        faults_of(scan.xrfsr.region_statistics, scan.intensity[0] * 1.0, scan="nowhere"),
        "region must be a mask",
        "scan: ",
    )
    assert_faults(faults_of(scan.xrfsr.region_statistics, scan.xrfsr.region(SQUARE) & False), "has no pixel")

"""Correlations of lines: those of NumPy and pandas, within regions, with gaps, without loss of precision, lazily."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scans import LABELS, assert_faults, faults_of, masked_scan, nothing_computed

from xrfsr.analysis import correlation

SQUARE = [(0, 0), (0, 2), (2, 2), (2, 0)]


@settings(max_examples=20)
@given(
    arrays(np.float32, (3, 6, 7), elements=st.floats(0, 1e4, width=32), fill=st.nothing()),
    st.sampled_from([None, {"y": 2, "x": 3}, {"line": 1, "y": 4}]),
    st.floats(0, 0.4),
)
def test_as_numpy_and_pandas_have_it(maps: np.ndarray, chunks: dict[str, int] | None, gaps: float) -> None:
    maps[np.random.default_rng(0).random(maps.shape) < gaps] = np.nan
    intensity = xr.DataArray(maps, {"line": ["Ca-K", "Fe-K", "Pb-L"]}, ("line", "y", "x"))
    flat = pd.DataFrame(maps.reshape(3, -1).T.astype(float))
    found = correlation(intensity if chunks is None else intensity.chunk(chunks)).values
    spread = flat.std().to_numpy() > 1e-3 * (1 + flat.mean().to_numpy())  # otherwise rounding decides
    sure = np.ix_(spread, spread)
    np.testing.assert_allclose(found[sure], flat.corr(min_periods=2).to_numpy()[sure], atol=1e-6)
    if not np.isnan(maps).any() and spread.all():
        np.testing.assert_allclose(found, np.corrcoef(maps.reshape(3, -1).astype(float)), atol=1e-6)


def test_layout_and_choice_of_lines() -> None:
    scan = masked_scan()
    found = scan.xrfsr.correlation()
    assert found.dims == ("line", "other_line")
    assert found.dtype == np.float64
    assert found.line.values.tolist() == found.other_line.values.tolist() == LABELS
    assert found.attrs == {"long_name": "Pearson correlation", "units": "dimensionless"}
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_array_equal(found, found.T)
    two = scan.xrfsr.correlation(lines=["Pb", "Ca_K"])
    assert two.line.values.tolist() == ["Pb-L", "Ca-K"]
    assert float(two[0, 1]) == pytest.approx(float(found.sel(line="Ca-K", other_line="Pb-L")))
    xr.testing.assert_allclose(scan.intensity.xrfsr.correlation(), found)
    xr.testing.assert_allclose(scan.transpose("y", "line", "x").xrfsr.correlation(), found)


def test_within_a_region() -> None:
    """Pixel (0, 0) is not valid, a mask and a polygon are the same, and outside nothing counts."""
    scan = masked_scan()
    inside = scan.intensity.values[:, :4, :4].reshape(4, -1)[:, 1:]
    mask = scan.xrfsr.region(SQUARE)
    for found in (scan.xrfsr.correlation(SQUARE), scan.xrfsr.correlation(mask), scan.where(mask).xrfsr.correlation()):
        np.testing.assert_allclose(found, np.corrcoef(inside))
    rest = scan.xrfsr.correlation(~mask)
    np.testing.assert_allclose(rest, np.corrcoef(scan.intensity.values[:, ~mask.values]))


@pytest.mark.parametrize("chunk", [None, 2])
def test_a_constant_map_has_none(chunk: int | None) -> None:
    maps = np.random.default_rng(0).random((3, 6, 8), np.float32)
    maps[1] = 0.1
    maps[2, 1:] = np.nan
    maps[2, 0, 1:] = np.nan
    scan = xr.DataArray(maps, {"line": ["Ca-K", "Fe-K", "Pb-L"]}, ("line", "y", "x"))
    found = correlation(scan if chunk is None else scan.chunk(y=chunk))
    np.testing.assert_array_equal(found.isnull(), [[False, True, True], [True] * 3, [True] * 3])


def test_blocks_lose_no_precision() -> None:
    """Deviations of a millionth, where sums of squares would leave nothing."""
    rng = np.random.default_rng(0)
    pattern = rng.random((64, 48))
    maps = np.stack([1000 + 1e-3 * pattern, 2000 - 1e-3 * pattern])
    scan = xr.DataArray(maps, {"line": ["Ca-K", "Pb-L"]}, ("line", "y", "x")).chunk(y=5, x=7)
    assert float(correlation(scan)[0, 1]) == pytest.approx(-1, abs=1e-6)


def test_spearman_is_that_of_ranks() -> None:
    scan = masked_scan()
    curved = scan.assign(intensity=scan.intensity.copy(data=scan.intensity.values**3))
    ranks = scan.intensity.values.reshape(4, -1)[:, 1:]
    expected = pd.DataFrame(ranks.T).corr("spearman")
    np.testing.assert_allclose(curved.xrfsr.correlation(method="spearman"), expected)
    np.testing.assert_allclose(curved.chunk(y=2).xrfsr.correlation(method="spearman"), expected)
    assert curved.xrfsr.correlation(method="spearman").attrs["long_name"] == "Spearman correlation"


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_dask_stays_lazy(method: str) -> None:
    scan = masked_scan()
    with nothing_computed():
        lazy = scan.chunk(line=1, y=2).xrfsr.correlation(SQUARE, lines=["Ca", "Pb"], method=method)
        assert lazy.chunks == ((2,), (2,))
        assert lazy.shape == (2, 2)
    xr.testing.assert_allclose(lazy.compute(), scan.xrfsr.correlation(SQUARE, lines=["Ca", "Pb"], method=method))


def test_quantities() -> None:
    pytest.importorskip("pint_xarray")
    scan = masked_scan()
    xr.testing.assert_allclose(scan.pint.quantify().xrfsr.correlation(SQUARE), scan.xrfsr.correlation(SQUARE))


def test_what_cannot_be_correlated_is_named() -> None:
    scan = masked_scan()
    moved = scan.xrfsr.region(SQUARE).assign_coords(x=scan.x + 1)
    assert_faults(
        faults_of(correlation, scan, moved, lines=["Hg", "Pb"], method="kendal"),
        "region must have the pixels of the maps, 5 x 6",
        "the scan has no line 'Hg'",
        "method must be one of 'pearson', 'spearman', got 'kendal'",
    )
    assert_faults(faults_of(correlation, scan, scan.intensity[0]), "region must be a mask of bool, got dtype float32")
    assert_faults(faults_of(correlation, scan, scan.intensity > 1), "region must have the dimensions ('y', 'x')")
    assert_faults(faults_of(correlation, scan, lines=["Pb", "Pb-L"]), "lines must name each line once")
    assert_faults(faults_of(correlation, scan.isel(y=0)), "maps must have the dimensions 'y' and 'x'")

"""Residuals in units of the noise: with which noise, which footprint, and lazily."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import pint_xarray  # noqa: F401 - gives xarray objects their .pint
import pytest
import xarray as xr

import xrfsr
from xrfsr import InvalidInput, as_scan
from xrfsr.trust.against_scan import consistency

LINES = ["Ca-K", "Pb-L"]


@pytest.fixture
def counts() -> xr.Dataset:
    return as_scan(np.random.default_rng(0).poisson(fields()), LINES, "0.5 mm")


def fields() -> np.ndarray:
    """What is counted."""
    y, x = np.mgrid[:40, :48]
    return np.stack([20 + 10 * np.sin(y / 6), 50 + 40 * np.cos(x / 9)])


def finer(scan: xr.Dataset, add: float = 0.0) -> xr.Dataset:
    """Every pixel of the scan copied to 2 x 2 fine ones."""
    return as_scan(np.kron(scan.intensity.values + add, np.ones((2, 2))), list(scan.line.values), "0.25 mm")


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("something was computed")


def test_units_of_the_noise(counts: xr.Dataset) -> None:
    fine = finer(counts, add=3.0)
    poisson = consistency(fine, counts)
    np.testing.assert_allclose(poisson, 3 / np.sqrt(np.maximum(counts.intensity, 1)), rtol=1e-5)
    assert poisson.noise_source.values.tolist() == ["counts", "counts"]
    assert (poisson.dims, poisson.dtype, poisson.name) == (("line", "y", "x"), np.float32, "consistency")
    assert poisson.attrs["units"] == "dimensionless"
    assert poisson.x.identical(counts.x)

    given = xr.full_like(counts.intensity, 0.5)
    given[0] = np.nan  # a map without one
    given[1, 0, 0], given[1, 0, 1] = 0.0, np.nan
    told = fine.xrfsr.consistency(counts.assign(uncertainty=given))
    assert told.noise_source.values.tolist() == ["counts", "uncertainty"]
    np.testing.assert_allclose(told[1, 1:], 6.0, rtol=1e-5)
    assert np.isnan(told[1, 0, :2]).all()

    rates = counts.copy(data={"intensity": counts.intensity.values / 10.0})
    rates.intensity.attrs["units"] = "count/s"
    rate = finer(rates, add=1.0)
    rate.intensity.attrs["units"] = "count/s"
    guessed = consistency(rate, rates)
    assert guessed.noise_source.values.tolist() == ["estimate", "estimate"]
    noise = np.sqrt(counts.intensity.mean(("y", "x"))) / 10
    np.testing.assert_allclose(guessed.mean(("y", "x")), 1 / noise, rtol=0.2)
    few = {"y": slice(0, 12), "x": slice(0, 12)}  # too few pixels to see what the noise is
    assert consistency(rate, rates.isel(few)).noise_source.values.tolist() == ["unknown", "unknown"]
    flat = rates.copy(data={"intensity": np.ones_like(rates.intensity.values)})
    unknown = consistency(rate, flat)
    assert unknown.noise_source.values.tolist() == ["unknown", "unknown"]
    assert np.isnan(unknown).all()


@pytest.mark.parametrize(
    "beam",
    [
        {},
        {"footprint": "decimate"},
        {"footprint": "gaussian", "fwhm": 0.4},
        {"footprint": "gaussian", "fwhm": 0.4, "smear": (0, 0.5)},
    ],
)
def test_the_footprint_is_that_of_the_record(counts: xr.Dataset, beam: dict[str, Any]) -> None:
    for scan in (counts, counts.intensity):
        fine = scan.xrfsr.superresolve(method="kriging", scale=2, **beam)
        assert abs(consistency(fine, scan)).max() < 1e-3
        other = fine.assign_attrs(xrfsr_footprint="area")
        if beam:
            other.attrs = {name: value for name, value in other.attrs.items() if not name.endswith("_mm")}
            assert abs(consistency(other, scan)).max() > 0.1


def test_what_differs_by_the_noise_alone_has_residuals_of_one(counts: xr.Dataset) -> None:
    rms = np.sqrt((consistency(finer(as_scan(fields(), LINES, "0.5 mm")), counts) ** 2).mean(("y", "x")))
    np.testing.assert_allclose(rms, 1, rtol=0.1)


def test_gaps_and_lines(counts: xr.Dataset) -> None:
    fine = finer(counts)
    holes = fine.where((fine.y > 1) | (fine.x > 2))
    valid = np.ones((40, 48), bool)
    valid[30:, 30:] = False
    found = consistency(holes.isel(line=[1]), counts.assign_coords(valid=(("y", "x"), valid)))
    assert found.line.values.tolist() == ["Pb-L"]
    wanted = valid.copy()
    wanted[:2, :4] = False
    np.testing.assert_array_equal(found.notnull()[0], wanted)
    assert consistency(fine, counts.pint.quantify()).max() == 0


def test_nothing_is_computed_of_dask_arrays(counts: xr.Dataset) -> None:
    scan = counts.assign(uncertainty=xr.full_like(counts.intensity, 0.5))
    fine = counts.xrfsr.superresolve(method="bilinear", scale=2)
    expected = consistency(fine, scan)
    with dask.config.set(scheduler=never):
        lazy = [
            consistency(fine.chunk(y=17, x=20), scan),
            fine.chunk(line=1, y=10).xrfsr.consistency(scan.chunk(y=9)),
            consistency(fine, scan.chunk()),
        ]
    for each in lazy:
        assert each.chunks is not None
        xr.testing.assert_allclose(each.compute(), expected, rtol=1e-5, atol=1e-4)
    assert max(lazy[0].chunks[1]) < 40  # strips


def test_every_fault_at_once(counts: xr.Dataset) -> None:
    fine = finer(counts)
    with pytest.raises(InvalidInput, match="lie outside the source grid"):
        consistency(fine.isel(x=slice(0, 40)), counts)
    with pytest.raises(InvalidInput, match="scan: the unit must be that of fine, count, got count/s"):
        consistency(fine, counts.assign(intensity=counts.intensity.assign_attrs(units="count/s")))
    with pytest.raises(InvalidInput, match=r"attrs\['xrfsr_fwhm_mm'\] must be lengths in mm, got 'wide'; write"):
        consistency(fine.assign_attrs(xrfsr_footprint="gaussian", xrfsr_fwhm_mm="wide"), counts)
    with pytest.raises(InvalidInput, match="scan: there is no Ca-K, which fine has"):
        consistency(fine, counts.isel(line=[1]))
    with pytest.raises(InvalidInput, match="fine: a photo was passed as the scan"):
        consistency(xrfsr.as_photo(np.ones((8, 8, 3)), like=counts), counts)

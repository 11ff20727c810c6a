"""Maps in any unit: files, noise, and what needs counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pint
import pytest
import xarray as xr

import xrfsr
from tests import written
from xrfsr.errors import InvalidInput

UNITS = {"ug/cm^2": "µg/cm²", "ppm": "ppm", "wt%": "percent", "Hz": "Hz", "counts/s/mA": "count/mA/s"}


def scan_in(units: str) -> xr.Dataset:
    return xrfsr.as_scan(written.MAPS, written.LABELS, "1 mm", units, uncertainty=written.ERRORS)


@pytest.mark.parametrize(("units", "label"), UNITS.items())
def test_scans_and_files_keep_any_unit(tmp_path: Path, units: str, label: str) -> None:
    scan = scan_in(units)
    assert scan.intensity.attrs["units"] == scan.uncertainty.attrs["units"] == label
    assert xrfsr.open_scan(written.tiff_folder(tmp_path), "1 mm", units=units).intensity.attrs["units"] == label
    for name, write in (
        ("maps.h5", scan.xrfsr.to_pymca),
        ("maps.tif", scan.xrfsr.to_geotiff),
        ("maps.zarr", scan.xrfsr.to_zarr),
    ):
        write(tmp_path / name)
        assert xrfsr.open_scan(tmp_path / name).intensity.attrs["units"] == label
    # pint reads it again.
    pint.application_registry.Unit(label)


def test_quantities_of_pint_keep_their_unit() -> None:
    pytest.importorskip("pint_xarray")
    scan = scan_in("ug/cm^2")
    xr.testing.assert_identical(xrfsr.core.scan.ensure_scan(scan.pint.quantify()), scan)


def test_spellings_of_one_unit_are_one_unit() -> None:
    scan = scan_in("ug/cm^2")
    scan.uncertainty.attrs["units"] = "microgram / cm2"
    assert xrfsr.core.scan.ensure_scan(scan).uncertainty.attrs["units"] == "µg/cm²"
    scan.uncertainty.attrs["units"] = "ng/cm2"
    with pytest.raises(InvalidInput, match="'uncertainty' must be in the unit of 'intensity', µg/cm², got ng/cm²"):
        xrfsr.core.scan.ensure_scan(scan)


def test_counts_alone_can_be_divided_by_time_or_summed() -> None:
    for units in UNITS:
        with pytest.raises(InvalidInput, match="count"):
            scan_in(units).xrfsr.normalise(dwell="1 s")
        with pytest.raises(InvalidInput, match="needs counts"):
            scan_in(units).xrfsr.bin(2, how="sum")


def test_results_have_the_unit_of_the_scan() -> None:
    maps = np.random.default_rng(0).random((2, 8, 8))
    scan = xrfsr.as_scan(maps, ["Ca-K", "Pb-L"], "1 mm", "ug/cm^2")
    fine = scan.xrfsr.superresolve(scale=2, method="kriging")
    assert fine.intensity.attrs["units"] == "µg/cm²"
    assert fine.xrfsr.ratio("Ca", "Pb").attrs["units"] == "dimensionless"

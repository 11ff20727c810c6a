"""Attributes of the CF conventions: what scans, photos and results have, and what stays the user's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xrfsr


@pytest.fixture
def scan() -> xr.Dataset:
    maps = np.random.default_rng(0).poisson(9, (2, 12, 10))
    return xrfsr.as_scan(maps, ["Ca-K", "Pb-L"], 0.5, uncertainty=np.sqrt(maps + 1), valid=np.ones((12, 10), bool))


def test_axes_and_names(scan: xr.Dataset, tmp_path: Path) -> None:
    photo = xrfsr.as_photo(np.zeros((24, 20, 3)), like=scan)
    scan.xrfsr.to_zarr(tmp_path / "scan.zarr")
    scan.drop_vars(["valid", "uncertainty"]).xrfsr.to_tiffs(tmp_path / "tiffs")
    opened = xrfsr.open_scan(tmp_path / "tiffs", pixel_size=0.5, units="count")
    fine = scan.xrfsr.superresolve(scale=2, method="kriging")
    turned, binned = scan.xrfsr.rotate(90), scan.xrfsr.bin(2)
    for obj in (scan, photo, opened, fine, turned, binned, xr.open_zarr(tmp_path / "scan.zarr")):
        for name, down in (("y", "top to bottom"), ("x", "left to right")):
            attrs = obj[name].attrs
            assert (attrs["units"], attrs["axis"], attrs["long_name"]) == ("mm", name.upper(), f"position from {down}")
    for obj in (scan, opened, fine):
        assert obj.intensity.attrs["long_name"] == "X-ray fluorescence intensity"
    assert scan.uncertainty.attrs["long_name"] == "standard deviation of the intensity"


def test_the_intensity_names_what_describes_it(scan: xr.Dataset) -> None:
    def named(obj: xr.Dataset) -> str | None:
        found: str | None = obj.intensity.attrs.get("ancillary_variables")
        return found

    assert named(scan) == "uncertainty valid"
    assert named(scan.drop_vars("uncertainty").xrfsr.validate()) == "valid"
    assert named(scan.drop_vars(["uncertainty", "valid"]).xrfsr.validate()) is None
    assert named(scan.xrfsr.superresolve(scale=2, method="kriging")) == "valid"
    assert scan.xrfsr.validate().identical(scan)
    xr.testing.assert_identical(scan.intensity.xrfsr.validate(), scan.intensity)


def test_what_the_user_said_stays(scan: xr.Dataset) -> None:
    scan.x.attrs.update(long_name="along the stage", axis="T")
    scan.intensity.attrs["long_name"] = "net area"
    for made in (scan.xrfsr.validate(), scan.xrfsr.resample(scale=0.5), scan.xrfsr.superresolve(method="bilinear")):
        assert (made.x.attrs["long_name"], made.x.attrs["axis"]) == ("along the stage", "T")
        assert made.intensity.attrs["long_name"] == "net area"


def test_xarray_may_decode_all_attributes(scan: xr.Dataset, tmp_path: Path) -> None:
    scan.xrfsr.to_zarr(tmp_path / "scan.zarr")
    opened = xr.open_zarr(tmp_path / "scan.zarr", decode_coords="all")
    xr.testing.assert_equal(opened.xrfsr.validate(), scan)

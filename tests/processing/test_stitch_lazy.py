"""Stitching of lazy scans computes nothing where the positions are given."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.processing import stitch


def counts(**options: Any) -> xr.Dataset:
    maps = np.random.default_rng(0).poisson(30, (3, 12, 20))
    return xrfsr.as_scan(maps, ["Ca-K", "Fe-K", "Pb-L"], 0.5, uncertainty=np.sqrt(np.maximum(maps, 1)), **options)


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("computed")


def pieces(case: str) -> tuple[list[xr.Dataset], dict[str, Any]]:
    scan = counts()
    left, right = scan.isel(x=slice(0, 12)), scan.isel(x=slice(8, 20))
    match case:
        case "plain":
            left, right = left.drop_vars("uncertainty"), right.drop_vars("uncertainty")
        case "upside down":
            right = right.isel(y=slice(None, None, -1), line=[2, 0, 1])
        case "masked":
            left = left.assign_coords(valid=(("y", "x"), np.arange(144).reshape(12, 12) % 7 > 0))
        case "one uncertainty missing":
            right = right.assign(uncertainty=right["uncertainty"].where(right["line"] != "Fe-K"))
        case "missing values":
            right = right.assign(intensity=right["intensity"].where(right["x"] < 8))
        case "resampled":
            return [left, right], {"pixel_size": 1.0}
        case "apart":
            right = right.isel(x=slice(6, None))
    return [left, right], {}


CASES = [
    "uncertainty",
    "plain",
    "upside down",
    "masked",
    "one uncertainty missing",
    "missing values",
    "resampled",
    "apart",
]


@pytest.mark.parametrize("lazily", ["both", "second"])
@pytest.mark.parametrize("case", CASES)
def test_lazy_scans_stay_lazy_with_the_same_values(case: str, lazily: str) -> None:
    scans, options = pieces(case)
    expected = stitch(scans, **options)
    lazy = [scan.chunk(line=1, y=5) if lazily == "both" or number else scan for number, scan in enumerate(scans)]
    with dask.config.set(scheduler=refuse):
        made = stitch(lazy, **options)
    assert made["intensity"].chunks
    assert made["valid"].chunks
    computed = made.compute()
    kept = computed if "valid" in expected.coords else computed.drop_vars("valid")
    xr.testing.assert_equal(kept, expected)
    if "valid" not in expected.coords:
        assert computed["valid"].all()
    if case not in ("masked", "missing values"):
        assert made.attrs == expected.attrs


def test_only_gains_and_positions_are_computed() -> None:
    left, right = (counts().isel(x=part).chunk(line=1) for part in (slice(14), slice(6, 20)))
    for options in ({"match_gains": True}, {"find_offsets": True}):
        with dask.config.set(scheduler=refuse), pytest.raises(AssertionError, match="computed"):
            stitch([left, right], **options)
    assert stitch([left, right], find_offsets=True)["intensity"].chunks

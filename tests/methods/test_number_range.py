"""Numbers at the ends of single precision: within the accepted range results are finite, beyond it there is a fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from quick import SETTINGS
from small import operator

import xrfsr
from xrfsr.core.units import LEAST_INTENSITY, MOST_INTENSITY
from xrfsr.errors import InvalidInput
from xrfsr.kriging.guided import guided_krige
from xrfsr.kriging.simple import krige

LINES = ["Ca-K", "Fe-K", "Pb-L", "Hg-L", "Cu-K"]
QUICK = {"steps": 2, "pixels": 64, "K": 2, "M": 8, "device": "cpu", "progress": False}
QUIET = [
    pytest.mark.filterwarnings("ignore:too few measured pixels"),
    pytest.mark.filterwarnings("ignore:the photo does not help"),
    pytest.mark.filterwarnings("ignore:maps are constant"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]
pytestmark = QUIET


def maps() -> np.ndarray:
    """Maps as dark and as bright as is accepted, with outliers, subnormal values and the least contrast."""
    rng = np.random.default_rng(0)
    made = (20 + 15 * rng.random((len(LINES), 12, 16))).astype(np.float32)
    made[0] *= np.float32(LEAST_INTENSITY) / made[0].max()
    made[1] *= np.float32(MOST_INTENSITY) / made[1].max()
    made[2, 4, 5] = MOST_INTENSITY
    made[3] *= np.float32(1e-42)
    made[3, 7, 2] = 1.0
    made[4] = 1.0
    made[4, 3, 3] = np.nextafter(np.float32(1), np.float32(2))
    return made


def scan_of(values: Any, **more: Any) -> xr.Dataset:
    return xrfsr.as_scan(values, lines=LINES, pixel_size=0.5, units="count/s", **more)


@pytest.mark.parametrize("name", SETTINGS)
def test_results_are_finite_up_to_the_ends_of_the_range(name: str) -> None:
    scan = scan_of(maps(), uncertainty=np.full((len(LINES), 12, 16), MOST_INTENSITY))
    rgb = xrfsr.as_photo(np.random.default_rng(1).random((48, 64, 3)), like=scan)
    fine = scan.xrfsr.superresolve(rgb, method=name.partition(",")[0], device="cpu", progress=False, **SETTINGS[name])
    assert np.isfinite(fine.intensity).all()
    if name in ("unfolding", "kriging"):
        back = scan.xrfsr.downsampling(4)(fine.intensity.values.astype(np.float64))
        gap = np.abs(back - scan.intensity.values).max(axis=(1, 2)) / scan.intensity.values.max(axis=(1, 2))
        assert gap.max() < 1e-5


BAD = [(1e-40, "1e-40"), (3e38, "3e\\+38"), (1e-19, "1e-19"), (1e19, "1e\\+19")]


@pytest.mark.parametrize(("value", "text"), BAD)
def test_maps_beyond_the_range_are_refused_with_line_and_value(value: float, text: str) -> None:
    bad = maps()
    bad[1] = (bad[1] * (value / float(bad[1].max()))).astype(np.float32) if value > 1 else value
    bad[1, 0, 0] = 0
    match = (
        r"the largest value of 'intensity' must be 0 or from 1e-18 to 1e\+18 in every map \(single precision\), "
        rf"got Fe-K \({text}\); multiply by a constant, ds.assign\(intensity=factor \* ds.intensity\)"
    )
    scan = scan_of(maps())
    rgb = xrfsr.as_photo(np.random.default_rng(1).random((48, 64, 3)), like=scan)
    scan["intensity"] = scan.intensity.copy(data=bad)
    lazy = scan.chunk(y=6)
    with pytest.raises(InvalidInput, match=match):
        scan.xrfsr.train(rgb, **QUICK)
    for method in ("unfolding", "kriging", "gsa"):
        settings = {"method": method, "progress": False, **({"steps": 2} if method == "unfolding" else {})}
        with pytest.raises(InvalidInput, match=match):
            scan.xrfsr.superresolve(rgb, **settings)
        with pytest.raises(InvalidInput, match=match):
            lazy.xrfsr.superresolve(rgb, **settings).compute(scheduler="synchronous")
    if value in (1e-40, 3e38):
        with pytest.raises(InvalidInput, match=match):
            scan_of(bad)


def test_results_of_the_brightest_scans_are_scans() -> None:
    values = np.zeros((len(LINES), 12, 16), np.float32)
    values[:, 4:8, 5:9] = MOST_INTENSITY
    fine = scan_of(values).xrfsr.superresolve(method="kriging")
    assert fine.intensity.max() > MOST_INTENSITY
    fine.xrfsr.validate()


def test_what_is_not_looked_at_may_be_anything() -> None:
    values, valid = maps(), np.ones((12, 16), bool)
    values[:, 0, 0], valid[0, 0] = 3e38, False
    scan_of(values, valid=valid)
    counts = np.full((2, 12, 16), 1e29, dtype=np.float32)  # of a clock, for instance
    counts[1] *= np.float32(1e-60)
    scan = xrfsr.as_scan(counts, lines=["chisq", "total_cnt"], pixel_size=0.5, units="dimensionless")
    assert set(scan.kind.values) == {"diagnostic"}
    assert np.isfinite(scan.xrfsr.superresolve(method="kriging").intensity).all()


@pytest.mark.parametrize("value", [1e21, 3e38])
def test_uncertainties_beyond_the_range_are_refused(value: float) -> None:
    unsure = np.ones((len(LINES), 12, 16), np.float32)
    unsure[2, 1, 1] = value
    with pytest.raises(InvalidInput, match=r"largest value of 'uncertainty' must be .*, got Pb-L \("):
        scan_of(maps(), uncertainty=unsure)
    scan_of(maps(), uncertainty=np.full_like(unsure, 1e-44))


@pytest.mark.parametrize("value", [1e39, 1e300, -1e39, 2**130])
def test_numbers_that_float32_lacks_are_refused(value: float) -> None:
    bad = maps().astype(np.float64)
    bad[1, 2, 3] = value
    with pytest.raises(InvalidInput, match=r"'intensity' is infinite for Fe-K \(1 pixels\)"):
        scan_of(bad)


@pytest.mark.parametrize("contrast", [0.0, 1e-44, 1e-38, 1e-30, 1e-10])
def test_photos_of_hardly_any_contrast(contrast: float) -> None:
    scan = scan_of(maps())
    rgb = xrfsr.as_photo(np.float32(contrast) * np.random.default_rng(1).random((48, 64, 3), "f4"), like=scan)
    assert np.isfinite(scan.xrfsr.superresolve(rgb, **QUICK).intensity).all()


@pytest.mark.parametrize("value", [-1e-45, -0.5, 3e38, np.inf])
def test_photos_beyond_their_range_are_refused_or_missing(value: float) -> None:
    scan = scan_of(maps())
    pixels = np.random.default_rng(1).random((48, 64, 3), "f4")
    pixels[5, 6, 1] = value
    if value == -1e-45:  # rounding
        rgb = xrfsr.as_photo(pixels, like=scan)
        assert np.isfinite(scan.xrfsr.superresolve(rgb, **QUICK).intensity).all()
        return
    with pytest.raises(InvalidInput, match=r"must lie in \[0, 1\]"):
        xrfsr.as_photo(pixels, like=scan)


def test_arrays_beyond_the_range_are_refused_by_u() -> None:
    U = operator(4.0)
    huge = np.full((1, *U.coarse.shape), 3e38, np.float32)
    huge[:, ::2] = 1e30
    for made in (
        lambda: U.project(np.full((1, *U.fine.shape), -3e38, np.float32), huge),
        lambda: operator(1.7, "gaussian", 1.5).pinv(huge),
    ):
        with pytest.raises(InvalidInput, match=r"values must be small enough for float32, got up to 3e\+38"):
            made()
    gap = np.zeros((1, *U.fine.shape), np.float32)
    gap[0, 0, 0] = np.nan
    assert np.isnan(U.project(gap, np.ones_like(huge))).any(), "NaN is passed on"
    assert np.isfinite(krige(huge / 1e20, U)).all()


@pytest.mark.parametrize("value", [np.nan, 3e38])
def test_guides_that_are_no_numbers_are_refused(value: float) -> None:
    U = operator(4.0)
    guide = np.zeros((1, *U.fine.shape), np.float32)
    guide[0, 3, 3], guide[0, 3, 4] = value, -value
    with pytest.raises(InvalidInput, match="the guide must hold finite numbers, in units of its contrast"):
        guided_krige(np.ones((1, *U.coarse.shape), np.float32), guide, U)

"""Photos of any number of bands guide every method, the network, its models and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from quick import QUICK, SETTINGS, assert_same

import xrfsr
from xrfsr import InvalidInput, as_photo, methods

NAMES = [f"component {number}" for number in range(40)]
REST: dict[str, Any] = {"progress": False, "device": "cpu", "seed": 0}


def guide(scan: xr.Dataset, photo: xr.DataArray, count: int) -> xr.DataArray:
    """A photo of so many bands, mixtures of red, green and blue."""
    mixing = np.random.default_rng(count).dirichlet(np.ones(3), count)
    return as_photo(np.einsum("cb,byx->cyx", mixing, photo.values), like=scan, bands=NAMES[:count])


@pytest.mark.parametrize(
    "name", [name for name in SETTINGS if name in methods.names() and methods.get(name).uses_photo]
)
def test_every_method_takes_any_number_of_bands(scan: xr.Dataset, photo: xr.DataArray, name: str) -> None:
    settings = QUICK | {"held_out": 0.0} if name == "unfolding" else SETTINGS[name]
    for count in (1,) if name == "unfolding" else (1, 5):
        fine = scan.xrfsr.superresolve(guide(scan, photo, count), 4, method=name, **settings, **REST)
        assert np.isfinite(fine.intensity).all(), count
        assert fine.intensity.shape == (3, 48, 64)


@pytest.mark.soak
def test_many_bands(scan: xr.Dataset, photo: xr.DataArray) -> None:
    many = guide(scan, photo, 40)
    fine = scan.xrfsr.superresolve(many, **QUICK, **REST)
    assert (fine.guided_share > 0).all()
    lazy = many.copy(data=da.from_array(many.values, chunks=(7, 48, 20)))
    np.testing.assert_array_equal(scan.xrfsr.superresolve(lazy, **QUICK, **REST).compute().intensity, fine.intensity)


@pytest.mark.soak
def test_other_bands_are_no_colours_to_the_network(scan: xr.Dataset, photo: xr.DataArray) -> None:
    """Three bands with other names are used as they are; red, green and blue give what they gave before."""
    renamed = photo.assign_coords(band=["infrared", "uv", "radiograph"])
    made = [scan.xrfsr.superresolve(each, **QUICK, **REST) for each in (photo, renamed)]
    assert_same(made[0], made[1], but="photo_checksum")


def test_a_model_keeps_its_number_of_bands(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    five = guide(scan, photo, 5)
    model = scan.xrfsr.train(five, **QUICK, **REST)
    model.save(tmp_path / "model")
    loaded = xrfsr.load_model(tmp_path / "model")
    made = [scan.xrfsr.superresolve(five, model=each, progress=False, device="cpu") for each in (model, loaded)]
    assert_same(*made)
    with pytest.raises(InvalidInput, match="the model takes 5 bands, the photo has 3"):
        scan.xrfsr.superresolve(photo, model=loaded, progress=False, device="cpu")


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.soak), 5])
def test_comparisons_and_figures(scan: xr.Dataset, photo: xr.DataArray, count: int) -> None:
    many = guide(scan, photo, count)
    truth = scan.xrfsr.resample(scale=4)
    made = scan.xrfsr.compare(many, methods=["guided_filter"], truth=truth, progress=False)
    assert np.isfinite(made.pooled).all()
    fine = scan.xrfsr.superresolve(many, method="guided_filter", progress=False)
    assert xrfsr.plot.overview(many, scan, fine).shape == (3, 3)

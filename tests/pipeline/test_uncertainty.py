"""Results with their uncertainty: eager, lazy and tiled alike, and for every method that works at any scale."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
from quick import SETTINGS

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.trust.uncertainty import LEAST_FACTOR

OPTIONS: dict[str, Any] = {"progress": False, "device": "cpu", "refine": None, "uncertainty": True}
QUICK = OPTIONS | SETTINGS["unfolding"]
LAYERS = ["uncertainty", "photo_support"]
FEW = ("unfolding, noise-aware", "kriging", "guided_filter")  # the others in soak tests


@pytest.fixture(scope="module")
def painting() -> xrfsr.simulate.Painting:
    return xrfsr.simulate.painting(80, 112, 4, seed=3, lines=["Ca-K", "Fe-K", "Pb-L"])


@pytest.fixture(scope="module")
def fine(painting: xrfsr.simulate.Painting) -> xr.Dataset:
    return painting.scan.xrfsr.superresolve(painting.rgb, **QUICK)


def test_layers_are_variables_like_the_maps(painting: xrfsr.simulate.Painting, fine: xr.Dataset) -> None:
    for name in LAYERS:
        assert fine[name].dims == ("line", "y", "x")
        assert fine[name].dtype == np.float32
        assert np.isfinite(fine[name]).all()
        assert fine[name].attrs["long_name"]
    assert fine.uncertainty.attrs["units"] == painting.scan.intensity.attrs["units"]
    assert (fine.uncertainty > 0).any()
    assert fine.photo_support.min() >= 0
    assert fine.photo_support.max() <= 1
    fine.xrfsr.validate()


def test_the_maps_are_those_without_layers(painting: xrfsr.simulate.Painting, fine: xr.Dataset) -> None:
    plain = painting.scan.xrfsr.superresolve(painting.rgb, **QUICK | {"uncertainty": False})
    np.testing.assert_array_equal(plain.intensity, fine.intensity)
    assert not set(LAYERS) & set(plain.variables)


@pytest.mark.parametrize("chunk", [None, 64])
def test_lazy_and_tiled_results_are_as_the_whole(
    painting: xrfsr.simulate.Painting, fine: xr.Dataset, chunk: int | None
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=never):
        made = painting.scan.chunk(y=9).xrfsr.superresolve(painting.rgb.chunk(x=50), chunk=chunk, **QUICK)
        assert made.uncertainty.shape == fine.uncertainty.shape
    made = made.compute(scheduler="synchronous")
    for name in ("intensity", *LAYERS):
        largest = float(np.abs(fine[name]).max())
        np.testing.assert_allclose(made[name], fine[name], atol=2e-3 * largest, err_msg=name)


def test_gaps_have_no_layers(painting: xrfsr.simulate.Painting) -> None:
    scan = painting.scan.where(painting.scan.x > 10)
    made = scan.xrfsr.superresolve(painting.rgb, **QUICK)
    for name in LAYERS:
        np.testing.assert_array_equal(np.isnan(made[name]), np.isnan(made.intensity))


@pytest.mark.filterwarnings("ignore:the photo does not help")
def test_a_photo_without_content_supports_nothing(painting: xrfsr.simulate.Painting) -> None:
    made = painting.scan.xrfsr.superresolve(xr.full_like(painting.rgb, 0.5), **QUICK)
    assert not made.photo_support.any()
    assert (made.uncertainty > 0).any()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.soak) for name in SETTINGS]
)
def test_every_method_has_an_uncertainty(painting: xrfsr.simulate.Painting, name: str) -> None:
    method, rgb = name.split(",")[0], painting.rgb
    made = painting.scan.xrfsr.superresolve(rgb, method=method, **OPTIONS | SETTINGS[name])
    assert np.isfinite(made.uncertainty).all()
    assert (made.uncertainty.mean(("y", "x")) > 0).all()
    if not xrfsr.methods.get(method).uses_photo:
        assert not made.photo_support.any()


def test_small_scans_have_an_uncertainty_without_a_test() -> None:
    made = xrfsr.simulate.painting(48, 48, 4, seed=1, lines=["Ca-K", "Pb-L"])
    fine = made.scan.xrfsr.superresolve(made.rgb, **QUICK)
    assert np.isfinite(fine.uncertainty).all()
    assert (fine.uncertainty > 0).any()


@pytest.mark.filterwarnings("ignore:maps are constant")
def test_the_noise_of_the_scan_is_known(painting: xrfsr.simulate.Painting) -> None:
    flat = painting.scan.copy()
    flat["intensity"] = xr.full_like(flat.intensity, 50.0)
    for noise in (2.0, 5.0):
        flat["uncertainty"] = xr.full_like(flat.intensity, noise)
        made = flat.xrfsr.superresolve(method="kriging", uncertainty=True)
        # No error was found, but there may be one of the noise times the smallest factor.
        np.testing.assert_allclose(made.uncertainty, LEAST_FACTOR * noise, rtol=1e-5)


def test_layers_survive_files(fine: xr.Dataset, tmp_path: Any) -> None:
    fine.xrfsr.to_zarr(tmp_path / "fine.zarr")
    again = xr.open_zarr(tmp_path / "fine.zarr")
    for name in LAYERS:
        np.testing.assert_array_equal(again[name], fine[name])


def test_every_fault_is_named(painting: xrfsr.simulate.Painting) -> None:
    with pytest.raises(InvalidInput, match="uncertainty must be") as caught:
        painting.scan.xrfsr.superresolve(painting.rgb, uncertainty="yes", seed=-1)
    assert "seed" in str(caught.value)
    with pytest.raises(InvalidInput, match=r"needs a Dataset.*to_dataset"):
        painting.scan.intensity.xrfsr.superresolve(painting.rgb, **QUICK)
    with pytest.raises(InvalidInput, match="works at any scale"):
        painting.scan.xrfsr.superresolve(method="sisr", checkpoint="edsr.pth", uncertainty=True)

"""Defaults of torch that a user has changed: no result depends on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from quick import QUICK, SETTINGS, assert_same

from xrfsr.errors import InvalidInput
from xrfsr.methods.common.edsr import EDSR


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def fine(scan: xr.Dataset, photo: xr.DataArray, name: str) -> xr.Dataset:
    method = name.partition(",")[0]
    made: xr.Dataset = scan.xrfsr.superresolve(photo, method=method, device="cpu", progress=False, **SETTINGS[name])
    return made


@pytest.fixture(scope="module")
def known() -> dict[str, xr.Dataset]:
    return {}


@pytest.fixture(params=SETTINGS)
def case(
    request: pytest.FixtureRequest, known: dict[str, xr.Dataset], scan: xr.Dataset, photo: xr.DataArray
) -> tuple[str, xr.Dataset]:
    """A method, and its result under the defaults of torch."""
    name: str = request.param
    assert torch.get_default_dtype() == torch.float32
    if name not in known:
        known[name] = fine(scan, photo, name)
    return name, known[name]


@pytest.mark.filterwarnings("ignore:too few measured pixels")
@pytest.mark.filterwarnings("ignore:the photo does not help")
@pytest.mark.parametrize("default", ["double", "elsewhere"])
def test_results_have_the_same_bits(
    case: tuple[str, xr.Dataset], scan: xr.Dataset, photo: xr.DataArray, default: str, request: pytest.FixtureRequest
) -> None:
    name, expected = case
    request.getfixturevalue(default)
    assert_same(fine(scan, photo, name), expected)


@pytest.mark.parametrize("default", ["double", "elsewhere"])
def test_a_network_of_others_has_the_same_bits(
    scan: xr.Dataset, default: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    torch.manual_seed(0)
    torch.save(EDSR(features=8, blocks=2, scale=4).state_dict(), tmp_path / "x4.pth")
    settings = {"method": "sisr", "device": "cpu", "progress": False}
    expected = scan.xrfsr.superresolve(checkpoint=tmp_path / "x4.pth", **settings)
    shutil.copy(tmp_path / "x4.pth", tmp_path / "again.pth")  # read again
    request.getfixturevalue(default)
    again = scan.xrfsr.superresolve(checkpoint=tmp_path / "again.pth", **settings)
    np.testing.assert_array_equal(again.intensity, expected.intensity)


@pytest.mark.filterwarnings("ignore:the photo does not help")
def test_models_are_the_same(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Any, elsewhere: None) -> None:
    import xrfsr

    model = scan.xrfsr.train(photo, device="cpu", progress=False, **QUICK)
    model.save(tmp_path / "model")
    assert xrfsr.load_model(tmp_path / "model").fingerprint == model.fingerprint


def test_u_is_the_same(scan: xr.Dataset, double: None) -> None:
    U = scan.xrfsr.downsampling(4)
    maps = np.random.default_rng(0).random((2, *U.fine.shape), dtype=np.float32)
    assert U(torch.as_tensor(maps)).dtype == torch.float32


@pytest.mark.parametrize("device", ["meta", "xpu", "cuda:99", "cpu:3", "nowhere", "", "cuda:-1", "hpu", "xla:0"])
@pytest.mark.parametrize("form", [str, torch.device])
def test_devices_that_cannot_compute_are_refused(scan: xr.Dataset, photo: xr.DataArray, device: str, form: Any) -> None:
    try:
        chosen = form(device)
    except RuntimeError:
        return  # torch knows no such device
    with pytest.raises(InvalidInput, match=r"accepted here are 'auto'.*'cpu'"):
        scan.xrfsr.superresolve(photo, device=chosen, progress=False, **QUICK)


@pytest.mark.parametrize("device", [None, 0, True, ["cpu"], np.zeros(3), b"cpu"])
def test_what_is_no_device_is_refused(scan: xr.Dataset, photo: xr.DataArray, device: Any) -> None:
    with pytest.raises(InvalidInput, match=r"device must be text or a torch.device"):
        scan.xrfsr.superresolve(photo, device=device, progress=False, **QUICK)
    scan.xrfsr.superresolve(photo, device=torch.device("cpu"), method="bilinear", progress=False)

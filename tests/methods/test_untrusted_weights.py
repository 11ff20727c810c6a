"""Weights from others: numbers within bounds, or refused before a network takes memory; and errors of their code."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode
from vision import without_its_operators

from xrfsr.errors import InvalidInput
from xrfsr.methods.common.edsr import EDSR

Weights = dict[str, Any]


def edsr() -> Weights:
    torch.manual_seed(0)
    return dict(EDSR(features=8, blocks=2, scale=2).state_dict())


def refused(scan: xr.Dataset, path: Path, match: str) -> None:
    with pytest.raises(InvalidInput, match=match) as caught:
        scan.xrfsr.superresolve(scale=2, method="sisr", checkpoint=path, device="cpu")
    assert len(str(caught.value)) < 2000


def test_files_that_would_take_more_memory_than_they_have_bytes(scan: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "x2.pth"
    repeated = torch.zeros(1).expand(2**28)
    torch.save(edsr() | {"more": repeated}, path)
    assert path.stat().st_size < 10**6
    refused(scan, path, r"x2.pth' must have at most 134,217,728 weights, got 268,")
    torch.save(edsr(), path)
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(tmp_path / "small.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    refused(scan, tmp_path / "small.pth", "is compressed, which torch.save does not do")
    header = tmp_path / "x2.safetensors"
    header.write_bytes((10**9).to_bytes(8, "little") + b"{}")
    refused(scan, header, "must have a header of at most 16,777,216 bytes, got 1,000,000,000")
    large = tmp_path / "large.pth"
    with large.open("wb") as file:
        file.truncate(2**30 + 1)
    refused(scan, large, "must have at most 1,073,741,824 bytes")


@pytest.mark.parametrize(
    "held",
    [
        {},
        {1: torch.zeros(1)},
        {"a": torch.zeros(1), "b": 3},
        {"a": torch.zeros(1, dtype=torch.complex64)},
        {"a": torch.eye(2).to_sparse()},
        {f"n{i}": torch.zeros(1) for i in range(11)},
        [torch.zeros(1)],
        {"params": {"params": {"a": torch.zeros(1)}}},
    ],
)
def test_what_is_no_weights_by_name(
    scan: xr.Dataset, tmp_path: Path, held: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrfsr.methods.common.weights.MAX_TENSORS", 10)
    torch.save(held, tmp_path / "x2.pth")
    refused(scan, tmp_path / "x2.pth", "holds no weights by name")


def test_pipes_and_devices_are_no_files(scan: xr.Dataset, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path / "pipe.pth", Path("/dev/zero"), tmp_path):
        refused(scan, path, "is no file")


class Largest(TorchDispatchMode):
    """The most numbers that one operation returned in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and not made.is_meta:
            self.most = max(self.most, made.numel())
        return made


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.update({"head.0.weight": torch.zeros(4096, 3, 3, 3)}),
        lambda held: held.update({"head.0.weight": torch.zeros(0, 3, 3, 3)}),
        lambda held: held.update({"head.0.weight": torch.zeros(())}),
        lambda held: held.update({"sub_mean.bias": torch.zeros(0)}),
        lambda held: held.update({"tail.0.0.weight": torch.zeros(8 * 10**4, 1)}),
        lambda held: held.update({f"body.{i}.body.0.weight": torch.zeros(1) for i in range(10**4)}),
        lambda held: held.update({f"tail.0.{2 * i}.weight": torch.zeros(32, 1) for i in range(300)}),
        lambda held: held.pop("tail.1.bias"),
        lambda held: held.update({"more": torch.zeros(1)}),
    ],
)
def test_an_edsr_that_does_not_fit_its_weights_takes_no_memory(change: Callable[[Weights], Any]) -> None:
    held = edsr()
    change(held)
    with Largest() as largest:
        assert EDSR.of(held) is None
    assert largest.most < 10**6


@pytest.mark.skipif(find_spec("spandrel") is None, reason="spandrel is not installed: xrfsr[sisr]")
def test_a_network_much_larger_than_its_weights_is_not_built(scan: xr.Dataset, tmp_path: Path) -> None:
    """A network whose first weights say that it has 8,192 channels: one layer of it would take 2.4 GB."""
    without_its_operators()
    held = {"body.0.weight": torch.zeros(2**13, 3, 3, 3), "body.0.bias": torch.zeros(2**13)}
    held |= {f"body.{i}.weight": torch.zeros(1) for i in range(1, 5)} | {"body.4.bias": torch.zeros(12)}
    path = tmp_path / "x2.safetensors"
    save_file(held, path)
    with Largest() as largest:
        refused(scan, path, "spandrel or xrfsr knows .*the network that its names describe is larger")
    assert largest.most < 2**27


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda held: held["tail.1.bias"].fill_(float("nan")),
            "must make finite numbers of shape .*, got NaN or infinity",
        ),
        (lambda held: held["head.0.weight"].fill_(1e38), "got NaN or infinity"),
    ],
)
def test_networks_that_make_no_numbers_are_refused(scan: xr.Dataset, tmp_path: Path, change: Any, match: str) -> None:
    held = edsr()
    change(held)
    torch.save(held, tmp_path / "x2.pth")
    refused(scan, tmp_path / "x2.pth", match)


@pytest.mark.parametrize("raised", [RuntimeError("shape\nmore"), AssertionError(), MemoryError(), KeyError("x")])
def test_errors_of_a_network_are_ours(
    scan: xr.Dataset, tmp_path: Path, raised: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(edsr(), tmp_path / "x2.pth")

    def fails(*_: object) -> None:
        raise raised

    monkeypatch.setattr(EDSR, "forward", fails)
    refused(scan, tmp_path / "x2.pth", "the network in '.*x2.pth' failed .*; use another one")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_precision_are_used_in_single(scan: xr.Dataset, tmp_path: Path, dtype: torch.dtype) -> None:
    torch.save({name: value.to(dtype) for name, value in edsr().items()}, tmp_path / "x2.pth")
    fine = scan.xrfsr.superresolve(scale=2, method="sisr", checkpoint=tmp_path / "x2.pth", device="cpu")
    assert np.isfinite(fine.intensity).all()

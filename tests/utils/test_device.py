"""Devices that this machine may lack: their index, and the state in which the switches of torch are left."""

from __future__ import annotations

import pytest
import torch

from xrfsr.errors import InvalidInput
from xrfsr.utils.device import reproducible, resolve_device


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_a_gpu_has_its_index(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It then equals the device of the tensors on it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert resolve_device(name) == torch.device("cuda:1")
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(InvalidInput, match="'cuda:2' is not present"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("before", [False, True])
def test_convolutions_repeat_themselves_while_any_block_needs_it(before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "deterministic", before)
    card = torch.device("cuda:0")
    with reproducible(torch.device("cpu")):
        assert cudnn.deterministic is before
    with reproducible(card):
        with reproducible(card):
            assert cudnn.deterministic
        assert cudnn.deterministic
    assert cudnn.deterministic is before

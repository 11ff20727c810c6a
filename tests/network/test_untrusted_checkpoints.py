"""Checkpoints from others: only a state of this very run is used, and only files that it wrote are replaced."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from small import problem

from xrfsr.errors import InvalidInput
from xrfsr.network import TrainingConfig
from xrfsr.network.training import Run, TrainingExample, TrainingResult, train
from xrfsr.utils.device import CPU
from xrfsr.utils.lock import exclusive_lock

ONE: dict[str, Any] = {"inputs": ("leave-out",), "views": "pixel", "transfer": 0.0, "precision": "float32"}
CONFIG = TrainingConfig(K=2, M=8, steps=2, pixels=64, adversarial_steps=2, patch=8, patches=2, windows=2, **ONE)


def trained(folder: Path, config: TrainingConfig = CONFIG) -> TrainingResult:
    made = problem()
    run = Run(CPU, 0, False, checkpoint=folder)
    return train([TrainingExample(made.scan, made.photo, made.U, made.training_mask)], config, run)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a finished run."""
    folder = tmp_path_factory.mktemp("saved") / "state"
    trained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "state"))


def state(folder: Path) -> tuple[dict[str, np.ndarray], Any]:
    file = folder / "member-0.safetensors"
    with safe_open(file, "np") as kept:
        plain = json.loads(kept.metadata()["state"])
    return {name: value.copy() for name, value in load_file(file).items()}, plain


def write(folder: Path, tensors: dict[str, np.ndarray], plain: Any) -> None:
    text = plain if isinstance(plain, str) else json.dumps(plain)
    save_file(tensors, folder / "member-0.safetensors", metadata={"state": text})


def contents(folder: Path) -> dict[str, Any]:
    """Everything in a folder, links as what they point to."""
    return {
        path.name: os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        for path in folder.iterdir()
    }


def refused(folder: Path, match: str) -> None:
    before = contents(folder)
    with pytest.raises(InvalidInput, match=match) as caught:
        trained(folder)
    assert len(str(caught.value)) < 10_000
    assert contents(folder) == before


def test_the_state_of_a_finished_run_is_read(folder: Path) -> None:
    before = contents(folder)
    trained(folder)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("plain", "match"),
    [
        ({"number": 5}, "state.number must be an integer from 0 to 4, got 5"),
        ({"number": -1}, "state.number must be"),
        ({"number": True}, "state.number must be .*, got True"),
        ({"number": 2.0}, "state.number must be"),
        ({"number": 10**30}, "state.number must be"),
        ({"number": 1}, "adversary.* unknown"),
        ({"number": 0}, "opponent.* unknown"),
        ({"final_sigmoid": [True, False]}, "state.final_sigmoid must be a list of 1 values, got 2"),
        ({"final_sigmoid": 1}, "state.final_sigmoid must be a list"),
        ({"best_sigmoid": [1]}, r"state.best_sigmoid\[0\] must be true or false, got 1"),
        ({"more": 1}, "state.more is unknown"),
        ("[" * 10_000, "nested"),
        ("null", "state must be an object"),
        ("{}", "state.number is missing"),
        ("", "not JSON"),
    ],
)
def test_plain_values_are_checked(folder: Path, plain: Any, match: str) -> None:
    tensors, kept = state(folder)
    write(folder, tensors, kept | plain if isinstance(plain, dict) else plain)
    refused(folder, rf"member-0.safetensors': .*{match}")


def changes() -> Iterator[tuple[str, Callable[[dict[str, Any]], Any], str]]:
    yield "none", lambda held: held.clear(), "are missing"
    yield "one more", lambda held: held.update(extra=held["best_loss"]), "extra is unknown"
    for name in ("network.W", "best.S", "best_loss", "random", "optimiser.step", "adversary.layers.0.weight"):
        yield f"no {name}", lambda held, name=name: held.pop(name), f"{name} is missing"
        yield (
            f"long {name}",
            lambda held, name=name: held.update({name: np.zeros(10**5, held[name].dtype)}),
            f"{name} must be",
        )
        yield (
            f"double {name}",
            lambda held, name=name: held.update({name: held[name].astype(np.float64)}),
            f"{name} must be .*, got F64",
        )
    for name, value in (
        ("network.S", math.nan),
        ("best.W", math.inf),
        ("best.D_root", 1e35),
        ("best_loss", -1.0),
        ("best_loss", math.nan),
        ("optimiser.1.exp_avg", math.nan),
        ("optimiser.1.exp_avg_sq", -1.0),
        ("opponent.0.exp_avg_sq", math.inf),
        ("optimiser.step", 0.0),
        ("optimiser.step", math.inf),
    ):
        yield f"{value} in {name}", lambda held, name=name, value=value: held[name].fill(value), f"{name} must hold"
    yield "random", lambda held: held["random"].fill(255), "random must be a state"


@pytest.mark.parametrize(("change", "match"), [each[1:] for each in changes()], ids=[each[0] for each in changes()])
def test_tensors_are_checked(folder: Path, change: Any, match: str) -> None:
    tensors, plain = state(folder)
    change(tensors)
    write(folder, tensors, plain)
    refused(folder, rf"member-0.safetensors': .*{match}")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_changed(folder: Path, saved: Path, data: st.DataObject) -> None:
    for path in saved.iterdir():
        raw = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(0, 2))):
            raw[data.draw(st.integers(0, min(len(raw) - 1, 4000)))] = data.draw(st.integers(0, 255))
        (folder / path.name).write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) - 1, 20]))])
    try:
        made = trained(folder)
    except InvalidInput:
        return
    assert all(bool(torch.isfinite(value).all()) for value in made.generator.parameters())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": 4}, "format must be an integer from 3 to 3, got 4"),
        ({"seed": "0"}, "seed must be an integer"),
        ({"seed": math.nan}, "seed must be an integer .*, got nan"),
        ({"data": ["x"] * 10**5}, "data must be printable text"),
        ({"more": 1}, "more is unknown"),
        ({"settings": []}, "settings must be an object"),
        ({"settings": {}}, "belongs to another run: K was missing and is 2"),
        ("[" * 10**5, "nested"),
        ("[]", "must be an object"),
        (" " * (2**20 + 1), "at most 1,048,576 bytes"),
    ],
)
def test_the_description_is_checked(folder: Path, change: Any, match: str) -> None:
    kept = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(change if isinstance(change, str) else json.dumps(kept | change))
    refused(folder, match)


NAMES = ["run.json", "member-0.safetensors", ".run.json.new", ".member-0.safetensors.new", ".xrfsr.lock"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("empty", [True, False])
def test_links_are_neither_followed_nor_replaced(folder: Path, name: str, empty: bool, tmp_path: Path) -> None:
    if empty:
        for path in folder.iterdir():
            path.unlink()
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(mine)
    refused(folder, f"{name}' is a symbolic link to '{mine}'")
    assert mine.read_text() == "mine"
    (folder / name).unlink()
    (folder / name).symlink_to("run.json")
    refused(folder, f"{name}' (is a symbolic link|does not exist|cannot be read)")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refused(folder, f"{name}' is a device, a pipe or a socket")
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(folder, f"{name}' is a folder")


@pytest.mark.parametrize("name", NAMES[1:4:2])
def test_a_link_that_appears_in_the_middle_is_left_alone(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import xrfsr.network.checkpoints as checkpoints

    mine, folder, plain = tmp_path / "mine", tmp_path / "state", checkpoints.save
    mine.write_text("mine")

    def meanwhile(*arguments: Any, **more: Any) -> bytes:
        (folder / name).symlink_to(mine)
        return plain(*arguments, **more)

    monkeypatch.setattr(checkpoints, "save", meanwhile)
    with pytest.raises(InvalidInput, match=f"{name}' is a symbolic link"):
        trained(folder)
    assert mine.read_text() == "mine"
    assert (folder / name).readlink() == mine


@pytest.mark.parametrize(
    "name", ["notes.txt", "model.json", "member-x.safetensors", "member-0.safetensors.bak", ".git"]
)
def test_folders_with_files_of_others_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("mine")
    refused(folder, f"is not a checkpoint, for it holds {name}; choose another folder")
    (folder / "run.json").unlink()
    refused(folder, "is not a checkpoint")
    (folder / name).unlink()
    refused(folder, "holds member-0.safetensors, but no run.json")


def test_what_a_killed_program_leaves_does_no_harm(folder: Path) -> None:
    for name in NAMES[2:4]:
        (folder / name).write_bytes(b"half")
    trained(folder)
    assert sorted(contents(folder)) == [".run.json.new", "member-0.safetensors", "run.json"]
    for name in NAMES[:2]:
        (folder / name).unlink()
    trained(folder)
    assert sorted(contents(folder)) == ["member-0.safetensors", "run.json"]


def test_two_runs_do_not_share_a_folder(folder: Path) -> None:
    with exclusive_lock(folder / ".xrfsr.lock"):
        refused(
            folder, r"state' is used by another run \(process \d+ on .*\); wait for its end, or choose another folder"
        )
    (folder / ".xrfsr.lock").write_text("of a process that was killed")
    trained(folder)
    assert sorted(contents(folder)) == ["member-0.safetensors", "run.json"]


def test_a_full_disk_is_our_own_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(folder)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InvalidInput, match=r"cannot be written \(No space left on device\); choose another folder"):
        trained(folder)
    assert contents(folder) == before

"""Models on disk: the same bits again, plain numbers and text, and all or nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from quick import assert_same
from safetensors.torch import load_file, save_file

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.network import Model, TrainingConfig, load_model

QUICK: dict[str, Any] = {"steps": 3, "pixels": 256, "K": 2, "M": 8, "progress": False, "device": "cpu"}


@pytest.fixture
def model(scan: xr.Dataset, photo: xr.DataArray) -> Model:
    return scan.xrfsr.train(photo, seed=np.int64(3), **QUICK)


@pytest.fixture
def folder(model: Model, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def entries(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_round_trip_is_exact(scan: xr.Dataset, photo: xr.DataArray, model: Model, folder: Path) -> None:
    again = xrfsr.load_model(folder)
    assert (again.config, again.lines, again.bands, again.ratio) == (model.config, model.lines, 3, (4.0, 4.0))
    assert (
        again.training == model.training == {"seed": 3, "device": "cpu", "steps": 3, "curve": model.training["curve"]}
    )
    assert (again.units, again.footprint, again.beam) == ("count", "area", None)
    np.testing.assert_array_equal(again.peak, model.peak)
    np.testing.assert_array_equal(again.weights, model.weights)
    assert again.held_out_gain is not None
    np.testing.assert_array_equal(again.held_out_gain, model.held_out_gain)
    before, after = model.generator.state_dict(), again.generator.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    fine, repeated = (
        scan.xrfsr.superresolve(photo, model=used, device="cpu", progress=False) for used in (model, again)
    )
    assert_same(fine, repeated)


def test_every_kind_of_network_comes_back(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    other = {
        "zero_blocks": True,
        "final_sigmoid": "always",
        "inputs": ("bilinear", "leave-out", "leave-out"),
        "transfer": (0.0, 0.5, 1.0),
    }
    model = scan.xrfsr.train(photo, scale=2.5, **QUICK, **other)
    model.save(str(tmp_path / "model"))
    again = load_model(str(tmp_path / "model"))
    assert again.config == model.config
    fine, repeated = (
        scan.xrfsr.superresolve(photo, 2.5, model=used, device="cpu", progress=False) for used in (model, again)
    )
    assert_same(fine, repeated)


def test_saved_again_is_the_same_file(folder: Path, tmp_path: Path) -> None:
    load_model(folder).save(tmp_path / "copy")
    for name in entries(folder):
        assert (folder / name).read_bytes() == (tmp_path / "copy" / name).read_bytes()


def test_nothing_but_numbers_and_text(folder: Path) -> None:
    assert entries(folder) == ["model.json", "weights.safetensors"]
    json.loads((folder / "model.json").read_text(encoding="utf-8"))
    # A pickle starts with 0x80, torch's own format is a zip file; safetensors starts with the length of a JSON header.
    raw = (folder / "weights.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert {"W", "S", "D_root", "threshold", "threshold_out"} <= header.keys()


def test_the_folder_can_be_read_by_whoever_can_read_its_neighbours(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "neighbour").mkdir()
    assert folder.stat().st_mode == (tmp_path / "neighbour").stat().st_mode


def test_an_existing_path_is_left_alone(model: Model, tmp_path: Path) -> None:
    file, empty = tmp_path / "file", tmp_path / "empty"
    file.write_text("mine")
    empty.mkdir()
    for path in (file, empty):
        with pytest.raises(InvalidInput, match=f"{path.name}' exists"):
            model.save(path)
    assert file.read_text() == "mine"
    assert entries(tmp_path) == ["empty", "file"]
    assert entries(empty) == []


def test_a_missing_parent_folder_is_named(model: Model, tmp_path: Path) -> None:
    for parent in ("missing", "file"):
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(InvalidInput, match=f"{parent}' does not exist"):
            model.save(tmp_path / parent / "model")
    assert entries(tmp_path) == ["file"]


def test_nothing_half_written_when_the_disk_fails(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fails)
        with pytest.raises(InvalidInput, match="no space left"):
            model.save(tmp_path / "model")
    assert entries(tmp_path) == []
    model.save(tmp_path / "model")
    assert entries(tmp_path) == ["model"]


def test_nothing_half_written_when_it_cannot_be_described(model: Model, tmp_path: Path) -> None:
    model.training["remark"] = {1, 2}
    with pytest.raises(InvalidInput, match=r"training.remark is unknown; accepted are seed, device, steps"):
        model.save(tmp_path / "model")
    assert entries(tmp_path) == []


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere' does not exist; give a folder written by model.save"):
        load_model(tmp_path / "nowhere")
    (folder / "weights.safetensors").unlink()
    with pytest.raises(InvalidInput, match=r"model has no weights.safetensors; give a folder written by model.save"):
        load_model(folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "null",
        lambda text: text.replace('"bands": 3', '"bands": "three"'),
        lambda text: text.replace('"bands": 3', '"bands": 4'),
        lambda text: text.replace('"lines"', '"names"'),
        lambda text: text.replace('"Ca-K",', ""),
        lambda text: text.replace('"M": 8', '"M": 16'),
        lambda text: text.replace('"peak": [', '"peak": [1.0,'),
        lambda text: text.replace('"weights": [', '"weights": [[1.0],'),
        lambda text: re.sub(r'"peak": \[\s*[\d.]+', '"peak": [NaN', text),
        lambda text: re.sub(r'"peak": \[\s*[\d.]+', '"peak": [0.0', text),
        lambda text: re.sub(r'"peak": \[\s*[\d.]+', '"peak": [-1.0', text),
        lambda text: re.sub(r'("weights": \[\s*\[\s*)[\d.e-]+', r"\g<1>100.0", text),
        lambda text: re.sub(r'"lines": \[\s*"Ca-K"', '"lines": [1', text),
        lambda text: text.replace('"ratio": [', '"ratio": [4.0,'),
        lambda text: text.replace('"ratio"', '"training": 5, "ratio"').replace('"training": {', '"x": {'),
    ],
)
def test_damaged_descriptions_are_refused(folder: Path, damage: Any) -> None:
    text = (folder / "model.json").read_text(encoding="utf-8")
    assert damage(text) != text
    (folder / "model.json").write_text(damage(text), encoding="utf-8")
    with pytest.raises(
        InvalidInput, match=r"(?s)(model.json|weights.safetensors)': .*; train and save the model again"
    ):
        load_model(folder)


def test_damaged_bytes_are_refused(folder: Path, tmp_path: Path) -> None:
    for name, raw in (
        ("model.json", b"\xff\xfe\x00"),
        ("weights.safetensors", b""),
        ("weights.safetensors", b"x" * 99),
    ):
        broken = tmp_path / "broken"
        shutil.copytree(folder, broken)
        (broken / name).write_bytes(raw)
        with pytest.raises(InvalidInput, match=rf"broken/{name}': .*(damaged|not JSON|header)"):
            load_model(broken)
        shutil.rmtree(broken)
    whole = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(whole[:-8])
    with pytest.raises(InvalidInput, match=r"weights.safetensors': it is damaged"):
        load_model(folder)


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    weights = load_file(folder / "weights.safetensors")
    weights.pop("S")
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(InvalidInput, match=r"weights.safetensors': S is missing"):
        load_model(folder)


def test_unknown_formats_and_settings_are_distinguished_from_damage(folder: Path) -> None:
    text = (folder / "model.json").read_text(encoding="utf-8")
    (folder / "model.json").write_text(text.replace('"format": 4', '"format": 99'), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"model.json': format must be 4, got 99, .*; upgrade xrfsr"):
        load_model(folder)
    (folder / "model.json").write_text(text.replace('"steps"', '"step"'), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"config: unknown setting 'step'; did you mean 'steps'"):
        load_model(folder)


@pytest.mark.parametrize(
    ("wrong", "near"), [("step", "steps"), ("learningrate", "learning_rate"), ("alpha1", "alpha_1")]
)
def test_unknown_settings_are_refused_with_the_nearest_name(wrong: str, near: str) -> None:
    with pytest.raises(InvalidInput, match=f"unknown setting {wrong!r}; did you mean {near!r}"):
        TrainingConfig().override(**{wrong: 1})


def test_all_unknown_settings_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"(?s)'colour'.*choose from K, M.*'stepz'.*'steps'") as caught:
        TrainingConfig().override(colour=1, stepz=2, steps=5)
    assert len(caught.value.faults) == 2


def test_weights_that_are_no_numbers_are_refused(model: Model, folder: Path) -> None:
    damaged = {name: value.clone() for name, value in load_file(folder / "weights.safetensors").items()}
    damaged["S"][0, 0, 0, 0] = float("nan")
    save_file(damaged, folder / "weights.safetensors")
    with pytest.raises(InvalidInput, match="S must hold finite numbers, got nan"):
        load_model(folder)


def test_no_place_to_write(model: Model, tmp_path: Path) -> None:
    for name in ("x" * 300, "a/b"):
        with pytest.raises(InvalidInput, match=r"cannot be written|does not exist|must have at most"):
            model.save(tmp_path / name)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="exists"):
        model.save(tmp_path / "link")
    for path in (None, 3):
        for function in (model.save, load_model):
            with pytest.raises(InvalidInput, match="pass the name of a folder"):
                function(path)  # type: ignore[arg-type]


def test_a_model_says_what_it_is(model: Model) -> None:
    assert repr(model) == ("<xrfsr.Model of Ca-K, Fe-Ka, Pb-L in count, 4 x 4 finer, 3 networks of K=2, M=8>")

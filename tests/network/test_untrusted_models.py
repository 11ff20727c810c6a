"""Models from others: whatever their files hold, they open as what they say or are refused before anything is built."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tracemalloc
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.network import Model, TrainingConfig
from xrfsr.network.generator import Architecture, Generator
from xrfsr.utils.documents import parse_json

Path_ = tuple[str | int, ...]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two lines with a beam."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    painting = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    model = painting.scan.xrfsr.train(
        painting.rgb, steps=2, pixels=64, K=2, M=8, footprint="gaussian", fwhm=0.4, progress=False, device="cpu"
    )
    model.save(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Architecture]:
    """The networks that are built."""
    made: list[Architecture] = []
    plain = Generator.__init__

    def counting(self: Generator, architecture: Architecture, *rest: Any) -> None:
        made.append(architecture)
        plain(self, architecture, *rest)

    monkeypatch.setattr(Generator, "__init__", counting)
    return made


def description(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return made


def write(folder: Path, content: Any) -> None:
    (folder / "model.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def refused(folder: Path, built: list[Architecture], match: str | None = None) -> str:
    """Open a model that is refused, without a network having been built; return the message."""
    built.clear()
    with pytest.raises(InvalidInput, match=match) as caught:
        xrfsr.load_model(folder)
    assert not built
    text = str(caught.value)
    assert len(text) < 10_000
    return text


def paths(value: Any, before: Path_ = ()) -> Iterator[Path_]:
    """Where the values of a description are."""
    if before:
        yield before
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield from paths(each, (*before, name))


def parent(value: Any, path: Path_) -> Any:
    for name in path[:-1]:
        value = value[name]
    return value


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([0, 1, -1, 2, 10**30, 10**400, 1e-300, 1e300, 1e39, 0.5, 1.0, "", "x", "count", "never", "cpu"]),
    st.text(max_size=8),
)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner))


def rounded(value: Any) -> Any:
    """The numbers of a description in the precision of a model."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(np.float32(value)) if isinstance(value, float) else value


def as_described(model: Model) -> Any:
    return rounded(json.loads(json.dumps(model._description())))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_field_changed(folder: Path, saved: Path, built: list[Architecture], data: st.DataObject) -> None:
    kept = description(saved)
    place = data.draw(st.sampled_from(list(paths(kept))))
    value = data.draw(VALUES)
    parent(kept, place)[place[-1]] = value
    write(folder, kept)
    built.clear()
    try:
        model = xrfsr.load_model(folder)
    except InvalidInput:
        refused(folder, built)
    else:
        assert as_described(model) == rounded(kept)


def test_any_field_missing_or_twice(folder: Path, saved: Path, built: list[Architecture]) -> None:
    for place in paths(description(saved)):
        if place[:2] == ("training", "curve") and len(place) == 4:
            continue  # a curve may have any number of points
        kept = description(saved)
        del parent(kept, place)[place[-1]]
        write(folder, kept)
        refused(folder, built, "is missing" if isinstance(place[-1], str) else "list of|final_sigmoid|inputs|transfer")
    for place in paths(description(saved)):
        if isinstance(place[-1], str):
            text, name = json.dumps(description(saved)), f'"{place[-1]}": '
            write(folder, text.replace(name, f"{name}null, {name}", 1))
            refused(folder, built, f"'{place[-1]}' occurs twice")


def test_all_faults_are_named_at_once_with_file_field_and_value(folder: Path, built: list[Architecture]) -> None:
    kept = description(folder)
    kept["peak"][1] = float("nan")
    kept["bands"] = True
    kept["extra"] = 1
    kept["config"]["M"] = 10**9
    kept["config"]["steps"] = 1.5
    kept["training"]["seed"] = -1
    del kept["units"]
    write(folder, kept)
    text = refused(folder, built)
    for part in (
        f"'{folder}/model.json': peak[1] must be a number from 5e-19 to 2e+18, got nan",
        "bands must be an integer from 1 to 4096, got True",
        "extra is unknown; accepted are format, lines",
        "config: M must be an integer from 4 to 4,096, got 1000000000",
        "config: steps must be an integer from 1",
        "training.seed must be an integer from 0",
        "units is missing",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("[" * 100_000, "nested"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested"),
        (json.dumps({"lines": eval("[" * 50 + "]" * 50)}), "nested more than 16 deep"),
        ("", "not JSON"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "not JSON"),
        ("9" * 5000, "not JSON"),
        ("3", "must be an object"),
        ('"' + "x" * 10**6 + '"', "must be an object"),
        (" " * (2**24 + 1), "at most 16,777,216 bytes"),
    ],
)
def test_documents_that_are_no_description(folder: Path, built: list[Architecture], content: str, match: str) -> None:
    write(folder, content)
    refused(folder, built, match)


def test_a_network_too_wide_for_memory(folder: Path, saved: Path, built: list[Architecture]) -> None:
    """12,000 atoms would take seven gigabytes."""
    for changed, match in (
        ({"M": 12_000}, "M must be an integer from 4 to 4,096, got 12000"),
        ({"M": 4096, "K": 100}, "at most 67,108,864 weights, got 4,99"),
        ({"M": 2048}, r"W must be F32 of shape \(1, 3, 2048, 2048\), got F32 of shape \(1, 3, 8, 8\)"),
    ):
        kept = description(saved)
        kept["config"] |= changed
        write(folder, kept)
        tracemalloc.start()
        refused(folder, built, match)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 2**22
    with pytest.raises(InvalidInput, match="at most 67,108,864 weights"):
        Architecture.from_config(TrainingConfig(M=4096, K=100), 3, 3)


def changes() -> Iterator[tuple[str, Callable[[dict[str, Any]], Any], str]]:
    yield "double", lambda held: held.update(S=held["S"].astype(np.float64)), "S must be F32 .*, got F64"
    yield "half", lambda held: held.update(W=held["W"].astype(np.float16)), "W must be F32 .*, got F16"
    yield "integers", lambda held: held.update(W=held["W"].astype(np.int32)), "W must be F32 .*, got I32"
    for name in ("W", "S", "threshold", "D_root", "threshold_out"):
        yield f"no {name}", lambda held, name=name: held.pop(name), f"{name} is missing"
        yield (
            f"turned {name}",
            lambda held, name=name: held.update({name: np.ascontiguousarray(held[name].T)}),
            f"{name} must be F32 of shape",
        )
        yield f"flat {name}", lambda held, name=name: held.update({name: held[name].ravel()}), f"{name} must be F32"
        for value in (np.nan, np.inf, 1e7):
            yield (
                f"{value} in {name}",
                lambda held, name=name, value=value: held[name].ravel().__setitem__(0, value),
                f"{name} must hold finite numbers|must have a magnitude of at most 1e\\+06",
            )
    yield "one more", lambda held: held.update(extra=held["W"]), "extra is unknown; accepted are W"
    yield (
        "many more",
        lambda held: held.update({f"n{i}": np.zeros(1) for i in range(5000)}),
        "and 4995 more are unknown",
    )
    yield "empty", lambda held: held.clear(), "are missing"


@pytest.mark.parametrize(("change", "match"), [each[1:] for each in changes()], ids=[each[0] for each in changes()])
def test_any_tensor_changed(folder: Path, built: list[Architecture], change: Any, match: str) -> None:
    held = {name: value.copy() for name, value in load_file(folder / "weights.safetensors").items()}
    change(held)
    save_file(held, folder / "weights.safetensors")
    if "1e" in match and not any(np.isnan(value).any() or np.isinf(value).any() for value in held.values()):
        with pytest.raises(InvalidInput, match=match):
            xrfsr.load_model(folder)
    else:
        assert "weights.safetensors'" in refused(folder, built, match)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_of_the_weights_changed(folder: Path, saved: Path, data: st.DataObject) -> None:
    raw = bytearray((saved / "weights.safetensors").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, 600))] = data.draw(st.integers(0, 255))
    end = data.draw(st.sampled_from([len(raw), len(raw) - 1, 8, 100]))
    (folder / "weights.safetensors").write_bytes(raw[:end])
    try:
        model = xrfsr.load_model(folder)
    except InvalidInput:
        return
    assert as_described(model) == rounded(description(saved))


def test_an_endless_header_is_not_read(folder: Path, built: list[Architecture]) -> None:
    (folder / "weights.safetensors").write_bytes((10**8).to_bytes(8, "little") + b"{" + b" " * 100)
    refused(folder, built, "header must have at most 1,048,576 bytes, got 100,000,000")


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_links_out_of_the_folder_devices_and_pipes_are_refused(
    folder: Path, built: list[Architecture], name: str
) -> None:
    path, outside = folder / name, folder.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    refused(folder, built, f"{name}' is a symbolic link to '.*outside', out of the folder")
    for target, match in (("/dev/zero", "out of the folder"), ("nowhere", "does not exist"), (name, "cannot be read")):
        path.unlink()
        path.symlink_to(target)
        refused(folder, built, match)
    path.unlink()
    path.mkdir()
    refused(folder, built, f"{name}' is a folder; a file is needed")
    path.rmdir()
    os.mkfifo(path)  # nobody writes to it, so opening it would wait forever
    refused(folder, built, f"{name}' is a device, a pipe or a socket")
    path.unlink()
    outside.rename(folder / "moved")
    path.symlink_to("moved")
    assert xrfsr.load_model(folder).lines == ("Fe-K", "Pb-L"), "links within the folder are followed"


@pytest.mark.parametrize("made", ["folder", "full folder", "file", "link"])
def test_saving_replaces_nothing_that_appears_meanwhile(
    saved: Path, tmp_path: Path, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import xrfsr.network.model_files as files

    model, target, plain = xrfsr.load_model(saved), tmp_path / "new", files.save

    def meanwhile(*arguments: Any) -> bytes:
        if made == "file":
            target.write_text("mine")
        elif made == "link":
            target.symlink_to(tmp_path / "nowhere")
        else:
            target.mkdir()
            if made == "full folder":
                (target / "mine").write_text("mine")
        return plain(*arguments)

    monkeypatch.setattr(files, "save", meanwhile)
    with pytest.raises(InvalidInput, match="new' exists; choose another name"):
        model.save(target)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert target.is_symlink() == (made == "link")
    if made == "file":
        assert target.read_text() == "mine"
    elif target.is_dir():
        assert [path.name for path in target.iterdir()] == ["mine"] * (made == "full folder")


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_full_disk_is_our_own_error(saved: Path, tmp_path: Path, name: str) -> None:
    """Files of this process are limited to fewer bytes than the larger one has, or than the smaller one has."""
    resource = pytest.importorskip("resource")
    model, before = xrfsr.load_model(saved), resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, ((saved / name).stat().st_size - 1, before[1]))
        with pytest.raises(InvalidInput, match=r"new' cannot be written \(File too large\); choose another folder"):
            model.save(tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(tmp_path.iterdir())


def test_nothing_is_saved_that_could_not_be_opened(saved: Path, tmp_path: Path) -> None:
    model = xrfsr.load_model(saved)
    changed = deepcopy(model)
    changed.training["seed"] = "zero"
    with pytest.raises(InvalidInput, match=r"training.seed must be an integer .*, got 'zero'"):
        changed.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_numbers_that_json_lacks_are_left_to_the_rules() -> None:
    assert np.isnan(parse_json(b"[NaN]", "it")[0])
    with pytest.raises(InvalidInput, match="it is not JSON"):
        parse_json(b"\xff", "it")

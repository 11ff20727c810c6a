"""Benchmarks: counted operations and printed tables."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from torch.utils.flop_counter import FlopCounterMode

import xrfsr
from xrfsr.network.generator import Architecture, Generator

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that imports a benchmark by name; they are scripts, not a package."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        return __import__(name)

    yield load
    for name in ("gpu", "leaderboard", "memory", "real_scenes", "scenes", "speed", "worth"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("training", [False, True])
def test_operations_are_those_that_run(benchmarks: Any, training: bool) -> None:
    architecture = Architecture(B=7, K=4, M=24)
    network, x = Generator(architecture, torch.Generator()), torch.rand(1, 30, architecture.channels)

    def in_place(self: Any, first: Any, second: Any, **_: Any) -> int:
        return 2 * math.prod(first) * second[-1]

    # The counter knows the product with a sum only under the name that makes a new tensor.
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.baddbmm_: in_place}) as counter:
        output = network(x)
        if training:
            output.sum().backward()
    assert counter.get_total_flops() == 30 * benchmarks("speed").operations(architecture, training=training)
    with FlopCounterMode(display=False) as counter:
        benchmarks("speed").products(architecture, 30, torch.float32, training=training)()
    assert counter.get_total_flops() == 30 * benchmarks("speed").operations(architecture, training=training)


def test_a_table_of_runs(benchmarks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worth = benchmarks("worth")
    scene = benchmarks("scenes").simulated(0, size=48)
    table = worth.Table("Two", 2)
    quick = {"K": 2, "M": 8, "steps": 20}
    table.run("quick", scene, quick)
    table.run("grey", scene, {**quick, "inputs": ("bilinear",)}, scene.grey)
    table.keep(tmp_path, "two")
    assert len(table.runs) == 4
    text = (tmp_path / "two.md").read_text()
    assert "| variant | simulated 0 | held-out | seconds |" in text
    gains = table.values("gain", "quick", "simulated 0")
    assert f"{np.mean(gains):+.2f} ± {np.std(gains):.2f}" in text
    assert "| grey |" in text
    assert text in capsys.readouterr().out


def test_gain_is_over_the_baseline(benchmarks: Any) -> None:
    scenes = benchmarks("scenes")
    scene = scenes.simulated(0, size=64)
    floor = scene.scan.xrfsr.superresolve(scale=4, method="kriging")
    assert 0 <= scene.gain(floor) < 0.5, "without negative counts it comes a little nearer"
    known = floor.copy(data={"intensity": scene.truth + 1e-3})
    assert scene.gain(known) == pytest.approx(60 - scenes.psnr(floor.intensity.values, scene.truth), abs=0.5)
    points = scenes.decimated(scene)
    floor = points.scan.xrfsr.superresolve(scale=4, method="kriging", footprint="decimate")
    assert abs(points.gain(floor, footprint="decimate")) < 0.5
    # One fine pixel of every coarse one is known for sure.
    U = points.scan.xrfsr.downsampling(4, "decimate")
    np.testing.assert_allclose(U(scene.truth), points.scan.intensity, rtol=1e-6)


def test_gains_without_the_noise_of_the_truth(benchmarks: Any) -> None:
    scenes, worth = benchmarks("scenes"), benchmarks("worth")
    clean = scenes.simulated(0, size=64)
    fine = clean.scan.xrfsr.superresolve(scale=4, method="bilinear")
    assert clean.corrected_gain(fine) == pytest.approx(clean.gain(fine), abs=1e-4)
    assert worth.corrected(clean, fine) is None, "there is no noise to correct for"
    # The same scene, its maps measured with few photons: every error is larger, and differences are smaller.
    photon = clean.truth.mean(axis=(1, 2), keepdims=True) / 10
    counts = np.random.default_rng(0).poisson(clean.truth / photon) * photon
    low = clean.scan.xrfsr.downsampling(4)(counts)
    lines = clean.scan.line.values.tolist()
    noisy = scenes.Scene.of("noisy", counts, low, clean.photo.values, lines, 4, np.sqrt(counts * photon))
    fine = noisy.scan.xrfsr.superresolve(noisy.photo, scale=4, method="guided_filter", projected=True)
    wanted = scenes.Scene("wanted", clean.truth, noisy.scan, clean.photo, 4).gain(fine)
    assert abs(noisy.corrected_gain(fine) - wanted) < abs(noisy.gain(fine) - wanted)
    assert worth.corrected(noisy, fine) == noisy.corrected_gain(fine)


@pytest.mark.soak
def test_leaderboard_shows_the_noise(benchmarks: Any) -> None:
    scenes, leaderboard = benchmarks("scenes"), benchmarks("leaderboard")
    clean = scenes.simulated(0, size=64)
    sigma = np.full_like(clean.truth, 0.01)
    noisy = scenes.Scene.of(
        "noisy", clean.truth, clean.scan.intensity.values, clean.photo.values, clean.scan.line.values.tolist(), 4, sigma
    )
    rows = {scene.name: leaderboard.measured(scene, ["bilinear", "kriging"], {}) for scene in (clean, noisy)}
    table = leaderboard.table(["bilinear", "kriging"], rows)
    assert sum("without noise" in line for line in table) == 1
    noise = leaderboard.noise_table(["bilinear", "kriging"], rows)
    count = len(clean.truth)
    assert noise[2].startswith(f"| simulated 0 | {count} of {count} maps | none |")
    assert noise[3].startswith(f"| noisy | {count} of {count} maps | 40.0 |")


def test_real_scenes_where_they_are(benchmarks: Any, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRFSR_SCENES", str(shared))
    names = [scene.name for scene in benchmarks("scenes").real()]
    assert names[:3] == ["soldier", "zagami", "amnh_obj1"]


def test_real_scenes_are_those_that_others_are_scored_on(
    benchmarks: Any, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XRFSR_SCENES", str(shared))
    spec = importlib.util.spec_from_file_location("scenes_of_others", shared.parent / "bench" / "scenes.py")
    assert spec is not None
    assert spec.loader is not None
    others = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(others)
    mine = benchmarks("real_scenes")
    assert {name: list(source.lines) for name, source in mine.SOURCES.items()} == others.LINES
    for name in mine.available():
        maps, photo, scale = others.scene(name)
        assert scale == mine.SCALE
        for made, wanted in zip(mine.window(name), (maps, photo), strict=True):
            np.testing.assert_array_equal(made, wanted)


def test_real_scenes_from_a_folder_of_ones_own(
    benchmarks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XRFSR_SCENES", str(tmp_path))
    real_scenes = benchmarks("real_scenes")
    assert not list(real_scenes.available())
    random = np.random.default_rng(0)
    maps, guide = random.poisson(20, (5, 400, 500)), random.random((3, 400, 500))
    np.savez(tmp_path / "alps_epma.npz", maps=maps, guide=guide)
    (tmp_path / "zagami").mkdir()
    grey = random.integers(0, 256, (700, 700), np.uint8)
    for name in ("Si-K", "Mg-K", "K-K", "Fe-K", "Ca-K", "guide_backscatter"):
        tifffile.imwrite(tmp_path / "zagami" / f"{name}.tif", grey)
    assert list(real_scenes.available()) == ["zagami", "alps"]
    made, photo = real_scenes.window("zagami")
    np.testing.assert_array_equal(photo, np.broadcast_to(grey[384:640, 384:640] / np.float32(255), (3, 256, 256)))
    assert made.shape == (5, 256, 256)
    made, photo = real_scenes.window("alps", second=True)
    np.testing.assert_array_equal(photo, guide[:, 130:386, :256].astype(np.float32))
    assert made.max(axis=(1, 2)).tolist() == [1.0] * 5
    with pytest.raises(ValueError, match="cement is too small"):
        real_scenes.window("cement", second=True)


def test_devices_are_compared_map_by_map(benchmarks: Any) -> None:
    gpu = benchmarks("gpu")
    maps = np.stack([np.eye(4), 100 * np.eye(4)])
    other = maps.copy()
    other[1, 0, 0] += 1
    assert gpu.difference(other, maps) == pytest.approx(0.01)
    other[0, 0, 0] = np.nan
    assert np.isnan(gpu.difference(other, maps))


def test_a_painting_grows_by_its_mirror_images(benchmarks: Any) -> None:
    made = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    scan, rgb = benchmarks("gpu").mirrored(made, 160, 1)
    assert scan.intensity.shape == (1, 40, 40)
    assert rgb.shape == (3, 160, 160)
    np.testing.assert_array_equal(rgb.values[:, :, 64:128], rgb.values[:, :, 63::-1])
    np.testing.assert_array_equal(scan.intensity.values[:, 32:], scan.intensity.values[:, :8])

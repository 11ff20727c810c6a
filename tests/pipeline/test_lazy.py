"""Lazy results: nothing is computed early, tiles are as the whole, and blocks come and go."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import torch
import xarray as xr
from quick import assert_same

import xrfsr
from xrfsr.core.from_arrays import as_scan
from xrfsr.errors import InvalidInput
from xrfsr.utils.threads import available

QUICK: dict[str, Any] = {"steps": 20, "pixels": 256, "K": 2, "M": 8, "progress": False, "device": "cpu"}
CHUNK = 80  # with its margins less than the painting is wide


class Computed(AssertionError):
    """Raised by a scheduler that nobody should call."""


def never(*_: Any, **__: Any) -> Any:
    raise Computed("something was computed")


@pytest.fixture(scope="module")
def painting() -> xrfsr.simulate.Painting:
    return xrfsr.simulate.painting(120, 280, 4, seed=0, lines=["Ca-K", "Fe-K", "Pb-L"])


@pytest.fixture(scope="module")
def model(painting: xrfsr.simulate.Painting) -> Any:
    return painting.scan.xrfsr.train(painting.rgb, **QUICK)


def lazy(painting: xrfsr.simulate.Painting) -> tuple[xr.Dataset, xr.DataArray]:
    return painting.scan.chunk({"line": 1, "y": 17}), painting.rgb.chunk({"y": 50, "x": 70})


def apart(one: xr.Dataset, other: xr.Dataset) -> float:
    """Largest difference as a share of each map's range."""
    a, b = one.intensity.values, other.intensity.values
    extent = np.nanmax(a, axis=(1, 2)) - np.nanmin(a, axis=(1, 2))
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    return float(np.nanmax(np.abs(a - b) / extent[:, None, None]))


@pytest.mark.parametrize("chunk", [None, CHUNK])
@pytest.mark.parametrize("method", ["unfolding", "kriging", "bilinear"])
def test_nothing_is_computed_while_the_graph_is_built(
    painting: xrfsr.simulate.Painting, method: str, chunk: int | None
) -> None:
    scan, rgb = lazy(painting)
    scan = scan.assign_coords(valid=xr.DataArray(da.ones((30, 70), dtype=bool, chunks=20), dims=("y", "x")))
    options = QUICK if method == "unfolding" else {"progress": False}
    with dask.config.set(scheduler=never):
        fine = scan.xrfsr.superresolve(rgb, method=method, chunk=chunk, **options)
        ratio = fine.xrfsr.ratio("Ca-K", "Pb-L")
        assert fine.intensity.shape == (3, 120, 280)
        assert fine.intensity.dtype == np.float32
        assert fine.intensity.data._meta.dtype == np.float32
        assert type(fine.intensity.data._meta) is np.ndarray
        pieces = ((120,), (280,)) if chunk is None else ((80, 40), (80, 80, 80, 40))
        assert fine.intensity.chunks == ((3,), *pieces)
        assert ratio.chunks is not None
        assert fine.xrfsr.correlation(fine.xrfsr.region([(0, 0), (0, 9), (9, 9)])).chunks is not None
        assert fine.xrfsr.composite(red="Pb-L", green="Fe-K", blue=ratio).chunks is not None
        assert fine.xrfsr.profile((1, 1), (9, 9), width=1).intensity.chunks is not None
        with pytest.raises(Computed):
            fine.compute()
    xr.testing.assert_allclose(fine.y, painting.truth.y)
    xr.testing.assert_allclose(fine.x, painting.truth.x)


@pytest.mark.parametrize(
    ("method", "scale"),
    [
        pytest.param("unfolding", 4, marks=pytest.mark.soak),
        pytest.param("unfolding", 2.5, marks=pytest.mark.soak),
        pytest.param("noise-aware", 4, marks=pytest.mark.soak),
        ("kriging", 4),
        ("kriging", 2.5),
        pytest.param("bilinear", 2.5, marks=pytest.mark.soak),
        ("bicubic", 4),
        ("guided_filter", 4),
        pytest.param("guided_filter", 2.5, marks=pytest.mark.soak),
        ("gsa", 4),  # only ever made at once
    ],
)
def test_tiled_equals_untiled(painting: xrfsr.simulate.Painting, method: str, scale: float) -> None:
    options: dict[str, Any] = {"method": method, "progress": False}
    if method in ("unfolding", "noise-aware"):
        kept = painting.scan.xrfsr.train(painting.rgb, scale, **QUICK)
        options = {"model": kept, "progress": False}
        options |= {"consistency": "noise-aware"} if method == "noise-aware" else {}
    scan, rgb = lazy(painting)
    whole = painting.scan.xrfsr.superresolve(painting.rgb, scale, **options)
    tiled = scan.xrfsr.superresolve(rgb, scale, chunk=CHUNK, **options).compute()
    assert apart(whole, tiled) < 1e-4
    assert_same(whole.drop_vars("intensity"), tiled.drop_vars("intensity"), but="options")
    if "model" not in options:
        at_once = painting.scan.xrfsr.superresolve(painting.rgb, scale, chunk=CHUNK, **options)
        np.testing.assert_array_equal(at_once.intensity, tiled.intensity)


@pytest.mark.soak
def test_tiled_equals_untiled_with_gaps_and_a_beam(painting: xrfsr.simulate.Painting) -> None:
    beam: dict[str, Any] = {"footprint": "gaussian", "fwhm": "0.3 mm", "progress": False, "refine": None}
    rng = np.random.default_rng(0)
    # Bright enough all over that maps without negative values exist, whatever overlaps.
    scan = painting.scan.assign(intensity=painting.scan.intensity + 200)
    scan["intensity"] = scan.intensity.where(rng.random((30, 70)) > 0.05)
    scan["valid"] = (("y", "x"), rng.random((30, 70)) > 0.05)
    rgb = painting.rgb.where(~((painting.rgb.y > 5) & (painting.rgb.y < 7) & (painting.rgb.x < 4)))
    kept = scan.xrfsr.train(rgb, **{**QUICK, **beam})
    whole = scan.xrfsr.superresolve(rgb, model=kept, **beam)
    tiled = scan.chunk(y=9).xrfsr.superresolve(rgb.chunk(x=31), model=kept, chunk=CHUNK, **beam).compute()
    assert apart(whole, tiled) < 1e-4
    np.testing.assert_array_equal(whole.valid, tiled.valid)


def test_training_is_part_of_the_graph_and_seen_by_all_tiles(painting: xrfsr.simulate.Painting) -> None:
    scan, rgb = lazy(painting)
    whole = painting.scan.xrfsr.superresolve(painting.rgb, **QUICK)
    tiled = scan.xrfsr.superresolve(rgb, chunk=CHUNK, **QUICK).compute()
    assert apart(whole, tiled) < 1e-4
    np.testing.assert_array_equal(whole.photo_gain, tiled.photo_gain)
    assert_same(whole.drop_vars("intensity"), tiled.drop_vars("intensity"), but="options")


@pytest.mark.soak
def test_one_may_be_lazy_and_the_other_not(painting: xrfsr.simulate.Painting, model: Any) -> None:
    scan, rgb = lazy(painting)
    expected = scan.xrfsr.superresolve(rgb, model=model, chunk=CHUNK).compute()
    for one, other in ((scan, painting.rgb), (painting.scan, rgb)):
        made = one.xrfsr.superresolve(other, model=model, chunk=CHUNK)
        assert made.intensity.chunks is not None
        np.testing.assert_array_equal(made.intensity, expected.intensity)
    assert scan.xrfsr.superresolve(painting.rgb, model=model, chunk=CHUNK).intensity.name == "intensity"


@pytest.mark.parametrize("scheduler", [pytest.param("synchronous", marks=pytest.mark.soak), "threads"])
def test_threads_are_as_before(painting: xrfsr.simulate.Painting, scheduler: str) -> None:
    scan, rgb = lazy(painting)
    before, free = torch.get_num_threads(), available()
    with dask.config.set(scheduler=scheduler):
        scan.xrfsr.superresolve(rgb, chunk=CHUNK, **QUICK).compute()
    assert torch.get_num_threads() == before
    assert available() == free


def test_a_part_of_the_result_takes_a_part_of_the_input(painting: xrfsr.simulate.Painting) -> None:
    read: list[Any] = []

    def noted(block: Any, block_info: Any = None) -> Any:
        read.append(block_info[0]["chunk-location"])
        return block

    maps = np.tile(painting.scan.intensity.values, (1, 20, 10))
    blocks = da.from_array(maps, chunks=(3, 30, 35)).map_blocks(noted, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    fine = as_scan(blocks, ["Ca-K", "Fe-K", "Pb-L"], 0.5).xrfsr.superresolve(method="kriging", chunk=160)
    read.clear()
    with dask.config.set(scheduler="synchronous"):
        fine.intensity[:, :100, :100].compute()
    # Windows stand for the whole, and one tile with its margins.
    assert 16 <= len(set(read)) < 200 < 20 * 20


def test_a_method_is_prepared_before_tiles_are_read(
    painting: xrfsr.simulate.Painting, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or Dask would have read all of the photo by the time the first tile is made."""
    monkeypatch.setattr("xrfsr.pipeline.plan.MAX_UNTILED_PIXELS", 2**12)
    monkeypatch.setattr("xrfsr.pipeline.tiles.WINDOW_SIZE", 64)
    events: list[str] = []

    def noted(block: Any) -> Any:
        events.append("read")
        return block

    from xrfsr.pipeline.plan import ReconstructionPlan

    prepare = ReconstructionPlan.prepare

    def noted_prepare(self: Any, problems: Any) -> Any:
        made = prepare(self, problems)
        events.append("prepared")
        return made

    monkeypatch.setattr(ReconstructionPlan, "prepare", noted_prepare)
    scan, _ = lazy(painting)
    # Sliced, as photos that show more than the scan are.
    shown = np.concatenate([painting.rgb.values, painting.rgb.values[:, :40]], axis=1)
    blocks = da.from_array(shown, chunks=(3, 20, 28)).map_blocks(noted, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    rgb = painting.rgb.copy(data=blocks[:, :120])
    with dask.config.set(scheduler="threads", num_workers=2):
        fine = scan.xrfsr.superresolve(rgb, model=model, chunk=CHUNK)
        fine.intensity.data.compute()
    before = events.index("prepared")
    assert 0 < before < 20 < len(events) - before


def test_models_travel_without_tensors(model: Any) -> None:
    raw = pickle.dumps(model)
    assert b"torch.storage" not in raw
    assert b"_rebuild_tensor" not in raw
    again = pickle.loads(raw)
    assert pickle.loads(raw) is again
    assert again.fingerprint == model.fingerprint
    assert dask.base.tokenize(again) == dask.base.tokenize(model)
    assert repr(again) == repr(model)


def test_to_zarr_streams_a_lazy_result(painting: xrfsr.simulate.Painting, model: Any, tmp_path: Path) -> None:
    scan, rgb = lazy(painting)
    fine = scan.xrfsr.superresolve(rgb, model=model, chunk=CHUNK)
    fine.xrfsr.to_zarr(tmp_path / "fine.zarr", chunks={"y": 40, "x": 40})
    part = {"y": slice(0, CHUNK), "x": slice(CHUNK, 2 * CHUNK)}
    with xr.open_zarr(tmp_path / "fine.zarr") as stored:
        assert stored.intensity.notnull().all()
        np.testing.assert_array_equal(stored.intensity.isel(part), fine.intensity.isel(part))


@pytest.mark.parametrize("chunk", [0, 15, -3, 2.5, "1024", True])
def test_chunks_that_are_none(painting: xrfsr.simulate.Painting, chunk: Any) -> None:
    with pytest.raises(InvalidInput, match="chunk must be an integer ≥ 16"):
        painting.scan.xrfsr.superresolve(painting.rgb, chunk=chunk, **QUICK)


@pytest.mark.soak
def test_a_painting_is_prepared_from_its_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than is looked at, in memory and in Dask alike, windows are trained on."""
    monkeypatch.setattr("xrfsr.pipeline.plan.MAX_UNTILED_PIXELS", 2**14)
    monkeypatch.setattr("xrfsr.pipeline.tiles.WINDOW_SIZE", 64)
    truth, scan, rgb = xrfsr.simulate.painting(256, 192, 4, seed=1, lines=["Hg-L", "Pb-L"])
    calls: list[int] = []
    from xrfsr.pipeline.plan import ReconstructionPlan

    prepare = ReconstructionPlan.prepare

    def counted(self: Any, problems: Any) -> Any:
        calls.append(len(problems))
        return prepare(self, problems)

    monkeypatch.setattr(ReconstructionPlan, "prepare", counted)
    settings: dict[str, Any] = {"steps": 60, "progress": False, "device": "cpu"}
    made = scan.xrfsr.superresolve(rgb, chunk=128, **settings)
    lazily = scan.chunk(y=20).xrfsr.superresolve(rgb.chunk(x=50), chunk=128, **settings).compute()
    assert calls == [4, 4]
    np.testing.assert_array_equal(made.intensity, lazily.intensity)
    floor = scan.xrfsr.superresolve(method="kriging")

    def error(fine: xr.Dataset) -> float:
        return float(((fine.intensity - truth.intensity.values) ** 2).sum())

    # 0.53 with and without bfloat16, with AVX-512 and without.
    assert error(made) < 0.8 * error(floor)


def test_one_window_is_not_the_whole(
    painting: xrfsr.simulate.Painting, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One window to be prepared on, and one tile for all: they are not taken for each other."""
    monkeypatch.setattr("xrfsr.pipeline.plan.MAX_UNTILED_PIXELS", 2**12)
    monkeypatch.setattr("xrfsr.pipeline.tiles.WINDOW_SIZE", 64)
    scan, rgb = lazy(painting)
    made = painting.scan.xrfsr.superresolve(painting.rgb, model=model, chunk=1000)
    assert made.intensity.shape == painting.truth.intensity.shape
    lazily = scan.xrfsr.superresolve(rgb, model=model, chunk=1000)
    np.testing.assert_array_equal(made.intensity, lazily.intensity)

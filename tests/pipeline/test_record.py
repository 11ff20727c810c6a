"""What results record of how they were made, and of what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from quick import QUICK as SHORT
from quick import assert_same

import xrfsr
from xrfsr.core.provenance import checksum
from xrfsr.methods.unfolding import Unfolding

QUICK: dict[str, Any] = SHORT | {"progress": False, "device": "cpu"}
LINES = ["Fe-K", "Pb-L", "Compton"]


@pytest.fixture(scope="module")
def painting() -> xrfsr.simulate.Painting:
    made = xrfsr.simulate.painting(64, 80, 4, seed=20, lines=["Fe-K", "Pb-L", "Ca-K"])
    return made._replace(scan=made.scan.assign_coords(line=LINES).xrfsr.validate())


@pytest.fixture(scope="module")
def fine(painting: xrfsr.simulate.Painting) -> xr.Dataset:
    made: xr.Dataset = painting.scan.xrfsr.superresolve(painting.rgb, seed=3, **QUICK)
    return made


@pytest.fixture(scope="module")
def lazy(painting: xrfsr.simulate.Painting) -> xr.Dataset:
    scan, rgb = painting.scan.chunk(y=5), painting.rgb.chunk(x=30)
    made: xr.Dataset = scan.xrfsr.superresolve(rgb, seed=3, **QUICK)
    return made


def parsed(fine: Any, name: str) -> Any:
    return json.loads(fine.attrs[f"xrfsr_{name}"])


def test_the_options_are_the_arguments_of_the_same_call(painting: xrfsr.simulate.Painting, fine: xr.Dataset) -> None:
    given = parsed(fine, "options")
    assert {
        "steps": 6,
        "K": 2,
        "seed": 3,
        "scale": 4.0,
        "method": "unfolding",
        "refine": "shift",
    }.items() <= given.items()
    assert "checkpoint" not in given
    again = painting.scan.xrfsr.superresolve(painting.rgb, progress=False, **given)
    assert_same(again, fine)


@pytest.mark.filterwarnings("ignore:negative values remain")
def test_a_beam_is_recorded_in_mm(painting: xrfsr.simulate.Painting) -> None:
    beam = {"footprint": "gaussian", "fwhm": "300 um", "smear": ("0 mm", "0.05 cm")}
    made = painting.scan.xrfsr.superresolve(method="kriging", chunk=np.int64(64), **beam)
    given = parsed(made, "options")
    assert (given["fwhm"], given["smear"], given["chunk"]) == ([0.3, 0.3], [0.0, 0.5], 64)
    assert_same(painting.scan.xrfsr.superresolve(**given), made)


def test_contents_are_recorded(painting: xrfsr.simulate.Painting, fine: xr.Dataset) -> None:
    assert fine.attrs["xrfsr_scan_checksum"] == checksum(painting.scan[["intensity"]])
    assert fine.attrs["xrfsr_photo_checksum"] == checksum(painting.rgb)
    assert parsed(fine, "libraries")["numpy"] == np.__version__
    assert "xrfsr_unknown" not in fine.attrs


def test_the_part_of_the_photo_over_the_scan_counts(painting: xrfsr.simulate.Painting) -> None:
    fast: dict[str, Any] = {"method": "gsa", "refine": None}
    crop = painting.scan.isel(x=slice(0, 12))
    changed = painting.rgb.copy(deep=True)
    changed[:, :, 60:] = 0.5
    one, other = (crop.xrfsr.superresolve(rgb, **fast) for rgb in (painting.rgb, changed))
    assert_same(one, other)
    changed[0, 5, 5] = 0.123
    assert crop.xrfsr.superresolve(changed, **fast).attrs["xrfsr_photo_checksum"] != one.attrs["xrfsr_photo_checksum"]


def test_durations_of_the_parts_are_recorded(painting: xrfsr.simulate.Painting, fine: xr.Dataset) -> None:
    seconds = parsed(fine, "durations_s")
    assert list(seconds) == ["place of the photo", "training", "reconstruction"]
    assert all(each >= 0 for each in seconds.values())
    assert list(parsed(painting.scan.xrfsr.superresolve(method="kriging"), "durations_s")) == ["reconstruction"]


def test_the_training_curve_has_the_loss_of_every_network(
    painting: xrfsr.simulate.Painting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrfsr.network.trainer.MIN_VALIDATION_INTERVAL", 4)
    made = painting.scan.xrfsr.superresolve(painting.rgb, **QUICK, refine=None)
    curve = parsed(made, "training_curve")
    assert list(curve) == ["network 1", "network 2", "network 3"]
    for points in curve.values():
        assert [step for step, _ in points] == [4, 6]
        assert all(0 < loss < 1 for _, loss in points)


def test_weights_and_scores_are_recorded_by_line(fine: xr.Dataset) -> None:
    weights, scores = parsed(fine, "weights"), parsed(fine, "held_out")
    assert list(weights) == list(scores) == LINES
    for number, line in enumerate(LINES):
        shares = {name: value for name, value in weights[line].items() if name != "prior"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
        assert 1 - shares["baseline"] == pytest.approx(float(fine.guided_share[number]), abs=1e-3)
        assert weights[line]["prior"] == pytest.approx(float(fine.prior_share[number]), abs=1e-3)
    assert weights["Compton"] == {"baseline": 1.0, "prior": 0.0}
    assert scores["Compton"] == {"ensemble_db": None, "photo_db": None}
    assert scores["Fe-K"]["photo_db"] == pytest.approx(float(fine.photo_gain[0]), abs=1e-3)
    assert np.isfinite(scores["Fe-K"]["ensemble_db"])


def test_a_lazy_result_says_what_it_cannot_know(fine: xr.Dataset, lazy: xr.Dataset) -> None:
    names, _, reason = lazy.attrs["xrfsr_unknown"].partition(": ")
    later = {f"xrfsr_{name}" for name in names.split(", ")}
    assert later == fine.attrs.keys() - lazy.attrs.keys()
    assert {f"xrfsr_{name}" for name in Unfolding.measured} <= later
    assert {"xrfsr_scan_checksum", "xrfsr_photo_checksum", "xrfsr_durations_s"} <= later
    assert reason == "this was written before the maps were computed"
    assert_same(lazy.compute(), fine)


def test_what_is_in_memory_is_known_of_a_lazy_result(painting: xrfsr.simulate.Painting, fine: xr.Dataset) -> None:
    made = painting.scan.xrfsr.superresolve(painting.rgb.chunk(x=30), **QUICK)
    assert made.attrs["xrfsr_scan_checksum"] == fine.attrs["xrfsr_scan_checksum"]
    assert "photo_checksum" in made.attrs["xrfsr_unknown"]


def test_a_model_that_was_passed_is_recorded(painting: xrfsr.simulate.Painting, fine: xr.Dataset) -> None:
    model = painting.scan.xrfsr.train(painting.rgb, seed=3, **QUICK)
    made = painting.scan.xrfsr.superresolve(painting.rgb, model=model, seed=3, device="cpu", progress=False)
    assert made.attrs["xrfsr_model"] == model.fingerprint
    assert "xrfsr_model" not in fine.attrs
    assert_same(made, fine, but="model")


@pytest.mark.parametrize("kind", ["Dataset", "DataArray"])
@pytest.mark.parametrize("form", ["netCDF", "zarr", "GeoTIFF"])
def test_files_keep_the_record(fine: xr.Dataset, kind: str, form: str, tmp_path: Path) -> None:
    record = {name: value for name, value in fine.attrs.items() if name.startswith("xrfsr_")}
    assert all(type(value) in (str, int, float) for value in record.values())
    made: Any = fine if kind == "Dataset" else fine.intensity.assign_attrs(record)
    if form == "netCDF":
        made.to_netcdf(tmp_path / "fine.nc")
        with xr.open_dataset(tmp_path / "fine.nc") as opened:
            stored = opened if kind == "Dataset" else opened["intensity"]
    elif form == "zarr":
        made.xrfsr.to_zarr(tmp_path / "fine.zarr")
        opened = xr.open_zarr(tmp_path / "fine.zarr")
        stored = opened if kind == "Dataset" else opened["intensity"]
    else:
        with pytest.warns(UserWarning, match="has no place for"):
            made.xrfsr.to_geotiff(tmp_path / "fine.tif")
        stored = xrfsr.open_scan(tmp_path / "fine.tif")
    assert {name: value for name, value in stored.attrs.items() if name.startswith("xrfsr_")} == record

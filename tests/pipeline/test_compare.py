"""Methods side by side: what the table says, what it is measured against, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.methods import registry
from xrfsr.simulate import Painting

FAST = ["bilinear", "kriging", "gsa"]


@pytest.fixture(scope="module")
def painting() -> Painting:
    return xrfsr.simulate.painting(96, 128, 4, seed=1, lines=["Ca-K", "Fe-K", "Pb-L"])


def test_scores_are_those_of_the_results(painting: Painting) -> None:
    compared = painting.scan.xrfsr.compare(painting.rgb, methods=FAST, truth=painting.truth, progress=False)
    assert compared.score.dims == ("algorithm", "line", "metric")
    assert compared.pooled.dims == ("algorithm", "metric")
    assert compared.algorithm.values.tolist() == FAST
    peak = painting.truth.intensity.max(("y", "x"))
    for name in FAST:
        fine = painting.scan.xrfsr.superresolve(painting.rgb, method=name)
        square = ((fine.intensity - painting.truth.intensity) / peak) ** 2
        rmse = compared.score.sel(algorithm=name, metric="rmse")
        np.testing.assert_allclose(rmse, np.sqrt(square.mean(("y", "x"))), rtol=1e-5)
        pooled = float(np.sqrt(square.mean()))
        both = compared.pooled.sel(algorithm=name, metric=["rmse", "psnr"])
        np.testing.assert_allclose(both, [pooled, -20 * np.log10(pooled)], rtol=1e-5)
    assert np.isfinite(compared.seconds).all()


def test_further_measures_are_those_of_quality(painting: Painting) -> None:
    compared = painting.scan.xrfsr.compare(methods=["kriging", "bilinear"], truth=painting.truth, progress=False)
    for name in ("kriging", "bilinear"):
        measured = painting.scan.xrfsr.superresolve(method=name).xrfsr.quality(painting.truth)
        for measure in ("ssim", "edge_sharpness", "ratio_error", "spectral_angle", "ergas"):
            assert compared[measure].dims == ("algorithm", *measured[measure].dims)
            np.testing.assert_allclose(compared[measure].sel(algorithm=name), measured[measure], rtol=1e-6)


def test_a_lazy_truth_is_read_once(painting: Painting) -> None:
    reads: list[object] = []
    lazy = painting.truth.chunk()
    blocks = lazy.intensity.data.map_blocks(
        lambda block: reads.append(block.shape) or block, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)
    )
    counted = lazy.assign(intensity=lazy.intensity.copy(data=blocks))
    compared = painting.scan.xrfsr.compare(methods=["bilinear", "bicubic"], truth=counted, progress=False)
    assert np.isfinite(compared.score).all()
    assert reads == [painting.truth.intensity.shape]


def test_without_truth_the_scan_is_made_coarser(painting: Painting) -> None:
    compared = painting.scan.xrfsr.compare(painting.rgb, scale=2, methods=FAST, progress=False)
    coarser = painting.scan.xrfsr.resample(scale=1 / 2)
    expected = coarser.xrfsr.compare(painting.rgb, scale=2, methods=FAST, truth=painting.scan, progress=False)
    xr.testing.assert_identical(compared[["score", "pooled"]], expected[["score", "pooled"]])


def test_all_methods_are_tried_but_those_that_need_more(painting: Painting, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: registry._BUILT_IN[name] for name in ("unfolding", "bicubic", "sisr")}
    monkeypatch.setattr(registry, "_BUILT_IN", kept)
    few = {"unfolding": {"steps": 3, "K": 2, "M": 8}}
    compared = painting.scan.xrfsr.compare(painting.rgb, truth=painting.truth, settings=few, progress=False)
    assert compared.algorithm.values.tolist() == ["unfolding", "bicubic"]


def test_scatter_is_scored_but_not_pooled(painting: Painting) -> None:
    scan, truth = (
        xrfsr.as_scan(each.intensity.values, ["Ca-K", "Compton", "Pb-L"], size)
        for each, size in ((painting.scan, 1.0), (painting.truth, 0.25))
    )
    compared = scan.xrfsr.compare(methods=["bilinear"], truth=truth, progress=False)
    rmse = compared.score.sel(algorithm="bilinear", metric="rmse").values
    assert np.isfinite(rmse).all()
    np.testing.assert_allclose(compared.pooled[0, 0], np.sqrt((rmse[[0, 2]] ** 2).mean()), rtol=1e-6)


def test_a_method_that_fails_is_named_and_the_others_go_on(painting: Painting, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr("xrfsr.methods.gsa.bicubic", fails)
    with pytest.warns(UserWarning, match="1 of 3 methods failed: gsa: MemoryError: too much"):
        compared = painting.scan.xrfsr.compare(painting.rgb, methods=FAST, truth=painting.truth, progress=False)
    for name in compared:
        assert np.isnan(compared[name].sel(algorithm="gsa")).all(), name
    assert np.isfinite(compared.score.sel(algorithm=["bilinear", "kriging"])).all()


def test_every_fault_at_once(painting: Painting) -> None:
    with pytest.raises(InvalidInput) as caught:
        painting.scan.xrfsr.compare(
            painting.rgb,
            methods=["bilinear", "bilinear", "krigging"],
            truth=painting.truth.isel(line=[0, 1]),
            settings={"gsa": {}, "bilinear": {"projected": 3}},
        )
    message = str(caught.value)
    for part in (
        "'krigging' is unknown; did you mean 'kriging'?",
        "bilinear: projected must be True or False, got 3",
        "methods must have each name once, got ['bilinear', 'bilinear', 'krigging']",
        "settings are for 'gsa', which is not among methods",
        "truth has the lines Ca-K, Fe-K, the scan has Ca-K, Fe-K, Pb-L",
    ):
        assert part in message
    with pytest.raises(InvalidInput, match="rgb is missing: pass the photo, which is needed by gsa"):
        painting.scan.xrfsr.compare(methods=FAST, truth=painting.truth)
    with pytest.raises(InvalidInput, match=r"truth has the grid .* the result would have"):
        painting.scan.xrfsr.compare(methods=["bilinear"], scale=2, truth=painting.truth)


@pytest.mark.parametrize("metric", ["psnr", "rmse", "psnr_corrected", "rmse_corrected"])
def test_picture(painting: Painting, metric: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    truth = painting.truth.assign(uncertainty=xr.full_like(painting.truth.intensity, 0.1))
    compared = painting.scan.xrfsr.compare(painting.rgb, methods=FAST, truth=truth, progress=False)
    score_axes, _ = xrfsr.plot.comparison(compared, metric)
    names = [label.get_text() for label in score_axes.get_yticklabels()]
    score = compared.pooled.sel(metric=metric).to_series()
    assert names == list(score.sort_values(ascending="psnr" in metric).index)  # the best on top
    assert ("without the noise" in score_axes.get_xlabel()) == metric.endswith("corrected")
    score_axes.figure.savefig(tmp_path / "comparison.png")
    with pytest.raises(InvalidInput, match=r"metric must be one of 'rmse', 'psnr', .*, got 'ssim'"):
        xrfsr.plot.comparison(compared, "ssim")
    with pytest.raises(InvalidInput, match="compared has no 'score'"):
        xrfsr.plot.comparison(painting.scan)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": 10}, "compare has no argument 'steps', it has device, seed"),
        ({"seed": -1}, "seed must be an integer ≥ 0, got -1"),
        ({"footprint": "gauss"}, "did you mean 'gaussian'?"),
        ({"fwhm": 0.5}, "footprint 'area' has no fwhm"),
        ({"progress": "no"}, "progress must be True, False or None, got 'no'"),
        ({"methods": {"gsa": {}}}, "methods must be a list of names"),
        ({"settings": ["gsa"]}, "settings must map methods to options"),
    ],
)
def test_options_of_all_methods_are_checked_before_any_is_tried(
    painting: Painting, options: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)):
        painting.scan.xrfsr.compare(painting.rgb, **{"methods": FAST, "progress": False, **options})


def nothing_may_run(*_: Any, **__: Any) -> None:
    raise AssertionError("a method was tried")


@pytest.mark.parametrize("size", [(4, 9), (9, 5), (15, 40)])
def test_a_scan_that_is_too_small_is_refused_before_any_method_is_tried(
    painting: Painting, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrfsr.pipeline.compare.superresolve", nothing_may_run)
    rows, columns = size
    little = painting.scan.isel(y=slice(0, rows), x=slice(0, columns))
    with pytest.raises(
        InvalidInput, match=r"the scan made 2 times coarser, \d+ x \d+ pixels; at least 8 x 8 are needed"
    ):
        little.xrfsr.compare(painting.rgb, 2, methods=FAST, progress=False)
    if min(size) < 8:
        truth = painting.truth.isel(y=slice(0, 4 * rows), x=slice(0, 4 * columns))
        with pytest.raises(InvalidInput, match=rf"the scan has {rows} x {columns} pixels; at least 8 x 8 are needed"):
            little.xrfsr.compare(painting.rgb, methods=FAST, truth=truth, progress=False)


def test_the_scale_that_would_do_is_named(painting: Painting) -> None:
    with pytest.raises(InvalidInput, match=r"made 4 times coarser, 6 x 8 pixels.*: use scale=3 or less, or pass truth"):
        painting.scan.xrfsr.compare(painting.rgb, methods=FAST, progress=False)
    assert painting.scan.xrfsr.compare(painting.rgb, 3, methods=["bilinear"], progress=False).pooled.notnull().all()


@pytest.mark.parametrize("scale", [1.5, 2, 2.8])
def test_rows_that_the_coarser_scan_cannot_restore_are_left_out(painting: Painting, scale: float) -> None:
    scan = painting.scan.isel(y=slice(23), x=slice(29))
    assert round(round(23 / scale) * scale) != 23
    compared = scan.xrfsr.compare(scale=scale, methods=["bilinear"], progress=False)
    assert np.isfinite(compared.score).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rgb": "half"}, "the photo covers only part of the scan"),
        ({"rgb": "coarse"}, "the photo is coarser than the result"),
        ({"footprint": "gaussian", "fwhm": "1.6 mm"}, "to agree with the scan exactly, the result multiplies"),
        ({"settings": {"unfolding": {"chekpoint": "there"}}}, "did you mean 'checkpoint'?"),
        ({"settings": {"unfolding": {"checkpoint": "nowhere/at/all"}}}, "unfolding: checkpoint 'nowhere/at/all' does"),
        ({"settings": {"unfolding": {"steps": "many"}}}, "steps must be an integer"),
        ({"device": "cuuda"}, "cuuda"),
        ({"chunk": 3}, "chunk must be an integer ≥ 16"),
    ],
)
def test_what_would_fail_in_every_method_is_refused_before_any_is_tried(
    painting: Painting, options: dict[str, Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xrfsr.pipeline.compare.superresolve", nothing_may_run)
    photos = {"half": painting.rgb.isel(x=slice(0, 64)), "coarse": painting.rgb.xrfsr.resample(scale=0.5)}
    rgb = photos.get(options.pop("rgb", ""), painting.rgb)
    with pytest.raises(InvalidInput, match=re.escape(text)):
        painting.scan.xrfsr.compare(
            rgb, methods=["unfolding", "bilinear"], truth=painting.truth, progress=False, **options
        )


def test_a_model_of_another_painting_is_refused_before_any_method_is_tried(
    painting: Painting, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = painting.scan.isel(line=[0, 1]).xrfsr.train(
        painting.rgb, 2, steps=1, K=1, M=4, inputs="bilinear", views="pixel", progress=False
    )
    monkeypatch.setattr("xrfsr.pipeline.compare.superresolve", nothing_may_run)
    with pytest.raises(InvalidInput) as caught:
        painting.scan.isel(line=[2]).xrfsr.compare(
            painting.rgb,
            methods=["unfolding"],
            truth=painting.truth.isel(line=[2]),
            settings={"unfolding": {"model": model}},
            progress=False,
        )
    for text in ("unfolding: the model needs Ca-K, Fe-K", "the model was trained for scale 2, not 4"):
        assert text in str(caught.value)


def test_methods_that_need_no_photo_ignore_one_that_does_not_fit(painting: Painting) -> None:
    compared = painting.scan.xrfsr.compare(
        painting.rgb.isel(x=slice(0, 64)), methods=["bilinear"], truth=painting.truth, progress=False
    )
    assert compared.pooled.notnull().all()


def test_a_table_of_nothing_but_gaps_is_an_error(painting: Painting, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise InvalidInput("input", ["no contrast"])

    monkeypatch.setattr("xrfsr.pipeline.compare.superresolve", refuses)
    with pytest.raises(InvalidInput, match=r"kriging: no contrast[\s\S]*bilinear: no contrast"):
        painting.scan.xrfsr.compare(methods=["kriging", "bilinear"], truth=painting.truth, progress=False)


def test_one_method_is_selected_by_name(painting: Painting) -> None:
    compared = painting.scan.xrfsr.compare(methods=["kriging", "bilinear"], truth=painting.truth, progress=False)
    assert not {"method", "tolerance", "drop", "indexers"} & set(compared.dims)  # arguments of .sel
    one = compared.sel(algorithm="kriging", metric="psnr")
    assert one.pooled.ndim == 0
    assert one.score.dims == ("line",)

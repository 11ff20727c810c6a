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
    assert compared.score.dims == ("method", "line", "metric")
    assert compared.pooled.dims == ("method", "metric")
    assert compared.method.values.tolist() == FAST
    peak = painting.truth.intensity.max(("y", "x"))
    for name in FAST:
        fine = painting.scan.xrfsr.superresolve(painting.rgb, method=name)
        square = ((fine.intensity - painting.truth.intensity) / peak) ** 2
        rmse = compared.score.loc[{"method": name, "metric": "rmse"}]
        np.testing.assert_allclose(rmse, np.sqrt(square.mean(("y", "x"))), rtol=1e-5)
        pooled = float(np.sqrt(square.mean()))
        np.testing.assert_allclose(compared.pooled.loc[{"method": name}], [pooled, -20 * np.log10(pooled)], rtol=1e-5)
    assert np.isfinite(compared.seconds).all()


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
    assert compared.method.values.tolist() == ["unfolding", "bicubic"]


def test_scatter_is_scored_but_not_pooled(painting: Painting) -> None:
    scan, truth = (
        xrfsr.as_scan(each.intensity.values, ["Ca-K", "Compton", "Pb-L"], size)
        for each, size in ((painting.scan, 1.0), (painting.truth, 0.25))
    )
    compared = scan.xrfsr.compare(methods=["bilinear"], truth=truth, progress=False)
    rmse = compared.score.loc[{"method": "bilinear", "metric": "rmse"}].values
    assert np.isfinite(rmse).all()
    np.testing.assert_allclose(compared.pooled[0, 0], np.sqrt((rmse[[0, 2]] ** 2).mean()), rtol=1e-6)


def test_a_method_that_fails_is_named_and_the_others_go_on(painting: Painting, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr("xrfsr.methods.gsa.bicubic", fails)
    with pytest.warns(UserWarning, match="1 of 3 methods failed: gsa: MemoryError: too much"):
        compared = painting.scan.xrfsr.compare(painting.rgb, methods=FAST, truth=painting.truth, progress=False)
    for name in ("score", "pooled", "seconds"):
        assert np.isnan(compared[name].loc[{"method": "gsa"}]).all()
    assert np.isfinite(compared.score.loc[{"method": ["bilinear", "kriging"]}]).all()


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
    with pytest.raises(InvalidInput, match="rgb is missing, and gsa need a photo"):
        painting.scan.xrfsr.compare(methods=FAST, truth=painting.truth)
    with pytest.raises(InvalidInput, match=r"truth has the grid .* the result would have"):
        painting.scan.xrfsr.compare(methods=["bilinear"], scale=2, truth=painting.truth)


@pytest.mark.parametrize("metric", ["psnr", "rmse"])
def test_picture(painting: Painting, metric: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    compared = painting.scan.xrfsr.compare(painting.rgb, methods=FAST, truth=painting.truth, progress=False)
    figure = xrfsr.plot.comparison(compared, metric)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    score = compared.pooled.sel(metric=metric).to_series()
    assert names == list(score.sort_values(ascending=metric == "psnr").index)  # the best on top
    figure.savefig(tmp_path / "comparison.png")
    with pytest.raises(InvalidInput, match="metric must be one of 'rmse', 'psnr', got 'ssim'"):
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

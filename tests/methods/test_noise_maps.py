"""A map of noise among others: it gets no shapes, and gives none."""

from __future__ import annotations

import numpy as np
import pytest

import xrfsr
from xrfsr.methods import unfolding
from xrfsr.network.model import Model
from xrfsr.simulate import Painting

QUICK = {"steps": 5, "K": 2, "M": 4, "inputs": "leave-out", "views": "pixel"}


@pytest.fixture(scope="module")
def noisy() -> tuple[Painting, Model]:
    """Return a painting whose scan has a line of noise, and a model."""
    made = xrfsr.simulate.painting(96, 96, 4, seed=0, lines=["Ca-K", "Pb-L"])
    noise = np.random.default_rng(0).poisson(5, (1, 24, 24))
    scan = xrfsr.as_scan(np.concatenate([made.scan.intensity.values, noise]), ["Ca-K", "Pb-L", "Ni-K"], "1 mm")
    return made._replace(scan=scan), scan.xrfsr.train(made.rgb, refine=None, progress=False, **QUICK)


def test_a_map_of_noise_is_the_kriging_baseline(noisy: tuple[Painting, Model]) -> None:
    (_, scan, rgb), model = noisy
    baseline = scan.xrfsr.superresolve(method="kriging").intensity
    fine = scan.xrfsr.superresolve(rgb, model=model, refine=None).intensity
    np.testing.assert_array_equal(fine.sel(line="Ni-K"), baseline.sel(line="Ni-K"))
    assert (fine != baseline).any(("y", "x")).values.tolist() == [True, True, False]


def test_the_edges_are_those_of_the_other_maps(noisy: tuple[Painting, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    (_, scan, rgb), model = noisy
    fine = scan.xrfsr.superresolve(rgb, model=model, refine=None).intensity

    def difference(noise: float) -> float:
        monkeypatch.setattr(unfolding, "signal_share", lambda scans: np.array([1.0, 1.0, noise]))
        other = scan.xrfsr.superresolve(rgb, model=model, refine=None).intensity
        return float((abs(other - fine) / fine.std(("y", "x")))[:2].max())

    assert difference(0.0) < 0.2 * difference(1.0)

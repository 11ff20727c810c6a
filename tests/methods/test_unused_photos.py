"""A photo that helps no map: nothing is trained, and the result is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xrfsr
from xrfsr.kriging.photo_gain import PhotoGain
from xrfsr.methods import unfolding
from xrfsr.network.trainer import Trainer

QUICK: dict[str, Any] = {"pixels": 64, "K": 2, "M": 8, "progress": False, "device": "cpu", "refine": None}


@pytest.mark.filterwarnings("ignore:the photo does not help")
def test_nothing_is_trained_for_a_photo_that_helps_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    step = Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda self: (taken.append(1), step(self))[1])
    _, scan, rgb = xrfsr.simulate.painting(96, 96, scale=4, seed=20, lines=["Fe-K", "Hg-L", "Pb-L"])
    wrong = rgb.copy(data=rgb.values[:, ::-1])
    found = scan.xrfsr.superresolve(wrong, 4, steps=20, **QUICK)
    assert len(taken) == 3, "one step of each network, for its shape"
    assert found.attrs["xrfsr_steps"] == 0
    assert (found.guided_share == 0).all()
    model = scan.xrfsr.train(wrong, 4, steps=20, **QUICK)
    assert len(taken) == 3 + 3 * 20
    expected = scan.xrfsr.superresolve(wrong, 4, model=model, progress=False, device="cpu", refine=None)
    np.testing.assert_array_equal(found.intensity, expected.intensity)
    for name in ("guided_share", "photo_gain", "prior_share"):
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.filterwarnings("ignore:the photo does not help")
def test_a_photo_counts_as_far_as_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    _, scan, rgb = xrfsr.simulate.painting(64, 64, scale=4, seed=21, lines=["Fe-K", "Hg-L"])
    scan["intensity"] = scan.intensity + 5000  # far from zero, where results would be clipped
    model = scan.xrfsr.train(rgb, 4, steps=20, along_edges=0.0, **QUICK)
    judge = unfolding.gain_of_samples

    def trusted(trust: float) -> np.ndarray[Any, Any]:
        def judged(*arguments: Any) -> PhotoGain:
            return judge(*arguments)._replace(trust=np.full(2, trust, np.float32))

        monkeypatch.setattr(unfolding, "gain_of_samples", judged)
        made = scan.xrfsr.superresolve(
            rgb, 4, model=model, prior=False, progress=False, device="cpu", refine=None
        ).transpose("line", "y", "x")
        return np.asarray(made.intensity.values, np.float64)

    none, some, whole = (trusted(trust) for trust in (0.0, 0.25, 1.0))
    np.testing.assert_allclose(none, scan.xrfsr.superresolve(scale=4, method="kriging").intensity.values, rtol=1e-4)
    assert np.abs(whole - none).max() > 0.01 * np.ptp(none)
    np.testing.assert_allclose(some, none + 0.25 * (whole - none), rtol=1e-4)

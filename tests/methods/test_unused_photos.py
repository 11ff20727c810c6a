"""A photo that helps no map: nothing is trained, and the result is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import xrfsr
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

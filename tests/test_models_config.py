"""The settings of a training run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from xrfsr.errors import InvalidInput
from xrfsr.models import TrainingConfig


def test_settings_are_checked_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        TrainingConfig(K=0, M=True, steps=1.5, learning_rate=float("nan"), inputs=("nearest",), transfer=(1.0, 2.0))
    assert len(caught.value.faults) == 6
    for part in ("K is 0", "M is True", "steps is 1.5", "learning_rate is nan", "nearest", "transfer"):
        assert part in str(caught.value)
    for bad in ({"mixing": 1.5}, {"held_out": 0.9}, {"alpha_1": -1}, {"inputs": ()}):
        with pytest.raises(InvalidInput, match=next(iter(bad))):
            TrainingConfig().override(**bad)


def test_settings_survive_json() -> None:
    config = TrainingConfig(inputs=("bilinear", "leave-out", "leave-out"), transfer=(0.0, 0.1, 0.2), K=3)
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert TrainingConfig(transfer=0.5).transfers == (0.5, 0.5)


def test_settings_are_taken_for_what_they_mean() -> None:
    meant = TrainingConfig(K=3, inputs=("bilinear",), transfer=0.5)
    assert TrainingConfig(K=np.int64(3), inputs="bilinear", transfer=np.float64(0.5)) == meant
    assert TrainingConfig(K=3, inputs=["bilinear"], transfer=[0.5]).transfers == (0.5,)


@pytest.mark.parametrize("wrong", [{"inputs": 5}, {"inputs": "nearest"}, {"zero_blocks": "no"}, {"held_out": 0.7}])
def test_settings_of_a_wrong_kind_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        TrainingConfig(**wrong)

"""The settings of a training run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from xrfsr.errors import InvalidInput
from xrfsr.network import TrainingConfig
from xrfsr.network.config import PRESETS


def test_settings_are_checked_all_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        TrainingConfig(K=0, M=True, steps=1.5, learning_rate=float("nan"), inputs=("nearest",), transfer=(1.0, 2.0))
    assert len(caught.value.faults) == 7
    for part in (
        "K must be an integer from 1 to 100, got 0",
        "M must",
        "steps must",
        "learning_rate must be a number from 0 to 1,000,000,000, got nan",
        "nearest",
        "transfer",
        "views",
    ):
        assert part in str(caught.value)
    views = ("blurred", ("sharp",), ("pixel", "soft", "soft"))
    wrong = ({"mixing": 1.5}, {"held_out": 0.9}, {"alpha_1": -1}, {"inputs": ()}, *({"views": view} for view in views))
    for bad in wrong:
        with pytest.raises(InvalidInput, match=next(iter(bad))):
            TrainingConfig().override(**bad)


def test_settings_survive_json() -> None:
    config = TrainingConfig(inputs=("bilinear", "leave-out", "leave-out"), transfer=(0.0, 0.1, 0.2), K=3)
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert TrainingConfig(transfer=0.5).member_transfers == (0.5, 0.5, 0.5)


def test_settings_are_taken_for_what_they_mean() -> None:
    meant = TrainingConfig(K=3, inputs=("bilinear",), views="pixel", transfer=0.5)
    assert TrainingConfig(K=np.int64(3), inputs="bilinear", views="pixel", transfer=np.float64(0.5)) == meant
    assert TrainingConfig(K=3, inputs=["bilinear"], views=["soft"], transfer=[0.5]).member_transfers == (0.5,)


@pytest.mark.parametrize("wrong", [{"inputs": 5}, {"inputs": "nearest"}, {"zero_blocks": "no"}, {"held_out": 0.7}])
def test_settings_of_a_wrong_kind_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        TrainingConfig(**wrong)


def test_presets_are_found_by_name_and_changed_by_keyword() -> None:
    assert TrainingConfig.preset("default") == TrainingConfig()
    assert TrainingConfig.preset("paper").override(steps=5).steps == 5
    assert sorted(PRESETS) == ["default", "paper"]
    for wrong, text in (("papre", "did you mean 'paper'"), (3, "unknown preset 3; choose from default, paper")):
        with pytest.raises(InvalidInput, match=text):
            TrainingConfig.preset(wrong)  # type: ignore[arg-type]


def test_the_default_stays_within_ten_million_pixel_evaluations() -> None:
    config = TrainingConfig()
    assert config.pixels is not None
    # A quarter as many again are of the scan itself, for scale transfer.
    assert config.steps * len(config.inputs) * config.pixels * 5 // 4 <= 10**7


@pytest.mark.parametrize(
    "wrong",
    [
        {"patch": 24},
        {"patch": 4},
        {"patches": 0},
        {"windows": 0},
        {"pixels": 0},
        {"adversarial_steps": -1},
        {"alpha_2": -1.0},
        {"beta": 1.5},
        {"generator_rate": float("inf")},
        {"weight_limit": 0},
        {"schedule": "cosine"},
        {"final_sigmoid": True},
        {"precision": "float16"},
    ],
)
def test_every_field_is_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} must"):
        TrainingConfig().override(**wrong)


def test_another_number_of_inputs_brings_its_own_transfer() -> None:
    assert TrainingConfig().override(inputs="bilinear").member_transfers == (1.0,)
    assert TrainingConfig().override(inputs=("bilinear", "leave-out")).member_transfers == (1.0, 1.0)
    three = TrainingConfig().override(inputs=("bilinear", "leave-out", "leave-out"))
    assert three.member_transfers == TrainingConfig().transfer
    assert TrainingConfig().override(inputs=("leave-out",), transfer=0.2).member_transfers == (0.2,)
    assert TrainingConfig().override(inputs=("leave-out",)).member_views == ("sharp",)
    assert TrainingConfig.preset("paper").override(inputs=("leave-out",) * 2).member_views == ("pixel", "pixel")

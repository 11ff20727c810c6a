"""Pixels that are held out from training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import CPU, problem

from xrfsr.network import TrainingConfig
from xrfsr.network.held_out import MIN_HELD_OUT, draw_held_out, held_out_pixels
from xrfsr.network.training import Run, TrainingExample, prepare_data


@given(st.integers(0, 5000), st.floats(0.01, 0.5), st.integers(0, 2**40))
def test_the_share_that_is_drawn(cells: int, share: float, seed: int) -> None:
    drawn = draw_held_out(cells, share, torch.Generator().manual_seed(seed))
    assert len(set(drawn.tolist())) == len(drawn)
    assert all(0 <= number < cells for number in drawn.tolist())
    assert len(drawn) == max(round(share * cells), min(MIN_HELD_OUT, cells // 4))
    assert not len(draw_held_out(cells, 0.0, torch.Generator().manual_seed(seed)))


def test_they_are_the_pixels_that_training_leaves_out() -> None:
    one = problem()
    gaps = one.measured.copy()
    gaps[:, :3] = False
    gaps[0] = False  # drawn is what any line has
    windows = [one, replace(one, measured=gaps)]
    config, seed = TrainingConfig(K=2, M=8, held_out=0.3, transfer=0.0), 11
    examples = [TrainingExample(each.scan, each.photo, each.U, each.training_mask) for each in windows]
    _, whole, held_out = prepare_data(examples, config, Run(CPU, seed, False))
    expected = np.zeros(len(whole.target), bool)
    expected[held_out.numpy()] = True
    made = held_out_pixels([each.training_mask for each in windows], 0.3, seed)
    np.testing.assert_array_equal(np.concatenate([each.ravel() for each in made]), expected)
    assert not made[1][:3].any()
    assert expected.sum() > 0

"""Record of a run in plain values: the training, and for every line the weights and the scores on held-out pixels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from xrfsr.methods.unfolding.prepared import PreparedUnfolding
from xrfsr.network.model import Model

__all__ = ["lines_record", "training_record"]


def training_record(model: Model) -> dict[str, Any]:
    """Return seed, device and steps of the training of a model, and its curve as JSON text.

    The curve has for every network pairs of a step and the loss on the validation cells after it, null where training
    diverged.
    """
    made = dict(model.training)
    curve = made.pop("curve", [])
    networks = {f"network {number}": points for number, points in enumerate(curve, 1) if points}
    return made | {"training_curve": json.dumps(networks)}


def lines_record(made: PreparedUnfolding, lines: Sequence[str]) -> dict[str, Any]:
    """Return the weights of the estimates and the scores on held-out pixels, by line, as JSON text.

    Parameters
    ----------
    made : PreparedUnfolding
        Method with all that it has learned of the painting.
    lines : sequence of str
        Labels of the maps of the painting.

    Returns
    -------
    dict of str to str
        ``weights``: of the networks, of kriging along the photo and of the baseline, which sum to one, and the share of
        the prior's correction. ``held_out``: gains over the baseline in dB, of the weighted estimate on pixels held out
        from training, and of kriging along the photo on all pixels, each left out in turn; null where there is none.
    """
    weights: dict[str, dict[str, Any]] = {line: {"baseline": 1.0, "prior": 0.0} for line in lines}
    scores: dict[str, dict[str, float | None]] = {line: {"ensemble_db": None, "photo_db": None} for line in lines}
    for line, gain in zip(lines, made.line_values.get("photo_gain", ()), strict=False):
        scores[line]["photo_db"] = _rounded(gain)
    if (model := made.model) is not None:
        members = len(model.config.inputs)
        for number, line in enumerate(model.lines):
            if model.held_out_gain is not None:
                scores[line]["ensemble_db"] = _rounded(model.held_out_gain[number])
            if not made.guided[number]:
                continue
            taken = np.asarray(model.weights[:-1, number] * made.trust[number] * made.kept[number], np.float64)
            names = [*(f"network {member}" for member in range(1, members + 1)), "kriging along the photo"]
            shares = {name: _rounded(share) for name, share in zip(names, taken, strict=False)}
            prior = 0.0 if made.prior is None else made.prior.share[number] * made.kept[number]
            weights[line] = shares | {"baseline": _rounded(1 - taken.sum()), "prior": _rounded(prior)}
    return {"weights": json.dumps(weights), "held_out": json.dumps(scores)}


def _rounded(value: Any) -> float | None:
    """Return a number with as many digits as mean something, or None if it is not finite."""
    return round(float(value), 4) if isfinite(value) else None

r"""The paper's method: a deep-unfolding network trained on the painting at hand, then the projection.

References
----------
H. Verinaz-Jadan, S. Yan, C. Higgitt, P. L. Dragotti, "Adversarial deep-unfolding network for MA-XRF
super-resolution on Old Master paintings using minimal training data".
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xrfsr.errors import InvalidInput
from xrfsr.kriging import correlation_length, krige
from xrfsr.methods.problem import Problem, Reconstruction
from xrfsr.models.config import TrainingConfig
from xrfsr.models.device import choose
from xrfsr.models.saved import Model
from xrfsr.models.training import pretrain
from xrfsr.positivity import nonnegative

__all__ = ["fit", "reconstruct"]

# The intensity seen as 1 is this percentile of a map, not its maximum: a few hot pixels do not dim the rest.
PEAK_PERCENTILE = 99.9


def fit(
    problem: Problem,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    config: TrainingConfig | None = None,
) -> Model:
    """Train a model on the guided maps of `problem`."""
    if not any(problem.guided):
        raise InvalidInput(
            "scan",
            [
                f"none of the maps {', '.join(problem.lines)} is an element map with any contrast, so there is nothing "
                "to train on; method='kriging' interpolates without training"
            ],
        )
    config = TrainingConfig() if config is None else config
    place = choose(device)
    chosen = problem.only(np.flatnonzero(problem.guided))
    # Coarse pixels of which the photo does not show every part teach nothing.
    shown = problem.U(problem.seen.astype(np.float64)) > 1 - 1e-6
    usable = chosen.usable & shown
    if not usable.any():
        raise InvalidInput(
            "photo",
            [
                "'rgb' is NaN somewhere in every measured pixel of the scan, so there is nothing to learn from; fill "
                "its gaps, or take method='kriging', which needs no photo"
            ],
        )
    peak = np.array(
        [np.percentile(plane[known], PEAK_PERCENTILE) for plane, known in zip(chosen.scan, chosen.usable, strict=True)],
        dtype=np.float32,
    )
    peak = np.where(peak > 0, peak, chosen.scan.max(axis=(1, 2)))
    generator, weights = pretrain(
        chosen.scan / peak[:, None, None],
        chosen.photo,
        problem.U,
        usable,
        config,
        device=place,
        seed=seed,
        progress=progress,
    )
    fine, coarse = problem.U.fine.shape, problem.U.coarse.shape
    return Model(
        generator,
        config,
        chosen.lines,
        peak,
        weights,
        len(problem.photo),
        (fine[0] / coarse[0], fine[1] / coarse[1]),
        {"seed": seed, "device": place.type, "units": problem.units, "footprint": problem.U.footprint},
    )


def reconstruct(
    problem: Problem,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    model: Model | None = None,
    **settings: Any,
) -> Reconstruction:
    r"""Proj(g(X)), Eq. 10 with the residual spread by the covariance of the floor, and no negative counts.

    Maps that the photo may not guide (scatter, bookkeeping, flat ones) and pixels that the photo does not show
    are those of the floor.
    """
    config = TrainingConfig().override(**settings)
    if model is not None and settings:
        raise InvalidInput(
            "settings",
            [f"{', '.join(settings)} cannot change a model that is trained already; leave out one of the two"],
        )
    spreading = problem.U.spreading(correlation_length(problem.U))
    result = krige(problem.scan, problem.U, spreading)
    if model is None:
        if not any(problem.guided):
            return Reconstruction(nonnegative(result, problem.scan, problem.U, spreading))
        model = fit(problem, device=device, seed=seed, progress=progress, config=config)
    _check_fits(model, problem)
    chosen = problem.only(np.array([problem.lines.index(line) for line in model.lines]))
    estimate = model.predict(chosen.scan, chosen.photo, problem.U, device)
    share = np.zeros(len(problem.lines), dtype=np.float32)
    for line, fine, floor in zip(model.lines, estimate, model.weights[-1], strict=True):
        i = problem.lines.index(line)
        if problem.guided[i]:
            shown = np.where(problem.seen, fine, result[i])
            result[i] = shown + spreading(problem.scan[i] - problem.U(shown))
            share[i] = 1 - floor
    record: dict[str, str | float] = {
        "settings": json.dumps(model.config.to_dict()),
        **{f"training_{name}": value for name, value in model.training.items()},
    }
    return Reconstruction(nonnegative(result, problem.scan, problem.U, spreading), record, share)


def _check_fits(model: Model, problem: Problem) -> None:
    """A model knows its maps by name, and one ratio of pixel sizes."""
    faults = []
    guided = {line for line, guided in zip(problem.lines, problem.guided, strict=True) if guided}
    if missing := [line for line in model.lines if line not in problem.lines]:
        faults.append(f"the model needs {', '.join(missing)}, which the scan lacks; train one on this scan")
    if strange := sorted(guided - set(model.lines)):
        faults.append(
            f"the model does not know {', '.join(strange)}; leave out: .drop_sel(line={strange}), or train anew"
        )
    if model.bands != len(problem.photo):
        faults.append(f"the model takes {model.bands} bands, the photo has {len(problem.photo)}")
    for name, here in (("units", problem.units), ("footprint", problem.U.footprint)):
        if (there := model.training.get(name, here)) != here:
            faults.append(f"the model was trained with {name} {there!r}, not {here!r}; convert the scan, or train anew")
    ratio = tuple(f / c for f, c in zip(problem.U.fine.shape, problem.U.coarse.shape, strict=True))
    if not np.allclose(ratio, model.ratio, rtol=0.02):
        faults.append(
            f"the model was trained for scale {model.ratio[0]:g}, not {ratio[0]:g}; use its scale or train anew"
        )
    if faults:
        raise InvalidInput("model", faults)

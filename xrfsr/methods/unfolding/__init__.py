r"""The paper's method: a deep-unfolding network trained on the painting at hand, then the projection.

Proj(g(X)), Eq. 10 with the residual spread by the covariance of the floor, and no negative counts. Unless nothing was
held out, maps that the photo does not help are not the network's, and all are sharpened along the edges they share.
Maps that the photo may not guide (scatter, diagnostic, flat ones) and pixels that the photo does not show are those of
the floor.

If it is to be noise-aware, the projection goes only as far as the noise of each map lets it, and kriging takes
:math:`(C + \Sigma)^{-1}` for :math:`C^{-1}`.

References
----------
H. Verinaz-Jadan, S. Yan, C. Higgitt, P. L. Dragotti, "Adversarial deep-unfolding network for MA-XRF
super-resolution on Old Master paintings using minimal training data".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import warn
from xrfsr.kriging.features import Guide, Moments, pooled_variance
from xrfsr.kriging.guided import NUGGET, GuidedKriging
from xrfsr.kriging.noise import Piece, nugget_of, wiener_gain
from xrfsr.kriging.photo_gain import PhotoGain, along_photo, gain_from_errors, loo_errors, photo_guide
from xrfsr.methods.common.problem import Problem, pooled_mean, pooled_noise
from xrfsr.methods.unfolding.fitting import check_fits, fit, fit_beside, guided_lines, why_unguided
from xrfsr.methods.unfolding.prepared import Estimate, Unfolding, reach
from xrfsr.methods.unfolding.settings import check, configuration
from xrfsr.network.model import Model
from xrfsr.utils.device import resolve_device

__all__ = ["Unfolding", "announce", "check", "configuration", "fit", "prepare", "reach"]

# Pixels of the estimate are distinct if they differ by this share of the standard deviation of all maps together.
# Measured on three real and two simulated scenes, 0.5 to 1.0 is within 0.08 dB of it.
EDGE = 0.8
# The neighbourhood by which they are compared, in fine pixels: a little noise and softness of the edges is forgiven.
SURROUNDINGS = 0.4
# What is told of maps that the photo may not guide.
UNGUIDED = {"guided_share": 0.0, "photo_gain": np.nan}


def prepare(
    sample: Sequence[Problem],
    *,
    device: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    model: Model | None = None,
    consistency: Literal["exact", "noise-aware"] = "exact",
    **settings: Any,
) -> Unfolding:
    """Train a model if none is given, and find out what holds for the whole painting.

    Parameters
    ----------
    sample : sequence of Problem
    device, seed, progress, **settings
        See `fit`.
    model : Model, optional
    consistency : {"exact", "noise-aware"}

    Raises
    ------
    InvalidInput
        If the model does not fit the painting.
    """
    lines, exact = sample[0].lines, consistency == "exact"
    per_line = {name: np.full(len(lines), value, np.float32) for name, value in UNGUIDED.items()}
    nugget = np.full(len(lines), NUGGET)
    if not exact:
        nugget, per_line["noise"] = _noise_of(sample, device)
    record: dict[str, str | float] = {"consistency": consistency}
    plain = Unfolding(pooled_mean(sample), nugget, exact, record=record, per_line=per_line)
    guided = guided_lines(sample)
    if model is None and not guided.any():
        warn(f"the result is the photo-free floor: {why_unguided(lines)}")
        return plain
    along: Sequence[GuidedKriging | None] = ()
    if model is None:
        model, along = fit_beside(sample, device, seed, progress, settings)
    else:
        check_fits(model, sample)
    places = np.array([lines.index(line) for line in model.lines])
    photo = photo_guide([problem.photo for problem in sample]) if model.config.along_photo else None
    everywhere = np.ones(len(places), dtype=bool)
    one = np.ones(len(places), dtype=np.float32)
    record |= {"settings": json.dumps(model.config.to_dict()), **model.training}
    made = replace(plain, model=model, places=places, guided=guided[places], photo=photo, helps=everywhere, share=one)
    return _told_by(sample, made, along or [None] * len(sample), device)


def announce(device: str, seed: int, settings: Mapping[str, Any]) -> tuple[dict[str, str | float], tuple[str, ...]]:
    """What the record of a run and what is known of each line will be called, before it has begun."""
    consistency = settings.get("consistency", "exact")
    record: dict[str, str | float] = {"consistency": consistency}
    model = settings.get("model")
    own = {name: value for name, value in settings.items() if name not in ("consistency", "model")}
    config = configuration(own) if model is None else model.config
    record["settings"] = json.dumps(config.to_dict())
    if model is not None:
        record |= model.training
    else:
        record |= {"seed": seed, "device": resolve_device(device).type}
        if settings.get("max_seconds") is None:
            record["steps"] = config.total_steps
    return record, (*UNGUIDED, *(("noise",) if consistency == "noise-aware" else ()))


def _told_by(
    sample: Sequence[Problem], made: Unfolding, along: Sequence[GuidedKriging | None], device: str
) -> Unfolding:
    """The same with what the estimates of the sample tell of the whole."""
    model, places = made.model, made.places
    assert model is not None
    chosen = [problem.sel_lines(places) for problem in sample]
    peak = model.peak[:, None, None]
    if made.photo is not None or model.config.held_out:
        guide = made.photo or photo_guide([problem.photo for problem in sample])
        along = [
            along_photo(each.scan / peak, each.photo, each.U, device, guide) if known is None else known
            for each, known in zip(chosen, along, strict=True)
        ]
    if not made.exact:
        # One after the other, so that no more than one estimate is held.
        seen = [
            (each.scan, each.U(made.raw(problem, device, guided)))
            for each, problem, guided in zip(chosen, sample, along, strict=True)
        ]
        made = replace(made, share=wiener_gain(seen, made.nugget[places]))
    share = 1 - model.weights[-1]
    if model.config.held_out:
        told = gain_from_errors(
            [
                loo_errors(each.scan / peak, each.photo, each.U, each.training_mask, device, known)
                for each, known in zip(chosen, along, strict=True)
                if known is not None
            ]
        )
        made = replace(made, helps=told.helps)
        share = np.where(told.helps, share, 0)
        made.per_line["photo_gain"][places] = told.decibel
        _warn_of(model.lines, made.guided, told)
    made.per_line["guided_share"][places[made.guided]] = share[made.guided]
    alone = made.estimate(sample[0], device, along[0]) if len(sample) == 1 else None
    if model.config.along_edges:
        estimates = (
            made.estimate(problem, device, guided) if alone is None else alone
            for problem, guided in zip(sample, along, strict=True)
        )
        shared = Guide.fit((maps / peak for maps in estimates), SURROUNDINGS, count=len(sample), bandwidth=EDGE)
        made = replace(made, edges=shared.rescaled(model.peak))
    return made if alone is None else replace(made, kept=Estimate(sample[0], alone))


def _noise_of(sample: Sequence[Problem], device: str) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Nugget of every map, and the standard deviation of the noise, as it is known or as that nugget means."""
    pieces = [Piece(problem.scan, problem.photo, problem.U, problem.measured) for problem in sample]
    known = pooled_noise(sample)
    nugget = nugget_of(pieces, known, device)
    derived = np.sqrt(pooled_variance([Moments.of(piece.scan) for piece in pieces]) * nugget / (1 + nugget))
    return nugget, np.where(np.isfinite(known), known, derived).astype(np.float32)


def _warn_of(lines: Sequence[str], guided: NDArray[np.bool_], told: PhotoGain) -> None:
    """A photo that helps few maps may lie elsewhere than the scan."""
    count = int(guided.sum())
    without = [line for line, may, helps in zip(lines, guided, told.helps, strict=True) if may and not helps]
    if 2 * len(without) > count:
        warn(
            f"the photo does not help {len(without)} of {count} maps ({', '.join(without)}), in which it takes no "
            "part; if it should, check that it lies on the scan, the right way up, to within a pixel of the scan"
        )

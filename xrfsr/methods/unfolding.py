r"""The paper's method: a deep-unfolding network trained on the painting at hand, then the projection.

References
----------
H. Verinaz-Jadan, S. Yan, C. Higgitt, P. L. Dragotti, "Adversarial deep-unfolding network for MA-XRF
super-resolution on Old Master paintings using minimal training data".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, collecting, warn
from xrfsr.guided import NUGGET, Guided, guided_krige
from xrfsr.guides import neighbourhood
from xrfsr.kriging import correlation_length, krige
from xrfsr.methods.problem import Problem, Reconstruction
from xrfsr.models.config import TrainingConfig
from xrfsr.models.device import choose
from xrfsr.models.rehearsal import Rehearsal
from xrfsr.models.saved import Model
from xrfsr.models.training import Run, train
from xrfsr.noise import agreement, nugget_of
from xrfsr.photo_gain import PhotoGain, along_photo, photo_gain
from xrfsr.positivity import nonnegative

__all__ = ["check", "configuration", "fit", "reconstruct"]

# The intensity seen as 1 is this percentile of a map, not its maximum: a few hot pixels do not dim the rest.
PEAK_PERCENTILE = 99.9
# Within this factor the maps of a scan may be brighter or darker than those a model was trained on.
BRIGHTNESS = 3.0
# Pixels of the estimate are distinct if they differ by this share of the standard deviation of all maps together.
# Measured on three real and two simulated scenes, 0.5 to 1.0 is within 0.08 dB of it.
EDGE = 0.8
# What is told of maps that the photo may not guide.
UNGUIDED = {"guided_share": 0.0, "photo_gain": np.nan}
# The neighbourhood by which they are compared, in fine pixels: a little noise and softness of the edges is forgiven.
SURROUNDINGS = 0.4
CONSISTENCY = ("exact", "noise-aware")
# Settings that say how training is carried out, not what is trained.
CARRIED_OUT = ("max_seconds", "checkpoint", "checkpoint_seconds")


def check(device: str, settings: Mapping[str, Any]) -> None:
    """Raise `InvalidInput`, naming every fault of the device and the settings."""
    faults: list[str] = []
    settings = dict(settings)
    if (consistency := settings.pop("consistency", "exact")) not in CONSISTENCY:
        faults.append(f"consistency is {consistency!r}; accepted are {', '.join(CONSISTENCY)}")
    model = settings.pop("model", None)
    with collecting(faults):
        choose(device)
    if model is not None and not isinstance(model, Model):
        faults.append(
            f"model is {model!r}; a model is needed: .xrfsr.train(rgb) makes one, xrfsr.load_model(folder) opens one"
        )
    if model is not None and settings:
        faults.append(f"{', '.join(settings)} cannot change a model that is trained already; leave out one of the two")
    with collecting(faults):
        Run(choose(), **{name: settings.pop(name) for name in CARRIED_OUT if name in settings})
    with collecting(faults):
        configuration(settings)
    if faults:
        raise InvalidInput("settings", faults)


def configuration(settings: Mapping[str, Any]) -> TrainingConfig:
    """The preset that is named, ``"default"`` if none is, with the other settings changed."""
    chosen = {name: value for name, value in settings.items() if name not in (*CARRIED_OUT, "preset")}
    faults: list[str] = []
    config = TrainingConfig()
    with collecting(faults):
        config = TrainingConfig.preset(settings.get("preset", "default"))
    with collecting(faults):
        config = config.override(**chosen)
    if faults:
        raise InvalidInput("settings", faults)
    return config


def fit(
    problem: Problem,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    **settings: Any,
) -> Model:
    """Train a model on the guided maps of `problem`.

    Parameters
    ----------
    problem : Problem
    device, seed, progress
        See `xrfsr.models.training.Run`.
    **settings
        ``preset``, fields of `TrainingConfig`, and ``max_seconds``, ``checkpoint``, ``checkpoint_seconds`` of `Run`.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    return _fit(problem, device, seed, progress, settings)[0]


def _fit(
    problem: Problem, device: str, seed: int, progress: bool | None, settings: Mapping[str, Any]
) -> tuple[Model, Guided | None]:
    """The model, and the kriging along the photo that it was weighed against, if it was."""
    if not any(problem.guided):
        raise InvalidInput("scan", [_why_unguided(problem)])
    config = configuration(settings)
    run = Run(choose(device), seed, progress, **{name: settings[name] for name in CARRIED_OUT if name in settings})
    chosen = problem.only(np.flatnonzero(problem.guided))
    peak = _peaks(chosen)
    scaled = chosen.scan / peak[:, None, None]
    along = along_photo(scaled, chosen.photo, problem.U, device) if config.along_photo else None
    beside = [] if along is None else [along.left_out]
    rehearsal = Rehearsal.of(scaled, chosen.photo, problem.U) if config.held_out else None
    if rehearsal and config.along_photo:
        rehearsal = rehearsal.with_beside(along_photo(rehearsal.scan, rehearsal.photo, rehearsal.U, device).fine)
    trained = train(scaled, chosen.photo, problem.U, chosen.teaching, config, run, beside, rehearsal)
    untold = [line for line, judged in zip(chosen.lines, trained.verdict.judged, strict=True) if not judged]
    if untold and trained.verdict.weights[-1].any():
        warn(
            f"too few measured pixels to judge on some of them whether the photo helps: {', '.join(untold)} stay as "
            "the photo-free floor; scan a larger area, or pass held_out=0 to trust the network unjudged"
        )
    model = Model(
        trained.generator,
        config,
        chosen.lines,
        peak,
        trained.verdict.weights,
        len(problem.photo),
        _ratio(problem),
        problem.units,
        problem.U.footprint,
        _beam(problem),
        trained.verdict.gain,
        {"seed": seed, "device": run.device.type, "steps": trained.steps},
    )
    return model, along


def reconstruct(
    problem: Problem,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    model: Model | None = None,
    consistency: Literal["exact", "noise-aware"] = "exact",
    **settings: Any,
) -> Reconstruction:
    r"""Proj(g(X)), Eq. 10 with the residual spread by the covariance of the floor, and no negative counts.

    Unless nothing was held out, maps that the photo does not help are not the network's, and all are sharpened along
    the edges they share. Maps that the photo may not guide (scatter, bookkeeping, flat ones) and pixels that the
    photo does not show are those of the floor.

    If it is to be noise-aware, the projection goes only as far as the noise of each map lets it, and kriging takes
    :math:`(C + \Sigma)^{-1}` for :math:`C^{-1}`.
    """
    U = problem.U
    spreading = U.spreading(correlation_length(U))
    per_line = {name: np.full(len(problem.lines), value, np.float32) for name, value in UNGUIDED.items()}
    exact = consistency == "exact"
    nugget = np.full(len(problem.lines), NUGGET)
    if exact:
        result = krige(problem.scan, U, spreading)
    else:
        nugget, per_line["noise"] = _noise_of(problem, device)
        result = guided_krige(problem.scan, np.zeros_like(problem.photo[:1]), U, device, nugget).fine
    record: dict[str, str | float] = {"consistency": consistency}
    if model is None and not any(problem.guided):
        warn(f"the result is the photo-free floor: {_why_unguided(problem)}")
        return Reconstruction(*_without_negatives(result, problem, exact), record, per_line)
    along = None
    if model is None:
        model, along = _fit(problem, device, seed, progress, settings)
    else:
        _check_fits(model, problem)
    places = np.array([problem.lines.index(line) for line in model.lines])
    chosen, floor, nugget = problem.only(places), result[places], nugget[places]
    peak = model.peak[:, None, None]
    scaled, beside = chosen.scan / peak, []

    def consistent(maps: NDArray[np.float32]) -> NDArray[np.float32]:
        shown = np.where(problem.seen, maps, floor)
        through = U(shown)
        share = 1.0 if exact else agreement(chosen.scan, through, nugget)
        return np.asarray(shown + share * spreading(chosen.scan - through))

    if model.config.along_photo:
        along = along_photo(scaled, chosen.photo, U, device) if along is None else along
        beside = [along.fine * peak]
    estimate = consistent(model.predict(chosen.scan, chosen.photo, U, device, beside))
    share = 1 - model.weights[-1]
    if model.config.held_out:
        told = photo_gain(scaled, chosen.photo, U, chosen.teaching, device, along)
        estimate = np.where(told.helps[:, None, None], estimate, floor)
        share = np.where(told.helps, share, 0)
        per_line["photo_gain"][places] = told.decibel
        _warn_of(chosen, told)
    if model.config.along_edges:
        estimate = _sharpened(estimate, chosen, model, device, nugget)
        estimate = consistent(estimate) if exact else np.where(problem.seen, estimate, floor)
    guided = np.array(chosen.guided)
    result[places[guided]] = estimate[guided]
    per_line["guided_share"][places[guided]] = share[guided]
    record |= {"settings": json.dumps(model.config.to_dict()), **model.training}
    return Reconstruction(*_without_negatives(result, problem, exact), record, per_line)


def _noise_of(problem: Problem, device: str) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Nugget of every map, and the standard deviation of the noise, as it is known or as that nugget means."""
    scan, known = problem.scan, problem.noise
    known = np.full(len(scan), np.nan, np.float32) if known is None else known
    nugget = nugget_of(scan, known, problem.photo, problem.U, problem.usable, device)
    derived = scan.std(axis=(1, 2), dtype=np.float64) * np.sqrt(nugget / (1 + nugget))
    return nugget, np.where(np.isfinite(known), known, derived).astype(np.float32)


def _without_negatives(
    maps: NDArray[np.float32], problem: Problem, exact: bool
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The same without negative values, with the means of the scan, or with their own as far as these are positive."""
    if exact:
        return nonnegative(maps, problem.scan, problem.U)
    allowed = np.where(problem.scan.min(axis=(1, 2)) < 0, -np.inf, 0)[:, None, None]
    return nonnegative(maps, np.maximum(problem.U(maps), allowed).astype(np.float32), problem.U)


def _sharpened(
    estimate: NDArray[np.float32],
    problem: Problem,
    model: Model,
    device: str,
    nugget: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Kriging along the edges of all maps mixed into each that was judged."""
    peak = model.peak[:, None, None]
    maps = estimate / peak
    spread = float(np.sqrt(maps.var(axis=(1, 2), dtype=np.float64).sum()))
    if spread == 0:
        return estimate
    guide = neighbourhood(maps, SURROUNDINGS) / (EDGE * spread)
    sharp = guided_krige(problem.scan / peak, guide, problem.U, device, nugget).fine * peak
    mixing = np.where(model.judged, model.config.along_edges, 0).astype(np.float32)
    return estimate + mixing[:, None, None] * (sharp - estimate)


def _warn_of(problem: Problem, told: PhotoGain) -> None:
    """A photo that helps few maps may lie elsewhere than the scan."""
    lines = [line for line, guided in zip(problem.lines, problem.guided, strict=True) if guided]
    without = [
        line
        for line, guided, helps in zip(problem.lines, problem.guided, told.helps, strict=True)
        if guided and not helps
    ]
    if 2 * len(without) > len(lines):
        warn(
            f"the photo does not help {len(without)} of {len(lines)} maps ({', '.join(without)}), in which it takes no "
            "part; if it should, check that it lies on the scan, the right way up, to within a pixel of the scan"
        )


def _why_unguided(problem: Problem) -> str:
    return (
        f"none of the maps {', '.join(problem.lines)} is an element map that has contrast and was measured where the "
        "photo shows something, so there is nothing to train on; method='kriging' interpolates without photo and "
        "training"
    )


def _peaks(problem: Problem) -> NDArray[np.float32]:
    """The intensity that the network sees as 1, for every map."""
    peak = np.array(
        [
            np.percentile(plane[known], PEAK_PERCENTILE)
            for plane, known in zip(problem.scan, problem.usable, strict=True)
        ],
        dtype=np.float32,
    )
    return np.where(peak > 0, peak, problem.scan.max(axis=(1, 2)))


def _ratio(problem: Problem) -> tuple[float, float]:
    fine, coarse = problem.U.fine.shape, problem.U.coarse.shape
    return (fine[0] / coarse[0], fine[1] / coarse[1])


def _beam(problem: Problem) -> tuple[float, float] | None:
    if problem.U.fwhm is None:
        return None
    (y, x), (height, width) = problem.U.fwhm, problem.U.coarse.spacing
    return (y / height, x / width)


def _check_fits(model: Model, problem: Problem) -> None:
    """A model knows its maps by name, one ratio of pixel sizes, and what a pixel of the scan sees.

    Raises
    ------
    InvalidInput
        Naming every way in which it does not fit.

    Warns
    -----
    UserWarning
        If the maps are far brighter or darker than those it was trained on.
    """
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
    for name, there, here in (
        ("units", model.units, problem.units),
        ("footprint", model.footprint, problem.U.footprint),
    ):
        if there != here:
            faults.append(f"the model was trained with {name} {there!r}, not {here!r}; convert the scan, or train anew")
    beam = _beam(problem)
    if model.beam and beam and not np.allclose(beam, model.beam, rtol=0.02):
        there_text, here_text = (" x ".join(f"{width:.3g}" for width in pair) for pair in (model.beam, beam))
        faults.append(
            f"the model was trained for a beam of {there_text} pixels of the scan, not {here_text}; train anew"
        )
    ratio = _ratio(problem)
    # Fine grids are rounded to whole pixels, so the same scale means slightly different ratios.
    if any(
        abs(there - here) > 0.02 * there + 0.5 / size
        for there, here, size in zip(model.ratio, ratio, problem.U.coarse.shape, strict=True)
    ):
        faults.append(
            f"the model was trained for scale {model.ratio[0]:g}, not {ratio[0]:g}; use its scale or train anew"
        )
    if faults:
        raise InvalidInput("model", faults)
    chosen = problem.only(np.array([problem.lines.index(line) for line in model.lines]))
    brightness = float(np.median(_peaks(chosen) / model.peak))
    if not 1 / BRIGHTNESS <= brightness <= BRIGHTNESS:
        warn(
            f"the maps of this scan are {brightness:.2g} times as bright as those the model was trained on, and it "
            "reads them as poorer or richer; convert both to count/s if the dwell times differ, or train anew"
        )

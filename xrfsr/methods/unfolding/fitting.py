"""Training on the painting at hand, and the check whether a model that was trained elsewhere fits it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.core.labels import as_argument
from xrfsr.core.units import LEAST_INTENSITY
from xrfsr.errors import InvalidInput, warn
from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import GuidedKriging
from xrfsr.kriging.photo_gain import PhotoGain, Sample, along_photo, gain_of_samples, photo_guide
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.problem import Problem, pooled_mean
from xrfsr.methods.unfolding.options import UnfoldingOptions
from xrfsr.network.model import Model
from xrfsr.network.reduced_resolution import ReducedResolution
from xrfsr.network.training import Run as TrainingRun
from xrfsr.network.training import TrainingExample, train
from xrfsr.operators import Downsampling
from xrfsr.utils.describe import listing
from xrfsr.utils.progress import progress_bar, stage
from xrfsr.utils.stopwatch import timed

__all__ = ["Fitted", "check_fits", "fit", "guided_lines", "misfits", "why_unguided"]

# The intensity seen as 1 is this percentile of a map, not its maximum: a few hot pixels do not dim the rest.
PEAK_PERCENTILE = 99.9
LEAST_PEAK = 1e-12  # share of the highest value
# Within this factor the maps of a scan may be brighter or darker than those a model was trained on.
BRIGHTNESS = 3.0


class Fitted(NamedTuple):
    """A model, and what was computed for it.

    Attributes
    ----------
    model : Model
        The trained model.
    along : list of GuidedKriging
        Kriging along the photo for each problem of the sample, if the model was weighed against it.
    gain : PhotoGain, optional
        Gain from the photo, if it was needed.
    """

    model: Model
    along: list[GuidedKriging]
    gain: PhotoGain | None


def fit(sample: Sequence[Problem], options: UnfoldingOptions, run: Run, *, where_useful: bool = False) -> Fitted:
    """Train a model on the maps of a painting that the photo may guide.

    Parameters
    ----------
    sample : sequence of Problem
        Windows of the painting, or all of it.
    options : UnfoldingOptions
        What is trained, and how training is carried out.
    run : Run
        Device, seed and progress bar.
    where_useful : bool
        Whether the training is left out if the photo helps no map, so that nothing of the network would be used. The
        gain from the photo is then computed first. With a checkpoint the network is always trained.

    Returns
    -------
    Fitted

    Raises
    ------
    InvalidInput
        If the photo may guide none of the maps.
    """
    places = np.flatnonzero(guided_lines(sample))
    if not places.size:
        raise InvalidInput("scan", [why_unguided(sample[0].lines)])
    config, device = options.config, run.device
    chosen = [problem.sel_lines(places) for problem in sample]
    first, peak = chosen[0], _peaks(chosen)
    mean = pooled_mean(chosen) / peak
    guide = photo_guide([problem.photo for problem in chosen]) if config.along_photo else None
    along: list[GuidedKriging] = []
    examples = []
    with progress_bar(len(chosen), "kriging along the photo") as show:
        for number, problem in enumerate(chosen, 1):
            scaled = problem.scan / peak[:, None, None]
            if guide is not None:
                along.append(along_photo(scaled, problem.photo, problem.U, device, guide))
            reduced = _reduced_resolution(scaled, problem, device, guide) if config.held_out else None
            others = [along[-1].left_out] if guide is not None else []
            mask = problem.training_mask
            examples.append(TrainingExample(scaled, problem.photo, problem.U, mask, mean, others, reduced))
            show(number)
    gain, useful = None, True
    if where_useful and along and config.held_out and options.checkpoint is None:
        samples = [
            Sample(example.scan, example.photo, example.U, example.measured, guided)
            for example, guided in zip(examples, along, strict=True)
        ]
        with stage("gain from the photo"):
            gain = gain_of_samples(samples, device)
        useful = bool(gain.helps.any())
    if useful:
        with timed("training"):
            trained = train(examples, config, options.training_run(run, device))
    else:
        quick = config.override(steps=1, adversarial_steps=0)
        trained = train(examples, quick, TrainingRun(device, run.seed, progress=False))._replace(
            steps=0, curve=[[] for _ in config.inputs]
        )
    unjudged = [line for line, known in zip(first.lines, trained.stacking.has_holdout, strict=True) if not known]
    if unjudged and trained.stacking.weights[-1].any():
        warn(
            "too few measured pixels to hold some out and test whether the photo helps, so the result is the "
            f"kriging baseline for {listing(unjudged)}; scan a larger area, or pass held_out=0 to use the network "
            "without a test"
        )
    model = Model(
        trained.generator,
        config,
        first.lines,
        peak,
        trained.stacking.weights,
        len(first.photo),
        _ratio(first.U),
        first.units,
        first.U.footprint,
        _beam(first.U),
        trained.stacking.gain,
        {"seed": run.seed, "device": device.type, "steps": trained.steps, "curve": trained.curve},
    )
    return Fitted(model, along, gain)


def _reduced_resolution(
    scaled: NDArray[np.float32], problem: Problem, device: torch.device, guide: Guide | None
) -> ReducedResolution | None:
    reduced = ReducedResolution.of(scaled, problem.photo, problem.U)
    if reduced and guide is not None:
        halved = along_photo(reduced.scan, reduced.photo, reduced.U, device)
        reduced = reduced.with_predictions(halved.fine)
    return reduced


def guided_lines(sample: Sequence[Problem]) -> NDArray[np.bool_]:
    """Return which maps the photo may guide in any of the problems, shape (line,)."""
    return np.asarray(np.array([problem.photo_lines for problem in sample]).any(axis=0))


def why_unguided(lines: Sequence[str]) -> str:
    """Return the message for a painting without such maps."""
    return (
        f"none of the maps {listing(lines)} is an element map that has contrast and was measured where the "
        "photo shows something, so there is nothing to train on; method='kriging' interpolates without photo and "
        "training"
    )


def _peaks(sample: Sequence[Problem]) -> NDArray[np.float32]:
    """Return the intensity that the network sees as 1, for every map."""
    peak = np.zeros(len(sample[0].lines), dtype=np.float32)
    for line in range(len(peak)):
        values = np.concatenate([problem.scan[line][problem.measured[line]] for problem in sample])
        peak[line] = np.percentile(values, PEAK_PERCENTILE) if values.size else 0
    highest = np.max([problem.scan.max(axis=(1, 2)) for problem in sample], axis=0)
    # A pixel may be brighter than the rest of its map by more than a square in single precision can hold.
    peak = np.maximum(peak, (highest * LEAST_PEAK).astype(np.float32))
    return np.asarray(np.where(peak > 0, np.maximum(peak, np.float32(LEAST_INTENSITY)), highest))


def _ratio(U: Downsampling) -> tuple[float, float]:
    (y, x), (down, across) = U.fine.spacing, U.coarse.spacing
    return (down / y, across / x)


def _beam(U: Downsampling) -> tuple[float, float] | None:
    if U.fwhm is None:
        return None
    (y, x), (height, width) = U.fwhm, U.coarse.spacing
    return (y / height, x / width)


def misfits(model: Model, lines: Sequence[str], units: str, bands: int, U: Downsampling) -> list[str]:
    """Return how a model does not fit a painting: labels, bands, units, footprint, beam and ratio of pixel sizes."""
    faults = []
    if missing := [line for line in model.lines if line not in lines]:
        faults.append(f"the model needs {listing(missing)}, which the scan lacks; train one on this scan")
    if model.bands != bands:
        faults.append(f"the model takes {model.bands} bands, the photo has {bands}")
    for name, there, here in (("units", model.units, units), ("footprint", model.footprint, U.footprint)):
        if there != here:
            faults.append(
                f"the model was trained with {name} {there!r}, not {here!r}; convert the scan, or train a new model"
            )
    beam = _beam(U)
    if model.beam and beam and not np.allclose(beam, model.beam, rtol=0.02):
        there_text, here_text = (" x ".join(f"{width:.3g}" for width in pair) for pair in (model.beam, beam))
        faults.append(
            f"the model was trained for a beam of {there_text} pixels of the scan, not {here_text}; train a new model"
        )
    ratio = _ratio(U)
    # Fine grids are rounded to whole pixels, so the same scale means slightly different ratios.
    if any(
        abs(there - here) > 0.02 * there + 0.5 / size
        for there, here, size in zip(model.ratio, ratio, U.coarse.shape, strict=True)
    ):
        faults.append(
            f"the model was trained for scale {model.ratio[0]:g}, not {ratio[0]:g}; use its scale or train a new model"
        )
    return faults


def check_fits(model: Model, sample: Sequence[Problem]) -> None:
    """Check that a model fits a painting, and knows all maps that the photo may guide.

    Raises
    ------
    InvalidInput
        Naming every way in which it does not fit.

    Warns
    -----
    UserWarning
        If the maps are far brighter or darker than those it was trained on.
    """
    problem = sample[0]
    faults = misfits(model, problem.lines, problem.units, len(problem.photo), problem.U)
    guided = {line for line, guided in zip(problem.lines, guided_lines(sample), strict=True) if guided}
    if strange := sorted(guided - set(model.lines)):
        faults.append(
            f"the model does not know {listing(strange)}; leave out: .drop_sel(line={as_argument(strange)}), or train "
            "a new model"
        )
    if faults:
        raise InvalidInput("model", faults)
    places = np.array([problem.lines.index(line) for line in model.lines])
    chosen = [each.sel_lines(places) for each in sample]
    brightness = float(np.median(_peaks(chosen) / model.peak))
    if not 1 / BRIGHTNESS <= brightness <= BRIGHTNESS:
        warn(
            f"the maps of this scan are {brightness:.2g} times as bright as those the model was trained on, and it "
            "takes them for poorer or richer; convert both to count/s if the dwell times differ, or train a new model"
        )

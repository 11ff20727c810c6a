r"""The paper's method: a deep-unfolding network trained on the painting at hand, then the projection.

Proj(g(X)), Eq. 10 with the residual spread by the covariance of the kriging baseline, and without negative counts. If
pixels of the scan were held out, the baseline takes the place of maps that the photo does not help, and all maps are
sharpened along their common edges. Maps that the photo may not guide (scatter, diagnostic and flat ones) and pixels
that the photo does not show are the baseline, too.

With ``consistency="noise-aware"`` the projection goes only as far as the noise of each map allows, and kriging uses
:math:`(C + \Sigma)^{-1}` in place of :math:`C^{-1}`.

References
----------
H. Verinaz-Jadan, S. Yan, C. Higgitt, P. L. Dragotti, "Adversarial deep-unfolding network for MA-XRF
super-resolution on Old Master paintings using minimal training data".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.errors import warn
from xrfsr.kriging.features import Guide, Moments, pooled_variance
from xrfsr.kriging.guided import NUGGET, GuidedKriging
from xrfsr.kriging.noise import Piece, nugget_of, signal_share, wiener_gain
from xrfsr.kriging.photo_gain import PhotoGain, Sample, along_photo, gain_of_samples, photo_guide
from xrfsr.methods.common.method import ALL, Method, Run, Solution
from xrfsr.methods.common.problem import Problem, pooled_mean, pooled_noise
from xrfsr.methods.unfolding.fitting import check_fits, fit, guided_lines, misfits, why_unguided
from xrfsr.methods.unfolding.options import UnfoldingOptions
from xrfsr.methods.unfolding.prepared import Estimate, PreparedUnfolding, halo
from xrfsr.methods.unfolding.record import lines_record, training_record
from xrfsr.methods.unfolding.trials import tested, unseen
from xrfsr.network.model import Model
from xrfsr.operators import Downsampling
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import absence
from xrfsr.utils.progress import stage

__all__ = ["PreparedUnfolding", "Unfolding", "UnfoldingOptions"]

# Pixels of the estimate count as distinct if they differ by this fraction of the standard deviation of all maps
# together. Measured on three real and two simulated scenes, 0.5 to 1.0 is within 0.08 dB of it.
EDGE = 0.8
# Width of the neighbourhood by which they are compared, in fine pixels: it forgives a little noise and softness.
SURROUNDINGS = 0.4
# Maps with a smaller share of signal, and which the photo does not help, are the baseline.
LEAST_SIGNAL = 0.2
# Name, description, and value for lines that the photo may not guide.
GUIDED_SHARE = ("guided_share", "share of network and photo in the map; the rest is the kriging baseline", 0.0)
PRIOR_SHARE = ("prior_share", "share of the correction by the prior that was added to the map", 0.0)
PHOTO_GAIN = ("photo_gain", "error of predictions of the scan without the photo over that with it, in dB", np.nan)
NOISE = ("noise", "standard deviation of the noise that a pixel of the scan is taken to have")


class Unfolding(Method[UnfoldingOptions]):
    """The paper's deep-unfolding network."""

    name = "unfolding"
    uses_device = True
    measured = ("steps", "training_curve", "weights", "held_out")
    Options = UnfoldingOptions

    def prepare(self, sample: Sequence[Problem], options: UnfoldingOptions, run: Run) -> PreparedUnfolding:
        """Train a model if none is given, and measure what holds for the whole painting.

        Raises
        ------
        InvalidInput
            If the model does not fit the painting.
        """
        return _prepare(sample, options, run)[0]

    def solve(self, problem: Problem, options: UnfoldingOptions, run: Run) -> Solution:
        """See `xrfsr.methods.common.method.Method`; preparing on one problem has already made its estimate."""
        prepared, estimate = _prepare([problem], options, run)
        if estimate is None:
            return Solution(prepared, prepared.apply(problem, ALL))
        with stage("fine maps"):
            return Solution(prepared, prepared.finish(problem, estimate, ALL))

    def train(self, sample: Sequence[Problem], options: UnfoldingOptions, run: Run) -> Model:
        """Train a model on the maps that the photo may guide.

        Raises
        ------
        InvalidInput
            If there are none.
        """
        return fit(sample, options, run).model

    def halo(self, U: Downsampling) -> int:
        """See `xrfsr.methods.common.method.Method`."""
        return halo(U)

    def unseen(self, prepared: PreparedUnfolding, sample: Sequence[Problem]) -> list[NDArray[np.bool_]]:
        """See `xrfsr.methods.common.method.Method`: pixels held out from training, of lines that the networks have."""
        return unseen(sample, prepared)

    def misfits(
        self, options: UnfoldingOptions, lines: Sequence[str], units: str, bands: int, U: Downsampling
    ) -> list[str]:
        """See `xrfsr.methods.common.method.Method`: of a model, and of the folder of a checkpoint."""
        faults = [] if options.model is None else misfits(options.model, lines, units, bands, U)
        if options.checkpoint is not None and not (folder := Path(options.checkpoint)).parent.is_dir():
            faults.append(f"checkpoint {absence(folder)}; make that folder, or choose another")
        return faults

    def unattended(self, options: UnfoldingOptions) -> UnfoldingOptions:
        """See `xrfsr.methods.common.method.Method`: an interruption ends the run, and no half-trained model is kept."""
        return replace(options, keep_interrupted=False)

    def uses_uncertainty(self, options: UnfoldingOptions) -> bool:
        """See `xrfsr.methods.common.method.Method`."""
        return options.consistency == "noise-aware"

    def metadata(self, options: UnfoldingOptions, run: Run) -> dict[str, str | float]:
        """See `xrfsr.methods.common.method.Method`; a model brings the record of its own training."""
        made = options.metadata()
        if options.model is not None:
            return made | training_record(options.model) | {"model": options.model.fingerprint}
        return made | {"seed": run.seed, "device": run.device.type}

    def line_coords(self, options: UnfoldingOptions) -> Mapping[str, str]:
        """See `xrfsr.methods.common.method.Method`."""
        names = [GUIDED_SHARE[:2], PHOTO_GAIN[:2], *([PRIOR_SHARE[:2]] if options.uses_prior else [])]
        return dict([*names, NOISE] if self.uses_uncertainty(options) else names)


def _prepare(
    sample: Sequence[Problem], options: UnfoldingOptions, run: Run
) -> tuple[PreparedUnfolding, Estimate | None]:
    """Prepare the method; return the estimate, too, where the sample is one problem."""
    lines, exact = sample[0].lines, options.consistency == "exact"
    kept = (GUIDED_SHARE, PHOTO_GAIN, *([PRIOR_SHARE] if options.uses_prior else []))
    line_values = {name: np.full(len(lines), value, np.float32) for name, _, value in kept}
    nugget = np.full(len(lines), NUGGET)
    if not exact:
        nugget, line_values["noise"] = _noise_of(sample, run.device)
    baseline = PreparedUnfolding(run, pooled_mean(sample), nugget, exact, line_values=line_values)
    guided = guided_lines(sample)
    model = options.model
    if model is None and not guided.any():
        warn(f"the result is the kriging baseline: {why_unguided(lines)}")
        return replace(baseline, metadata={"steps": 0, **lines_record(baseline, lines)}), None
    along: Sequence[GuidedKriging | None] = ()
    gain: PhotoGain | None = None
    if model is None:
        model, along, gain = fit(sample, options, run, where_useful=True)
    else:
        check_fits(model, sample)
    places = np.array([lines.index(line) for line in model.lines])
    made = replace(
        baseline,
        model=model,
        places=places,
        guided=guided[places],
        photo=photo_guide([problem.photo for problem in sample]) if model.config.along_photo else None,
        trust=np.ones(len(places), dtype=np.float32),
        share=np.ones(len(places), dtype=np.float32),
        sharpened=model.has_holdout,
        kept=np.ones(len(places), dtype=np.float32),
        metadata=training_record(model),
    )
    with stage("estimates"):
        made, only = _with_estimates(sample, made, model, along or [None] * len(sample), gain)
    with stage("tests of the last steps"):
        made = tested(sample, made, prior=options.uses_prior)
    return replace(made, metadata=made.metadata | lines_record(made, lines)), only


def _with_estimates(
    sample: Sequence[Problem],
    made: PreparedUnfolding,
    model: Model,
    along: Sequence[GuidedKriging | None],
    gain: PhotoGain | None,
) -> tuple[PreparedUnfolding, Estimate | None]:
    """Return a copy with the painting-wide quantities that are estimated from the sample, and its only estimate."""
    places, device = made.places, made.run.device
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
            (each.scan, each.U(made.raw(problem, guided)))
            for each, problem, guided in zip(chosen, sample, along, strict=True)
        ]
        made = replace(made, share=wiener_gain(seen, made.nugget[places]))
    share = 1 - model.weights[-1]
    if model.config.held_out:
        gain = gain or gain_of_samples(
            [
                Sample(each.scan / peak, each.photo, each.U, each.training_mask, known)
                for each, known in zip(chosen, along, strict=True)
                if known is not None
            ],
            device,
        )
        made = replace(made, trust=gain.trust)
        share = share * gain.trust
        made.line_values["photo_gain"][places] = gain.decibel
        # Lines without held-out pixels are the baseline already, and `fit` has warned of it.
        _warn_of_unused_photo(model.lines, made.guided, made.guided & model.has_holdout, gain)
    made.line_values["guided_share"][places[made.guided]] = share[made.guided]
    only = made.estimate(sample[0], along[0]) if len(sample) == 1 else None
    if model.config.along_edges:
        estimates = (
            (made.estimate(problem, guided) if only is None else only).maps
            for problem, guided in zip(sample, along, strict=True)
        )
        signal = signal_share([each.scan for each in chosen])
        shared = Guide.fit(
            (maps / peak for maps in estimates), SURROUNDINGS, count=len(sample), bandwidth=EDGE, signal=signal
        )
        # Along the edges of other maps, noise would only get their shapes.
        guided = made.guided & (made.helps | (signal > LEAST_SIGNAL))
        made = replace(made, edges=shared.rescaled(model.peak), guided=guided)
    return made, only


def _noise_of(sample: Sequence[Problem], device: torch.device) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the nugget of every map, and the standard deviation of its noise: the known one, or the nugget's."""
    pieces = [Piece(problem.scan, problem.photo, problem.U, problem.measured) for problem in sample]
    known = pooled_noise(sample)
    nugget = nugget_of(pieces, known, device)
    derived = np.sqrt(pooled_variance([Moments.of(piece.scan) for piece in pieces]) * nugget / (1 + nugget))
    return nugget, np.where(np.isfinite(known), known, derived).astype(np.float32)


def _warn_of_unused_photo(
    lines: Sequence[str], guided: NDArray[np.bool_], used: NDArray[np.bool_], gain: PhotoGain
) -> None:
    """Warn if the photo helps few of the guided maps: it may not be registered. Warn also if too little is known.

    `used` are the lines that the photo would be used for.
    """
    count = int(guided.sum())
    without, unknown = (
        [line for line, is_one in zip(lines, used & ~gain.helps & among, strict=True) if is_one]
        for among in (gain.known, ~gain.known)
    )
    if unknown:
        warn(
            "too few measured pixels to test whether the photo helps, so the result is the kriging baseline for "
            f"{listing(unknown)}; scan a larger area, or pass held_out=0 to use the network without a test"
        )
    if 2 * len(without) > count:
        warn(
            f"the photo does not help {len(without)} of {count} maps ({listing(without)}) and is not used for them; "
            "if it should help, check that it is registered with the scan, the right way up, to within a pixel of the "
            "scan"
        )

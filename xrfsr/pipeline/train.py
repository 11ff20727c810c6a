"""Train the paper's network on one scan or several, to be used again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import xarray as xr

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.methods import Problem
from xrfsr.operators import Footprint
from xrfsr.pipeline.acquisition import Acquisition
from xrfsr.pipeline.inputs import load
from xrfsr.pipeline.plan import ReconstructionPlan, training_problems
from xrfsr.pipeline.superresolve import SuperResolution
from xrfsr.utils.describe import listing
from xrfsr.utils.progress import progress_bar

if TYPE_CHECKING:
    from xrfsr.methods.unfolding import UnfoldingOptions
    from xrfsr.network import Model

__all__ = ["train", "train_on"]


def train(
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray,
    scale: float = 4,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    footprint: Footprint = "area",
    fwhm: Any = None,
    smear: Any = None,
    refine: str | None = "shift",
    **keywords: Any,
) -> Model:
    """Train the paper's network on a scan and a photo, to be saved and used again.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan to train on.
    rgb, scale, device, seed, progress, footprint, fwhm, smear, refine
        As for `superresolve`.
    **keywords
        As for `superresolve` with ``method="unfolding"``.

    Returns
    -------
    Model
        For ``superresolve(..., model=model)``; ``model.save(folder)`` keeps it, `xrfsr.load_model` opens it again.

    Raises
    ------
    InvalidInput
        Naming every fault.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> scan.xrfsr.train(rgb, steps=20, progress=False)
    <xrfsr.Model of Fe-K, Pb-L in count, 4 x 4 finer, 3 networks of K=5, M=64>
    """
    beam = {"footprint": footprint, "fwhm": fwhm, "smear": smear}
    return train_on(
        [("", obj, rgb)], scale, device=device, seed=seed, progress=progress, refine=refine, **beam, **keywords
    )


def train_on(
    scans: Sequence[tuple[str, xr.Dataset | xr.DataArray, Any]],
    scale: float = 4,
    *,
    device: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    footprint: Footprint = "area",
    fwhm: Any = None,
    smear: Any = None,
    refine: str | None = "shift",
    **keywords: Any,
) -> Model:
    """Train one network on several scans with the same lines and units.

    Parameters
    ----------
    scans : sequence of (name, scan, photo)
        Scans with their photos; the names appear in messages.
    scale, device, seed, progress, footprint, fwhm, smear, refine, **keywords
        As for `train`.

    Raises
    ------
    InvalidInput
        Naming every fault of every scan.
    """
    from xrfsr.methods.unfolding import Unfolding

    method, faults = Unfolding(), list[str]()
    asked: dict[str, Any] = {"device": device, "seed": seed, "progress": progress, "refine": refine}
    beam: dict[str, Any] = {"footprint": footprint, "fwhm": fwhm, "smear": smear}
    configured = SuperResolution.from_keywords(faults, scale, keywords, method=method.name, **asked, **beam)
    acquisitions: list[Acquisition] = []
    for name, scan, photo in scans:
        with collect_faults(faults, name):
            known = None if faults else configured.options
            acquisitions.append(load(scan, photo, scale, configured.beam, method, known, configured.reach).acquisition)
    for (name, _, _), acquisition in zip(scans, acquisitions, strict=False):
        first, geometry = acquisitions[0].geometry, acquisition.geometry
        if not faults and (geometry.lines, geometry.units) != (first.lines, first.units):
            here, there = (f"{listing(each.lines, 8)} in {each.units}" for each in (geometry, first))
            faults.append(
                f"{name} has the lines {here}, {scans[0][0]} has {there}; one model needs the same of all: "
                ".sel(line=[...])"
            )
    if faults:
        raise InvalidInput("input", faults)
    options, run = configured.options, configured.run
    plans = [
        ReconstructionPlan.of(each, method, options, run, share=len(scans), refine=refine) for each in acquisitions
    ]
    problems: list[Problem] = []
    with progress_bar(0, "training", progress):
        with progress_bar(len(scans), "place of the photo") as show:
            for number, (acquisition, plan) in enumerate(zip(acquisitions, plans, strict=True), 1):
                problems += training_problems(plan.place_photo(acquisition), plan.windows)
                show(number)
        return method.train(problems, cast("UnfoldingOptions", options), run)

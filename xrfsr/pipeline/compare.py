"""Methods compared: the error of each against a truth, and the time it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.photo import ensure_photo
from xrfsr.errors import Fault, InvalidInput, collect_faults, warn
from xrfsr.methods import Method, MethodOptions, get, ready
from xrfsr.operators.footprints import beam_per_axis
from xrfsr.operators.resample import beam_in_mm, downsampling
from xrfsr.pipeline.inputs import Beam, check
from xrfsr.pipeline.refine import SHIFT
from xrfsr.pipeline.refine_registration import refine_registration
from xrfsr.pipeline.superresolve import SHARED, SuperResolution, superresolve
from xrfsr.pipeline.wald import Reference, maps_of, scan_and_truth
from xrfsr.trust.against_truth import TEXTS, described
from xrfsr.trust.measures import Measures
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.describe import describe, listing
from xrfsr.utils.progress import progress_bar

__all__ = ["compare"]

METRICS = {
    "rmse": "root mean square error, the peak of the true map being 1",
    "psnr": "-20 log10(rmse), in dB",
    "rmse_corrected": "rmse without the noise of the true map, as far as known; NaN where it is all of the error",
    "psnr_corrected": "-20 log10(rmse_corrected), in dB",
}

# What is not in `score` and `pooled`, which have the errors.
FURTHER = ("ssim", "edge_sharpness", "ratio_error", "spectral_angle", "ergas")

LONGEST = 300  # characters of the reason why a method failed


def compare(
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray | None = None,
    scale: float = 4,
    *,
    methods: Sequence[str] | None = None,
    truth: xr.Dataset | xr.DataArray | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    progress: bool | None = None,
    **options: Any,
) -> xr.Dataset:
    """Try several methods on one painting and measure the error of each.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan of the painting.
    rgb : xarray.DataArray
        Photo of the painting; not needed by methods without a photo.
    scale : float
        Ratio of coarse to fine pixel size.
    methods : sequence of str, optional
        Names of methods; by default all methods that need no option.
    truth : xarray.Dataset or xarray.DataArray, optional
        True maps of the same painting, `scale` times finer. If left out, the scan itself serves as the truth, and the
        methods get a scan that is made `scale` times coarser (the reduced-resolution protocol of Wald).
    settings : mapping, optional
        Options of single methods: ``{"unfolding": {"steps": 4000}, "gsa": {"projected": False}}``.
    progress : bool, optional
        Whether to show how many methods have been tried.
    **options
        As for `xrfsr.pipeline.superresolve.superresolve`, for all methods: `device`, `seed`, `footprint`, `fwhm`,
        `smear`, `chunk`, `refine`; the position of the photo is refined once for all methods.

    Returns
    -------
    xarray.Dataset
        `score` (algorithm, line, metric) and, for all element lines together, `pooled` (algorithm, metric), with the
        metrics ``"rmse"`` and ``"psnr"``; `seconds` (algorithm). NaN where a method failed. The dimension of the
        methods is `algorithm`, because ``.sel(method=...)`` means something else in xarray.

        The metrics ``"rmse_corrected"`` and ``"psnr_corrected"`` are the same without the noise of the truth, whose
        standard deviation is `truth_noise` (line), from `truth_noise_source` (line): its ``"uncertainty"``, whole
        ``"counts"``, or an ``"estimate"`` that assumes equally strong white noise. ``"unknown"`` noise (NaN) is not
        subtracted, so that the figures are bounds: rmse at most, psnr at least. They are NaN where the noise is all of
        the error; see `xrfsr.trust.truth_noise`.

        Further measures, as `xrfsr.trust.quality` has them: `ssim` and `edge_sharpness` (algorithm, line),
        `ratio_error` (algorithm, line, other_line), `spectral_angle` and `ergas` (algorithm).

    Raises
    ------
    InvalidInput
        Naming every fault of the scan, the photo and the options, before any method is tried; if all methods failed
        because of their input, naming the reason of each.

    Warns
    -----
    UserWarning
        Naming methods that failed, and why.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> made = compare(scan, rgb, methods=["bilinear", "kriging"], truth=truth, progress=False)
    >>> dict(made.score.sizes)
    {'algorithm': 2, 'line': 2, 'metric': 4}
    >>> psnr = made.pooled.sel(metric="psnr")
    >>> bool(psnr.sel(algorithm="kriging") > psnr.sel(algorithm="bilinear"))
    True
    """
    faults = switch_faults(optional=True, progress=progress)
    faults += _shared_faults(scale, options)
    names: list[str] = []
    each: dict[str, dict[str, Any]] = {}
    chosen: dict[str, tuple[Method[Any], MethodOptions]] = {}
    with collect_faults(faults):
        names = _names(methods)
        if len(set(names)) < len(names):
            faults.append(f"methods must have each name once, got {describe(names)}")
        each = _settings(names, settings, faults)
        chosen = _chosen(names, each, options)
    scan, scan_is_truth = obj, truth is None
    with collect_faults(faults):
        scan, truth = scan_and_truth(obj, scale, truth)
    if truth is not None and not faults:
        faults += _misfits(scan, rgb, scale, options, chosen)
    if faults or truth is None:
        raise InvalidInput("compare", faults)
    # A scan that is made here consists of means, whatever the methods take it for.
    place: dict[str, Any] = {name: options[name] for name in ("footprint", "fwhm", "smear") if name in options}
    U = downsampling(scan, scale, **({} if scan_is_truth else place))
    reference = Reference.of(truth, scan, U, scale)
    lines = reference.maps.line.values
    score = np.full((len(names), len(lines), len(METRICS)), np.nan)
    pooled, seconds = np.full((len(names), len(METRICS)), np.nan), np.full(len(names), np.nan)
    found: list[Measures | None] = []
    failures: dict[str, Exception] = {}
    guided = any(method.uses_photo for method, _ in chosen.values())
    with progress_bar(len(names), "compare", progress) as show:
        if rgb is not None and guided and options.get("refine", SHIFT) is not None:
            # Once, not for every method.
            place |= {name: options[name] for name in ("seed", "refine") if name in options}
            rgb, options = refine_registration(rgb, scan, scale, **place), {**options, "refine": None}
        for number, name in enumerate(names):
            started = time.monotonic()
            show(number, f"compare: {name}")
            try:
                fine = superresolve(scan, rgb, scale, method=name, **options, **each[name])
                made = maps_of(fine).values
                seconds[number] = time.monotonic() - started
            except Exception as error:  # the other methods are still compared
                failures[name] = error
            show(number + 1)
            if name in failures:
                found.append(None)
                continue
            measures, corrected = reference.measure(made)
            found.append(measures)
            score[number] = np.stack([measures.rmse, measures.psnr, corrected.rmse, corrected.psnr], axis=-1)
            pooled[number] = np.stack(
                [measures.pooled_rmse, measures.pooled_psnr, corrected.pooled_rmse, corrected.pooled_psnr]
            )
    if len(failures) == len(names) and all(isinstance(error, InvalidInput) for error in failures.values()):
        raise InvalidInput("compare", [f"{name}: {_reason(error)}" for name, error in failures.items()])
    if failures:
        reasons = "; ".join(f"{name}: {type(error).__name__}: {_reason(error)}" for name, error in failures.items())
        warn(f"{len(failures)} of {len(names)} methods failed: {reasons}")
    return xr.Dataset(
        {
            "score": (("algorithm", "line", "metric"), score),
            "pooled": (("algorithm", "metric"), pooled, {"long_name": "of all element lines together"}),
            "seconds": (("algorithm",), seconds, {"units": "s"}),
            **{name: described(name, _stacked(name, found, len(lines)), "algorithm") for name in FURTHER},
        },
        {
            "algorithm": names,
            "line": lines,
            "other_line": lines,
            "metric": list(METRICS),
            **reference.noise.coords,
        },
        {"scale": float(scale), **{name: text for name, text in METRICS.items()}},
    )


def _shared_faults(scale: float, options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the options that all methods take, but for the device, which some do not use."""
    faults = [
        f"compare has no argument {describe(name)}, it has {', '.join(SHARED)} for all methods; pass options of single "
        "methods as settings={'gsa': {...}}"
        for name in options
        if name not in SHARED
    ]
    shared = {name: options[name] for name in SHARED if name in options and name != "device"}
    SuperResolution.from_keywords(faults, scale, {}, progress=False, **shared)
    with collect_faults(faults):
        lengths = beam_in_mm(options.get("fwhm"), options.get("smear"))
        beam_per_axis(options.get("footprint", "area"), lengths["fwhm"], lengths["smear"])
    return faults


def _names(methods: Any) -> list[str]:
    """Return the names of the methods to compare."""
    names = list(ready()) if methods is None else [methods] if isinstance(methods, str) else methods
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise InvalidInput(
            "methods", [f"methods must be a list of names such as ['kriging', 'gsa'], got {describe(methods)}"]
        )
    return list(names)


def _settings(names: Sequence[str], settings: Any, faults: list[str]) -> dict[str, dict[str, Any]]:
    """Return the options of every method; settings for others are added to `faults`."""
    given = {} if settings is None else settings
    if not isinstance(given, Mapping) or not all(isinstance(one, Mapping) for one in given.values()):
        raise InvalidInput(
            "settings",
            [
                "settings must map methods to options, such as {'gsa': {'projected': False}}, got "
                f"{describe(settings)}"
            ],
        )
    faults += [
        f"settings are for {describe(name)}, which is not among methods; add it there, or leave it out here"
        for name in given
        if name not in names
    ]
    return {name: dict(given.get(name, {})) for name in names}


def _reason(error: Exception) -> str:
    reason = "; ".join(error.faults) if isinstance(error, InvalidInput) else str(error)
    return reason[:LONGEST]


def _chosen(
    names: Sequence[str], each: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]
) -> dict[str, tuple[Method[Any], MethodOptions]]:
    """Return the methods and their options, by the names of the methods."""
    faults: list[str] = []
    chosen: dict[str, tuple[Method[Any], MethodOptions]] = {}
    for name in names:
        method = None
        with collect_faults(faults):
            method = get(name)
        if method is None:
            continue
        with collect_faults(faults, name):
            if method.uses_device:
                from xrfsr.utils.device import resolve_device  # which loads torch

                resolve_device(options.get("device", "auto"))
            chosen[name] = (method, method.options_from(each[name]))
    if faults:
        raise InvalidInput("methods", faults)
    return chosen


def _misfits(
    scan: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray | None,
    scale: float,
    options: Mapping[str, Any],
    chosen: Mapping[str, tuple[Method[Any], MethodOptions]],
) -> list[str]:
    """Return why the methods cannot work on the scan and the photo, as far as that is known before any is tried."""
    faults: list[str] = []
    using = [name for name, (method, _) in chosen.items() if method.uses_photo]
    if using and rgb is None:
        faults.append(f"rgb is missing: pass the photo, which is needed by {listing(using)}")
    if not using and rgb is not None:
        with collect_faults(faults):
            ensure_photo(rgb)  # nobody uses it, but who passes it expects it to be a photo
    beam = Beam(options.get("footprint", "area"), options.get("fwhm"), options.get("smear"))
    consistent = any(method.consistent for method, _ in chosen.values())
    with collect_faults(faults):
        guided = bool(using) and rgb is not None
        checked, photo, U = check(scan, rgb, scale, beam, uses_photo=guided, consistent=consistent)
        bands = 0 if photo is None else photo.sizes["band"]
        for name, (method, own) in chosen.items():
            found = method.misfits(own, checked["line"].values.tolist(), checked["intensity"].attrs["units"], bands, U)
            faults += [Fault(fault, name) for fault in found]
    return faults


def _stacked(name: str, found: Sequence[Measures | None], lines: int) -> NDArray[np.float64]:
    """Return one measure of every method, NaN where the method failed."""
    gaps = np.full([lines] * len(TEXTS[name][0]), np.nan)
    return np.stack([gaps if each is None else getattr(each, name) for each in found])

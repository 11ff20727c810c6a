"""Methods compared: the error of each against a truth, and the time it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.photo import ensure_photo
from xrfsr.core.scan import ensure_scan
from xrfsr.core.separate import map_names
from xrfsr.errors import Fault, InvalidInput, collect_faults, warn
from xrfsr.methods import Method, MethodOptions, get, ready
from xrfsr.operators.footprints import beam_per_axis
from xrfsr.operators.resample import beam_in_mm, downsampling, fine_grid, resample
from xrfsr.pipeline.inputs import SMALLEST, Beam, check
from xrfsr.pipeline.refine import SHIFT
from xrfsr.pipeline.refine_registration import refine_registration
from xrfsr.pipeline.superresolve import SHARED, SuperResolution, superresolve
from xrfsr.trust.truth_noise import TruthNoise
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

LONGEST = 300  # characters of the reason why a method failed
NEAR = 1e-3  # pixels by which grids may differ


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
        Names of methods; left out, all methods that need no option.
    truth : xarray.Dataset or xarray.DataArray, optional
        True maps of the same painting, `scale` times finer. Left out, the scan itself is the truth, and the methods get
        a scan made `scale` times coarser from it (the reduced-resolution protocol of Wald).
    settings : mapping, optional
        Options of single methods: ``{"unfolding": {"steps": 4000}, "gsa": {"projected": False}}``.
    progress : bool, optional
        Whether to show how many methods have been tried.
    **options
        As for `xrfsr.pipeline.superresolve.superresolve`, for all methods: `device`, `seed`, `footprint`, `fwhm`,
        `smear`, `chunk`, `refine`; the place of the photo is refined once for all methods.

    Returns
    -------
    xarray.Dataset
        `score` (algorithm, line, metric) and, of all element lines together, `pooled` (algorithm, metric), with the
        metrics ``"rmse"`` and ``"psnr"``; `seconds` (algorithm). NaN where a method failed. The dimension of the
        methods is `algorithm`, because ``.sel(method=...)`` means something else in xarray.

        The metrics ``"rmse_corrected"`` and ``"psnr_corrected"`` are the same without the noise of the truth, whose
        standard deviation is `truth_noise` (line), from `truth_noise_source` (line): its ``"uncertainty"``, whole
        ``"counts"``, or an ``"estimate"`` that assumes equally strong white noise. ``"unknown"`` noise (NaN) is not
        subtracted, so that the figures are bounds: rmse at most, psnr at least. They are NaN where the noise is all of
        the error; see `xrfsr.trust.truth_noise`.

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
        scan, truth = _pair(obj, scale, truth)
    if truth is not None and not faults:
        faults += _misfits(scan, rgb, scale, options, chosen)
    if faults or truth is None:
        raise InvalidInput("compare", faults)
    truth = _with_uncertainty(truth).compute()  # once, not for every method
    wanted = _maps(truth)
    lines = wanted.line.values
    peak = wanted.max(("y", "x")).values
    peak[peak <= 0] = 1
    score = np.full((len(names), len(lines), len(METRICS)), np.nan)
    pooled, seconds = np.full((len(names), len(METRICS)), np.nan), np.full(len(names), np.nan)
    element = np.asarray(truth["kind"] == "element") if "kind" in truth.coords else np.ones(len(lines), bool)
    # A scan that is made here consists of means, whatever the methods take it for.
    place: dict[str, Any] = {name: options[name] for name in ("footprint", "fwhm", "smear") if name in options}
    U = downsampling(scan, scale, **({} if scan_is_truth else place))
    noise = TruthNoise.of(truth, _maps(scan).values, U)
    failures: dict[str, Exception] = {}
    guided = any(method.uses_photo for method, _ in chosen.values())
    if rgb is not None and guided and options.get("refine", SHIFT) is not None:
        # Once, not for every method.
        place |= {name: options[name] for name in ("seed", "refine") if name in options}
        rgb, options = refine_registration(rgb, scan, scale, **place), {**options, "refine": None}
    with progress_bar(len(names), "methods", progress) as show:
        for number, name in enumerate(names):
            started = time.monotonic()
            try:
                fine = superresolve(scan, rgb, scale, method=name, progress=False, **options, **each[name])
                made = _maps(fine).values
                seconds[number] = time.monotonic() - started
            except Exception as error:  # the other methods are still compared
                failures[name] = error
            show(number + 1)
            if name in failures:
                continue
            squares = ((made - wanted.values) / peak[:, None, None]) ** 2
            square = np.nanmean(squares, axis=(1, 2))
            each_corrected, all_corrected = noise.corrected(squares, peak, element)
            score[number] = _metrics(square, each_corrected)
            pooled[number] = _metrics(square[element].mean(), all_corrected)
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
        },
        {
            "algorithm": names,
            "line": lines,
            "metric": list(METRICS),
            "truth_noise": ("line", noise.sigma, {"long_name": "standard deviation of the noise of the true map"}),
            "truth_noise_source": ("line", list(noise.source)),
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


def _pair(
    obj: xr.Dataset | xr.DataArray, scale: float, truth: xr.Dataset | xr.DataArray | None
) -> tuple[xr.Dataset | xr.DataArray, xr.Dataset | xr.DataArray]:
    """Return scan and truth; without a truth, the coarser scan and the scan itself."""
    faults: list[str] = []
    grid = None
    with collect_faults(faults):
        obj = _stacked(obj)
    with collect_faults(faults):
        grid = fine_grid(grid_of(obj), scale)
    with collect_faults(faults, "truth"):
        truth = None if truth is None else _stacked(truth)
    if faults or grid is None:
        raise InvalidInput("scan", faults)
    if truth is None:
        # Without the last rows and columns that `scale` times as many coarser pixels would not give back.
        height, width = (_restorable(size, scale) for size in grid_of(obj).shape)
        obj = obj.isel(y=slice(height), x=slice(width))
        rows, columns = (round(size / scale) for size in (height, width))
        if min(rows, columns) < SMALLEST:
            most = min(height, width) / SMALLEST
            fix = f"use scale={np.floor(most * 10) / 10:g} or less, or " if most > 1.1 else ""
            raise InvalidInput(
                "scan",
                [
                    f"without a truth the methods get the scan made {scale:g} times coarser, {rows} x {columns} "
                    f"pixels; at least {SMALLEST} x {SMALLEST} are needed: {fix}pass truth=... or a larger scan"
                ],
            )
        return resample(obj, scale=1 / scale), obj
    wanted = _maps(truth)
    if list(wanted.line.values) != list(_maps(obj).line.values):
        faults.append(
            f"truth has the lines {listing(wanted.line.values)}, the scan has {listing(_maps(obj).line.values)}; the "
            "same are needed, in the same order"
        )
    there = grid_of(truth)
    apart = max(
        abs(here.first - wished.first) + abs(here.step - wished.step) * wished.size
        for here, wished in ((there.y, grid.y), (there.x, grid.x))
    )
    if there.shape != grid.shape or apart > NEAR * min(grid.spacing):
        faults.append(
            f"truth has the grid {there}, the result would have {grid}; resample the truth to it, or change scale"
        )
    if faults:
        raise InvalidInput("truth", faults)
    return obj, truth


def _stacked(obj: xr.Dataset | xr.DataArray) -> xr.Dataset | xr.DataArray:
    """Return a scan that was checked, in the usual form if it has one variable for each line."""
    checked = ensure_scan(obj)
    return checked if isinstance(obj, xr.Dataset) and map_names(obj) else obj


def _restorable(size: int, scale: float) -> int:
    """Return the largest number of pixels, up to `size`, that is the same after coarsening and refining by `scale`."""
    return next(kept for kept in range(size, -1, -1) if round(round(kept / scale) * scale) == kept)


def _maps(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    maps = obj["intensity"] if isinstance(obj, xr.Dataset) else obj
    return maps.transpose("line", "y", "x")


def _with_uncertainty(truth: xr.Dataset | xr.DataArray) -> xr.Dataset | xr.DataArray:
    """Return a Dataset without variables that are not needed here, which may be large."""
    if isinstance(truth, xr.DataArray):
        return truth
    return truth[[name for name in ("intensity", "uncertainty") if name in truth]]


def _metrics(square: Any, corrected: Any) -> NDArray[np.float64]:
    """All metrics of mean squared errors, and of those without the noise of the truth, shape (..., metric)."""
    made = []
    for rmse in (np.sqrt(square), np.sqrt(np.asarray(corrected, dtype=square.dtype))):
        with np.errstate(divide="ignore"):
            made += [rmse, -20 * np.log10(rmse)]
    return np.stack(made, axis=-1)

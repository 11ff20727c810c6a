"""One method on a scan whose own maps are the truth: the reduced-resolution protocol of Wald."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import xarray as xr

from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators.resample import downsampling
from xrfsr.pipeline.superresolve import SHARED, SuperResolution
from xrfsr.pipeline.wald import Reference, maps_of, scan_and_truth
from xrfsr.trust.against_truth import as_dataset
from xrfsr.utils.progress import progress_bar, stage

__all__ = ["evaluate"]

WITHOUT_NOISE = "{} without the noise of the true map, as far as known; NaN where it is all of the error"


def evaluate(
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray | None = None,
    scale: float = 4,
    *,
    method: str = "unfolding",
    progress: bool | None = None,
    **options: Any,
) -> xr.Dataset:
    """Measure how well a method restores this scan after it was made `scale` times coarser.

    This is the reduced-resolution protocol of Wald, Ranchin and Mangolini (1997): the truth on the fine grid is not
    known, but on the grid of the scan the scan itself serves as the truth. Detail at that scale may be easier or harder
    to restore than detail within scan pixels.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan, with at least 8 times `scale` pixels in each direction.
    rgb : xarray.DataArray
        Photo of the painting; not needed by methods without a photo.
    scale : float
        Ratio of the pixel size of the coarser scan to that of the scan.
    method : str
        Name of the method.
    progress : bool, optional
        Whether to show a progress bar.
    **options
        As for `xrfsr.pipeline.superresolve.superresolve`: `device`, `seed`, `footprint`, `fwhm`, `smear`, `chunk`,
        `refine`, and the options of the method.

    Returns
    -------
    xarray.Dataset
        Measures as `xrfsr.trust.quality` returns them, in memory. Also `rmse_corrected` and `psnr_corrected` (line),
        `pooled_rmse_corrected` and `pooled_psnr_corrected`: without the noise of the scan, whose standard deviation is
        the coordinate `truth_noise` (line), from `truth_noise_source` (line); see `xrfsr.trust.truth_noise`. `seconds`
        is the time that the method took. Values that the result has along `line`, such as `photo_gain` and
        `guided_share`, are coordinates.

    Raises
    ------
    InvalidInput
        Naming every fault of the scan, the photo and the options.

    References
    ----------
    L. Wald, T. Ranchin, M. Mangolini, "Fusion of satellite images of different spatial resolutions: assessing the
    quality of resulting images", Photogrammetric Engineering and Remote Sensing 63 (1997), 691-699.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, scale=2, lines=["Fe-K", "Pb-L"])
    >>> better, worse = (scan.xrfsr.evaluate(scale=2, method=name) for name in ("kriging", "bilinear"))
    >>> bool(better.pooled_psnr > worse.pooled_psnr)
    True
    """
    faults: list[str] = []
    shared = {name: options[name] for name in SHARED if name in options}
    own = {name: value for name, value in options.items() if name not in SHARED}
    configured = SuperResolution.from_keywords(faults, scale, own, method=method, progress=progress, **shared)
    pair = None
    with collect_faults(faults):
        pair = scan_and_truth(obj, scale, remedy="use a larger scan")
    if pair is None:
        raise InvalidInput("evaluate", faults)
    scan, truth = pair
    with progress_bar(0, "evaluate", False if faults else progress):
        started = time.monotonic()
        fine = configured(scan, rgb, faults).compute()
        seconds = time.monotonic() - started
        with stage("measures"):
            reference = Reference.of(truth, scan, downsampling(scan, scale), scale)
            measures, corrected = reference.measure(maps_of(fine).values)
    found = as_dataset(measures._asdict(), ensure_scan(fine, values=False))
    for name, values in asdict(corrected).items():
        about = found[name].attrs
        text = WITHOUT_NOISE.format(about["long_name"])
        found[f"{name}_corrected"] = (found[name].dims, values, {**about, "long_name": text})
    found["seconds"] = ((), seconds, {"units": "s"})
    return found.assign_coords(reference.noise.coords).assign_attrs(algorithm=method, scale=float(scale))

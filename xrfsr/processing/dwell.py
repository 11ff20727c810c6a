"""Conversion of counts to counts per second, by dwell time and dead time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import AnyT
from xrfsr.core.scan import ensure_scan
from xrfsr.core.to_dataset import in_form_of
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_number, numbers
from xrfsr.utils.describe import describe

__all__ = ["normalise"]

SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "min": 60.0,
}
# In seconds: beyond these no detector counts.
SHORTEST, LONGEST = 1e-9, 1e9
_TIME = re.compile(r"\s*(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)\s*(?P<unit>[A-Za-zµμ]+)\s*")


def normalise(scan: AnyT, *, dwell: Any = None, live_time: Any = None, dead_time: Any = None) -> AnyT:
    """Divide counts by the counting time.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan in counts. Lazy maps stay lazy.
    dwell : time, or array of times (y, x), (y,) or DataArray; optional
        Dwell time of each pixel: seconds as numbers, or text such as ``"20 ms"``. An array (y,) has one time per row.
    live_time : time, or array of times (y, x), (y,) or DataArray; optional
        Live time of the detector in each pixel; replaces `dwell` and `dead_time`.
    dead_time : float or array (y, x) or (y,); optional
        Dead time of the detector as a share of the dwell time, from 0 to below 1.

    Returns
    -------
    like `scan`
        Scan in ``count/s`` with its uncertainty divided by the same time; ``attrs["normalised"]`` records the divisor.

    Raises
    ------
    InvalidInput
        If the scan is not in counts, or times are invalid (all faults are listed).

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> rate = normalise(scan, dwell="250 ms", dead_time=0.2)
    >>> rate.intensity.attrs["units"], rate.attrs["normalised"]
    ('count/s', 'counts / (dwell 0.25 s x (1 - dead time 0.2))')
    """
    faults: list[str] = []
    ready: xr.Dataset | None = None
    times: dict[str, xr.DataArray] = {}
    with collect_faults(faults):
        ready = ensure_scan(scan, values=False)
        if ready["intensity"].attrs["units"] != "count":
            faults.append(
                f"the units of the scan must be 'count', got {ready['intensity'].attrs['units']!r}; if the scan is in "
                "counts, set .intensity.attrs['units'] = 'count'"
            )
    if (dwell is None) == (live_time is None):
        faults.append(f"give either dwell or live_time, got {'neither' if dwell is None else 'both'}")
    if live_time is not None and dead_time is not None:
        faults.append("give dead_time with dwell only; live_time excludes dead time already")
    for name, value in (("dwell", dwell), ("live_time", live_time), ("dead_time", dead_time)):
        if value is not None and ready is not None:
            with collect_faults(faults):
                times[name] = _field(name, value, ready)
    if faults or ready is None:
        raise InvalidInput("normalisation", faults)
    seconds = times["live_time"] if "live_time" in times else times["dwell"]
    divisor = f"live time {_range(seconds)} s" if "live_time" in times else f"dwell {_range(seconds)} s"
    if "dead_time" in times:
        seconds = seconds * (1 - times["dead_time"])
        divisor = f"({divisor} x (1 - dead time {_range(times['dead_time'])}))"
    result = ready.copy()
    for name in ("intensity", "uncertainty"):
        if name in ready:
            divided = (ready[name] / seconds.astype(np.float32)).transpose("line", "y", "x")
            result[name] = divided.astype(np.float32).assign_attrs(ready[name].attrs | {"units": "count/s"})
    return in_form_of(result.assign_attrs(normalised=f"counts / {divisor}"), scan)


def _field(name: str, value: Any, scan: xr.Dataset) -> xr.DataArray:
    """Return a time in seconds, or the dead-time share, as a DataArray that broadcasts over the scan."""
    shape = scan.sizes["y"], scan.sizes["x"]
    if name != "dead_time" and (isinstance(value, str) or _is_number(value)):
        field = xr.DataArray(_seconds(name, value))
    elif _is_number(value):
        field = xr.DataArray(float(value))
    else:
        data = (
            value.transpose(..., *[d for d in ("y", "x") if d in value.dims]).data
            if isinstance(value, xr.DataArray)
            else value
        )
        array = numbers(data)
        if array is None or array.shape not in (shape, shape[:1]):
            raise InvalidInput(
                "time",
                [
                    f"{name} must be a number or an array of numbers of shape {shape} or {shape[:1]}, got "
                    f"{describe(value)}"
                ],
            )
        field = xr.DataArray(array.astype(np.float64), dims=("y", "x")[: array.ndim])
    lowest, highest = float(field.min(skipna=False)), float(field.max(skipna=False))
    if name == "dead_time" and not (lowest >= 0 and highest < 1):
        raise InvalidInput(
            "time", [f"dead_time must be a share from 0 to below 1, got values from {lowest:g} to {highest:g}"]
        )
    if name != "dead_time" and not (lowest >= SHORTEST and highest <= LONGEST):
        raise InvalidInput(
            "time",
            [f"{name} must be a time from {SHORTEST:g} to {LONGEST:g} s, got {lowest:g} to {highest:g} s"],
        )
    return field


def _is_number(value: object) -> bool:
    return is_number(value) or isinstance(value, float)


def _seconds(name: str, value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    match = _TIME.fullmatch(value)
    if match is None or match["unit"] not in SECONDS:
        raise InvalidInput(
            "time", [f"{name} must be a number of seconds or text such as '20 ms', got {describe(value)}"]
        )
    return float(match["number"]) * SECONDS[match["unit"]]


def _range(field: xr.DataArray) -> str:
    lowest, highest = float(field.min()), float(field.max())
    return f"{lowest:g}" if lowest == highest else f"{lowest:g} to {highest:g}"

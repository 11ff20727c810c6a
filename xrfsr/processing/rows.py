"""Row shift of zig-zag scans, in which backlash or a late trigger displaces every other row."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from xrfsr.core.coordinates import AnyT, grid_of
from xrfsr.core.scan import ensure_scan
from xrfsr.core.to_dataset import in_form_of
from xrfsr.core.units import to_mm
from xrfsr.errors import InvalidInput, collect_faults, warn

__all__ = ["row_shift", "shift_rows"]

# Standard deviations of the band-pass along rows, in pixels.
FINE, COARSE = 1.0, 8.0
FURTHEST = 8  # largest lag in pixels
# Smallest shift that is corrected, in standard errors and in pixels.
SURE, WORTH = 4.0, 0.05


def shift_rows(scan: AnyT, shift: Any = None) -> AnyT:
    """Move every other row of a zig-zag scan back to its position.

    The first, third, fifth, ... rows stay; the second, fourth, ... are moved. Values between pixels are interpolated
    linearly, which smooths noise a little. Pixels at the end of a moved row for which nothing was measured are missing.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan; lazy maps are computed if the shift is estimated.
    shift : length, optional
        Displacement of the second, fourth, ... rows towards larger `x`, in mm or as text such as ``"0.3 mm"``; negative
        towards smaller `x`. By default it is estimated (`row_shift`), and rows are moved only if the estimate is at
        least four standard errors and a twentieth of a pixel.

    Returns
    -------
    like `scan`
        Corrected scan; ``attrs["row_shift_mm"]`` is the shift, ``attrs["row_shift_error_mm"]`` the standard error of an
        estimate.

    Raises
    ------
    InvalidInput
        If the scan or the shift is invalid (all faults are listed).

    Warns
    -----
    UserWarning
        If the estimated shift is not significant, so that no row was moved.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(128, 128, lines=["Fe-K", "Pb-L"])
    >>> moved = shift_rows(scan, "0.5 mm")
    >>> moved.attrs["row_shift_mm"], bool(moved.intensity[0, 1, -1].isnull())
    (0.5, True)
    """
    faults: list[str] = []
    ready: xr.Dataset | None = None
    given: float | None = None
    with collect_faults(faults):
        ready = ensure_scan(scan, values=False)
    with collect_faults(faults):
        given = None if shift is None else to_mm(shift, "shift")
    if faults or ready is None:
        raise InvalidInput("scan", faults)
    axis = grid_of(ready).x
    record: dict[str, float] = {}
    if given is None:
        found, error = row_shift(ready)
        record["row_shift_error_mm"] = error
        given = found
        if abs(found) < max(SURE * error, WORTH * abs(axis.step)):
            warn(
                f"no row was moved: the estimated shift must reach {SURE:g} standard errors and {WORTH:g} pixels, "
                f"got {found:.3g} mm with a standard error of {error:.3g} mm; pass shift=... to move rows anyway"
            )
            given = 0.0
    if abs(given) > axis.extent / 2:
        raise InvalidInput(
            "scan", [f"shift must be at most half of the width of the scan ({axis.extent:g} mm), got {given:g} mm"]
        )
    pixels = given / axis.step
    result = ready if pixels == 0 else _moved(ready, pixels)
    return in_form_of(result.assign_attrs(row_shift_mm=given, **record), scan)


def row_shift(scan: xr.Dataset | xr.DataArray) -> tuple[float, float]:
    """Estimate the displacement of the second, fourth, ... rows towards larger `x`.

    Details along each of these rows are correlated with the mean of the rows above and below. The correlations of all
    element maps are added, each in units of its noise. Noise of different rows is independent, so it does not shift the
    peak.

    Parameters
    ----------
    scan : Dataset
        Scan; lazy maps are computed.

    Returns
    -------
    shift, error : float
        Shift and its standard error in mm. The error comes from a jackknife over tenths of the rows; it is infinite if
        there are too few rows or no contrast.

    Raises
    ------
    InvalidInput
        If the scan is invalid (all faults are listed).
    """
    ready = ensure_scan(scan, values=False)
    step = grid_of(ready).x.step
    elements = ready.isel(line=np.flatnonzero(ready["kind"].values == "element"))
    correlations = [_correlation(one) for one in np.asarray(elements["intensity"].values, np.float64)]
    measured = [one for one in correlations if one is not None]
    if not measured:
        return 0.0, float("inf")
    rows = np.sum(measured, axis=0)  # (row, lag)
    groups = np.array_split(np.arange(len(rows)), min(10, len(rows)))
    whole = _peak(rows.sum(axis=0))
    without = np.array([_peak(np.delete(rows, group, axis=0).sum(axis=0)) for group in groups])
    error = float(np.sqrt((len(groups) - 1) * ((without - without.mean()) ** 2).mean()))
    return whole * step, max(error, 1e-3) * abs(step) if len(groups) > 2 else float("inf")


def _correlation(maps: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return correlations (row, lag) of moved rows with their neighbours, in units of noise; None without contrast."""
    height, width = maps.shape
    if height < 3 or width < 3 * FURTHEST:
        return None
    roots = np.sqrt(np.maximum(np.nan_to_num(maps), 0))
    detail = ndimage.gaussian_filter1d(roots, FINE, axis=1) - ndimage.gaussian_filter1d(roots, COARSE, axis=1)
    moved = np.arange(1, height - 1, 2)
    between = (detail[moved - 1] + detail[moved + 1]) / 2
    rest = detail[moved] - between
    noise = float((rest**2).mean())
    if not noise > 0 or not detail.any():
        return None
    inner = slice(FURTHEST, width - FURTHEST)
    lags = range(-FURTHEST, FURTHEST + 1)
    return np.array(
        [(detail[moved][:, inner] * np.roll(between, lag, axis=1)[:, inner]).sum(axis=1) / noise for lag in lags]
    ).T


def _peak(correlation: NDArray[np.float64]) -> float:
    """Return the lag of the largest correlation, by a parabola through the peak and both its neighbours."""
    fine = ndimage.zoom(correlation, 1)
    top = int(np.clip(fine.argmax(), 1, len(fine) - 2))
    left, middle, right = fine[top - 1 : top + 2]
    bend = left - 2 * middle + right
    return float(top - FURTHEST + (0.5 * (left - right) / bend if bend < 0 else 0.0))


def _moved(scan: xr.Dataset, pixels: float) -> xr.Dataset:
    """Interpolate every other row at positions shifted by `pixels`."""
    width = scan.sizes["x"]
    places = np.arange(width) + pixels
    below = np.floor(places).astype(int)
    part = (places - below).astype(np.float32)
    inside = (below >= 0) & (below + (part > 0) < width)
    low, high = np.clip(below, 0, width - 1), np.clip(below + 1, 0, width - 1)
    moved = xr.DataArray(np.arange(scan.sizes["y"]) % 2 == 1, dims="y")
    there = xr.DataArray(inside, dims="x")
    share = xr.DataArray(part, dims="x")
    result = scan.copy()
    for name in ("intensity", "uncertainty"):
        if name not in scan:
            continue
        one, two = (scan[name].drop_vars("x").isel(x=index) for index in (low, high))
        # Variances of independent neighbours add.
        power = 2 if name == "uncertainty" else 1
        mixed = (((1 - share) * one) ** power + (share * two).where(share > 0, 0) ** power) ** (1 / power)
        values = scan[name].drop_vars("x").where(~moved, mixed.where(there)).transpose("line", "y", "x")
        result[name] = scan[name].copy(data=values.data.astype(np.float32))
    valid = scan["valid"].values if "valid" in scan.coords else np.ones((scan.sizes["y"], width), bool)
    kept = np.where(moved.values[:, None], valid[:, low] & (valid[:, high] | (part == 0)) & inside, valid)
    return result.assign_coords(valid=(("y", "x"), kept))

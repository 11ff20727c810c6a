"""Zig-zag scans: rows measured to the left lie beside those measured to the right, by backlash or a late trigger."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from xrfsr.core.coordinates import grid_of
from xrfsr.core.scan import ensure_scan
from xrfsr.core.units import to_mm
from xrfsr.errors import InvalidInput, collect_faults, warn

__all__ = ["row_shift", "shift_rows"]

# Details between these standard deviations, in pixels along the row, are compared.
FINE, COARSE = 1.0, 8.0
FURTHEST = 8
# Standard errors, and pixels, from which a shift is corrected.
SURE, WORTH = 4.0, 0.05


def shift_rows(scan: xr.Dataset | xr.DataArray, shift: Any = None) -> xr.Dataset:
    """Move every other row of a zig-zag scan back to where it was measured.

    Rows are counted from the first, which stays, with the third, fifth and so on; the second, fourth, ... are moved.
    Between pixels the numbers are interpolated linearly, which smooths noise a little; pixels at the end of a moved row
    that nothing was measured for are missing.

    Parameters
    ----------
    scan : Dataset
        A scan; lazy maps are computed if the shift is to be estimated.
    shift : length, optional
        How far the second, fourth, ... rows lie too far towards larger `x`: mm, or text such as ``"0.3 mm"``; negative
        the other way. Left out, it is estimated (`row_shift`), and nothing is moved unless it is four standard errors
        from zero, and a twentieth of a pixel.

    Returns
    -------
    Dataset
        ``attrs["row_shift_mm"]`` says by how much, ``attrs["row_shift_error_mm"]`` how sure an estimate is.

    Raises
    ------
    InvalidInput
        Naming every fault of scan and shift.

    Warns
    -----
    UserWarning
        If an estimated shift is not clear, so that nothing was moved.

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
    told: dict[str, float] = {}
    if given is None:
        found, error = row_shift(ready)
        told["row_shift_error_mm"] = error
        given = found
        if abs(found) < max(SURE * error, WORTH * abs(axis.step)):
            warn(
                f"no row was moved: the estimated shift of {found:.3g} mm is not clear of its standard error, "
                f"{error:.3g} mm, or too small to matter; pass shift=... to move them all the same"
            )
            given = 0.0
    if abs(given) > axis.extent / 2:
        raise InvalidInput(
            "scan", [f"shift is {given:g} mm, more than half of the scan, which is {axis.extent:g} mm wide"]
        )
    pixels = given / axis.step
    result = ready if pixels == 0 else _moved(ready, pixels)
    return result.assign_attrs(row_shift_mm=given, **told)


def row_shift(scan: xr.Dataset | xr.DataArray) -> tuple[float, float]:
    """Estimate how far the second, fourth, ... rows lie too far towards larger `x`.

    Details along each of them are correlated with the mean of the rows above and below, all maps together, each by its
    own contrast; the noise of different rows is independent, so that it does not shift the peak.

    Parameters
    ----------
    scan : Dataset

    Returns
    -------
    shift, error : float
        mm; the standard error is that of leaving out one tenth of the rows after the other. Infinite where there is
        nothing to compare.

    Raises
    ------
    InvalidInput
        Naming every fault of the scan.
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
    """Of each moved row with its neighbours at each lag, in units of their noise; None of maps without contrast."""
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
    """Where a correlation at whole lags is largest, by the parabola through the three about its top."""
    fine = ndimage.zoom(correlation, 1)
    top = int(np.clip(fine.argmax(), 1, len(fine) - 2))
    left, middle, right = fine[top - 1 : top + 2]
    bend = left - 2 * middle + right
    return float(top - FURTHEST + (0.5 * (left - right) / bend if bend < 0 else 0.0))


def _moved(scan: xr.Dataset, pixels: float) -> xr.Dataset:
    """Every other row looked up `pixels` further on."""
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
        # Standard deviations of independent neighbours add by their squares.
        power = 2 if name == "uncertainty" else 1
        mixed = (((1 - share) * one) ** power + (share * two).where(share > 0, 0) ** power) ** (1 / power)
        values = scan[name].drop_vars("x").where(~moved, mixed.where(there)).transpose("line", "y", "x")
        result[name] = scan[name].copy(data=values.data.astype(np.float32))
    valid = scan["valid"].values if "valid" in scan.coords else np.ones((scan.sizes["y"], width), bool)
    kept = np.where(moved.values[:, None], valid[:, low] & (valid[:, high] | (part == 0)) & inside, valid)
    return result.assign_coords(valid=(("y", "x"), kept))

"""Detection of outlier pixels and dead rows, which are marked as missing or invalid and counted, never filled."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from xrfsr.core.coordinates import AnyT
from xrfsr.core.scan import ensure_scan
from xrfsr.core.to_dataset import in_form_of
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe

__all__ = ["mask_dead_rows", "mask_outliers"]

AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
# A row is dead if its sum is below this share of both neighbouring rows, or above its inverse, in every map.
ALIVE = 0.3
MOST = 1e6  # standard deviations; beyond, nothing is an outlier


def mask_outliers(scan: AnyT, *, threshold: float = 8.0) -> AnyT:
    """Mask single pixels that differ from all their neighbours by more than noise can explain.

    The comparison uses square roots of the counts, whose noise is even. A pixel is an outlier if it is higher (or
    lower) than all of its eight neighbours by more than half of `threshold`, and differs from their median by more than
    `threshold`, in robust standard deviations. Real details are kept: a line one pixel wide has neighbours along it. A
    grain of pigment shows in several elements, so an outlier in more than one map is kept, unless it is an outlier in
    more than half of the maps.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan; lazy maps are computed.
    threshold : float
        Number of standard deviations, at least 3. The default of 8 finds a pixel of 50 counts among pixels of 9.

    Returns
    -------
    like `scan`
        Scan in which outliers of one map are NaN in its intensity and uncertainty, and outliers of more than half of
        the maps are not `valid`. ``attrs["outliers_masked"]`` counts both.

    Raises
    ------
    InvalidInput
        If the scan or the threshold is invalid (all faults are listed).

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> scan.intensity[0, 5, 7] = 1e6
    >>> masked = mask_outliers(scan)
    >>> bool(masked.intensity[0, 5, 7].isnull()), masked.attrs["outliers_masked"]
    (True, '1 in single maps, 0 in all')
    """
    faults: list[str] = []
    ready: xr.Dataset | None = None
    with collect_faults(faults):
        ready = ensure_scan(scan, values=False)
    if not is_number(threshold) or not 3 <= threshold <= MOST:
        faults.append(
            f"threshold must be a number of standard deviations ≥ 3, at most {MOST:g}, got {describe(threshold)}"
        )
    if faults or ready is None:
        raise InvalidInput("scan", faults)
    maps = np.asarray(ready["intensity"].values)
    counted = ready["intensity"].attrs["units"] == "count"
    strange = np.array([_stand_out(one, float(threshold), counted) for one in maps])
    count = strange.sum(axis=0)
    everywhere = (count > 1) & (count > len(maps) / 2)
    single = strange & (count == 1)
    result = ready.copy()
    kept = xr.DataArray(~single, dims=("line", "y", "x"))
    for name in ("intensity", "uncertainty"):
        if name in result:
            result[name] = result[name].where(kept)
    if everywhere.any():
        result = _invalid(result, everywhere)
    counted_text = f"{int(single.sum())} in single maps, {int(everywhere.sum())} in all"
    return in_form_of(result.assign_attrs(outliers_masked=counted_text), scan)


def mask_dead_rows(scan: AnyT) -> AnyT:
    """Mask rows and columns in which the scanner failed.

    A row is dead if every map is constant in it (zero, as a rule) while rows before and after it are not; or if its sum
    is below 30 % of the sums of both neighbouring rows, or above 3.3 times both, in every map that has counts there.
    Empty rows at the edge of a scan are kept: nothing may be painted there. Use `crop` to remove them.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan; lazy maps are computed.

    Returns
    -------
    like `scan`
        Scan in which the pixels of dead rows and columns are not `valid`. ``attrs["dead_rows"]`` and
        ``attrs["dead_columns"]`` list them, counted from 0.

    Raises
    ------
    InvalidInput
        If the scan is invalid (all faults are listed).

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> scan.intensity[:, 6] = 0
    >>> masked = mask_dead_rows(scan)
    >>> masked.attrs["dead_rows"], int((~masked.valid).sum())
    ('6', 16)
    """
    ready = ensure_scan(scan, values=False)
    maps = np.asarray(ready["intensity"].values, np.float64)
    dead: dict[str, NDArray[np.bool_]] = {name: _dead(maps, axis) for name, axis in (("rows", 1), ("columns", 2))}
    bad = dead["rows"][:, None] | dead["columns"][None, :]
    result = _invalid(ready, bad) if bad.any() else ready
    listed = {f"dead_{name}": ", ".join(map(str, np.flatnonzero(found))) or "none" for name, found in dead.items()}
    return in_form_of(result.assign_attrs(listed), scan)


def _invalid(scan: xr.Dataset, bad: NDArray[np.bool_]) -> xr.Dataset:
    good = xr.DataArray(~bad, dims=("y", "x"))
    valid = scan["valid"] & good if "valid" in scan.coords else good
    return scan.assign_coords(valid=(("y", "x"), np.asarray(valid.values, bool)))


def _stand_out(maps: NDArray[np.float32], threshold: float, counted: bool) -> NDArray[np.bool_]:
    roots = np.sqrt(np.maximum(maps, 0))
    known = np.isfinite(roots)
    if known.sum() < 9:
        return np.zeros(maps.shape, bool)
    filled = np.where(known, roots, np.median(roots[known]))
    middle = ndimage.median_filter(filled, footprint=AROUND, mode="nearest")
    highest = ndimage.maximum_filter(filled, footprint=AROUND, mode="nearest")
    lowest = ndimage.minimum_filter(filled, footprint=AROUND, mode="nearest")
    rest = filled - middle
    # Where most pixels are equal (zeros of a fit, as a rule), estimate the noise from those that differ.
    varied = np.abs(rest[known & (rest != 0)])
    spread = 1.4826 * float(np.median(varied)) if varied.size else 0.0
    smooth = ndimage.median_filter(filled, 3, mode="nearest")
    local = 1.4826 * ndimage.median_filter(np.abs(filled - smooth), 5, mode="nearest")
    # The root of a count has a standard deviation of one half.
    noise = np.maximum(np.maximum(local, spread), max(0.5 if counted else 0.0, 1e-6 * float(filled.max())))
    hot = (rest > threshold * noise) & (filled - highest > 0.5 * threshold * noise)
    cold = (rest < -threshold * noise) & (lowest - filled > 0.5 * threshold * noise)
    return np.asarray((hot | cold) & known)


def _dead(maps: NDArray[np.float64], axis: int) -> NDArray[np.bool_]:
    along = 3 - axis
    with np.errstate(invalid="ignore"):
        same = np.all(
            np.isnan(maps) | (maps == np.nanmax(np.where(np.isnan(maps), -np.inf, maps), axis=along, keepdims=True)),
            axis=along,
        )
    sums = np.nansum(maps, axis=along)
    constant = same.all(axis=0)
    living = np.flatnonzero(~constant)
    edges = np.ones(len(constant), bool)
    if living.size:
        edges[living[0] : living[-1] + 1] = False
    constant &= ~edges
    before, after = np.roll(sums, 1, axis=1), np.roll(sums, -1, axis=1)
    before[:, 0], after[:, -1] = after[:, 0], before[:, -1]
    low, high = np.minimum(before, after), np.maximum(before, after)
    counted = (low > 0).any(axis=0)
    less = np.where(low > 0, sums < ALIVE * low, True).all(axis=0) & counted
    more = np.where(high > 0, sums > high / ALIVE, True).all(axis=0) & counted
    return np.asarray((constant | less | more) & ~edges)

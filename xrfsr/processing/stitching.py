"""Stitching of several scans of one painting onto one grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import AnyT, grid_coords, grid_of
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.scan import ensure_scan
from xrfsr.core.to_dataset import in_form_of
from xrfsr.core.units import pair_to_mm
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.operators.resample import regrid
from xrfsr.processing.offsets import with_offsets
from xrfsr.utils.checks import is_dask, switch_faults
from xrfsr.utils.describe import describe, listing

__all__ = ["stitch"]

MAPS = ("intensity", "uncertainty")
MOST_PIXELS = 2.0**31
NEAR = 1e-6


def stitch(
    scans: Sequence[AnyT],
    *,
    pixel_size: Any = None,
    match_gains: bool = False,
    find_offsets: bool = False,
) -> AnyT:
    """Combine scans of one painting, with `y` and `x` in the same millimetres, on one grid.

    Overlapping scans are averaged. The weights are inverse variances if all scans have an uncertainty (the result then
    has one, too), and equal otherwise. Pixels that no scan covers are missing and not valid. Scans whose pixels
    coincide with the grid keep their values outside overlaps; others are interpolated, or averaged if they are finer.

    Parameters
    ----------
    scans : sequence of Dataset
        Two or more scans with the same units and the same lines in any order. If the maps of one are lazy, so is the
        result, whatever is missing in it; lazy maps are computed, one scan at a time, only with `match_gains`.
    pixel_size : length or pair (y, x), optional
        Pixel size of the grid; by default that of the first scan. The grid continues the pixels of the first scan.
    match_gains : bool
        Whether to multiply the maps of every scan after the first so that their sums agree in the overlap with the
        scans before it. A warning lists factors beyond 10 %. By default counts are not multiplied.
    find_offsets : bool
        Whether to find the positions of the scans after the first from their overlaps, to whole pixels, by masked phase
        correlation (scikit-image), which computes lazy maps. Their own positions are then ignored. Needs
        ``pip install "xrfsr[register]"``.

    Returns
    -------
    like the first scan
        Stitched scan; ``attrs["stitched"]`` counts the scans, ``attrs["gains"]`` lists the factors, and
        ``attrs["offsets"]`` how far scans were moved.

    Raises
    ------
    InvalidInput
        If scans are invalid or differ in lines or units (all faults are listed), if the grid would be too large, or if
        the position of a scan is not clear.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> left, right = scan.isel(x=slice(0, 10)), scan.isel(x=slice(6, 16))
    >>> whole = stitch([left, right])
    >>> whole.intensity.shape, whole.attrs["stitched"]
    ((2, 16, 16), '2 scans, 4 x 16 mm covered more than once')
    """
    faults = switch_faults(match_gains=match_gains, find_offsets=find_offsets)
    ready: list[xr.Dataset] = []
    spacing = None
    with collect_faults(faults):
        spacing = None if pixel_size is None else pair_to_mm(pixel_size)
    with collect_faults(faults):
        ready = _checked(scans)
    if faults:
        raise InvalidInput("stitching", faults)
    offsets = ""
    if find_offsets:
        ready, places = with_offsets(ready)
        offsets = "; ".join(f"scan {number}: {place}" for number, place in enumerate(places, start=2))
    spacing = spacing or grid_of(ready[0]).spacing
    grid = _grid_over([grid_of(scan) for scan in ready], spacing)
    if not match_gains and any(is_dask(scan[name].data) for scan in ready for name in MAPS if name in scan):
        return in_form_of(_noted(_lazy(ready, grid), len(ready), *_covered(ready, grid), offsets=offsets), scans[0])
    weighted = all("uncertainty" in scan for scan in ready)
    # Maps that have no uncertainty in one of the scans (NaN) are averaged with equal weights.
    errors_known = np.full(ready[0].sizes["line"], weighted)
    for scan in ready if weighted else ():
        errors_known &= scan["uncertainty"].notnull().any(("y", "x")).values
    shape = (ready[0].sizes["line"], *grid.shape)
    total, weight, count = np.zeros(shape), np.zeros(shape), np.zeros(grid.shape, np.int16)
    gains: list[str] = []
    for number, scan in enumerate(ready):
        rows, columns, part = _placed(scan, grid)
        values = np.asarray(part["intensity"].values, np.float64)
        error = np.asarray(part["uncertainty"].values, np.float64) if weighted else None
        known = np.isfinite(values)
        if "valid" in part.coords:
            known &= np.asarray(part["valid"].values, bool)
        here = (slice(None), rows, columns)
        if match_gains and number:
            factors = _gains(values, known, total[here], weight[here])
            values *= factors[:, None, None]
            error = None if error is None else error * factors[:, None, None]
            gains.append(_gains_text(number, factors, ready[0]))
        w = _weights(known, error, errors_known)
        total[here] += np.where(known, values, 0) * w
        weight[here] += w
        count[rows, columns] += known.any(axis=0)
    mean, spread = _averages(total, weight, errors_known)
    result = _on_grid(ready[0], grid, mean, spread if weighted else None)
    if (count == 0).any():
        result = result.assign_coords(valid=(("y", "x"), count > 0))
    return in_form_of(_noted(result, len(ready), count > 1, spacing, gains="; ".join(gains), offsets=offsets), scans[0])


def _weights(known: Any, error: Any, errors_known: Any) -> Any:
    """Return the weights of the values of a scan, NumPy or Dask: the inverse variances of lines that have them."""
    equal = known.astype(np.float64)
    if error is None:
        return equal
    inverse = np.where(known & (error > 0), 1 / np.maximum(error, 1e-12) ** 2, 0.0)
    return np.where(errors_known[:, None, None], inverse, equal)


def _averages(total: Any, weight: Any, errors_known: Any) -> tuple[Any, Any]:
    """Return the means and their uncertainties, NumPy or Dask, from weighted sums and sums of weights."""
    some = weight > 0
    divisor = np.where(some, weight, 1)
    mean = np.where(some, total / divisor, np.nan).astype(np.float32)
    spread = np.where(some & errors_known[:, None, None], 1 / np.sqrt(divisor), np.nan).astype(np.float32)
    return mean, spread


def _on_grid(first: xr.Dataset, grid: Grid, mean: Any, spread: Any) -> xr.Dataset:
    """Return a scan of the lines of another on a grid; `spread` is its uncertainty or None."""
    variables = {"intensity": (("line", "y", "x"), mean, dict(first["intensity"].attrs))}
    if spread is not None:
        variables["uncertainty"] = (("line", "y", "x"), spread, dict(first["uncertainty"].attrs))
    lines = {name: first[name].variable for name in ("line", "element", "family", "kind", "energy")}
    return xr.Dataset(variables, {**lines, **grid_coords(grid)}, dict(first.attrs))


def _noted(scan: xr.Dataset, number: int, twice: Any, spacing: tuple[float, float], **notes: str) -> xr.Dataset:
    """Return a stitched scan with its record; `twice` are the pixels that were covered more than once."""
    text = f"{number} scans, {_area(twice, spacing)} covered more than once" if twice.any() else f"{number} scans"
    return scan.assign_attrs(stitched=text, **{name: value for name, value in notes.items() if value})


def _covered(scans: Sequence[xr.Dataset], grid: Grid) -> tuple[NDArray[np.bool_], tuple[float, float]]:
    """Return the pixels that lie within more than one scan, and the size of a pixel."""
    count = np.zeros(grid.shape, np.int16)
    for scan in scans:
        rows, columns, _ = _place(grid_of(scan), grid)
        count[rows, columns] += 1
    return count > 1, grid.spacing


def _lazy(scans: Sequence[xr.Dataset], grid: Grid) -> xr.Dataset:
    """Return the mean of scans on a grid as Dask arrays, of which no value is computed."""
    import dask.array as da

    weighted = all("uncertainty" in scan for scan in scans)
    known_errors = da.ones(scans[0].sizes["line"], dtype=bool)
    for scan in scans if weighted else ():
        known_errors = known_errors & scan["uncertainty"].chunk().notnull().any(("y", "x")).data
    total = weight = count = da.zeros((1, 1, 1))
    for scan in scans:
        rows, columns, part = _placed(scan.chunk(), grid)
        values = part["intensity"].data.astype(np.float64)
        known = da.isfinite(values)
        if "valid" in part.coords:
            known = known & part["valid"].data.astype(bool)
        w = _weights(known, part["uncertainty"].data.astype(np.float64) if weighted else None, known_errors)
        margin = [(0, 0)] + [
            (cut.start, size - cut.stop) for cut, size in zip((rows, columns), grid.shape, strict=True)
        ]
        total = total + da.pad(da.where(known, values, 0) * w, margin)
        weight = weight + da.pad(w, margin)
        count = count + da.pad(known, margin)
    mean, spread = _averages(total, weight, known_errors)
    result = _on_grid(scans[0], grid, mean, spread if weighted else None)
    return result.assign_coords(valid=(("y", "x"), (count > 0).any(axis=0)))


def _checked(scans: Sequence[xr.Dataset | xr.DataArray]) -> list[xr.Dataset]:
    if not isinstance(scans, list | tuple) or len(scans) < 2:
        example = "such as stitch([left, right]) or left.xrfsr.stitch(right)"
        raise InvalidInput("scans", [f"scans must be a list of at least two scans, {example}, got {describe(scans)}"])
    faults: list[str] = []
    ready: list[xr.Dataset] = []
    for number, scan in enumerate(scans, start=1):
        with collect_faults(faults, f"scan {number}"):
            ready.append(ensure_scan(scan, values=False))
    if faults:
        raise InvalidInput("scans", faults)
    first = ready[0]
    labels = [str(label) for label in first["line"].values]
    for number, scan in enumerate(ready[1:], start=2):
        others = [str(label) for label in scan["line"].values]
        if missing := [label for label in labels if label not in others]:
            faults.append(
                f"scan {number} has no {listing(missing)}; select the lines common to all scans: .sel(line=[...])"
            )
        if more := [label for label in others if label not in labels]:
            faults.append(f"scan 1 has no {listing(more)}, unlike scan {number}; select the lines common to all scans")
        units = [one["intensity"].attrs["units"] for one in (first, scan)]
        if units[0] != units[1]:
            faults.append(f"scan {number} is in {units[1]} and scan 1 in {units[0]}; normalise the scan in counts")
    if faults:
        raise InvalidInput("scans", faults)
    return [scan.sel(line=first["line"].values) for scan in ready]


def _grid_over(grids: Sequence[Grid], spacing: tuple[float, float]) -> Grid:
    """Return the smallest grid that covers all grids and continues the pixels of the first."""
    axes: list[Axis] = []
    for own, step in zip(zip(*[(grid.y, grid.x) for grid in grids], strict=True), spacing, strict=True):
        start = own[0].edges[0]
        low = start + math.floor((min(axis.edges[0] for axis in own) - start) / step + NEAR) * step
        size = max(1, math.ceil((max(axis.edges[1] for axis in own) - low) / step - NEAR))
        axes.append(Axis(size, step, low + step / 2))
    if float(axes[0].size) * axes[1].size > MOST_PIXELS:
        raise InvalidInput(
            "scans",
            [
                f"the grid over all scans must have at most {MOST_PIXELS:g} pixels, got {axes[0].size} x "
                f"{axes[1].size}; check the origins of the scans"
            ],
        )
    return Grid(axes[0], axes[1])


def _place(own: Grid, grid: Grid) -> tuple[slice, slice, Grid]:
    """Return the rows and columns of the grid that a scan covers, and the grid of these."""
    parts: list[tuple[slice, Axis]] = []
    for axis, target in ((own.y, grid.y), (own.x, grid.x)):
        low, high = axis.edges
        start = target.edges[0]
        # Use the pixels of the grid whose centres lie within the scan.
        first = max(0, math.ceil((low - start) / target.step - 0.5 - NEAR))
        last = min(target.size, math.floor((high - start) / target.step - 0.5 + NEAR) + 1)
        if last <= first:
            raise InvalidInput(
                "scans",
                [f"a scan must cover the centre of a pixel of {target.step:g} mm, got a scan of {axis.extent:g} mm"],
            )
        parts.append((slice(first, last), Axis(last - first, target.step, float(target.centres[first]))))
    return parts[0][0], parts[1][0], Grid(parts[0][1], parts[1][1])


def _placed(scan: xr.Dataset, grid: Grid) -> tuple[slice, slice, xr.Dataset]:
    """Return the rows and columns of the grid that a scan covers, and the scan resampled onto them."""
    own = grid_of(scan)
    rows, columns, part = _place(own, grid)
    ascending = scan.sortby(["y", "x"])
    kept = ascending[[name for name in MAPS if name in ascending]]
    aligned = np.allclose(
        [own.spacing, (grid_of(ascending).y.first, grid_of(ascending).x.first)],
        [part.spacing, (part.y.first, part.x.first)],
        atol=NEAR,
    )
    if aligned and part.shape == own.shape:
        return rows, columns, ascending
    return rows, columns, regrid(ascending if "valid" in ascending.coords else kept, part)


def _gains(values: Any, known: Any, total: Any, weight: Any) -> Any:
    both = known & (weight > 0)
    before = np.where(both, total / np.where(weight > 0, weight, 1), 0).sum(axis=(1, 2))
    now = np.where(both, values, 0).sum(axis=(1, 2))
    return np.where((before > 0) & (now > 0), before / np.where(now > 0, now, 1), 1.0)


def _gains_text(number: int, factors: Any, scan: xr.Dataset) -> str:
    text = ", ".join(f"{label} {factor:.3g}" for label, factor in zip(scan["line"].values, factors, strict=True))
    if (np.abs(factors - 1) > 0.1).any():
        warn(f"scan {number + 1} was multiplied by factors beyond 10 % to match the scans before it: {text}")
    return f"scan {number + 1}: {text}"


def _area(covered: Any, spacing: tuple[float, float]) -> str:
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    height, width = (len(range(one[0], one[-1] + 1)) * step for one, step in zip((rows, columns), spacing, strict=True))
    return f"{width:g} x {height:g} mm"

"""Mean, median and standard error of the maps within a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.analysis.correlations import region_mask
from xrfsr.analysis.inputs import maps_of, needs_plane
from xrfsr.core.coordinates import grid_of, own_grid
from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput, collect_faults

__all__ = ["region_statistics"]


def region_statistics(
    obj: xr.Dataset | xr.DataArray,
    region: xr.DataArray | Sequence[Any],
    *,
    scan: xr.Dataset | xr.DataArray | Grid | None = None,
) -> xr.Dataset:
    r"""Mean, median and standard error of every line within a region, with its pixels and area.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan or fine result, or its intensity alone, with `y` and `x` in a unit of length. From a Dask array, only the
        part around the region is computed.
    region : xarray.DataArray or sequence of pairs (y, x)
        Mask (y, x), bool, such as that of `region`, or the corners of a polygon in mm. Pixels that are not `valid`, and
        missing values, never count.
    scan : xarray.Dataset, xarray.DataArray or Grid, optional
        Scan from which a fine result was made. The errors of fine pixels within one scan pixel are then assumed to be
        equal. Without it, all errors are assumed to be independent, which is wrong for a fine result.

    Returns
    -------
    xarray.Dataset
        Along `line`, float64: `mean`, `median` and `standard_error` (NaN where there is no `uncertainty`) in the units
        of the intensity, `area` in mm², and the number of `pixels` that have a value, int64.

    Raises
    ------
    InvalidInput
        If the region is neither a mask of the pixels of `obj` nor a polygon that holds some, or coordinates have no
        unit of length; all faults are listed.

    Notes
    -----
    The standard error is that of the mean, propagated from the standard deviations :math:`\sigma_i` of its n pixels:
    :math:`\sqrt{\sum_c (\sum_{i \in c} \sigma_i)^2} / n`, where c are pixels of `scan`, or single pixels without it.
    It says how well the mean of the map is known, not how much the map varies within the region.

    Examples
    --------
    >>> import numpy as np, xrfsr
    >>> maps = np.full((1, 4, 4), 100.0) + np.arange(4)
    >>> scan = xrfsr.as_scan(maps, lines=["Ca-K"], pixel_size="0.5 mm", uncertainty=np.full((1, 4, 4), 10.0))
    >>> found = scan.xrfsr.region_statistics([(0, 0), (0, 1), (2, 1), (2, 0)])
    >>> [float(found[name].item()) for name in ("mean", "median", "area")], found.pixels.item()
    ([100.5, 100.5, 2.0], 8)
    >>> float(found.standard_error[0].round(3))
    3.536
    """
    faults: list[str] = []
    maps = maps_of(obj)
    fine: Grid | None = None
    coarse: Grid | None = None
    mask: xr.DataArray | None = None
    with collect_faults(faults):
        needs_plane(maps.intensity)
        fine = own_grid(obj)
        mask = region_mask(region, obj, maps.intensity)
    if scan is not None:
        with collect_faults(faults, "scan"):
            coarse = grid_of(scan)
    if faults or mask is None or fine is None:
        raise InvalidInput("region statistics", faults)
    inside = mask.transpose("y", "x").values
    if not inside.any():
        raise InvalidInput(
            "region statistics", ["the region has no pixel; choose a mask with at least one that is true"]
        )
    box = tuple(slice(int(one.min()), int(one.max()) + 1) for one in np.nonzero(inside))
    inside = inside[box]
    part = {"y": box[0], "x": box[1]}
    arrays = {"intensity": maps.intensity.transpose("line", "y", "x").isel(part).variable}
    if maps.uncertainty is not None:
        arrays["uncertainty"] = maps.uncertainty.transpose("line", "y", "x").isel(part).variable
    if maps.valid is not None:
        arrays["valid"] = maps.valid.transpose("y", "x").isel(part).variable
    held = xr.Dataset({name: (each.dims, each.data) for name, each in arrays.items()}).compute()  # together, if lazy
    if "valid" in held:
        inside = inside & held["valid"].values.astype(bool)
    cells = _cells(coarse, fine, box) if coarse is not None else np.arange(inside.size).reshape(inside.shape)
    errors = held["uncertainty"].values if "uncertainty" in held else [None] * len(maps.lines)
    found = [
        _of_map(values, error, inside, cells) for values, error in zip(held["intensity"].values, errors, strict=True)
    ]
    mean, median, error, pixels = (np.array(each) for each in zip(*found, strict=True))
    unit = {"units": str(maps.intensity.attrs.get("units", ""))}
    area = pixels * float(np.prod(fine.spacing))
    return xr.Dataset(
        {
            "mean": ("line", mean, {"long_name": "mean of the pixels", **unit}),
            "median": ("line", median, {"long_name": "median of the pixels", **unit}),
            "standard_error": ("line", error, {"long_name": "standard error of the mean", **unit}),
            "pixels": ("line", pixels.astype(np.int64), {"long_name": "number of pixels with a value"}),
            "area": ("line", area, {"long_name": "area of these pixels", "units": "mm2"}),
        },
        {"line": ("line", np.array([line.label for line in maps.lines]))},
    )


def _cells(coarse: Grid, fine: Grid, box: tuple[slice, ...]) -> NDArray[np.intp]:
    """Return the number of the pixel of the scan around every fine pixel of a box."""
    rows, columns = coarse.y.parent_cell(fine.y)[box[0]], coarse.x.parent_cell(fine.x)[box[1]]
    return rows[:, None] * coarse.x.size + columns


def _of_map(
    values: NDArray[Any], error: NDArray[Any] | None, inside: NDArray[np.bool_], cells: NDArray[np.intp]
) -> tuple[float, float, float, int]:
    """Return mean, median, standard error of the mean, and number of the pixels of one map."""
    kept = inside & np.isfinite(values)
    count = int(kept.sum())
    if not count:
        return np.nan, np.nan, np.nan, 0
    known = values[kept].astype(np.float64)
    spread = np.nan
    if error is not None:
        _, own = np.unique(cells[kept], return_inverse=True)
        # Missing uncertainties make that of the mean unknown.
        spread = float(np.sqrt((np.bincount(own, weights=error[kept].astype(np.float64)) ** 2).sum()) / count)
    return float(known.mean()), float(np.median(known)), spread, count

"""Correlation of the maps of lines with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.analysis.inputs import line_position, maps_of, needs_plane, same_pixels_faults
from xrfsr.analysis.polygons import region as polygon_mask
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import choice_faults, is_dask
from xrfsr.utils.describe import describe

__all__ = ["correlation", "region_mask"]

METHODS = ("pearson", "spearman")
STRIP = 2**18  # pixels of an array in memory that are converted to double precision at a time


def correlation(
    obj: xr.Dataset | xr.DataArray,
    region: xr.DataArray | Sequence[Any] | None = None,
    *,
    lines: str | Sequence[str] | None = None,
    method: str = "pearson",
) -> xr.DataArray:
    """Correlation of the maps of every two lines over the pixels of a region.

    The maps of materials that were mixed, or that are above each other, are correlated. Noise lowers the correlations
    of weak lines. Maps that were guided by the same photo are correlated in part because of the photo.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan or fine result, or its intensity alone. Dask arrays stay lazy.
    region : xarray.DataArray or sequence of pairs (y, x), optional
        Mask (y, x), bool, such as that of `region`, or the corners of a polygon in mm; all pixels if left out. Pixels
        that are not `valid` never count.
    lines : str or sequence of str, optional
        Lines in any spelling or by their element alone; all maps if left out, also scatter.
    method : {"pearson", "spearman"}
        Pearson's coefficient of the intensities, or Spearman's of their ranks, which measures any monotonic relation
        and is not dominated by few bright pixels. Pearson's is computed chunk by chunk, Spearman's (by pandas) in one
        task that needs all pixels.

    Returns
    -------
    xarray.DataArray
        Matrix named ``"correlation"``, (line, other_line), float64 from -1 to 1, dimensionless, symmetric. Each pair of
        lines is compared where both have values. NaN if these are fewer than two or a map is constant there.

    Raises
    ------
    InvalidInput
        Naming every line that the scan does not have, a region that is no mask of its pixels, and an unknown method.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance", The American Statistician
    37 (1983) 242-247: the moments of chunks are combined without loss of precision.

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr import as_scan
    >>> maps = np.random.default_rng(0).poisson(50.0, (2, 8, 10))
    >>> scan = as_scan([maps[0], maps[1], 2 * maps[0]], lines=["Ca-K", "Fe-K", "Pb-L"], pixel_size="0.5 mm")
    >>> table = scan.xrfsr.correlation([(0, 0), (0, 5), (3, 5)])
    >>> table.dims, float(table.sel(line="Ca-K", other_line="Pb-L").round(6))
    (('line', 'other_line'), 1.0)
    """
    maps = maps_of(obj)
    faults = choice_faults("method", method, METHODS)
    mask: xr.DataArray | None = None
    positions: list[int] | None = None
    with collect_faults(faults):
        needs_plane(maps.intensity)
        if region is not None:
            mask = region_mask(region, obj, maps.intensity)
    if lines is not None:
        with collect_faults(faults):
            positions = _positions(lines, maps.lines)
    if faults:
        raise InvalidInput("correlation", faults)

    intensity = maps.intensity.transpose("line", ...)
    if positions is not None:
        intensity = intensity.isel(line=positions)
    for kept in (maps.valid, mask):
        intensity = intensity if kept is None else intensity.where(kept)
    labels = [maps.lines[position].label for position in positions or range(len(maps.lines))]
    return xr.DataArray(
        _matrix(intensity.transpose("line", "y", "x").data, method),
        {"line": ("line", np.array(labels)), "other_line": ("other_line", np.array(labels))},
        ("line", "other_line"),
        name="correlation",
        attrs={"long_name": f"{method.capitalize()} correlation", "units": "dimensionless"},
    )


def region_mask(region: Any, obj: xr.Dataset | xr.DataArray, intensity: xr.DataArray) -> xr.DataArray:
    """Return the mask of a region that is given as a mask of the pixels of maps, or as the corners of a polygon."""
    if not isinstance(region, xr.DataArray):
        return polygon_mask(obj, region)
    faults = same_pixels_faults("region", region, intensity)
    if region.dtype.kind != "b":
        faults.append(f"region must be a mask of bool, got dtype {region.dtype}; use a comparison such as map > 10")
    if faults:
        raise InvalidInput("region", faults)
    return region.reset_coords(drop=True)


def _positions(lines: Any, held: Any) -> list[int]:
    wanted = [lines] if isinstance(lines, str) else lines
    if not isinstance(wanted, list | tuple) or not wanted:
        raise InvalidInput("lines", [f"lines must be labels such as ['Ca-K', 'Pb-L'], got {describe(lines)}"])
    faults: list[str] = []
    found: list[int] = []
    for label in wanted:
        with collect_faults(faults):
            found.append(line_position(label, held))
    if len(set(found)) < len(found):
        faults.append(f"lines must name each line once, got {describe(lines)}")
    if faults:
        raise InvalidInput("lines", faults)
    return found


def _matrix(maps: Any, method: str) -> Any:
    """Return the correlations of maps (line, y, x), lazily if they are a Dask array."""
    count = maps.shape[0]
    if method == "spearman":
        if is_dask(maps):
            return maps.rechunk(-1).map_blocks(_spearman, drop_axis=2, dtype=float, chunks=(count, count))
        return _spearman(maps)
    if not is_dask(maps):
        rows = max(1, STRIP // max(1, maps.shape[2]))
        return _pearson(
            np.concatenate([_moments(maps[:, top : top + rows]) for top in range(0, maps.shape[1], rows)], axis=3)
        )
    import dask.array as da

    moments = da.blockwise(  # type: ignore[no-untyped-call]
        _moments, "kabyx", maps.rechunk({0: -1}), "lyx", new_axes={"k": 4, "a": count, "b": count},
        adjust_chunks={"y": 1, "x": 1}, concatenate=True, dtype=float,
    )  # fmt: skip
    return moments.rechunk(-1).map_blocks(_pearson, drop_axis=[0, 3, 4], dtype=float, chunks=(count, count))


def _moments(maps: NDArray[Any]) -> NDArray[np.float64]:
    """Return what a block of maps (line, y, x) adds to the correlations, shape (4, line, line, 1, 1).

    For every pair of lines, over the pixels that both have: their number, the mean of the first line, the sum of its
    squared deviations, and the sum of products of both deviations.
    """
    values = maps.reshape(len(maps), -1).astype(np.float64)
    there = np.isfinite(values)
    known = there.astype(np.float64)
    values[~there] = 0
    each = known.sum(axis=1)
    centres = values.sum(axis=1) / np.maximum(each, 1)
    values = np.where(there, values - centres[:, None], 0)  # before they are squared, for precision
    pixels = known @ known.T
    sums = values @ known.T
    shared = np.maximum(pixels, 1)
    means = centres[:, None] + sums / shared
    squares = values**2 @ known.T - sums**2 / shared
    products = values @ values.T - sums * sums.T / shared
    return np.stack([pixels, means, squares, products])[..., None, None]


def _pearson(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlations (line, line) from the moments of blocks, shape (4, line, line, blocks, blocks)."""
    pixels, means, squares, products = moments.reshape(*moments.shape[:3], -1)
    total = np.maximum(pixels.sum(axis=-1), 1)[..., None]
    off = means - (pixels * means).sum(axis=-1, keepdims=True) / total
    variances = (squares + pixels * off**2).sum(axis=-1)
    covariances = (products + pixels * off * off.swapaxes(0, 1)).sum(axis=-1)
    scale = np.sqrt(np.maximum(variances, 0)) * np.sqrt(np.maximum(variances.T, 0))
    # What rounding leaves of a constant map is no variance.
    constant = variances <= 1e-28 * (pixels * means**2).sum(axis=-1)
    known = ~(constant | constant.T) & (scale > 0)
    return np.where(known, np.clip(covariances / np.where(known, scale, 1), -1, 1), np.nan)


def _spearman(maps: NDArray[Any]) -> NDArray[np.float64]:
    import pandas as pd

    values = maps.reshape(len(maps), -1)
    table = pd.DataFrame(np.where(np.isfinite(values), values, np.nan).T)
    # Pixels outside the region are missing in all maps.
    ranked: NDArray[np.float64] = table.dropna(how="all").corr("spearman", min_periods=2).to_numpy(np.float64)
    return ranked

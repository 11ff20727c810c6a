"""Quality of fine maps whose truth is known."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.errors import Fault, InvalidInput
from xrfsr.trust.measures import Measures, measure
from xrfsr.trust.pairs import is_element, known, matched, same_grid
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe

__all__ = ["TEXTS", "quality"]

# Dimensions, unit and meaning of every measure.
TEXTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "rmse": (("line",), "dimensionless", "root mean square error, the peak of the true map being 1"),
    "psnr": (("line",), "dB", "-20 log10(rmse)"),
    "ssim": (("line",), "dimensionless", "structural similarity, 1 if equal"),
    "edge_sharpness": (("line",), "dimensionless", "steepness at the edges of the true map, relative to it"),
    "ratio_error": (
        ("line", "other_line"),
        "dimensionless",
        "factor by which the ratio of two lines is typically off, less 1",
    ),
    "pooled_rmse": ((), "dimensionless", "rmse of all element lines together"),
    "pooled_psnr": ((), "dB", "-20 log10(pooled_rmse)"),
    "spectral_angle": ((), "degree", "mean angle between the vectors of all element lines"),
    "ergas": ((), "dimensionless", "relative global error of all element lines, 0 if equal"),
}
PEAK = "largest value of the true map"


def quality(
    fine: xr.Dataset | xr.DataArray, truth: xr.Dataset | xr.DataArray, *, scale: float | None = None
) -> xr.Dataset:
    """Measure fine maps against true ones.

    Parameters
    ----------
    fine : xarray.Dataset or xarray.DataArray
        Result of `superresolve`, or other maps (line, y, x).
    truth : xarray.Dataset or xarray.DataArray
        True maps on the same grid, in the same unit, with the same lines in any order; further lines are left out.
    scale : float, optional
        Ratio of coarse to fine pixel size, for ERGAS. By default that in the record of the result
        (``attrs["xrfsr_scale"]``); ERGAS is NaN if there is none.

    Returns
    -------
    xarray.Dataset
        Measures in float64, each with its unit and meaning in `attrs`; see `xrfsr.trust.measures` for the formulas.

        - Along `line`: `rmse` (the peak of the true map being 1), `psnr` in dB, `ssim`, and `edge_sharpness`, which is
          1 for edges as steep as the true ones and less for blurred ones. The coordinate `peak` is the largest value of
          each true map in its unit.
        - `ratio_error` (line, other_line): 0.1 if the ratio of two lines is typically a tenth too large or too small,
          where both are there.
        - For all element lines together: `pooled_rmse`, `pooled_psnr`, `spectral_angle` in degrees, `ergas`.

        Pixels that are NaN or not `valid` in either are ignored. A measure that is not defined is NaN. If maps are in
        Dask, nothing is computed: all measures are one task of a graph, which needs the whole maps.

    Raises
    ------
    InvalidInput
        Naming every fault of the maps, of how they fit, and of `scale`.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> fine = scan.xrfsr.superresolve(method="kriging")
    >>> found = fine.xrfsr.quality(truth)
    >>> found.psnr.sizes["line"], found.ratio_error.dims
    (2, ('line', 'other_line'))
    >>> bool(0.1 < found.edge_sharpness.sel(line="Pb-L") < 1)
    True
    """
    faults: list[str] = []
    if scale is not None and not (is_number(scale) and scale >= 1):
        faults.append(f"scale must be a number ≥ 1, such as 4, got {describe(scale)}")
    pair = matched(fine, truth, "truth", faults)
    if pair is not None:
        here, there = map(grid_of, pair)
        if not same_grid(here, there):
            text = f"the grid must be that of fine, {here}, got {there}; resample it: truth.xrfsr.resample(like=fine)"
            faults.append(Fault(text, "truth"))
    if faults or pair is None:
        raise InvalidInput("quality", faults)
    maps, wanted = map(known, pair)
    # Positions may differ by rounding, by which xarray would drop pixels.
    wanted = wanted.assign_coords({name: maps[name] for name in ("y", "x")})
    element, spacing = is_element(pair[0]), grid_of(pair[0]).spacing
    ratio = recorded_scale(pair[0]) if scale is None else float(scale)
    names = list(Measures._fields)
    found = xr.apply_ufunc(
        partial(measure, element=element, spacing=spacing, scale=ratio),
        maps.variable,
        wanted.variable,
        input_core_dims=[["line", "y", "x"]] * 2,
        output_core_dims=[list(dims_of(name)) for name in names],
        dask="parallelized",
        output_dtypes=[np.float64] * len(names),
        dask_gufunc_kwargs={"allow_rechunk": True, "output_sizes": {"other_line": len(element)}},
    )
    return as_dataset(dict(zip(names, found, strict=True)), pair[0])


def as_dataset(measures: dict[str, Any], like: xr.Dataset) -> xr.Dataset:
    """Return measures, by their names, with the coordinates along `line` of the maps `like`."""
    units = like["intensity"].attrs["units"]
    along = {name: coord.variable for name, coord in like.coords.items() if coord.dims == ("line",)}
    along["other_line"] = xr.Variable("other_line", like["line"].values)
    peak = getattr(measures["peak"], "data", measures["peak"])
    along["peak"] = xr.Variable("line", peak, {"units": units, "long_name": PEAK})
    return xr.Dataset({name: described(name, measures[name]) for name in TEXTS}, along)


def described(name: str, values: Any, *dims: str) -> xr.Variable:
    """Return a measure with its unit and meaning, of several methods if dimensions precede its own."""
    own, units, text = TEXTS[name]
    return xr.Variable((*dims, *own), getattr(values, "data", values), {"units": units, "long_name": text})


def dims_of(name: str) -> tuple[str, ...]:
    """Return the dimensions of a measure."""
    return TEXTS[name][0] if name in TEXTS else ("line",)


def recorded_scale(fine: xr.Dataset) -> float:
    """Return the scale in the record of a result, NaN if there is none."""
    held = [each["xrfsr_scale"] for each in (fine.attrs, fine["intensity"].attrs) if "xrfsr_scale" in each]
    return float(held[0]) if held and is_number(held[0]) and held[0] >= 1 else float("nan")

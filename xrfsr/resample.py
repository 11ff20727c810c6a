"""From one grid to another on Datasets: U for a scan, and plain resampling."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.frame import AnyT, dequantified, grid_coords, grid_of
from xrfsr.grid import Axis, Grid
from xrfsr.sampling import Downsampling, Footprint, footprint_matrix, linear_matrix, separable
from xrfsr.units import pair_to_mm

__all__ = ["downsampling", "fine_grid", "on_grid", "resample"]


def fine_grid(coarse: Grid, scale: float) -> Grid:
    """The grid `scale` times finer than `coarse`, with the same outer edges.

    Raises
    ------
    InvalidInput
        If `scale` is not a finite number above one.
    """
    if (
        isinstance(scale, bool)
        or not isinstance(scale, (int, float, np.number))
        or not np.isfinite(scale)
        or scale <= 1
    ):
        raise InvalidInput(
            "scale", [f"scale is {scale!r}; a number above 1 is needed, such as 4 for pixels of a quarter"]
        )
    return coarse.refine(float(scale))


def downsampling(
    obj: xr.Dataset | xr.DataArray,
    scale: float = 4,
    *,
    footprint: Footprint = "area",
    fwhm: float | tuple[float, float] | None = None,
    smear: tuple[float, float] | None = None,
) -> Downsampling:
    """U, from maps `scale` times finer than `obj` to the grid of `obj` (Eq. 2).

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Anything with `y` and `x` in a unit of length.
    scale : float
    footprint, fwhm, smear
        As for `xrfsr.sampling.Downsampling.between`; lengths in mm.

    Returns
    -------
    xrfsr.sampling.Downsampling
        Callable on arrays (..., y, x), with `adjoint`, `pinv` and `project`.

    Raises
    ------
    InvalidInput
        If `scale` is not above one, a coordinate cannot be used, or the footprint's parameters do not fit.

    Examples
    --------
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.random.default_rng(0).random((1, 8, 8)), lines=["Ca-K"], pixel_size="0.5 mm")
    >>> U = scan.xrfsr.downsampling(scale=4)
    >>> U.fine.shape, U.coarse.shape
    ((32, 32), (8, 8))
    """
    coarse = grid_of(obj)
    return Downsampling.between(fine_grid(coarse, scale), coarse, footprint, fwhm=fwhm, smear=smear)


def resample(
    obj: AnyT,
    like: xr.Dataset | xr.DataArray | None = None,
    *,
    scale: float | None = None,
    pixel_size: Any = None,
    footprint: Footprint = "area",
    fwhm: float | tuple[float, float] | None = None,
) -> AnyT:
    """Bring maps or a photo onto another grid: averaged where it is coarser, interpolated where it is finer.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Every variable with dimensions `y` and `x` is resampled; the rest is kept.
    like : xarray.Dataset or xarray.DataArray, optional
        Take the grid of this.
    scale : float, optional
        Or as many times more pixels within the same edges; below one for fewer.
    pixel_size : str, float or pair, optional
        Or pixels of about this size within the same edges (rounded to whole pixels).
    footprint, fwhm
        What a coarser pixel sees; see `xrfsr.sampling.footprint_matrix`.

    Returns
    -------
    like `obj`
        On the new grid, attributes kept. Masks (bool) stay masks: a new pixel is true if all of it was. A NaN makes
        the new pixels that see it NaN.

    Raises
    ------
    InvalidInput
        If not exactly one of `like`, `scale`, `pixel_size` is given, or the new grid is not covered by the old one.

    Examples
    --------
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.random.default_rng(0).random((1, 8, 8)), lines=["Ca-K"], pixel_size="0.5 mm")
    >>> scan.xrfsr.resample(scale=0.5).xrfsr.grid.spacing
    (1.0, 1.0)
    """
    if sum(choice is not None for choice in (like, scale, pixel_size)) != 1:
        raise InvalidInput("resampling", ["give exactly one of like=, scale= and pixel_size="])
    obj = dequantified(obj)
    source = grid_of(obj)
    if like is not None:
        target = grid_of(like)
    elif scale is not None:
        if not np.isfinite(scale) or scale <= 0:
            raise InvalidInput("resampling", [f"scale is {scale!r}; a number above zero is needed"])
        target = Grid(*(axis.resize(max(1, round(axis.size * scale))) for axis in (source.y, source.x)))
    else:
        sizes = pair_to_mm(pixel_size)
        target = Grid(
            *(
                axis.resize(max(1, round(axis.extent / size)))
                for axis, size in zip((source.y, source.x), sizes, strict=True)
            )
        )
    return on_grid(obj, target, footprint=footprint, fwhm=fwhm)


def on_grid(
    obj: AnyT, target: Grid, *, footprint: Footprint = "area", fwhm: float | tuple[float, float] | None = None
) -> AnyT:
    """`obj` on the grid `target`; see `resample`."""
    source = grid_of(obj)
    widths = fwhm if isinstance(fwhm, tuple) else (fwhm, fwhm)

    def matrix(old: Axis, new: Axis, width: float | None) -> Any:
        # A finer cell sees no more than one or two coarse ones: interpolate. Equal steps may be off by rounding.
        if abs(new.step) < abs(old.step) * (1 - 1e-6):
            if not old.covers(new, tolerance=0.5 * abs(old.step)):
                raise InvalidInput(
                    "resampling",
                    [
                        f"the new grid runs from {new.edges[0]:g} to {new.edges[1]:g} mm, the old one only from "
                        f"{old.edges[0]:g} to {old.edges[1]:g} mm; crop the new one with .sel"
                    ],
                )
            return linear_matrix(old, new)
        return footprint_matrix(old, new, footprint, fwhm=width)

    y, x = matrix(source.y, target.y, widths[0]), matrix(source.x, target.x, widths[1])

    def apply(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind == "b":
            return np.asarray(separable(y, x, array.astype(np.float32)) > 1 - 1e-6)
        # 0 * NaN is NaN only where the weight is stored, so NaN reaches just the pixels that see it.
        return np.asarray(separable(y, x, array))

    def one(variable: xr.DataArray) -> xr.DataArray:
        kept = [dim for dim in variable.dims if dim not in ("y", "x")]
        moved = variable.transpose(*kept, "y", "x")
        fine = xr.apply_ufunc(
            apply,
            moved.drop_vars(["y", "x"]),
            input_core_dims=[["y", "x"]],
            output_core_dims=[["y", "x"]],
            exclude_dims={"y", "x"},
            dask="parallelized",
            output_dtypes=[variable.dtype if variable.dtype.kind in "fb" else np.dtype(np.float64)],
            dask_gufunc_kwargs={
                "output_sizes": dict(zip(("y", "x"), target.shape, strict=True)),
                "allow_rechunk": True,
            },
            keep_attrs=True,
        )
        on_target: xr.DataArray = fine.assign_coords(grid_coords(target)).transpose(*variable.dims).drop_encoding()
        return on_target

    # mypy does not narrow a bound TypeVar by isinstance, so the two kinds are told apart for it by hand.
    if isinstance(obj, xr.DataArray):
        return cast(AnyT, one(obj))
    spatial = [name for name, variable in obj.data_vars.items() if {"y", "x"} <= set(variable.dims)]
    rest = obj.drop_vars(spatial).drop_dims(["y", "x"], errors="ignore")
    # In the order the variables had, so that printing and comparing show no difference but the grid.
    made = {name: one(obj[name]) for name in spatial}
    resampled = rest.assign(
        {name: made.get(name, rest.get(name)) for name in obj.data_vars if name in made or name in rest}
    )
    return cast(AnyT, resampled)

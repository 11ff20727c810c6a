"""From one grid to another on Datasets: U for a scan, and plain resampling."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xrfsr.core.coordinates import AnyT, dequantify, grid_coords, grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.units import pair_to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators import Downsampling, Footprint, apply_separable, footprint_matrix, linear_matrix
from xrfsr.operators.footprints import beam_per_axis, coverage_faults

__all__ = ["beam_in_mm", "downsampling", "fine_grid", "regrid", "resample", "resampling_matrices"]

Lengths = tuple[float, float]

MOST_PIXELS = 2.0**31  # of one map: 8 GiB, beyond which a scale is a slip of the finger


def fine_grid(coarse: Grid, scale: float) -> Grid:
    """The grid `scale` times finer than `coarse`, with the same outer edges.

    Raises
    ------
    InvalidInput
        If `scale` is not a finite number above one, or asks for no more pixels or for far too many.
    """
    if not _is_number(scale) or scale <= 1:
        raise InvalidInput(
            "scale", [f"scale is {scale!r}; a number above 1 is needed, such as 4 for pixels of a quarter"]
        )
    rows, columns = (size * float(scale) for size in coarse.shape)
    if rows * columns > MOST_PIXELS:
        raise InvalidInput(
            "scale",
            [
                f"scale {scale!r} asks for maps of {rows:.3g} x {columns:.3g} pixels; at most {MOST_PIXELS:.2g} pixels "
                "are made at once"
            ],
        )
    fine = coarse.refine(float(scale))
    if fine.shape == coarse.shape:
        raise InvalidInput("scale", [f"scale {scale!r} adds no pixel to {coarse.shape[0]} x {coarse.shape[1]}"])
    return fine


def _is_number(value: object) -> bool:
    is_real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    try:
        return is_real and math.isfinite(cast(float, value))
    except OverflowError:  # a whole number beyond the range of floats
        return False


def downsampling(
    obj: xr.Dataset | xr.DataArray,
    scale: float = 4,
    footprint: Footprint = "area",
    fwhm: Any = None,
    *,
    smear: Any = None,
) -> Downsampling:
    """U, from maps `scale` times finer than `obj` to the grid of `obj` (Eq. 2).

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Anything with `y` and `x` in a unit of length.
    scale : float
    footprint : {"area", "gaussian", "decimate"}
        See `xrfsr.operators.footprint_matrix`.
    fwhm, smear : str or float or pair, optional
        Lengths such as ``"0.5 mm"``, numbers of mm, or (y, x) of these, as for `xrfsr.operators.Downsampling.between`.

    Returns
    -------
    xrfsr.operators.Downsampling
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
    faults: list[str] = []
    coarse = fine = None
    with collect_faults(faults):
        coarse = grid_of(obj)
    probe = Grid.from_shape((8, 8), 1.0) if coarse is None else coarse
    with collect_faults(faults):
        fine = fine_grid(probe, scale)
    lengths: dict[str, Any] = {}
    with collect_faults(faults):
        lengths = beam_in_mm(fwhm, smear)
        Downsampling.between(probe, probe, footprint, **lengths)
    if faults or coarse is None or fine is None:
        raise InvalidInput("downsampling", faults)
    return Downsampling.between(fine, coarse, footprint, **lengths)


def beam_in_mm(fwhm: object = None, smear: object = None) -> dict[str, Lengths | None]:
    """Both lengths as pairs (y, x) in mm, from whatever `pair_to_mm` takes; None stays None.

    Raises
    ------
    InvalidInput
        Naming every fault of both.
    """
    faults: list[str] = []
    made: dict[str, Lengths | None] = {"fwhm": None, "smear": None}
    for name, value in (("fwhm", fwhm), ("smear", smear)):
        if value is not None:
            with collect_faults(faults):
                made[name] = pair_to_mm(value, name, positive=name == "fwhm")
    if faults:
        raise InvalidInput("beam", faults)
    return made


def resample(
    obj: AnyT,
    like: xr.Dataset | xr.DataArray | Grid | None = None,
    *,
    scale: float | None = None,
    pixel_size: Any = None,
    footprint: Footprint = "area",
    fwhm: Any = None,
) -> AnyT:
    """Bring maps or a photo onto another grid: averaged where it is coarser, interpolated where it is finer.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Every variable and coordinate with dimension `y` or `x` is resampled; the rest is kept.
    like : xarray.Dataset, xarray.DataArray or Grid, optional
        Take the grid of this.
    scale : float, optional
        Or as many times more pixels within the same edges; below one for fewer.
    pixel_size : str, float or pair, optional
        Or pixels of about this size within the same edges (rounded to whole pixels).
    footprint, fwhm
        What a coarser pixel sees; see `xrfsr.operators.footprint_matrix`.

    Returns
    -------
    like `obj`
        On the new grid, with name, attributes and order of dimensions; Dask arrays stay lazy. Masks (bool) stay
        masks: a new pixel is true if all it sees is. A NaN makes those new pixels NaN that see it, and no others.
        `uncertainty` becomes that of the means: the errors of different pixels are taken to be independent.

    Raises
    ------
    InvalidInput
        If not exactly one of `like`, `scale`, `pixel_size` is given, the footprint's parameters do not fit, the old
        grid does not cover the new one, or something on the grid is neither numbers nor a mask.

    Examples
    --------
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.random.default_rng(0).random((1, 8, 8)), lines=["Ca-K"], pixel_size="0.5 mm")
    >>> scan.xrfsr.resample(scale=0.5).xrfsr.grid.spacing
    (1.0, 1.0)
    """
    if sum(choice is not None for choice in (like, scale, pixel_size)) != 1:
        raise InvalidInput("resampling", ["give exactly one of like=, scale= and pixel_size="])
    obj = dequantify(obj)
    source = grid_of(obj)
    if like is not None:
        target = grid_of(like)
    elif scale is not None:
        if not _is_number(scale) or scale <= 0:
            raise InvalidInput("resampling", [f"scale is {scale!r}; a number above zero is needed, such as 0.5"])
        target = Grid(*(axis.resize(max(1, round(axis.size * scale))) for axis in (source.y, source.x)))
    else:
        sizes = pair_to_mm(pixel_size)
        target = Grid(
            *(
                axis.resize(max(1, round(axis.extent / size)))
                for axis, size in zip((source.y, source.x), sizes, strict=True)
            )
        )
    return regrid(obj, target, footprint=footprint, fwhm=beam_in_mm(fwhm)["fwhm"])


def regrid(obj: AnyT, target: Grid, *, footprint: Footprint = "area", fwhm: Lengths | None = None) -> AnyT:
    """`obj` on the grid `target`; see `resample`."""
    faults: list[str] = []
    matrices: dict[str, csr_array] = {}
    with collect_faults(faults):
        matrices = resampling_matrices(grid_of(obj), target, footprint, fwhm)
    held = {obj.name: obj.variable} if isinstance(obj, xr.DataArray) else {k: v.variable for k, v in obj.items()}
    beside = {name: coord.variable for name, coord in obj.coords.items() if name not in ("y", "x")}
    faults += [
        f"{name!r} lies on the grid and holds {variable.dtype}, but only numbers and masks can be resampled; leave it "
        f"out: .drop_vars({name!r})"
        for name, variable in (held | beside).items()
        if {"y", "x"} & set(variable.dims) and variable.dtype.kind not in "biuf"
    ]
    if faults:
        raise InvalidInput("resampling", faults)

    # What does not lie on the grid is kept with its indexes; the rest comes back on the new one.
    kept = obj.coords.to_dataset().drop_dims(["y", "x"])
    axes = {
        name: xr.Variable(name, c.values, {**obj[name].attrs, **c.attrs}) for name, c in grid_coords(target).items()
    }
    moved = {name: _moved(v, name, matrices) for name, v in beside.items() if {"y", "x"} & set(v.dims)}
    coords = kept.assign_coords({**axes, **moved}).coords
    # mypy does not narrow a bound TypeVar by isinstance, so the two kinds are told apart for it by hand.
    if isinstance(obj, xr.DataArray):
        return cast(AnyT, xr.DataArray(_moved(obj.variable, obj.name, matrices), coords, name=obj.name))
    return cast(AnyT, xr.Dataset({k: _moved(v, k, matrices) for k, v in held.items()}, coords, obj.attrs))


def resampling_matrices(
    source: Grid, target: Grid, footprint: Footprint = "area", fwhm: Lengths | None = None
) -> dict[str, csr_array]:
    """How maps are brought from one grid to another, along `y` and `x`.

    By the mean over a footprint where the new cells are not smaller, else by interpolation.
    """
    faults: list[str] = []
    widths: tuple[float | None, float | None] = (None, None)
    with collect_faults(faults):
        widths, _ = beam_per_axis(footprint, fwhm)
    axes = (("y", source.y, target.y), ("x", source.x, target.x))
    # Equal steps may be off by rounding.
    finer = [abs(new.step) < abs(old.step) * (1 - 1e-6) for _, old, new in axes]
    for name, old, new in axes:
        faults += coverage_faults(old, new, name)
    if faults:
        raise InvalidInput("resampling", faults)
    return {
        name: linear_matrix(old, new) if interpolated else footprint_matrix(old, new, footprint, fwhm=width)
        for (name, old, new), interpolated, width in zip(axes, finer, widths, strict=True)
    }


def _moved(variable: xr.Variable, name: object, matrices: dict[str, csr_array]) -> xr.Variable:
    """One variable on the new grid, dimensions in the same order."""
    core = [dim for dim in ("y", "x") if dim in variable.dims]
    if not core:
        return variable
    one = csr_array(np.ones((1, 1)))
    y, x = (matrices[dim] if dim in core else one for dim in ("y", "x"))
    missing = tuple(axis for axis, dim in ((-2, "y"), (-1, "x")) if dim not in core)

    def apply(array: NDArray[Any]) -> NDArray[Any]:
        planes = np.expand_dims(array, missing)
        if array.dtype.kind == "b":
            # A sum of non-negative weights is zero only if none of them falls on a pixel that is false.
            made = apply_separable(y, x, (~planes).astype(np.float32)) == 0
        elif name == "uncertainty":
            made = np.sqrt(apply_separable(y.power(2), x.power(2), np.square(planes, dtype=np.float64)))
        else:
            # 0 * NaN is NaN only where the weight is stored, so NaN reaches just the pixels that see it.
            made = apply_separable(y, x, planes)
        return np.asarray(np.squeeze(made, missing)).astype(dtype, copy=False)

    dtype = variable.dtype.newbyteorder("=") if variable.dtype.kind in "fb" else np.dtype(np.float64)
    made = xr.apply_ufunc(
        apply,
        variable,
        input_core_dims=[core],
        output_core_dims=[core],
        exclude_dims=set(core),
        dask="parallelized",
        output_dtypes=[dtype],
        dask_gufunc_kwargs={
            "output_sizes": {dim: matrices[dim].shape[0] for dim in core},
            "allow_rechunk": True,
        },
        keep_attrs=True,
    )
    return cast(xr.Variable, made.transpose(*variable.dims))

"""Changes of the grid of xarray objects: U for a scan, and resampling."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from xrfsr.core.coordinates import AnyT, dequantify, grid_coords, grid_of, own_grid
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.lines import try_parse
from xrfsr.core.mistakes import is_like_photo
from xrfsr.core.photo_resolution import keep_native_pixel
from xrfsr.core.units import pair_to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators import Downsampling, Footprint, apply_separable, footprint_matrix, linear_matrix
from xrfsr.operators.footprints import beam_per_axis, coverage_faults
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe

__all__ = ["beam_in_mm", "downsampling", "fine_grid", "regrid", "resample", "resampling_matrices"]

Lengths = tuple[float, float]

EXACT = 1e-9  # share by which rounding may change the size of a pixel

MOST_PIXELS = 2.0**31  # of one map: 8 GiB; a scale that needs more is taken for a typing error


def fine_grid(coarse: Grid, scale: float) -> Grid:
    """Return the grid `scale` times finer than `coarse`, with the same outer edges.

    Raises
    ------
    InvalidInput
        If `scale` is not a finite number above one, adds no pixel, or gives far too many.
    """
    if not is_number(scale) or scale <= 1:
        raise InvalidInput("scale", [f"scale must be a number > 1, such as 4, got {describe(scale)}"])
    rows, columns = (size * float(scale) for size in coarse.shape)
    if rows * columns > MOST_PIXELS:
        raise InvalidInput(
            "scale",
            [
                f"maps must have at most {MOST_PIXELS:.2g} pixels, got {rows:.3g} x {columns:.3g} for scale "
                f"{describe(scale)}; use a smaller scale"
            ],
        )
    fine = coarse.refine(float(scale))
    if fine.shape == coarse.shape:
        raise InvalidInput(
            "scale",
            [f"scale {describe(scale)} adds no pixel to {coarse.shape[0]} x {coarse.shape[1]}; use a larger one"],
        )
    return fine


def downsampling(
    obj: xr.Dataset | xr.DataArray,
    scale: float = 4,
    footprint: Footprint = "area",
    fwhm: Any = None,
    *,
    smear: Any = None,
) -> Downsampling:
    """Return U, from maps `scale` times finer than `obj` to the grid of `obj` (Eq. 2).

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Object with `y` and `x` in a unit of length, such as a scan.
    scale : float
        Ratio of coarse to fine pixel size.
    footprint : {"area", "gaussian", "decimate"}
        See `xrfsr.operators.footprint_matrix`.
    fwhm, smear : str or float or pair, optional
        Lengths such as ``"0.5 mm"``, numbers of mm, or two of these as (y, x); see
        `xrfsr.operators.Downsampling.between`.

    Returns
    -------
    xrfsr.operators.Downsampling
        Operator on arrays (..., y, x), with `adjoint`, `pinv` and `project`.

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
    """Return both lengths as pairs (y, x) in mm, from any form that `pair_to_mm` accepts; None stays None.

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
    """Resample maps or a photo to another grid: averages if it is coarser, interpolation if it is finer.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Maps or photo; every variable and coordinate with dimension `y` or `x` is resampled, the rest is kept.
    like : xarray.Dataset, xarray.DataArray or Grid, optional
        Object with the new grid.
    scale : float, optional
        Ratio of the numbers of new and old pixels within the same edges, in each direction; below one for fewer. The
        numbers are rounded to whole pixels; `xrfsr.processing.bin` combines blocks of exactly 2 x 2 or more pixels.
    pixel_size : str, float or pair, optional
        Exact size of the new pixels. The first begins at the edge of the first old pixel; the last may end up to half a
        pixel before or after the old edge, and then averages the part within the old edges.
    footprint, fwhm
        Footprint of a coarser pixel; see `xrfsr.operators.footprint_matrix`.

    Returns
    -------
    like `obj`
        Object on the new grid, with the same name, attributes and order of dimensions; Dask arrays stay lazy. Masks
        (bool) stay masks: a new pixel is true if all old pixels under its footprint are. A new pixel is NaN if an
        old one under its footprint is. `uncertainty` becomes that of the means, with independent errors of pixels.

    Raises
    ------
    InvalidInput
        If not exactly one of `like`, `scale`, `pixel_size` is given, the footprint's parameters do not fit, the old
        grid does not cover the new one, or a variable on the grid holds neither numbers nor a mask.

    Examples
    --------
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.random.default_rng(0).random((1, 8, 8)), lines=["Ca-K"], pixel_size="0.5 mm")
    >>> scan.xrfsr.resample(scale=0.5).xrfsr.grid.spacing
    (1.0, 1.0)
    """
    faults: list[str] = []
    target = width = None
    given = [
        name for name, choice in (("like", like), ("scale", scale), ("pixel_size", pixel_size)) if choice is not None
    ]
    if len(given) != 1:
        faults.append(f"pass exactly one of like=, scale= and pixel_size=, got {' and '.join(given) or 'none'}")
    with collect_faults(faults):
        source = own_grid(obj)
        if len(given) == 1:
            target = _target(source, like, scale, pixel_size)
    with collect_faults(faults):
        width = beam_in_mm(fwhm)["fwhm"]
        beam_per_axis(footprint, width)
    if faults or target is None:
        raise InvalidInput("resampling", faults)
    return regrid(dequantify(obj), target, footprint=footprint, fwhm=width)


def _target(source: Grid, like: Any, scale: Any, pixel_size: Any) -> Grid:
    """Return the new grid of `resample`, from the one argument that is not None."""
    if like is not None:
        return grid_of(like)
    axes = (source.y, source.x)
    steps = None
    if scale is None:
        steps = pair_to_mm(pixel_size)
        sizes = [axis.extent / step for axis, step in zip(axes, steps, strict=True)]
    elif is_number(scale) and scale > 0:
        sizes = [axis.size * float(scale) for axis in axes]
    else:
        raise InvalidInput("resampling", [f"scale must be a number > 0, such as 0.5, got {describe(scale)}"])
    if sizes[0] * sizes[1] > MOST_PIXELS:
        text = f"maps must have at most {MOST_PIXELS:.2g} pixels, got {sizes[0]:.3g} x {sizes[1]:.3g}"
        fix = "use larger pixels" if scale is None else "use a smaller scale"
        raise InvalidInput("resampling", [f"{text}; {fix}"])
    if steps is None:
        return Grid(*(axis.resize(max(1, round(size))) for axis, size in zip(axes, sizes, strict=True)))
    if min(sizes) <= 0.5:
        there, asked = (f"{height:g} x {width:g} mm" for height, width in ([axis.extent for axis in axes], steps))
        raise InvalidInput("resampling", [f"pixels of {asked} are too large for a grid of {there}; use smaller pixels"])
    return Grid(*(_with_step(axis, size, step) for axis, size, step in zip(axes, sizes, steps, strict=True)))


def _with_step(axis: Axis, size: float, step: float) -> Axis:
    """Return cells of width `step` that begin where `axis` begins, `size` of them to the nearest whole number."""
    whole = max(1, round(size))
    if abs(size - whole) < EXACT * whole:
        return axis.resize(whole)
    direction = np.sign(axis.step)
    return Axis(whole, float(direction * step), float(axis.first - axis.step / 2 + direction * step / 2))


def regrid(obj: AnyT, target: Grid, *, footprint: Footprint = "area", fwhm: Lengths | None = None) -> AnyT:
    """Resample `obj` to the grid `target`; see `resample`."""
    faults: list[str] = []
    matrices: dict[str, csr_array] = {}
    with collect_faults(faults):
        matrices = resampling_matrices(grid_of(obj), target, footprint, fwhm)
    held = {obj.name: obj.variable} if isinstance(obj, xr.DataArray) else {k: v.variable for k, v in obj.items()}
    along = {name: coord.variable for name, coord in obj.coords.items() if name not in ("y", "x")}
    faults += [
        f"{name!r} on the grid must hold numbers or a mask to be resampled, got {variable.dtype}; leave it out: "
        f".drop_vars({name!r})"
        for name, variable in (held | along).items()
        if {"y", "x"} & set(variable.dims) and variable.dtype.kind not in "biuf"
    ]
    if faults:
        raise InvalidInput("resampling", faults)

    # Coordinates that are not on the grid are kept with their indexes; the others are resampled.
    kept = obj.coords.to_dataset().drop_dims(["y", "x"])
    axes = {
        name: xr.Variable(name, c.values, {**c.attrs, **obj[name].attrs, "units": "mm"})
        for name, c in grid_coords(target).items()
    }
    moved = {name: _moved(v, name, matrices) for name, v in along.items() if {"y", "x"} & set(v.dims)}
    coords = kept.assign_coords({**axes, **moved}).coords
    made: xr.Dataset | xr.DataArray
    if isinstance(obj, xr.DataArray):
        made = xr.DataArray(_moved(obj.variable, obj.name, matrices), coords, name=obj.name)
    else:
        made = xr.Dataset({k: _moved(v, k, matrices) for k, v in held.items()}, coords, obj.attrs)
    if is_like_photo(obj):
        keep_native_pixel(made, obj)
    return cast(AnyT, made)


def resampling_matrices(
    source: Grid, target: Grid, footprint: Footprint = "area", fwhm: Lengths | None = None
) -> dict[str, csr_array]:
    """Matrices that resample maps from one grid to another, along `y` and `x`.

    They average over a footprint along axes whose new cells are not smaller, and interpolate along the others.
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


def _is_uncertainty(name: object) -> bool:
    """Return whether a variable is the uncertainty of a scan, or of one line as ``s(Ca-K)`` is."""
    line = try_parse(name)
    return name == "uncertainty" or (line is not None and line.uncertainty)


def _moved(variable: xr.Variable, name: object, matrices: dict[str, csr_array]) -> xr.Variable:
    """Return one variable on the new grid, dimensions in the same order."""
    core = [dim for dim in ("y", "x") if dim in variable.dims]
    if not core:
        return variable
    one = csr_array(np.ones((1, 1)))
    y, x = (matrices[dim] if dim in core else one for dim in ("y", "x"))
    missing = tuple(axis for axis, dim in ((-2, "y"), (-1, "x")) if dim not in core)

    def apply(array: NDArray[Any]) -> NDArray[Any]:
        planes = np.expand_dims(array, missing)
        if array.dtype.kind == "b":
            # A sum of non-negative weights is zero only if no weight belongs to a pixel that is false.
            made = apply_separable(y, x, (~planes).astype(np.float32)) == 0
        elif _is_uncertainty(name):
            made = np.sqrt(apply_separable(y.power(2), x.power(2), np.square(planes, dtype=np.float64)))
        else:
            # Zero weights are not stored, so a NaN spreads only to pixels whose footprint contains it.
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

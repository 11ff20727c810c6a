"""Binning: whole pixels brought together, with their mask and their uncertainty."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, cast, get_args

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import AnyT, dequantify, own_grid
from xrfsr.core.grid import Grid
from xrfsr.core.separate import map_names, stack_maps
from xrfsr.core.units import intensity_unit
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators.resample import regrid
from xrfsr.utils.checks import choice_faults, is_integer
from xrfsr.utils.describe import describe

__all__ = ["bin"]

How = Literal["mean", "sum"]
SUMMED = ("intensity", "uncertainty")


def bin(obj: AnyT, pixels: Any, *, how: How = "mean") -> AnyT:
    """Combine blocks of whole pixels to one pixel each.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan, photo or anything else with `y` and `x` in a unit of length. Lazy arrays stay lazy.
    pixels : int or pair of int (y, x)
        Number of pixels of a block in each direction. Rows and columns at the end that fill no block are left out.
    how : {"mean", "sum"}
        Whether the intensity of a block is the mean or the sum of its pixels. Sums need counts, and stay whole counts,
        so that their noise is known without an uncertainty.

    Returns
    -------
    Dataset or DataArray
        The same object on pixels exactly as large as the blocks; ``attrs["binned"]`` records how. A block is missing
        (NaN) if one of its pixels is missing, and `valid` only if all its pixels are. `uncertainty` becomes that of the
        mean or the sum, with independent errors of pixels.

    Raises
    ------
    InvalidInput
        If `pixels` are no whole numbers within the size of the scan, something else than counts is to be summed, or a
        variable on the grid holds neither numbers nor a mask.

    Examples
    --------
    >>> import xrfsr
    >>> scan = xrfsr.as_scan(np.arange(30.0).reshape(1, 5, 6), lines=["Ca-K"], pixel_size="0.5 mm")
    >>> bin(scan, (2, 3)).intensity.values.tolist()
    [[[4.0, 7.0], [16.0, 19.0]]]
    >>> scan.xrfsr.bin(2, how="sum").xrfsr.grid.spacing
    (1.0, 1.0)
    """
    faults = choice_faults("how", how, get_args(How))
    summing = not faults and how == "sum"
    by, grid = (1, 1), None
    with collect_faults(faults):
        grid = own_grid(obj)
    with collect_faults(faults):
        by = _block(pixels, grid)
    if summing and grid is not None:
        with collect_faults(faults):
            _check_counts(obj)
    if faults or grid is None:
        raise InvalidInput("binning", faults)
    rows, columns = (size // width for size, width in zip(grid.shape, by, strict=True))
    whole = grid.crop(slice(0, rows * by[0]), slice(0, columns * by[1]))
    part = dequantify(obj).isel(y=slice(rows * by[0]), x=slice(columns * by[1]))
    summed = _summed(part)
    if summing:  # in double precision, so that the sums of whole counts are whole
        part = _mapped(part, summed, np.float64, 1)
    made = regrid(part, Grid(whole.y.resize(rows), whole.x.resize(columns)))
    if summing:
        made = _mapped(made, summed, np.float32, by[0] * by[1])
    return cast(AnyT, made.assign_attrs(binned=f"{by[0]} x {by[1]} pixels, {how}"))


def _block(pixels: Any, grid: Grid | None) -> tuple[int, int]:
    """Return the number of rows and of columns of a block."""
    pair = pixels.tolist() if isinstance(pixels, np.ndarray) else pixels
    pair = tuple(pair) if isinstance(pair, tuple | list) else (pair, pair)
    if len(pair) != 2 or not all(is_integer(each) and each >= 1 for each in pair):
        raise InvalidInput(
            "pixels", [f"pixels must be an integer ≥ 1, or a pair (y, x) of them, such as 2, got {describe(pixels)}"]
        )
    rows, columns = (int(each) for each in pair)
    if grid is not None and (rows > grid.shape[0] or columns > grid.shape[1]):
        raise InvalidInput(
            "pixels",
            [f"pixels must be at most {grid.shape[0]} x {grid.shape[1]}, the size of the scan, got {describe(pixels)}"],
        )
    return rows, columns


def _check_counts(obj: xr.Dataset | xr.DataArray) -> None:
    """Refuse to sum anything but counts."""
    maps = stack_maps(obj).get("intensity") if isinstance(obj, xr.Dataset) else obj
    units = None if maps is None else dequantify(maps).attrs.get("units")
    if units is None or intensity_unit(units) != "count":
        found = "maps without a unit" if units is None else f"maps in {units!r}"
        raise InvalidInput("how", [f"how='sum' needs counts, got {found}; leave it out, which averages them"])


def _summed(obj: xr.Dataset | xr.DataArray) -> tuple[Hashable, ...]:
    """Return the names of what is summed besides a DataArray itself."""
    if isinstance(obj, xr.Dataset) and (named := map_names(obj)):
        return tuple(named)
    return tuple(name for name in SUMMED if name in (obj if isinstance(obj, xr.Dataset) else obj.coords))


def _mapped(obj: Any, names: tuple[Hashable, ...], dtype: Any, factor: int) -> Any:
    """Return a copy with some variables (and a DataArray itself) multiplied, in another precision."""

    def scaled(variable: xr.Variable) -> xr.Variable:
        return variable.copy(data=(variable.data * factor).astype(dtype))

    changed = {name: scaled(obj[name].variable) for name in names}
    if isinstance(obj, xr.Dataset):
        return obj.assign(changed)
    return obj.copy(data=scaled(obj.variable).data).assign_coords(changed)

"""Objects thinned to what a small picture shows, of which nothing is computed and nothing is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import AnyT, dequantify
from xrfsr.core.grid import Grid
from xrfsr.core.photo_bands import shown_bands
from xrfsr.utils.checks import is_dask
from xrfsr.utils.thumbnails import shrink

__all__ = ["is_held", "photo_pixels", "place_of", "stand_in", "upright_pixels"]

MOST = 192  # rows and columns that are looked at, at least, where there are more
_ALONE = "__values__"


def is_held(array: xr.DataArray | xr.Variable) -> bool:
    """Return whether the values are in memory, so that looking at them computes and reads nothing."""
    return bool((array if isinstance(array, xr.Variable) else array.variable)._in_memory)


def place_of(array: xr.DataArray | xr.Variable) -> str:
    """Return where values are, in a few words."""
    variable = array if isinstance(array, xr.Variable) else array.variable
    if is_held(variable):
        return f"in memory, {_size(variable.nbytes)}"
    if is_dask(variable._data):
        return f"not computed yet: Dask, {_size(variable.nbytes)}; .compute() computes it"
    return f"not read yet: in a file, {_size(variable.nbytes)}; .load() reads it"


def stand_in(obj: AnyT) -> AnyT:
    """Return an object with fewer rows and columns, and with zeros in place of what is not in memory.

    Examples
    --------
    >>> maps = xr.DataArray(np.ones((2, 400, 500)), dims=("line", "y", "x"))
    >>> stand_in(maps).shape, float(stand_in(maps.chunk()).max())
    ((2, 200, 250), 0.0)
    """
    plain = dequantify(obj)
    ds = plain.to_dataset(name=_ALONE) if isinstance(plain, xr.DataArray) else plain
    ds = ds.isel({name: slice(None, None, max(1, ds.sizes[name] // MOST)) for name in ("y", "x") if name in ds.sizes})
    empty = {
        name: xr.Variable(each.dims, np.broadcast_to(np.zeros((), each.dtype), each.shape), each.attrs)
        for name, each in ds.variables.items()
        if not is_held(each) and each.dtype.kind in "biuf"
    }
    ds = ds.assign({name: each for name, each in empty.items() if name in ds.data_vars})
    ds = ds.assign_coords({name: each for name, each in empty.items() if name in ds.coords})
    made: Any = ds[_ALONE].rename(plain.name) if isinstance(plain, xr.DataArray) else ds
    same_kind: AnyT = made
    return same_kind


def upright_pixels(array: xr.DataArray, grid: Grid, side: int) -> NDArray[np.float32]:
    """Return pixels (..., y, x) as they are on the painting, at most `side` in each direction.

    Parameters
    ----------
    array : xarray.DataArray
        Maps with `y` and `x`, in memory.
    grid : Grid
        Grid with the direction of the coordinates.
    side : int
        Largest number of rows and columns.
    """
    down, across = (1 if axis.step > 0 else -1 for axis in (grid.y, grid.x))
    return shrink(array.transpose(..., "y", "x").values[..., ::down, ::across], side)


def photo_pixels(photo: xr.DataArray, grid: Grid, side: int) -> NDArray[np.float32]:
    """Return a photo as `upright_pixels`, with three bands last (y, x, 3)."""
    bands = shown_bands([str(name) for name in photo["band"].values])
    return np.moveaxis(upright_pixels(photo.isel(band=bands), grid, side), 0, -1)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"

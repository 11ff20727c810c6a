"""One variable for each line, from a scan or a result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.scan import ensure_scan
from xrfsr.errors import warn
from xrfsr.utils.describe import listing

__all__ = ["to_dataset"]

MAPS = ("intensity", "uncertainty")


def to_dataset(obj: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """Return the maps as one variable for each line, named by its label.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan or result, or its intensity alone. Lazy maps stay lazy.

    Returns
    -------
    Dataset
        Variables (y, x) such as ``ds["Ca-K"]``, and ``ds["s(Ca-K)"]`` for its uncertainty, with the coordinates `y`,
        `x` and `valid`. Unit, element, family, kind, energy (in keV), and other values of each line, such as the
        `photo_gain` of a result, are attributes of the variables. ``ds.xrfsr.validate()`` is the scan again, and every
        method of ``.xrfsr`` takes either form.

    Raises
    ------
    InvalidInput
        If `obj` is no scan.

    Warns
    -----
    UserWarning
        Naming variables along `line` that are no maps, and are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.arange(12.0).reshape(2, 2, 3), lines=["Ca-K", "Pb-L"], pixel_size="0.5 mm")
    >>> maps = to_dataset(scan)
    >>> list(maps.data_vars), maps["Pb-L"].dims
    (['Ca-K', 'Pb-L'], ('y', 'x'))
    """
    scan = ensure_scan(obj, values=False)
    names = [name for name in MAPS if name in scan]
    along = {str(name): each for name, each in scan.variables.items() if name not in MAPS and "line" in each.dims}
    if left := [name for name, variable in along.items() if variable.ndim > 1]:
        warn(f"variables along 'line' that are no maps are left out: {listing(left)}")
    values = {name: each.values for name, each in along.items() if each.ndim == 1 and name != "line"}
    made: dict[str, xr.Variable] = {}
    for position, label in enumerate(scan["line"].values.tolist()):
        for name in names:
            attrs = dict(scan[name].attrs)
            if name == "intensity":
                attrs |= {"long_name": label, **_described(values, position)}
            key = label if name == "intensity" else f"s({label})"
            made[key] = xr.Variable(("y", "x"), scan[name].variable[position].data, attrs)
    return scan.drop_vars([*names, *along]).assign(made)


def _described(values: Mapping[str, NDArray[Any]], position: int) -> dict[str, Any]:
    """Return what is known of one line, as attributes."""
    found = {name: each[position] for name, each in values.items()}
    found = {name: value.item() if hasattr(value, "item") else value for name, value in found.items()}
    return {name: value for name, value in found.items() if value != "" and not _is_nan(value)}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)

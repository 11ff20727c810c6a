"""Scans in the form of another object: one variable for each line, the intensity alone, or one map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import AnyT
from xrfsr.core.scan import array_of, ensure_scan
from xrfsr.core.separate import map_names
from xrfsr.errors import warn
from xrfsr.utils.describe import listing

__all__ = ["in_form_of", "to_dataset"]

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
        `photo_gain` of a result, are attributes of the variables. ``ds.xrfsr.validate()`` converts them back to a scan.
        Every method of ``.xrfsr`` accepts both forms. Methods that correct or select maps return the form of their
        input; results of ``superresolve`` have `intensity`.

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
    return _separate(ensure_scan(obj, values=False))


def in_form_of(scan: xr.Dataset, like: AnyT) -> AnyT:
    """Return a scan in the form of the object from which it was made, whose kind, names and attributes it keeps.

    Parameters
    ----------
    scan : Dataset
        Scan in the standard form.
    like : Dataset or DataArray
        Object that `ensure_scan` accepts: a Dataset with `intensity` or one variable for each line, or the intensity
        alone; or one map of these that was selected by a single label.
    """
    made: Any = scan
    if isinstance(like, xr.Dataset) and (named := map_names(like)):
        keys = {name: f"s({line.label})" if line.uncertainty else line.label for name, line in named.items()}
        apart = _separate(scan)
        names = {name: key for name, key in keys.items() if key in apart}
        maps = {name: apart[key].assign_attrs({**like[name].attrs, **apart[key].attrs}) for name, key in names.items()}
        # Maps without uncertainty got one of NaN, which was not there before.
        every = {f"s({label})" for label in scan["line"].values.tolist()} | set(scan["line"].values.tolist())
        return cast(AnyT, apart.drop_vars([key for key in apart.data_vars if key in every]).assign(maps))
    if isinstance(like, xr.DataArray):
        made = array_of(scan, like.name).assign_attrs(scan.attrs)
    if "line" in like.coords and not like["line"].ndim:
        made = made.isel(line=0)
    return cast(AnyT, made)


def _separate(scan: xr.Dataset) -> xr.Dataset:
    """Return a scan in the standard form with one variable for each line; see `to_dataset`."""
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

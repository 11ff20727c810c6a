"""Checks that zarr can store a Dataset and return it unchanged, made before anything is written."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from reprlib import repr as shortened
from typing import Any

import numpy as np
import xarray as xr
from xarray.indexes import PandasMultiIndex

from xrfsr.utils.names import confused_names, name_problem

__all__ = ["NAMELESS", "storage_faults"]

# Name under which xarray stores an unnamed DataArray; open_dataarray removes it.
NAMELESS = "__xarray_dataarray_variable__"

# Attributes that xarray interprets as encoding when it opens a store.
RESERVED_ATTRS = ("_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "coordinates")
TIME_ATTRS = ("units", "calendar", "dtype")
TIME_UNITS = re.compile(r"\w+ since .+")


def storage_faults(dataset: xr.Dataset) -> list[str]:
    """Return the reasons why `dataset` cannot be stored, or would be read back changed.

    Parameters
    ----------
    dataset : Dataset
        Dataset without pint quantities. Its text is read, its numbers are not.

    Returns
    -------
    list of str
        One sentence for each unsuitable name, index, variable and attribute, with the fix.
    """
    names = dict.fromkeys([*dataset.variables, *dataset.dims])
    faults = [fault for name in names if (fault := _name_fault(name))]
    faults += [
        f"{one!r} and {other!r} are one folder on systems that ignore case; rename one: .rename({{{other!r}: '...'}})"
        for one, other in confused_names(map(str, names))
    ]
    several: set[Hashable] = set()
    for index, variables in dataset.xindexes.group_by_index():
        if isinstance(index, PandasMultiIndex):
            several |= variables.keys()
            levels = ", ".join(map(str, variables))
            faults.append(
                f"{levels} form a multi-index, which zarr cannot store; call .reset_index({index.dim!r}) first, and "
                ".set_xindex after opening"
            )
    faults += _attribute_faults("the Dataset", dataset.attrs)
    for name, variable in dataset.variables.items():
        if name not in several and (fault := _dtype_fault(variable)):
            faults.append(f"{_title(name)} {fault}")
        faults += _attribute_faults(_title(name), variable.attrs)
        faults += _time_faults(_title(name), variable)
    return faults


def _title(name: Hashable) -> str:
    return "the DataArray" if name == NAMELESS else repr(name)


def _name_fault(name: Hashable) -> str | None:
    fix = f"rename it: .rename({{{name!r}: '...'}})"
    if not isinstance(name, str):
        return f"{name!r} is the name of a variable or dimension, which must be text; {fix}"
    if problem := name_problem(name):
        return f"{name!r} is the name of a variable, which must be a valid folder name, but it {problem}; {fix}"
    return None


def _dtype_fault(variable: xr.Variable) -> str | None:
    dtype: Any = variable.dtype
    if not isinstance(dtype, np.dtype):
        return f"has dtype {dtype}, which is not a numpy dtype; convert it: .astype(object) or .astype(str)"
    if dtype.kind == "O":
        kinds = {type(value) for value in variable.compute().values.ravel() if not _is_missing(value)}
        named = " and ".join(sorted(kind.__name__ for kind in kinds))
        if kinds == {bytes}:
            return "contains bytes, for which zarr v3 has no standard; convert them to text: .str.decode('utf-8')"
        if len(kinds) > 1 or any(not issubclass(kind, str | int | float | np.number | np.bool_) for kind in kinds):
            return f"contains objects ({named}), expected only text or only numbers: .astype(str) or .astype(float)"
        return None
    if dtype.kind == "S":
        return f"contains bytes ({dtype}), for which zarr v3 has no standard; convert them: .str.decode('utf-8')"
    if dtype.kind not in "biufcmMTU" or dtype.char in "gG":
        return f"has dtype {dtype}, for which zarr v3 has no standard; convert it to plain numbers or text"
    return None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _attribute_faults(owner: str, attrs: Mapping[Any, Any]) -> Iterator[str]:
    for key, value in attrs.items():
        if not isinstance(key, str):
            yield f"attribute {key!r} of {owner} has a name that is not text; rename or remove it"
        elif key in RESERVED_ATTRS:
            yield (
                f"attribute {key!r} of {owner} would be interpreted as encoding and change the values that are read; "
                f"remove or rename it: del .attrs[{key!r}]"
            )
        elif key.lower().startswith("_nc"):
            yield f"attribute {key!r} of {owner} would be hidden by xarray, like all that begin with '_nc'; rename it"
        elif not _is_plain(_as_xarray_writes(value)):
            yield (
                f"attribute {key!r} of {owner} must be text, a number, or a list or mapping of these, got "
                f"{shortened(value)} of type {type(value).__name__}; convert it: .attrs[{key!r}] = str(...)"
            )


def _as_xarray_writes(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "mM":  # those would become integers
        return value.tolist()
    return value


def _is_plain(value: object) -> bool:
    """Return whether a value survives a round trip through JSON."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in value.items())
    return value is None or isinstance(value, str | int | float)


def _time_faults(owner: str, variable: xr.Variable) -> Iterator[str]:
    if variable.dtype.kind in "mM":
        for key in TIME_ATTRS:
            if key in variable.attrs:
                yield f"{owner} contains times and has the attribute {key!r}, which the store needs itself; remove it"
    elif TIME_UNITS.fullmatch(str(variable.attrs.get("units", ""))):
        yield (
            f"{owner} has the units {variable.attrs['units']!r}, so it would be read as dates; convert it: "
            "xr.decode_cf(ds)"
        )

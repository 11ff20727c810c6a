"""One array for each label, as one array of all maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.lines import try_parse
from xrfsr.core.mistakes import is_like_photo
from xrfsr.errors import InvalidInput
from xrfsr.utils.checks import is_dask, numbers
from xrfsr.utils.describe import describe, listing

__all__ = ["stack_arrays"]


def stack_arrays(maps: Any, uncertainty: Any, lines: Any) -> tuple[Any, Any, Any]:
    """Return arrays (line, y, x) and labels, where mappings of labels to arrays (y, x) were passed to `as_scan`.

    Raises
    ------
    InvalidInput
        If an array has not two axes or another shape than the others, or an uncertainty has no map.
    """
    by_label = isinstance(maps, Mapping) and "intensity" not in maps and not is_like_photo(maps)
    if isinstance(maps, xr.Dataset) and not any(map(try_parse, maps.data_vars)):
        by_label = False
    if not by_label:
        if isinstance(uncertainty, Mapping):
            raise InvalidInput("scan", ["'uncertainty' must be an array, as 'maps' is; pass both by label, or none"])
        return maps, uncertainty, lines
    errors: dict[Any, Any] = {}
    if isinstance(uncertainty, Mapping):
        errors = {_label(name): values for name, values in uncertainty.items()}
    held: dict[Any, Any] = {}
    for name, values in maps.items():
        line = try_parse(name)
        if line is not None and line.uncertainty and uncertainty is None:
            errors[line.label] = values
        else:
            held[name] = values
    if not held:
        raise InvalidInput(
            "scan", [f"'maps' must have at least one map, such as {{'Ca-K': array}}, got {describe(maps)}"]
        )
    labels = [_label(name) for name in held]
    if strange := [label for label in errors if label not in labels]:
        raise InvalidInput("scan", [f"uncertainties without their maps: {listing(strange)}; leave them out"])
    arrays = [_plane(name, values) for name, values in held.items()]
    planes = {str(name): array for name, array in zip(held, arrays, strict=True)}
    planes |= {f"uncertainty of {label}": _plane(label, values) for label, values in errors.items()}
    if len({array.shape for array in planes.values()}) > 1:
        shapes = listing([f"{name} {array.shape}" for name, array in planes.items()], 5)
        raise InvalidInput("scan", [f"all maps must have the same shape (y, x), got {shapes}; crop them to one grid"])
    if errors:
        gaps = np.full(arrays[0].shape, np.nan, np.float32)
        uncertainty = _stack([planes.get(f"uncertainty of {label}", gaps) for label in labels])
    return _stack(arrays), uncertainty, list(held) if lines is None else lines


def _label(name: Any) -> Any:
    """Return the label of a map or of the map of an uncertainty; what is none is reported elsewhere."""
    line = try_parse(name)
    return name if line is None else line.label


def _plane(name: Any, values: Any) -> Any:
    """Return one map as an array (y, x)."""
    if isinstance(values, xr.DataArray) and set(values.dims) == {"y", "x"}:
        values = values.transpose("y", "x")
    values = values.data if isinstance(values, xr.DataArray | xr.Variable) else values
    array = values if is_dask(values) or isinstance(values, np.ma.MaskedArray) else numbers(values, "biuf")
    if array is None or array.ndim != 2 or array.dtype.kind not in "biuf":
        raise InvalidInput(
            "scan", [f"the map {describe(name)} must be an array (y, x) of numbers, got {describe(values)}; pass it so"]
        )
    return array


def _stack(planes: Sequence[Any]) -> Any:
    if any(map(is_dask, planes)):
        import dask.array as da

        return da.stack(planes)  # type: ignore[no-untyped-call]
    return np.ma.stack(planes) if any(isinstance(each, np.ma.MaskedArray) for each in planes) else np.stack(planes)

"""Checks of a scan: its labels, shapes, dtypes, units and values.

Each finds faults, as sentences for the message of one `InvalidInput`; `xrfsr.core.scan` collects and raises them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.labels import as_argument
from xrfsr.core.lines import Line, parse_all
from xrfsr.core.mistakes import rename_fix
from xrfsr.core.units import LEAST_INTENSITY, MOST_INTENSITY, intensity_unit
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.describe import describe, listing

__all__ = [
    "DIMS",
    "argument_name",
    "check_values",
    "common_unit",
    "dims_fault",
    "dtype_fault",
    "range_faults",
    "scan_lines",
    "shape_faults",
]

MOST_DIAGNOSTIC = 1e30
HIGHEST_CODE = -99  # up to which a negative number may stand for no value, such as -999
DIMS = {"intensity": ("line", "y", "x"), "uncertainty": ("line", "y", "x"), "valid": ("y", "x")}


def scan_lines(labels: Sequence[Any]) -> list[Line]:
    """Parse the labels of maps, and refuse those that name an uncertainty."""
    if not labels:
        raise InvalidInput("line labels", ["there is no line; name at least one map, such as lines=['Ca-K']"])
    lines = parse_all(labels)
    faults = [
        f"{describe(label)} names an uncertainty; pass such maps as the variable 'uncertainty'"
        for label, line in zip(labels, lines, strict=True)
        if line.uncertainty
    ]
    if faults:
        raise InvalidInput("line labels", faults)
    return lines


def argument_name(name: str) -> str:
    """Return the argument of `as_scan` that becomes the variable `name`."""
    return "maps" if name == "intensity" else name


def shape_faults(arrays: Mapping[str, Any], count: int | None) -> list[str]:
    """Faults of the shapes of the arguments of `as_scan`, where `lines` has `count` labels (None: cannot be used)."""
    faults: list[str] = []
    shape = tuple(arrays["intensity"].shape) if "intensity" in arrays else ()
    for name, array in arrays.items():
        dims, own = DIMS[name], tuple(array.shape)
        argument = argument_name(name)
        if len(own) != len(dims):
            faults.append(f"{argument!r} must have shape ({', '.join(dims)}), got {own}; {_axes_fix(own, dims)}")
        elif len(shape) == 3 and own != shape[-len(own) :]:
            fix = "select or transpose the same pixels"
            if own[-2:] == shape[:-3:-1]:
                fix = f"its rows and columns are exchanged: {argument}.swapaxes(-1, -2)"
            faults.append(f"{argument!r} must cover the pixels of 'maps' {shape}, got shape {own}; {fix}")
    if len(shape) == 3 and count is not None and shape[0] != count:
        fix = "give one label for each map"
        if shape[2] == count:
            fix = "the order of axes should be (line, y, x): np.moveaxis(maps, -1, 0)"
        faults.append(
            f"'lines' must have {shape[0]} labels for 'maps' of shape {shape} (line, y, x), got {count}; {fix}"
        )
    return faults


def _axes_fix(shape: tuple[int, ...], dims: Sequence[str]) -> str:
    if len(dims) == 3 and len(shape) == 2:
        return "give a single map an axis of its own: maps[None]"
    return f"arrange it in {len(dims)} axes"


def dims_fault(name: str, dims: Sequence[Any]) -> str | None:
    """Return the fault of a variable whose dimensions are not those of `DIMS` in any order, or None."""
    needed = DIMS[name]
    if len(dims) == len(needed) and set(dims) == set(needed):
        return None
    fix = rename_fix(dims, needed) or "rename or select until they match"
    if set(dims) == {"y", "x"}:
        fix = "keep the dimension when selecting one line: .sel(line=['Ca-K'])"
    return f"{name!r} must have the dimensions {needed} in any order, got {describe(tuple(dims))}; {fix}"


def dtype_fault(name: str, variable: xr.Variable) -> str | None:
    """Return the fault of a variable that is neither real numbers nor, for `valid`, a mask, or None."""
    dtype = variable.dtype
    if name == "valid":
        return None if dtype.kind == "b" else f"{name!r} must be bool, got dtype {dtype}; {_mask_fix(variable)}"
    if dtype.kind in "iuf":
        return None
    return f"{name!r} must hold real numbers, got dtype {dtype}; convert it: .astype('float32')"


def _mask_fix(mask: xr.Variable) -> str:
    """Return how numbers become a mask, which depends on what they count."""
    if mask.dtype.kind not in "iuf":
        return "use True for pixels that count, and False for others"
    convert = "ds.assign_coords(valid=ds.valid == {})"
    binned = "scan.xrfsr.bin(2) brings pixels together with mask and uncertainty"
    if mask.chunks is not None:
        return f"use {convert.format('ds.valid.max()')}, true where all is valid that was averaged or added; {binned}"
    values = np.unique(mask.values[~np.isnan(mask.values)])
    if set(values.tolist()) <= {0, 1} or set(values.tolist()) <= {0, 255}:
        return "use valid != 0"
    # Part of such a pixel may have been masked.
    some = ", ".join(f"{value:.3g}" for value in values[:4]) + (", ..." if len(values) > 4 else "")
    whole = convert.format(f"{1 if mask.dtype.kind == 'f' and values[-1] <= 1 else values[-1]:g}")
    return f"it holds {some}, as if pixels were brought together that are valid in part; use {whole}; {binned}"


def common_unit(ds: xr.Dataset, faults: list[str]) -> str:
    """Return the unit of the intensity and its uncertainty, and add to `faults` what is wrong with it."""
    units: dict[str, str] = {}
    for name in ("intensity", "uncertainty"):
        if name in ds and "units" not in ds[name].attrs:
            faults.append(f"{name!r} has no units; set .attrs['units'] to 'count', 'count/s' or 'dimensionless'")
        elif name in ds:
            with collect_faults(faults, repr(name)):
                units[name] = intensity_unit(ds[name].attrs["units"])
    if len(set(units.values())) > 1:
        faults.append(
            f"'uncertainty' must be in the unit of 'intensity', {units['intensity']}, got {units['uncertainty']}"
        )
    return units.get("intensity", "count")


def range_faults(
    name: str, labels: Sequence[Any], kinds: Sequence[str], largest: NDArray[Any], tolerance: float = 1.0
) -> list[str]:
    """Return the fault of maps whose numbers single precision cannot square, product or divide, in a list, or none.

    Parameters
    ----------
    name : str
        Variable.
    labels, kinds : sequence of str
        Label and kind of every map.
    largest : array, shape (line,)
        Largest magnitude of every map; NaN and infinity are not looked at.
    tolerance : float
        Factor by which the range may be exceeded.
    """
    outside = []
    for label, kind, value in zip(labels, kinds, largest.tolist(), strict=True):
        # Diagnostic maps are interpolated, and nothing else.
        most = MOST_DIAGNOSTIC if kind == "diagnostic" else MOST_INTENSITY
        small = name == "intensity" and kind != "diagnostic" and 0 < tolerance * value < LEAST_INTENSITY
        if small or most * tolerance < value < np.inf:
            outside.append(f"{label} ({value:.3g})")
    if not outside:
        return []
    return [
        f"the largest value of {name!r} must be 0 or from {LEAST_INTENSITY:g} to {MOST_INTENSITY:g} in every map "
        f"(single precision), got {listing(outside, 5)}; multiply by a constant, ds.assign({name}=factor * ds.{name}), "
        "or leave out: .drop_sel(line=[...])"
    ]


def check_values(
    variables: Mapping[str, xr.Variable], labels: Sequence[Any], lines: Sequence[Line]
) -> tuple[list[str], list[str]]:
    """Return the faults of the values of valid pixels, and the labels of constant element maps."""
    kinds = [line.kind for line in lines] or ["element"] * len(labels)
    valid = xr.DataArray(variables["valid"]) if "valid" in variables else xr.DataArray(True)
    measures: dict[str, xr.DataArray] = {}
    for name in variables.keys() - {"valid"}:
        shown = xr.DataArray(variables[name]).where(valid)
        infinite = abs(shown) == np.inf
        finite = shown.notnull() & ~infinite
        measures |= {
            f"{name} finite": finite.sum(("y", "x")),
            f"{name} infinite": infinite.sum(("y", "x")),
            f"{name} negative": ((shown < 0) & finite).sum(("y", "x")),
            f"{name} lowest": shown.where(finite).min(("y", "x")),
            f"{name} highest": shown.where(finite).max(("y", "x")),
        }
    # One pass over lazy maps.
    found = {str(key): table.values for key, table in xr.Dataset(measures).compute().items()}

    faults: list[str] = []
    flat: list[str] = []
    for name in sorted(variables.keys() - {"valid"}):
        rows = list(enumerate(zip(labels, kinds, strict=True)))
        missing = [label for i, (label, _) in rows if not found[f"{name} finite"][i]]
        endless = [f"{label} ({n} pixels)" for i, (label, _) in rows if (n := found[f"{name} infinite"][i])]
        negative = [
            f"{label} ({n} pixels, down to {found[f'{name} lowest'][i]:g})"
            for i, (label, kind) in rows
            if (n := found[f"{name} negative"][i]) and kind != "diagnostic"
        ]
        if missing and name == "intensity":
            fix = f"leave out: .drop_sel(line={as_argument(missing)})"
            if len(missing) == len(labels):
                fix = "there is no other map, so check how they were read or masked"
            faults.append(f"{name!r} holds no finite value for {listing(missing, 5)}; {fix}")
        if endless:
            faults.append(f"{name!r} is infinite for {listing(endless, 5)}; mark as missing: .where(np.isfinite(...))")
        if negative:
            lowest = [found[f"{name} lowest"][i] for i, (_, kind) in rows if kind != "diagnostic"]
            # Noise has another lowest value in every map.
            code = len(lowest) > 1 and lowest[0] <= HIGHEST_CODE and len(set(lowest)) == 1
            fix = f"set to zero: ds.assign({name}=ds[{name!r}].clip(min=0))"
            if code:
                fix = (
                    f"{lowest[0]:g} seems to stand for no value; mark as missing: "
                    f"ds.assign({name}=ds[{name!r}].where(ds[{name!r}] >= 0))"
                )
            faults.append(f"{name!r} is negative for {listing(negative, 5)}; {fix}")
        largest = np.fmax(np.abs(found[f"{name} lowest"]), np.abs(found[f"{name} highest"]))
        # With a margin, because super-resolved maps are scans, too, and have higher peaks.
        faults += range_faults(name, labels, kinds, largest, tolerance=100)
        if name == "intensity":
            same = found["intensity lowest"] == found["intensity highest"]
            flat = [str(label) for i, (label, kind) in rows if same[i] and kind == "element"]
    return faults, flat

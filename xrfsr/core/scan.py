"""Scans: build one from arrays, check one, convert one to the standard form.

A scan is a Dataset with `intensity` (line, y, x), optionally `uncertainty` and `valid`, and cell centres in mm.
The rest of the package uses scans that `ensure_scan` returned, and may rely on their form.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import AnyT, centres, dequantify, grid_coords
from xrfsr.core.grid import Grid
from xrfsr.core.labels import label_list
from xrfsr.core.lines import Line, overlaps, parse_all
from xrfsr.core.mistakes import SWAPPED, is_like_photo, no_scan, rename_fix
from xrfsr.core.scan_checks import (
    DIMS,
    argument_name,
    check_values,
    common_unit,
    dims_fault,
    dtype_fault,
    scan_lines,
    shape_faults,
)
from xrfsr.core.units import intensity_unit, pair_to_mm
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.utils.checks import is_dask, numbers, switch_faults
from xrfsr.utils.describe import describe, listing

__all__ = ["as_scan", "ensure_scan", "lines_of", "scan_coords", "validate"]

_NO_LINES = "there is no coordinate 'line'; name the maps: .assign_coords(line=['Ca-K', ...])"


def as_scan(
    maps: Any,
    lines: Iterable[str],
    pixel_size: Any,
    units: str = "count",
    uncertainty: Any = None,
    valid: Any = None,
    origin: Any = (0.0, 0.0),
) -> xr.Dataset:
    """Build a scan from an array of element maps.

    Parameters
    ----------
    maps : array of shape (line, y, x)
        NumPy or Dask array (Dask stays lazy) of any real dtype, converted to float32. NaN and masked entries mark
        missing pixels. The largest value of a map is 0 or from 1e-18 to 1e18. A DataArray may have its dimensions line,
        y, x in any order; its coordinates `y` and `x` are not used, and its labels, if any, must be those of `lines`.
    lines : sequence of str
        Labels, one for each map, in any spelling that `xrfsr.core.lines.parse` knows.
    pixel_size : str or float or pint.Quantity, or a pair of them
        Length such as ``"0.5 mm"`` or ``"500 um"``, a number of mm, or two of these as (y, x).
    units : {"count", "count/s", "dimensionless"}
        Unit of the maps; spellings such as ``"counts"``, ``"cts"`` and ``"cps"`` are accepted.
    uncertainty : array of shape (line, y, x), optional
        Standard deviation of `maps`, in the same units.
    valid : array of bool of shape (y, x), optional
        Mask that is False for pixels to leave out, such as a burnt-in label.
    origin : pair, optional
        Position (y, x) of the outer corner of the first pixel, lengths as in `pixel_size`.

    Returns
    -------
    xarray.Dataset
        Scan with `intensity` (line, y, x), `uncertainty` and `valid` if given, coordinates `line`, `element`,
        `family`, `energy` (keV) and `kind` along `line`, and cell centres `y`, `x` in mm. Values of a Dask array
        are not checked here.

    Raises
    ------
    InvalidInput
        Naming every fault of every argument.

    Warns
    -----
    UserWarning
        If a map is constant, or two lines count the same photons.

    Examples
    --------
    >>> scan = as_scan(np.ones((2, 3, 4)) * np.arange(4), lines=["Ca_K", "Pb_L"], pixel_size="0.5 mm")
    >>> scan.line.values.tolist(), scan.x.values.tolist()
    (['Ca-K', 'Pb-L'], [0.25, 0.75, 1.25, 1.75])
    """
    faults: list[str] = []
    labels: list[Any] = []
    named: list[str] = []
    with collect_faults(named):
        labels = label_list(lines)
    faults += named
    spacing, corner = (1.0, 1.0), (0.0, 0.0)
    with collect_faults(faults):
        spacing = pair_to_mm(pixel_size)
    with collect_faults(faults):
        corner = pair_to_mm(origin, "origin", positive=False)

    arrays: dict[str, Any] = {}
    unusable: list[str] = []
    for name, values in (("intensity", maps), ("uncertainty", uncertainty), ("valid", valid)):
        if values is not None or name == "intensity":
            with collect_faults(unusable):
                arrays[name] = _as_array(name, values, labels)
    unusable += shape_faults(arrays, None if named else len(labels))
    scan: xr.Dataset | None = None
    if unusable or not labels:
        faults += unusable
        with collect_faults([] if named else faults):
            scan_lines(labels)
        with collect_faults(faults):
            intensity_unit(units)
    else:
        attrs = {"units": units}
        variables = {name: (DIMS[name], array, {} if name == "valid" else attrs) for name, array in arrays.items()}
        grid = Grid.from_shape(arrays["intensity"].shape[1:], spacing, corner)
        names = np.empty(len(labels), dtype=object)
        names[:] = labels
        with collect_faults(faults):
            scan = ensure_scan(xr.Dataset(variables, {"line": names, **grid_coords(grid)}))
    if faults or scan is None:
        raise InvalidInput("scan", faults)
    return scan


def ensure_scan(obj: xr.Dataset | xr.DataArray, *, values: bool | None = None) -> xr.Dataset:
    """Check a scan and convert it to the standard form.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Dataset with `intensity` and optionally `uncertainty` and `valid`, or a DataArray of any name, which is the
        intensity. Dimensions may be in any order, and labels, units and lengths in any accepted spelling;
        quantities of pint-xarray are accepted too.
    values : bool, optional
        Whether to check the values (negative, infinite, all missing). By default they are checked unless they are
        Dask arrays; True computes those once for the check. A file-backed scan without chunks is read.

    Returns
    -------
    xarray.Dataset
        Scan with `intensity` and `uncertainty` as float32 (line, y, x), the coordinate `valid` as bool (y, x),
        canonical labels with `element`, `family`, `energy` and `kind`, and `y` and `x` as float64 in mm in their
        original direction. Other variables, other coordinates and attributes are kept; encodings, which describe
        the source file, are cleared.

    Raises
    ------
    InvalidInput
        Naming every fault. Values are checked only where `valid` is true; diagnostic maps may be negative.

    Warns
    -----
    UserWarning
        If a map is constant, or two lines count the same photons.
    """
    if faults := switch_faults(values=values, optional=True):
        raise InvalidInput("scan", faults)
    ds = dequantify(_as_dataset(obj))
    flat: list[str] = []
    labels: list[Any] = []
    lines: list[Line] = []
    variables: dict[str, xr.Variable] = {}
    coords: dict[str, xr.Variable] = {}

    if "intensity" not in ds:
        faults.append(
            f"there is no variable 'intensity', got {describe(ds)}; "
            + (SWAPPED if "rgb" in ds else "rename the variable of the maps: ds.rename({'...': 'intensity'})")
        )
    for name in (name for name in DIMS if name in ds):
        fault = dims_fault(name, ds[name].dims) or dtype_fault(name, ds[name].variable)
        if fault:
            faults.append(fault)
        else:
            variables[name] = ds[name].variable.transpose(*DIMS[name])
    if "line" not in ds.coords:
        faults.append(_NO_LINES)
    else:
        labels = np.atleast_1d(ds["line"].values).tolist()
        with collect_faults(faults):
            lines = scan_lines(labels)
    unit = common_unit(ds, faults)
    for name in ("y", "x"):
        if name not in ds.coords and "intensity" in ds and rename_fix(ds["intensity"].dims, DIMS["intensity"]):
            continue  # renaming the dimensions brings it, too
        with collect_faults(faults):
            coords[name] = centres(ds, name)[0]

    variables = {name: _standard_dtype(name, variable) for name, variable in variables.items()}
    lazy = any(variable.chunks for variable in variables.values())
    empty = any(not variable.size for variable in variables.values())
    if empty:
        shapes = ", ".join(f"{name!r} {variable.shape}" for name, variable in variables.items())
        faults.append(f"there is no pixel: {shapes}; check the selection (slices have the direction of the coordinate)")
    look = not lazy if values is None else values
    if variables.keys() & {"intensity", "uncertainty"} and labels and look and not empty:
        value_faults, flat = check_values(variables, labels, lines)
        faults += value_faults
    if faults:
        source = obj.encoding.get("source") or ds.attrs.get("source")
        raise InvalidInput(f"scan from '{source}'" if source else "scan", faults)

    if flat:
        warn(f"maps are constant within the valid pixels: {listing(flat)}")
    _warn_of_overlaps(lines)
    for name in variables.keys() - {"valid"}:
        variables[name].attrs["units"] = unit
    checked = ds.assign(variables).assign_coords({**_line_coords(lines), **coords}).drop_encoding()
    # A mask is a coordinate, so that the division of two maps does not change it.
    return checked.set_coords("valid") if "valid" in checked else checked


def validate(obj: AnyT, *, values: bool | None = None) -> AnyT:
    """Check the scan for every fault at once, and return it in the standard form.

    See `ensure_scan` for the checks and the standard form.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan, or its intensity alone.
    values : bool, optional
        Whether to check the values too; left out, they are checked unless they are Dask arrays.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        The same kind of object: float32 (line, y, x), canonical labels, millimetres.

    Raises
    ------
    InvalidInput
        Naming every fault.

    Examples
    --------
    >>> scan = as_scan(np.ones((1, 3, 4)) * np.arange(4), lines=["Ca_K"], pixel_size="0.5 mm")
    >>> validate(scan).identical(scan)
    True
    """
    ds = ensure_scan(obj, values=values)
    result: Any = ds
    if isinstance(obj, xr.DataArray):
        companions = {"uncertainty": ds["uncertainty"].variable} if "uncertainty" in ds else {}
        result = ds["intensity"].assign_coords(companions).rename(obj.name)
    same_kind: AnyT = result
    return same_kind


def lines_of(obj: xr.Dataset | xr.DataArray) -> list[Line]:
    """Return the meaning of each map of a scan.

    Raises
    ------
    InvalidInput
        If there is no coordinate `line`, or naming every unknown label.
    """
    if "line" not in obj.coords:
        raise InvalidInput("scan", [_NO_LINES])
    return parse_all(np.atleast_1d(obj["line"].values).tolist())


def scan_coords(labels: Sequence[str], grid: Grid) -> dict[str, xr.Variable]:
    """Coordinates of a scan: the meaning of each map, and the positions of its pixels.

    Parameters
    ----------
    labels : sequence of str
        Labels, one for each map, in any spelling.
    grid : Grid

    Returns
    -------
    dict of str to Variable
        Coordinates `line`, `element`, `family`, `kind`, `energy` (keV) along line; `y`, `x` in mm.

    Raises
    ------
    InvalidInput
        Naming every label that is unknown or occurs twice.

    Warns
    -----
    UserWarning
        If two lines count the same photons.
    """
    lines = scan_lines(labels)
    _warn_of_overlaps(lines)
    return {**_line_coords(lines), **grid_coords(grid)}


def _as_array(name: str, values: Any, labels: Sequence[Any]) -> Any:
    """Convert an argument of `as_scan` to a NumPy or Dask array, gaps to NaN (in a mask, to False)."""
    dims, argument = DIMS[name], argument_name(name)
    kind = "bool" if name == "valid" else "numbers"
    needed = f"{argument!r} must be an array ({', '.join(dims)}) of {kind}, got {describe(values)}"
    if isinstance(values, xr.Dataset):
        raise InvalidInput("scan", [f"{needed}; pass its variable, or use ds.xrfsr.validate()"])
    if is_like_photo(values):
        raise InvalidInput("scan", [no_scan(values)])
    if isinstance(values, str | os.PathLike):
        raise InvalidInput("scan", [f"{needed}; xrfsr.open_scan(path) opens a file"])
    if isinstance(values, xr.DataArray):
        _compare_labels(argument, values, labels)
        if set(values.dims) == set(dims):
            values = values.transpose(*dims)
    if isinstance(values, xr.DataArray | xr.Variable):
        values = values.data
    if isinstance(values, np.ma.MaskedArray):
        kept = np.asarray(values.filled(False)) if values.dtype.kind == "b" else values
        if values.dtype.kind in "iuf":
            kept = np.ma.filled(values.astype(np.float32), np.nan)
        return kept
    if is_dask(values):
        return values
    array = numbers(values, "biufcSUmM")  # of other kinds, `dtype_fault` names those
    if array is None:
        fix = "convert it to a NumPy array whose parts are equally long"
        if hasattr(values, "magnitude"):
            fix = "pass its .magnitude, and its unit as units='count'"
        raise InvalidInput("scan", [f"{needed}; {fix}"])
    return array


def _compare_labels(argument: str, array: xr.DataArray, labels: Sequence[Any]) -> None:
    """Refuse `labels` that differ from the labels of a DataArray, or have another order."""
    if "line" not in array.coords or array["line"].ndim != 1:
        return
    own = array["line"].values.tolist()
    try:
        same = [line.label for line in parse_all(own)] == [line.label for line in parse_all(labels)]
    except InvalidInput:
        return  # unknown labels are reported elsewhere
    if not same:
        raise InvalidInput(
            "scan",
            [
                f"{argument!r} has the labels {listing(own)}, but 'lines' is {listing(labels)}; pass "
                "the labels it has, lines=maps.line"
            ],
        )


def _as_dataset(obj: object) -> xr.Dataset:
    if not isinstance(obj, xr.Dataset) and (not isinstance(obj, xr.DataArray) or is_like_photo(obj)):
        raise InvalidInput("scan", [no_scan(obj)])
    if isinstance(obj, xr.DataArray):
        obj = obj.to_dataset(name="intensity")
    # The mask and the uncertainty of a DataArray are coordinates.
    return obj.reset_coords([name for name in DIMS if name in obj.coords])


def _standard_dtype(name: str, variable: xr.Variable) -> xr.Variable:
    # A float64 beyond the range of float32 becomes inf, which is reported.
    with np.errstate(over="ignore"):
        data = variable.data.astype(np.bool_ if name == "valid" else np.float32, copy=False)
    return xr.Variable(variable.dims, data, variable.attrs)


def _warn_of_overlaps(lines: Sequence[Line]) -> None:
    if twice := overlaps(lines):
        pairs = "; ".join(f"{a} and {b}" for a, b in twice[:8]) + ("; ..." if len(twice) > 8 else "")
        warn(f"these lines count the same photons twice: {pairs}")


def _line_coords(lines: Sequence[Line]) -> dict[str, xr.Variable]:
    # Text of fixed width, whose size Dask knows (chunks="auto").
    columns = {"line": "label", "element": "element", "family": "family", "kind": "kind"}
    coords = {
        name: xr.Variable("line", np.array([getattr(line, field) for line in lines], dtype=str))
        for name, field in columns.items()
    }
    coords["energy"] = xr.Variable("line", np.array([line.energy for line in lines], np.float64), {"units": "keV"})
    return coords

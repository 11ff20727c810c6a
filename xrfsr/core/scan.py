"""Scans: check one, convert one to the standard form.

A scan is a Dataset with `intensity` (line, y, x), optionally `uncertainty` and `valid`, and cell centres in mm.
The rest of the package uses scans that `ensure_scan` returned, and may rely on their form.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.cf import add_cf
from xrfsr.core.coordinates import AnyT, centres, dequantify, grid_coords
from xrfsr.core.grid import Grid
from xrfsr.core.lines import Line, overlaps, parse_all
from xrfsr.core.mistakes import SWAPPED, is_like_photo, no_scan, renaming
from xrfsr.core.scan_checks import (
    DIMS,
    check_values,
    common_unit,
    dims_fault,
    dtype_fault,
    scan_lines,
)
from xrfsr.core.separate import stack_maps, with_line_dim
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.describe import describe, listing

__all__ = ["array_of", "ensure_scan", "lines_of", "scan_coords", "validate"]

_NO_LINES = "there is no coordinate 'line'; name the maps: .assign_coords(line=['Ca-K', ...])"


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
    renamed = renaming(ds, DIMS)
    faults += renamed[:1]
    for name in (name for name in DIMS if name in ds and not renamed):
        fault = dims_fault(name, ds[name].dims) or dtype_fault(name, ds[name].variable)
        if fault:
            faults.append(fault)
        else:
            variables[name] = ds[name].variable.transpose(*DIMS[name])
    if "line" not in ds.coords:
        faults += [] if renamed else [_NO_LINES]
    else:
        labels = np.atleast_1d(ds["line"].values).tolist()
        with collect_faults(faults):
            lines = scan_lines(labels)
    unit = common_unit(ds, faults)
    for name in ("y", "x"):
        if name not in ds.coords and renamed:
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
    add_cf(variables, variables.keys() if isinstance(obj, xr.Dataset) else ())
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
    >>> from xrfsr import as_scan
    >>> scan = as_scan(np.ones((1, 3, 4)) * np.arange(4), lines=["Ca_K"], pixel_size="0.5 mm")
    >>> validate(scan).identical(scan)
    True
    """
    result: Any = ensure_scan(obj, values=values)
    if isinstance(obj, xr.DataArray):
        result = array_of(result, obj.name)
    same_kind: AnyT = result
    return same_kind


def array_of(scan: xr.Dataset, name: Hashable) -> xr.DataArray:
    """Return the intensity of a scan, with the uncertainty as a coordinate."""
    companions = {"uncertainty": scan["uncertainty"].variable} if "uncertainty" in scan else {}
    return scan["intensity"].assign_coords(companions).rename(name)


def lines_of(obj: xr.Dataset | xr.DataArray) -> list[Line]:
    """Return the meaning of each map of a scan.

    Raises
    ------
    InvalidInput
        If there is no coordinate `line`, or naming every unknown label.
    """
    obj = stack_maps(obj) if isinstance(obj, xr.Dataset) else obj
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


def _as_dataset(obj: object) -> xr.Dataset:
    if not isinstance(obj, xr.Dataset) and (not isinstance(obj, xr.DataArray) or is_like_photo(obj)):
        raise InvalidInput("scan", [no_scan(obj)])
    if isinstance(obj, xr.DataArray):
        obj = obj.to_dataset(name="intensity")
    # The mask and the uncertainty of a DataArray are coordinates.
    return with_line_dim(stack_maps(obj.reset_coords([name for name in DIMS if name in obj.coords])))


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
    add_cf(coords, ())
    return coords

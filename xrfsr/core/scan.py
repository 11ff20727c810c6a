"""What a valid scan is: build one from arrays, check one, bring one into the standard form.

A scan is a Dataset with `intensity` (line, y, x) and perhaps `uncertainty` and `valid`, with cell centres in mm.
Everything downstream takes what `ensure_scan` returns and may rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import AnyT, centres, dequantify, grid_coords
from xrfsr.core.grid import Grid
from xrfsr.core.lines import Line, overlaps, parse_all
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
        NumPy or Dask (which stays lazy), any real dtype; becomes float32. NaN and masked entries mark missing pixels.
        Of a DataArray with dimensions named line, y, x these may come in any order; its coordinates `y` and `x` are
        not used, and labels it has must be those of `lines`.
    lines : sequence of str
        One label for each map, in any spelling that `xrfsr.core.lines.parse` knows.
    pixel_size : str or float or pint.Quantity, or a pair of them
        ``"0.5 mm"``, ``"500 um"``, a number of mm, or (y, x) of these.
    units : {"count", "count/s", "dimensionless"}
        Of the maps; ``"counts"``, ``"cts"``, ``"cps"`` and the like are understood.
    uncertainty : array of shape (line, y, x), optional
        Standard deviation of `maps`, in the same units.
    valid : array of bool of shape (y, x), optional
        False marks pixels to leave out, such as a burnt-in label.
    origin : pair, optional
        Position (y, x) of the outer corner of the first pixel, lengths as in `pixel_size`.

    Returns
    -------
    xarray.Dataset
        `intensity` (line, y, x) and what else was given; `line`, `element`, `family`, `energy` (keV) and `kind`
        along `line`; `y`, `x` cell centres in mm. Values of a Dask array are not looked at here.

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
    if isinstance(lines, Iterable):
        labels = [lines] if isinstance(lines, str) else list(lines)
    else:
        faults.append(f"'lines' is {lines!r}; one label for each map is needed, such as ['Ca-K', 'Pb-L']")
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
    unusable += shape_faults(arrays, len(labels))
    scan: xr.Dataset | None = None
    if unusable or not labels:
        faults += unusable
        with collect_faults(faults):
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
    """Check a scan and bring it into the standard form.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        A Dataset with `intensity` and perhaps `uncertainty` and `valid`, or a DataArray of any name, which is taken
        for the intensity. Dimensions in any order; labels, units and lengths in any accepted spelling; quantities
        of pint-xarray too.
    values : bool, optional
        Whether to look at the values (negative, infinite, all missing). Left out, they are looked at unless they
        are Dask arrays; True computes those once for the purpose. A file-backed scan without chunks is read.

    Returns
    -------
    xarray.Dataset
        `intensity`, `uncertainty` float32 (line, y, x); the coordinate `valid` bool (y, x); canonical labels with
        `element`, `family`, `energy`, `kind`; `y` and `x` float64 in mm in the direction they had. Other variables,
        other coordinates and attributes are kept; encodings, which describe the file of before, are cleared.

    Raises
    ------
    InvalidInput
        Naming every fault. Values count only where `valid` is true; diagnostic maps may be negative.

    Warns
    -----
    UserWarning
        If a map is constant, or two lines count the same photons.
    """
    ds = dequantify(_as_dataset(obj))
    faults: list[str] = []
    flat: list[str] = []
    labels: list[Any] = []
    lines: list[Line] = []
    variables: dict[str, xr.Variable] = {}
    coords: dict[str, xr.Variable] = {}

    if "intensity" not in ds:
        faults.append(
            f"there is no variable 'intensity' among {[str(name) for name in ds.data_vars]}; rename the one that holds "
            "the maps: ds.rename({'...': 'intensity'})"
        )
    for name in (name for name in DIMS if name in ds):
        fault = dims_fault(name, ds[name].dims) or dtype_fault(name, ds[name].dtype)
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
        with collect_faults(faults):
            coords[name] = centres(ds, name)[0]

    variables = {name: _standard_dtype(name, variable) for name, variable in variables.items()}
    lazy = any(variable.chunks for variable in variables.values())
    empty = any(not variable.size for variable in variables.values())
    if empty:
        shapes = ", ".join(f"{name!r} {variable.shape}" for name, variable in variables.items())
        faults.append(f"there is no pixel: {shapes}; check what was selected (slices run the way the coordinate runs)")
    look = not lazy if values is None else values
    if variables.keys() & {"intensity", "uncertainty"} and labels and look and not empty:
        value_faults, flat = check_values(variables, labels, lines)
        faults += value_faults
    if faults:
        source = obj.encoding.get("source") or ds.attrs.get("source")
        raise InvalidInput(f"scan from '{source}'" if source else "scan", faults)

    if flat:
        warn(f"constant within the valid pixels, so without any detail: {', '.join(flat)}")
    _warn_of_overlaps(lines)
    for name in variables.keys() - {"valid"}:
        variables[name].attrs["units"] = unit
    checked = ds.assign(variables).assign_coords({**_line_coords(lines), **coords}).drop_encoding()
    # A mask is a coordinate: dividing one map by another leaves it as it is.
    return checked.set_coords("valid") if "valid" in checked else checked


def validate(obj: AnyT, *, values: bool | None = None) -> AnyT:
    """Check a scan, and return it in the standard form: a Dataset for a Dataset, a DataArray for a DataArray.

    See `ensure_scan` for what is checked and what the standard form is.

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
    """What each map of a scan is.

    Raises
    ------
    InvalidInput
        If there is no coordinate `line`, or naming every label that is not known.
    """
    if "line" not in obj.coords:
        raise InvalidInput("scan", [_NO_LINES])
    return parse_all(np.atleast_1d(obj["line"].values).tolist())


def scan_coords(labels: Sequence[str], grid: Grid) -> dict[str, xr.Variable]:
    """Coordinates of a scan: what each map is, and where its pixels lie.

    Parameters
    ----------
    labels : sequence of str
        One for each map, in any spelling.
    grid : Grid

    Returns
    -------
    dict of str to Variable
        `line`, `element`, `family`, `kind`, `energy` (keV) along line; `y`, `x` in mm.

    Raises
    ------
    InvalidInput
        Naming every label that is unknown or named twice.

    Warns
    -----
    UserWarning
        If two lines count the same photons.
    """
    lines = scan_lines(labels)
    _warn_of_overlaps(lines)
    return {**_line_coords(lines), **grid_coords(grid)}


def _as_array(name: str, values: Any, labels: Sequence[Any]) -> Any:
    """NumPy or Dask from what was handed to `as_scan`, gaps as NaN (of a mask: as False)."""
    dims, argument = DIMS[name], argument_name(name)
    if isinstance(values, xr.Dataset):
        raise InvalidInput(
            "scan", [f"{argument!r} is a Dataset; take its variable, or check it as a scan: ds.xrfsr.validate()"]
        )
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
    if hasattr(values, "__dask_graph__"):
        return values
    try:
        array = np.asarray(values)
    except ValueError:
        raise InvalidInput("scan", [f"{argument!r} is a list of parts that differ in length"]) from None
    if values is None or array.dtype.kind == "O":
        raise InvalidInput("scan", [f"{argument!r} is {values!r}; an array ({', '.join(dims)}) of numbers is needed"])
    return array


def _compare_labels(argument: str, array: xr.DataArray, labels: Sequence[Any]) -> None:
    """A DataArray with labels of its own must not be given those of another order."""
    if "line" not in array.coords or array["line"].ndim != 1:
        return
    own = array["line"].values.tolist()
    try:
        same = [line.label for line in parse_all(own)] == [line.label for line in parse_all(labels)]
    except InvalidInput:
        return  # labels that are none are reported as such
    if not same:
        raise InvalidInput(
            "scan",
            [f"{argument!r} has the labels {own}, but 'lines' is {list(labels)}; hand over its own: lines={own}"],
        )


def _as_dataset(obj: object) -> xr.Dataset:
    if isinstance(obj, xr.DataArray):
        obj = obj.to_dataset(name="intensity")
    if not isinstance(obj, xr.Dataset):
        raise InvalidInput(
            "scan",
            [f"a {type(obj).__name__} was given; a Dataset is needed: xrfsr.as_scan(...) builds one"],
        )
    # A DataArray carries its mask and its uncertainty as coordinates.
    return obj.reset_coords([name for name in DIMS if name in obj.coords])


def _standard_dtype(name: str, variable: xr.Variable) -> xr.Variable:
    # A float64 beyond the range of float32 becomes inf, which is then reported as such.
    with np.errstate(over="ignore"):
        data = variable.data.astype(np.bool_ if name == "valid" else np.float32, copy=False)
    return xr.Variable(variable.dims, data, variable.attrs)


def _warn_of_overlaps(lines: Sequence[Line]) -> None:
    if twice := overlaps(lines):
        pairs = "; ".join(f"{a} and {b}" for a, b in twice)
        warn(f"these lines count the same photons twice: {pairs}")


def _line_coords(lines: Sequence[Line]) -> dict[str, xr.Variable]:
    # Object arrays, because zarr warns of fixed-width text.
    columns = {"line": "label", "element": "element", "family": "family", "kind": "kind"}
    coords = {
        name: xr.Variable("line", np.array([getattr(line, field) for line in lines], dtype=object))
        for name, field in columns.items()
    }
    coords["energy"] = xr.Variable("line", np.array([line.energy for line in lines], np.float64), {"units": "keV"})
    return coords

"""Scans from arrays: one array of all maps, or one array for each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_coords, warn_of_replaced_positions
from xrfsr.core.grid import Grid
from xrfsr.core.labels import label_list
from xrfsr.core.lines import parse_all
from xrfsr.core.mapped_arrays import stack_arrays
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.scan import ensure_scan
from xrfsr.core.scan_checks import DIMS, argument_name, scan_lines, shape_faults
from xrfsr.core.units import intensity_unit, pair_to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_dask, numbers
from xrfsr.utils.describe import describe, listing

__all__ = ["as_scan"]


def as_scan(
    maps: Any,
    lines: Iterable[str] | None = None,
    pixel_size: Any = None,
    units: str = "count",
    uncertainty: Any = None,
    valid: Any = None,
    origin: Any = (0.0, 0.0),
) -> xr.Dataset:
    """Build a scan from an array of element maps, or from one array for each element.

    Parameters
    ----------
    maps : array of shape (line, y, x), or mapping of label to array of shape (y, x)
        NumPy or Dask array (Dask stays lazy) of any real dtype, converted to float32. NaN and masked entries mark
        missing pixels. The largest value of a map is 0 or from 1e-18 to 1e18. A DataArray may have its dimensions line,
        y, x in any order; its coordinates `y` and `x` are not used, and its labels, if any, must be those of `lines`.
        In a mapping, such as a dict or a Dataset, a label of an uncertainty (``"s(Ca-K)"``) names an uncertainty.
    lines : sequence of str, optional
        Labels, one for each map, in any spelling that `xrfsr.core.lines.parse` knows. Left out, they are those of a
        mapping or of the coordinate `line` of a DataArray. A single label may name a map of shape (y, x).
    pixel_size : str or float or pint.Quantity, or a pair of them
        Length such as ``"0.5 mm"`` or ``"500 um"``, a number of mm, or two of these as (y, x).
    units : str
        Unit of the maps: ``"count"``, ``"count/s"``, ``"dimensionless"`` or any unit that pint knows, such as
        ``"ug/cm^2"``, and ``"wt%"``; spellings such as ``"counts"``, ``"cts"`` and ``"cps"`` are accepted.
    uncertainty : array of shape (line, y, x), or mapping as `maps`, optional
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
        If a map is constant, two lines count the same photons, or a DataArray has other positions in mm of its own.

    Examples
    --------
    >>> scan = as_scan(np.ones((2, 3, 4)) * np.arange(4), lines=["Ca_K", "Pb_L"], pixel_size="0.5 mm")
    >>> scan.line.values.tolist(), scan.x.values.tolist()
    (['Ca-K', 'Pb-L'], [0.25, 0.75, 1.25, 1.75])
    >>> as_scan({"Ca_K": [[1, 2], [3, 4]], "Pb_L": [[5, 6], [7, 8]]}, pixel_size="0.5 mm").sizes["line"]
    2
    """
    faults: list[str] = []
    labels: list[Any] = []
    named: list[str] = []
    with collect_faults(named):
        given = stack_arrays(maps, uncertainty, lines)
    if named:  # nothing can be said of the shape of what could not be stacked, only of the other arguments
        given, valid = (np.eye(2)[None], None, "Ca-K"), None
    maps, uncertainty, lines = given
    with collect_faults(named):
        labels = label_list(_own_labels(maps) if lines is None else lines)
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
                array = _as_array(name, values, labels)
                one_map = len(labels) == 1 and array.ndim == 2 and name != "valid"
                arrays[name] = array[None] if one_map else array
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
        warn_of_replaced_positions("maps", maps, grid)
        names = np.empty(len(labels), dtype=object)
        names[:] = labels
        with collect_faults(faults):
            scan = ensure_scan(xr.Dataset(variables, {"line": names, **grid_coords(grid)}))
    if faults or scan is None:
        raise InvalidInput("scan", faults)
    return scan


def _own_labels(maps: object) -> Any:
    """Return the labels of a DataArray that has them."""
    if isinstance(maps, xr.DataArray) and "line" in maps.coords:
        return np.atleast_1d(maps["line"].values)
    raise InvalidInput("line labels", ["lines are missing; name the maps: lines=['Ca-K', ...], one label for each"])


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

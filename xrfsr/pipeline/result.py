"""Fine maps and what is known of them, and how they become the user's kind of object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.cf import add_cf
from xrfsr.core.coordinates import AnyT
from xrfsr.core.provenance import method_of
from xrfsr.core.separate import RESULT_COORDS
from xrfsr.errors import warn
from xrfsr.methods import Problem, Reconstruction
from xrfsr.operators.resample import regrid
from xrfsr.pipeline.acquisition import Geometry
from xrfsr.pipeline.tiles import Tile
from xrfsr.trust.assessment import LAYERS, UNCERTAINTY
from xrfsr.utils.describe import listing

__all__ = ["Result", "as_scan_like", "is_result", "mask_unmeasured", "warn_of_negatives"]


class Result(NamedTuple):
    """Fine maps and what is known of them.

    Attributes
    ----------
    maps : array of float32, shape (line, fine.y, fine.x)
        NumPy, or Dask for a lazy acquisition; NaN where the scan was not measured.
    line_values : dict of array of float32, shape (line,)
        Coordinates along `line`, by the names in `Method.line_coords`.
    metadata : dict
        Numbers and text for the attributes of the result.
    layers : dict of array of float32, shape like `maps`
        What is known of every value of the maps, by the names of `xrfsr.trust.assessment.LAYERS`.
    """

    maps: Any
    line_values: dict[str, Any]
    metadata: dict[str, str | float]
    layers: dict[str, Any]


def mask_unmeasured(
    geometry: Geometry, tile: Tile, problem: Problem, made: Reconstruction
) -> tuple[list[NDArray[np.float32]], list[str]]:
    """Return the maps of a tile and their layers, and the lines that keep negative values.

    All are NaN where the scan was not measured.
    """
    maps = [each.astype(np.float32, copy=False) for each in (made.maps, *made.layers.values())]
    if not problem.measured.all():
        unmeasured = geometry.unmeasured(tile, problem)
        maps = [np.where(unmeasured, np.float32(np.nan), each) for each in maps]
    if made.physical is None:
        return maps, []
    return maps, [geometry.lines[line] for line in np.flatnonzero(~made.physical)]


def warn_of_negatives(lines: Sequence[str]) -> None:
    """Warn which maps keep negative values, if any do."""
    if lines:
        warn(
            f"negative values remain in {listing(lines)}: pixels of the scan overlap, and no map without negative "
            "values agrees with the scan; .clip(min=0) removes them, at the price of that agreement"
        )


def as_scan_like(
    obj: AnyT,
    scan: xr.Dataset,
    made: Result,
    geometry: Geometry,
    attrs: dict[str, Any],
    line_coords: Mapping[str, str],
) -> AnyT:
    """Return fine maps as the user's kind of object."""
    # Without the record of an earlier run, which a DataArray carries itself.
    kept, own = _fresh(scan.attrs), _fresh(scan["intensity"].attrs)
    intensity = xr.Variable(("line", "y", "x"), made.maps, own)
    coords = {
        name: coord.variable
        for name, coord in scan.drop_vars([*RESULT_COORDS, *line_coords], errors="ignore").coords.items()
        if not {"y", "x"} & set(coord.dims) or (coord.dtype.kind in "biuf" and name not in ("y", "x", "valid"))
    }
    axes = {name: scan[name].variable for name in ("y", "x")}
    others = regrid(xr.Dataset(coords=coords | axes), geometry.U.fine)
    result = xr.Dataset({"intensity": intensity}, others.coords, kept | attrs)
    result = result.assign_coords(
        {
            name: xr.Variable("line", values, {"long_name": line_coords[name]})
            for name, values in made.line_values.items()
        }
    )
    if "valid" in scan.coords:
        row, column = geometry.parent_cells
        near = scan["valid"].variable[{"y": row}][{"x": column}]
        result = result.assign_coords(valid=near.transpose("y", "x"))
    intensity = result["intensity"].variable.copy(deep=False)
    add_cf({"intensity": intensity}, result.variables)
    result = result.assign(intensity=intensity)
    units = {name: own[name] for name in ("units",) if name in own}
    for name, values in made.layers.items():
        attrs_of = {"long_name": LAYERS[name], "units": "dimensionless"}
        result[name] = xr.Variable(("line", "y", "x"), values, attrs_of | units if name == UNCERTAINTY else attrs_of)
    if isinstance(obj, xr.Dataset):
        return cast(AnyT, result)
    return cast(AnyT, result["intensity"].rename(obj.name).assign_attrs(attrs))


def is_result(scan: xr.Dataset) -> bool:
    """Return whether a Dataset was made by `superresolve`, or from such a result."""
    return method_of(scan) is not None


def _fresh(attrs: dict[Any, Any]) -> dict[Any, Any]:
    """Return attributes without the record of a run."""
    return {name: value for name, value in attrs.items() if not str(name).startswith("xrfsr_")}

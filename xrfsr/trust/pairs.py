"""Fine maps and what they are measured against, brought to the same lines and the same unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.grid import Grid
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import Fault, collect_faults
from xrfsr.utils.describe import listing

__all__ = ["matched", "same_grid"]

NEAR = 1e-3  # pixels by which grids may differ


def same_grid(one: Grid, other: Grid) -> bool:
    """Return whether two grids have the same pixels, to within a thousandth of one."""
    apart = max(abs(a.first - b.first) + abs(a.step - b.step) * b.size for a, b in ((one.y, other.y), (one.x, other.x)))
    return one.shape == other.shape and apart <= NEAR * min(other.spacing)


def matched(fine: Any, other: Any, name: str, faults: list[str]) -> tuple[xr.Dataset, xr.Dataset] | None:
    """Return fine maps and `other`, called `name`, in the standard form with the lines of `fine`; nothing is computed.

    What is wrong with either is added to `faults`; None if one is no scan.
    """
    made: list[xr.Dataset] = []
    for obj, subject in ((fine, "fine"), (other, name)):
        with collect_faults(faults, subject):
            # A result of some methods has negative values.
            made.append(ensure_scan(obj, values=False))
    if len(made) < 2:
        return None
    wanted, there = (each["line"].values.tolist() for each in made)
    if lacking := [label for label in wanted if label not in there]:
        faults.append(
            Fault(f"there is no {listing(lacking)}, which fine has; it has {listing(there)}: leave the others out "
                  "of fine, .drop_sel(line=[...])", name)
        )  # fmt: skip
        return None
    units = [str(each["intensity"].attrs["units"]) for each in made]
    if units[0] != units[1]:
        faults.append(Fault(f"the unit must be that of fine, {units[0]}, got {units[1]}; convert one of them", name))
    return made[0], made[1].isel(line=[there.index(label) for label in wanted])


def known(scan: xr.Dataset) -> xr.DataArray:
    """Return the maps of a scan in the standard form, NaN where it is not valid."""
    maps = scan["intensity"]
    return maps.where(scan["valid"]) if "valid" in scan.coords else maps


def is_element(scan: xr.Dataset) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which maps are of elements, shape (line,)."""
    return np.asarray(scan["kind"].values == "element")

"""Attributes of the CF conventions, by which other programs label axes and find the uncertainty of the maps."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping

import xarray as xr

__all__ = ["AXES", "GENERAL", "add_cf"]

AXES: Mapping[str, Mapping[str, str]] = {
    "y": {"axis": "Y", "long_name": "position from top to bottom"},
    "x": {"axis": "X", "long_name": "position from left to right"},
}
DESCRIBED: Mapping[str, Mapping[str, str]] = {
    **AXES,
    "intensity": {"long_name": "X-ray fluorescence intensity"},
    "uncertainty": {"long_name": "standard deviation of the intensity"},
    "valid": {"long_name": "whether the pixel shows the painting"},
    "energy": {"long_name": "mean energy of the line"},
}
ANCILLARY = "ancillary_variables"
# Names of whole variables, which say nothing of one map taken from them.
GENERAL = frozenset(attrs["long_name"] for attrs in DESCRIBED.values())


def add_cf(variables: Mapping[str, xr.Variable], present: Collection[Hashable]) -> None:
    """Give variables of a scan or photo, in place, the attributes that they lack.

    Parameters
    ----------
    variables : mapping
        Variables by name, none of them shared with the caller's objects.
    present : collection
        Names of all variables of the scan: the intensity names those among them that describe it. Empty for an
        intensity alone, which keeps what it says.
    """
    for name, variable in variables.items():
        known = DESCRIBED.get(name, {})
        variable.attrs = {**variable.attrs, **{key: text for key, text in known.items() if key not in variable.attrs}}
        if name == "intensity" and present:
            variable.attrs.pop(ANCILLARY, None)
            if others := [other for other in ("uncertainty", "valid") if other in present]:
                variable.attrs[ANCILLARY] = " ".join(others)

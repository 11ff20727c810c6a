"""Record of how maps were made, by which results are known from scans."""

from __future__ import annotations

import re

import xarray as xr

__all__ = ["PROVENANCE", "known_method", "method_of"]

PROVENANCE = "xrfsr_method"  # attribute that every result has, and no scan
METHOD = re.compile(r"[^\n]{1,80}")
LOST = "unknown"


def method_of(scan: xr.Dataset) -> str | None:
    """Return the name of the method that made a result, "unknown" if it was lost; None for a scan.

    Examples
    --------
    >>> method_of(xr.Dataset(attrs={"xrfsr_method": "unfolding"})), method_of(xr.Dataset())
    ('unfolding', None)
    """
    # A Dataset made of a result that was a DataArray has the record at its variable, and arithmetic may lose both.
    held = [scan.attrs, scan["intensity"].attrs] if "intensity" in scan else [scan.attrs]
    found = next((attrs[PROVENANCE] for attrs in held if PROVENANCE in attrs), None)
    if found is not None:
        return " ".join(str(found).split()) or LOST
    return LOST if "guided_share" in scan.coords else None


def known_method(stored: object) -> dict[str, str | int | float]:
    """Return the attribute of a result from what a file stores as the name of its method; none if that is no name."""
    return {PROVENANCE: stored} if isinstance(stored, str) and METHOD.fullmatch(stored) else {}

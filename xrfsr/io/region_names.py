"""Names that PyMca gives to sums over regions of interest: "ROI Ca K", and "ROI Ca K Net" without the background."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from xrfsr.core.lines import try_parse
from xrfsr.utils.describe import listing

__all__ = ["Region", "lines_of_regions", "read_region"]

REGION = re.compile(r"ROI[ _](?P<name>.+?)(?P<net>[ _]Net)?")
# "ROI Ca K Energy at Max." is no map of counts.
POSITION = re.compile(r"ROI[ _].*[ _]at[ _](Max|Min)\.?")


class Region(NamedTuple):
    """Region of interest.

    Attributes
    ----------
    name : str
        Name that the user gave it, empty for the position of an extremum in it.
    is_net : bool
        Whether the background was subtracted.
    """

    name: str
    is_net: bool


def read_region(name: str) -> Region | None:
    """Return the region that a name means, or None.

    Examples
    --------
    >>> read_region("ROI_Ca_K_Net"), read_region("Ca_K")
    (Region(name='Ca_K', is_net=True), None)
    """
    if POSITION.fullmatch(name):
        return Region("", False)
    match = REGION.fullmatch(name)
    return Region(match["name"], match["net"] is not None) if match else None


def lines_of_regions(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the names of maps without what PyMca adds to regions, and a warning on those that are left out.

    Net sums are used where there are any. If some names are no regions, all are returned unchanged.

    Parameters
    ----------
    names : sequence of str
        Names of all columns, pages or images of a file; empty for those that are none.

    Examples
    --------
    >>> lines_of_regions(["ROI_Ca_K", "ROI_Ca_K_Net"])
    (['', 'Ca_K'], ())
    """
    regions = [read_region(name) if name else None for name in names]
    if not any(regions) or any(name and region is None for name, region in zip(names, regions, strict=True)):
        return list(names), ()
    net = any(region.is_net for region in regions if region)
    used = [region.name if region and region.is_net == net else "" for region in regions]
    strangers = [name for name in used if name and try_parse(name) is None]
    warnings = (f"regions that are no element lines are left out: {listing(strangers)}",) if strangers else ()
    return ["" if name in strangers else name for name in used], warnings

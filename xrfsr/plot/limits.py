"""Limits of colours that a few hot pixels do not decide, and which of them are exceeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrfsr.plot.style import SATURATED

__all__ = ["Limits", "extension", "limits_of"]


class Limits(NamedTuple):
    """Ends of the colours, and by which of them values lie beyond: ``"neither"``, ``"min"``, ``"max"``, ``"both"``."""

    low: float
    high: float
    extend: str


def limits_of(planes: Sequence[NDArray[Any]], saturated: float = SATURATED) -> Limits:
    """Return common limits of maps, from zero, or from below where values are negative.

    Parameters
    ----------
    planes : sequence of array
        Maps; NaN counts nowhere.
    saturated : float
        Share of the pixels of each map that may lie beyond either end.

    Examples
    --------
    >>> plane = np.arange(1000.0)
    >>> limits_of([plane], saturated=0.1)
    Limits(low=0.0, high=899.1, extend='max')
    >>> limits_of([np.zeros(4)])
    Limits(low=0.0, high=1.0, extend='neither')
    """
    found = [plane[np.isfinite(plane)] for plane in planes]
    values = [each for each in found if each.size]
    if not values:
        return Limits(0.0, 1.0, "neither")
    low = min(0.0, *(float(np.quantile(each, saturated)) for each in values))
    high = max(float(np.quantile(each, 1 - saturated)) for each in values)
    if high <= low:  # few pixels have anything
        high = max(float(each.max()) for each in values)
    if high <= low:
        high = low + 1.0
    return Limits(low, high, extension(values, low, high))


def extension(planes: Sequence[NDArray[Any]], low: float, high: float) -> str:
    """Return at which ends of the colours values lie beyond, in matplotlib's words."""
    with np.errstate(invalid="ignore"):
        below = any(bool((plane < low).any()) for plane in planes)
        above = any(bool((plane > high).any()) for plane in planes)
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]

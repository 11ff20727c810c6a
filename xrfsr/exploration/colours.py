"""Maps in the colours of `xrfsr.plot`, as pixels that a browser draws."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrfsr.plot.style import MAPS, NOT_MEASURED, TRUST

__all__ = ["Scale", "colour_map", "in_colours", "packed", "palette"]

NOTHING = int(NOT_MEASURED[-2:], 16)  # a grey


class Scale(NamedTuple):
    """Colour scale: its ends, what it measures, and its colours."""

    low: float
    high: float
    title: str
    colours: str = MAPS


def palette(name: str) -> tuple[str, ...]:
    """Return the 256 colours of a map, as text."""
    from bokeh import palettes

    return tuple({MAPS: palettes.Magma256, TRUST: palettes.Cividis256}[name])


def colour_map(values: NDArray[Any], scale: Scale) -> NDArray[np.uint32]:
    """Return a map (y, x) in colours, one number of 32 bits for a pixel."""
    low, high = scale.low, scale.high
    colours = np.array([int(each[1:], 16) for each in palette(scale.colours)])
    table = packed(np.stack([colours >> 16 & 255, colours >> 8 & 255, colours & 255]).astype(np.uint8))
    known = np.isfinite(values)
    share = (np.where(known, values, low) - low) / (high - low)
    chosen = table[np.clip(share * len(table), 0, len(table) - 1).astype(np.intp)]
    return np.where(known, chosen, packed(np.full(3, NOTHING, np.uint8)))


def in_colours(bands: NDArray[Any]) -> NDArray[np.uint32]:
    """Return red, green and blue in [0, 1], shape (3, y, x), as pixels; grey where one is missing."""
    known = np.isfinite(bands).all(axis=0)
    levels = np.where(known, np.clip(np.nan_to_num(bands), 0, 1) * 255 + 0.5, NOTHING)
    return packed(levels.astype(np.uint8))


def packed(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return opaque colours (3, ...) as numbers of 32 bits, in the order of bytes that Bokeh expects."""
    red, green, blue = rgb.astype(np.uint32)
    return np.asarray(red | green << 8 | blue << 16 | np.uint32(255) << 24, np.uint32)

"""Maps as text in a page: quantised in steps that the page states, and deflated.

A map becomes whole numbers of steps in 16 bits. Of each, the difference from the mean of its left and upper neighbour
is stored, first the low bytes of all, then the high bytes: most high bytes are the same, and take almost no room.
The page undoes this in `decode.js`.
"""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MISSING", "Encoded", "decoded", "encoded", "nice_step"]

MISSING = -32768  # a pixel that was not measured
LARGEST = 32000  # steps from zero
LEVELS = 200  # steps of the colour scale, at least: fewer would show as contours


@dataclass(frozen=True, slots=True)
class Encoded:
    """One map as text.

    Attributes
    ----------
    step : float
        Value of one step.
    data : bytes
        Deflated differences.
    """

    step: float
    data: bytes

    @property
    def text(self) -> str:
        """The data as base64."""
        return base64.b64encode(self.data).decode("ascii")


def nice_step(span: float, largest: float) -> float:
    """Return a step of 1, 2 or 5 times a power of ten, fine enough for a colour scale of width `span`.

    Parameters
    ----------
    span : float
        Width of the colour scale.
    largest : float
        Largest absolute value, which must fit, too.

    Examples
    --------
    >>> nice_step(100.0, 130.0), nice_step(1.0, 1.0), nice_step(1.0, 1e6)
    (0.5, 0.005, 50.0)
    """
    wanted = span / LEVELS
    power = math.floor(math.log10(wanted))
    step = max(each for each in (1, 2, 5) if float(f"{each}e{power}") <= wanted * (1 + 1e-9))
    made = float(f"{step}e{power}")
    while largest / made > LARGEST:
        step, power = {1: (2, power), 2: (5, power), 5: (1, power + 1)}[step]
        made = float(f"{step}e{power}")
    return made


def encoded(values: NDArray[np.float32], step: float) -> Encoded:
    """Return a map (y, x) in steps, NaN as `MISSING`."""
    with np.errstate(invalid="ignore"):
        steps = np.where(np.isfinite(values), np.rint(values.astype(np.float64) / step), MISSING)
    whole = np.clip(steps, MISSING, -MISSING - 1).astype(np.int32)
    difference = (whole - _prediction(whole)).astype(np.uint16)
    planes = np.stack([difference & 0xFF, difference >> 8]).astype(np.uint8)
    return Encoded(step, zlib.compress(planes.tobytes(), 6))


def _prediction(whole: NDArray[np.int32]) -> NDArray[np.int32]:
    left, upper = np.zeros_like(whole), np.zeros_like(whole)
    left[:, 1:], upper[1:] = whole[:, :-1], whole[:-1]
    return (left + upper) >> 1


def decoded(picture: Encoded, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the values that a page shows for a map, as its script computes them.

    Examples
    --------
    >>> decoded(encoded(np.array([[1.2, np.nan], [-3.0, 7.9]], np.float32), 0.5), (2, 2))
    array([[ 1., nan],
           [-3.,  8.]])
    """
    planes = np.frombuffer(zlib.decompress(picture.data), np.uint8).reshape(2, *shape).astype(np.int32)
    difference = planes[0] | planes[1] << 8
    whole = np.zeros((shape[0] + 1, shape[1] + 1), np.int32)
    for row in range(shape[0]):
        for column in range(shape[1]):
            near = (whole[row + 1, column] + whole[row, column + 1]) >> 1
            value = (near + difference[row, column]) & 0xFFFF
            whole[row + 1, column + 1] = value - 65536 if value > 32767 else value
    inner = whole[1:, 1:]
    return np.where(inner == MISSING, np.nan, inner * picture.step)

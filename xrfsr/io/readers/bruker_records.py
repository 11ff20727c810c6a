"""Records of the pixels in a Bruker hypermap, which show the pixels that were visited and whether the decoder is right.

A hypermap has one record for each pixel that was visited. The decoder leaves all others at zero counts, does not check
the records, and may choose integers that are too small. The file also has the sum of all spectra, as the measurement
program counted it, so that what was decoded can be compared with it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Comparison", "compare_sums", "overflows", "visited_pixels"]

START = 0x1A0  # of the first line
LINE = struct.Struct("<I")  # number of records
# Column, channels of the map, channels of the pixel, a constant, packing, size, number of pulses, bytes that follow.
RECORD = struct.Struct("<IHHIHHHI")
PACKED = 2  # from this number on, counts of channels rather than single pulses
# Largest share of all counts, and of those in a band, by which decoded spectra may differ from the sum in the file. In
# real files up to 0.1 % of all counts are missing, and 3 % of those in a band.
TOLERANCE, BAND_TOLERANCE = 0.01, 0.05
# While the camera of a combined map with EBSD takes its time, pulses are counted that belong to no pixel: a quarter in
# a real file. They are as likely in all channels.
LEAST = 0.7
BAND = 16  # channels
LOWEST = 0.25  # keV; below it lies the zero peak, which is no emission


def visited_pixels(blocks: Iterator[bytes], height: int, width: int, counters: Sequence[int] = ()) -> NDArray[np.bool_]:
    """Return which pixels were visited.

    Parameters
    ----------
    blocks : iterator of bytes
        Content of the hypermap, piece by piece.
    height, width : int
        Number of rows and columns of the map.
    counters : sequence of int
        How often each line was scanned.

    Returns
    -------
    ndarray of shape (y, x)
        True where there is a record. If records with one or two pulses show that some pixels have none by chance, a few
        pixels without a record count as visited. Lines that were not scanned once, while others were, are not visited.

    Raises
    ------
    ValueError
        If the records end early or lie outside the map.
    """
    found = bytearray(height * width)
    stream = _Stream(blocks)
    rows, _ = struct.unpack("<II", stream.take(8))
    if rows > height:
        raise ValueError(f"its spectra have {rows} lines, but its header {height}")
    stream.skip(START - 8)
    few = [0, 0, 0]
    for row in range(rows):
        (count,) = LINE.unpack(stream.take(LINE.size))
        for _ in range(count):
            column, _, _, _, packing, _, pulses, size = RECORD.unpack(stream.take(RECORD.size))
            if column >= width:
                raise ValueError(f"a spectrum lies in column {column}, but its header has {width} columns")
            found[row * width + column] = 1
            if packing >= PACKED:
                size += 2 * pulses
            elif pulses < 3:
                few[pulses] += 1
            stream.skip(size)
    visited = np.frombuffer(found, np.uint8).reshape(height, width) > 0
    if not few[0] and np.count_nonzero(~visited) <= 3 * few[1] ** 2 / (2 * max(1, few[2])):
        visited = np.ones((height, width), np.bool_)
    scanned = np.asarray(counters)
    if scanned.shape == (height,) and (scanned > 0).any():
        visited = visited & (scanned > 0)[:, None]
    return visited


class _Stream:
    """Bytes of an iterator of blocks."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._block, self._at = blocks, b"", 0

    def take(self, size: int) -> bytes:
        """Return the next few bytes."""
        while self._at + size > len(self._block):
            self._block, self._at = self._block[self._at :] + self._next(), 0
        self._at += size
        return self._block[self._at - size : self._at]

    def skip(self, size: int) -> None:
        """Pass over bytes."""
        while self._at + size > len(self._block):
            size -= len(self._block) - self._at
            self._block, self._at = self._next(), 0
        self._at += size

    def _next(self) -> bytes:
        block = next(self._blocks, None)
        if block is None:
            raise ValueError("its spectra are incomplete")
        return block


def overflows(decoded: NDArray[np.uint64], stored: NDArray[np.uint64], dtype: np.dtype[Any]) -> bool:
    """Return whether spectra were decoded to integers that are too small: at least one channel lacks a multiple.

    Parameters
    ----------
    decoded, stored : ndarray of shape (channel,)
        Sum of the decoded spectra, and the sum in the file.
    dtype : dtype
        Integers of the decoded spectra.
    """
    size = min(len(decoded), len(stored))
    lacks = stored[:size].astype(np.float64) - decoded[:size]
    return bool(size and lacks.max() >= 2.0 ** (8 * dtype.itemsize) / 2)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the sum of decoded spectra compares with the sum in the file.

    Attributes
    ----------
    fault : str
        Why the spectra are wrong, with the size of the difference; empty if they are not.
    note : str
        How many counts belong to no pixel, if they are many; else empty.
    """

    fault: str = ""
    note: str = ""


def compare_sums(
    decoded: NDArray[np.uint64], stored: NDArray[np.uint64], offset: float, scale: float, *, pauses: bool = False
) -> Comparison:
    """Compare the sum of decoded spectra with the sum that the file stores.

    Parameters
    ----------
    decoded, stored : ndarray of shape (channel,)
        Sum of the decoded spectra, up to some channel, and the sum in the file.
    offset, scale : float
        Energy of the first channel and channel width in keV.
    pauses : bool
        Whether pulses were counted between the pixels, too.
    """
    size = min(len(decoded), len(stored))
    energies = offset + scale * np.arange(size)
    first = int(np.searchsorted(energies, LOWEST)) if scale > 0 else 0
    here, there = (values[first:size].astype(np.float64) for values in (decoded, stored))
    total = there.sum()
    if not total:
        return Comparison()
    differ = abs(here - there).sum() / total
    said = (
        f"{here.sum():.0f} counts were decoded up to {energies[-1]:.3g} keV, but the sum spectrum in the file has "
        f"{total:.0f} there"
    )
    share = here.sum() / total
    if differ > TOLERANCE:
        # Pulses that belong to no pixel are drawn from all: what is left scatters around the same share everywhere.
        noise = there * share * (1 - share)
        scatter = TOLERANCE * total + 1.5 * np.sqrt(2 * np.maximum(noise, 0) / np.pi).sum()
        if not (pauses and LEAST <= share <= 1 - TOLERANCE) or abs(here - share * there).sum() > scatter:
            return Comparison(fault=f"{said}; {100 * differ:.3g} % differ")
    else:
        share = 1.0
    starts = np.arange(0, len(here), BAND)
    bands, expected = np.add.reduceat(here, starts), np.add.reduceat(there, starts) * share
    # Few counts differ by chance alone.
    excess = abs(bands - expected) - BAND_TOLERANCE * expected - 5 * np.sqrt(expected)
    worst = int(excess.argmax())
    if excess[worst] > 0:
        low = energies[first + starts[worst]]
        return Comparison(
            fault=f"{bands[worst]:.0f} counts were decoded from {low:.3g} to {low + BAND * scale:.3g} keV, but by the "
            f"sum spectrum in the file there are {expected[worst]:.0f}"
        )
    return Comparison(
        note=f"{said}: {100 * differ:.3g} % of its counts belong to no pixel" if differ > TOLERANCE else ""
    )

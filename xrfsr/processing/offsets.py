"""Offsets of scans whose positions are not known, from what they show in common.

Each scan is compared with those before it by masked normalised cross-correlation (Padfield 2012, "Masked object
registration in the Fourier domain") of the strongest principal components of all maps, as scikit-image implements it.
What it proposes for several least overlaps is judged by the correlation of all maps in the overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_coords, grid_of
from xrfsr.core.grid import Axis, Grid
from xrfsr.errors import InvalidInput, import_optional
from xrfsr.operators.resample import regrid

__all__ = ["Placement", "with_offsets"]

COMPONENTS = 3
LEAST_OVERLAPS = (0.04, 0.1, 0.25, 0.5)  # of the largest overlap that is possible
LEAST_PIXELS = 60
# Mean correlation of all maps in the overlap; and how much clearer it must be than at any other place.
LEAST_CORRELATION, CLEARER = 0.5, 1.25
APART = 2  # pixels, from which on two places differ
NEAR = 1e-6


class Placement(NamedTuple):
    """Where a scan was found.

    Attributes
    ----------
    offset : (float, float)
        Distance in mm, (y, x), by which the scan was moved.
    correlation : float
        Mean correlation of its maps with those of the scans before it.
    pixels : int
        Number of pixels in common.
    """

    offset: tuple[float, float]
    correlation: float
    pixels: int

    def __str__(self) -> str:
        y, x = self.offset
        return f"moved by {y:g} x {x:g} mm (y, x), correlation {self.correlation:.2f} over {self.pixels} pixels"


class _Maps(NamedTuple):
    """See `_maps`; shapes (line, y, x) and (y, x)."""

    roots: NDArray[np.float64]
    known: NDArray[np.bool_]
    corner: tuple[float, float]


def with_offsets(scans: Sequence[xr.Dataset]) -> tuple[list[xr.Dataset], list[Placement]]:
    """Move each scan after the first to where it fits the scans before it best, to whole pixels of the first.

    Parameters
    ----------
    scans : sequence of Dataset
        Scans with the same lines, in any frame; neighbours have to overlap.

    Raises
    ------
    InvalidInput
        Naming a scan that fits at no place, or equally well at several.
    """
    import_optional("skimage.registration", "offsets of scans", "register")
    spacing = grid_of(scans[0]).spacing
    placed = {0: scans[0]}
    found: dict[int, Placement] = {}
    # Clearest place of each scan that waits; every pair of scans is compared once.
    best: dict[int, tuple[Placement, float, float]] = {}
    newest = scans[0]
    while waiting := [number for number in range(len(scans)) if number not in placed]:
        here = _maps(newest, spacing)
        for number in waiting:
            tried = _place(here, _maps(scans[number], spacing), spacing)
            best[number] = max(best.get(number, tried), tried, key=lambda each: each[1])
        number = max(waiting, key=lambda each: best[each][1])
        if unclear := _unclear(*best[number]):
            raise InvalidInput("scans", [f"scan {number + 1}: {unclear}"])
        found[number] = best[number][0]
        newest = placed[number] = _moved(scans[number], found[number].offset)
    return [placed[number] for number in range(len(scans))], [found[number] for number in range(1, len(scans))]


def _unclear(placement: Placement, clearness: float, other: float) -> str:
    """Return why a place is not clear, or an empty text."""
    if placement.pixels >= LEAST_PIXELS and placement.correlation >= LEAST_CORRELATION and clearness >= CLEARER * other:
        return ""
    return (
        f"its place must be clear: at best, {placement.pixels} pixels overlap another scan with a correlation of "
        f"{placement.correlation:.2f}, {clearness / max(other, 1e-9):.2g} times as clear as elsewhere; give its "
        "position: xrfsr.open_scan(path, origin=...), and leave find_offsets out"
    )


def _moved(scan: xr.Dataset, offset: tuple[float, float]) -> xr.Dataset:
    grid = grid_of(scan)
    axes = (Axis(axis.size, axis.step, axis.first + by) for axis, by in zip((grid.y, grid.x), offset, strict=True))
    return scan.assign_coords(grid_coords(Grid(*axes)))


def _place(before: _Maps, scan: _Maps, spacing: tuple[float, float]) -> tuple[Placement, float, float]:
    """Return the best place of a scan on another, how clear it is, and how clear the best other place is."""
    (one, known_one, corner_one), (two, known_two, corner_two) = before, scan
    tried: dict[tuple[int, int], tuple[float, float, int]] = {}
    for shift in _proposed(one, known_one, two, known_two):
        if shift not in tried:
            tried[shift] = _agreement(one, known_one, two, known_two, shift)
    best = max(tried, key=lambda shift: tried[shift][0])
    others = [
        value[0] for shift, value in tried.items() if max(abs(a - b) for a, b in zip(shift, best, strict=True)) > APART
    ]
    clearness, correlation, pixels = tried[best]
    offset = [to + by * step - at for to, at, by, step in zip(corner_one, corner_two, best, spacing, strict=True)]
    return Placement((offset[0], offset[1]), correlation, pixels), clearness, max(others, default=0.0)


def _maps(scan: xr.Dataset, spacing: tuple[float, float]) -> _Maps:
    """Return square roots of the maps on pixels of a given size, the mask of known pixels, and their corner in mm."""
    upright = scan.sortby(["y", "x"])
    grid = grid_of(upright)
    axes = [
        Axis(max(1, math.floor(axis.extent / step + NEAR)), step, axis.edges[0] + step / 2)
        for axis, step in zip((grid.y, grid.x), spacing, strict=True)
    ]
    same = np.allclose(grid.spacing, spacing, rtol=NEAR)
    intensity = upright["intensity"]
    if "valid" in upright.coords:
        intensity = intensity.where(upright["valid"].astype(bool)).drop_vars("valid")
    values = np.asarray((intensity if same else regrid(intensity, Grid(*axes))).values, np.float64)
    known = np.asarray(np.isfinite(values).all(axis=0), np.bool_)
    roots = np.sqrt(np.maximum(np.where(known, values, 0), 0))
    return _Maps(roots, known, (grid.y.edges[0], grid.x.edges[0]))


def _proposed(
    one: NDArray[np.float64], known_one: NDArray[np.bool_], two: NDArray[np.float64], known_two: NDArray[np.bool_]
) -> Iterator[tuple[int, int]]:
    """Yield shifts (rows, columns) of the first pixel of `two` on `one`."""
    from skimage.registration import phase_cross_correlation

    pixels = np.concatenate([one[:, known_one], two[:, known_two]], axis=1)
    mean = pixels.mean(axis=1, keepdims=True)
    spread = pixels.std(axis=1, keepdims=True)
    varied = np.where(spread > 0, spread, 1)
    shape = tuple(max(sizes) for sizes in zip(known_one.shape, known_two.shape, strict=True))
    _, axes = np.linalg.eigh(np.cov((pixels - mean) / varied).reshape(len(one), len(one)))
    for axis in axes.T[: -COMPONENTS - 1 : -1]:
        weights = axis[:, None, None] / varied[:, :, None]
        pair = [
            np.where(known, ((maps - mean[:, :, None]) * weights).sum(axis=0), 0.0)
            for maps, known in ((one, known_one), (two, known_two))
        ]
        # Of pictures of one shape, the shift is that of the first pixels.
        margins = [tuple((0, most - size) for most, size in zip(shape, maps.shape, strict=True)) for maps in pair]
        framed = [np.pad(maps, margin) for maps, margin in zip(pair, margins, strict=True)]
        masks = [np.pad(known, margin) for known, margin in zip((known_one, known_two), margins, strict=True)]
        for overlap in LEAST_OVERLAPS:
            found: Any = phase_cross_correlation(
                framed[0], framed[1], reference_mask=masks[0], moving_mask=masks[1], overlap_ratio=overlap
            )
            shift = np.asarray(found[0] if isinstance(found, tuple) else found)
            if np.isfinite(shift).all():
                yield round(float(shift[0])), round(float(shift[1]))


def _agreement(
    one: NDArray[np.float64],
    known_one: NDArray[np.bool_],
    two: NDArray[np.float64],
    known_two: NDArray[np.bool_],
    shift: tuple[int, int],
) -> tuple[float, float, int]:
    """Return how clearly the maps agree at a shift, their mean correlation, and the number of pixels in common."""
    parts = []
    for by, size, other in zip(shift, known_one.shape, known_two.shape, strict=True):
        start, stop = max(0, by), min(size, by + other)
        parts.append((slice(start, stop), slice(start - by, stop - by)))
    here, there = (tuple(part[k] for part in parts) for k in (0, 1))
    if any(part[0].stop <= part[0].start for part in parts):
        return 0.0, 0.0, 0
    common = known_one[here] & known_two[there]
    count = int(common.sum())
    if count < 4:
        return 0.0, 0.0, count
    a, b = one[(slice(None), *here)][:, common], two[(slice(None), *there)][:, common]
    a, b = (maps - maps.mean(axis=1, keepdims=True) for maps in (a, b))
    norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlation = np.where(norm > 0, (a * b).sum(axis=1) / np.where(norm > 0, norm, 1), 0.0)
    mean = float(correlation[norm > 0].mean()) if (norm > 0).any() else 0.0
    return math.atanh(min(max(mean, 0.0), 0.999999)) * math.sqrt(count), mean, count

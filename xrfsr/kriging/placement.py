"""Where the photo lies on the scan: the shift with which the scan predicts itself best along the photo's edges.

The measure is that of `xrfsr.kriging.photo_gain`, a smooth function of the shift with one maximum near the true place,
some two fine pixels wide. A photo that has nothing to do with the scan is as good, or as useless, everywhere. So a
shift is accepted only if it is confirmed by blocks of the scan that were not used to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import leave_one_out
from xrfsr.kriging.photo_gain import BLOCK, MIN_BLOCKS, MIRRORED, block_sums, clearness, photo_guide, shares
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU

__all__ = ["MovablePhoto", "find_shift"]

Shift = tuple[float, float]

STEPS = (0.25, 0.125)  # of the search, coarse pixels
LEAST = 0.025  # coarse pixels: a smaller shift is not worth resampling the photo
# Each half of the blocks tests the shift that the other half prefers. Together they must confirm it by so many standard
# errors.
CONFIRMED = 2.0
# Standard errors by which the photo must be better than its mirror images where it is moved to, and how many times as
# large its gain must be as theirs. Of some twenty places the best was chosen, and at the best one even white noise is
# better than its mirror images by several standard errors, but by little.
CERTAINTY, SPECIFIC = 4.0, 2.0
HERE = 0.0, 0.0


class MovablePhoto(NamedTuple):
    """A scan, or a crop of one, with a photo that can be moved.

    Attributes
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Maps without gaps.
    measured : array of bool, shape like `scan`
        Pixels that count.
    U : Downsampling
        Operator from the fine grid to the scan's.
    photo : callable
        Returns the photo (band, fine.y, fine.x) moved by some coarse pixels downwards and to the right.
    """

    scan: NDArray[Any]
    measured: NDArray[np.bool_]
    U: Downsampling
    photo: Callable[[Shift], NDArray[Any]]


def find_shift(parts: Sequence[MovablePhoto], reach: float, device: torch.device = CPU) -> Shift:
    """Find the shift of a photo with which a scan predicts itself best.

    Parameters
    ----------
    parts : sequence of MovablePhoto
        The scan, or crops that represent it.
    reach : float
        Largest shift along an axis, in coarse pixels.
    device : torch.device, optional
        Device that computes; the CPU if not given.

    Returns
    -------
    (float, float)
        Coarse pixels by which to move the photo downwards and to the right; zeros if no shift is confirmed.

    Examples
    --------
    >>> import numpy as np, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(128, 128, seed=1, lines=["Hg-L", "Pb-L"])
    >>> maps, U, photo = scan.intensity.values, scan.xrfsr.downsampling(4), rgb.values
    >>> def moved(shift):
    ...     return np.roll(photo, [2 + round(4 * shift[0]), round(4 * shift[1]) - 1], axis=(1, 2))
    >>> y, x = find_shift([MovablePhoto(maps, maps >= 0, U, moved)], reach=0.75)
    >>> abs(y + 0.5) < 0.1, abs(x - 0.25) < 0.1
    (True, True)
    """
    search = _Search(parts, reach, device)
    if search.counts.sum() < MIN_BLOCKS:
        return HERE
    place = search.climb()
    is_better = np.hypot(*place) >= LEAST and search.score(place) > search.score(HERE)
    return place if is_better and search.confirms_a_shift() and search.beats_mirror_images(place) else HERE


@dataclass
class _Search:
    """Leave-one-out errors of all shifts that were tried."""

    parts: Sequence[MovablePhoto]
    reach: float
    device: torch.device
    guide: Guide = field(init=False)
    plain: NDArray[np.float64] = field(init=False)
    first_half: NDArray[np.bool_] = field(init=False)
    counts: NDArray[np.bool_] = field(init=False)
    tried: dict[Shift, NDArray[np.float64]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        photos = [part.photo(HERE) for part in self.parts]
        self.guide = photo_guide(photos)
        blank = [np.zeros_like(photo[:1]) for photo in photos]
        halves, counts = [], []
        for part in self.parts:
            rows, columns = (-(-size // BLOCK) for size in part.scan.shape[1:])
            halves.append(np.add.outer(np.arange(rows), np.arange(columns)).ravel() % 2 == 0)
            any_line = np.asarray(part.measured.any(axis=0, keepdims=True), dtype=np.float64)
            counts.append(block_sums(any_line, BLOCK)[0] > 0)
        self.first_half = np.concatenate(halves)
        self.counts = np.concatenate(counts)
        self.plain = self._errors(blank)

    def _errors(self, guides: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Return the squared errors with some guides, summed over blocks, shape (line, block)."""
        made = []
        for part, guide in zip(self.parts, guides, strict=True):
            wrong = part.scan - leave_one_out(part.scan, guide, part.U, self.device, pooled=True)
            squares = np.asarray(np.where(part.measured, wrong, 0.0).astype(np.float64) ** 2)
            made.append(block_sums(squares, BLOCK))
        return np.concatenate(made, axis=1)

    def errors(self, shift: Shift) -> NDArray[np.float64]:
        """Return the errors with the photo moved by `shift`."""
        if shift not in self.tried:
            self.tried[shift] = self._errors([self.guide(part.photo(shift)) for part in self.parts])
        return self.tried[shift]

    def score(self, shift: Shift, half: NDArray[np.bool_] | None = None) -> float:
        """Return the mean gain in dB over the maps of which it is positive, from all blocks or some."""
        return self._mean_gain(self.errors(shift), half)

    def _mean_gain(self, errors: NDArray[np.float64], half: NDArray[np.bool_] | None = None) -> float:
        return float(np.maximum(0, self._decibel(errors, half)).mean())

    def _decibel(self, errors: NDArray[np.float64], half: NDArray[np.bool_] | None) -> NDArray[np.float64]:
        chosen = slice(None) if half is None else half
        with_photo, without = (each[:, chosen].sum(axis=1) for each in (errors, self.plain))
        usable = (with_photo > 0) & (without > 0)
        ratio = np.divide(without, with_photo, out=np.ones_like(without), where=usable)
        return np.asarray(10 * np.log10(ratio))

    def climb(self) -> Shift:
        """Return the best shift: that of the best neighbour until none is better, at last between the steps."""
        place = HERE
        for step in STEPS:
            while (best := max(self._around(place, step), key=self.score)) and self.score(best) > self.score(place):
                place = best
        return self._peak(place, STEPS[-1])

    def _around(self, place: Shift, step: float) -> list[Shift]:
        """Return the neighbours of a shift that are within reach."""
        ways = ((-step, 0.0), (step, 0.0), (0.0, -step), (0.0, step))
        near = [(place[0] + down, place[1] + right) for down, right in ways]
        return [each for each in near if max(map(abs, each)) <= self.reach] or [place]

    def _peak(self, place: Shift, step: float) -> Shift:
        """Return the top of the parabolas through a shift and its neighbours, one along each axis."""
        middle = self.score(place)
        found = list(place)
        for axis in range(2):
            near = [each for each in self._around(place, step) if each[axis] != place[axis]]
            if len(near) == 2:
                low, high = self.score(near[0]), self.score(near[1])
                bend = low - 2 * middle + high
                found[axis] += step * (low - high) / (2 * bend) if bend < 0 else 0.0
        return round(found[0], 4), round(found[1], 4)

    def beats_mirror_images(self, place: Shift) -> bool:
        """Return whether the photo at a place predicts the scan far better than its mirror images do there."""
        errors, own = [], self.errors(place)
        for rows, columns in MIRRORED:
            photos = [np.ascontiguousarray(part.photo(place)[:, rows, columns]) for part in self.parts]
            errors.append(self._errors([self.guide(photo) for photo in photos]))
        others = np.mean([self._mean_gain(each) for each in errors])
        sure = clearness(shares(np.mean(errors, axis=0), own, self.plain.mean(axis=1))[self.counts])
        return sure > CERTAINTY and bool(self._mean_gain(own) > SPECIFIC * others)

    def confirms_a_shift(self) -> bool:
        """Return whether each half of the blocks is better at the shift that the other half prefers, beyond chance.

        In shares of the error of each block, which all count the same, or in the errors themselves.
        """
        found = []
        for half in (self.first_half, ~self.first_half):
            best = max(self.tried, key=lambda shift: self.score(shift, half))
            lines = self._decibel(self.errors(best), half) > 0
            if not lines.any():
                return False
            unit = np.where(lines, self.plain.mean(axis=1), np.inf)
            before, after = (self.errors(each)[:, ~half & self.counts] for each in (HERE, best))
            found.append((shares(before, after, unit), (before - after).T @ (1 / unit)))
        return max(clearness(np.concatenate(each)) for each in zip(*found, strict=True)) > CONFIRMED

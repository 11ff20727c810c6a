"""Where the photo lies on the scan: the shift with which the scan predicts itself best along the photo's edges.

The measure is that of `xrfsr.kriging.photo_gain`, a smooth function of the shift with one maximum near the true place,
some two fine pixels wide. A photo that has nothing to do with the scan is as good, or as useless, everywhere. So a
shift is accepted only if it is confirmed by blocks of the scan that were not used to find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from xrfsr.kriging.photo_gain import MIN_BLOCKS, shares
from xrfsr.kriging.place_errors import MovablePhoto, Place, PlaceErrors
from xrfsr.utils.device import CPU

__all__ = ["find_shift"]

Shift = tuple[float, float]

STEPS = (0.25, 0.125)  # of the search, coarse pixels
LEAST = 0.025  # coarse pixels: a smaller shift is not worth resampling the photo
HERE = 0.0, 0.0


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
    search = _Search(parts, device, HERE, reach=reach)
    if search.counts.sum() < MIN_BLOCKS:
        return HERE
    place = search.climb()
    is_better = np.hypot(*place) >= LEAST and search.score(place) > search.score(HERE)
    return place if is_better and search.confirms_a_shift() and search.beats_mirror_images(place) else HERE


@dataclass
class _Search(PlaceErrors):
    """Search among shifts of up to `reach` coarse pixels along an axis."""

    reach: float = 0.0

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

    def confirms_a_shift(self) -> bool:
        """Return whether each half of the blocks is better at the shift that the other half prefers, beyond chance.

        In shares of the error of each block, which all count the same, or in the errors themselves.
        """
        found = []
        for half in (self.first_half, ~self.first_half):
            best: Place = max(self.tried, key=lambda shift: self.score(shift, half))
            lines = self.decibel(self.errors(best), half) > 0
            if not lines.any():
                return False
            unit = np.where(lines, self.plain.mean(axis=1), np.inf)
            before, after = (self.errors(each)[:, ~half & self.counts] for each in (HERE, best))
            found.append((shares(before, after, unit), (before - after).T @ (1 / unit)))
        return self.are_confirmed(found)

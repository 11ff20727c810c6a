"""Leave-one-out errors of a scan for photos that lie at various places.

The measure is that of `xrfsr.kriging.photo_gain`, in blocks of the scan, of which some find a place and others test it.
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
from xrfsr.kriging.photo_gain import BLOCK, MIRRORED, block_sums, clearness, photo_guide, shares
from xrfsr.operators import Downsampling

__all__ = ["CONFIRMED", "MovablePhoto", "Place", "PlaceErrors"]

Place = tuple[float, ...]

# Each half of the blocks tests the place that the other half prefers. Together they must confirm it by so many standard
# errors.
CONFIRMED = 2.0
# Standard errors by which the photo must be better than its mirror images where it is moved to, and how many times as
# large its gain must be as theirs. Of some twenty places the best was chosen, and at the best one even white noise is
# better than its mirror images by several standard errors, but by little.
CERTAINTY, SPECIFIC = 4.0, 2.0


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
        Returns the photo (band, fine.y, fine.x) at a place: moved by some coarse pixels downwards and to the right.
    """

    scan: NDArray[Any]
    measured: NDArray[np.bool_]
    U: Downsampling
    photo: Callable[[Any], NDArray[Any]]


@dataclass
class PlaceErrors:
    """Leave-one-out errors at all places that were tried.

    Attributes
    ----------
    parts : sequence of MovablePhoto
        The scan, or crops that represent it.
    device : torch.device
        Device that computes.
    start : tuple of float
        Place at which the photo was registered.
    side : int
        Blocks along the fields of the chequerboard whose halves test each other.
    guide : Guide
        Guide of the photo as registered.
    plain : array, shape (line, block)
        Errors without the photo.
    first_half, counts : array of bool, shape (block,)
        Blocks of one half, and those that were measured.
    tried : dict
        Errors by place, shape (line, block).
    """

    parts: Sequence[MovablePhoto]
    device: torch.device
    start: Place
    side: int = 1
    guide: Guide = field(init=False)
    plain: NDArray[np.float64] = field(init=False)
    first_half: NDArray[np.bool_] = field(init=False)
    counts: NDArray[np.bool_] = field(init=False)
    tried: dict[Place, NDArray[np.float64]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        photos = [part.photo(self.start) for part in self.parts]
        self.guide = photo_guide(photos)
        halves, counts = [], []
        for part in self.parts:
            fields = [np.arange(-(-size // BLOCK)) // self.side for size in part.scan.shape[1:]]
            halves.append(np.add.outer(*fields).ravel() % 2 == 0)
            any_line = np.asarray(part.measured.any(axis=0, keepdims=True), dtype=np.float64)
            counts.append(block_sums(any_line, BLOCK)[0] > 0)
        self.first_half, self.counts = np.concatenate(halves), np.concatenate(counts)
        self.plain = self._errors([np.zeros_like(photo[:1]) for photo in photos])

    def _errors(self, guides: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Return the squared errors with some guides, summed over blocks, shape (line, block)."""
        made = []
        for part, guide in zip(self.parts, guides, strict=True):
            wrong = part.scan - leave_one_out(part.scan, guide, part.U, self.device, pooled=True)
            squares = np.asarray(np.where(part.measured, wrong, 0.0).astype(np.float64) ** 2)
            made.append(block_sums(squares, BLOCK))
        return np.concatenate(made, axis=1)

    def errors(self, place: Place) -> NDArray[np.float64]:
        """Return the errors with the photo at a place."""
        if place not in self.tried:
            self.tried[place] = self._errors([self.guide(part.photo(place)) for part in self.parts])
        return self.tried[place]

    def score(self, place: Place, half: NDArray[np.bool_] | None = None) -> float:
        """Return the mean gain in dB over the maps of which it is positive, from all blocks or some."""
        return self._mean_gain(self.errors(place), half)

    def _mean_gain(self, errors: NDArray[np.float64], half: NDArray[np.bool_] | None = None) -> float:
        return float(np.maximum(0, self.decibel(errors, half)).mean())

    def decibel(self, errors: NDArray[np.float64], half: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the gain of every map in dB, from all blocks or some."""
        chosen = slice(None) if half is None else half
        with_photo, without = (each[:, chosen].sum(axis=1) for each in (errors, self.plain))
        usable = (with_photo > 0) & (without > 0)
        ratio = np.divide(without, with_photo, out=np.ones_like(without), where=usable)
        return np.asarray(10 * np.log10(ratio))

    def beats_mirror_images(self, place: Place) -> bool:
        """Return whether the photo at a place predicts the scan far better than its mirror images do there."""
        errors, own = [], self.errors(place)
        for rows, columns in MIRRORED:
            photos = [np.ascontiguousarray(part.photo(place)[:, rows, columns]) for part in self.parts]
            errors.append(self._errors([self.guide(photo) for photo in photos]))
        others = np.mean([self._mean_gain(each) for each in errors])
        sure = clearness(shares(np.mean(errors, axis=0), own, self.plain.mean(axis=1))[self.counts])
        return sure > CERTAINTY and bool(self._mean_gain(own) > SPECIFIC * others)

    def are_confirmed(self, found: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> bool:
        """Return whether blocks are better by `CONFIRMED` standard errors.

        `found` has, for each half of the blocks, the shares by which they are better, in which all count the same, and
        by how much their errors are smaller.
        """
        return max(clearness(np.concatenate(each)) for each in zip(*found, strict=True)) > CONFIRMED

"""How the photo must be turned, stretched and sheared so that the scan predicts itself best along its edges.

The measure is that of `xrfsr.kriging.placement`, the errors of leave-one-out predictions. They are computed for nine
small shifts around the present place. A parabola through those of each block of the scan says where this block wants
the photo, and how much. The affine map that suits all blocks follows from linear equations, so four more parameters
cost no more than nine predictions of the scan. What some blocks want by chance, others do not: the map is accepted only
if blocks that were not used to find it are better with it than with the shift alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import leave_one_out
from xrfsr.kriging.photo_gain import BLOCK, MIN_BLOCKS, MIRRORED, block_sums, clearness, photo_guide, shares
from xrfsr.kriging.placement import CERTAINTY, SPECIFIC
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU

__all__ = ["AffinePhoto", "find_affine", "furthest"]

Array = NDArray[np.float64]

STEPS = (0.25, 0.25, 0.125)  # coarse pixels between the nine shifts, one round after the other
HALVES = 2 * BLOCK  # coarse pixels along the fields of the chequerboard whose halves test each other
CONFIRMED = 2.0  # standard errors by which blocks must confirm the map that the others prefer
LEAST_BEND = 0.05  # share of the steepest parabola below which none counts as less steep: its top would be anywhere
LEAST = 0.05  # coarse pixels at the corners: a smaller turn or stretch is not worth it


class AffinePhoto(NamedTuple):
    """A scan, or a crop of one, with a photo that can be moved, turned, stretched and sheared.

    Attributes
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Maps without gaps.
    measured : array of bool, shape like `scan`
        Pixels that count.
    U : Downsampling
        Operator from the fine grid to the scan's.
    photo : callable
        Returns the photo (band, fine.y, fine.x) for six parameters: coarse pixels by which it is moved downwards and to
        the right in the middle of the painting, and by how much more at its lower edge (down, right) and at its
        right edge (down, right).
    y, x : array, shapes (coarse.y,) and (coarse.x,)
        Places of the pixels on the painting, from -1 at one of its edges to 1 at the other.
    """

    scan: NDArray[Any]
    measured: NDArray[np.bool_]
    U: Downsampling
    photo: Callable[[Array], NDArray[Any]]
    y: Array
    x: Array


def furthest(parameters: Array) -> float:
    """Return the largest distance along an axis by which any place of a painting is moved, in coarse pixels.

    Of six parameters, or of the first two alone.
    """
    shift, more = parameters[:2], parameters[2:].reshape(-1, 2)
    return float((np.abs(shift) + np.abs(more).sum(axis=0)).max())


def find_affine(
    parts: Sequence[AffinePhoto], shift: tuple[float, float], reach: float, device: torch.device = CPU
) -> Array | None:
    """Find the affine map of a photo with which a scan predicts itself best.

    Parameters
    ----------
    parts : sequence of AffinePhoto
        The scan, or crops that represent it.
    shift : (float, float)
        Best shift of the photo, in coarse pixels.
    reach : float
        Largest distance by which a place may be moved along an axis, in coarse pixels.
    device : torch.device, optional
        Device that computes; the CPU if not given.

    Returns
    -------
    array, shape (6,), or None
        Parameters as `AffinePhoto.photo` takes them; None if no map is confirmed to be better than the shift.
    """
    search = _Search(parts, device)
    start = np.array([*shift, 0.0, 0.0, 0.0, 0.0])
    if search.counts.sum() < 2 * MIN_BLOCKS or not search.weights(start).any():
        return None
    place, halves = start, (start, start)
    for number, step in enumerate(STEPS):
        if number == 1 and furthest(place - start) < STEPS[1]:
            continue  # the parabolas were right already
        steps = [search.step(place, step, among) for among in (slice(None), search.first_half, ~search.first_half)]
        if any(each is None for each in steps):
            return None
        every, first, second = (place + each for each in steps if each is not None)
        place, halves = every, (first, second)
    bent = furthest(np.concatenate([np.zeros(2), place[2:]]))
    if bent < LEAST or furthest(place) > reach or not search.is_better(place, start):
        return None
    is_found = search.confirms(start, halves) and search.beats_mirror_images(place)
    return np.asarray(place.round(5)) if is_found else None


@dataclass
class _Search:
    """Leave-one-out errors of all maps that were tried."""

    parts: Sequence[AffinePhoto]
    device: torch.device
    guide: Guide = field(init=False)
    plain: Array = field(init=False)
    first_half: NDArray[np.bool_] = field(init=False)
    counts: NDArray[np.bool_] = field(init=False)
    basis: Array = field(init=False)  # displacement of each block for each parameter, (block, 2, 6)
    tried: dict[bytes, Array] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        photos = [part.photo(np.zeros(6)) for part in self.parts]
        self.guide = photo_guide(photos)
        halves, counts, places = [], [], []
        for part in self.parts:
            rows, columns = (-(-size // BLOCK) for size in part.scan.shape[1:])
            fields = [np.arange(number) * BLOCK // HALVES for number in (rows, columns)]
            halves.append(np.add.outer(*fields).ravel() % 2 == 0)
            any_line = np.asarray(part.measured.any(axis=0, keepdims=True), dtype=np.float64)
            counts.append(block_sums(any_line, BLOCK)[0] > 0)
            centres = [_block_means(axis) for axis in (part.y, part.x)]
            places.append(np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1).reshape(-1, 2))
        self.first_half, self.counts = np.concatenate(halves), np.concatenate(counts)
        ones = np.concatenate([np.ones((len(self.counts), 1)), np.concatenate(places)], axis=1)
        self.basis = np.einsum("bi,jk->bjik", ones, np.eye(2)).reshape(len(ones), 2, 6)
        self.plain = self._errors([np.zeros_like(photo[:1]) for photo in photos])

    def _errors(self, guides: Sequence[NDArray[Any]]) -> Array:
        """Return the squared errors with some guides, summed over blocks, shape (line, block)."""
        made = []
        for part, guide in zip(self.parts, guides, strict=True):
            wrong = part.scan - leave_one_out(part.scan, guide, part.U, self.device, pooled=True)
            squares = np.asarray(np.where(part.measured, wrong, 0.0).astype(np.float64) ** 2)
            made.append(block_sums(squares, BLOCK))
        return np.concatenate(made, axis=1)

    def errors(self, place: Array) -> Array:
        """Return the errors with the photo at a place."""
        if (key := place.tobytes()) not in self.tried:
            self.tried[key] = self._errors([self.guide(part.photo(place)) for part in self.parts])
        return self.tried[key]

    def weights(self, place: Array) -> Array:
        """Return the weight of each line: one over its error, as in a mean of dB; 0 where the photo does not help."""
        error, before = self.errors(place).sum(axis=1), self.plain.sum(axis=1)
        return np.asarray(np.divide(1, error, out=np.zeros_like(error), where=(error > 0) & (error < before)))

    def step(self, place: Array, size: float, among: Any) -> Array | None:
        """Return the change of a place that suits some of the blocks best, or None if they suit none."""
        ways = np.array(list(product((-size, 0.0, size), repeat=2)))
        weights = self.weights(place)
        errors = np.stack([self.errors(place + np.concatenate([way, np.zeros(4)])).T @ weights for way in ways])
        down, right = ways.T
        terms = np.stack([np.ones(9), down, right, down**2 / 2, right**2 / 2, down * right], axis=1)
        _, *slopes = np.linalg.lstsq(terms, errors, rcond=None)[0]
        gradient = np.stack(slopes[:2], axis=-1)
        bends = np.stack([slopes[2], slopes[4], slopes[4], slopes[3]], axis=-1).reshape(-1, 2, 2)
        basis = self.basis[among]
        bend = np.einsum("bij,bik,bkl->jl", basis, bends[among], basis)
        steepness, ways = np.linalg.eigh(bend)
        if steepness[-1] <= 0:
            return None
        slope = ways.T @ np.einsum("bij,bi->j", basis, gradient[among])
        change = -ways @ (slope / np.maximum(np.abs(steepness), LEAST_BEND * steepness[-1]))
        # The parabolas hold near the nine shifts.
        return np.asarray(change * min(1.0, 2 * size / max(furthest(change), 1e-12)))

    def gain(self, errors: Array) -> float:
        """Return the mean gain in dB over the maps of which it is positive."""
        with_photo, without = errors.sum(axis=1), self.plain.sum(axis=1)
        usable = (with_photo > 0) & (without > 0)
        ratio = np.divide(without, with_photo, out=np.ones_like(without), where=usable)
        return float(np.maximum(0, 10 * np.log10(ratio)).mean())

    def is_better(self, place: Array, start: Array) -> bool:
        """Return whether the gain at a place is higher than where the search started."""
        return self.gain(self.errors(place)) > self.gain(self.errors(start))

    def confirms(self, start: Array, halves: tuple[Array, Array]) -> bool:
        """Return whether each half of the blocks is better with the map of the other half than with the shift."""
        weights = self.weights(start)
        unit = np.where(weights > 0, self.plain.mean(axis=1), np.inf)
        found = []
        for half, other in zip((self.first_half, ~self.first_half), reversed(halves), strict=True):
            before, after = (self.errors(each)[:, half & self.counts] for each in (start, other))
            found.append((shares(before, after, unit), (before - after).T @ weights))
        return max(clearness(np.concatenate(each)) for each in zip(*found, strict=True)) > CONFIRMED

    def beats_mirror_images(self, place: Array) -> bool:
        """Return whether the photo at a place predicts the scan far better than its mirror images do there."""
        errors, own = [], self.errors(place)
        for rows, columns in MIRRORED:
            photos = [np.ascontiguousarray(part.photo(place)[:, rows, columns]) for part in self.parts]
            errors.append(self._errors([self.guide(photo) for photo in photos]))
        sure = clearness(shares(np.mean(errors, axis=0), own, self.plain.mean(axis=1))[self.counts])
        return sure > CERTAINTY and self.gain(own) > SPECIFIC * float(np.mean([self.gain(each) for each in errors]))


def _block_means(places: Array) -> Array:
    """Return the mean place of each block."""
    return np.array([places[start : start + BLOCK].mean() for start in range(0, len(places), BLOCK)])

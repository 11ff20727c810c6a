"""How the photo must be turned, stretched and sheared so that the scan predicts itself best along its edges.

The measure is that of `xrfsr.kriging.placement`, the errors of leave-one-out predictions. They are computed for nine
small shifts around the present place. A parabola through those of each block of the scan says where this block wants
the photo, and how much. The affine map that suits all blocks follows from linear equations, so four more parameters
cost no more than nine predictions of the scan. What some blocks want by chance, others do not: the map is accepted only
if blocks that were not used to find it are better with it than with the shift alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.photo_gain import BLOCK, MIN_BLOCKS, shares
from xrfsr.kriging.place_errors import MovablePhoto, Place, PlaceErrors
from xrfsr.utils.device import CPU

__all__ = ["AffinePhoto", "find_affine", "furthest"]

Array = NDArray[np.float64]

STEPS = (0.25, 0.25, 0.125)  # coarse pixels between the nine shifts, one round after the other
SIDE = 2  # blocks along the fields of the chequerboard whose halves test each other
LEAST_BEND = 0.05  # share of the steepest parabola below which none counts as less steep: its top would be anywhere
LEAST = 0.05  # coarse pixels at the corners: a smaller turn or stretch is not worth it


class AffinePhoto(NamedTuple):
    """A scan, or a crop of one, with a photo that can be moved, turned, stretched and sheared.

    Attributes
    ----------
    movable : MovablePhoto
        Scan and photo. A place of the photo has six parameters: coarse pixels by which it is moved downwards and to the
        right in the middle of the painting, and by how much more at its lower edge (down, right) and at its right edge
        (down, right).
    y, x : array, shapes (coarse.y,) and (coarse.x,)
        Places of the pixels on the painting, from -1 at one of its edges to 1 at the other.
    """

    movable: MovablePhoto
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
        Place of the photo, see `AffinePhoto`; None if no map is confirmed to be better than the shift.
    """
    start = np.array([*shift, 0.0, 0.0, 0.0, 0.0])
    search = _Search(
        [part.movable for part in parts], device, (0.0,) * 6, SIDE, axes=[(part.y, part.x) for part in parts]
    )
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
    if bent < LEAST or furthest(place) > reach or search.score(_key(place)) <= search.score(_key(start)):
        return None
    is_found = search.confirms(start, halves) and search.beats_mirror_images(_key(place))
    return np.asarray(place.round(5)) if is_found else None


@dataclass
class _Search(PlaceErrors):
    """Search among affine maps; `axes` are the places of the pixels of each part along y and x."""

    axes: Sequence[tuple[Array, Array]] = ()
    basis: Array = field(init=False)  # displacement of each block for each parameter, (block, 2, 6)

    def __post_init__(self) -> None:
        super().__post_init__()
        centres = [np.meshgrid(*map(_block_means, each), indexing="ij") for each in self.axes]
        places = np.concatenate([np.stack(each, axis=-1).reshape(-1, 2) for each in centres])
        ones = np.concatenate([np.ones((len(places), 1)), places], axis=1)
        self.basis = np.einsum("bi,jk->bjik", ones, np.eye(2)).reshape(len(ones), 2, 6)

    def weights(self, place: Array) -> Array:
        """Return the weight of each line: one over its error, as in a mean of dB; 0 where the photo does not help."""
        error, before = self.errors(_key(place)).sum(axis=1), self.plain.sum(axis=1)
        return np.asarray(np.divide(1, error, out=np.zeros_like(error), where=(error > 0) & (error < before)))

    def step(self, place: Array, size: float, among: Any) -> Array | None:
        """Return the change of a place that suits some of the blocks best, or None if they suit none."""
        ways = np.array(list(product((-size, 0.0, size), repeat=2)))
        weights = self.weights(place)
        errors = np.stack([self.errors(_key(place + np.concatenate([way, np.zeros(4)]))).T @ weights for way in ways])
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

    def confirms(self, start: Array, halves: tuple[Array, Array]) -> bool:
        """Return whether each half of the blocks is better with the map of the other half than with the shift."""
        weights = self.weights(start)
        unit = np.where(weights > 0, self.plain.mean(axis=1), np.inf)
        found = []
        for half, other in zip((self.first_half, ~self.first_half), reversed(halves), strict=True):
            before, after = (self.errors(_key(each))[:, half & self.counts] for each in (start, other))
            found.append((shares(before, after, unit), (before - after).T @ weights))
        return self.are_confirmed(found)


def _key(place: Array) -> Place:
    return tuple(place.tolist())


def _block_means(places: Array) -> Array:
    """Return the mean place of each block."""
    return np.array([places[start : start + BLOCK].mean() for start in range(0, len(places), BLOCK)])

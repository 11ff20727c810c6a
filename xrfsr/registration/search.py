"""Coarse search for the position of a scan on a photo: all scales, rotations and shifts at low resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from xrfsr.registration.pictures import directions

__all__ = ["Candidate", "search"]

LONGEST = 72  # pixels along the longer side of the scan during the search
# Tried sizes of the scan, relative to the largest that fits on the photo.
SHARES = np.geomspace(0.3, 1.2, 29)
TURNS = np.arange(-10.0, 10.1, 2.5)
OVERLAP = 0.6
KEPT = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """Candidate position of a scan on a photo.

    Attributes
    ----------
    score : float
        Correlation of the directions of edges, at most 1.
    matrix : ndarray of shape (3, 3)
        Matrix from pixels (x, y) of the small scan to pixels of the small photo.
    """

    score: float
    matrix: NDArray[np.float64]


def search(
    scans: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]],
    photo: NDArray[np.float64],
    photo_valid: NDArray[np.bool_],
    aspect: float,
    rotations: NDArray[np.float64] = TURNS,
    shares: NDArray[np.float64] = SHARES,
    advance: Callable[[int], None] = lambda done: None,
) -> list[list[Candidate]]:
    """Return the best candidate positions of each small scan on a photo, best first.

    Parameters
    ----------
    scans : sequence of (ndarray of shape (map, y, x), ndarray of bool (y, x))
        Maps and masks of their valid pixels; all of one shape, at most about `LONGEST` pixels along a side.
    photo : ndarray of shape (band, y, x)
        Small photo, a few hundred pixels along a side.
    photo_valid : ndarray of bool, (y, x)
        Mask of the valid pixels of the photo.
    aspect : float
        Ratio of height and width of a scan pixel.
    rotations : ndarray
        Rotations to try, in degrees.
    shares : ndarray
        Sizes of the scan to try, relative to the largest that fits on the photo.
    advance : callable
        Function that is given the number of scales and rotations that were tried.
    """
    shape = scans[0][1].shape
    edges = [directions(maps) * _inner(valid) for maps, valid in scans]
    found: list[list[Candidate]] = [[] for _ in scans]
    candidates = _candidates(photo.shape[1:], (shape[0], shape[1]), aspect, rotations, shares)
    for number, (matrix, size) in enumerate(candidates, 1):
        # Resample the whole photo to scan pixels, at this scale and rotation.
        canvas, inside = _on_canvas(photo, photo_valid, matrix, size)
        others = directions(canvas) * _inner(inside)
        padded = [fft.next_fast_len(a + b) for a, b in zip(shape, size, strict=True)]
        spectra = [fft.fft2(one, padded) for one in (others, np.abs(others) ** 2, inside.astype(float))]
        for (_, valid), field, places in zip(scans, edges, found, strict=True):
            places += _best_shifts(field, valid, spectra, size, matrix)
        advance(number)
    return [_distinct(sorted(places, key=lambda place: -place.score), (shape[0], shape[1])) for places in found]


def _candidates(
    photo: tuple[int, ...],
    scan: tuple[int, int],
    aspect: float,
    rotations: NDArray[np.float64],
    shares: NDArray[np.float64],
) -> Iterator[tuple[NDArray[np.float64], tuple[int, int]]]:
    """Yield each scale and rotation as a matrix from canvas to photo pixels, with the shape of the canvas."""
    height, width = scan[0] * aspect, float(scan[1])
    # Photo pixels per width of a scan pixel, for the largest scan that fits on the photo.
    whole = min(photo[0] / height, photo[1] / width)
    corners = np.array([[0, 0, photo[1], photo[1]], [0, photo[0], 0, photo[0]]]) - 0.5
    for share in shares:
        for angle in np.deg2rad(rotations):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            linear = whole * share * turn @ np.diag([1.0, aspect])
            back = np.linalg.inv(linear) @ corners
            low, high = back.min(axis=1), back.max(axis=1)
            size = np.ceil(high - low).astype(int) + 1
            matrix = np.eye(3)
            matrix[:2, :2], matrix[:2, 2] = linear, linear @ low
            yield matrix, (int(size[1]), int(size[0]))


def _on_canvas(
    photo: NDArray[np.float64], photo_valid: NDArray[np.bool_], matrix: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    columns = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2]
    rows = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]
    scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    sigma = 0.4 * np.sqrt(max(scale**2 - 1, 0))
    smooth = [ndimage.gaussian_filter(band, sigma) if sigma > 0.2 else band for band in photo]
    canvas = np.array([ndimage.map_coordinates(band, (rows, columns), order=1, mode="nearest") for band in smooth])
    inside = ndimage.map_coordinates(photo_valid.astype(np.float32), (rows, columns), order=0, mode="constant") > 0.5
    return canvas, inside


def _inner(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Exclude the rim from a mask, since edges there are those of the picture."""
    return np.asarray(ndimage.binary_erosion(valid, iterations=2, border_value=0))


def _best_shifts(
    edges: NDArray[np.complex128],
    valid: NDArray[np.bool_],
    spectra: Sequence[NDArray[np.complex128]],
    size: tuple[int, int],
    matrix: NDArray[np.float64],
) -> list[Candidate]:
    """Return the best shifts of a scan on a canvas, by normalised correlation over the overlap.

    `spectra` are the Fourier transforms of the edges on the canvas, of their squared magnitudes, and of its mask.
    """
    shape = spectra[0].shape
    field, energy, area = spectra

    def correlation(with_: NDArray[np.complex128], of: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(fft.ifft2(with_ * np.conj(fft.fft2(of, shape))).real)

    inner = _inner(valid).astype(float)
    agreement = correlation(field, edges)
    there, here = correlation(energy, inner), correlation(area, np.abs(edges) ** 2)
    share = correlation(area, valid.astype(float)) / valid.sum()
    score = agreement / np.sqrt(np.maximum(there, 1e-6) * np.maximum(here, 1e-6))
    score = np.where(share >= OVERLAP, score * np.sqrt(np.clip(share, 0.0, 1.0)), -1.0)
    places: list[Candidate] = []
    for _ in range(2):
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        if score[row, column] <= 0:
            break
        shift = np.eye(3)
        shift[:2, 2] = [
            column - (shape[1] if column >= size[1] else 0),
            row - (shape[0] if row >= size[0] else 0),
        ]
        places.append(Candidate(float(score[row, column]), matrix @ shift))
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        near = (np.minimum(abs(rows - row), shape[0] - abs(rows - row)) < 6) & (
            np.minimum(abs(columns - column), shape[1] - abs(columns - column)) < 6
        )
        score = np.where(near, -1.0, score)
    return places


def _distinct(places: list[Candidate], shape: tuple[int, int]) -> list[Candidate]:
    """Keep the best of each neighbourhood: drop positions whose corners lie within five pixels of a better one."""
    rows, columns = shape
    corners = np.array([[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]], float)
    kept: list[Candidate] = []
    for place in places:
        back = np.linalg.inv(place.matrix)
        moved = [(back @ other.matrix @ corners)[:2] - corners[:2] for other in kept]
        if all(np.sqrt((one**2).sum(axis=0).mean()) > 5 for one in moved):
            kept.append(place)
        if len(kept) == KEPT:
            break
    return kept

"""Synthetic scenes of random shapes ("dead leaves") with maps, a scan of them and an imperfect photo.

Nothing in them comes from a photograph, a painting or an element map. Pictures are piles of random shapes, of which the
upper hide the lower (Lee, Mumford & Huang 2001, "Occlusion models for natural images"), some of them on a mosaic of
grains, as rocks have. Every shape has a pigment, a pigment has a colour and contributes to some of the maps; texture of
all scales and single specks are added. What a photo shows wrongly in practice is wrong here as well: pigments of one
colour, pictures hidden below, texture of no map, blur, noise, a shift, or parts of another picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

__all__ = ["LeafScene", "leaf_scene"]

Array = NDArray[Any]
RATIO = 4  # fine pixels along a coarse one
SMALLEST, LARGEST = 1.2, 90.0  # radii of the shapes in fine pixels


@dataclass(frozen=True)
class LeafScene:
    """Maps with their scan and photo.

    Attributes
    ----------
    truth : array of float32, shape (line, y, x)
        Maps without noise.
    scan : array of float32, shape (line, y / 4, x / 4)
        Their means over coarse pixels, with the noise of counting.
    photo : array of float32, shape (3, y, x)
        Photo in [0, 1].
    """

    truth: Array
    scan: Array
    photo: Array


def leaf_scene(seed: int, size: int = 192, lines: int = 5, *, rich: bool = False) -> LeafScene:
    """Make a scene of `size` x `size` fine pixels; the same for the same seed. Rich ones have grains and texture."""
    rng = np.random.default_rng([2026, seed])
    pigments = int(rng.integers(4, 15))
    colours = rng.beta(0.7, 0.7, (pigments, 3)) * 0.5 + rng.beta(0.7, 0.7, (pigments, 1)) * 0.5
    colours[1] = colours[0]  # two of one colour
    amounts = rng.beta(0.6, 0.6, (pigments, lines)) * (rng.random((pigments, lines)) < rng.uniform(0.25, 0.8))
    amounts += 0.02 * rng.random((pigments, lines))
    values, spread = np.concatenate([colours, amounts], axis=1), rng.uniform(0, 0.12)
    shown = _pile(rng, size, values, spread, mosaic=rich and rng.random() < 0.3)
    photo, maps = shown[:3], shown[3:]
    if rng.random() < 0.6:  # a picture below, seen by some of the maps only
        below = rng.beta(0.6, 0.6, (6, lines)) * (rng.random(lines) < 0.5) * rng.uniform(0.2, 1.0)
        maps = maps * rng.uniform(0.3, 1.0) + _pile(rng, size, below, spread=0.05)
    if rich and rng.random() < 0.3:
        maps = maps + _specks(rng, size, lines)
    if rich and rng.random() < 0.5:  # texture of all scales, of some of the maps, and of the photo as far as it goes
        texture = _fractal(rng, size, 2)
        shares = rng.random((lines, 2)) * (rng.random((lines, 2)) < 0.6) * rng.uniform(0.03, 0.4)
        maps = maps * np.exp(np.tensordot(shares, texture, 1))
        photo = photo * np.exp(rng.uniform(0, 0.25) * rng.choice([-1, 1]) * texture[:1])
    if rng.random() < 0.5:  # thickness of the paint
        maps = maps * np.exp(
            rng.uniform(0.05, 0.5) * _smooth(rng, size, rng.uniform(8, 40), (lines, 1)[rng.integers(2)])
        )
    blur = rng.uniform(0.3, 1.6)  # of the beam
    truth = ndimage.gaussian_filter(maps, (0, blur, blur)).clip(0)
    truth = truth / np.maximum(np.percentile(truth, 99.9, axis=(1, 2), keepdims=True), 1e-6)
    scan = truth.reshape(lines, size // RATIO, RATIO, size // RATIO, RATIO).mean(axis=(2, 4))
    if rng.random() < 0.75:
        counts = 10 ** rng.uniform(1.3, 4.5, (lines, 1, 1))  # in the brightest pixels
        scan = rng.poisson(scan * counts) / counts
    seen = _photographed(rng, photo, size)
    return LeafScene(truth.astype(np.float32), scan.astype(np.float32), seen.astype(np.float32))


def _photographed(rng: np.random.Generator, photo: Array, size: int) -> Array:
    """Return a photo with the faults that photos have."""
    if rng.random() < 0.5:
        photo = photo * np.exp(rng.uniform(0.05, 0.4) * _smooth(rng, size, rng.uniform(15, 60), 1))
    if rng.random() < 0.6:  # texture of no map: brush strokes, canvas, cracks
        grain = rng.uniform(0.5, 3, 2)
        texture = ndimage.gaussian_filter(rng.standard_normal((size, size)), grain, mode="wrap")
        photo = photo + rng.uniform(0.005, 0.06) * texture / texture.std()
    if rng.random() < 0.25:
        other = _pile(rng, size, rng.random((5, 3)), spread=0.1)
        photo = photo + rng.uniform(0.05, 0.5) * (other - other.mean(axis=(1, 2), keepdims=True))
    lens = rng.uniform(0.2, 1.3)
    photo = ndimage.gaussian_filter(photo, (0, lens, lens))
    if rng.random() < 0.6:
        photo = ndimage.shift(photo, (0, *rng.normal(0, 0.35, 2)), order=3, mode="nearest")
    if rng.random() < 0.3:
        photo = np.repeat(photo.mean(axis=0, keepdims=True), 3, axis=0)
    low, high = photo.min(), photo.max()
    photo = ((photo - low) / max(high - low, 1e-6)) ** np.exp(rng.uniform(-0.5, 0.5))
    photo = photo + 10 ** rng.uniform(-3, -1.3) * rng.standard_normal(photo.shape)
    return photo.clip(0, 1)


def _smooth(rng: np.random.Generator, size: int, width: float, fields: int) -> Array:
    """Return smooth random fields of unit variance."""
    made = ndimage.gaussian_filter(rng.standard_normal((fields, size, size)), (0, width, width), mode="wrap")
    return made / made.std(axis=(1, 2), keepdims=True)


def _fractal(rng: np.random.Generator, size: int, fields: int) -> Array:
    """Return random fields of unit variance whose power falls with the frequency to the power of 1.5 to 3.5."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    frequency[0, 0] = np.inf
    amplitude = frequency ** -rng.uniform(0.75, 1.75, (fields, 1, 1))
    made = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((fields, size, size))) * amplitude, (size, size))
    return np.asarray(made / made.std(axis=(1, 2), keepdims=True))


def _specks(rng: np.random.Generator, size: int, lines: int) -> Array:
    """Return maps of single bright specks; no photo shows them."""
    made = np.zeros((lines, size, size))
    for line in np.flatnonzero(rng.random(lines) < 0.4):
        count = int(10 ** rng.uniform(0.7, 2.7))
        y, x = rng.integers(size, size=(2, count))
        np.add.at(made[line], (y, x), rng.lognormal(0, 0.7, count))
        width = rng.uniform(0.4, 2.5)
        made[line] = ndimage.gaussian_filter(made[line], width, mode="wrap") * 2 * np.pi * width**2
    return made * rng.uniform(0.1, 1.0)


def _mosaic(rng: np.random.Generator, size: int, values: Array, spread: float) -> Array:
    """Return a mosaic of grains, the parts of the plane that are nearest to random points."""
    kinds, channels = values.shape
    count = int(10 ** rng.uniform(1, 3.3))
    angle, stretch = rng.uniform(0, np.pi), np.exp(rng.uniform(0, 1))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle) * stretch, np.cos(angle) * stretch]])
    points = rng.uniform(-0.1, 1.1, (count, 2)) * size
    half = np.arange(2 * size) / 2 + 0.25  # four samples a pixel: the grains' edges are smooth
    grid = np.stack(np.meshgrid(half, half, indexing="ij"), axis=-1)
    nearest = cKDTree(points @ turn.T).query(grid @ turn.T)[1]
    grains = values[rng.choice(kinds, count, p=rng.dirichlet(np.full(kinds, 0.8)))]
    grains = grains * (1 + spread * rng.standard_normal(grains.shape)).clip(0, 2)
    return np.asarray(np.moveaxis(grains[nearest].reshape(size, 2, size, 2, channels).mean(axis=(1, 3)), -1, 0))


def _pile(rng: np.random.Generator, size: int, values: Array, spread: float, *, mosaic: bool = False) -> Array:
    """Return a pile of random shapes, each with one row of `values` up to a factor near one, on a mosaic if wanted."""
    kinds, channels = values.shape
    weights = rng.dirichlet(np.full(kinds, 0.8))
    if mosaic:
        made, shapes = _mosaic(rng, size, values, spread), int(10 ** rng.uniform(0, 2.5))
    else:
        made = np.broadcast_to(values[rng.integers(kinds)][:, None, None], (channels, size, size)).copy()
        shapes = int(10 ** rng.uniform(0.9, 3.2))
    smallest = SMALLEST * 10 ** rng.uniform(0, 0.7)
    # Density of the radii r^-3 between the limits; the largest first, so that the small ones are seen.
    u = rng.random(shapes)
    radii = (smallest**-2 + u * (LARGEST**-2 - smallest**-2)) ** -0.5
    largest = int(rng.integers(0, 4) if mosaic else rng.integers(3, 25))
    radii = np.concatenate([np.sort(rng.uniform(15, LARGEST, largest))[::-1], radii])
    mix = rng.random() < 0.5
    if mix:
        radii[25:] = np.sort(radii[25:])[::-1]
    manners = rng.dirichlet(np.full(4, 0.7))
    centres = rng.uniform(-0.05, 1.05, (len(radii), 2)) * size
    for radius, centre in zip(radii, centres, strict=True):
        manner = rng.choice(4, p=manners)
        kind = rng.choice(kinds, p=weights)
        reach = radius * (1.0 if manner != 2 else 1.6) + 1.5
        y0, x0 = (max(0, int(c - reach)) for c in centre)
        y1, x1 = (min(size, int(c + reach) + 2) for c in centre)
        if y0 >= y1 or x0 >= x1:
            continue
        y, x = np.ogrid[y0:y1, x0:x1]
        cover = _shape(rng, manner, y - centre[0], x - centre[1], radius)
        value = values[kind] * (1 + spread * rng.standard_normal(channels)).clip(0, 2)
        part = made[:, y0:y1, x0:x1]
        part += cover * (value[:, None, None] - part)
    return made


def _shape(rng: np.random.Generator, manner: int, y: Array, x: Array, radius: float) -> Array:
    """Return the share of each pixel that a shape covers: an ellipse, a polygon, a stroke or an arc."""
    angle = rng.uniform(0, 2 * np.pi)
    along, across = np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y
    if manner == 0:
        flat = rng.uniform(0.25, 1.0)
        distance = (np.hypot(along, across / flat) - radius) * flat
    elif manner == 1:
        corners = int(rng.integers(3, 8))
        turns = np.sort(rng.uniform(0, 2 * np.pi, corners))
        sides = radius * rng.uniform(0.45, 0.95, corners)
        distance = np.hypot(y, x) - radius
        for turn, side in zip(turns, sides, strict=True):
            distance = np.maximum(distance, np.cos(turn) * y + np.sin(turn) * x - side)
    elif manner == 2:
        width = max(0.5, radius * rng.uniform(0.03, 0.25))
        distance = np.hypot(np.maximum(np.abs(along) - radius * 1.5, 0), across) - width
    else:
        width = max(0.5, radius * rng.uniform(0.04, 0.3))
        distance = np.abs(np.hypot(y, x) - (radius - width)) - width
        distance = np.maximum(distance, across * rng.choice([-1.0, 1.0]))
    return (0.5 - distance).clip(0, 1)

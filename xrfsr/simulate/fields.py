"""Textures and shapes of a painted surface as arrays: noise, brush strokes, marks, cracks.

Lengths are in pixels. All random numbers come from the generator that is passed in, so equal seeds give equal
paintings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft2, next_fast_len, rfftfreq
from scipy.spatial import cKDTree
from scipy.special import ndtri

__all__ = ["Marks", "bristles", "cracks", "edge", "noise", "step"]

FloatArray = NDArray[np.float32]


def noise(
    rng: np.random.Generator, shape: tuple[int, int], wavelength: float | tuple[float, float], roughness: float = 3.0
) -> FloatArray:
    """Gaussian random field with mean 0 and standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    shape : (rows, columns)
        Shape of the field.
    wavelength : float or (y, x)
        Size of the largest features in pixels.
    roughness : float
        Exponent of the amplitude spectrum below that size: 2 is cloud-like, 6 is smooth.
    """
    long_y, long_x = wavelength if isinstance(wavelength, tuple) else (wavelength, wavelength)
    # The transform is periodic; a margin of half a wavelength separates opposite edges.
    rows, columns = (
        next_fast_len(n + int(min(w, n) / 2) + 1, real=True) for n, w in zip(shape, (long_y, long_x), strict=True)
    )
    ky = np.fft.fftfreq(rows).astype(np.float32)[:, None] * np.float32(long_y)
    kx = rfftfreq(columns).astype(np.float32)[None, :] * np.float32(long_x)
    amplitude = (1 + ky**2 + kx**2) ** np.float32(-roughness / 2)
    amplitude[0, 0] = 0
    real, imaginary = rng.standard_normal((2, *amplitude.shape), dtype=np.float32)
    field = irfft2(amplitude * (real + 1j * imaginary), s=(rows, columns))[: shape[0], : shape[1]]
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-12), np.float32)


def step(low: float, high: float, value: ArrayLike) -> FloatArray:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((np.asarray(value, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def edge(distance: ArrayLike) -> FloatArray:
    """Coverage of a shape from the signed distance to its outline in pixels, positive inside, one pixel wide."""
    return np.asarray(np.clip(np.asarray(distance, np.float32) + np.float32(0.5), 0, 1))


def bristles(rng: np.random.Generator, angle: FloatArray, length: float, width: float) -> FloatArray:
    """Make marks of brush hairs along a field of directions, by smearing noise along its stream lines.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    angle : float32 array (y, x)
        Direction of the stroke in radians from the x axis towards larger y.
    length, width : float
        Length of a stroke and width of the mark of one bundle of hairs, in pixels.

    Returns
    -------
    float32 array (y, x)
        Texture with mean 0 and standard deviation 1.

    References
    ----------
    Cabral, B. and Leedom, L. C., "Imaging vector fields using line integral convolution", SIGGRAPH 1993, 263-270.
    """
    rows, columns = angle.shape
    texture = noise(rng, angle.shape, max(width, 1.0), 4.0).ravel()
    along_y, along_x = np.sin(angle).ravel(), np.cos(angle).ravel()
    start_y, start_x = (a.ravel() for a in np.indices(angle.shape, np.float32))
    stride = np.float32(max(1.0, length / 12))
    total = texture.copy()
    for sign in (np.float32(-1), np.float32(1)):
        y, x = start_y.copy(), start_x.copy()
        here = np.arange(texture.size)
        for _ in range(max(1, round(length / 2 / float(stride)))):
            y += sign * stride * along_y[here]
            x += sign * stride * along_x[here]
            row = np.clip(np.rint(y), 0, rows - 1).astype(np.intp)
            column = np.clip(np.rint(x), 0, columns - 1).astype(np.intp)
            here = row * columns + column
            total += texture[here]
    total -= total.mean()
    return (total / max(float(total.std()), 1e-12)).reshape(angle.shape).astype(np.float32)


def cracks(
    rng: np.random.Generator, shape: tuple[int, int], spacing: float, width: float, open_share: float
) -> FloatArray:
    """Craquelure: borders between irregular cells, some of them open.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    shape : (rows, columns)
        Shape of the surface.
    spacing, width : float
        Size of the cells and width of an open crack, in pixels.
    open_share : float
        Share of the cracks that are open.

    Returns
    -------
    float32 array (y, x)
        Share of each pixel that is crack.
    """
    count = max(4, int((shape[0] + 2 * spacing) * (shape[1] + 2 * spacing) / spacing**2))
    extent = np.array(shape, float) + 2 * spacing
    points = rng.random((count, 2)) * extent - spacing
    wander = np.stack([noise(rng, shape, spacing / 2, 3.0) for _ in range(2)]) * (0.12 * spacing)
    where = np.moveaxis(np.indices(shape, np.float32) + wander, 0, -1).reshape(-1, 2)
    near = np.asarray(cKDTree(points).query(where, k=2)[0])
    gap = (near[:, 1] - near[:, 0]).reshape(shape)
    # A standard normal field exceeds this in `open_share` of the area.
    gaping = step(0.0, 0.4, noise(rng, shape, 3 * spacing, 2.5) - float(ndtri(1 - open_share)))
    return np.asarray(np.clip(1.2 - gap / max(width, 1e-3), 0, 1) * gaping * min(1.0, width), np.float32)


@dataclass
class Marks:
    """Small strokes and shapes, each painted over the earlier ones within its own window.

    Attributes
    ----------
    cover : float32 array (y, x)
        Share of each pixel under any mark.
    tone : float32 array (y, x)
        Lightness of the topmost mark, 0 dark to 1 light.
    """

    cover: FloatArray
    tone: FloatArray

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Marks:
        """Return an empty set of marks."""
        return cls(np.zeros(shape, np.float32), np.full(shape, 0.5, np.float32))

    def _put(self, window: tuple[slice, slice], cover: FloatArray, tone: Any) -> None:
        self.tone[window] += cover * (tone - self.tone[window])
        self.cover[window] += cover * (1 - self.cover[window])

    def _window(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[slice, slice] | None:
        start = np.maximum(np.floor(low).astype(int), 0)
        stop = np.minimum(np.ceil(high).astype(int) + 1, self.cover.shape)
        return (slice(start[0], stop[0]), slice(start[1], stop[1])) if (stop > start).all() else None

    def petal(
        self,
        y: float,
        x: float,
        angle: float,
        length: float,
        width: float,
        tone: float,
        *,
        fullness: float = 0.6,
        light: float = 0.25,
        rim: float = 0.0,
        vein: float = 0.0,
    ) -> None:
        """Add a leaf or petal that grows from (y, x) along `angle`.

        Parameters
        ----------
        y, x, angle, length, width : float
            Root, direction (radians), length and greatest half width.
        tone : float
            Lightness at the middle.
        fullness : float
            Shape: below one, broadest towards the tip; above, towards the root.
        light : float
            Added lightness of the half turned to the upper left, and of the tip over the root.
        rim, vein : float
            Added lightness of the outline and of the midrib with its side veins.
        """
        reach = np.hypot(length, width) + 2
        window = self._window(np.array([y - reach, x - reach]), np.array([y + reach, x + reach]))
        if window is None:
            return
        down, right = np.ogrid[window]
        down, right = (down - y).astype(np.float32), (right - x).astype(np.float32)
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        u = (right * c + down * s) / np.float32(length)
        v = down * c - right * s
        bulge = np.sin(np.pi * np.clip(u, 0, 1) ** np.float32(1 / fullness))
        half = np.float32(width) * np.maximum(bulge, 0) ** np.float32(0.7)
        inside = half - np.abs(v)
        cover = edge(inside) * edge(np.minimum(u, 1 - u) * np.float32(length))
        side = np.clip(v / np.float32(max(width, 1.0)), -1, 1) * (c - s) * np.float32(-0.7)
        shade = tone + light * (side + u - 0.5)
        if rim:
            shade = shade + rim * np.clip(1 - inside / np.float32(max(0.18 * width, 0.8)), 0, 1)
        if vein:
            ribs = np.abs((u * 7 - np.abs(v) / np.float32(max(width, 1.0)) * 1.5) % 1 - 0.5) * length / 7
            shade = shade + vein * np.maximum(edge(0.5 - np.abs(v)), 0.5 * edge(0.2 - ribs))
        self._put(window, cover, np.clip(shade, 0, 1))

    def disc(self, y: float, x: float, radius: float, tone: float, light: float = 0.5) -> None:
        """Add a ball lit from the upper left."""
        window = self._window(np.array([y - radius - 1, x - radius - 1]), np.array([y + radius + 1, x + radius + 1]))
        if window is None:
            return
        down, right = np.ogrid[window]
        down, right = (down - y).astype(np.float32), (right - x).astype(np.float32)
        away = np.hypot(down, right)
        shade = tone - light * (down + right) / np.float32(2 * max(radius, 0.5)) - light * (away / radius) ** 4 / 2
        self._put(window, edge(radius - away), np.clip(shade, 0, 1))

    def line(self, points: ArrayLike, width: float, tone: float, *, taper: bool = False) -> None:
        """Add a stroke of full width `width` through `points` (n, 2), each (y, x)."""
        path = np.asarray(points, float)
        half = width / 2
        # A stroke thinner than a pixel covers it in part.
        strength = np.float32(min(1.0, width))
        for i, (start, stop) in enumerate(pairwise(path)):
            reach = max(half, 0.5) + 1
            window = self._window(np.minimum(start, stop) - reach, np.maximum(start, stop) + reach)
            if window is None:
                continue
            down, right = np.ogrid[window]
            down, right = (down - start[0]).astype(np.float32), (right - start[1]).astype(np.float32)
            dy, dx = (stop - start).astype(np.float32)
            t = np.clip((down * dy + right * dx) / max(float(dy * dy + dx * dx), 1e-6), 0, 1)
            away = np.hypot(down - t * dy, right - t * dx)
            radius = max(half, 0.5) * (1 - (i + t) / (len(path) - 1) if taper else 1.0)
            self._put(window, edge(radius - away) * strength, tone)

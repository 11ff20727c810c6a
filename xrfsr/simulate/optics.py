r"""Colour of a stack of paint layers, and its photograph.

Each layer is a Kubelka-Munk film over the reflectance of the layers below, in three bands. So a dark drawing shows
through thin paint, glazes deepen the colours below, and thick lead white hides everything.

Arrays only: numpy in, numpy out.

References
----------
Kubelka, P., "New contributions to the optics of intensely light-scattering materials. Part I", *Journal of the
Optical Society of America* 38 (1948) 448-457: reflectance of a finite layer over a background.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xrfsr.simulate.physics import Layer
from xrfsr.simulate.pigments import MATERIALS

__all__ = ["encode", "photograph", "reflectance"]

FloatArray = NDArray[np.float32]


def reflectance(layers: Sequence[Layer], support: float = 0.4) -> FloatArray:
    r"""Reflectance of a stack of layers over a support.

    .. math:: R = \frac{1 - R_g (a - b \coth bSX)}{a - R_g + b \coth bSX},
              \qquad a = 1 + K/S,\quad b = \sqrt{a^2 - 1}

    Parameters
    ----------
    layers : sequence of Layer
        Layers from the top down; all of one shape (y, x).
    support : float
        Reflectance of wood or canvas under the lowest layer.

    Returns
    -------
    float32 array (3, y, x)
        Reflectance in red, green and blue, linear in light.

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr.simulate.pigments import MATERIALS
    >>> thick = {"vermilion": np.full((1, 1), 1000, np.float32)}
    >>> bool(np.allclose(reflectance([thick]).ravel(), MATERIALS["vermilion"].colour, atol=1e-4))
    True
    """
    shape = next(iter(layers[0].values())).shape
    below = np.full((3, *shape), support, np.float32)
    for layer in reversed(layers):
        scattered = np.zeros(shape, np.float32)
        absorbed = np.zeros((3, *shape), np.float32)
        for name, thickness in layer.items():
            film = MATERIALS[name]
            scattered += np.float32(film.scattering) * thickness
            for band, masstone in enumerate(film.colour):
                absorbed[band] += np.float32(film.scattering * (1 - masstone) ** 2 / (2 * masstone)) * thickness
        # Zero scattering would divide by zero; at 1e-5 a layer has no visible reflection.
        scattered = np.maximum(scattered, np.float32(1e-5))
        for band in range(3):
            a = 1 + absorbed[band] / scattered
            b = np.sqrt(np.maximum(a * a - 1, np.float32(1e-8)))
            # tanh in place of coth keeps an absent layer finite: the reflectance below is unchanged.
            t = np.tanh(b * scattered)
            below[band] = (t + below[band] * (b - a * t)) / np.maximum((a - below[band]) * t + b, np.float32(1e-12))
    return np.clip(below, 0, 1)


def encode(linear: FloatArray) -> FloatArray:
    """Encode values linear in light as sRGB, both in [0, 1]."""
    clipped = np.clip(linear, 0, 1)
    bright = np.float32(1.055) * np.maximum(clipped, np.float32(0.0031308)) ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(clipped <= 0.0031308, np.float32(12.92) * clipped, bright).astype(np.float32)


def photograph(
    light: FloatArray, relief: FloatArray, lamp: FloatArray, rng: np.random.Generator, blur: float = 0.5
) -> FloatArray:
    """Photograph of a painting: lamp light, raking relief, exposure, lens blur, sensor noise.

    Parameters
    ----------
    light : float32 array (3, y, x)
        Reflectance of the painting.
    relief : float32 array (y, x)
        Height of the surface in pixels; slopes that face the lamp (upper left) are lighter, others darker.
    lamp : float32 array (y, x)
        Illumination, about one.
    rng : numpy.random.Generator
        Source of the sensor noise.
    blur : float
        Standard deviation of the lens blur in pixels.

    Returns
    -------
    float32 array (3, y, x)
        Photograph, sRGB in [0, 1].
    """
    slope = np.gradient(relief)
    shade = 1 + np.clip(slope[0] + slope[1], -0.15, 0.15)
    lit = light * (lamp * shade).astype(np.float32)
    lit *= np.float32(0.88 / max(float(np.quantile(lit, 0.995)), 1e-3))
    lit = np.stack([gaussian_filter(band, blur, mode="nearest") for band in lit])
    # Photon noise grows with the square root of the light; read noise dominates in the darks.
    spread = np.sqrt(np.float32(2.5e-5) * np.maximum(lit, 0) + np.float32(1e-6))
    return encode(lit + spread * rng.standard_normal(lit.shape, dtype=np.float32))

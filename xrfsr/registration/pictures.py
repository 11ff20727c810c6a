"""Features for registration: smaller copies of photo and maps, directions of edges, colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.cluster.vq import kmeans2

from xrfsr.operators.gaps import fill_gaps

__all__ = ["Level", "band_pass", "block_means", "colour_features", "directions", "principal_bands"]

# Standard deviations of the band-pass in pixels of a level. It removes noise (finer), and uneven light and the layers
# below the surface (coarser).
FINE, COARSE = 0.8, 5.0
# Standard deviation in pixels of the window in which directions of edges are averaged.
NEAR = 0.7
CLUSTERS = 12
# The number of products of bands grows with the square of their number.
MOST_BANDS = 5
SAMPLED = 100_000  # pixels from which principal components are computed
SAMPLE = 4000


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Pictures at one resolution.

    Attributes
    ----------
    pixels : ndarray of shape (channel, y, x)
        Channels, float64, with gaps filled.
    valid : ndarray of bool, (y, x)
        Mask, false where gaps were filled.
    step : (float, float)
        Number of pixels of the original per pixel of the level, (y, x).
    """

    pixels: NDArray[np.float64]
    valid: NDArray[np.bool_]
    step: tuple[float, float]


def block_means(pixels: NDArray[np.floating], valid: NDArray[np.bool_], step: tuple[float, float]) -> Level:
    """Average pictures (channel, y, x) over blocks of whole pixels, about `step` pixels along each side.

    Block means need no filter and shift nothing. A step below 1.5 leaves its direction unchanged.
    """
    blocks = [max(1, round(one)) for one in step]
    rows, columns = (max(1, size // block) for size, block in zip(valid.shape, blocks, strict=True))
    cut = (slice(rows * blocks[0]), slice(columns * blocks[1]))
    tiles = (rows, blocks[0], columns, blocks[1])
    weight = valid[cut].reshape(tiles).mean((1, 3))
    means = []
    for channel in pixels:
        total = np.where(valid[cut], channel[cut], 0).astype(np.float64).reshape(tiles).mean((1, 3))
        means.append(total / np.maximum(weight, 1e-9))
    enough = weight > 0.5
    return Level(fill_gaps(np.array(means), enough), enough, (float(blocks[0]), float(blocks[1])))


def band_pass(pixels: NDArray[np.float64], scale: float = 1.0) -> NDArray[np.float64]:
    """Return details of a few pixels: the difference of two Gaussian smoothings of (..., y, x)."""
    smooth = (0,) * (pixels.ndim - 2)
    fine = ndimage.gaussian_filter(pixels, (*smooth, FINE * scale, FINE * scale), mode="nearest")
    return np.asarray(fine - ndimage.gaussian_filter(pixels, (*smooth, COARSE * scale, COARSE * scale), mode="nearest"))


def directions(pixels: NDArray[np.float64], sigma: float = 1.0) -> NDArray[np.complex128]:
    r"""Return the directions of the edges of all channels, as one complex number for each pixel.

    The squared gradient :math:`(g_x + i g_y)^2` turns twice as fast as the edge. So an edge and its negative agree, and
    noise, which has no direction, averages out (Bigün and Granlund, 1987). Each channel is divided by its own strength
    and adds at most 1 to each pixel, so that one bright map does not dominate.
    """
    total = np.zeros(pixels.shape[1:], np.complex128)
    for channel in pixels:
        gx = ndimage.gaussian_filter(channel, sigma, order=(0, 1), mode="nearest")
        gy = ndimage.gaussian_filter(channel, sigma, order=(1, 0), mode="nearest")
        squared = (gx + 1j * gy) ** 2
        strength = ndimage.gaussian_filter(np.abs(squared), NEAR)
        clear = np.median(strength)
        if not strength.max() > 0:
            continue
        near = ndimage.gaussian_filter(squared.real, NEAR) + 1j * ndimage.gaussian_filter(squared.imag, NEAR)
        total += near / (strength + clear + 1e-12 * strength.max())
    return total


def principal_bands(photo: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return a photo (band, y, x), or the principal components of one with more than `MOST_BANDS` bands."""
    if len(photo) <= MOST_BANDS:
        return photo
    known = photo[:, valid][:, :: max(1, int(valid.sum()) // SAMPLED)].astype(np.float64)
    known -= known.mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(known @ known.T)
    return np.asarray(np.tensordot(axes[:, : -MOST_BANDS - 1 : -1].T.astype(np.float32), photo, axes=1))


def colour_features(photo: NDArray[np.float64], valid: NDArray[np.bool_], seed: int = 0) -> NDArray[np.float64]:
    """Return features (feature, y, x) of a photo: colours, their products, and closeness to the commonest colours."""
    colours = photo.reshape(len(photo), -1)
    spread = colours[:, valid.ravel()].std(axis=1, keepdims=True)
    kept = spread.ravel() > 1e-6
    colours = (colours[kept] - colours[kept][:, valid.ravel()].mean(axis=1, keepdims=True)) / spread[kept]
    features = [*colours, *(colours[i] * colours[j] for i in range(len(colours)) for j in range(i, len(colours)))]
    rng = np.random.default_rng(seed)
    sample = colours[:, rng.choice(np.flatnonzero(valid.ravel()), SAMPLE)].T
    centres, _ = (
        kmeans2(sample, CLUSTERS, iter=10, minit="++", seed=rng, missing="warn") if len(colours) else ([], None)
    )
    features += [np.exp(-((colours - centre[:, None]) ** 2).sum(axis=0) / 0.5) for centre in centres]
    return np.array(features).reshape(-1, *photo.shape[1:])

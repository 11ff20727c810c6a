r"""Guides for guided kriging: pixels compared by their neighbourhoods, not by themselves alone.

The distance between two pixels is that of the 3 × 3 pixels around them, weighed by a Gaussian, as in non-local means
(Buades, Coll & Morel 2005, "A non-local algorithm for image denoising"). It depends less on the noise and texture of
single pixels, and an edge that a beam or a lens has softened is still an edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["neighbourhood"]

KEPT = 0.999  # share of the variance of all neighbours that the channels of a guide hold
SAMPLE = 2**15  # pixels from which they are found


def neighbourhood(maps: NDArray[Any], spread: float) -> NDArray[np.float32]:
    """Channels whose squared difference between two pixels is the weighed one of the pixels around them.

    Parameters
    ----------
    maps : array, shape (channel, y, x)
    spread : float
        Standard deviation of the weights in pixels; the weights of all nine sum to one.

    Returns
    -------
    array of float32, shape (kept, y, x)
        Principal components of all neighbours, as many as hold 99.9 % of their variance: nine pixels of several maps
        say much the same.

    Examples
    --------
    >>> import numpy as np
    >>> edge = np.zeros((1, 8, 8), dtype=np.float32)
    >>> edge[:, :, 4:] = 1.0
    >>> guide = neighbourhood(edge, 0.5)
    >>> round(float(np.square(guide[:, 4, 3] - guide[:, 4, 4]).sum()), 2)  # of all weights, those in the middle
    0.79
    """
    channels, height, width = maps.shape
    offsets = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    weights = np.exp([-(down**2 + right**2) / (2 * spread**2) for down, right in offsets])
    share = np.sqrt(weights / weights.sum()).astype(np.float32)
    padded = np.pad(maps.astype(np.float32, copy=False), ((0, 0), (1, 1), (1, 1)), mode="edge")
    chosen = np.linspace(0, height * width - 1, min(SAMPLE, height * width)).astype(np.intp)
    row, column = np.divmod(chosen, width)
    sample = np.concatenate(
        [
            part * padded[:, 1 + down + row, 1 + right + column]
            for (down, right), part in zip(offsets, share, strict=True)
        ]
    ).astype(np.float64)
    sample -= sample.mean(axis=1, keepdims=True)
    variance, axes = np.linalg.eigh(sample @ sample.T)
    total = np.cumsum(variance[::-1])
    kept = int(np.searchsorted(total, KEPT * total[-1])) + 1 if total[-1] > 0 else 1
    axes = axes[:, ::-1][:, :kept].astype(np.float32)
    made = np.zeros((axes.shape[1], height, width), dtype=np.float32)
    for number, ((down, right), part) in enumerate(zip(offsets, share, strict=True)):
        there = padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        turned = axes[number * channels : (number + 1) * channels].T * part
        made += np.tensordot(turned, there, axes=1)
    return made

"""What the network sees of the photo: the bands as they are, or smoothed by several widths.

The network acts on one pixel alone. Smoothed bands tell it what surrounds the pixel, by which a brush stroke is told
from the ground it lies on, and average the noise of the photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xrfsr.network.config import VIEWS, View

__all__ = ["photo_views"]


def photo_views(photo: NDArray[Any], views: Sequence[View]) -> dict[View, NDArray[np.float32]]:
    """The photo as each of `views` shows it.

    Parameters
    ----------
    photo : array, shape (band, y, x)
    views : sequence of {"pixel", "sharp", "soft"}

    Returns
    -------
    dict of array of float32, shape (band * widths, y, x)
        All bands by the first width, then by the second.
    """
    plain = photo.astype(np.float32, copy=False)
    widths = {width for view in views for width in VIEWS[view]}
    smoothed = {
        width: np.stack([gaussian_filter(band, width, mode="nearest") for band in plain]) if width else plain
        for width in widths
    }
    return {view: np.concatenate([smoothed[width] for width in VIEWS[view]]) for view in dict.fromkeys(views)}

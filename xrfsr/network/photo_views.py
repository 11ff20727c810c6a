"""Views of the photo, the network's input from it: the bands, or the bands smoothed by several widths.

The network acts on one pixel alone. Smoothed bands describe the surroundings of the pixel, which distinguish a brush
stroke from the ground under it, and average out the noise of the photo.
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
    """Return each of `views` of the photo.

    Parameters
    ----------
    photo : array, shape (band, y, x)
        Photo on the fine grid.
    views : sequence of {"pixel", "sharp", "soft"}
        Names of the views.

    Returns
    -------
    dict of array of float32, shape (band * widths, y, x)
        All bands smoothed by the first width, then by the second, and so on.
    """
    plain = photo.astype(np.float32, copy=False)
    widths = {width for view in views for width in VIEWS[view]}
    smoothed = {
        width: np.stack([gaussian_filter(band, width, mode="nearest") for band in plain]) if width else plain
        for width in widths
    }
    return {view: np.concatenate([smoothed[width] for width in VIEWS[view]]) for view in dict.fromkeys(views)}

"""Gaps in pictures, filled from the nearest known pixels in the same way whatever the orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["fill_gaps"]

# The orientations of a picture: steps along rows and columns, and whether they are exchanged before.
_ORIENTATIONS = [(y, x, across) for across in (False, True) for y in (1, -1) for x in (1, -1)]


def _turned(picture: NDArray[Any], y: int, x: int, across: bool) -> NDArray[Any]:
    return (picture.T if across else picture)[::y, ::x]


def _turned_back(picture: NDArray[Any], y: int, x: int, across: bool) -> NDArray[Any]:
    return picture[::y, ::x].T if across else picture[::y, ::x]


def fill_gaps(pictures: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[Any]:
    """Fill gaps with the nearest known pixel, or a mean of those that are equally near.

    Of several, the distance transform finds one, which depends on the order of its scan. The mean is over those that it
    finds in the eight orientations of a picture.

    Parameters
    ----------
    pictures : array of shape (..., y, x)
        Pictures with the same gaps.
    known : array of bool, shape (y, x)
        Mask, false in the gaps.

    Returns
    -------
    array of shape (..., y, x)
        Pictures without gaps; all zero if no pixel is known.

    Examples
    --------
    >>> fill_gaps(np.array([[1.0, np.nan, 4.0, np.nan]]), np.array([[True, False, True, False]])).tolist()
    [[1.0, 2.5, 4.0, 4.0]]
    """
    if known.all() or not known.any():
        return pictures if known.any() else np.zeros_like(pictures)
    places = np.arange(known.size).reshape(known.shape)
    gaps = ~known
    found: list[NDArray[np.intp]] = []
    for turn in _ORIENTATIONS:
        nearest = ndimage.distance_transform_edt(_turned(gaps, *turn), return_distances=False, return_indices=True)
        found.append(_turned_back(_turned(places, *turn)[nearest[0], nearest[1]], *turn)[gaps])
    flat = pictures.reshape(*pictures.shape[:-2], known.size)
    values = [flat[..., place].astype(np.float64) for place in found]
    # In pairs, so that the mean of equal numbers is that number to the last bit.
    while len(values) > 1:
        values = [(one + other) / 2 for one, other in zip(values[::2], values[1::2], strict=True)]
    filled = pictures.copy()
    filled[..., gaps] = values[0]
    return filled

"""Files that hold more values than their headers declare, so that the values are probably not where they seem to be."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

__all__ = ["is_longer_side"]


def is_longer_side(surplus: int, shape: Sequence[int], size: int) -> bool:
    """Return whether bytes beyond those of an array make one of its sides longer, and are thus no padding.

    Parameters
    ----------
    surplus : int
        Bytes in the file beyond those of the array.
    shape : sequence of int
        Declared lengths of the sides.
    size : int
        Bytes of a value.

    Examples
    --------
    >>> is_longer_side(2 * 5 * 4, (5, 7), 4), is_longer_side(4, (5, 7), 4)
    (True, False)
    """
    return surplus > 0 and any(surplus % (size * prod(shape) // side) == 0 for side in shape if side)

"""Parts of a painting: tiles with a halo that together cover it, and windows that are a sample of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np

from xrfsr.operators import Downsampling

__all__ = ["MAX_UNTILED_PIXELS", "TILE_SIZE", "Tile", "sample_windows", "tiles"]

MAX_UNTILED_PIXELS = 2**20  # fine pixels up to which all are used; from more, windows with as many pixels in total
WINDOW_SIZE, MIN_WINDOW_CELLS = 256, 16  # side of a window in fine pixels, and its minimum in coarse pixels
TILE_SIZE = 1024  # largest side in fine pixels: halos add a fifth, and two tiles at a time fit in a gigabyte


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the coarse grid, and the fine pixels that are made from it.

    Attributes
    ----------
    rows, columns : slice
        Coarse pixels, halo included.
    y, x : slice
        Fine pixels, without the halo: every fine pixel belongs to one tile.
    """

    rows: slice
    columns: slice
    y: slice
    x: slice

    @classmethod
    def whole(cls, U: Downsampling) -> Tile:
        """Return the tile that is the whole painting."""
        return cls(*(slice(0, size) for size in (*U.coarse.shape, *U.fine.shape)))


def tiles(U: Downsampling, side: int = TILE_SIZE, margin: int = 0) -> list[list[Tile]]:
    """Return rows of tiles of `side` x `side` fine pixels (or the rest), each with a halo of `margin` coarse pixels.

    Examples
    --------
    >>> from xrfsr.core.grid import Grid
    >>> coarse = Grid.from_shape((8, 12), pixel_size=1.0)
    >>> U = Downsampling.between(coarse.refine(4), coarse)
    >>> [[tile]] = tiles(U, side=48)
    >>> left, right = tiles(U, side=32, margin=2)[0]
    >>> left.columns, right.columns, right.x
    (slice(0, 10, None), slice(6, 12, None), slice(32, 48, None))
    """
    pieces = [_pieces(fine, coarse, side, margin) for fine, coarse in zip(U.fine.shape, U.coarse.shape, strict=True)]
    return [[Tile(rows, columns, y, x) for columns, x in pieces[1]] for rows, y in pieces[0]]


def _pieces(fine: int, coarse: int, side: int, margin: int) -> list[tuple[slice, slice]]:
    ends = [(start, min(start + side, fine)) for start in range(0, fine, side)]
    return [
        (
            slice(max(0, floor(start * coarse / fine) - margin), min(coarse, ceil(stop * coarse / fine) + margin)),
            slice(start, stop),
        )
        for start, stop in ends
    ]


def sample_windows(U: Downsampling, seed: int = 0, most: int = MAX_UNTILED_PIXELS) -> list[Tile]:
    """Return windows that are a sample of a painting: one at random in each field of a grid.

    They do not overlap and have at most `most` fine pixels in total. A painting with no more pixels is one window.
    """
    (height, width), (rows, columns) = U.fine.shape, U.coarse.shape
    if height * width <= most:
        return [Tile.whole(U)]
    tall, wide = (
        min(size, max(MIN_WINDOW_CELLS, round(WINDOW_SIZE * size / fine)))
        for size, fine in zip(U.coarse.shape, U.fine.shape, strict=True)
    )
    count = max(1, int(most / (tall * height / rows * wide * width / columns)))
    # Fields that are as square as possible.
    down = min(rows // tall, count, max(1, round((count * rows / columns) ** 0.5)))
    across = min(columns // wide, max(1, count // down))
    random = np.random.default_rng(seed)
    made = []
    for i in range(down):
        for j in range(across):
            top, left = (
                int(random.integers(number * size // fields, (number + 1) * size // fields - length + 1))
                for number, size, fields, length in ((i, rows, down, tall), (j, columns, across, wide))
            )
            chosen = slice(top, top + tall), slice(left, left + wide)
            made.append(Tile(*chosen, *U.crop(*chosen)[1:]))
    return made

"""Registration refined by the scan itself: the photo is moved to where the scan fits it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.separate import AFFINE_COORDS, SHIFT_COORDS
from xrfsr.errors import warn
from xrfsr.methods import Run
from xrfsr.operators.gaps import fill_gaps
from xrfsr.pipeline.acquisition import Arrays, Geometry
from xrfsr.pipeline.photo_place import REACH, UNBENT, PhotoPlace
from xrfsr.pipeline.tiles import Tile

__all__ = ["AFFINE", "PLACE_DESCRIPTIONS", "REFINE", "SHIFT", "place_values", "refined"]

SHIFT, AFFINE = REFINE = "shift", "affine"
FAR = 0.5  # coarse pixels from which a move is worth a warning: `register` should have found it
PLACE_DESCRIPTIONS = {
    name: f"distance in mm by which the photo was moved along {axis}, to where the scan fits it best"
    for name, axis in zip(SHIFT_COORDS, "yx", strict=True)
} | {
    name: f"mm along {name[-2]} to which the photo was brought for each mm along {name[-1]} from the middle of the maps"
    for name in AFFINE_COORDS
}


def refined(
    geometry: Geometry, windows: Sequence[Tile], arrays: Sequence[Arrays], run: Run, *, affine: bool = False
) -> Geometry:
    """Return the geometry with the photo moved to its best place, or the same if no other place is confirmed.

    Parameters
    ----------
    geometry : Geometry
        Geometry with a photo, as registered.
    windows, arrays
        Parts of the acquisition that represent it, and their arrays.
    run : Run
        Device that computes.
    affine : bool
        Whether the photo may also be turned, stretched and sheared.
    """
    from xrfsr.kriging.bending import AffinePhoto, find_affine, furthest  # which loads torch
    from xrfsr.kriging.place_errors import MovablePhoto
    from xrfsr.kriging.placement import find_shift

    place = geometry.photo
    assert place is not None
    coarse = geometry.U.coarse
    steps = np.array([coarse.y.step, coarse.x.step])
    problems = [geometry.problem(tile, each) for tile, each in zip(windows, arrays, strict=True)]
    lines = np.flatnonzero(np.any([problem.photo_lines for problem in problems], axis=0))
    peak = np.max([np.abs(problem.scan[lines]).max(axis=(1, 2)) for problem in problems], axis=0)[:, None, None]
    if not lines.size:
        return geometry

    def moved(parameters: Any) -> PhotoPlace:
        """Return the place for parameters of `find_shift` or `find_affine`."""
        down, right = (float(each) for each in parameters[:2] * steps)
        if not np.any(parameters[2:]):
            return place.moved((down, right))
        more = parameters[2:].reshape(2, 2).T * steps[:, None] * 2 / (steps * coarse.shape)
        (yy, yx), (xy, xx) = (np.eye(2) + more).tolist()
        return place.moved((down, right), ((yy, yx), (xy, xx)))

    shown: list[tuple[Any, slice, slice]] = []
    for tile, each in zip(windows, arrays, strict=True):
        _, y, x = geometry.U.crop(tile.rows, tile.columns)
        shown.append((fill_gaps(each.photo, np.asarray(np.isfinite(each.photo).all(axis=0))), y, x))

    def photo(number: int, parameters: Any) -> NDArray[np.float32]:
        return moved(np.asarray(parameters)).resample(*shown[number]).astype(np.float32)

    chosen = [problem.sel_lines(lines) for problem in problems]
    movable = [
        MovablePhoto(each.scan / peak, each.training_mask, each.U, partial(photo, n)) for n, each in enumerate(chosen)
    ]
    found = np.array(find_shift(movable, REACH, run.device))
    if affine:
        spots = [
            (2 * np.arange(size)[part] + 1) / size - 1
            for tile in windows
            for size, part in zip(coarse.shape, (tile.rows, tile.columns), strict=True)
        ]
        parts = [AffinePhoto(each, y, x) for each, y, x in zip(movable, spots[::2], spots[1::2], strict=True)]
        better = find_affine(parts, (float(found[0]), float(found[1])), REACH, run.device)
        found = found if better is None else better
    best = moved(found)
    if furthest(found) > FAR:
        down, right = best.shift
        bent = "" if best.affine == UNBENT else ", and turned, stretched or sheared,"
        warn(
            f"the photo was moved by {down:.3g} mm along y and {right:.3g} mm along x{bent}, more than half a pixel "
            "of the scan, to where the scan fits it best; check the registration, or pass refine=None to leave the "
            "photo where it is"
        )
    return replace(geometry, photo=best)


def place_values(geometry: Geometry, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Return those coordinates along `line` that describe how the photo was moved, the same for every line."""
    shift, affine = ((0.0, 0.0), UNBENT) if geometry.photo is None else (geometry.photo.shift, geometry.photo.affine)
    values = dict(zip((*SHIFT_COORDS, *AFFINE_COORDS), (*shift, *affine[0], *affine[1]), strict=True))
    return {name: np.full(len(geometry.lines), values[name], np.float32) for name in names if name in values}

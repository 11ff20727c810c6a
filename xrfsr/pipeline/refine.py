"""Registration refined by the scan itself: the photo is moved to where the scan fits it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.separate import SHIFT_COORDS
from xrfsr.errors import warn
from xrfsr.methods import Run
from xrfsr.operators.gaps import fill_gaps
from xrfsr.pipeline.acquisition import Arrays, Geometry
from xrfsr.pipeline.photo_place import REACH
from xrfsr.pipeline.tiles import Tile

__all__ = ["SHIFT_DESCRIPTIONS", "refined", "shift_values"]

FAR = 0.5  # coarse pixels from which a shift is worth a warning: `register` should have found it
SHIFT_DESCRIPTIONS = {
    name: f"distance in mm by which the photo was moved along {axis}, to where the scan fits it best"
    for name, axis in zip(SHIFT_COORDS, "yx", strict=True)
}


def refined(geometry: Geometry, windows: Sequence[Tile], arrays: Sequence[Arrays], run: Run) -> Geometry:
    """Return the geometry with the photo moved to its best place, or the same if no other place is confirmed.

    Parameters
    ----------
    geometry : Geometry
        Geometry with a photo, as registered.
    windows, arrays
        Parts of the acquisition that represent it, and their arrays.
    run : Run
        Device that computes.
    """
    from xrfsr.kriging.placement import MovablePhoto, find_shift  # which loads torch

    place = geometry.photo
    assert place is not None
    coarse = geometry.U.coarse
    steps = coarse.y.step, coarse.x.step
    problems = [geometry.problem(tile, each) for tile, each in zip(windows, arrays, strict=True)]
    lines = np.flatnonzero(np.any([problem.photo_lines for problem in problems], axis=0))
    peak = np.max([np.abs(problem.scan[lines]).max(axis=(1, 2)) for problem in problems], axis=0)[:, None, None]
    if not lines.size:
        return geometry

    def movable(number: int) -> MovablePhoto:
        problem, (_, y, x) = problems[number], geometry.U.crop(windows[number].rows, windows[number].columns)
        pixels = arrays[number].photo
        shown = fill_gaps(pixels, np.asarray(np.isfinite(pixels).all(axis=0)))

        def photo(shift: tuple[float, float]) -> NDArray[np.float32]:
            there = place.moved((shift[0] * steps[0], shift[1] * steps[1]))
            return there.resample(shown, y, x).astype(np.float32)

        chosen = problem.sel_lines(lines)
        return MovablePhoto(chosen.scan / peak, chosen.training_mask, problem.U, photo)

    shift = find_shift([movable(number) for number in range(len(windows))], REACH, run.device)
    y, x = (float(distance * step) for distance, step in zip(shift, steps, strict=True))
    if max(map(abs, shift)) > FAR:
        warn(
            f"the photo was moved by {y:.3g} mm along y and {x:.3g} mm along x, more than half a pixel of the scan, to "
            "where the scan fits it best; check the registration, or pass refine=None to leave the photo where it is"
        )
    return replace(geometry, photo=place.moved((y, x)))


def shift_values(geometry: Geometry) -> dict[str, NDArray[np.float32]]:
    """Return by how many mm the photo was moved, the same for every line."""
    shift = (0.0, 0.0) if geometry.photo is None else geometry.photo.shift
    lines = len(geometry.lines)
    return {name: np.full(lines, each, np.float32) for name, each in zip(SHIFT_COORDS, shift, strict=True)}

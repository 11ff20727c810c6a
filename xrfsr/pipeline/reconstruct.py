"""A method prepared on the windows of an acquisition and applied to its tiles, in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import numpy as np

from xrfsr.core.provenance import DURATIONS
from xrfsr.pipeline.acquisition import Acquisition
from xrfsr.pipeline.plan import ReconstructionPlan, training_problems
from xrfsr.pipeline.refine import AFFINE, place_values
from xrfsr.pipeline.result import Result, mask_unmeasured, warn_of_negatives
from xrfsr.utils.progress import progress_bar, stage
from xrfsr.utils.stopwatch import measured, timed

__all__ = ["reconstruct"]


def reconstruct(acquisition: Acquisition, plan: ReconstructionPlan) -> Result:
    """Prepare the method and apply it to all of an acquisition; to a lazy one when its result is computed."""
    if acquisition.lazy:
        from xrfsr.pipeline.lazy import reconstruct_dask

        return reconstruct_dask(acquisition, plan)
    started = time.monotonic()
    with measured() as seconds:
        made = _at_once(acquisition, plan)
    made.metadata[DURATIONS] = _durations(seconds, time.monotonic() - started)
    return made


def _at_once(acquisition: Acquisition, plan: ReconstructionPlan) -> Result:
    """Return the maps of an acquisition in memory."""
    if plan.search:
        with timed("place of the photo"), stage("place of the photo"):
            acquisition = plan.place_photo(acquisition)
    geometry, problems = acquisition.geometry, training_problems(acquisition, plan.windows)
    shape = (1 + len(plan.layers), len(geometry.lines), *geometry.U.fine.shape)
    made = np.empty(shape, dtype=np.float32)  # the maps and their layers
    negative: set[str] = set()
    if plan.is_single_tile:
        with stage(plan.method.name):
            prepared, solved = plan.solve(problems[0])
        made[...], below = mask_unmeasured(geometry, plan.windows[0], problems[0], solved)
        negative.update(below)
    else:
        with stage(plan.method.name):
            prepared = plan.prepare(problems)
        every = [tile for row in plan.tiles for tile in row]
        with progress_bar(len(every), "tiles") as show:
            for number, tile in enumerate(every, 1):
                problem = geometry.problem(tile, acquisition.crop(tile))
                part = prepared.apply(problem, geometry.core(tile))
                made[:, :, tile.y, tile.x], below = mask_unmeasured(geometry, tile, problem, part)
                negative.update(below)
                show(number)
    warn_of_negatives([line for line in geometry.lines if line in negative])
    line_values, metadata = dict(prepared.line_values), plan.metadata() | prepared.metadata
    if plan.search and geometry.photo is not None:
        line_values |= place_values(geometry, plan.line_coords())
        # Also as an attribute, which lazy results cannot have: it is known when they are computed.
        metadata["shift_mm"] = json.dumps(geometry.photo.shift)
        if plan.refine == AFFINE:
            metadata["affine"] = json.dumps(geometry.photo.affine)
    return Result(made[0], line_values, metadata, dict(zip(plan.layers, made[1:], strict=True)))


def _durations(parts: Mapping[str, float], total: float) -> str:
    """Return the seconds of the parts and of the rest as JSON text."""
    every = {**parts, "reconstruction": max(0.0, total - sum(parts.values()))}
    return json.dumps({name: round(seconds, 3) for name, seconds in every.items()})

"""The graph by which Dask makes fine maps: one task prepares the method, one more makes each tile.

The `Geometry` and the prepared method with its model are the same for all tiles and travel as one object to every
process that needs them. Between tasks there are NumPy arrays and these, no tensors. A tile is computed by one thread,
because Dask computes others at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import dask.array as da
import numpy as np
from dask.base import is_dask_collection, tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph
from numpy.typing import NDArray

from xrfsr.core.separate import AFFINE_COORDS, SHIFT_COORDS
from xrfsr.methods import Prepared
from xrfsr.pipeline.acquisition import Acquisition, Arrays, Geometry
from xrfsr.pipeline.gate import after
from xrfsr.pipeline.plan import ReconstructionPlan, problems_of
from xrfsr.pipeline.refine import place_values
from xrfsr.pipeline.result import Result, mask_unmeasured, warn_of_negatives
from xrfsr.pipeline.tiles import Tile

__all__ = ["reconstruct_dask"]

# A key of a Dask graph: a name, or a name and the number of a block.
Key = Any
# The slices to take of some blocks that are put together; None where there are no blocks.
Cut = tuple[slice, ...] | None


def reconstruct_dask(acquisition: Acquisition, plan: ReconstructionPlan) -> Result:
    """Return the maps of a lazy acquisition as a Dask array; nothing is computed."""
    token = tokenize(acquisition.geometry, acquisition.arrays, plan)
    read, geometry, window, prepared, maps = (
        f"xrfsr-{name}-{token}" for name in ("read", "geometry", "window", "prepared", "maps")
    )
    reading: dict[Key, Any] = {}
    before: dict[Key, Any] = {}
    for number, tile in enumerate((*plan.windows, *plan.search)):
        # One by one, so that no block is held for longer than it takes to cut the window out of it.
        cuts, blocks = _inputs(acquisition.arrays, acquisition, tile)
        before[window, number] = (partial(_arrays, cuts), blocks)
        reading |= _needed(acquisition.arrays, blocks)
    seen = [(window, number) for number in range(len(plan.windows))]
    before[geometry] = acquisition.geometry
    if plan.search:
        searched = [(window, len(seen) + number) for number in range(len(plan.search))]
        before[geometry] = (partial(plan.refined, acquisition.geometry), searched)
    # One task if there is one tile: preparing already computed the estimate. The plan travels with this task alone, and
    # with it the model, if it has one.
    before[prepared] = (partial(_solved if plan.is_single_tile else _prepared, plan), geometry, seen)
    graph = HighLevelGraph({read: reading, prepared: before}, {read: set(), prepared: {read}})
    ready = cast(Any, Delayed)(prepared, graph)
    lines, array = len(acquisition.geometry.lines), cast(Any, da.Array)
    arrays: dict[str, Any] = {}
    for name in plan.line_coords():
        key = f"xrfsr-{name}-{token}"
        task: dict[Key, Any] = {(key, 0): (partial(_line_values, name), prepared)}
        if name in (*SHIFT_COORDS, *AFFINE_COORDS):
            task = {(key, 0): (partial(_place_values, name), geometry)}
        arrays[name] = array(
            HighLevelGraph.from_collections(key, task, [ready]), key, ((lines,),), meta=np.empty(0, np.float32)
        )
    tasks: dict[Key, Any] = {}
    later = acquisition.arrays
    if plan.is_single_tile:
        tasks[maps, 0, 0, 0, 0] = (_maps, prepared)
    else:
        # Read again, and not before there is a use for it: or all would be in memory while the method is prepared.
        later = Arrays(
            *(after(each, prepared, graph) if is_dask_collection(each) else each for each in acquisition.arrays)
        )
        for i, row in enumerate(plan.tiles):
            for j, tile in enumerate(row):
                cuts, blocks = _inputs(later, acquisition, tile)
                tasks[maps, 0, 0, i, j] = (partial(_tile, tile, cuts), geometry, prepared, *blocks)
    inputs = [ready, *(each for each in later if is_dask_collection(each))]
    tall, wide = tuple(_length(row[0].y) for row in plan.tiles), tuple(_length(tile.x) for tile in plan.tiles[0])
    complete = HighLevelGraph.from_collections(maps, tasks, inputs)
    # The maps and their layers come from one task, so they are one array.
    count = 1 + len(plan.layers)
    made = array(complete, maps, ((count,), (lines,), tall, wide), meta=np.empty((0, 0, 0, 0), np.float32))
    return Result(made[0], arrays, plan.metadata(), {name: made[i] for i, name in enumerate(plan.layers, 1)})


def _needed(arrays: Arrays, blocks: Sequence[Any]) -> dict[Key, Any]:
    """Return the tasks behind some blocks of some arrays, and no others: Dask's own culling may leave some in."""
    tasks: dict[Key, Any] = {}
    for array, names in zip(arrays, blocks, strict=True):
        if is_dask_collection(array):
            tasks |= dict(array.__dask_graph__().cull(_flat(names)))
    return tasks


def _inputs(arrays: Arrays, acquisition: Acquisition, tile: Tile) -> tuple[list[Cut], list[Any]]:
    """Return how each array of a tile is put together, and from which blocks."""
    cuts: list[Cut] = []
    blocks: list[Any] = []
    for array, slices in zip(arrays, acquisition.slices(tile), strict=True):
        if array is None:
            cuts.append(None)
            blocks.append(None)
        elif not is_dask_collection(array):
            cuts.append((slice(None),) * array.ndim)
            blocks.append(array[slices])
        else:
            axes = zip(array.chunks, slices, array.shape, strict=True)
            inner, ranges = zip(*(_overlapping(*axis) for axis in axes), strict=True)
            cuts.append(inner)
            blocks.append(_keys((array.name,), ranges))
    return cuts, blocks


def _overlapping(chunks: Sequence[int], part: slice, size: int) -> tuple[slice, range]:
    """Return the blocks along one axis that a part overlaps, and its slice within them."""
    start, stop, _ = part.indices(size)
    ends = np.cumsum(chunks)
    first, last = int(np.searchsorted(ends, start, "right")), int(np.searchsorted(ends, stop - 1, "right"))
    before = int(ends[first]) - chunks[first]
    return slice(start - before, stop - before), range(first, last + 1)


def _keys(before: tuple[Any, ...], ranges: Sequence[range]) -> Any:
    """Nested lists of the keys of blocks."""
    if not ranges:
        return before
    return [_keys((*before, number), ranges[1:]) for number in ranges[0]]


def _flat(names: Any) -> list[Key]:
    return [name for each in names for name in _flat(each)] if isinstance(names, list) else [names]


def _length(part: slice) -> int:
    return int(part.stop - part.start)


# ---------------------------------------------------------------------------------------------------------- the tasks


def _arrays(cuts: Sequence[Cut], blocks: Sequence[Any]) -> Arrays:
    # Copies, so that what is cut away is not kept for them.
    pairs = zip(cuts, blocks, strict=True)
    return Arrays(*(None if cut is None else np.block(nested)[cut].copy() for cut, nested in pairs))


def _prepared(plan: ReconstructionPlan, geometry: Geometry, arrays: Sequence[Arrays]) -> Prepared:
    return plan.prepare(problems_of(geometry, plan.windows, arrays))


def _tile(tile: Tile, cuts: Sequence[Cut], geometry: Geometry, prepared: Prepared, *blocks: Any) -> NDArray[np.float32]:
    from xrfsr.utils.threads import limit_threads

    with limit_threads(1):
        problem = geometry.problem(tile, _arrays(cuts, blocks))
        made = prepared.apply(problem, geometry.core(tile))
    maps, negative = mask_unmeasured(geometry, tile, problem, made)
    warn_of_negatives(negative)
    return np.stack(maps)


@dataclass(frozen=True, eq=False)
class _Solved:
    """Maps with their layers, and line values, of an acquisition that is one tile."""

    maps: NDArray[np.float32]
    line_values: dict[str, NDArray[np.float32]]


def _solved(plan: ReconstructionPlan, geometry: Geometry, arrays: Sequence[Arrays]) -> _Solved:
    (problem,) = problems_of(geometry, plan.windows, arrays)
    prepared, made = plan.solve(problem)
    maps, negative = mask_unmeasured(geometry, plan.windows[0], problem, made)
    warn_of_negatives(negative)
    return _Solved(np.stack(maps), prepared.line_values)


def _maps(solved: _Solved) -> NDArray[np.float32]:
    return solved.maps


def _place_values(name: str, geometry: Geometry) -> NDArray[np.float32]:
    return place_values(geometry, (name,))[name]


def _line_values(name: str, prepared: Prepared | _Solved) -> NDArray[np.float32]:
    return prepared.line_values[name]

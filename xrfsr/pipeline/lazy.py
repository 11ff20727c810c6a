"""The graph by which Dask makes fine maps: one task prepares the method, one more makes each tile.

What is the same for all tiles travels as one object to every process that needs it: the `Frame`, and the prepared
method with its model. Between tasks there are NumPy arrays and these, no tensors. A tile is computed by one thread,
because Dask computes others beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import dask.array as da
import numpy as np
from dask.base import is_dask_collection, tokenize
from dask.highlevelgraph import HighLevelGraph
from numpy.typing import NDArray

from xrfsr.methods import Prepared
from xrfsr.pipeline.gate import after
from xrfsr.pipeline.painting import Frame, Painting, Pieces
from xrfsr.pipeline.plan import How, Made, finish, problems_of, warn_of_negatives
from xrfsr.pipeline.tiles import Tile

__all__ = ["lazily"]

# Places in a graph, as Dask writes them: a name, or a name and the number of a block.
Key = Any


# Which part of some blocks, put together, is meant; None where there are no blocks.
Cut = tuple[slice, ...] | None


def lazily(painting: Painting, how: How) -> Made:
    """The maps of a lazy painting as a Dask array; nothing is computed."""
    places, chosen = how.tiles(painting), how.windows(painting)
    token = tokenize(painting.frame, painting.arrays, how)
    read, frame, window, prepared, maps = (
        f"xrfsr-{name}-{token}" for name in ("read", "frame", "window", "prepared", "maps")
    )
    alone = how.at_once(painting)
    reading: dict[Key, Any] = {}
    before: dict[Key, Any] = {frame: painting.frame}
    for number, tile in enumerate(chosen):
        # One by one, so that no block is held for longer than it takes to cut the window out of it.
        cuts, blocks = _inputs(painting.arrays, painting, tile)
        before[window, number] = (partial(_pieces, cuts), blocks)
        reading |= _needed(painting.arrays, blocks)
    seen = [(window, number) for number in range(len(chosen))]
    # Together, if that is all, for whoever has prepared a method on the whole knows most of the answer.
    # And with its model, if it has one, which thus travels with this task and then with what it gives.
    before[prepared] = (partial(_whole if alone else _prepared, chosen, how), frame, seen)
    graph = HighLevelGraph({read: reading, prepared: before}, {read: set(), prepared: {read}})
    record, names = how.announce()
    known = {name: f"xrfsr-{name}-{token}" for name in names}
    for name, key in known.items():
        graph = _upon(graph, key, {(key, 0): (partial(_told, name), prepared)}, needs=(prepared,))
    tasks: dict[Key, Any] = {}
    later = painting.arrays
    if alone:
        tasks[maps, 0, 0, 0] = (_first, prepared)
    else:
        # Read again, and not before there is a use for it: or all would be in memory while the method is prepared.
        later = Pieces(
            *(after(each, prepared, graph) if is_dask_collection(each) else each for each in painting.arrays)
        )
        for i, row in enumerate(places):
            for j, tile in enumerate(row):
                cuts, blocks = _inputs(later, painting, tile)
                tasks[maps, 0, i, j] = (partial(_tile, tile, cuts, how.device), frame, prepared, *blocks)
    graph = _upon(graph, maps, tasks, later, needs=(prepared,))
    lines, array = len(painting.frame.lines), cast(Any, da.Array)
    tall, wide = tuple(_length(row[0].y) for row in places), tuple(_length(tile.x) for tile in places[0])
    made = array(graph, maps, ((lines,), tall, wide), meta=np.empty((0, 0, 0), np.float32))
    arrays = {name: array(graph, key, ((lines,),), meta=np.empty(0, np.float32)) for name, key in known.items()}
    return Made(made, arrays, record)


def _upon(
    graph: HighLevelGraph, name: str, tasks: dict[Key, Any], arrays: Sequence[Any] = (), needs: Sequence[str] = ()
) -> HighLevelGraph:
    """One more layer on a graph, with the arrays that it reads."""
    lazy = [each for each in arrays if is_dask_collection(each)]
    below = HighLevelGraph.merge(graph, *(each.__dask_graph__() for each in lazy))
    read = {layer for each in lazy for layer in each.__dask_layers__()}
    return HighLevelGraph({**below.layers, name: tasks}, {**below.dependencies, name: read | set(needs)})


def _needed(arrays: Pieces, blocks: Sequence[Any]) -> dict[Key, Any]:
    """The tasks behind some blocks of some arrays, and no others: Dask's own culling may leave some in."""
    tasks: dict[Key, Any] = {}
    for array, names in zip(arrays, blocks, strict=True):
        if is_dask_collection(array):
            tasks |= dict(array.__dask_graph__().cull(_flat(names)))
    return tasks


def _inputs(arrays: Pieces, painting: Painting, tile: Tile) -> tuple[list[Cut], list[Any]]:
    """How each array of a tile is put together, and of which blocks."""
    cuts: list[Cut] = []
    blocks: list[Any] = []
    for array, slices in zip(arrays, painting.slices(tile), strict=True):
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
    """The blocks along one axis that a part overlaps, and where it lies in them."""
    start, stop, _ = part.indices(size)
    ends = np.cumsum(chunks)
    first, last = int(np.searchsorted(ends, start, "right")), int(np.searchsorted(ends, stop - 1, "right"))
    before = int(ends[first]) - chunks[first]
    return slice(start - before, stop - before), range(first, last + 1)


def _keys(before: tuple[Any, ...], ranges: Sequence[range]) -> Any:
    """Nested lists of the names of blocks."""
    if not ranges:
        return before
    return [_keys((*before, number), ranges[1:]) for number in ranges[0]]


def _flat(names: Any) -> list[Key]:
    return [name for each in names for name in _flat(each)] if isinstance(names, list) else [names]


def _length(part: slice) -> int:
    return int(part.stop - part.start)


# ---------------------------------------------------------------------------------------------------------- the tasks


def _pieces(cuts: Sequence[Cut], blocks: Sequence[Any]) -> Pieces:
    # Copies, so that what is cut away is not kept for them.
    pairs = zip(cuts, blocks, strict=True)
    return Pieces(*(None if cut is None else np.block(nested)[cut].copy() for cut, nested in pairs))


def _prepared(chosen: Sequence[Tile], how: How, frame: Frame, pieces: Sequence[Pieces]) -> Prepared:
    return how.prepare(problems_of(frame, chosen, pieces))


def _tile(
    tile: Tile, cuts: Sequence[Cut], device: str, frame: Frame, prepared: Prepared, *blocks: Any
) -> NDArray[np.float32]:
    from xrfsr.utils.threads import limit_threads

    with limit_threads(1):
        problem = frame.problem(tile, _pieces(cuts, blocks))
        maps, negative = finish(frame, tile, problem, prepared, device)
    warn_of_negatives(negative)
    return maps


@dataclass(frozen=True, eq=False)
class _Both:
    """What a method makes of a painting that is one tile."""

    maps: NDArray[np.float32]
    per_line: dict[str, NDArray[np.float32]]


def _whole(chosen: Sequence[Tile], how: How, frame: Frame, pieces: Sequence[Pieces]) -> _Both:
    problems = problems_of(frame, chosen, pieces)
    prepared = how.prepare(problems)
    maps, negative = finish(frame, chosen[0], problems[0], prepared, how.device)
    warn_of_negatives(negative)
    return _Both(maps, prepared.per_line)


def _first(both: _Both) -> NDArray[np.float32]:
    return both.maps


def _told(name: str, prepared: Prepared | _Both) -> NDArray[np.float32]:
    return prepared.per_line[name]

"""Dask arrays that are not computed before something else is."""

from __future__ import annotations

from typing import Any, cast

import dask.array as da
from dask._task_spec import Alias, Task, TaskRef, convert_legacy_graph
from dask.highlevelgraph import HighLevelGraph

__all__ = ["after"]


def after(array: da.Array, ready: str, graph: HighLevelGraph) -> da.Array:
    """The same array, none of whose tasks runs before that named `ready` in the layer of that name in `graph`.

    What `dask.graph_manipulation.bind` is for. That does not rename what tasks of the newer kind depend on (Dask
    2026.8), so that the result reads blocks of the array it was made of, which are bound to nothing.
    """
    raw = dict(array.__dask_graph__())
    tasks = convert_legacy_graph(raw)
    names = {key: _renamed(key, ready) for key in tasks}
    # Futures of persisted blocks, which nobody has to wait for.
    futures = {key: raw[key] for key in raw.keys() - tasks.keys()}
    made: dict[Any, Any] = dict(futures)
    made |= {_renamed(key, ready): Alias(_renamed(key, ready), key) for key in futures}
    # What is in memory already, too.
    held = {key for key, task in tasks.items() if not isinstance(task, Task) and not task.dependencies}
    for key, task in tasks.items():
        new = task.substitute(names, key=names[key])
        if isinstance(new, Task) and task.dependencies <= held:
            new = Task(names[key], _second, TaskRef(ready), new)
        made[names[key]] = new
    name = _renamed(array.name, ready)
    layers = HighLevelGraph({**graph.layers, name: made}, {**graph.dependencies, name: {ready}})
    made_array: da.Array = cast(Any, da.Array)(layers, name, array.chunks, meta=array._meta)
    return made_array


def _renamed(key: Any, ready: str) -> Any:
    if isinstance(key, tuple):
        return (_renamed(key[0], ready), *key[1:])
    return f"{key}-after-{ready}" if isinstance(key, str) else (f"after-{ready}", key)


def _second(first: object, second: Any) -> Any:
    return second

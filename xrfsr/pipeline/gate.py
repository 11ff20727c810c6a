"""Dask arrays whose tasks wait for another task.

`dask.graph_manipulation.bind` exists for this and fails on Dask 2026.8: it does not rename the dependencies of tasks of
the newer kind (`dask._task_spec`), so the bound array reads blocks of the original array, which wait for nothing (dask
pull request 12569). This module uses `dask._task_spec` until a release with that fix can be required.
"""

from __future__ import annotations

from typing import Any, cast

import dask.array as da
from dask._task_spec import Alias, Task, TaskRef, convert_legacy_graph
from dask.highlevelgraph import HighLevelGraph

__all__ = ["after"]


def after(array: da.Array, ready: str, graph: HighLevelGraph) -> da.Array:
    """Return a copy of an array none of whose tasks runs before the task `ready` in the layer `ready` of `graph`.

    Parameters
    ----------
    array : dask.array.Array
        Array to copy.
    ready : str
        Key of the task to wait for, which is also the name of its layer.
    graph : HighLevelGraph
        Graph with that layer.
    """
    raw = dict(array.__dask_graph__())
    tasks = convert_legacy_graph(raw)
    names = {key: _renamed(key, ready) for key in tasks}
    # Futures of persisted blocks: they are computed already.
    futures = {key: raw[key] for key in raw.keys() - tasks.keys()}
    made: dict[Any, Any] = dict(futures)
    made |= {_renamed(key, ready): Alias(_renamed(key, ready), key) for key in futures}
    # Data in memory, too.
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

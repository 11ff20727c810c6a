"""Dask arrays that wait for a task, by way of a part of Dask that may change."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask.highlevelgraph import HighLevelGraph


def test_the_private_part_of_dask_is_as_it_was() -> None:
    private = import_module("dask._task_spec")
    absent = [name for name in ("Alias", "Task", "TaskRef", "convert_legacy_graph") if not hasattr(private, name)]
    assert not absent, (
        f"dask {dask.__version__} has no {', '.join(absent)} in dask._task_spec, which xrfsr/pipeline/gate.py uses in "
        "place of dask.graph_manipulation.bind. Try bind again (dask pull request 12569); if blocks of the bound array "
        "wait for the other task, delete gate.py and call bind"
    )
    task = private.Task("key", sum, private.TaskRef("other"))
    for name in ("dependencies", "substitute"):
        assert hasattr(task, name), f"tasks of dask {dask.__version__} have no {name!r}, which gate.py uses"


@pytest.mark.parametrize("persisted", [False, True])
def test_no_block_is_computed_before_the_task(persisted: bool) -> None:
    from xrfsr.pipeline.gate import after

    events: list[str] = []

    def noted(block: Any) -> Any:
        events.append("block")
        return block + 1

    def ready() -> int:
        events.append("ready")
        return 0

    array = da.zeros((4, 6), chunks=2).map_blocks(noted, meta=np.empty((0, 0)))
    if persisted:
        (array,) = dask.persist(array, scheduler="synchronous")
        events.clear()
    graph = HighLevelGraph({"ready": {"ready": (ready,)}}, {"ready": set()})
    waiting = after(array, "ready", graph)
    assert waiting.chunks == array.chunks
    with dask.config.set(scheduler="threads", num_workers=2):
        np.testing.assert_array_equal(waiting.compute(), np.ones((4, 6)))
    # Blocks that are in memory have nothing to wait for.
    assert events == ([] if persisted else ["ready", *["block"] * 6])

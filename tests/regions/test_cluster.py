"""The same work by the workers of a real Dask cluster."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.regions import run

distributed = pytest.importorskip("distributed")

QUICK: dict[str, Any] = {"steps": 5, "pixels": 256, "K": 2, "M": 8, "device": "cpu", "progress": False}
NAMES = ("a", "b", "c", "d")
PATIENCE = 600  # seconds before a test fails that would otherwise never end


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers, each a process with one thread; any port will do, and a slow start is no failure."""
    patient = {f"distributed.comm.timeouts.{name}": PATIENCE for name in ("connect", "tcp")}
    local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with (
        dask.config.set(patient),
        distributed.LocalCluster(**local) as cluster,
        distributed.Client(cluster) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def painting() -> xrfsr.simulate.Painting:
    return xrfsr.simulate.painting(96, 288, 4, seed=0, lines=["Fe-K", "Pb-L"])


@pytest.fixture(scope="module")
def tree(painting: xrfsr.simulate.Painting) -> xr.DataTree:
    parts = {name: painting.scan.isel(x=slice(18 * i, 18 * (i + 1))) for i, name in enumerate(NAMES)}
    return xr.DataTree.from_dict(parts)


def count_rebuilding(dask_worker: Any) -> None:
    """Count how often a model is made of what came over the wire, in a file that outlives nobody."""
    import xrfsr.network.model as saved

    if not hasattr(saved, "times"):
        made = saved.from_description
        saved.times = 0  # type: ignore[attr-defined]

        def counted(*arguments: Any) -> Any:
            saved.times += 1  # type: ignore[attr-defined]
            return made(*arguments)

        saved.from_description = counted


def times_rebuilt(dask_worker: Any) -> int:
    import xrfsr.network.model as saved

    return int(saved.times)  # type: ignore[attr-defined]


@pytest.mark.soak
def test_lazy_results_are_computed_by_workers(client: Any, painting: xrfsr.simulate.Painting) -> None:
    model = painting.scan.xrfsr.train(painting.rgb, **QUICK)
    here = painting.scan.xrfsr.superresolve(painting.rgb, model=model, chunk=96)
    client.run(count_rebuilding)
    before = client.run(times_rebuilt)
    scan, rgb = painting.scan.chunk(y=10), painting.rgb.chunk(x=100)
    made = scan.xrfsr.superresolve(rgb, model=model, chunk=48)
    assert made.intensity.data.npartitions == 12
    values = made.intensity.data.compute(scheduler=client)
    extent = here.intensity.max(("y", "x")) - here.intensity.min(("y", "x"))
    assert float((abs(made.intensity.copy(data=values) - here.intensity) / extent).max()) < 1e-4
    after = client.run(times_rebuilt)
    # Not with every tile; which worker gets how many tiles is the scheduler's choice.
    assert max(after[worker] - before[worker] for worker in after) == 1


@pytest.mark.soak
def test_persisted_arrays_are_taken_where_they_are(client: Any, painting: xrfsr.simulate.Painting) -> None:
    scan, rgb = painting.scan.chunk(y=10).persist(), painting.rgb.chunk(x=100).persist()
    made = scan.xrfsr.superresolve(rgb, chunk=96, **QUICK).compute()
    here = painting.scan.xrfsr.superresolve(painting.rgb, chunk=96, **QUICK)
    np.testing.assert_allclose(made.intensity, here.intensity, rtol=1e-4, atol=1e-2)


def test_regions_on_a_cluster(
    client: Any, painting: xrfsr.simulate.Painting, tree: xr.DataTree, tmp_path: Path
) -> None:
    report = run(tree, painting.rgb, tmp_path / "all.zarr", client, **QUICK)
    assert report.written == NAMES
    run(tree, painting.rgb, tmp_path / "here.zarr", workers=1, **QUICK)
    with xr.open_datatree(tmp_path / "all.zarr") as made, xr.open_datatree(tmp_path / "here.zarr") as expected:
        xr.testing.assert_identical(made.load(), expected.load())
    assert run(tree, painting.rgb, tmp_path / "all.zarr", client, **QUICK).skipped == NAMES


@pytest.mark.soak
def test_a_shared_model_is_rebuilt_once_a_worker(
    client: Any, painting: xrfsr.simulate.Painting, tree: xr.DataTree, tmp_path: Path
) -> None:
    model = tree.xrfsr.train(painting.rgb, **QUICK)
    client.run(count_rebuilding)
    before = client.run(times_rebuilt)
    many = xr.DataTree.from_dict({f"{name}{i}": tree[name].to_dataset() for name in NAMES for i in range(3)})
    report = run(many, painting.rgb, tmp_path / "all.zarr", client, model=model, progress=False)
    assert len(report.written) == 12
    after = client.run(times_rebuilt)
    assert max(after[worker] - before[worker] for worker in after) <= 1


@pytest.mark.soak
def test_a_killed_worker_costs_no_region(
    client: Any, painting: xrfsr.simulate.Painting, tree: xr.DataTree, tmp_path: Path
) -> None:
    out, killed = tmp_path / "all.zarr", []

    def kill() -> None:
        pids = list(client.run(os.getpid).values())
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if list(out.glob("*/zarr.json")):
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])
                return
            time.sleep(0.002)

    watcher = threading.Thread(target=kill)
    watcher.start()
    report = run(tree, painting.rgb, out, client, **QUICK)
    watcher.join()
    assert killed
    assert not report.failed
    # One that was written, but not yet reported, is met again.
    assert sorted(report.written + report.skipped) == list(NAMES)
    run(tree, painting.rgb, tmp_path / "here.zarr", workers=1, **QUICK)
    with xr.open_datatree(out) as made, xr.open_datatree(tmp_path / "here.zarr") as expected:
        xr.testing.assert_identical(made.load(), expected.load())


def test_a_cluster_has_one_bar(
    client: Any, painting: xrfsr.simulate.Painting, tree: xr.DataTree, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    two = xr.DataTree.from_dict({name: tree[name].to_dataset() for name in NAMES[:2]})
    run(two, painting.rgb, tmp_path / "all.zarr", client, **{**QUICK, "progress": True})
    shown = capfd.readouterr().err
    assert "regions: 100%" in shown
    assert "training" not in shown

"""Executors of the regions: this thread, several threads, processes, or the workers of a Dask client."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from xrfsr.errors import InvalidInput
from xrfsr.regions.region import Outcome, Region
from xrfsr.utils.checks import is_integer, switch_faults
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from distributed import Client

    from xrfsr.network import Model

__all__ = ["Pool"]

Work = Callable[[Region, Any], Outcome]
TRIES = 3  # attempts at a region during which a process was killed

_model: Model | None = None  # in a worker process


@dataclass(frozen=True, slots=True)
class Pool:
    """Workers on regions.

    Attributes
    ----------
    client : distributed.Client, optional
        Client whose workers are used.
    workers : int
        Number of regions at a time, without a client.
    processes : bool
        Whether the workers are processes rather than threads.
    """

    client: Client | None
    workers: int
    processes: bool

    @classmethod
    def of(cls, client: Client | None, workers: int | None, regions: int, *, processes: bool) -> Self:
        """Build it from the arguments of `xrfsr.regions.run`."""
        faults = switch_faults(processes=processes)
        if workers is not None and (not is_integer(workers) or workers < 1):
            faults.append(f"workers must be an integer ≥ 1, got {describe(workers)}")
        if client is not None and not hasattr(client, "submit"):
            faults.append(f"client must be a distributed.Client or None, got {describe(client)}")
        if faults:
            raise InvalidInput("run over regions", faults)
        return cls(client, max(1, min(workers or _cores(), regions)), processes)

    def run(self, work: Work, regions: Sequence[Region], model: Model | None) -> Iterator[Outcome]:
        """Yield the outcomes as they come; an interruption from the keyboard ends all work."""
        if self.client is not None:
            return _by_client(self.client, work, regions, model)
        if self.processes:
            return _by_processes(self.workers, work, regions, model)
        if self.workers > 1:
            return _by_threads(self.workers, work, regions, model)
        return (work(region, model) for region in regions)


def _cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _by_threads(workers: int, work: Work, regions: Sequence[Region], model: Model | None) -> Iterator[Outcome]:
    from xrfsr.utils.threads import available, cancel_on, limit_threads

    share, stop = max(1, available() // workers), threading.Event()

    def one(region: Region) -> Outcome:
        with limit_threads(share), cancel_on(stop):
            return work(region, model)

    with futures.ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(one, region) for region in regions]
        try:
            for future in futures.as_completed(waiting):
                yield future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _by_processes(workers: int, work: Work, regions: Sequence[Region], model: Model | None) -> Iterator[Outcome]:
    share = max(1, _cores() // workers)
    left = {region.name: region for region in regions}
    tries = dict.fromkeys(left, 0)
    while left:
        for outcome in _by_one_pool(workers, share, work, list(left.values()), model):
            del left[outcome.name]
            yield outcome
        # Regions are left only if a process was killed, and it is not known which of them it was working on.
        for name in list(left):
            tries[name] += 1
            if tries[name] == TRIES:
                del left[name]
                yield Outcome(name, "failed", "a process that may have worked on it was killed, perhaps for its memory")


def _by_one_pool(
    workers: int, share: int, work: Work, regions: Sequence[Region], model: Model | None
) -> Iterator[Outcome]:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # threads of torch do not survive a fork
    with futures.ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(share, model)) as pool:
        waiting = [pool.submit(_in_process, work, region) for region in regions]
        try:
            for future in futures.as_completed(waiting):
                with suppress(BrokenProcessPool):
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                with suppress(OSError, TypeError):
                    os.kill(process.pid, signal.SIGINT)  # type: ignore[arg-type]
            raise


def _begin(share: int, model: Model | None) -> None:
    global _model
    _model = model
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import torch

    torch.set_num_threads(share)


def _end_with_parent() -> None:
    """End this process when the one that started it was killed: it would wait forever for another region."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "regions are worked on in processes that multiprocessing starts"
    parent.join()
    os._exit(1)


def _in_process(work: Work, region: Region) -> Outcome:
    return work(region, _model)


def _by_client(client: Any, work: Work, regions: Sequence[Region], model: Model | None) -> Iterator[Outcome]:
    # Sent once to every worker that needs it, not with every region.
    shared = None if model is None else client.scatter(model)
    executor = client.get_executor(pure=False)
    names = {executor.submit(_on_worker, work, region, shared): region.name for region in regions}
    try:
        for future in futures.as_completed(names):
            try:
                yield future.result()
            except Exception as error:  # the worker was lost, too often to try again
                yield Outcome(names[future], "failed", f"{type(error).__name__}: {error}")
    finally:
        executor.shutdown(wait=False)  # cancels what has not finished


def _on_worker(work: Work, region: Region, model: Model | None) -> Outcome:
    from xrfsr.utils.threads import limit_threads

    with limit_threads(1):  # other regions run at the same time
        return work(region, model)

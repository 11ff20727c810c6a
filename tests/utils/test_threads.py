"""Threads at the same time: results, failures, and the interruption from the keyboard."""

from __future__ import annotations

import _thread
import itertools
import sys
import threading
import time

import pytest
import torch

from xrfsr.utils.threads import SWITCH, limit_threads, round_robin, run_threads

PATIENCE = 60  # seconds for which a thread waits before a test fails that would otherwise never end


def test_every_task_is_done_and_somebody_watches() -> None:
    done: list[int] = []
    looks: list[int] = []
    watched = threading.Event()

    def task(number: int) -> None:
        assert watched.wait(PATIENCE)
        done.append(number)

    def watch() -> None:
        looks.append(len(done))
        watched.set()

    tasks = [lambda stop, number=number: task(number) for number in range(3)]
    assert run_threads(tasks, watch) is None
    assert sorted(done) == [0, 1, 2]
    assert (looks[0], looks[-1]) == (0, 3)


@pytest.mark.parametrize("before", [SWITCH * 50, SWITCH / 10])
def test_threads_demand_the_lock_of_python_early(before: float) -> None:
    """Or threads that train wait for it in turn; a caller with a shorter interval keeps it."""
    found: list[float] = []
    usual = sys.getswitchinterval()
    sys.setswitchinterval(before)
    try:
        run_threads([lambda stop: found.append(sys.getswitchinterval())] * 2)
        assert sys.getswitchinterval() == pytest.approx(before)
    finally:
        sys.setswitchinterval(usual)
    assert found == pytest.approx([min(before, SWITCH)] * 2)


def test_a_failure_stops_the_others_and_is_raised() -> None:
    stopped: list[bool] = []

    def patient(stop: threading.Event) -> None:
        stopped.append(stop.wait(PATIENCE))

    def hasty(stop: threading.Event) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        run_threads([patient, hasty, patient])
    assert stopped == [True, True]


def test_an_error_of_the_watcher_stops_the_tasks() -> None:
    stopped: list[bool] = []

    def watch() -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        run_threads([lambda stop: stopped.append(stop.wait(PATIENCE))] * 2, watch)
    assert stopped == [True, True]


@pytest.mark.parametrize("attempt", range(3))
def test_an_interruption_lets_the_tasks_come_to_an_end(attempt: int) -> None:
    ended: list[bool] = []
    watched = threading.Event()

    def patient(stop: threading.Event) -> None:
        stopped = stop.wait(PATIENCE)
        time.sleep(0.1)  # so that a return before the end would be seen; a correct return passes whatever the time
        ended.append(stopped)

    def interrupting(stop: threading.Event) -> None:
        assert watched.wait(PATIENCE)
        _thread.interrupt_main()
        patient(stop)

    assert isinstance(run_threads([patient, interrupting], watched.set), KeyboardInterrupt)
    assert ended == [True, True]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_items_take_turns_among_no_more_threads_than_there_are(threads: int) -> None:
    workers = min(threads, 2)
    far, at_work, most, apart = [0, 0, 0], 0, 0, 0
    lock, begun, all_begun = threading.Lock(), itertools.count(), threading.Barrier(workers)

    def turn(number: int) -> bool:
        nonlocal at_work, most, apart
        with lock:
            at_work += 1
            most = max(most, at_work)
            apart = max(apart, max(far) - min(far))
        if next(begun) < workers:  # the first turns wait for each other
            all_begun.wait(PATIENCE)
        with lock:
            at_work -= 1
            far[number] += 1
        return far[number] < 10

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with limit_threads(workers):
            assert round_robin(range(3), turn, far.__getitem__) is None
    finally:
        torch.set_num_threads(before)
    assert far == [10, 10, 10]
    assert most == workers
    if threads == 1:
        assert apart == 1  # no item waits until others are done


def test_a_turn_that_fails_ends_all_turns() -> None:
    far = [0, 0, 0]

    def turn(number: int) -> bool:
        if number == 1:
            raise ValueError("enough")
        far[number] += 1  # or a single thread would never reach the other items
        return True

    with pytest.raises(ValueError, match="enough"):
        round_robin(range(3), turn, far.__getitem__)

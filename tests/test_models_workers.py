"""Threads side by side: results, failures, and the interruption from the keyboard."""

from __future__ import annotations

import _thread
import threading
import time

import pytest
import torch

from xrfsr.models.workers import at_most, run_all, take_turns


def test_every_task_is_done_and_somebody_watches() -> None:
    done: list[int] = []
    looks: list[int] = []

    def task(number: int) -> None:
        time.sleep(0.15)
        done.append(number)

    tasks = [lambda stop, number=number: task(number) for number in range(3)]
    assert run_all(tasks, lambda: looks.append(len(done))) is None
    assert sorted(done) == [0, 1, 2]
    assert looks[-1] == 3


def test_a_failure_stops_the_others_and_is_raised() -> None:
    stopped: list[bool] = []

    def patient(stop: threading.Event) -> None:
        stopped.append(stop.wait(10))

    def hasty(stop: threading.Event) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        run_all([patient, hasty, patient])
    assert stopped == [True, True]


@pytest.mark.parametrize("attempt", range(3))
def test_an_interruption_lets_the_tasks_come_to_an_end(attempt: int) -> None:
    ended: list[bool] = []

    def patient(stop: threading.Event) -> None:
        told = stop.wait(10)
        time.sleep(0.1)
        ended.append(told)

    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    assert isinstance(run_all([patient, patient]), KeyboardInterrupt)
    assert ended == [True, True]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_items_take_turns_among_no_more_threads_than_there_are(threads: int) -> None:
    far, at_work, most, apart = [0, 0, 0], 0, 0, 0
    lock = threading.Lock()

    def turn(number: int) -> bool:
        nonlocal at_work, most, apart
        with lock:
            at_work += 1
            most = max(most, at_work)
            apart = max(apart, max(far) - min(far))
        time.sleep(0.005)
        with lock:
            at_work -= 1
            far[number] += 1
        return far[number] < 10

    torch.set_num_threads(threads)
    with at_most(min(threads, 2)):
        assert take_turns(range(3), turn, far.__getitem__) is None
    assert far == [10, 10, 10]
    assert most == min(threads, 2)
    if threads == 1:
        assert apart == 1  # nobody waits for the others to be done


def test_a_turn_that_fails_ends_all_turns() -> None:
    def turn(number: int) -> bool:
        if number == 1:
            raise ValueError("enough")
        return True

    with pytest.raises(ValueError, match="enough"):
        take_turns(range(3), turn, float)

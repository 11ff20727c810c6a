"""Threads side by side: results, failures, and the interruption from the keyboard."""

from __future__ import annotations

import _thread
import threading
import time

import pytest

from xrfsr.models.workers import run_all


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

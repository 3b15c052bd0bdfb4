"""Jobs in threads: few, and those of a file system that hangs hold up each other and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rbridge.client import pool, progress
from rbridge.client.loop import Loop
from rbridge.client.pool import AT_ONCE, MOST, OF_ONE, OF_STUCK, STUCK, Job, Pool
from tests.harness.wait import until


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A pool, and jobs that wait at a gate of their device."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock)
        self.pool = Pool(self.loop)
        self.gates: dict[int, threading.Event] = {}
        self.begun: list[int] = []
        self.over: list[int] = []

    def add(self, device: int, count: int = 1) -> Job:
        gate = self.gates.setdefault(device, threading.Event())

        def work() -> int:
            self.begun.append(device)
            assert gate.wait(20)
            return device

        for _ in range(count):
            job = self.pool.do(device, work, lambda result, _error: self.over.append(result))
        return job

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        self.loop.turn(0.0)

    def until(self, condition: Callable[[], Any]) -> None:
        until(lambda: self.loop.turn(0.001) or condition())

    def running(self, device: int) -> int:
        return sum(one.device == device for one in self.pool._running)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    for gate in made.gates.values():
        gate.set()
    made.until(lambda: not made.pool._running and not made.pool._waiting)
    made.loop.close()


def test_a_job_is_done_in_a_thread_and_what_came_of_it_told_in_the_loop(stage: Stage) -> None:
    told: list[Any] = []
    here = threading.get_ident()

    def then(result: Any, error: BaseException | None) -> None:
        told.append((result, type(error), threading.get_ident() == here))

    stage.pool.do(1, lambda: threading.get_ident() == here, then)
    stage.pool.do(1, lambda: 1 // 0, then)
    stage.until(lambda: len(told) == 2)
    assert sorted(told, key=str) == [(False, type(None), True), (None, ZeroDivisionError, True)]


def test_one_file_system_has_a_part_of_the_threads_and_all_of_them_a_number(stage: Stage) -> None:
    for device in range(1, 5):
        stage.add(device, 20)
    assert stage.running(1) == stage.running(2) == OF_ONE
    assert len(stage.pool._running) == AT_ONCE
    stage.gates[1].set()
    stage.until(lambda: stage.over.count(1) == 20)
    assert stage.running(3) == OF_ONE


def test_one_that_hangs_holds_up_nobody_but_its_own(stage: Stage) -> None:
    stage.add(1, 30)
    stage.add(2, 30)
    assert (stage.running(1), stage.running(2)) == (OF_ONE, OF_ONE)
    assert not stage.pool.stuck(1)
    stage.gates[2].set()
    stage.until(lambda: stage.over.count(2) == 30)
    stage.turn(STUCK)
    assert stage.pool.stuck(1)
    stage.add(3, 10)
    stage.gates[3].set()
    stage.until(lambda: stage.over.count(3) == 10)
    assert stage.running(1) == OF_ONE  # no more than it had
    stage.gates[1].set()
    stage.until(lambda: stage.over.count(1) == 30)
    assert not stage.pool.stuck(1)


def test_a_file_system_that_is_known_to_hang_gets_few(stage: Stage) -> None:
    stage.add(1)
    stage.turn(STUCK)
    stage.add(1, 20)
    assert stage.running(1) == OF_STUCK


def test_however_many_hang_there_is_an_end(stage: Stage) -> None:
    for device in range(40):
        stage.add(device, 2)
        stage.turn(STUCK)
    assert len(stage.pool._running) == MOST


def test_a_job_that_gets_on_is_not_stuck(stage: Stage) -> None:
    gate, stepped = threading.Event(), threading.Event()

    def work() -> None:
        assert gate.wait(20)
        progress.step()
        stepped.set()
        assert stage.gates[2].wait(20)

    stage.gates[2] = threading.Event()
    job = stage.pool.do(1, work, lambda _result, _error: None)
    stage.clock.now = STUCK
    assert job.silent == STUCK
    gate.set()
    assert stepped.wait(20)
    assert job.silent == 0.0
    assert not stage.pool.stuck(1)


def test_where_no_thread_is_to_be_had_it_waits_for_another_or_is_done_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_work: object, _arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    here = threading.get_ident()
    told: list[Any] = []
    stage.add(1)
    with monkeypatch.context() as without:
        without.setattr(pool, "start_new_thread", none)
        stage.pool.do(2, threading.get_ident, lambda result, _error: told.append(result))
        assert [one.begun for one in stage.pool._waiting] == [False]
        stage.gates[1].set()
        stage.until(lambda: told)
    assert told == [here]

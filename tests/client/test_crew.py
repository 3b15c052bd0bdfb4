"""Some threads for one folder."""

from __future__ import annotations

import threading

import pytest

from rbridge.client import crew as crews
from rbridge.client.crew import Crew
from rbridge.client.loop import Loop
from tests.harness.wait import until


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def turn(loop, condition):
    def turned():
        loop.turn(0.01)
        return condition()

    until(turned)


def test_jobs_are_done_and_what_came_of_them_is_told_in_the_loop(loop):
    crew = Crew(loop)
    told = []
    crew.do(lambda: 7, lambda result, error: told.append((result, error, threading.current_thread())))
    crew.do(lambda: 1 / 0, lambda result, error: told.append((result, type(error), None)))
    turn(loop, lambda: len(told) == 2)
    assert (7, None, threading.main_thread()) in told
    assert (None, ZeroDivisionError, None) in told


def test_a_few_are_done_at_a_time_and_one_that_hangs_holds_up_no_other(loop, monkeypatch):
    monkeypatch.setattr(crews, "STUCK", 60.0)
    crew = Crew(loop)
    gate = threading.Event()
    running, done = [], []

    def hang():
        running.append(1)
        assert gate.wait(20)

    for _ in range(crews.MOST - 1):
        crew.do(hang, lambda *one: None)
    for number in range(3):
        crew.do(lambda number=number: number, lambda result, error: done.append(result))
    turn(loop, lambda: len(done) == 3)
    assert done == [0, 1, 2]
    crew.do(hang, lambda *one: None)
    crew.do(hang, lambda *one: None)
    turn(loop, lambda: len(running) == crews.MOST)
    assert crew.working == crews.MOST
    gate.set()
    turn(loop, lambda: not crew.working)
    assert len(running) == crews.MOST + 1


def test_those_that_hang_for_long_hold_up_none_until_they_are_too_many(loop, monkeypatch):
    monkeypatch.setattr(crews, "STUCK", 0.05)
    crew = Crew(loop)
    gate = threading.Event()
    done = []
    for _ in range(crews.ALL - 1):
        crew.do(lambda: gate.wait(20), lambda *one: None)
    crew.do(lambda: 7, lambda result, error: done.append(result))
    turn(loop, lambda: done == [7])
    assert crew.working == crews.ALL - 1
    for _ in range(3):
        crew.do(lambda: gate.wait(20), lambda *one: None)
    turn(loop, lambda: crew.working == crews.ALL)
    gate.set()
    turn(loop, lambda: not crew.working)


def test_after_all_of_it(loop):
    crew = Crew(loop)
    told = []
    crew.after(lambda: told.append("at once"))
    assert told == ["at once"]
    crew.do(lambda: None, lambda *one: told.append("job"))
    crew.do(lambda: None, lambda *one: told.append("job"))
    crew.after(lambda: told.append("after"))
    turn(loop, lambda: "after" in told)
    assert told == ["at once", "job", "job", "after"]


def test_without_a_thread_to_be_had_the_loop_does_it(loop, monkeypatch):
    def start(_self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    crew = Crew(loop)
    told = []
    crew.do(lambda: threading.current_thread(), lambda result, error: told.append(result))
    turn(loop, lambda: told)
    assert told == [threading.main_thread()]

"""Jobs in a thread of their own, in order."""

from __future__ import annotations

import threading

import pytest

from rbridge.client.loop import Loop
from rbridge.client.worker import Worker


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def test_jobs_are_done_in_order_and_their_results_come_to_the_loop(loop):
    told = []
    idle = []
    worker = Worker(loop, lambda: idle.append(1))

    def job(number: int):
        return lambda: (number, threading.current_thread() is threading.main_thread())

    def then(result, error):
        told.append((result, error, threading.current_thread() is threading.main_thread()))

    for number in range(3):
        worker.do(job(number), then)
    assert worker.busy
    loop.run(lambda: bool(idle))
    assert told == [((number, False), None, True) for number in range(3)]
    assert idle == [1]
    assert not worker.busy


def test_what_a_job_raises_comes_as_well(loop):
    told = []
    worker = Worker(loop, lambda: None)
    worker.do(lambda: 1 // 0, lambda result, error: told.append((result, type(error))))
    worker.do(lambda: 5, lambda result, error: told.append((result, error)))
    loop.run(lambda: len(told) == 2)
    assert told == [(None, ZeroDivisionError), (5, None)]


def test_after_waits_for_what_was_given_before_and_for_nothing_else(loop):
    told = []
    worker = Worker(loop, lambda: None)
    worker.after(lambda: told.append("at once"))
    assert told == ["at once"]
    gate = threading.Event()
    worker.do(gate.wait, lambda result, error: told.append("job"))
    worker.after(lambda: told.append("after"))
    loop.turn(0)
    assert told == ["at once"]
    gate.set()
    loop.run(lambda: len(told) == 3)
    assert told == ["at once", "job", "after"]


def test_at_rest_there_is_no_thread(loop):
    before = threading.active_count()
    idle = []
    worker = Worker(loop, lambda: idle.append(1))
    worker.do(lambda: None, lambda result, error: None)
    loop.run(lambda: bool(idle))
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.daemon and "work" in repr(thread):
            thread.join(5)
    assert threading.active_count() <= before


def test_where_no_thread_is_to_be_had_the_job_is_done_all_the_same(loop, monkeypatch):
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    told: list[object] = []
    worker = Worker(loop, lambda: told.append("idle"))
    worker.do(lambda: 1, lambda result, error: told.append((result, error)))
    worker.do(lambda: 1 // 0, lambda result, error: told.append(type(error)))
    assert worker.busy
    loop.run(lambda: "idle" in told)
    assert told == [(1, None), ZeroDivisionError, "idle"]

"""The loop: descriptors, timers, calls from threads, signals."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from rbridge.client.loop import READ, WRITE, Loop


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def loop(clock):
    made = Loop(clock)
    yield made
    made.close()


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_descriptor_that_can_be_read_is_told_of(loop, pipe):
    told = []
    loop.watch(pipe[0], READ, told.append)
    loop.turn(0)
    assert told == []
    os.write(pipe[1], b"x")
    loop.turn(0)
    assert told == [READ]


def test_watching_again_replaces_events_and_callback(loop, pipe):
    told = []
    loop.watch(pipe[1], READ, lambda events: told.append("old"))
    loop.watch(pipe[1], WRITE, lambda events: told.append("new"))
    loop.turn(0)
    assert told == ["new"]


def test_what_is_forgotten_is_not_told_of_even_in_the_same_round(loop):
    ends = [os.pipe() for _ in range(2)]
    told = []

    def first(_events: int) -> None:
        told.append("first")
        for reader, _ in ends:
            loop.forget(reader)
            loop.watch(reader, READ, lambda events: told.append("another of that number"))

    for reader, writer in ends:
        os.write(writer, b"x")
        loop.watch(reader, READ, first)
    loop.turn(0)
    assert told == ["first"]
    for pair in ends:
        loop.forget(pair[0])
        for end in pair:
            os.close(end)


def test_forgetting_what_is_not_watched_is_nothing(loop):
    loop.forget(0)


def test_timers_go_in_their_order_and_each_once(loop, clock):
    told = []
    loop.at(2, lambda: told.append("two"))
    loop.at(1, lambda: told.append("one"))
    loop.at(1, lambda: told.append("one too"))
    loop.turn(0)
    assert told == []
    clock.now += 1
    loop.turn(0)
    assert told == ["one", "one too"]
    clock.now += 5
    loop.turn(0)
    loop.turn(0)
    assert told == ["one", "one too", "two"]


def test_a_timer_that_is_cancelled_does_not_go(loop, clock):
    told = []
    timer = loop.at(1, lambda: told.append(1))
    timer.cancel()
    timer.cancel()
    clock.now += 2
    loop.turn(0)
    assert told == []


def test_a_timer_may_set_another(loop, clock):
    told = []
    loop.at(0, lambda: loop.at(0, lambda: told.append(1)))
    loop.turn(0)
    assert told == [1]


def test_a_call_from_a_thread_wakes_it_and_runs_in_its_own(loop):
    told: list[threading.Thread] = []
    thread = threading.Thread(target=lambda: loop.soon(lambda: told.append(threading.current_thread())))
    thread.start()
    loop.run(lambda: bool(told))
    thread.join()
    assert told == [threading.main_thread()]


def test_a_call_of_a_call_waits_for_the_next_round(loop):
    told = []
    loop.soon(lambda: (told.append(1), loop.soon(lambda: told.append(2))))
    loop.turn(0)
    assert told == [1]
    loop.turn(0)
    assert told == [1, 2]


def test_more_calls_than_the_pipe_holds(loop):
    told = []
    for _ in range(70000):
        loop.soon(lambda: told.append(1))
    loop.run(lambda: len(told) == 70000)


def test_signals_come_between_events(loop):
    before = signal.getsignal(signal.SIGTERM)
    told = []
    loop.on_signal = told.append
    loop.listen_to_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    loop.run(lambda: bool(told))
    assert told == [signal.SIGTERM]
    loop.close()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_is_ignored_stays_so(loop):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        loop.listen_to_signals()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        loop.close()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_closing_leaves_no_descriptor(clock):
    before = len(os.listdir("/proc/self/fd"))
    made = Loop(clock)
    assert len(made.descriptors) == 2
    made.close()
    made.close()
    assert len(os.listdir("/proc/self/fd")) == before

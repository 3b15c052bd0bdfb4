"""A process of our own that can be ended at any moment."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest

from rbridge.client import child
from rbridge.client.child import Child
from rbridge.client.loop import Loop
from tests.harness.wait import until


class Run:
    """A child in a loop of the test's own; what it said, and whether it is over."""

    def __init__(
        self, job: Callable[[Callable[[str, bytes], None]], None], seconds: float = 30.0, keep=()
    ) -> None:
        self.loop = Loop()
        self.said: list[tuple[str, bytes]] = []
        self.ended: list[bool] = []
        self.child = Child(
            self.loop, job, lambda *one: self.said.append(one), lambda: self.ended.append(True), keep, seconds
        )

    def until(self, condition: Callable[[], object]) -> None:
        def turned() -> object:
            self.loop.turn(0.01)
            return condition()

        until(turned)

    def gone(self) -> bool:
        self.loop.turn(0.01)
        return not os.path.exists(f"/proc/{self.child.pid}")


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    made: list[Run] = []

    def start(*args: object, **options: object) -> Run:
        made.append(Run(*args, **options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.child.kill()
        until(one.gone)
        one.loop.close()


def test_what_it_says_is_heard_in_order_and_its_end(run):
    def job(say):
        say("M", b"")
        say("M", b"x" * 200_000)
        say("L", b"end")

    ran = run(job)
    ran.until(lambda: ran.ended)
    assert ran.said == [("M", b""), ("M", b"x" * 200_000), ("L", b"end")]
    assert ran.ended == [True]


def test_one_that_fails_just_ends(run):
    ran = run(lambda say: 1 / 0)
    ran.until(lambda: ran.ended)
    assert ran.said == []


def test_a_catastrophic_pattern_keeps_nobody_waiting_and_is_ended_in_time(run):
    ran = run(lambda say: re.match("(a+)+$", "a" * 40 + "b"), seconds=0.5)
    turns = []
    ran.until(lambda: turns.append(1) or ran.ended)
    assert len(turns) > 10
    until(ran.gone)


def test_it_is_killed_with_all_that_it_started(run):
    def job(say):
        pid = os.fork()
        if not pid:
            signal.pause()
        say("M", str(pid).encode())
        signal.pause()

    ran = run(job)
    ran.until(lambda: ran.said)
    ran.child.kill()
    until(ran.gone)
    until(lambda: not alive(int(ran.said[0][1])))
    assert ran.ended == []
    ran.child.kill()


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_while_it_is_not_heard_it_waits(run):
    def job(say):
        for _ in range(100):
            say("M", b"x" * 65536)

    ran = run(job)
    ran.until(lambda: ran.said)
    ran.child.pause()
    ran.loop.turn(0.05)
    count = len(ran.said)
    ran.loop.turn(0.05)
    assert len(ran.said) == count < 100
    ran.child.go_on()
    ran.until(lambda: ran.ended)
    assert len(ran.said) == 100


def test_it_holds_nothing_of_ours_but_what_it_keeps(run):
    mine, kept = os.open("/", os.O_RDONLY), os.open("/", os.O_RDONLY)

    def job(say):
        say("L", " ".join(sorted(os.listdir("/proc/self/fd"), key=int)).encode())

    ran = run(job, keep=(kept,))
    ran.until(lambda: ran.ended)
    numbers = [int(one) for one in ran.said[0][1].split()]
    os.close(mine)
    os.close(kept)
    assert kept in numbers
    assert mine not in numbers


def test_it_is_as_quick_as_others_and_takes_signals_as_any_program(run):
    ran = run(lambda say: say("L", f"{os.nice(0)} {int(signal.getsignal(signal.SIGTERM))}".encode()))
    ran.until(lambda: ran.ended)
    assert ran.said == [("L", f"{os.nice(0)} 0".encode())]


def test_after_a_while_it_makes_way_with_all_that_it_has_started(run, monkeypatch):
    monkeypatch.setattr(child, "HURRY", 0.2)
    before = os.nice(0)

    def job(say):
        read, write = os.pipe()
        if not os.fork():
            until(lambda: os.nice(0) > before)
            os.write(write, b"%d" % os.nice(0))
            os._exit(0)
        until(lambda: os.nice(0) > before)
        say("L", b"%d %s" % (os.nice(0), os.read(read, 10)))

    ran = run(job)
    ran.until(lambda: ran.ended)
    nice = min(19, before + child.NICE)
    assert ran.said == [("L", f"{nice} {nice}".encode())]
    assert os.nice(0) == before


def test_one_that_says_too_much_is_ended(run, monkeypatch):
    monkeypatch.setattr(child, "LARGEST", 1000)
    ran = run(lambda say: say("M", b"x" * 2000))
    ran.until(lambda: ran.ended)
    assert ran.said == []


def test_where_there_can_be_none_that_is_an_error_and_nothing_is_left(monkeypatch):
    def fork():
        raise BlockingIOError(11, "no more processes")

    loop = Loop()
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(BlockingIOError):
        Child(loop, lambda say: None, lambda *one: None, lambda: None, (), 1.0)
    assert len(os.listdir("/proc/self/fd")) == before
    loop.close()

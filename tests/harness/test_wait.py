import itertools
import os

import pytest

from tests.harness.wait import Never, free_port, stays, until, until_async


def test_returns_the_first_true_value():
    values = itertools.chain([0, "", None], itertools.repeat(7))
    assert until(lambda: next(values)) == 7


def test_what_is_not_there_yet_counts_as_not_yet():
    looks = iter([FileNotFoundError("f"), KeyError("k"), AssertionError("a")])

    def look():
        for error in looks:
            raise error
        return True

    assert until(look)


def test_says_what_did_not_happen_and_why():
    with pytest.raises(Never, match=r"not within 0.01 s: the file is there; .*FileNotFoundError"):
        until(lambda: os.stat("/nonexistent/file"), 0.01, "the file is there")


def test_other_errors_come_out_at_once():
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 // 0)


def test_looks_as_often_as_who_takes_the_time_wants(monkeypatch):
    pauses = []
    monkeypatch.setattr("tests.harness.wait.time.sleep", pauses.append)
    assert until(lambda: len(pauses) == 5, every=0.25)
    assert pauses == [0.25] * 5
    pauses.clear()
    assert until(lambda: len(pauses) == 5)
    assert pauses == sorted(set(pauses))


async def test_lets_other_tasks_run_meanwhile(nursery):
    seen = []

    async def other():
        seen.append(1)

    nursery.start_soon(other)
    assert await until_async(lambda: seen) == [1]


async def test_has_a_deadline_under_trio_too():
    with pytest.raises(Never):
        await until_async(lambda: False, 0.01)


def test_stays_notices_a_change():
    values = itertools.chain([True, True], itertools.repeat(False))
    with pytest.raises(AssertionError, match="did not stay so"):
        stays(lambda: next(values), 5.0)


def test_free_port_can_be_had():
    assert 1024 <= free_port() <= 65535

"""A process that another one of ours started: its end is noticed, and it is ended, as a child's is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from rbridge.adapters import orphan, pids
from tests.adapters.traces import descriptors
from tests.harness.wait import until

DEADLINE = 15.0


class Orphaned:
    """A process whose parent, a shell, is dead."""

    def __init__(self, script: str) -> None:
        words = ["/bin/sh", "-c", 'setsid /bin/sh -c "$0" >/dev/null 2>&1 & echo $!', script]
        self.pid = int(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
        until(lambda: os.getpgid(self.pid) == self.pid)
        self.trace = pids.trace(self.pid)

    def end(self) -> None:
        if pids.lives(self.trace):
            os.killpg(self.pid, signal.SIGKILL)


@pytest.fixture(params=["pidfd", "looking"])
def orphaned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orphaned]:
    if request.param == "looking":
        monkeypatch.delattr(orphan.os, "pidfd_open")
        monkeypatch.setattr(orphan, "LOOK", 0.01)
    made = Orphaned("while :; do sleep 1000; done")
    yield made
    made.end()


async def test_its_end_is_noticed(orphaned: Orphaned, tmp_path: Path) -> None:
    before = descriptors()
    (tmp_path / "errors").write_text("first\nlast words\n")
    with trio.fail_after(DEADLINE):
        async with orphan.adopted(tmp_path, orphaned.trace) as found:
            assert found.alive
            async with trio.open_nursery() as nursery:
                nursery.start_soon(found.wait)
                await trio.testing.wait_all_tasks_blocked()
                os.killpg(orphaned.pid, signal.SIGKILL)
            assert await found.wait() is None
            assert found.last_words() == "last words"
            assert found.resume == orphaned.trace
    assert descriptors() == before


async def test_it_is_ended_when_the_block_is_left(orphaned: Orphaned, tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE):
        async with orphan.adopted(tmp_path, orphaned.trace):
            pass
    assert not pids.lives(orphaned.trace)


async def test_one_that_ignores_the_request_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphan, "GRACE", 0.2)
    made = Orphaned("trap : TERM; while :; do sleep 1000; done")
    with trio.fail_after(DEADLINE):
        async with orphan.adopted(tmp_path, made.trace):
            pass
    assert not pids.lives(made.trace)


async def test_one_that_has_ended_is_left_alone_and_so_is_who_has_its_number(
    orphaned: Orphaned, tmp_path: Path
) -> None:
    other = {**orphaned.trace, "start": "1 of another boot"}
    with trio.fail_after(DEADLINE):
        async with orphan.adopted(tmp_path, other) as found:
            assert await found.wait() is None
    assert pids.lives(orphaned.trace)


@pytest.mark.parametrize("trace", [{}, {"pid": -1, "start": "x"}, {"pid": "x"}, {"pid": 2**40, "start": "x"}])
async def test_what_makes_no_sense_has_ended(tmp_path: Path, trace: dict[str, object]) -> None:
    async with orphan.adopted(tmp_path, trace) as found:
        assert await found.wait() is None

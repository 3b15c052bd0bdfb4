"""The end of the process: in bounded time, whatever hangs, and with words about what is not known."""

from __future__ import annotations

import signal
import threading

import pytest

from rbridge.client import incoming
from rbridge.client.farewell import LAST_SAVES, LAST_WORDS
from tests.client.laptop import unquoted


@pytest.fixture
def hanging(host, here, monkeypatch):
    """A save of the file ``a`` that hangs, once; the gate that lets it go on, and who waits for the file."""
    here.file("a", "old")
    asker = host.begin("-w", "a")
    host.until(lambda: asker.open)
    host.until(lambda: host.resident.documents[0].target and not host.resident.busy)
    gate, entered = threading.Event(), threading.Event()
    real = incoming.Incoming.finish

    def finish(self):
        entered.set()
        assert gate.wait(20)
        return real(self)

    monkeypatch.setattr(incoming.Incoming, "finish", finish)
    host.main.save(host.resident.documents[0].source.token, 1, b"new", b"old")
    host.until(entered.is_set)
    yield gate, asker
    gate.set()


def test_a_save_that_hangs_is_said_to_be_uncertain_and_the_process_ends(host, here, hanging):
    _gate, asker = hanging
    host.resident.signalled(signal.SIGTERM)
    host.skip(LAST_SAVES - 1)
    assert not host.resident.done()
    host.skip(1.1)
    said = host.heard("refused")
    assert said["reason"] == "uncertain"
    assert unquoted(said, "message").startswith(
        "a: it is not known whether the last save is in the file: the client ends, and its file system does"
        " not answer since 1"
    )
    assert asker.codes == [74]
    host.skip(LAST_WORDS)
    host.until(host.resident.done)
    host.resident.end()
    assert (here.path / "a").read_bytes() == b"old"


def test_one_that_ends_in_time_is_waited_for(host, here, hanging):
    gate, asker = hanging
    host.resident.signalled(signal.SIGTERM)
    host.skip(LAST_SAVES - 1)
    gate.set()
    host.until(host.resident.done)
    assert (here.path / "a").read_bytes() == b"new"
    assert host.main.all("saved")
    assert not host.main.all("refused")
    assert asker.codes == [74]


def test_an_end_without_a_signal_is_bounded_as_well(host, here, hanging):
    real = host.loop.turn

    def fast(longest: float | None = None) -> None:
        host.clock.skipped += 1.0
        real(0.005)

    host.loop.turn = fast
    host.resident.end()
    host.loop.turn = real
    assert host.resident.savings == []
    assert (here.path / "a").read_bytes() == b"old"


def test_the_log_says_how_many_were_not_waited_for(host, hanging):
    host.resident.signalled(signal.SIGTERM)
    host.skip(LAST_SAVES + 0.1)
    assert "saves that are not waited for any longer: 1" in host.log

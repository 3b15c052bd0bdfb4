"""A call that may hang is made in a thread, so that a signal can end the wait."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from rbridge.client import patience
from rbridge.errors import NoInput


def quiet() -> None:
    raise AssertionError("it was in time")


def test_what_it_returns_or_raises() -> None:
    assert patience.ask(lambda: 5, 20, quiet) == 5
    with pytest.raises(NoInput, match="none"):
        patience.ask(lambda: (_ for _ in ()).throw(NoInput("none")), 20, quiet)


def test_silence_is_told_once_and_the_answer_is_waited_for() -> None:
    gate = threading.Event()
    told: list[int] = []

    def silent() -> None:
        told.append(1)
        gate.set()

    assert patience.ask(lambda: gate.wait(20) and "late", 0.01, silent) == "late"
    assert told == [1]


def test_ctrl_c_ends_the_wait() -> None:
    gate = threading.Event()

    def silent() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            patience.ask(lambda: gate.wait(20), 0.01, silent)
    finally:
        gate.set()


def test_without_a_thread_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_work: object, _arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(patience, "start_new_thread", none)
    assert patience.ask(threading.get_ident, 20, quiet) == threading.get_ident()

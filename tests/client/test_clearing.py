"""Clearing up after a crash does not keep a command for long."""

from __future__ import annotations

import threading

import pytest

from rbridge.client import clearing


def test_what_recovering_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "recover", lambda states: [f"finished one in {states}"])
    assert clearing.clear("/state") == ["finished one in /state"]


def test_a_file_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(clearing, "recover", lambda _states: gate.wait(20))
    monkeypatch.setattr(clearing, "PATIENCE", 0.01)
    (line,) = clearing.clear("/state")
    assert line == (
        "an earlier save that was cut short cannot be cleared up now: its file system does not answer"
    )
    gate.set()

"""Waiting for a file server for so long and no longer."""

from __future__ import annotations

import threading

import pytest

from rbridge.client.within import Silent, within


def test_an_answer_in_time() -> None:
    assert within(20, lambda: "there") == "there"


def test_no_answer_in_time() -> None:
    gate = threading.Event()
    with pytest.raises(Silent, match="its file system does not answer"):
        within(0.01, lambda: gate.wait(20))
    gate.set()

"""A file made ready to be sent, in a thread."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from rbridge.client import reading
from rbridge.client.delivery import SMALL, Document
from rbridge.client.options import parse
from rbridge.errors import Denied, NoInput
from tests.client.laptop import sha

PEER = SimpleNamespace(link=True)


@pytest.fixture
def read(check):
    def ask(name: str, *, new: bool = False, closed: bool = False):
        one = Document(check(name), PEER)
        if closed:
            one.before = os.fstat(one.source.fd)
            one.source.close()
        return one, lambda: reading.read(one, parse(["a"]), new, PEER)

    return ask


def test_a_small_one_is_read_and_closed(home, read):
    home.file("a", "text")
    one, made = read("a", new=True)
    found = made()
    assert (found.body, found.headers["new"]) == (b"text", "yes")
    assert (one.sha256, one.size, one.source.fd) == (sha(b"text"), 4, -1)


def test_a_large_one_stays_open(home, read):
    home.file("a", bytes(SMALL + 1))
    one, made = read("a")
    found = made()
    assert found.body is None
    assert "new" not in found.headers
    assert one.source.fd >= 0


def test_one_that_was_sent_before_is_opened_anew(home, read):
    path = home.file("a", "text")
    one, made = read("a", closed=True)
    path.write_text("another text")
    assert made().body == b"another text"
    assert one.source.size == 12


def test_one_that_was_deleted_meanwhile(home, read):
    path = home.file("a", "text")
    _, made = read("a", closed=True)
    path.unlink()
    with pytest.raises(NoInput, match="a was deleted meanwhile"):
        made()


def test_one_that_cannot_be_opened_any_more(home, read, monkeypatch):
    home.file("a", "text")
    _, made = read("a", closed=True)

    def refuse(*_words: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reading.os, "open", refuse)
    with pytest.raises(Denied):
        made()


def test_a_new_one_has_no_text(home, read):
    _, made = read("new")
    found = made()
    assert (found.body, found.headers["absent"]) == (b"", "yes")

"""One save on its way in, and the base it is compared with."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from rbridge.client.delivery import Document
from rbridge.client.incoming import Incoming, take_base
from rbridge.client.options import parse
from rbridge.client.saver import UNKNOWN
from rbridge.client.source import check
from rbridge.wire.records import Record

PEER = SimpleNamespace(link=True)


@pytest.fixture
def document(home, monkeypatch):
    """``document("a", ...)``: as if it had been sent, large files without a hash."""
    monkeypatch.chdir(home.path)
    made = []

    def make(*words: str, sha256: str = "") -> Document:
        options = parse(list(words))
        one = Document(check(options.requests[0], options), PEER)  # type: ignore[arg-type]
        if one.source.fd >= 0:
            one.before = os.fstat(one.source.fd)
        one.size = one.source.size
        one.sha256 = sha256
        made.append(one)
        return one

    yield make
    for one in made:
        one.source.close()


def test_a_save_lands_and_becomes_the_new_base(home, document):
    path = home.file("a", "old")
    one = document("a")
    for serial, text in ((1, b"new"), (2, b"newer")):
        arriving = Incoming(one, Record("save", {"save": str(serial)}, len(text)), str(home.state))
        arriving.write(text)
        assert arriving.finish().kind == "saved"
        assert (arriving.serial, arriving.size) == (str(serial), len(text))
        assert path.read_bytes() == text


def test_fewer_bytes_than_announced_are_no_save(home, document):
    path = home.file("a", "old")
    arriving = Incoming(document("a"), Record("save", {}, 10), str(home.state))
    arriving.write(b"new")
    assert arriving.finish().kind == "refused"
    assert path.read_bytes() == b"old"


def test_an_aborted_save_leaves_nothing(home, document):
    home.file("a", "old")
    arriving = Incoming(document("a"), Record("save", {}, 10), str(home.state))
    arriving.write(b"new")
    arriving.abort()
    assert os.listdir(home.path) == ["a"]


def test_read_only_takes_the_text_and_refuses_it(home, document):
    home.file("a", "old")
    arriving = Incoming(document("-r", "a"), Record("save", {}, 3), str(home.state))
    arriving.write(b"new")
    outcome = arriving.finish()
    assert (outcome.kind, outcome.reason) == ("refused", "read-only")
    assert arriving.fd == -1


def test_the_base_of_a_large_file_is_hashed_from_the_same_descriptor(home, document):
    home.file("a", "old")
    one = document("a")
    take_base(one)
    assert one.target.base.size == 3
    assert one.source.fd == -1


def test_a_file_that_changed_after_it_was_sent_has_no_base(home, document):
    path = home.file("a", "old")
    one = document("a")
    with open(path, "a") as file:
        file.write("more")
    take_base(one)
    assert one.target.base is UNKNOWN


def test_a_new_file_has_none(document):
    one = document("new")
    take_base(one)
    assert one.target.base is None


def test_what_was_hashed_while_it_was_sent_is_not_read_again(home, document):
    home.file("a", "old")
    one = document("a", sha256="0" * 64)
    take_base(one)
    assert one.target.base.sha256 == "0" * 64
    assert one.target.base.taken_ns == 0

"""What a file holds now, and how its text is packed."""

from __future__ import annotations

import errno
import os
import zlib

import pytest

from rbridge.client import content, incoming, stamp
from rbridge.client.delivery import Document
from rbridge.errors import NoInput
from tests.client.laptop import sha


@pytest.fixture
def document(home, check):
    def make(*words: str) -> Document:
        return Document(check(*words), None)  # type: ignore[arg-type]

    return make


def test_size_and_hash_of_what_is_there(home, document):
    path = home.file("a", "text")
    found = content.find(document("a"))
    assert (found.size, found.sha256, found.reason, found.fd) == (4, sha(b"text"), "", -1)
    assert found.headers() == {"size": "4", "sha256": sha(b"text")}
    assert found.stamp.inode == path.stat().st_ino


def test_what_is_not_there_is_absent(home, document):
    one = document("new")
    found = content.find(one)
    assert (found.reason, found.message) == ("gone", "new was deleted or renamed")
    assert found.headers() == {"absent": "yes"}
    assert content.look(one, True, 10).reason == "gone"


def test_what_is_no_file_is_no_text(home, document):
    path = home.file("a", "text")
    one = document("a")
    path.unlink()
    path.mkdir()
    assert content.find(one, keep=True).reason == "failed"


def test_it_can_stay_open(home, document):
    home.file("a", "text")
    found = content.find(document("a"), keep=True)
    assert content.read(found) == b"text"
    found.close()
    found.close()
    assert found.fd == -1


def test_what_changed_since_it_was_hashed_is_not_read(home, document):
    path = home.file("a", "text")
    found = content.find(document("a"), keep=True)
    path.write_bytes(b"more text")
    with pytest.raises(NoInput):
        content.read(found)
    found.close()


def test_what_has_not_changed_is_not_read_again(home, document, monkeypatch):
    path = home.file("a", "text")
    os.utime(path, (1, 1))
    one = document("a")
    one.before = os.fstat(one.source.fd)
    incoming.take_base(one)
    st = path.stat()
    one.target.base = stamp.of(st, 4, "f" * 64, stamp.now_ns() + 10**10)
    assert content.find(one).sha256 == "f" * 64
    path.write_bytes(b"another")
    assert content.find(one).sha256 == sha(b"another")


def test_a_small_text_is_read_and_a_large_one_left_open(home, document):
    home.file("a", b"x" * 100)
    one = document("a")
    found = content.look(one, True, 100)
    assert (found.data, found.fd) == (b"x" * 100, -1)
    found = content.look(one, True, 99)
    assert found.data is None
    assert found.fd >= 0
    found.close()
    found = content.look(one, False, 100)
    assert (found.data, found.fd, found.size) == (None, -1, 100)


def test_a_text_that_changes_while_it_is_read_is_none(home, document, monkeypatch):
    home.file("a", b"text")

    def read(found):
        raise NoInput("it keeps changing while it is read")

    monkeypatch.setattr(content, "read", read)
    found = content.look(document("a"), True, 100)
    assert (found.reason, found.message) == ("failed", "a cannot be read: it keeps changing while it is read")


def test_standard_input_is_its_last_draft(home, document, monkeypatch):
    home.file("a", "typed")
    one = document("a")
    one.source.stdin = True
    assert content.find(one).sha256 == sha(b"typed")
    found = content.find(one, keep=True)
    assert found.fd not in (-1, one.source.fd)
    found.close()


def test_a_file_is_packed_into_one_without_a_name(home):
    path = home.file("a", b"0123456789" * 300_000)
    with open(path, "rb") as file:
        made = content.pack(file.fileno(), 10, 2_999_990)
        assert zlib.decompress(os.pread(made, 1 << 20, 0)) == b"0123456789" * 299_999
        os.close(made)
        with pytest.raises(NoInput):
            content.pack(file.fileno(), 10, 3_000_000)


def test_standard_input_without_a_descriptor_to_spare_cannot_be_told(home, document, monkeypatch):
    home.file("a", "text")
    one = document("a")
    one.source.stdin = True

    def dup(number: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "dup", dup)
    assert content.find(one, keep=True).reason == "failed"

import os
import stat
import time

import pytest

from rbridge.errors import CannotCreate
from rbridge.server import spool
from rbridge.server.spool import Spool, SpoolFull, refusal

ID = "0123456789abcdef"
OTHER = "fedcba9876543210"
WORDS = {"host": "gpu1", "path": "/home/u/x.py", "shown": "x.py", "why": "kept", "base": "00"}


@pytest.fixture
def kept(tmp_path):
    return Spool(str(tmp_path / "spool"), 1000)


@pytest.fixture
def text(tmp_path):
    """Write a text and open it: ``text(b"...")`` gives a descriptor."""
    opened = []

    def make(data):
        path = tmp_path / f"text{len(opened)}"
        path.write_bytes(data)
        opened.append(os.open(path, os.O_RDONLY))
        return opened[-1]

    yield make
    for fd in opened:
        os.close(fd)


def test_kept_with_what_it_is_for_us_alone(kept, text):
    before = time.time()
    entry = kept.keep(ID, text(b"new"), "x.py", **WORDS)
    assert entry.file.read_bytes() == b"new"
    assert entry.file.name == "text-x.py"
    assert kept.entries() == [entry]
    about = entry.about
    assert (about.host, about.path, about.name, about.size) == ("gpu1", "/home/u/x.py", "x.py", 3)
    assert before <= about.time <= time.time()
    for path in (entry.file, entry.file.parent / "about.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in (entry.file.parent, entry.file.parent.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_newer_text_replaces_the_older_one(kept, text):
    old = kept.keep(ID, text(b"old"), "x.py", **WORDS)
    entry = kept.keep(ID, text(b"new"), "x.py", **WORDS)
    assert entry.file == old.file
    assert [one.file for one in kept.entries()] == [entry.file]
    assert sorted(os.listdir(entry.file.parent)) == sorted([entry.file.name, "about.json"])


def test_dropped(kept, text):
    kept.keep(ID, text(b"new"), "x.py", **WORDS)
    kept.keep(OTHER, text(b"other"), "x.py", **WORDS)
    kept.drop(ID)
    kept.drop(ID)
    assert [entry.about.id for entry in kept.entries()] == [OTHER]
    assert os.listdir(kept.root) == [OTHER]


def test_oldest_first(kept, text):
    for name in (OTHER, ID):
        kept.keep(name, text(b"x"), "x.py", **WORDS)
    assert [entry.about.id for entry in kept.entries()] == [OTHER, ID]


def test_bounded_in_bytes_and_the_older_text_survives(kept, text):
    kept.keep(OTHER, text(b"x" * 600), "x.py", **WORDS)
    kept.keep(ID, text(b"y" * 400), "x.py", **WORDS)
    with pytest.raises(SpoolFull) as caught:
        kept.keep(ID, text(b"z" * 401), "x.py", **WORDS)
    assert [entry.about.size for entry in kept.entries()] == [600, 400]
    assert "save it elsewhere" in refusal(caught.value)


def test_bounded_in_number(kept, text, monkeypatch):
    monkeypatch.setattr(spool, "ENTRIES", 1)
    kept.keep(OTHER, text(b"x"), "x.py", **WORDS)
    kept.keep(OTHER, text(b"y"), "x.py", **WORDS)
    with pytest.raises(SpoolFull):
        kept.keep(ID, text(b"x"), "x.py", **WORDS)


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_failure_leaves_the_older_text(kept, text, monkeypatch, call):
    kept.keep(ID, text(b"old"), "x.py", **WORDS)
    new = text(b"new")

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool.os, call, fail)
    with pytest.raises(CannotCreate, match="No space"):
        kept.keep(ID, new, "x.py", **WORDS)
    monkeypatch.undo()
    (entry,) = kept.entries()
    assert entry.file.read_bytes() == b"old"


def test_what_a_crash_left_half_done_is_no_entry(kept, text):
    os.mkdir(os.path.join(kept.root, ID))
    os.mkdir(os.path.join(kept.root, "not-an-id"))
    assert kept.entries() == []
    kept.keep(ID, text(b"new"), "x.py", **WORDS)
    assert len(kept.entries()) == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", "nonsense", '{"id": 1}'])
def test_metadata_that_cannot_be_read_harms_no_other(kept, text, content):
    kept.keep(OTHER, text(b"x"), "x.py", **WORDS)
    os.mkdir(os.path.join(kept.root, ID))
    with open(os.path.join(kept.root, ID, "about.json"), "w") as file:
        file.write(content)
    assert [entry.about.id for entry in kept.entries()] == [OTHER]

import os

import pytest

from rbridge.adapters.base import Outcome, Result, Text
from rbridge.server.saves import NOT_KEPT, Saves
from rbridge.server.spool import Spool


class Client:
    secret = "00" * 16
    identity = "gpu1 key"


class Line:
    client = Client()
    token = "t"


@pytest.fixture
def spool(tmp_path):
    return Spool(str(tmp_path / "spool"), 1000)


@pytest.fixture
def saves(tmp_path, spool):
    text = Text("0badcafe" * 3, "gpu1", "/x.py", "x.py", tmp_path / "x.py", 0)
    made = Saves(text, Line(), spool)
    yield made
    made.close("")


def begin(saves, tmp_path, data):
    path = tmp_path / "snapshot"
    path.write_bytes(data)
    save = saves.begin(os.open(path, os.O_RDONLY))
    path.unlink()
    return save


def is_open(save):
    try:
        os.fstat(save.fd)
    except OSError:
        return False
    return True


def test_saves_count_up(saves, tmp_path):
    assert [begin(saves, tmp_path, b"x").serial for _ in range(3)] == [1, 2, 3]
    assert [save.serial for save in saves.unanswered] == [1, 2, 3]
    assert saves.newest == 3


async def test_an_adapter_is_answered_once(saves, tmp_path):
    save = begin(saves, tmp_path, b"x")
    assert saves.settle(1, Outcome(Result.SAVED))
    assert not saves.settle(1, Outcome(Result.KEPT))
    assert not saves.settle(2, Outcome(Result.KEPT))
    await save.settled.wait()
    assert save.outcome.result is Result.SAVED
    assert saves.unanswered == []


def test_a_text_is_held_as_long_as_it_is_needed(saves, tmp_path):
    first, second = begin(saves, tmp_path, b"1"), begin(saves, tmp_path, b"2")
    saves.settle(1, Outcome(Result.KEPT))
    saves.prune((1, None))
    assert is_open(first)
    assert is_open(second)
    saves.prune((None, None))
    assert not is_open(first)
    assert is_open(second)
    assert saves.get(1) is None
    assert saves.get(2) is second
    assert saves.get(None) is None


def test_what_is_kept_says_whose_it_is(saves, tmp_path, spool):
    save = begin(saves, tmp_path, b"text")
    where = saves.keep(save, "lost", "base")
    (entry,) = spool.entries()
    assert where == f"the text is kept at {entry.file}"
    about = entry.about
    assert (about.session, about.token, about.serial, about.identity) == ("00" * 16, "t", 1, "gpu1 key")
    assert (about.base, about.why, entry.file.read_bytes()) == ("base", "lost", b"text")
    assert saves.kept == about.sha256
    saves.drop()
    assert spool.entries() == []


def test_a_full_spool_is_said(saves, tmp_path):
    assert "could NOT be kept (the spool is full)" in saves.keep(
        begin(saves, tmp_path, b"x" * 2000), "lost", ""
    )


def test_a_replaced_text_lies_beside_and_belongs_to_nobody(saves, tmp_path, spool):
    save = begin(saves, tmp_path, b"mine")
    saves.keep(save, "refused", "base")
    saves.put_aside(os.dup(save.fd), "replaced", "base")
    (told,) = saves.keep_aside()
    (entry,) = spool.entries()
    assert (entry.about.why, entry.about.session, entry.file.read_bytes()) == ("replaced", "", b"mine")
    assert str(entry.file) in told


def test_without_a_spool_nothing_is_kept_and_that_is_said(tmp_path):
    saves = Saves(Text("0badcafe", "h", "/x", "x", tmp_path / "x", 0), Line(), None)
    save = begin(saves, tmp_path, b"x")
    assert saves.keep(save, "lost", "") == NOT_KEPT
    saves.put_aside(os.dup(save.fd), "kept", "")
    assert saves.keep_aside() == [NOT_KEPT]
    saves.drop()
    saves.close("")
    assert not is_open(save)


def test_at_the_end_the_newest_that_nobody_answered_is_kept(saves, tmp_path, spool):
    made = [begin(saves, tmp_path, data) for data in (b"1", b"2")]
    saves.put_aside(os.dup(made[0].fd), "kept", "")
    outcomes = saves.close("base")
    assert [outcome.result for outcome in outcomes] == [Result.KEPT] * 2
    assert sorted(entry.file.read_bytes() for entry in spool.entries()) == [b"1", b"2"]
    assert not any(is_open(save) for save in made)
    assert all(save.settled.is_set() for save in made)

import json
import os
import stat
import time
from hashlib import sha256

import pytest

from rbridge.errors import CannotCreate
from rbridge.server import spool
from rbridge.server.spool import REPLACED, Entry, Spool, SpoolFull, refusal

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


def where(about):
    return {"session": "5" * 32, "token": "t1", "serial": 3, "identity": "abc", **about}


def test_an_entry_of_an_older_rbridge_is_read(kept, text):
    kept.keep(ID, text(b"new"), "x.py", **WORDS)
    about = os.path.join(kept.root, ID, "about.json")
    with open(about) as file:
        said = json.load(file)
    for name in ("staged", "session", "token", "serial", "identity"):
        del said[name]
    with open(about, "w") as file:
        json.dump(said, file)
    (entry,) = Spool(kept.root, 1000).entries()
    assert (entry.about.session, entry.about.serial, entry.about.identity) == ("", 0, "")
    assert entry.file.read_bytes() == b"new"


def test_found_again_by_its_document_its_session_and_its_file(kept, text):
    entry = kept.keep(ID, text(b"new"), "x.py", **where(WORDS))
    kept.keep(OTHER, text(b"other"), "x.py", **where({**WORDS, "path": "/other", "token": "t2"}))
    again = Spool(kept.root, 1000)
    assert again.get(ID) == again.of("5" * 32, "t1") == entry
    assert again.find("gpu1", "/home/u/x.py", "abc") == [entry]
    assert again.find("gpu1", "/home/u/x.py", "") == []
    assert again.find("gpu2", "/home/u/x.py", "abc") == []
    assert again.of("5" * 32, "t3") is again.of("6" * 32, "t1") is again.get("00000000") is None


def test_texts_without_a_session_are_nobodys(kept, text):
    kept.keep(ID, text(b"new"), "x.py", **WORDS)
    assert kept.of("", "") is None


def test_the_newest_of_a_file_is_found_first(kept, text):
    for name in (ID, OTHER):
        kept.keep(name, text(b"x"), "x.py", **WORDS)
    assert [entry.about.id for entry in kept.find("gpu1", "/home/u/x.py", "")] == [OTHER, ID]


def test_a_replaced_text_is_kept_beside_what_waits_and_is_not_delivered(kept, text):
    waiting = kept.keep(ID, text(b"waits"), "x.py", **where(WORDS))
    beside = kept.keep(ID, text(b"replaced"), "x.py", **where({**WORDS, "why": REPLACED}))
    assert beside.about.id != ID
    assert beside.about.replaced
    assert beside.file.read_bytes() == b"replaced"
    assert kept.entries() == [waiting, beside]
    assert kept.find("gpu1", "/home/u/x.py", "abc") == [waiting]
    kept.drop(ID)
    assert kept.of("5" * 32, "t1") is None
    assert kept.entries() == [beside]


def test_of_a_files_replaced_texts_only_the_newest_stay(kept, text, monkeypatch):
    monkeypatch.setattr(spool, "BESIDE", 2)
    for data in (b"1", b"2", b"3"):
        kept.keep(ID, text(data), "x.py", **{**WORDS, "why": REPLACED})
    kept.keep(ID, text(b"4"), "y.py", **{**WORDS, "why": REPLACED, "path": "/home/u/y.py"})
    assert [entry.file.read_bytes() for entry in kept.entries()] == [b"2", b"3", b"4"]


def test_a_replaced_text_gives_way_to_one_that_waits_and_not_the_reverse(kept, text):
    kept.keep(ID, text(b"r" * 600), "x.py", **{**WORDS, "why": REPLACED})
    with pytest.raises(SpoolFull):
        kept.keep(ID, text(b"r" * 600), "x.py", **{**WORDS, "why": REPLACED})
    kept.keep(OTHER, text(b"w" * 600), "x.py", **WORDS)
    assert [entry.about.id for entry in kept.entries()] == [OTHER]


class Crash(BaseException):
    """The end of the process: nothing that would clean up runs any more."""


CALLS = ["mkdir", "open", "write", "fsync", "close", "replace", "unlink", "listdir"]


def crashing_at(step, monkeypatch):
    """Let the process die at the *step*-th call that the spool makes to the system."""
    made = [0]

    def crashing(call):
        def instead(*args, **more):
            made[0] += 1
            if made[0] >= step:
                raise Crash
            return call(*args, **more)

        return instead

    for name in CALLS:
        monkeypatch.setattr(spool.os, name, crashing(getattr(os, name)))


def test_whatever_a_crash_interrupts_one_whole_text_is_there_with_what_belongs_to_it(
    tmp_path, text, monkeypatch
):
    old, new = {"serial": 1, "base": "00"}, {"serial": 2, "base": "11"}
    outcomes = []
    for step in range(1, 200):
        kept = Spool(str(tmp_path / f"spool{step}"), 1000)
        kept.keep(ID, text(b"old"), "x.py", **{**WORDS, **old})
        source = text(b"newer")
        with monkeypatch.context() as patch:
            crashing_at(step, patch)
            try:
                kept.keep(ID, source, "x.py", **{**WORDS, **new})
                over = True
            except Crash:
                over = False
        for _ in range(2):  # as it was left, and after the next start has put it in order
            (entry,) = kept.entries()
            about = entry.about
            assert (about.serial, about.base, entry.file.read_bytes()) in (
                (1, "00", b"old"),
                (2, "11", b"newer"),
            )
            assert about.sha256 == sha256(entry.file.read_bytes()).hexdigest()
            kept.tidy()
        assert sorted(os.listdir(entry.file.parent)) == ["about.json", "text-x.py"]
        outcomes.append(about.serial)
        if over:
            break
    assert sorted(set(outcomes)) == [1, 2]
    assert outcomes == sorted(outcomes)


def test_what_a_crash_left_of_a_dropped_text_is_gone_later(kept, text, monkeypatch):
    kept.keep(ID, text(b"old"), "x.py", **WORDS)
    with monkeypatch.context() as patch:
        patch.setattr(spool.shutil, "rmtree", lambda path: (_ for _ in ()).throw(Crash()))
        with pytest.raises(Crash):
            kept.drop(ID)
    assert kept.entries() == []
    kept.tidy()
    assert os.listdir(kept.root) == [ID]  # somebody may be writing there
    monkeypatch.setattr(spool, "ABANDONED", -1)
    kept.tidy()
    assert os.listdir(kept.root) == []


def test_a_text_is_opened_while_it_gets_its_name(kept, text):
    entry = kept.keep(ID, text(b"new"), "x.py", **WORDS)
    early = Entry(entry.about, entry.file.with_name(entry.about.staged))  # as it was read a moment before
    fd = early.open()
    assert os.read(fd, 10) == b"new"
    os.close(fd)


@pytest.mark.parametrize("do", ["link", "shorten", "fifo", "remove"])
def test_what_is_not_the_text_is_not_opened(kept, text, tmp_path, do):
    entry = kept.keep(ID, text(b"new"), "x.py", **WORDS)
    if do == "shorten":
        entry.file.write_bytes(b"ne")
    else:
        entry.file.unlink()
    if do == "link":
        (tmp_path / "secret").write_bytes(b"abc")
        entry.file.symlink_to(tmp_path / "secret")
    elif do == "fifo":
        os.mkfifo(entry.file)
    with pytest.raises(OSError):  # noqa: PT011 - which one it is depends on what is there
        entry.open()


def test_the_newest_replaced_text_stays_although_the_clock_was_put_back(kept, text, monkeypatch):
    monkeypatch.setattr(spool, "BESIDE", 2)
    now = time.time()
    for data, then in ((b"1", now), (b"2", now + 1), (b"3", now - 3600)):
        monkeypatch.setattr(spool.time, "time", lambda then=then: then)
        entry = kept.keep(ID, text(data), "x.py", **{**WORDS, "why": REPLACED})
    assert sorted(one.file.read_bytes() for one in kept.entries()) == [b"2", b"3"]
    assert entry.file.read_bytes() == b"3"


def test_a_disk_that_takes_a_part_of_a_write_spoils_nothing(kept, text, monkeypatch):
    write = os.write
    monkeypatch.setattr(spool.os, "write", lambda fd, data: write(fd, data[:7]))
    entry = kept.keep(ID, text(b"a text of some length"), "x.py", **WORDS)
    assert kept.entries() == [entry]
    assert entry.file.read_bytes() == b"a text of some length"


def test_a_spool_that_somebody_removed_is_made_again(kept, text):
    os.rmdir(kept.root)
    assert kept.entries() == []
    entry = kept.keep(ID, text(b"x"), "x.py", **WORDS)
    assert kept.entries() == [entry]


def test_a_spool_that_cannot_be_read_is_not_taken_for_an_empty_one(kept, text, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(spool.os, "listdir", broken)
    with pytest.raises(CannotCreate, match="cannot read"):
        kept.entries()
    with pytest.raises(CannotCreate, match="cannot read"):
        kept.keep(ID, text(b"x"), "x.py", **WORDS)

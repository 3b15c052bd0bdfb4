from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from rbridge.client import journal, leftovers

RECORD = {
    "real": os.fsdecode(b"/data/\xff.py"),
    "host": "h",
    "node": "n",
    "boot": "b",
    "old": {"size": 1, "sha256": "o"},
    "new": {"size": 2, "sha256": "n"},
}

ODD = json.dumps({**RECORD, "new": {"size": "2", "sha256": "n"}}).encode()


@pytest.fixture
def state(tmp_path: Path) -> str:
    journal.make_directory(str(tmp_path / "state" / "saves"))
    return str(tmp_path / "state")


def test_directories_are_private(tmp_path: Path) -> None:
    journal.make_directory(str(tmp_path / "state" / "saves"))
    for path in (tmp_path / "state", tmp_path / "state" / "saves"):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_record_is_read_back_as_it_was_written(state: str) -> None:
    made = journal.Journal(state, journal.new_id(), RECORD)
    with open(made.place + ".json", "rb") as file:
        assert journal.read_record(file.fileno()) == RECORD
    assert os.stat(made.place + ".json").st_mode & 0o777 == 0o600
    made.drop()
    assert os.listdir(leftovers.directory(state)) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"real": 1}', b"\xff", b"null", ODD])
def test_a_record_that_makes_no_sense_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert journal.read_record(file.fileno()) is None


def test_a_record_is_locked_while_its_writer_lives(state: str) -> None:
    made = journal.Journal(state, journal.new_id(), RECORD)
    with open(made.place + ".json", "rb") as file:
        assert journal.lock(file.fileno()) is False
        made.close()
        assert journal.lock(file.fileno()) is True


def test_a_record_that_cannot_be_written_leaves_nothing(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journal.os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        journal.Journal(state, journal.new_id(), RECORD)
    assert os.listdir(leftovers.directory(state)) == []


def test_an_entry_is_dead_when_its_process_is(state: str) -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    node = journal.node()
    assert journal.is_dead(f"{node}-{process.pid}-abc.link", 0)
    assert not journal.is_dead(f"{node}-{os.getpid()}-abc.link", 9e9)
    assert not journal.is_dead(journal.new_id(), 9e9)


@pytest.mark.parametrize("entry", ["00000000-1-abc.new", "what-is-this-then", "nothing"])
def test_an_entry_of_another_machine_or_boot_is_dead_after_a_day(entry: str) -> None:
    assert not journal.is_dead(entry, journal.DAY - 1)
    assert journal.is_dead(entry, journal.DAY + 1)


def test_the_name_of_a_link_says_what_trades_places() -> None:
    name = journal.swap_name("0badcafe-1-22334455.link", "a" * 64, "b" * 64)
    assert journal.swapped(name) == ("a" * journal.DIGITS, "b" * journal.DIGITS)
    again = journal.swap_name(name, "", "c" * 64)
    assert again == "0badcafe-1-22334455.unknown.{}.link".format("c" * journal.DIGITS)
    assert journal.swapped("0badcafe-1-22334455.link") == ("", "")


def test_removing_says_whether_the_name_is_free(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert journal.remove(str(tmp_path / "a"))
    assert journal.remove(str(tmp_path / "a"))
    assert not journal.remove(str(tmp_path))

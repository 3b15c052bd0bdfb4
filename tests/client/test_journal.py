from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rbridge.client import journal

RECORD = {
    "real": os.fsdecode(b"/work/\xff.py"),
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


def test_nothing_is_pending_where_there_is_nothing(tmp_path: Path, state: str) -> None:
    assert not journal.pending(str(tmp_path / "none"))
    assert not journal.pending(state)
    Path(journal.directory(state), "x").touch()
    assert journal.pending(state)


def test_asking_what_is_pending_imports_next_to_nothing(state: str) -> None:
    code = (
        "import sys; before = set(sys.modules); from rbridge.client import journal;"
        f"journal.pending({state!r}); print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == ["rbridge", "rbridge.client", "rbridge.client.journal"]


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
    assert os.listdir(journal.directory(state)) == []


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
    assert os.listdir(journal.directory(state)) == []


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


def test_removing_says_whether_the_name_is_free(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert journal.remove(str(tmp_path / "a"))
    assert journal.remove(str(tmp_path / "a"))
    assert not journal.remove(str(tmp_path))

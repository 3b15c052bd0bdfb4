"""A copy is taken of a regular file that nobody is writing, and of nothing else."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from pathlib import Path

import pytest

from rbridge.adapters import snapshot
from tests.client.saving import disk


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "text"
    made.write_bytes(b"text\n")
    return made


def test_a_copy_is_private_and_carries_its_hash(file: Path, tmp_path: Path) -> None:
    taken = snapshot.take(file, tmp_path / "copy")
    assert taken.file.read_bytes() == b"text\n"
    assert taken.digest == hashlib.sha256(b"text\n").hexdigest() == snapshot.digest_of(file)
    assert stat.S_IMODE(taken.file.stat().st_mode) == 0o600


def test_a_file_that_is_open_for_writing_is_not_copied(file: Path, tmp_path: Path) -> None:
    with file.open("r+b"), pytest.raises(snapshot.Unsettled):
        snapshot.take(file, tmp_path / "copy")
    with file.open("r+b"):
        assert snapshot.take(file, tmp_path / "copy", alone=False).file.read_bytes() == b"text\n"


@pytest.mark.parametrize("kind", ["a directory", "a symbolic link", "a fifo", "a socket"])
def test_what_is_no_regular_file_is_named_and_not_opened(file: Path, tmp_path: Path, kind: str) -> None:
    file.rename(tmp_path / "other")
    with socket.socket(socket.AF_UNIX) as sock:
        make = {
            "a directory": lambda: file.mkdir(),
            "a symbolic link": lambda: file.symlink_to(tmp_path / "other"),
            "a fifo": lambda: os.mkfifo(file),
            "a socket": lambda: sock.bind(str(file)),
        }
        make[kind]()
        with pytest.raises(snapshot.NotRegular, match=kind):
            snapshot.take(file, tmp_path / "copy")
    assert snapshot.look(file) == kind
    assert not (tmp_path / "copy").exists()


def test_a_file_that_is_not_there_is_gone(tmp_path: Path) -> None:
    with pytest.raises(snapshot.Gone):
        snapshot.take(tmp_path / "none", tmp_path / "copy")
    assert snapshot.look(tmp_path / "none") == "gone"


def test_a_full_disk_leaves_no_copy(file: Path, tmp_path: Path) -> None:
    file.write_bytes(bytes(1 << 20))
    with disk(tmp_path / "small", "size=64k") as small:
        with pytest.raises(OSError, match="No space left"):
            snapshot.take(file, small / "copy")
        assert list(small.iterdir()) == []


def test_a_copy_never_goes_over_a_file_that_is_there(file: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        snapshot.take(file, tmp_path / "none" / "copy")
    with pytest.raises(FileExistsError):
        snapshot.take(file, file)
    assert file.read_bytes() == b"text\n"

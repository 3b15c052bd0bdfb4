"""Following a file that grows: what is read of it, and when it begins anew."""

import os
from pathlib import Path

import pytest

from rbridge.client import follow
from rbridge.client.follow import Followed, Growth


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "train.log"
    file.write_bytes(b"epoch 1\n")
    return file


@pytest.fixture
def log(path: Path) -> Followed:
    found = path.stat()
    return Followed(str(path), found.st_size, (found.st_dev, found.st_ino))


def grew(log: Followed) -> Growth:
    growth = log.look()
    assert growth is not None
    return growth


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as out:
        out.write(data)


def test_nothing_is_read_while_nothing_is_written(log: Followed) -> None:
    assert log.look() is None


def test_only_what_was_appended_is_read(path: Path, log: Followed) -> None:
    append(path, b"epoch 2\n")
    growth = grew(log)
    assert (growth.at, growth.data, growth.restart) == (8, b"epoch 2\n", False)
    assert log.look() is None
    append(path, b"epoch 3\n")
    assert grew(log).at == 16


def test_a_truncated_file_begins_anew(path: Path, log: Followed) -> None:
    path.write_bytes(b"new\n")
    growth = grew(log)
    assert (growth.at, growth.data, growth.restart) == (0, b"new\n", True)


def test_an_emptied_file_begins_anew_with_nothing(path: Path, log: Followed) -> None:
    path.write_bytes(b"")
    growth = grew(log)
    assert (growth.data, growth.restart) == (b"", True)
    assert log.look() is None


def test_another_file_of_that_name_begins_anew(path: Path, log: Followed) -> None:
    path.rename(path.with_name("train.log.1"))
    path.write_bytes(b"epoch 1 of another run\n")
    assert grew(log).restart


def test_a_file_that_is_away_is_waited_for(path: Path, log: Followed) -> None:
    path.unlink()
    assert log.look() is None
    path.write_bytes(b"back\n")
    assert grew(log).data == b"back\n"


def test_of_much_at_once_only_the_end_is_read(
    path: Path, log: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "KEPT", 100)
    append(path, b"x" * 1000)
    growth = grew(log)
    assert (growth.at, len(growth.data), growth.restart) == (8 + 1000 - 100, 100, True)


def test_the_tail_of_a_large_file_begins_with_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "KEPT", 20)
    path.write_bytes(b"".join(b"epoch %d\n" % n for n in range(1, 10)))
    with path.open("rb") as file:
        start, size = follow.tail(file.fileno())
        assert os.pread(file.fileno(), size, start) == b"epoch 8\nepoch 9\n"


def test_a_small_file_is_shown_whole(path: Path) -> None:
    with path.open("rb") as file:
        assert follow.tail(file.fileno()) == (0, 8)

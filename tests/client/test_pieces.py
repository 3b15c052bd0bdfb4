from __future__ import annotations

import errno
import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from rbridge.client import pieces


def opened(path: Path, content: bytes) -> int:
    path.write_bytes(content)
    return os.open(path, os.O_RDWR)


def test_a_file_is_read_from_its_start_in_pieces(tmp_path: Path) -> None:
    content = os.urandom(2 * pieces.PIECE + 5)
    fd = opened(tmp_path / "a", content)
    os.lseek(fd, 7, os.SEEK_SET)
    read = list(pieces.read(fd))
    assert [len(piece) for piece in read] == [pieces.PIECE, pieces.PIECE, 5]
    assert b"".join(read) == content
    assert b"".join(pieces.read(fd, 10)) == content[:10]
    assert list(pieces.read(fd, 0)) == []
    os.close(fd)


def test_size_and_hash_of_what_is_copied(tmp_path: Path) -> None:
    content = os.urandom(pieces.PIECE + 5)
    fd, to = opened(tmp_path / "a", content), opened(tmp_path / "b", b"")
    expected = (len(content), hashlib.sha256(content).hexdigest())
    assert pieces.digest(fd) == expected
    assert pieces.copy(fd, to) == expected
    assert (tmp_path / "b").read_bytes() == content
    os.close(fd)
    os.close(to)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    fd, to = opened(tmp_path / "a", b""), opened(tmp_path / "b", b"")
    os.truncate(fd, 64 << 20)
    tracemalloc.start()
    pieces.copy(fd, to)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * pieces.PIECE
    os.close(fd)
    os.close(to)


def test_short_writes_are_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    written = bytearray()

    def write(fd: int, data: memoryview) -> int:
        written.extend(data[:3])
        return min(3, len(data))

    monkeypatch.setattr(pieces.os, "write", write)
    pieces.write(1, b"0123456789")
    assert bytes(written) == b"0123456789"


@pytest.mark.parametrize(("code", "fails"), [(errno.EINVAL, False), (errno.EIO, True), (errno.ENOSPC, True)])
def test_only_a_disk_that_failed_fails_the_sync_of_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fails: bool
) -> None:
    def fsync(fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(pieces.os, "fsync", fsync)
    if fails:
        with pytest.raises(OSError, match=os.strerror(code)):
            pieces.sync_directory(str(tmp_path))
    else:
        pieces.sync_directory(str(tmp_path))

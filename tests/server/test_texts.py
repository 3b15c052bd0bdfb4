import hashlib
import os

import pytest

from rbridge.server import texts


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "x.py"
    path.write_bytes(b"text" * 1_000_000)
    return path


def test_a_regular_file_is_taken_and_hashed_whole(file):
    fd = texts.take(file)
    assert texts.digest(fd) == hashlib.sha256(file.read_bytes()).hexdigest()
    os.close(fd)


@pytest.mark.parametrize("kind", ["nothing", "directory", "link", "fifo"])
def test_nothing_else_is(tmp_path, file, kind):
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(file)
    elif kind == "fifo":
        os.mkfifo(path)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError):  # noqa: PT011  # each kind has its own words
        texts.take(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_identity_changes_with_a_write_and_with_a_replacement(tmp_path, file):
    first = texts.identity(file)
    assert texts.identity(file) == first
    file.write_bytes(b"other")
    second = texts.identity(file)
    assert second != first
    (tmp_path / "new").write_bytes(b"other")
    os.replace(tmp_path / "new", file)
    assert texts.identity(file) != second
    file.unlink()
    assert texts.identity(file) is None

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rbridge.client import pieces, stamp

SECOND = 10**9


def taken(path: Path) -> stamp.Stamp:
    with path.open("rb") as file:
        return stamp.take(file.fileno())


def at(base: stamp.Stamp, **changed: int) -> stamp.Stamp:
    values = {name: getattr(base, name) for name in base.__slots__}
    return stamp.Stamp(**{**values, **changed})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_bytes(b"text")
    return path


def test_a_stamp_says_what_was_read_and_what_it_was(file: Path) -> None:
    made, st = taken(file), file.stat()
    assert (made.size, made.sha256) == (4, hashlib.sha256(b"text").hexdigest())
    assert (made.device, made.inode, made.mtime_ns, made.ctime_ns) == (
        st.st_dev,
        st.st_ino,
        st.st_mtime_ns,
        st.st_ctime_ns,
    )
    assert made == at(made)
    assert made != at(made, inode=0)
    assert hash(made) == hash(at(made))
    assert "size=4" in repr(made)


def test_stamps_are_equal_in_content_when_size_and_hash_are(file: Path) -> None:
    made = taken(file)
    assert stamp.same_content(made, at(made, device=0, inode=0, mtime_ns=0, ctime_ns=0, taken_ns=0))
    assert not stamp.same_content(made, at(made, size=5))
    os.utime(file, (1, 1))
    assert stamp.same_content(made, taken(file))


def test_a_content_known_by_its_hash_alone_is_compared_by_it(file: Path) -> None:
    made = taken(file)
    named = stamp.of_content(made.sha256)
    assert stamp.same_content(made, named)
    assert stamp.same_content(named, made)
    assert not stamp.same_content(made, stamp.of_content("0" * 64))
    assert not stamp.same_content(made, stamp.of_content(made.sha256, 5))
    assert stamp.needs_hash(named, file.stat(), on_nfs=False)
    assert stamp.needs_hash(stamp.of_content(made.sha256, 4), file.stat(), on_nfs=False)


def changing(monkeypatch: pytest.MonkeyPatch, times: int, change: Callable[[], object]) -> None:
    real, left = pieces.digest, [None] * times

    def digest(fd: int) -> tuple[int, str]:
        found = real(fd)
        if left:
            left.pop()
            change()
        return found

    monkeypatch.setattr(stamp.pieces, "digest", digest)


def test_a_file_that_changes_once_while_it_is_read_is_read_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing(monkeypatch, 1, lambda: file.write_bytes(b"other text"))
    assert taken(file).size == 10


def test_a_file_that_keeps_changing_has_no_stamp(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(monkeypatch, 9, lambda: file.write_bytes(os.urandom(file.stat().st_size + 1)))
    with pytest.raises(stamp.Unstable, match="keeps changing"):
        taken(file)


def test_bytes_read_between_two_different_stats_make_no_stamp(file: Path) -> None:
    before = file.stat()
    assert stamp.from_digest(before, file.stat(), 4, "x") is not None
    assert stamp.from_digest(before, file.stat(), 3, "x") is None
    os.utime(file, (1, 1))
    assert stamp.from_digest(before, file.stat(), 4, "x") is None


@pytest.mark.parametrize(
    ("changed", "needed"),
    [
        ({}, False),
        ({"size": 5}, True),
        ({"inode": 1}, True),
        ({"device": 1}, True),
        ({"mtime_ns": 1}, True),
        ({"ctime_ns": 1}, True),
    ],
)
def test_only_an_old_and_unchanged_identity_spares_the_hash(
    file: Path, changed: dict[str, int], needed: bool
) -> None:
    made, st = taken(file), file.stat()
    old = at(made, taken_ns=max(st.st_mtime_ns, st.st_ctime_ns) + 3 * SECOND, **changed)
    assert stamp.needs_hash(old, st, on_nfs=False) is needed
    assert stamp.needs_hash(old, st, on_nfs=True)


@pytest.mark.parametrize(("age", "needed"), [(-5, True), (0, True), (1, True), (3, False)])
def test_a_stamp_taken_within_two_seconds_of_the_change_is_racy(file: Path, age: int, needed: bool) -> None:
    st = file.stat()
    made = at(taken(file), taken_ns=st.st_ctime_ns + age * SECOND)
    assert stamp.needs_hash(made, st, on_nfs=False) is needed

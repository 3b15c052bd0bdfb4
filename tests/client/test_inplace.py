from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.client import inplace, journal, leftovers
from rbridge.client.saver import REFUSED, SAVED, UNCERTAIN
from tests.client import saving
from tests.client.saving import Place

place = saving.place


@pytest.fixture
def path(place: Place) -> Path:
    """A file of 100 KB with two names."""
    made = place.file("train.py", b"old\n" * 25_000)
    os.link(made, place.work / "second")
    return made


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000, 100_001, 3 << 20])
def test_the_file_is_rewritten_and_keeps_its_inode(place: Place, path: Path, size: int) -> None:
    inode, text = path.stat().st_ino, os.urandom(size)
    outcome = place.save(path, text)
    assert (outcome.kind, outcome.message) == (SAVED, "")
    assert path.read_bytes() == text
    assert (place.work / "second").read_bytes() == text
    assert path.stat().st_ino == inode
    assert outcome.stamp is not None
    assert outcome.stamp.mtime_ns == path.stat().st_mtime_ns
    assert place.litter() == []
    assert place.kept() == []


def test_backup_and_record_are_private_and_complete_before_the_first_byte(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, seen = path.read_bytes(), {}
    real = inplace.overwrite

    def overwrite(*arguments: int) -> None:
        for entry in (place.state / "saves").iterdir():
            seen[entry.suffix] = (entry.stat().st_mode & 0o777, entry.read_bytes())
        assert path.read_bytes() == old
        real(*arguments)

    monkeypatch.setattr(inplace, "overwrite", overwrite)
    assert place.save(path, b"new").kind == SAVED
    assert {mode for mode, _ in seen.values()} == {0o600}
    assert seen[".old"][1] == old
    assert seen[".new"][1] == b"new"
    assert str(path).encode() in seen[".json"][1]


class Failing:
    """``overwrite`` that writes a part and fails, the first *times* times."""

    def __init__(self, patch: pytest.MonkeyPatch, times: int, code: int = errno.EIO) -> None:
        self.left, self.code, self.real = times, code, inplace.overwrite
        patch.setattr(inplace, "overwrite", self)

    def __call__(self, fd: int, source: int, size: int, there: int) -> None:
        if self.left:
            self.left -= 1
            os.pwrite(fd, b"torn", 0)
            raise OSError(self.code, os.strerror(self.code))
        self.real(fd, source, size, there)


@pytest.mark.parametrize(("code", "reason"), [(errno.EIO, "failed"), (errno.EDQUOT, "no-space")])
def test_a_write_that_fails_is_undone(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    old = path.read_bytes()
    Failing(monkeypatch, 1, code)
    outcome = place.save(path, b"new")
    assert (outcome.kind, outcome.reason) == (REFUSED, reason)
    assert path.read_bytes() == old
    assert place.kept() == [b"new"]
    assert place.litter() == []


def test_when_undoing_fails_too_the_next_start_finishes(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Failing(monkeypatch, 2)
    outcome = place.save(path, b"n" * 90_000)
    assert (outcome.kind, outcome.reason) == (UNCERTAIN, "uncertain")
    assert "is half written: the disk reported an error; the next start of rbridge" in outcome.message
    assert Path(outcome.kept).read_bytes() == b"n" * 90_000
    assert path.read_bytes().startswith(b"torn")
    assert leftovers.pending(str(place.state))


def test_whoever_writes_at_the_same_time_is_noticed_and_everything_is_kept(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, real = path.read_bytes(), inplace.overwrite

    def overwrite(fd: int, *arguments: int) -> None:
        real(fd, *arguments)
        os.pwrite(fd, b"theirs", 0)

    monkeypatch.setattr(inplace, "overwrite", overwrite)
    outcome = place.save(path, b"new text")
    assert (outcome.kind, outcome.reason) == (UNCERTAIN, "uncertain")
    assert "another program wrote to it at the same time" in outcome.message
    assert sorted(place.kept()) == [b"new text", old]
    assert path.read_bytes() == b"theirsxt"
    assert place.litter() == []


def test_a_change_while_the_backup_is_made_is_a_conflict(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = journal.Journal.__init__

    def start(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        path.write_bytes(b"theirs")

    monkeypatch.setattr(journal.Journal, "__init__", start)
    outcome = place.save(path, b"new")
    assert outcome.reason == "conflict"
    assert path.read_bytes() == b"theirs"
    assert place.kept() == [b"new"]
    assert place.litter() == []


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    where = tmp_path_factory.mktemp("torn")
    fds = [os.open(where / name, os.O_RDWR | os.O_CREAT) for name in ("now", "old", "new")]
    yield fds
    for fd in fds:
        os.close(fd)


def torn(files: list[int], *contents: bytes) -> bool:
    for fd, content in zip(files, contents, strict=True):
        os.ftruncate(fd, 0)
        os.pwrite(fd, content, 0)
    return inplace.is_torn(*files)


SECTORS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=6).map(
    lambda s: b"".join(c * 512 for c in s)
)
TEXTS = st.tuples(SECTORS, st.binary(max_size=9)).map(b"".join)


@given(
    old=TEXTS, new=TEXTS, which=st.lists(st.booleans(), min_size=16, max_size=16), cut=st.integers(0, 4000)
)
def test_any_mixture_of_sectors_is_ours(
    files: list[int], old: bytes, new: bytes, which: list[bool], cut: int
) -> None:
    size = min(max(min(len(old), len(new)), cut), max(len(old), len(new)))
    before = old.ljust(size, b"\0")[:size]
    after = (new + old[len(new) :])[:size]
    mixture = b"".join(
        (after if which[i // 512] else before)[i : i + 512] for i in range(0, size, inplace.SECTOR)
    )
    assert torn(files, mixture, old, new)


@given(old=TEXTS, new=TEXTS)
def test_a_third_text_is_not(files: list[int], old: bytes, new: bytes) -> None:
    foreign = b"\xfe\xfd neither of the two"
    longest = max(old, new, key=len)
    assert not torn(files, foreign + longest[len(foreign) :], old, new)
    assert not torn(files, longest + foreign, old, new)
    assert not torn(files, longest[: len(longest) // 1024 * 512] + foreign, old, new)

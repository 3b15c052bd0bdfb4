"""What a look at a file tells: changed, replaced, growing, gone; and what it costs."""

import hashlib
import os
import time
import zlib
from pathlib import Path

import pytest

from rbridge.client import pieces, stamp, watched
from rbridge.client.watched import Change, Watched
from rbridge.wire import delta

TEXT = b"".join(b"line %d of a file that is watched\n" % number for number in range(500))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def old(path: Path) -> None:
    """Let *path* be long written, so that its times tell a change."""
    os.utime(path, (1, 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "train.py"
    file.write_bytes(TEXT)
    return file


@pytest.fixture
def file(path: Path) -> Watched:
    """A file that was looked at once: its signature is known."""
    one = Watched(str(path), sha(TEXT), len(TEXT))
    assert one.look(0.0) is None
    return one


def changed(file: Watched, now: float = 2.0) -> Change:
    change = file.look(now)
    assert change is not None
    assert change.kind == "changed"
    return change


def text_of(change: Change, base: bytes = TEXT) -> bytes:
    assert change.body is not None
    if change.encoding == "delta":
        assert change.base == sha(base)
        got = delta.apply(lambda at, count: base[at : at + count], change.body, change.size)
        return b"".join(got)
    return zlib.decompress(change.body) if change.encoding == "zlib" else change.body


def test_nothing_is_said_of_a_file_that_did_not_change(file: Watched) -> None:
    assert file.look(2.0) is None


def test_a_change_comes_as_a_small_delta_of_what_was_known(path: Path, file: Watched) -> None:
    new = TEXT.replace(b"line 250 ", b"line two hundred and fifty ")
    path.write_bytes(new)
    change = changed(file)
    assert change.encoding == "delta"
    assert change.body is not None
    assert len(change.body) < len(TEXT) // 10
    assert text_of(change) == new
    assert (change.sha256, change.size) == (sha(new), len(new))
    assert not change.replaced


def test_each_further_change_stands_on_the_one_before(path: Path, file: Watched) -> None:
    one, two = TEXT + b"one\n", TEXT + b"one\ntwo\n"
    path.write_bytes(one)
    changed(file)
    path.write_bytes(two)
    assert text_of(changed(file, 4.0), one) == two


def test_a_text_with_nothing_in_common_comes_whole_and_compressed(path: Path, file: Watched) -> None:
    new = b"something else entirely\n" * 1000
    path.write_bytes(new)
    change = changed(file)
    assert change.encoding == "zlib"
    assert text_of(change) == new


def test_a_file_that_was_touched_or_copied_over_with_the_same_text_did_not_change(
    path: Path, file: Watched
) -> None:
    os.utime(path, (1, 1))
    assert file.look(2.0) is None
    path.unlink()
    path.write_bytes(TEXT)
    assert file.look(4.0) is None


def test_a_replaced_file_is_told_from_one_that_was_written(path: Path, file: Watched) -> None:
    other = path.with_name("other")
    other.write_bytes(TEXT + b"more\n")
    other.rename(path)
    assert changed(file).replaced


def test_a_change_within_the_same_tick_of_the_clock_is_found(path: Path, file: Watched) -> None:
    """git calls this racy: same size, same times."""
    found = path.stat()
    path.write_bytes(b"L" + TEXT[1:])
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    file.seen = watched._state(path.stat())
    assert text_of(changed(file)) == b"L" + TEXT[1:]


def test_a_deleted_file_is_told_once_and_only_when_it_stays_away(path: Path, file: Watched) -> None:
    path.unlink()
    assert file.look(2.0) is None
    gone = file.look(4.0)
    assert gone is not None
    assert (gone.kind, gone.reason) == ("gone", "gone")
    assert file.look(6.0) is None


def test_a_file_that_is_away_for_one_look_was_replaced_in_two_steps(path: Path, file: Watched) -> None:
    path.unlink()
    assert file.look(2.0) is None
    path.write_bytes(TEXT)
    assert file.look(4.0) is None


def test_a_deleted_file_that_comes_back_is_told_even_with_the_old_text(path: Path, file: Watched) -> None:
    path.unlink()
    file.look(2.0)
    file.look(4.0)
    path.write_bytes(TEXT)
    assert text_of(changed(file, 6.0)) == TEXT


def test_a_directory_in_its_place_is_no_file_any_more(path: Path, file: Watched) -> None:
    path.unlink()
    path.mkdir()
    gone = file.look(2.0)
    assert gone is not None
    assert gone.reason == "failed"


def test_a_fifo_in_its_place_does_not_block_the_look(path: Path, file: Watched) -> None:
    path.unlink()
    os.mkfifo(path)
    gone = file.look(2.0)
    assert gone is not None
    assert gone.reason == "failed"


def test_a_file_that_appears_where_there_was_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    file = Watched(str(path), "", 0)
    assert file.look(0.0) is None
    assert file.look(2.0) is None
    path.write_bytes(TEXT)
    assert text_of(changed(file, 4.0)) == TEXT


def test_appending_twice_within_a_minute_is_growing(path: Path, file: Watched) -> None:
    grown = []
    for number in range(3):
        with path.open("ab") as out:
            out.write(b"epoch %d\n" % number)
        grown.append(changed(file, 2.0 * number + 2).grows)
    assert grown == [False, True, True]


def test_appending_once_in_a_while_is_not_growing(path: Path, file: Watched) -> None:
    for now in (2.0, 100.0, 200.0):
        with path.open("ab") as out:
            out.write(b"epoch\n")
        assert not changed(file, now).grows


def test_an_edit_in_the_middle_is_not_growing(path: Path, file: Watched) -> None:
    for number in range(3):
        path.write_bytes(b"%d inserted\n" % number + path.read_bytes())
        assert not changed(file, 2.0 * number + 2).grows


def test_a_large_file_is_read_at_most_once_a_minute_and_not_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "READ", 1000)
    file = Watched(str(path), sha(TEXT), len(TEXT))
    assert file.look(0.0) is None
    path.write_bytes(TEXT + b"more")
    assert file.look(30.0) is None
    change = changed(file, 61.0)
    assert change.body is None
    assert change.sha256 == sha(TEXT + b"more")


def test_a_large_file_that_was_read_a_moment_ago_is_not_read_to_be_watched(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "READ", 1000)
    read: list[int] = []
    digest = pieces.digest

    def spied(fd: int) -> tuple[int, str]:
        read.append(fd)
        return digest(fd)

    monkeypatch.setattr(pieces, "digest", spied)
    old(path)
    with path.open("rb") as there:
        found = stamp.take(there.fileno())
    read.clear()
    racy = stamp.of(path.stat(), len(TEXT), sha(TEXT), 0)
    for known in (found, racy):
        file = Watched(str(path), sha(TEXT), len(TEXT), known, 0.0)
        assert file.look(2.0) is None
    assert not read
    assert file.look(61.0) is None  # its times cannot tell that it is the same
    assert len(read) == 1
    path.write_bytes(TEXT + b"more")
    change = changed(Watched(str(path), sha(TEXT), len(TEXT), found, 0.0), 61.0)
    assert (change.sha256, change.replaced) == (sha(TEXT + b"more"), False)


def test_a_quiet_file_costs_a_stat(path: Path) -> None:
    old(path)
    file = Watched(str(path), sha(TEXT), len(TEXT))
    assert not file.quiet()  # never looked at
    file.local, file.racy = True, False
    file.seen = watched._state(path.stat())
    assert file.quiet()
    path.write_bytes(TEXT + b"x")
    assert not file.quiet()


def test_a_file_on_a_network_is_opened_at_each_look(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbridge.mounts.is_local", lambda _path: False)
    file = Watched(str(path), sha(TEXT), len(TEXT))
    file.look(0.0)
    file.racy = False
    assert not file.quiet()
    assert file.look(2.0) is None


def test_a_file_from_the_future_is_read_twice_and_no_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of a file server whose clock is ahead: a later change has another time all the same."""
    ahead = time.time() + 3600
    os.utime(path, (ahead, ahead))
    read: list[int] = []
    real = pieces.read
    monkeypatch.setattr(pieces, "read", lambda fd, length=-1: read.append(fd) or real(fd, length))
    file = Watched(str(path), sha(TEXT), len(TEXT))
    for turn in range(5):
        assert file.look(2.0 * turn) is None
    assert len(read) == 2
    path.write_bytes(TEXT.upper())
    os.utime(path, (ahead, ahead + 1))
    assert changed(file, 12.0).sha256 == sha(TEXT.upper())


def test_making_one_touches_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made in the loop, and the file's server may hang."""
    for name in ("stat", "lstat", "open"):
        monkeypatch.setattr(os, name, None)
    file = Watched("/hangs/a", sha(TEXT), len(TEXT))
    assert not file.quiet()


def test_what_is_known_of_a_file_stays_small(tmp_path: Path) -> None:
    import sys

    path = tmp_path / "big.py"
    data = b"".join(b"value_%d = %d\n" % (n, n * n) for n in range(400_000))
    path.write_bytes(data)
    file = Watched(str(path), sha(data), len(data))
    file.look(0.0)
    assert file.signature is not None
    held = sum(
        sys.getsizeof(getattr(file.signature, name)) for name in getattr(file.signature, "__slots__", ())
    )
    assert held < 100_000

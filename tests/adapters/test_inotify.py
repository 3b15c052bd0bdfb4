"""What the kernel says about a directory, read from the real inotify and from bytes made by hand."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge.adapters import inotify
from rbridge.adapters.inotify import Event, Inotify, decode


@pytest.fixture
def instance() -> Iterator[Inotify]:
    made = Inotify()
    yield made
    made.close()


def record(directory: int, mask: int, name: bytes = b"") -> bytes:
    """One record as inotify(7) lays it out: the name is padded with NULs to a multiple of 16."""
    padded = name + b"\0" * (16 - len(name) % 16) if name else b""
    return struct.pack("iIII", directory, mask, 0, len(padded)) + padded


def masks(instance: Inotify, name: str) -> list[int]:
    return [event.mask for event in instance.read() if event.name == os.fsencode(name)]


def test_where_nothing_happened_there_is_nothing_to_read(instance: Inotify, tmp_path: Path) -> None:
    instance.add(tmp_path)
    assert list(instance.read()) == []


def test_a_write_in_place_is_a_modification_and_then_an_arrival(instance: Inotify, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"")
    number = instance.add(tmp_path)
    with (tmp_path / "text").open("r+b") as file:
        file.write(b"x")
    assert list(instance.read()) == [
        Event(number, inotify.MODIFY, b"text"),
        Event(number, inotify.CLOSE_WRITE, b"text"),
    ]


def test_a_rename_onto_the_name_is_an_arrival(instance: Inotify, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"x")
    instance.add(tmp_path)
    (tmp_path / "new").rename(tmp_path / "text")
    assert masks(instance, "text") == [inotify.MOVED_TO]
    assert inotify.MOVED_TO & inotify.ARRIVED


def test_a_new_directory_is_told_from_a_new_file(instance: Inotify, tmp_path: Path) -> None:
    instance.add(tmp_path)
    (tmp_path / "text").mkdir()
    assert masks(instance, "text") == [inotify.CREATE | inotify.ISDIR]


def test_reading_does_not_open_a_file_in_the_watched_directory(instance: Inotify, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"x")
    instance.add(tmp_path)
    (tmp_path / "text").read_bytes()
    assert masks(instance, "text") == [], "our own snapshots would wake us for ever"


def test_a_name_that_is_no_utf_8_comes_out_as_its_bytes(instance: Inotify, tmp_path: Path) -> None:
    instance.add(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).touch()
    assert {event.name for event in instance.read()} == {b"caf\xe9"}


def test_a_directory_that_goes_says_so(instance: Inotify, tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    number = instance.add(directory)
    directory.rmdir()
    assert [event.mask & inotify.DIRECTORY_GONE for event in instance.read()] == [
        inotify.DELETE_SELF,
        inotify.IGNORED,
    ]
    instance.remove(number)  # which is no error


def test_the_same_directory_has_one_number(instance: Inotify, tmp_path: Path) -> None:
    assert instance.add(tmp_path) == instance.add(tmp_path)


def test_what_is_not_watched_any_more_says_nothing(instance: Inotify, tmp_path: Path) -> None:
    number = instance.add(tmp_path)
    instance.remove(number)
    (tmp_path / "text").touch()
    assert masks(instance, "text") == []


def test_a_queue_that_is_full_ends_with_an_overflow(instance: Inotify, tmp_path: Path) -> None:
    instance.add(tmp_path)
    overflow(tmp_path / "other")
    last = list(instance.read())[-1]
    assert last == Event(-1, inotify.Q_OVERFLOW, b"")


def overflow(file: Path) -> None:
    """Have more happen to *file* than the kernel keeps for who does not read."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(limit // 3 + 1):  # created, closed, deleted
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT))
        file.unlink()


@pytest.mark.parametrize(("make", "number"), [("nothing", errno.ENOENT), ("link", errno.ENOTDIR)])
def test_what_is_no_directory_itself_is_refused_by_name(
    instance: Inotify, tmp_path: Path, make: str, number: int
) -> None:
    place = tmp_path / "place"
    if make == "link":
        place.symlink_to(tmp_path)
    with pytest.raises(OSError, match="place") as caught:
        instance.add(place)
    assert caught.value.errno == number


def test_it_is_not_inherited_by_what_we_start(instance: Inotify) -> None:
    assert not os.get_inheritable(instance.fd)


def test_a_number_that_is_none_cannot_be_removed_from_a_closed_instance(tmp_path: Path) -> None:
    instance = Inotify()
    instance.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        instance.remove(1)


def test_a_c_library_without_inotify_is_told_as_an_error_of_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inotify.ctypes, "CDLL", lambda *_args, **_more: object())
    with pytest.raises(OSError, match="no inotify") as caught:
        Inotify()
    assert caught.value.errno == errno.ENOSYS


def test_records_follow_each_other_with_and_without_a_name() -> None:
    data = (
        record(1, inotify.CREATE, b"a")
        + record(-1, inotify.Q_OVERFLOW)
        + record(2, inotify.DELETE, b"sixteen bytes 16")
    )
    assert list(decode(data)) == [
        Event(1, inotify.CREATE, b"a"),
        Event(-1, inotify.Q_OVERFLOW, b""),
        Event(2, inotify.DELETE, b"sixteen bytes 16"),
    ]

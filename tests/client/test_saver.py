from __future__ import annotations

import errno
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from rbridge.client import look, saver
from rbridge.client.saver import REFUSED, SAVED, UNCERTAIN, UNKNOWN, Staging, Target
from tests.client import saving
from tests.client.saving import Place, stamp_of

place = saving.place

READER = """
import select, sys
readings = odd = 0
print("reading", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    with open(sys.argv[1], "rb") as file:
        content = file.read()
    readings += 1
    odd += len(content) != 50000 or len(set(content)) != 1
print(readings, odd)
"""


def test_a_save_replaces_the_file_and_answers_with_its_stamp(place: Place) -> None:
    path = place.file("train.py")
    inode = path.stat().st_ino
    outcome = place.save(path, b"new\n")
    assert (outcome.kind, outcome.message, outcome.reason) == (SAVED, "", "")
    assert path.read_bytes() == b"new\n"
    assert path.stat().st_ino != inode
    now = stamp_of(path)
    assert now is not None
    assert outcome.stamp is not None
    assert (outcome.stamp.size, outcome.stamp.sha256) == (now.size, now.sha256)
    assert (outcome.stamp.inode, outcome.stamp.ctime_ns) == (now.inode, now.ctime_ns)
    assert place.litter() == []


def test_each_outcome_is_the_next_saves_base(place: Place) -> None:
    path = place.file("train.py", None)
    base = None
    for text in (b"one", b"two", b"", b"three"):
        outcome = place.save(path, text, base)
        assert outcome.kind == SAVED, outcome
        assert path.read_bytes() == text
        base = outcome.stamp


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n\r\n",
        b"no end of line",
        b"a\0b\0",
        bytes(range(256)),
        b"\xff\xfe" * 700_000,
        b"x" * (3 << 20),
    ],
    ids=["empty", "crlf", "no final newline", "nul", "all bytes", "not utf-8", "3 MiB"],
)
def test_the_bytes_arrive_as_they_are(place: Place, text: bytes) -> None:
    path = place.file("data")
    assert place.save(path, text).kind == SAVED
    assert path.read_bytes() == text
    os.link(path, place.work / "second")
    assert place.save(path, text + b"!").kind == SAVED
    assert path.read_bytes() == text + b"!"
    assert place.save(path, text).kind == SAVED
    assert path.read_bytes() == text


@pytest.mark.parametrize(
    "name",
    ["with space", "-dash", "läuft", "a\nb", b"\xff\xfe.txt", "n" * 255, "ü" * 127, ".", ".hidden"],
    ids=["space", "dash", "umlaut", "newline", "invalid utf-8", "255 bytes", "254 bytes", "dot", "hidden"],
)
def test_any_name_can_be_saved_to(place: Place, name: str | bytes) -> None:
    if name == ".":
        outcome = place.save(place.work, b"x", None)
        assert "is a directory" in outcome.message
        return
    path = place.file(name)
    outcome = place.save(path)
    assert outcome.kind == SAVED, outcome
    assert path.read_bytes() == b"new\n"
    refused = place.save(path, b"other", None)
    assert refused.reason == "conflict"
    assert refused.message.isprintable()
    assert place.kept() == [b"other"]
    assert place.litter() == []


def test_a_sparse_file_is_saved_like_any_other(place: Place) -> None:
    path = place.file("sparse", b"")
    os.truncate(path, 5 << 20)
    assert place.save(path, b"\0" * (5 << 20) + b"end").kind == SAVED
    assert path.stat().st_size == (5 << 20) + 3
    assert path.read_bytes().endswith(b"\0end")


def test_who_reads_meanwhile_sees_the_old_text_or_the_new_one(place: Place) -> None:
    path = place.file("train.py", b"0" * 50_000)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        base = stamp_of(path)
        for i in range(100):
            outcome = place.save(path, str(i % 10).encode() * 50_000, base)
            assert outcome.kind == SAVED
            base = outcome.stamp
        reader.stdin.close()
        readings, odd = reader.stdout.read().split()
    assert int(readings) > 20
    assert odd == "0"


def test_a_large_text_costs_little_memory(place: Place) -> None:
    path = place.file("big", b"old")
    base, piece = stamp_of(path), b"x" * (1 << 18)
    tracemalloc.start()
    try:
        for _ in range(2):  # replaced, then in place
            staging = Staging(str(path), str(place.state), 128 * len(piece))
            for _ in range(128):
                staging.write(piece)
            staging.finish()
            outcome = saver.save(Target(str(path), base), staging)
            assert outcome.kind == SAVED
            base, piece = outcome.stamp, b"y" * (1 << 18)
            os.link(path, place.work / "second") if path.stat().st_nlink == 1 else None
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()


# -- what changed meanwhile --------------------------------------------------------------------------------


def test_a_changed_file_is_a_conflict_and_both_texts_are_there(place: Place) -> None:
    path = place.file("train.py")
    base = stamp_of(path)
    path.write_bytes(b"theirs\n")
    outcome = place.save(path, b"mine\n", base)
    assert (outcome.kind, outcome.reason) == (REFUSED, "conflict")
    assert path.read_bytes() == b"theirs\n"
    assert Path(outcome.kept).read_bytes() == b"mine\n"
    assert outcome.kept in outcome.message
    assert "cannot save train.py: it was changed meanwhile (nothing was overwritten;" in outcome.message
    assert outcome.stamp is not None
    assert outcome.stamp.sha256 == getattr(stamp_of(path), "sha256", "")
    assert os.stat(outcome.kept).st_mode & 0o777 == 0o600


def test_a_change_of_the_same_size_within_the_same_second_is_seen(place: Place) -> None:
    path = place.file("train.py", b"aaaa")
    base = stamp_of(path)
    st = path.stat()
    path.write_bytes(b"bbbb")
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
    assert place.save(path, b"mine", base).reason == "conflict"


def test_the_stamp_of_a_conflict_is_the_base_that_overwrites_just_that(place: Place) -> None:
    path = place.file("train.py")
    base = stamp_of(path)
    path.write_bytes(b"theirs\n")
    seen = place.save(path, b"mine\n", base).stamp
    path.write_bytes(b"theirs again\n")
    assert place.save(path, b"mine\n", seen).reason == "conflict"
    seen = stamp_of(path)
    assert place.save(path, b"mine\n", seen).kind == SAVED


def test_force_overwrites_and_keeps_what_was_there(place: Place) -> None:
    path = place.file("train.py")
    base = stamp_of(path)
    path.write_bytes(b"theirs\n")
    outcome = place.save(path, b"mine\n", base, force=True)
    assert outcome.kind == SAVED
    assert path.read_bytes() == b"mine\n"
    assert place.kept() == [b"theirs\n"]
    assert "kept at" in outcome.message


def test_force_with_nothing_changed_keeps_nothing(place: Place) -> None:
    outcome = place.save(place.file("train.py"), force=True)
    assert (outcome.kind, outcome.message, place.kept()) == (SAVED, "", [])


@pytest.mark.parametrize("base", [None, UNKNOWN, "stamp"], ids=["no file", "unknown", "older"])
def test_equal_content_is_never_a_conflict(place: Place, base: object) -> None:
    path = place.file("train.py", b"before")
    base = stamp_of(path) if base == "stamp" else base
    path.write_bytes(b"the same")
    inode = path.stat().st_ino
    outcome = place.save(path, b"the same", base)
    assert outcome.kind == SAVED
    assert path.stat().st_ino == inode


def test_a_base_that_is_not_known_is_a_conflict(place: Place) -> None:
    path = place.file("train.py")
    outcome = place.save(path, b"mine", UNKNOWN)
    assert outcome.reason == "conflict"
    assert path.read_bytes() == b"old\n"


def test_touch_and_another_inode_with_the_same_text_are_no_conflict(place: Place) -> None:
    path = place.file("train.py")
    base = stamp_of(path)
    os.utime(path, (1, 1))
    copy = place.file("copy")
    os.replace(copy, path)
    assert place.save(path, b"new", base).kind == SAVED


def test_a_deleted_file_is_gone_and_is_not_made_again_unasked(place: Place) -> None:
    path = place.file("train.py")
    base = stamp_of(path)
    path.unlink()
    outcome = place.save(path, b"mine", base)
    assert (outcome.kind, outcome.reason, outcome.stamp) == (REFUSED, "gone", None)
    assert not path.exists()
    assert place.kept() == [b"mine"]
    assert place.save(path, b"mine", base, force=True).kind == SAVED
    assert path.read_bytes() == b"mine"


def test_a_directory_that_is_gone_is_said_to_be(place: Place) -> None:
    path = place.work / "sub" / "train.py"
    outcome = place.save(path, b"mine", None)
    assert outcome.reason == "gone"
    assert "its directory does not exist (no file was made; your text is kept at" in outcome.message
    assert place.kept() == [b"mine"]


def test_a_file_that_appeared_meanwhile_is_a_conflict(place: Place) -> None:
    path = place.work / "new.py"
    outcome = place.save(path, b"mine", None, before=lambda: path.write_bytes(b"theirs"))
    assert outcome.reason == "conflict"
    assert path.read_bytes() == b"theirs"


# -- the race ----------------------------------------------------------------------------------------------


class AtTheLastMoment:
    """Changes the file once, right after it was compared."""

    def __init__(self, patch: pytest.MonkeyPatch, change: object) -> None:
        self.left = 1
        real = saver.plan

        def plan(*arguments: object, **named: object) -> object:
            decision = real(*arguments, **named)  # type: ignore[arg-type]
            if self.left:
                self.left -= 1
                change()  # type: ignore[operator]
            return decision

        patch.setattr(saver, "plan", plan)


@pytest.mark.parametrize("how", ["written", "replaced", "removed"])
def test_a_change_right_after_the_comparison_is_not_overwritten(
    place: Place, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = place.file("train.py")

    def change() -> None:
        if how == "written":
            path.write_bytes(b"theirs")
        elif how == "replaced":
            os.replace(place.file("other", b"theirs"), path)
        else:
            path.unlink()

    AtTheLastMoment(monkeypatch, change)
    outcome = place.save(path, b"mine")
    assert outcome.reason == ("gone" if how == "removed" else "conflict")
    assert not path.exists() if how == "removed" else path.read_bytes() == b"theirs"
    assert place.kept() == [b"mine"]


@pytest.mark.parametrize("how", ["written", "replaced"])
def test_a_change_between_the_last_look_and_the_swap_is_swapped_back(
    place: Place, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = place.file("train.py")
    real, left = saver.exchange, [1]

    def exchange(a: str, b: str) -> bool:
        if left:
            left.pop()
            if how == "written":
                path.write_bytes(b"their")
            else:
                os.replace(place.file("other", b"theirs"), path)
        return real(a, b)

    monkeypatch.setattr(saver, "exchange", exchange)
    outcome = place.save(path, b"mine")
    assert outcome.reason == "conflict"
    assert path.read_bytes().startswith(b"their")
    assert place.kept() == [b"mine"]
    assert place.litter() == []


def test_what_was_swapped_out_and_cannot_be_looked_at_is_left_and_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.file("train.py")

    def fails(*arguments: object) -> bool:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(saver, "_is_as_seen", fails)
    outcome = place.save(path, b"mine")
    assert outcome.kind == UNCERTAIN
    (left,) = place.litter()
    assert outcome.message.endswith(f"what was there before is {place.work / left}")
    assert (place.work / left).read_bytes() == b"old\n"


def test_without_swapping_what_was_written_in_between_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.file("train.py")

    def exchange(a: str, b: str) -> bool:
        path.write_bytes(b"theirs")
        return False

    monkeypatch.setattr(saver, "exchange", exchange)
    outcome = place.save(path, b"mine")
    assert outcome.kind == SAVED
    assert path.read_bytes() == b"mine"
    assert place.kept() == [b"theirs"]
    assert "over a version that is kept at" in outcome.message


def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.work / "new.py"
    AtTheLastMoment(monkeypatch, lambda: path.write_bytes(b"theirs"))
    assert place.save(path, b"mine", None).reason == "conflict"
    assert path.read_bytes() == b"theirs"


def test_a_chmod_right_after_the_comparison_is_not_undone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.file("train.py")
    AtTheLastMoment(monkeypatch, lambda: path.chmod(0o600))
    assert place.save(path, b"mine").kind == SAVED
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_never_stops_changing_is_a_conflict_not_a_loop(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.file("train.py")
    AtTheLastMoment(monkeypatch, lambda: path.write_bytes(os.urandom(8))).left = 99
    outcome = place.save(path, b"mine", base=stamp_of(path), force=True)
    assert outcome.reason == "conflict"
    assert "keeps changing" in outcome.message


def test_an_unexpected_failure_of_the_disk_is_an_answer(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(look.metadata, "copy", fails)
    outcome = place.save(place.file("train.py"))
    assert (outcome.kind, outcome.reason) == (REFUSED, "failed")
    assert "the disk reported an error" in outcome.message
    assert place.litter() == []

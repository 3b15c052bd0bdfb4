"""A text that is put together from what the file holds, and what is said when it cannot be."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rbridge.client import pieces, rebuild, saver, stamp, stdin
from rbridge.client.rebuild import compare, stage
from rbridge.client.saver import Outcome, Target
from rbridge.wire import delta
from tests.client import arriving, saving
from tests.client.arriving import NEW, OLD, THEIRS, sha
from tests.client.saving import Place, as_user, stamp_of

place = saving.place
document, saves, draft = arriving.document, arriving.saves, arriving.draft


def body(before: bytes = OLD, text: bytes = NEW) -> bytes:
    made = delta.encode(before, text)
    assert made is not None
    return made


def staged(place: Place, path: Path, data: bytes, text: bytes = NEW) -> bytes | None:
    """What is staged beside *path*, None if it cannot be; nothing may be left in that case."""
    made = stage(Target(str(path), stamp_of(path)), data, len(text), sha(text), str(place.state))
    if made is None:
        assert place.litter() == []
        return None
    got = b"".join(pieces.read(made.fd))
    assert made.complete
    assert made.beside
    made.abort()
    assert place.litter() == []
    return got


def compared(path: Path, base: object, text: bytes = NEW) -> Outcome:
    return compare(Target(str(path), base), len(text), sha(text), "it is elsewhere")  # type: ignore[arg-type]


def test_the_text_is_staged_beside_its_file(place: Place) -> None:
    path = place.file("a", OLD)
    assert staged(place, path, body()) == NEW
    assert path.read_bytes() == OLD


def test_from_any_other_content_nothing_is_staged(place: Place) -> None:
    for content in (THEIRS, b"", NEW, OLD[:-1], b"!" + OLD):
        assert staged(place, place.file("a", content), body()) is None


def test_a_delta_that_makes_another_text_is_staged_nowhere(place: Place) -> None:
    path = place.file("a", OLD)
    assert staged(place, path, body(OLD, NEW.upper()[:5] + NEW[5:])) is None
    assert staged(place, path, b"no delta") is None
    assert staged(place, path, body()[:-1]) is None


@pytest.mark.parametrize("what", ["nothing", "a directory", "a pipe"])
def test_what_is_no_file_gives_no_text(place: Place, what: str) -> None:
    path = place.work / "a"
    if what == "a directory":
        path.mkdir()
    elif what == "a pipe":
        os.mkfifo(path)
    with pytest.raises(OSError, match=r"\[Errno"):
        stage(Target(str(path), None), body(), len(NEW), sha(NEW), str(place.state))
    assert place.litter() == []


def test_a_disk_that_cannot_be_read_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def pread(*arguments: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    path = place.file("a", OLD)
    base = stamp_of(path)
    monkeypatch.setattr(os, "pread", pread)
    outcome = rebuild.save(
        Target(str(path), base), body(), len(NEW), sha(NEW), str(place.state), "it is elsewhere"
    )
    assert (outcome.kind, outcome.reason) == ("refused", "failed")
    assert "the disk reported an error (nothing was overwritten; it is elsewhere)" in outcome.message
    assert place.litter() == []


def test_a_link_is_followed(place: Place) -> None:
    path = place.file("a", OLD)
    (place.work / "link").symlink_to(path)
    assert staged(place, place.work / "link", body()) == NEW


def test_that_it_cannot_be_stored_is_the_stagings_failure(place: Place) -> None:
    with saving.disk(place.root / "disk", "size=96k") as small:
        (small / "work").mkdir()
        place.work, place.state = small / "work", small / "state"
        base, text = OLD * 6, OLD * 6 + NEW * 4
        path = place.file("a", base)
        target = Target(str(path), stamp_of(path))
        made = stage(target, body(base, text), len(text), sha(text), str(place.state))
        assert made is not None
        outcome = saver.save(target, made)
        assert (outcome.kind, outcome.reason) == ("refused", "no-space")
        assert "your text could not be kept on this host" in outcome.message
        assert path.read_bytes() == base
        assert place.litter() == []


def test_a_draft_is_built_in_the_same_way(place: Place) -> None:
    made = stdin.Draft()
    with place.file("a", OLD).open("rb") as file:
        assert rebuild.build(file.fileno(), body(), len(NEW), made)
    made.finish()
    assert (made.size, made.sha256) == (len(NEW), sha(NEW))
    made.abort()


def test_a_text_that_is_there_is_synced_and_done(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.file("a", NEW)
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/dev/fd/{fd}")) or real(fd))
    outcome = compared(path, stamp.of_content(sha(OLD)))
    assert (outcome.kind, outcome.message) == ("saved", "")
    assert outcome.stamp == stamp_of(path) or outcome.stamp.sha256 == sha(NEW)
    assert synced == [str(path), str(place.work)]


@pytest.mark.parametrize("base", [None, saver.UNKNOWN, stamp.of_content(sha(OLD))], ids=str)
def test_another_content_is_a_conflict_that_says_what_it_is(place: Place, base: object) -> None:
    outcome = compared(place.file("a", THEIRS), base)
    assert (outcome.kind, outcome.reason, outcome.kept) == ("refused", "conflict", "")
    assert (outcome.stamp.size, outcome.stamp.sha256) == (len(THEIRS), sha(THEIRS))
    assert (
        outcome.message
        == "cannot save a: it was changed meanwhile (nothing was overwritten; it is elsewhere)"
    )


def test_with_the_base_there_it_is_the_delta_that_is_wrong(place: Place) -> None:
    outcome = compared(place.file("a", OLD), stamp.of_content(sha(OLD)))
    assert outcome.reason == "failed"
    assert "what came does not make the text that was announced" in outcome.message


def test_what_is_gone_or_no_file_or_may_not_be_read_is_said_to_be(place: Place) -> None:
    assert (compared(place.work / "a", None).reason, compared(place.work / "a", None).stamp) == ("gone", None)
    assert compared(place.work / "b" / "a", None).reason == "gone"
    assert compared(place.work, None).reason == "failed"
    os.mkfifo(place.work / "pipe")
    assert compared(place.work / "pipe", None).kind == "refused"
    path = place.file("secret", OLD)
    path.chmod(0)
    reason = as_user(saving.NOBODY, lambda: compared(path, None).reason)
    assert reason == "denied"


def test_a_file_that_never_stops_changing_is_a_conflict(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unstable(fd: int) -> stamp.Stamp:
        raise stamp.Unstable("the file keeps changing")

    monkeypatch.setattr(stamp, "take", unstable)
    outcome = compared(place.file("a", OLD), None)
    assert (outcome.reason, outcome.stamp) == ("conflict", None)
    assert "another program is writing to it" in outcome.message


def test_that_the_text_can_be_built_does_not_make_the_file_the_base(saves: arriving.Saves) -> None:
    path = Path(saves.document.source.real)
    path.write_bytes(OLD + b"their line\n")
    outcome = saves.change(OLD, NEW)
    assert outcome.reason == "conflict"
    assert path.read_bytes() == OLD + b"their line\n"
    assert saves.kept() == [NEW]


@pytest.mark.parametrize("how", ["written", "replaced", "removed"])
def test_a_change_after_the_text_was_built_is_not_overwritten(
    saves: arriving.Saves, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = Path(saves.document.source.real)
    real: Callable[..., object] = rebuild.build

    def build(*arguments: object) -> object:
        built = real(*arguments)
        if how == "written":
            path.write_bytes(THEIRS)
        elif how == "removed":
            path.unlink()
        else:
            path.with_name("other").write_bytes(THEIRS)
            os.replace(path.with_name("other"), path)
        return built

    monkeypatch.setattr(rebuild, "build", build)
    outcome = saves.change(OLD, NEW)
    assert outcome.reason == ("gone" if how == "removed" else "conflict")
    assert path.exists() is (how != "removed")
    assert how == "removed" or path.read_bytes() == THEIRS
    assert saves.kept() == [NEW]  # by then it could be put together


def test_a_file_with_two_names_is_written_in_place(saves: arriving.Saves) -> None:
    path = Path(saves.document.source.real)
    os.link(path, path.with_name("second"))
    inode = path.stat().st_ino
    assert saves.change(OLD, NEW).kind == "saved"
    assert path.with_name("second").read_bytes() == NEW
    assert path.stat().st_ino == inode

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from rbridge.client import leftovers, saver, staging
from rbridge.client.saver import REFUSED, Target
from rbridge.client.staging import Staging
from tests.client import saving
from tests.client.saving import NOBODY, Place, as_user, disk, stamp_of

place = saving.place


def test_a_text_lies_hidden_and_private_beside_its_target(place: Place) -> None:
    made = Staging(str(place.work / "train.py"), str(place.state), 4)
    name = os.path.basename(made.file)
    assert name.startswith(".train.py.rbridge-")
    assert os.path.dirname(made.file) == str(place.work)
    assert os.stat(made.file).st_mode & 0o777 == 0o600
    assert not os.get_inheritable(made.fd)
    for piece in (b"te", b"", b"xt"):
        made.write(piece)
    made.finish()
    assert (made.size, made.sha256, made.complete) == (4, hashlib.sha256(b"text").hexdigest(), True)
    assert leftovers.pending(str(place.state))
    made.abort()
    made.abort()
    assert place.litter() == []


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "x", os.fsdecode(b"\xff" * 255)])
def test_its_name_is_never_too_long(place: Place, name: str) -> None:
    made = Staging(str(place.work / name), str(place.state))
    assert made.beside
    assert len(os.fsencode(os.path.basename(made.file))) <= 254
    made.abort()


def test_where_names_must_be_shorter_it_has_a_short_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def open_(path: str, flags: int, mode: int = 0o777) -> int:
        if len(os.path.basename(path)) > 143:  # eCryptfs
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        return real(path, flags, mode)

    monkeypatch.setattr(staging.os, "open", open_)
    made = Staging(str(place.work / ("n" * 140)), str(place.state))
    assert made.beside
    made.abort()
    assert place.litter() == []


@pytest.mark.parametrize(
    ("length", "sent", "sha256", "complete"),
    [(4, b"text", "", True), (None, b"text", "", True), (5, b"text", "", False), (3, b"text", "", False)]
    + [(4, b"text", hashlib.sha256(b"text").hexdigest(), True), (4, b"text", "0" * 64, False)],
)
def test_complete_means_length_and_hash_are_those_announced(
    place: Place, length: int | None, sent: bytes, sha256: str, complete: bool
) -> None:
    made = Staging(str(place.work / "a"), str(place.state), length)
    made.write(sent)
    made.finish(sha256)
    assert made.complete is complete
    made.abort()


def test_a_large_text_is_preallocated_and_cut_to_what_came(place: Place) -> None:
    made = Staging(str(place.work / "a"), str(place.state), 4 << 20)
    assert os.fstat(made.fd).st_size == 4 << 20
    made.write(b"x" * 10)
    made.finish()
    assert os.fstat(made.fd).st_size == 10
    made.abort()


def test_without_preallocation_nothing_is_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(staging.os, "posix_fallocate")  # as on macOS
    made = Staging(str(place.work / "a"), str(place.state), 4 << 20)
    assert made.failure is None
    made.abort()


@pytest.mark.parametrize("length", [300_000, None, 3 << 20])
def test_a_disk_that_fills_up_moves_the_text_to_the_state_directory(place: Place, length: int | None) -> None:
    with disk(place.work, "size=64k"):
        made = Staging(str(place.work / "a"), str(place.state), length)
        body = os.urandom(300_000)
        for start in range(0, len(body), 10_000):
            made.write(body[start : start + 10_000])
        made.finish()
        assert not made.beside
        assert made.not_beside is not None
        assert made.not_beside.errno == errno.ENOSPC
        assert Path(made.file).read_bytes() == body
        assert os.listdir(place.work) == []
        made.abort()
    assert place.litter() == []


def test_a_text_that_fits_nowhere_is_taken_and_dropped(place: Place) -> None:
    with disk(place.root / "disk", "size=32k") as small:
        place.state = small / "state"
        made = Staging(str(small / "a"), str(place.state))
        for _ in range(100):
            made.write(b"x" * 10_000)
        made.finish()
        assert made.failure is not None
        assert made.size == 1_000_000
        made.abort()
        assert [name for name in os.listdir(small) if name != "state"] == []


def test_what_will_be_written_in_place_is_staged_in_the_state_directory(place: Place) -> None:
    path = place.file("a")
    os.link(path, place.work / "b")
    made = Staging(str(path), str(place.state))
    assert not made.beside
    assert made.not_beside is None
    assert os.stat(made.file).st_mode & 0o777 == 0o600
    made.abort()
    place.give_to(NOBODY)

    def elsewhere() -> tuple[bool, int | None]:
        other = Staging(str(place.work / "new"), str(place.state))
        return other.beside, other.not_beside.errno if other.not_beside else None

    assert as_user(NOBODY, elsewhere) == (False, errno.EACCES)


def test_a_state_directory_that_cannot_be_written_forbids_no_save(place: Place) -> None:
    place.state.rmdir()
    place.state.write_bytes(b"not a directory")
    path = place.file("train.py")
    assert place.save(path).kind == "saved"
    assert path.read_bytes() == b"new\n"


def test_a_text_moves_whole_between_its_places(place: Place) -> None:
    made = Staging(str(place.work / "a"), str(place.state))
    made.write(b"text" * 1000)
    made.finish()
    made.to_state()
    assert not made.beside
    assert os.listdir(place.work) == []
    made.to_side(str(place.work / "a"))
    assert made.beside
    assert Path(made.file).read_bytes() == b"text" * 1000
    assert len(os.listdir(place.state / "saves")) == 1
    made.abort()
    assert place.litter() == []


def test_a_text_that_reads_back_changed_does_not_move(place: Place) -> None:
    made = Staging(str(place.work / "a"), str(place.state))
    made.write(b"text")
    made.finish()
    Path(made.file).write_bytes(b"tezt")
    with pytest.raises(OSError, match="cannot be read back"):
        made.to_state()
    assert made.beside
    made.abort()
    assert place.litter() == []


def test_before_it_trades_places_its_link_says_so_and_goes_with_it(place: Place) -> None:
    made = Staging(str(place.file("train.py")), str(place.state))
    made.write(b"text")
    made.finish()
    for known in ("a" * 64, "b" * 64):
        made.swapping(known)
        (link,) = os.listdir(place.state / "saves")
        assert f".{known[:32]}.{made.sha256[:32]}.link" in link
        assert os.readlink(place.state / "saves" / link) == made.file
    made.abort()
    assert place.litter() == []


def test_where_that_cannot_be_said_there_is_no_link_that_would_have_it_removed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made = Staging(str(place.file("train.py")), str(place.state))
    made.finish()
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        made.swapping("a" * 64)
    assert place.litter() == [os.path.basename(made.file)]
    made.abort()
    assert place.litter() == []


def test_half_a_text_is_never_saved(place: Place) -> None:
    path = place.file("train.py")
    staging = Staging(str(path), str(place.state), 100)
    staging.write(b"ten bytes.")
    staging.finish()
    outcome = saver.save(Target(str(path), stamp_of(path)), staging)
    assert (outcome.kind, outcome.reason) == (REFUSED, "failed")
    assert "did not arrive whole" in outcome.message
    assert path.read_bytes() == b"old\n"
    assert place.litter() == []


def test_a_text_with_another_hash_than_announced_is_never_saved(place: Place) -> None:
    path = place.file("train.py")
    staging = Staging(str(path), str(place.state))
    staging.write(b"text")
    staging.finish("0" * 64)
    assert saver.save(Target(str(path), stamp_of(path)), staging).kind == REFUSED
    assert path.read_bytes() == b"old\n"

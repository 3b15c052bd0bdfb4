from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from rbridge.client.look import look
from rbridge.client.saver import REFUSED, SAVED, Staging, Target
from tests.client import saving
from tests.client.saving import NOBODY, Place, as_user, stamp_of

place = saving.place


def staged(place: Place, path: Path) -> Staging:
    staging = Staging(str(path), str(place.state))
    staging.write(b"new")
    staging.finish()
    return staging


def test_a_plain_file_is_described_and_the_text_made_ready(place: Place) -> None:
    path = place.file("train.py")
    path.chmod(0o751)
    staging = staged(place, path)
    facts = look(Target(str(path), stamp_of(path)), staging)
    try:
        assert facts.exists
        assert (facts.problem, facts.links, facts.uncopied) == ("", 1, "")
        assert facts.now == stamp_of(path) or facts.now is not None
        assert os.fstat(staging.fd).st_mode & 0o777 == 0o751
    finally:
        facts.close()
        staging.abort()


def test_a_base_that_stat_can_vouch_for_is_not_read_again(place: Place) -> None:
    path = place.file("train.py")
    base = stamp_of(path)
    assert base is not None
    base.taken_ns += 10 * 10**9
    base.sha256 = "not what reading it would give"
    staging = staged(place, path)
    facts = look(Target(str(path), base), staging)
    try:
        assert facts.now is base
    finally:
        facts.close()
        staging.abort()


# -- links and things that are no files --------------------------------------------------------------------


def test_a_symbolic_link_is_followed_and_stays(place: Place) -> None:
    path = place.file("real.py")
    (place.work / "far").mkdir()
    chain = [place.work / "a", place.work / "far" / "b"]
    chain[1].symlink_to("../real.py")
    chain[0].symlink_to("far/b")
    assert place.save(chain[0]).kind == SAVED
    assert path.read_bytes() == b"new\n"
    assert all(link.is_symlink() for link in chain)


def test_a_dangling_link_has_its_target_made(place: Place) -> None:
    link = place.work / "link"
    link.symlink_to("not-yet")
    assert place.save(link, b"new", None).kind == SAVED
    assert (place.work / "not-yet").read_bytes() == b"new"
    assert link.is_symlink()


def test_a_link_that_now_leads_elsewhere_is_compared_there(place: Place) -> None:
    place.file("one")
    (place.work / "dir").mkdir()
    link = place.work / "link"
    link.symlink_to("one")
    place.file("dir/two", b"old\n")

    def turn() -> None:
        link.unlink()
        link.symlink_to("dir/two")

    assert place.save(link, b"new", before=turn).kind == SAVED
    assert (place.work / "dir" / "two").read_bytes() == b"new"
    assert (place.work / "one").read_bytes() == b"old\n"


def test_a_link_to_itself_is_refused_with_its_reason(place: Place) -> None:
    link = place.work / "loop"
    link.symlink_to("loop")
    outcome = place.save(link, b"new", None)
    assert (outcome.kind, outcome.reason) == (REFUSED, "failed")
    assert "a symbolic link that leads to itself" in outcome.message


@pytest.mark.parametrize("kind", ["directory", "named pipe", "socket", "device"])
def test_what_is_no_file_is_refused_by_name(place: Place, kind: str) -> None:
    path = place.work / "thing"
    if kind == "directory":
        path.mkdir()
    elif kind == "named pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        os.mknod(path, 0o20600, os.makedev(1, 3))
    before = path.lstat()
    outcome = place.save(path, b"new", None)
    assert outcome.kind == REFUSED
    assert f"it is a {kind}" in outcome.message
    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert place.kept() == [b"new"]
    assert place.litter() == []


# -- who may ------------------------------------------------------------------------------------------------


def test_what_was_opened_read_only_stays(place: Place) -> None:
    path = place.file("train.py")
    assert place.save(path, read_only=True).reason == "read-only"
    assert path.read_bytes() == b"old\n"


def test_a_write_protected_file_is_refused_unless_it_is_ours_and_forced(place: Place) -> None:
    path = place.file("train.py")
    path.chmod(0o444)
    os.chown(place.work, NOBODY, NOBODY)
    place.give_to(NOBODY)
    assert as_user(NOBODY, lambda: place.save(path).reason) == "denied"
    assert as_user(NOBODY, lambda: place.save(path, force=True).reason) == "denied"
    os.chown(path, NOBODY, NOBODY)
    assert as_user(NOBODY, lambda: place.save(path).reason) == "denied"
    assert path.read_bytes() == b"old\n"
    assert as_user(NOBODY, lambda: place.save(path, force=True).kind) == SAVED
    assert path.stat().st_mode & 0o777 == 0o444


def test_a_file_that_may_not_be_read_any_more_is_refused(place: Place) -> None:
    path = place.file("train.py")
    base = stamp_of(path)
    path.chmod(0o200)
    os.chown(path, NOBODY, NOBODY)
    os.chown(place.work, NOBODY, NOBODY)
    place.give_to(NOBODY)
    assert as_user(NOBODY, lambda: place.save(path, base=base).reason) == "denied"
    assert path.read_bytes() == b"old\n"


def test_no_new_file_where_we_may_not_make_one(place: Place) -> None:
    place.give_to(NOBODY)
    path = place.work / "new.py"
    outcome = as_user(NOBODY, lambda: place.save(path, b"text", None))
    assert outcome.reason == "denied"
    assert place.kept() == [b"text"]


@pytest.mark.parametrize("flag", ["i", "a"], ids=["immutable", "append only"])
def test_an_immutable_file_is_refused(place: Place, flag: str) -> None:
    path = place.file("train.py")
    subprocess.run(["chattr", f"+{flag}", str(path)], check=True)
    outcome = place.save(path)
    assert (outcome.kind, outcome.reason) == (REFUSED, "denied")
    assert path.read_bytes() == b"old\n"
    assert place.kept() == [b"new\n"]
    assert place.litter() == []


def test_a_running_program_can_be_replaced(place: Place) -> None:
    path = place.work / "sleep"
    path.write_bytes(Path("/bin/sleep").read_bytes())
    path.chmod(0o755)
    with subprocess.Popen([str(path), "60"]) as process:
        try:
            assert place.save(path, b"#!/bin/sh\n").kind == SAVED
        finally:
            process.kill()
    assert path.read_bytes() == b"#!/bin/sh\n"

"""The matrix: what a file has beside its text is the same after a save, whichever way it was written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rbridge.client import metadata
from rbridge.client.saver import SAVED
from tests.client import saving
from tests.client.saving import NOBODY, Place, as_user

place = saving.place
BOTH_WAYS = pytest.mark.parametrize("links", [1, 2], ids=["replaced", "in place"])


def shown(path: Path) -> tuple[object, ...]:
    st = path.stat()
    return (oct(st.st_mode), st.st_uid, st.st_gid, {n: os.getxattr(path, n) for n in os.listxattr(path)})


def saved_as_before(place: Place, path: Path, links: int = 1) -> None:
    if links > 1:
        os.link(path, place.work / "second")
    before, inode = shown(path), path.stat().st_ino
    outcome = place.save(path)
    assert outcome.kind == SAVED, outcome
    assert path.read_bytes() == b"new\n"
    assert shown(path) == before
    assert (path.stat().st_ino == inode) is (links > 1)
    assert place.litter() == []


@BOTH_WAYS
@pytest.mark.parametrize(
    "mode", [0o600, 0o644, 0o664, 0o755, 0o777, 0o400, 0o4755, 0o2755, 0o1644, 0o6711, 0]
)
def test_the_mode_stays_set_id_bits_too(place: Place, links: int, mode: int) -> None:
    path = place.file("train.py")
    path.chmod(mode)
    saved_as_before(place, path, links)


@BOTH_WAYS
def test_root_leaves_another_users_file_to_that_user(place: Place, links: int) -> None:
    path = place.file("train.py")
    os.chown(path, 1234, 2345)
    path.chmod(0o640)
    saved_as_before(place, path, links)


@BOTH_WAYS
def test_an_acl_stays(place: Place, links: int) -> None:
    path = place.file("train.py")
    subprocess.run(["setfacl", "-m", "u:1234:rw,g:2345:r", str(path)], check=True)
    saved_as_before(place, path, links)


@BOTH_WAYS
@pytest.mark.parametrize("name", ["user.note", "trusted.note", "security.note"])
def test_an_extended_attribute_stays(place: Place, links: int, name: str) -> None:
    path = place.file("train.py")
    os.setxattr(path, name, b"a\0b")
    saved_as_before(place, path, links)


def test_a_default_acl_of_the_directory_adds_nothing_to_an_old_file(place: Place) -> None:
    path = place.file("train.py")
    path.chmod(0o600)
    subprocess.run(["setfacl", "-d", "-m", "u:1234:rwx", str(place.work)], check=True)
    saved_as_before(place, path)


@pytest.mark.parametrize("acl", ["", "u::rw,g::r,o::-,u:1234:rw"], ids=["umask", "default acl"])
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_is_like_that_of_any_editor(place: Place, acl: str, umask: int) -> None:
    if acl:
        subprocess.run(["setfacl", "-d", "-m", acl, str(place.work)], check=True)
    place.work.chmod(0o2755)
    os.chown(place.work, 0, 2345)
    place.work.chmod(0o2755)
    before = os.umask(umask)
    try:
        other = place.file("another")
        path = place.work / "new.py"
        assert place.save(path, b"new", None).kind == SAVED
    finally:
        os.umask(before)
    assert shown(path) == shown(other)


def test_a_text_is_nobody_elses_to_read_while_it_arrives(place: Place) -> None:
    path = place.work / "new.py"
    seen: list[int] = []
    place.save(
        path, b"new", None, before=lambda: seen.append(next(place.work.iterdir()).stat().st_mode & 0o777)
    )
    assert seen == [0o600]


# -- as another user ---------------------------------------------------------------------------------------


def own_file(place: Place) -> Path:
    path = place.file("train.py")
    os.chown(path, NOBODY, NOBODY)
    os.chown(place.work, NOBODY, NOBODY)
    return path


def another_owner(place: Place) -> Path:
    """Group write lets us save it; the directory is ours, so a replacement would change its owner."""
    path = place.file("train.py")
    os.chown(path, 1234, NOBODY)
    path.chmod(0o664)
    os.chown(place.work, NOBODY, NOBODY)
    return path


def another_group(place: Place) -> Path:
    path = own_file(place)
    os.chown(path, NOBODY, 2345)
    path.chmod(0o664)
    return path


def closed_directory(place: Place) -> Path:
    path = own_file(place)
    os.chown(place.work, 0, 0)
    return path


def sticky_directory(place: Place) -> Path:
    path = place.file("train.py")
    path.chmod(0o666)
    place.work.chmod(0o1777)
    return path


def immutable_directory(place: Place) -> Path:
    path = own_file(place)
    subprocess.run(["chattr", "+i", str(place.work)], check=True)
    return path


@pytest.mark.parametrize(
    ("lay", "in_place"),
    [
        (own_file, False),
        (another_owner, True),
        (another_group, True),
        (closed_directory, True),
        (sticky_directory, True),
        (immutable_directory, True),
    ],
)
def test_another_user_saves_what_he_may_write_and_changes_nothing_else(
    place: Place, lay: Callable[[Place], Path], in_place: bool
) -> None:
    path = lay(place)
    place.give_to(NOBODY)
    before, inode = shown(path), path.stat().st_ino
    outcome = as_user(NOBODY, lambda: place.save(path))
    assert outcome.kind == SAVED, outcome
    assert path.read_bytes() == b"new\n"
    assert shown(path) == before
    assert (path.stat().st_ino == inode) is in_place
    assert place.litter() == []


def test_a_group_of_ours_is_carried_over_without_writing_in_place(place: Place) -> None:
    path = another_group(place)
    place.give_to(NOBODY)
    inode = path.stat().st_ino
    assert as_user(NOBODY, lambda: place.save(path), (2345,)).kind == SAVED
    assert path.stat().st_ino != inode
    assert path.stat().st_gid == 2345


def test_a_bind_mounted_file_is_written_in_place(place: Place) -> None:
    path, source = place.file("train.py"), place.root / "source"
    source.write_bytes(b"old\n")
    subprocess.run(["mount", "--bind", str(source), str(path)], check=True)
    try:
        outcome = place.save(path)
        assert outcome.kind == SAVED, outcome
        assert source.read_bytes() == b"new\n"
        assert place.litter() == []
    finally:
        subprocess.run(["umount", str(path)], check=True)
    assert path.read_bytes() == b"old\n"


def test_a_file_mounted_from_another_disk_is_written_in_place(place: Place) -> None:
    path = place.file("train.py")
    with saving.disk(place.root / "disk", "size=1m") as disk:
        (disk / "source").write_bytes(b"old\n")
        subprocess.run(["mount", "--bind", str(disk / "source"), str(path)], check=True)
        try:
            assert place.save(path).kind == SAVED
            assert (disk / "source").read_bytes() == b"new\n"
        finally:
            subprocess.run(["umount", str(path)], check=True)


def test_an_attribute_that_cannot_be_set_means_writing_in_place(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.file("train.py")
    os.setxattr(path, "user.note", b"mine")
    inode = path.stat().st_ino

    def refuses(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(metadata.os, "setxattr", refuses)
    assert place.save(path).kind == SAVED
    assert path.stat().st_ino == inode
    assert os.getxattr(path, "user.note") == b"mine"


def test_a_capability_that_cannot_be_set_is_no_reason_to_write_in_place(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, to = place.file("a"), place.file("b")
    os.setxattr(source, "security.capability", bytes.fromhex("0100000202000000000000000000000000000000"))

    def refuses(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(metadata.os, "setxattr", refuses)
    with source.open("rb") as one, to.open("rb") as other:
        assert metadata.copy(one.fileno(), other.fileno()) == ""


def test_without_attribute_calls_the_rest_is_carried_over(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(metadata.os, "listxattr")  # as on macOS
    path = place.file("train.py")
    path.chmod(0o751)
    os.chown(path, 1234, 2345)
    assert place.save(path).kind == SAVED
    st = path.stat()
    assert (st.st_mode & 0o7777, st.st_uid, st.st_gid) == (0o751, 1234, 2345)

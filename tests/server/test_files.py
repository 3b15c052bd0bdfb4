import errno
import fcntl
import os
import stat
import subprocess
import sys
from hashlib import sha256

import pytest

from rbridge.errors import CannotCreate
from rbridge.server import files
from rbridge.server.files import Files, NoSpace
from tests.client.saving import disk


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "files"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def ours(root):
    made = Files(str(root), in_memory=True)
    yield made
    made.close()


def test_a_text_lies_under_host_and_path_for_us_alone(ours, root):
    incoming = ours.create("gpu1", ("home", "u", "x.py"), 5)
    incoming.write(b"hel")
    incoming.write(b"lo")
    assert incoming.finish() == sha256(b"hello").hexdigest()
    assert incoming.path == root / incoming.id / "gpu1" / "home" / "u" / "x.py"
    assert incoming.path.read_bytes() == b"hello"
    assert stat.S_IMODE(incoming.path.stat().st_mode) == 0o600
    for directory in list(incoming.path.parents)[:4]:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_no_document_is_an_ancestor_or_sibling_of_another(ours):
    first = ours.create("h", ("a", ".editorconfig"), 1)
    second = ours.create("h", ("a", "x.py"), 1)
    assert first.id != second.id
    assert first.path.parent != second.path.parent
    first.close()
    second.close()


def test_an_id_cannot_be_guessed(ours):
    incoming = ours.create("h", ("x",), 1)
    incoming.close()
    assert len(incoming.id) == files.MARK + files.UNIQUE


def test_a_host_never_hides(ours):
    incoming = ours.create("..", ("x",), 1)
    incoming.close()
    assert incoming.path.parent.name == "host"


def test_wiped_with_all_that_an_editor_left(ours, root):
    incoming = ours.create("h", ("x.py",), 1)
    incoming.finish()
    directory = incoming.path.parent
    (directory / "x.py~").write_text("x")
    (directory / ".x.py.swp").write_text("x")
    (directory / "undo" / "deep").mkdir(parents=True)
    (directory / "undo" / "deep" / "x").write_text("x")
    (directory / "undo").chmod(0o500)
    (directory / "link").symlink_to("/etc")
    ours.wipe(incoming.id)
    assert not (root / incoming.id).exists()
    assert os.path.exists("/etc/passwd")


def test_a_locked_directory_does_not_stop_a_user_without_powers(tmp_path):
    """Root ignores modes, so this runs as somebody else."""
    code = """
import os, sys
import trio
from rbridge.server.files import Files
os.setuid(65534)
os.mkdir(sys.argv[1], 0o700)
ours = Files(sys.argv[1], True)
incoming = ours.create("h", ("x",), 1)
incoming.finish()
os.mkdir(incoming.path.parent / "d")
open(incoming.path.parent / "d" / "f", "w").close()
os.chmod(incoming.path.parent / "d", 0)
ours.close()
assert not os.path.exists(sys.argv[1])
"""
    if os.getuid() != 0:
        code = code.replace("os.setuid(65534)", "")
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        os.chmod(directory, 0o1777)
        subprocess.run([sys.executable, "-c", code, directory + "/files"], check=True)


def test_closing_leaves_nothing(root):
    ours = Files(str(root), in_memory=True)
    ours.create("h", ("x",), 1).finish()
    (root / f"{ours._mark}more.cwd").mkdir()
    ours.close()
    assert not root.exists()


def test_what_a_killed_daemon_left_is_wiped(root):
    code = """
import os, sys
from rbridge.server.files import Files
Files(sys.argv[1], True).create("h", ("x",), 1).write(b"secret")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(root)], check=False)
    assert len(list(root.iterdir())) == 2
    ours = Files(str(root), in_memory=True)
    assert ours.sweep() == 1
    ours.close()
    assert not root.exists()


def test_what_a_living_daemon_has_is_left_alone(root, ours):
    incoming = ours.create("h", ("x",), 1)
    incoming.finish()
    # the lock of one process is no obstacle to itself: play the other one with a second descriptor
    other = Files(str(root), in_memory=True)
    assert other.sweep() == 0
    assert incoming.path.exists()
    other.close()
    assert incoming.path.exists()


def test_the_lock_is_the_kernels(ours, root):
    (lock,) = root.iterdir()
    with open(lock) as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_more_than_there_is_room_for_is_refused_before_it_is_sent(ours, root):
    with pytest.raises(NoSpace):
        ours.create("h", ("x",), ours.room() + 1)
    assert [path for path in root.iterdir() if not path.name.startswith(".")] == []


def test_no_room_even_for_a_lock_is_said(tmp_path):
    with disk(tmp_path / "small", "nr_inodes=2,mode=700") as small:
        (small / "fill").touch()
        with pytest.raises(CannotCreate, match=f"in {small}: No space left on device"):
            Files(str(small), in_memory=True)


def test_a_full_disk_is_told_from_other_failures(ours, monkeypatch):
    incoming = ours.create("h", ("x",), 1)

    def fail(number):
        def write(fd, data):
            raise OSError(number, os.strerror(number))

        return write

    for number, kind in ((errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EIO, CannotCreate)):
        monkeypatch.setattr(files.os, "write", fail(number))
        with pytest.raises(kind):
            incoming.write(b"x")
    monkeypatch.undo()
    incoming.close()


def test_a_large_text_is_not_hashed(ours, monkeypatch):
    monkeypatch.setattr(files, "HASHED", 10)
    incoming = ours.create("h", ("x",), 1)
    for _ in range(3):
        incoming.write(b"12345")
    assert incoming.finish() == ""
    assert incoming.size == 15


def test_short_writes_are_continued(ours, monkeypatch):
    incoming = ours.create("h", ("x",), 1)
    write = os.write
    monkeypatch.setattr(files.os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    incoming.write(b"0123456789")
    monkeypatch.undo()
    incoming.finish()
    assert incoming.path.read_bytes() == b"0123456789"


def test_a_failure_while_laying_out_leaves_nothing(ours, root):
    with pytest.raises(CannotCreate):
        ours.create("h", ("a", "x" * 300), 1)
    assert [path for path in root.iterdir() if not path.name.startswith(".")] == []


def test_a_wipe_that_cannot_succeed_is_logged_and_no_error(ours, root, monkeypatch, caplog):
    incoming = ours.create("h", ("x",), 1)
    incoming.finish()

    def fail(path):
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(files.logger, "propagate", True)
    monkeypatch.setattr(files.shutil, "rmtree", fail)
    ours.wipe(incoming.id)
    assert "cannot wipe" in caplog.text
    monkeypatch.undo()


def dead(root, *names):
    """What a killed daemon leaves: documents with these names of texts; their IDs."""
    made = Files(str(root), in_memory=True)
    found = []
    for name in names:
        incoming = made.create("h", (name,), 1)
        incoming.write(b"x")
        incoming.finish()
        found.append(incoming.id)
        (root / f"{incoming.id}.cwd").mkdir()
    os.close(made._lock_fd)  # as the kernel does at its end
    os.close(made._root_fd)
    return found


def entries(root):
    return sorted(path.name for path in root.iterdir())


def test_what_a_killed_daemon_left_is_listed_before_it_is_wiped(root, ours):
    left = dead(root, "a", "b")
    ours.create("h", ("mine",), 1).finish()
    assert ours.left() == sorted(left)
    assert ours.left() == sorted(left)
    assert ours.sweep() == 2
    assert ours.left() == []
    assert len(entries(root)) == 2


def test_an_adopted_document_is_ours(root):
    (kept, other) = dead(root, "a", "b")
    ours = Files(str(root), in_memory=True)
    ours.left()
    ours.adopt(kept)
    assert ours.sweep() == 1
    assert {kept, f"{kept}.cwd"} <= set(entries(root))
    assert not (root / other).exists()
    ours.close()
    assert not root.exists()


def test_an_adopted_document_is_wiped_as_any_other(root, ours):
    (kept,) = dead(root, "a")
    ours.left()
    ours.adopt(kept)
    ours.sweep()
    ours.wipe(kept)
    assert not (root / kept).exists()


def test_to_other_daemons_an_adopted_document_is_that_of_a_living_one(root, ours):
    (kept,) = dead(root, "a")
    ours.left()
    ours.adopt(kept)
    ours.sweep()
    other = Files(str(root), in_memory=True)
    assert other.left() == []
    assert other.sweep() == 0
    other.close()
    assert (root / kept).exists()


def test_an_adopted_document_is_found_again_when_its_second_daemon_is_killed(root, ours):
    (kept,) = dead(root, "a")
    second = Files(str(root), in_memory=True)
    second.left()
    second.adopt(kept)
    second.sweep()
    for fd in (second._lock_fd, second._root_fd, *second._taken.values()):
        os.close(fd)
    assert ours.left() == [kept]


def test_what_must_not_be_lost_stays_for_the_next_daemon(root):
    (kept, other) = dead(root, "a", "b")
    ours = Files(str(root), in_memory=True)
    ours.left()
    ours.spare(kept)
    assert ours.sweep() == 1
    ours.close()
    assert {kept, f"{kept}.cwd"} <= set(entries(root))
    again = Files(str(root), in_memory=True)
    assert again.left() == [kept]
    assert again.sweep() == 1
    again.close()
    assert not root.exists()


def test_what_is_left_stays_for_the_next_daemon(root):
    first = Files(str(root), in_memory=True)
    kept, other = (first.create("gpu1", (name,), 1) for name in ("a", "b"))
    for one in (kept, other):
        one.close()
        (root / f"{one.id}.cwd").mkdir()
    first.leave(kept.id)
    first.close()
    assert {kept.id, f"{kept.id}.cwd"} <= set(entries(root))
    assert other.id not in entries(root)
    second = Files(str(root), in_memory=True)
    assert second.left() == [kept.id]
    second.adopt(kept.id)
    second.sweep()
    second.leave(kept.id)  # and once more
    second.close()
    third = Files(str(root), in_memory=True)
    assert third.left() == [kept.id]
    third.sweep()
    third.close()
    assert not root.exists()


def test_a_directory_is_laid_out_like_a_text(root, ours):
    document, path = ours.create_directory(".gpu1", ("home", "project"))
    assert path == root / document / "gpu1" / "home" / "project"
    assert path.stat().st_mode & 0o777 == 0o700
    assert not list(path.iterdir())
    with pytest.raises(CannotCreate):
        ours.create_directory("gpu1", ("n" * 300,))
    ours.wipe(document)
    assert not (root / document).exists()

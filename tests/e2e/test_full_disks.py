"""Disks that are full, on the host and on the laptop, and a laptop without a file system in memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.saving import disk
from tests.compat.editor import Editor
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, rbridge, stop
from tests.harness.wait import DEADLINE, until

OLD = b"the old text\n"
LONG = b"0123456789abcde\n" * 200_000  # 3.2 MB


def start(home: Home, socket: Path, file: Path) -> subprocess.Popen[bytes]:
    return home.start(rbridge("open", "-w", "--socket", str(socket), str(file)))


def ended(process: subprocess.Popen[bytes]) -> tuple[int, list[str]]:
    err = process.communicate(timeout=DEADLINE)[1].decode().splitlines()
    return process.returncode, [line for line in err if ": open in " not in line]


def kept(home: Home, text: bytes) -> list[str]:
    """The files of the state directory that hold *text*."""
    return [str(one) for one in home.state.rglob("*") if one.is_file() and one.read_bytes() == text]


@contextmanager
def small_laptop(home: Home, editor: Editor, size: str) -> Iterator[Daemon]:
    """A daemon whose FILES have *size* in all."""
    with disk(home.runtime, f"size={size},mode=700"):
        daemon = Daemon(home, editor=editor.spec)
        try:
            yield daemon
        finally:
            daemon.stop()


def test_on_the_host_a_full_disk_leaves_the_old_file_and_keeps_the_text(
    home: Home, editor: Editor, daemon: Callable[..., Daemon]
) -> None:
    running = daemon(editor=editor.spec)
    with disk(home.path / "small", "size=64k") as small:
        file = small / "train.py"
        file.write_bytes(OLD)
        process = start(home, running.socket, file)
        opened = editor.wait_open()
        opened.write(LONG)
        opened.quit()
        code, (line,) = ended(process)
        assert code == 74
        assert "the disk is full (the old file is intact; your text is kept at " in line
        assert any(where in line for where in kept(home, LONG))
        assert file.read_bytes() == OLD
        assert [one.name for one in small.iterdir()] == ["train.py"]
    assert "the disk is full" in running.err


def test_on_the_laptop_what_has_no_room_is_refused_and_the_rest_opens(home: Home, editor: Editor) -> None:
    file = home.file("large.txt", LONG)
    other = home.file("small.txt", OLD)
    with small_laptop(home, editor, "2m") as daemon:
        code, (line,) = ended(start(home, daemon.socket, file))
        assert code == 75
        assert "large.txt: not opened on " in line
        assert "no room" in line
        assert daemon.err.count("no room") == 1
        process = start(home, daemon.socket, other)
        opened = editor.wait_open()
        opened.write(b"new\n")
        opened.quit()
        assert ended(process) == (0, [])
    assert file.read_bytes() == LONG
    assert other.read_bytes() == b"new\n"


def test_on_the_laptop_a_full_home_directory_stops_neither_the_daemon_nor_a_save(
    home: Home, editor: Editor
) -> None:
    file = home.file("train.py", OLD)
    with disk(home.state, "size=4k,mode=700") as state:
        (state / "fill").write_bytes(b"x" * 4096)
        daemon = Daemon(home, editor=editor.spec)
        process = start(home, daemon.socket, file)
        opened = editor.wait_open()
        opened.write(b"new\n")
        opened.quit()
        assert ended(process) == (0, [])
        daemon.stop()
    said = [line for line in daemon.err.splitlines() if "files open in" not in line]
    assert len(said) == 3, said
    assert all("No space left on device" in line and line.startswith("rbridge: ") for line in said)
    assert file.read_bytes() == b"new\n"


def test_on_the_laptop_a_full_runtime_directory_is_one_line(home: Home) -> None:
    with disk(home.runtime, "size=4k,mode=700") as runtime:
        (runtime / "fill").write_bytes(b"x" * 4096)
        ran = home.run(rbridge("serve", "--editor", "true"))
    assert ran.code == 73
    assert ran.err == f"rbridge: cannot write {runtime}/daemon.lock: No space left on device\n"


@pytest.mark.parametrize("way", ["in place", "by another file"])
def test_on_the_laptop_an_editor_that_cannot_write_all_of_it_overwrites_nothing(
    home: Home, editor: Editor, way: str
) -> None:
    file = home.file("train.py", OLD)
    with small_laptop(home, editor, "2m") as daemon:
        process = start(home, daemon.socket, file)
        opened = editor.wait_open()
        # Half of the text fits; what the editor was told of it is between the system and the editor.
        opened.write(LONG) if way == "in place" else opened.rename(LONG)
        opened.quit()
        ended(process)
        if way == "in place":
            assert "train.py" in daemon.err
    assert file.read_bytes() == OLD


def test_on_the_laptop_a_text_that_cannot_be_handed_over_is_kept_when_the_editor_ends(
    home: Home, editor: Editor
) -> None:
    file = home.file("train.py", OLD)
    with small_laptop(home, editor, "256k") as daemon:
        process = start(home, daemon.socket, file)
        opened = editor.wait_open()
        room = os.statvfs(home.runtime)
        # What is left takes the text, but not the copy of it that would be sent.
        (home.runtime / "fill").write_bytes(b"x" * (room.f_bavail - 4) * room.f_frsize)
        opened.write(LONG[: 3 * room.f_frsize])
        opened.quit()
        ended(process)
        said = [line for line in daemon.err.splitlines() if "train.py" in line]
        assert "No space left on device; nothing was sent" in said[0]
        (where,) = kept(home, LONG[: 3 * room.f_frsize])
        assert said[1].endswith(f"the text is kept at {where}")
    assert file.read_bytes() == OLD


def test_without_a_file_system_in_memory_it_says_where_texts_lie_and_works(
    home: Home, editor: Editor, tmp_path: Path
) -> None:
    runtime, shm = tmp_path / "run", tmp_path / "shm"
    runtime.mkdir(mode=0o700)
    shm.mkdir()
    home.env["RBRIDGE_RUNTIME_DIR"] = str(runtime)
    socket = runtime / "d.sock"
    # A mount namespace in which /dev/shm is on the disk like all the rest.
    serve = [*rbridge("serve"), "--listen", f"unix:{socket}", "--editor", editor.spec]
    inside = 'mount --bind "$0" /dev/shm && exec "$@"'
    said = tmp_path / "said"
    with open(said, "wb") as err:
        daemon = home.start(["unshare", "-m", "sh", "-c", inside, str(shm), *serve], stderr=err.fileno())
    until(socket.exists)
    until(lambda: "no memory file system" in said.read_text())
    (line,) = [line for line in said.read_text().splitlines() if "memory" in line]
    assert line.endswith(f"until they are closed, texts lie on the disk in {runtime}/files")
    file = home.file("train.py", OLD)
    process = start(home, socket, file)
    opened = editor.wait_open()
    assert opened.file.is_relative_to(runtime / "files")
    opened.write(b"new\n")
    opened.quit()
    assert ended(process) == (0, [])
    assert file.read_bytes() == b"new\n"
    until(lambda: not opened.file.exists(), what="nothing of it is left")
    assert stop(daemon) == 0

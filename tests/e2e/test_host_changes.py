"""What other programs do to an open file on the host: shown within 3 s where that loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.editor import Editor, Opened
from tests.e2e.conftest import Bridge
from tests.harness.environment import Home
from tests.harness.wait import stays, until

OLD = b"import os\n\n\ndef main():\n    print( 'old' )\n" + b"x = 1\n" * 200
NEW = OLD.replace(b"print( 'old' )", b'print("old")')
MINE = OLD + b"mine\n"
VISIBLE = 3.0  # seconds until a change is in the editor
MARGIN = 1.5  # seconds more that a machine with other work takes


def by_rename(file: Path, text: bytes) -> None:
    """As git does: a new file takes the name."""
    other = file.with_name("tmp_obj_XYZ")
    other.write_bytes(text)
    other.rename(file)


def by_unlink(file: Path, text: bytes) -> None:
    """As git's checkout does where it cannot rename: the name is free for a moment."""
    file.unlink()
    file.write_bytes(text)


def in_place(file: Path, text: bytes) -> None:
    """As ``>`` does, and many formatters: truncated and written anew."""
    with open(file, "r+b") as out:
        out.truncate()
        out.write(text)


@pytest.fixture
def file(tunnel: Bridge) -> Path:
    return tunnel.home.file("train.py", OLD)


@pytest.fixture
def opened(tunnel: Bridge, file: Path, editor: Editor) -> Opened:
    tunnel.open("train.py").ok()
    found = editor.wait_open()
    tunnel.until_host("train.py clean")
    return found


@pytest.mark.parametrize("write", [by_rename, by_unlink, in_place])
def test_a_change_reaches_a_clean_document_in_time(
    opened: Opened,
    file: Path,
    write: Callable[[Path, bytes], None],
    tunnel: Bridge,
    proof: Callable[[str], None],
) -> None:
    slowest = 0.0
    for text in (NEW, OLD, MINE):
        write(file, text)
        began = time.monotonic()
        until(lambda text=text: opened.content == text, what="the editor's file is the new one")  # type: ignore[misc]
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < VISIBLE + MARGIN
    proof(f"a change on the host, {write.__name__.replace('_', ' ')}: in the editor within {slowest:.1f} s")
    # The editor's next save stands on what it has now.
    opened.write(NEW)
    until(lambda: file.read_bytes() == NEW)
    tunnel.until_host("train.py clean")
    assert "conflict" not in tunnel.daemon.err


def test_a_change_right_after_a_save_reaches_the_editor_too(
    tunnel: Bridge, file: Path, editor: Editor
) -> None:
    # Nothing of the client is compiled yet in this home: its first save comes in before it had any rest.
    tunnel.open("train.py").ok()
    opened = editor.wait_open()
    opened.write(MINE)
    until(lambda: file.read_bytes() == MINE)
    in_place(file, NEW)
    until(lambda: opened.content == NEW)


def test_a_dirty_document_is_marked_and_left_alone(tunnel: Bridge, file: Path, opened: Opened) -> None:
    subprocess.run(["chattr", "+i", file], check=True)
    opened.write(MINE)
    tunnel.until_host("train.py dirty")
    subprocess.run(["chattr", "-i", file], check=True)
    by_rename(file, NEW)
    tunnel.until_host("train.py conflict rbridge resolve")
    tunnel.until_laptop("train.py conflict rbridge resolve")
    stays(lambda: opened.content == MINE and file.read_bytes() == NEW, 0.5)
    # It is gone again, and with it the conflict: what waits is delivered.
    by_rename(file, OLD)
    until(lambda: file.read_bytes() == MINE)
    tunnel.until_host("train.py clean")
    assert opened.content == MINE


def test_what_the_editor_wrote_but_did_not_hand_over_yet_is_not_overwritten(
    tunnel: Bridge, file: Path, opened: Opened
) -> None:
    os.kill(tunnel.daemon.process.pid, signal.SIGSTOP)
    by_rename(file, NEW)
    tunnel.until_host("train.py clean")
    opened.write(MINE)
    os.kill(tunnel.daemon.process.pid, signal.SIGCONT)
    tunnel.until_host("train.py conflict")
    assert opened.content == MINE
    assert file.read_bytes() == NEW


def test_deleted_and_replaced_are_told_apart(tunnel: Bridge, file: Path, opened: Opened) -> None:
    aside = file.rename(file.with_name("aside.py"))
    tunnel.until_laptop("train.py clean deleted or renamed")
    tunnel.until_host("train.py clean deleted or renamed")
    assert opened.content == OLD
    by_rename(file, NEW)
    until(lambda: opened.content == NEW)
    assert "deleted" not in tunnel.until_laptop("train.py clean")
    until(lambda: "deleted" not in tunnel.until_host("train.py clean"))
    assert "deleted" not in tunnel.daemon.err.splitlines()[-1] or tunnel.daemon.err.count("deleted") == 1
    assert aside.read_bytes() == OLD


def test_a_deleted_file_is_written_again_only_at_the_users_word(
    tunnel: Bridge, file: Path, opened: Opened
) -> None:
    file.unlink()
    tunnel.until_host("train.py deleted")
    opened.write(MINE)
    tunnel.until_host("train.py conflict gone")
    assert not file.exists()
    tunnel.host("resolve train.py --mine").ok()
    assert file.read_bytes() == MINE
    tunnel.until_host("train.py clean")


def test_a_directory_in_its_place_is_told(tunnel: Bridge, file: Path, opened: Opened) -> None:
    file.unlink()
    file.mkdir()
    tunnel.until_host("train.py clean no file any more")
    opened.write(MINE)
    tunnel.until_host("train.py dirty directory")
    assert tunnel.host("status -q").code == 75


class Log:
    """A log on the host, opened with --follow."""

    def __init__(self, home: Home, tunnel: Bridge, editor: Editor) -> None:
        self.file = home.file("job.log", b"line 1\n")
        tunnel.open("--follow job.log").ok()
        self.opened = editor.wait_open()
        assert self.opened.content == b"line 1\n"

    def append(self, text: bytes) -> None:
        with open(self.file, "ab") as log:
            log.write(text)

    def shows(self, text: bytes) -> None:
        until(lambda: self.opened.content == text, what=f"the editor shows {text!r}")


@pytest.fixture
def log(tunnel: Bridge, editor: Editor) -> Log:
    return Log(tunnel.home, tunnel, editor)


def test_following_is_offered_for_a_file_that_grew_twice_in_a_minute(
    tunnel: Bridge, file: Path, opened: Opened
) -> None:
    text = OLD
    for number in range(4):
        text += b"epoch %d\n" % number
        with open(file, "ab") as out:
            out.write(b"epoch %d\n" % number)
        until(lambda text=text: opened.content == text)  # type: ignore[misc]
        if number:
            until(lambda: "rbridge open --follow" in tunnel.daemon.err)
        else:
            assert "keeps growing" not in tunnel.daemon.err
    assert tunnel.daemon.err.count("keeps growing") == 1


def test_a_followed_log_grows_and_starts_again(log: Log, tunnel: Bridge) -> None:
    log.append(b"line 2\n")
    log.shows(b"line 1\nline 2\n")
    log.append(b"line 3\nline 4\n")
    log.shows(b"line 1\nline 2\nline 3\nline 4\n")
    log.file.write_bytes(b"new\n")
    log.shows(b"new\n")
    log.file.rename(log.file.with_name("job.log.1"))
    log.file.write_bytes(b"rotated\n")
    log.shows(b"rotated\n")
    log.append(b"more\n")
    log.shows(b"rotated\nmore\n")
    assert tunnel.host("status -q").code == 0


def test_a_followed_log_stays_read_only(log: Log, tunnel: Bridge) -> None:
    assert log.opened.file.stat().st_mode & 0o222 == 0
    log.opened.rename(b"scribbled\n")
    until(lambda: "is read-only: what an-editor saved was not sent" in tunnel.daemon.err)
    assert log.file.read_bytes() == b"line 1\n"
    log.append(b"line 2\n")
    log.shows(b"line 1\nline 2\n")
    assert log.file.read_bytes() == b"line 1\nline 2\n"


def test_after_a_cut_a_followed_log_goes_on(log: Log, tunnel: Bridge) -> None:
    tunnel.forward.cut()
    tunnel.until_laptop("job.log not connected")
    log.append(b"line 2\n")
    tunnel.again()
    log.shows(b"line 1\nline 2\n")
    log.append(b"line 3\n")
    log.shows(b"line 1\nline 2\nline 3\n")

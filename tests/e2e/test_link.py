"""A save that can be believed: acknowledged, refused with a reason, or in conflict, as both sides tell it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.saving import disk
from tests.compat.editor import Editor, Opened
from tests.e2e.conftest import Bridge
from tests.harness.wait import until

OLD = b"one\ntwo\nthree\n"
MINE = b"one\nmine\nthree\n"
THEIRS = b"one\ntheirs\nthree\n"


def start(tunnel: Bridge, editor: Editor, name: str = "train.py") -> tuple[Path, Opened]:
    """A file that is open in the editor, and whose command has returned."""
    file = tunnel.home.file(name, OLD)
    tunnel.open(name).ok()
    return file, editor.wait_open()


def spooled(tunnel: Bridge, text: bytes) -> bool:
    """Whether the laptop keeps exactly one text, and that is *text*."""
    entries = tunnel.laptop("recover", "list").ok().out.splitlines()
    return len(entries) == 1 and tunnel.laptop("recover", "show", entries[0].split()[0]).out_bytes == text


@contextmanager
def conflict(tunnel: Bridge, editor: Editor) -> Iterator[tuple[Path, Opened]]:
    """A file that was changed on the host, and in the editor, and saved there.

    The client is stopped while both happen: it cannot see the change before the save comes in.
    """
    file, opened = start(tunnel, editor)
    tunnel.until_host("train.py clean")
    (client,) = tunnel.ps()
    os.kill(client, signal.SIGSTOP)
    file.write_bytes(THEIRS)
    opened.write(MINE)
    os.kill(client, signal.SIGCONT)
    tunnel.until_laptop("train.py conflict resolve")
    tunnel.until_host("train.py conflict resolve")
    assert file.read_bytes() == THEIRS
    yield file, opened


def test_a_save_is_acknowledged_on_both_sides(bridge: Bridge, editor: Editor) -> None:
    file = bridge.home.file("train.py", OLD)
    bridge.open("train.py").ok()
    opened = editor.wait_open()
    for text in (MINE, THEIRS):
        opened.write(text)
        until(lambda text=text: file.read_bytes() == text)  # type: ignore[misc]
        until(lambda: bridge.host("status -q").code == 0 and bridge.laptop("status", "-q").code == 0)
        assert " clean" in bridge.until_host("train.py clean")
        assert "an-editor" in bridge.until_laptop("train.py clean")
    assert bridge.laptop("recover", "list").ok().out == ""
    assert bridge.daemon.err.count("\n") == 1  # which editor it is: nothing is said of a save that went well


@pytest.mark.parametrize("way", ["read-only", "full"])
def test_a_refused_save_shows_its_reason_until_one_goes_well(
    tunnel: Bridge, editor: Editor, way: str
) -> None:
    with disk(tunnel.home.path / "small", "size=64k") as small:
        file, opened = start(tunnel, editor, "small/train.py")
        reason = "read-only" if way == "read-only" else "full"
        if way == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", small], check=True)
            text = MINE
        else:
            text = os.urandom(100_000)
        opened.write(text)
        said = tunnel.until_host(f"train.py dirty {reason}")
        assert "the old file is intact" in said
        assert f"file system is {reason}" in said or f"disk is {reason}" in said
        tunnel.until_laptop(f"train.py dirty {reason}")
        assert tunnel.host("status -q").code == 75
        assert tunnel.host("status -q small").code == 75
        assert tunnel.host("status -q other").code == 0
        assert tunnel.laptop("status", "-q").code == 75
        assert spooled(tunnel, text)
        assert file.read_bytes() == OLD
        assert reason in tunnel.daemon.err
        subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        opened.write(MINE)
        until(lambda: file.read_bytes() == MINE)
        tunnel.until_host("train.py clean")
        assert tunnel.host("status -q").code == 0
        until(lambda: tunnel.laptop("status", "-q").code == 0)
        opened.quit()
        until(lambda: not tunnel.ps())


def test_a_file_of_which_nobody_may_change_anything(tunnel: Bridge, editor: Editor) -> None:
    file, opened = start(tunnel, editor)
    subprocess.run(["chattr", "+i", file], check=True)
    try:
        opened.write(MINE)
        tunnel.until_host("train.py dirty allow")
        assert tunnel.host("status -q").code == 75
    finally:
        subprocess.run(["chattr", "-i", file], check=True)
    assert file.read_bytes() == OLD


def test_a_conflict_overwrites_nothing_and_keeps_both(tunnel: Bridge, editor: Editor) -> None:
    with conflict(tunnel, editor) as (file, opened):
        assert tunnel.host("status -q").code == tunnel.laptop("status", "-q").code == 75
        assert spooled(tunnel, MINE)
        told = [line for line in tunnel.daemon.err.splitlines() if "was changed on the host" in line]
        assert len(told) == 1, told
        assert "rbridge resolve" in told[0]
        assert opened.content == MINE
        for said in (
            tunnel.host("resolve train.py --show").ok().out,
            tunnel.laptop("resolve", "train.py", "--show").ok().out,
        ):
            assert "-theirs\n+mine\n" in said
        assert "--mine" in tunnel.host("resolve train.py").ok().err
        assert file.read_bytes() == THEIRS


@pytest.mark.parametrize("side", ["host", "laptop"])
def test_mine_goes_to_the_host(tunnel: Bridge, editor: Editor, side: str) -> None:
    with conflict(tunnel, editor) as (file, opened):
        done = (
            tunnel.host("resolve train.py --mine")
            if side == "host"
            else tunnel.laptop("resolve", "train.py", "--mine")
        )
        assert "train.py: " in done.ok().err
        assert file.read_bytes() == MINE
        until(lambda: tunnel.host("status -q").code == 0 and tunnel.laptop("status", "-q").code == 0)
        assert opened.content == MINE
        opened.write(OLD)
        until(lambda: file.read_bytes() == OLD)


@pytest.mark.parametrize("side", ["host", "laptop"])
def test_theirs_goes_to_the_editor_and_mine_stays_in_the_spool(
    tunnel: Bridge, editor: Editor, side: str
) -> None:
    with conflict(tunnel, editor) as (file, opened):
        done = (
            tunnel.host("resolve train.py --theirs")
            if side == "host"
            else tunnel.laptop("resolve", "train.py", "--theirs")
        )
        assert "train.py: " in done.ok().err
        until(lambda: opened.content == THEIRS)
        until(lambda: tunnel.host("status -q").code == 0 and tunnel.laptop("status", "-q").code == 0)
        tunnel.until_host("train.py clean")
        assert file.read_bytes() == THEIRS
        assert spooled(tunnel, MINE)
        opened.write(OLD)
        until(lambda: file.read_bytes() == OLD)


def test_equal_content_is_no_conflict(tunnel: Bridge, editor: Editor) -> None:
    file, opened = start(tunnel, editor)
    tunnel.until_host("train.py clean")
    (client,) = tunnel.ps()
    os.kill(client, signal.SIGSTOP)
    file.unlink()
    file.write_bytes(MINE)
    opened.write(MINE)
    tunnel.until_laptop("train.py saving")
    os.kill(client, signal.SIGCONT)
    opened.write(THEIRS)
    until(lambda: file.read_bytes() == THEIRS)
    until(lambda: tunnel.host("status -q").code == 0 and tunnel.laptop("status", "-q").code == 0)
    assert "conflict" not in tunnel.daemon.err
    assert "changed" not in tunnel.daemon.err


def test_wait_ends_with_0_when_the_last_save_is_on_disk(tunnel: Bridge, editor: Editor) -> None:
    file = tunnel.home.file("train.py", OLD)
    process = tunnel.start("-w train.py")
    opened = editor.wait_open()
    opened.write(MINE)
    opened.quit()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert file.read_bytes() == MINE


@pytest.mark.parametrize("chosen", ["", "mine", "theirs"])
def test_wait_ends_with_74_when_the_last_save_is_not_on_disk(
    tunnel: Bridge, editor: Editor, chosen: str
) -> None:
    file = tunnel.home.file("train.py", OLD)
    process = tunnel.start("-w train.py")
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    (client,) = tunnel.residents()
    os.kill(client, signal.SIGSTOP)
    file.write_bytes(THEIRS)
    opened.write(MINE)
    os.kill(client, signal.SIGCONT)
    tunnel.until_host("train.py conflict resolve")
    if chosen:
        tunnel.host(f"resolve train.py --{chosen}").ok()
        until(lambda: tunnel.host("status -q").code == 0)
    opened.quit()
    _, err = process.communicate(timeout=30)
    said = err.decode()
    assert process.returncode == (0 if chosen else 74), said
    assert file.read_bytes() == (MINE if chosen == "mine" else THEIRS)
    if chosen != "mine":
        assert spooled(tunnel, MINE)
    if not chosen:
        assert "train.py" in said
        assert "it was changed meanwhile (nothing was overwritten" in said

"""The text that the host never got: kept on the laptop, offered at the next open; sent, saved or dropped."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.compat.editor import Editor, Opened
from tests.e2e.conftest import Bridge
from tests.harness.environment import signalled
from tests.harness.wait import until

OLD = b"print('old')\n"
NEW = b"print('new')\n"


def die(tunnel: Bridge) -> None:
    """All that runs on the host for us ends, as when it is switched off."""
    pids = tunnel.ps()
    for pid in pids:
        signalled(pid, signal.SIGKILL)
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    tunnel.forward.cut()


@pytest.fixture
def file(tunnel: Bridge) -> Path:
    return tunnel.home.file("train.py", OLD)


@pytest.fixture
def undelivered(tunnel: Bridge, editor: Editor, file: Path) -> str:
    """The id of a text that was saved while the host was away, whose editor is closed; the host is back,
    and the client that had opened the file is no more.
    """
    tunnel.open("train.py").ok()
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    die(tunnel)
    tunnel.until_laptop("train.py not connected")
    opened.write(NEW)
    opened.quit()
    tunnel.until_laptop("train.py dirty not connected")
    tunnel.again()
    (line,) = tunnel.laptop("recover").ok().out.splitlines()
    assert f"{len(NEW)} bytes" in line
    assert f":{file}" in line
    assert file.read_bytes() == OLD
    return line.split()[0]


def opened_again(tunnel: Bridge, editor: Editor) -> tuple[Opened, str]:
    said = tunnel.open("train.py").ok().err
    return editor.wait_open(), said


def nothing_kept(tunnel: Bridge) -> bool:
    listed = tunnel.laptop("recover", "list").ok()
    return not listed.out and "nothing is kept" in listed.err and tunnel.laptop("status", "-q").code == 0


def test_it_is_shown_and_saved_whether_a_daemon_runs_or_not(
    tunnel: Bridge, undelivered: str, file: Path
) -> None:
    home = tunnel.daemon.home
    for ending in ("running", "stopped"):
        assert tunnel.laptop("recover", "show", undelivered).out_bytes == NEW
        saved = tunnel.laptop("recover", "save", undelivered, f"{ending}.py").ok()
        assert "still kept" in saved.err
        assert (home.path / f"{ending}.py").read_bytes() == NEW
        assert tunnel.laptop("recover", "save", undelivered, f"{ending}.py").code == 73
        assert tunnel.laptop("status", "-q").code == 75
        tunnel.daemon.stop()
    send = tunnel.laptop("recover", "send", undelivered, "--yes")
    assert send.code == 69
    assert "rbridge serve" in send.err
    assert file.read_bytes() == OLD


def test_it_is_dropped_at_the_users_word_only(tunnel: Bridge, undelivered: str, file: Path) -> None:
    assert tunnel.laptop("recover", "drop", undelivered).code == 64  # nobody is there to be asked
    assert tunnel.laptop("recover", "show", undelivered).out_bytes == NEW
    assert "erased" in tunnel.laptop("recover", "drop", "--yes", undelivered).ok().err
    assert not list((tunnel.daemon.home.state / "spool").rglob("text-*"))
    assert tunnel.laptop("recover", "show", undelivered).code == 66
    assert file.read_bytes() == OLD


def test_it_is_offered_at_the_next_open_and_sent(
    tunnel: Bridge, editor: Editor, undelivered: str, file: Path
) -> None:
    early = tunnel.laptop("recover", "send", undelivered, "--yes")
    assert early.code == 75
    assert "rbridge open" in early.err
    opened, said = opened_again(tunnel, editor)
    assert "keeps an undelivered text" in said
    assert "rbridge recover" in said
    assert opened.content == OLD
    sent = tunnel.laptop("recover", "send", undelivered, "--yes").ok()
    assert "saved" in sent.err
    assert file.read_bytes() == NEW
    until(lambda: opened.content == NEW)
    until(lambda: nothing_kept(tunnel))
    opened.write(b"and on\n")
    until(lambda: file.read_bytes() == b"and on\n")


def test_the_host_remembers_what_only_the_laptop_has(tunnel: Bridge, editor: Editor, file: Path) -> None:
    tunnel.open("train.py").ok()
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    file.write_bytes(b"theirs\n")
    opened.write(NEW)
    tunnel.until_host("train.py conflict")
    opened.quit()
    until(lambda: not tunnel.ps())  # the client has ended with its last document
    assert tunnel.host("status -q").code == 75
    assert tunnel.host("status -q train.py").code == 75
    assert tunnel.host("status -q .rbridge").code == 0
    (row,) = tunnel.host("status").ok().out.splitlines()
    assert row.startswith(f"{file}  kept  ")
    assert "on the laptop: rbridge recover" in row
    _, said = opened_again(tunnel, editor)
    assert "keeps an undelivered text" in said
    assert tunnel.host("status -q").code == 75
    kept = tunnel.laptop("recover").ok().out.split()[0]
    tunnel.laptop("recover", "drop", "--yes", kept).ok()
    until(lambda: tunnel.host("status -q").code == 0)
    tunnel.host("close train.py").ok()
    until(lambda: not tunnel.ps())
    assert tunnel.host("status -q").code == 0


def test_what_the_host_remembers_is_forgotten_at_the_next_open_or_at_the_users_word(
    tunnel: Bridge, editor: Editor, file: Path
) -> None:
    for forgets in ("open", "close"):
        tunnel.open("train.py").ok()
        opened = editor.wait_open()
        tunnel.until_host("train.py clean")
        file.write_bytes(b"theirs\n" + forgets.encode())
        opened.write(NEW)
        tunnel.until_host("train.py conflict")
        opened.quit()
        until(lambda: not tunnel.ps())
        assert tunnel.host("status -q").code == 75
        kept = tunnel.laptop("recover").ok().out.split()[0]
        if forgets == "open":
            tunnel.laptop("recover", "drop", "--yes", kept).ok()
            opened_again(tunnel, editor)
            until(lambda: tunnel.host("status -q").code == 0)
            tunnel.host("close train.py").ok()
            until(lambda: not tunnel.ps())
        else:
            assert "forgotten here" in tunnel.host("close train.py").ok().err
        assert tunnel.host("status -q").code == 0
    assert tunnel.laptop("status", "-q").code == 75  # the laptop has not forgotten


def test_it_is_not_sent_over_what_the_host_has_by_now(
    tunnel: Bridge, editor: Editor, undelivered: str, file: Path
) -> None:
    file.write_bytes(b"theirs\n")
    opened, _ = opened_again(tunnel, editor)
    refused = tunnel.laptop("recover", "send", undelivered, "--yes")
    assert refused.code == 75
    assert "recover save" in refused.err
    assert file.read_bytes() == opened.content == b"theirs\n"
    assert tunnel.laptop("recover", "show", undelivered).out_bytes == NEW


def test_a_host_that_did_not_prove_who_it_is_gets_it_only_at_the_users_word(
    tunnel: Bridge, editor: Editor, undelivered: str, file: Path
) -> None:
    opened, _ = opened_again(tunnel, editor)
    asked = tunnel.laptop("recover", "send", undelivered)
    assert asked.code == 64
    assert "has not proved" in asked.err
    assert file.read_bytes() == opened.content == OLD


def test_a_killed_clients_file_is_opened_again_and_its_text_goes_on_there(
    tunnel: Bridge, editor: Editor, file: Path
) -> None:
    # This host never proved that it is the one: the first editor's document is not given to it unasked.
    tunnel.open("train.py").ok()
    first = editor.wait_open()
    tunnel.until_host("train.py clean")
    die(tunnel)
    tunnel.until_laptop("train.py not connected")
    first.write(NEW)
    tunnel.until_laptop("train.py dirty")
    tunnel.again()
    second, said = opened_again(tunnel, editor)
    assert "keeps an undelivered text" in said
    assert (first.content, second.content) == (NEW, OLD)
    kept = tunnel.laptop("recover").ok().out.split()[0]
    tunnel.laptop("recover", "send", kept, "--yes").ok()
    assert file.read_bytes() == NEW
    until(lambda: second.content == NEW)
    first.quit()
    until(lambda: nothing_kept(tunnel))
    second.write(b"and on\n")
    until(lambda: file.read_bytes() == b"and on\n")
    second.quit()
    until(lambda: not tunnel.ps())
    assert "nothing is open" in tunnel.laptop("status").ok().err


def test_the_editor_outlives_a_client_that_is_told_to_end(tunnel: Bridge, editor: Editor, file: Path) -> None:
    """As every process of a host that shuts down is; what is typed on the laptop meanwhile is not lost."""
    tunnel.open("train.py").ok()
    opened = editor.wait_open()
    tunnel.until_host("train.py clean")
    for pid in tunnel.ps():
        signalled(pid, signal.SIGTERM)
    until(lambda: not tunnel.ps())
    tunnel.until_laptop("train.py not connected")
    opened.write(NEW)
    opened.quit()
    tunnel.until_laptop("train.py dirty not connected")
    (line,) = tunnel.laptop("recover").ok().out.splitlines()
    assert f"{len(NEW)} bytes" in line
    assert file.read_bytes() == OLD

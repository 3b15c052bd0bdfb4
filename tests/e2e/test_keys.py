"""Who a host is on TCP: it proves to hold the key that the laptop gave it, and the laptop proves the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from rbridge.client.key import file_name
from rbridge.server.keys import Key, Keys
from tests.compat.editor import Editor, Opened
from tests.e2e.conftest import Bridge, Join
from tests.harness.daemon import Daemon
from tests.harness.environment import signalled
from tests.harness.sshd import Sshd
from tests.harness.wait import until

OLD = b"print('old')\n"
NEW = b"print('new')\n"


@pytest.fixture
def tcp(sshd: Sshd, running: Daemon, join: Join) -> Bridge:
    """A host with a forward to the daemon's TCP port."""
    return join(sshd, running, unix=False)


@pytest.fixture
def file(tcp: Bridge) -> Path:
    return tcp.home.file("train.py", OLD)


def give(bridge: Bridge, line: bytes) -> Path:
    """Put a key for this laptop where the host looks for it."""
    identity = (bridge.daemon.home.state / "identity").read_text().strip()
    keys = bridge.home.path / ".rbridge" / "keys"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys.parent.chmod(0o700)
    path = keys / file_name(identity)
    path.write_bytes(line)
    path.chmod(0o600)
    return path


def issue(bridge: Bridge, name: str = "gpu1") -> Key:
    """A key of the laptop's for the host *name*."""
    return Keys(str(bridge.daemon.home.state / "keys")).issue(name, "SHA256:of-its-host-key")


def test_with_its_key_a_host_has_its_name(tcp: Bridge, editor: Editor, file: Path) -> None:
    give(tcp, issue(tcp).line)
    assert tcp.open("train.py").ok().err.endswith(f"train.py: open in an-editor on {os.uname().nodename}\n")
    opened = editor.wait_open()
    assert opened.content == OLD
    assert tcp.laptop("status").ok().out.startswith(f"gpu1:{file} ")
    assert "gpu1" in opened.file.parts
    opened.write(NEW)
    until(lambda: file.read_bytes() == NEW)
    # Another connection of the session proves itself too.
    large = os.urandom(3_000_000)
    opened.write(large)
    until(lambda: file.read_bytes() == large)
    tcp.forward.cut()
    tcp.until_laptop("train.py not connected")
    opened.write(OLD)
    tcp.again()
    until(lambda: file.read_bytes() == OLD)
    assert tcp.laptop("status").ok().out.startswith(f"gpu1:{file} ")
    assert "unverified" not in (tcp.daemon.home.state / "log" / "daemon.log").read_text()


def test_without_a_key_a_host_is_unverified(tcp: Bridge, editor: Editor, file: Path) -> None:
    tcp.open("train.py").ok()
    opened = editor.wait_open()
    assert "(unverified)" in (tcp.daemon.home.state / "log" / "daemon.log").read_text()
    opened.write(NEW)
    until(lambda: file.read_bytes() == NEW)
    assert not tcp.laptop("status").ok().out.startswith("gpu1:")


@pytest.mark.parametrize("wrong", ["secret", "id"])
def test_a_wrong_key_is_refused_and_nothing_is_sent(
    tcp: Bridge, editor: Editor, file: Path, wrong: str
) -> None:
    key = issue(tcp)
    line = key.line
    line = (
        line.replace(key.id.encode(), b"0" * 16)
        if wrong == "id"
        else line.replace(key.secret.hex().encode(), os.urandom(32).hex().encode())
    )
    give(tcp, line)
    said = tcp.open("train.py")
    assert said.code == 77, said
    assert "connect again from the laptop" in said.err
    assert len(said.err.splitlines()) == 1
    assert editor.started() == 0
    assert "refused" in tcp.daemon.err
    assert key.secret.hex() not in said.err + tcp.daemon.err
    assert tcp.ps() == []


def test_a_listener_that_cannot_prove_who_it_is_gets_nothing(tcp: Bridge, editor: Editor, file: Path) -> None:
    # It has the laptop's identity, which everybody can hear, and not its keys.
    give(tcp, issue(tcp).line)
    for path in (tcp.daemon.home.state / "keys").iterdir():
        path.unlink()
    said = tcp.open("train.py")
    assert said.code == 77
    assert editor.started() == 0


@pytest.mark.parametrize("how", ["mode", "link"])
def test_a_key_that_others_may_have_put_there_is_not_used(
    tcp: Bridge, editor: Editor, file: Path, how: str
) -> None:
    path = give(tcp, issue(tcp).line)
    if how == "mode":
        path.chmod(0o644)
    else:
        path.rename(tcp.home.path / "elsewhere")
        path.symlink_to(tcp.home.path / "elsewhere")
    said = tcp.open("train.py").ok().err
    assert "a key there is not used" in said
    editor.wait_open()
    assert not tcp.laptop("status").ok().out.startswith("gpu1:")


def test_a_renewed_key_ends_the_older_one(tcp: Bridge, editor: Editor, file: Path) -> None:
    old = issue(tcp)
    new = issue(tcp)
    give(tcp, old.line)  # as long as the new one was never used
    tcp.open("train.py").ok()
    editor.wait_open()
    tcp.host("close").ok()
    until(lambda: not tcp.ps())
    give(tcp, new.line)
    tcp.open("train.py").ok()
    editor.wait_open()
    tcp.host("close").ok()
    until(lambda: not tcp.ps())
    give(tcp, old.line)
    assert tcp.open("train.py").code == 77


def without_a_client(tcp: Bridge, editor: Editor) -> Opened:
    """What is open of a verified host, whose client was killed."""
    give(tcp, issue(tcp).line)
    tcp.open("train.py").ok()
    opened = editor.wait_open()
    tcp.until_host("train.py clean")
    for pid in tcp.ps():
        signalled(pid, signal.SIGKILL)
    tcp.until_laptop("train.py not connected")
    return opened


def test_of_a_verified_host_the_document_goes_on_for_a_new_client(
    tcp: Bridge, editor: Editor, file: Path, daemon: Callable[..., Daemon]
) -> None:
    opened = without_a_client(tcp, editor)
    opened.write(NEW)
    tcp.until_laptop("train.py dirty not connected")
    tcp.open("train.py").ok()
    until(lambda: file.read_bytes() == NEW)
    assert editor.started() == 1
    opened.write(OLD)
    until(lambda: file.read_bytes() == OLD)
    opened.quit()
    until(lambda: not tcp.ps())
    assert tcp.laptop("recover", "list").ok().out == ""


def left_behind(tcp: Bridge, editor: Editor) -> None:
    """A text that was saved after the client was gone, and whose editor is closed."""
    opened = without_a_client(tcp, editor)
    opened.write(NEW)
    opened.quit()
    tcp.until_laptop("train.py dirty not connected")
    until(lambda: not opened.file.exists())


def test_of_a_verified_host_what_was_kept_is_delivered_and_then_shown(
    tcp: Bridge, editor: Editor, file: Path
) -> None:
    left_behind(tcp, editor)
    said = tcp.open("train.py").ok().err
    assert "train.py: open in an-editor on " in said
    assert "undelivered" not in said
    assert file.read_bytes() == NEW
    shown = editor.wait_open()
    assert shown.content == NEW
    assert tcp.laptop("recover", "list").ok().out == ""
    tcp.until_host("train.py clean")
    shown.write(OLD)
    until(lambda: file.read_bytes() == OLD)
    shown.quit()
    until(lambda: not tcp.ps())
    assert tcp.laptop("status", "-q").code == tcp.host("status -q").code == 0


def test_of_a_verified_host_whose_file_was_changed_what_was_kept_is_offered(
    tcp: Bridge, editor: Editor, file: Path
) -> None:
    left_behind(tcp, editor)
    file.write_bytes(b"theirs\n")
    said = tcp.open("train.py").ok().err
    assert "keeps an undelivered text of it" in said
    shown = editor.wait_open()
    assert shown.content == file.read_bytes() == b"theirs\n"
    (line,) = tcp.laptop("recover").ok().out.splitlines()
    assert tcp.laptop("recover", "show", line.split()[0]).out_bytes == NEW
    shown.write(OLD)
    until(lambda: file.read_bytes() == OLD)
    assert tcp.host("status -q").code == 75
    tcp.laptop("recover", "drop", "--yes", line.split()[0]).ok()
    until(lambda: tcp.host("status -q").code == 0)

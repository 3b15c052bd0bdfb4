"""Plain ssh after ``rbridge setup``: real ssh, real sshd, a real daemon."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbridge import system
from rbridge.errors import Denied, NoInput, NotListening, UsageError
from rbridge.server.keys import Keys
from rbridge.ssh import changes, setup
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import free_port, until

SHELLS = ("/bin/sh", "/bin/bash", "/usr/bin/zsh", "/usr/bin/fish", "/usr/bin/tcsh")
RBRIDGE = f"{sys.executable} -m rbridge"
OPEN = f"cd && {RBRIDGE} open notes.txt && {RBRIDGE} close notes.txt"
"""On the host: ssh waits for the end of what its forwards carry, so the document has to be closed."""


class Laptop:
    """A person's ssh_config, led to *sshd*, and setup as that person runs it."""

    def __init__(self, home: Home, sshd: Sshd) -> None:
        self.home = home
        self.sshd = sshd
        self.main = home.root / "dot ssh" / "config"
        self.main.parent.mkdir(mode=0o700)
        self.main.write_bytes(sshd.config.read_bytes())
        self.fragment = self.main.parent / "config.d" / "rbridge.conf"
        self.said: list[str] = []
        self.shown: list[str] = []

    def setup(self, host: str = "gpu1", *, port: int = 0, force: bool = False, answer: bool = True) -> int:
        return setup.setup(
            host,
            port=port,
            force=force,
            file=str(self.main),
            echo=self.shown.append,
            say=self.said.append,
            confirm=lambda _: answer,
        )

    def remove(self, host: str = "", *, force: bool = False) -> int:
        return setup.remove(
            host,
            force=force,
            file=str(self.main),
            echo=self.shown.append,
            say=self.said.append,
            confirm=lambda _: True,
        )

    def ssh(self, *words: str, env: dict[str, str] | None = None) -> Ran:
        return self.home.run(["ssh", "-F", self.main, *words], env=env)

    def stay(self, *words: str) -> subprocess.Popen[bytes]:
        """A login that lasts, once its forward can be seen on the host."""
        before = self.sockets()
        made = self.home.start(["ssh", "-F", self.main, *words], stdin=subprocess.PIPE)
        until(lambda: self.sockets() != before, what="a forward")
        return made

    def sockets(self) -> list[Path]:
        return sorted((self.sshd.remote.path / ".rbridge" / os.uname().nodename).glob("*.sock"))


@pytest.fixture
def laptop(home: Home, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Laptop:
    for name in ("HOME", "RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, home.env[name])
    sshd.remote.file("notes.txt", "text\n")
    return Laptop(home, sshd)


def test_open_works_over_plain_ssh_and_again_after_a_crash(
    laptop: Laptop, daemon: Callable[..., Daemon]
) -> None:
    daemon(editor="true")
    assert laptop.setup() == 0
    first = laptop.stay("gpu1", "cat")
    stop(first, signal.SIGKILL)
    again = laptop.ssh("gpu1", OPEN).ok()
    assert "notes.txt" in again.err + again.out
    assert "forwarding" not in again.err
    assert len(laptop.sockets()) == 2  # sshd has left the first one behind


def test_each_login_has_a_forward_that_outlives_the_others(
    laptop: Laptop, daemon: Callable[..., Daemon]
) -> None:
    daemon(editor="true")
    laptop.setup()
    first, second = laptop.stay("gpu1", "cat"), laptop.stay("gpu1", f"read x; {OPEN}")
    stop(first)
    _, said = second.communicate(b"go\n", timeout=30)
    assert second.returncode == 0, said
    assert b"forwarding" not in said


def test_without_a_daemon_plain_ssh_is_plain(laptop: Laptop) -> None:
    laptop.setup()
    ran = laptop.ssh("gpu1", "echo in").ok()
    assert (ran.out, ran.err) == ("in\n", "")
    assert laptop.sockets() == []


def test_a_connection_of_rbridges_own_carries_no_second_forward(
    laptop: Laptop, daemon: Callable[..., Daemon]
) -> None:
    daemon(editor="true")
    laptop.setup()
    laptop.ssh("gpu1", "true", env={"RBRIDGE_SSH": "1"}).ok()
    assert laptop.sockets() == []


def test_the_laptops_shell_may_be_any(laptop: Laptop, daemon: Callable[..., Daemon]) -> None:
    daemon(editor="true")
    laptop.setup()
    shells = [shell for shell in SHELLS if os.path.exists(shell)]
    for number, shell in enumerate(shells):
        ran = laptop.ssh("gpu1", "true", env={"SHELL": shell}).ok()
        assert (shell, ran.err, len(laptop.sockets())) == (shell, "", number + 1)


@pytest.mark.thorough
def test_sessions_of_one_master_share_one_forward_and_a_new_master_has_its_own(
    laptop: Laptop, daemon: Callable[..., Daemon]
) -> None:
    daemon(editor="true")
    control = laptop.home.root / "cm"
    text = laptop.main.read_text().replace(
        "ControlPath none", f"ControlMaster auto\nControlPath {control}-%r"
    )
    laptop.main.write_text(text)
    laptop.setup()
    master = laptop.stay("-N", "gpu1")
    for _ in range(3):
        assert "forwarding" not in laptop.ssh("gpu1", OPEN).ok().err
    assert len(laptop.sockets()) == 2  # the master's, made before it was known, and one for all sessions
    stop(master, signal.SIGKILL)
    assert "forwarding" not in laptop.ssh("gpu1", OPEN).ok().err


@pytest.mark.thorough
def test_homes_and_runtime_directories_may_have_spaces(
    home: Home, daemon: Callable[..., Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Home("re mote")
    home.runtime = home.runtime / "r d"
    home.runtime.mkdir(mode=0o700)
    home.env["RBRIDGE_RUNTIME_DIR"] = str(home.runtime)
    for name in ("HOME", "RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, home.env[name])
    sshd = Sshd(remote)
    try:
        remote.file("notes.txt", "text\n")
        daemon(editor="true")
        laptop = Laptop(home, sshd)
        laptop.setup()
        laptop.ssh("gpu1", OPEN).ok()
        assert len(laptop.sockets()) == 1
    finally:
        sshd.close()
        remote.close()


def test_the_port_is_opened_by_the_key_alone(laptop: Laptop, daemon: Callable[..., Daemon]) -> None:
    local, port = free_port(), free_port()
    daemon(editor="true", listen=(f"127.0.0.1:{local}", "unix"), config='classic = "deny"\n')
    laptop.setup(port=port)
    ran = laptop.ssh("gpu1", OPEN.replace("notes", f"--port {port} notes", 1)).ok()
    assert "notes.txt" in ran.err + ran.out
    assert laptop.sockets() == []
    assert f"--port {port}" in laptop.said[-1]
    assert f"RemoteForward 127.0.0.1:{port} 127.0.0.1:{local}" in laptop.fragment.read_text()
    for path in (laptop.sshd.remote.path / ".rbridge" / "keys").iterdir():
        path.unlink()
    assert laptop.ssh("gpu1", f"cd && {RBRIDGE} open --port {port} notes.txt").code != 0
    keys = Keys(f"{laptop.home.state}/keys")
    assert [key.name for key in keys.newest()] == ["gpu1"]
    laptop.remove()
    assert keys.newest() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_a_port_that_somebody_else_holds_is_refused_and_another_one_named(laptop: Laptop) -> None:
    script = "import os,socket as s; os.setuid(65534); l=s.create_server(('127.0.0.1', 0)); "
    script += "print(l.getsockname()[1], flush=True); input()"
    squatter = laptop.home.start([sys.executable, "-c", script], stdin=subprocess.PIPE)
    assert squatter.stdout is not None
    port = int(squatter.stdout.readline())
    with pytest.raises(NotListening, match="another user") as caught:
        laptop.setup(port=port)
    assert "is free" in caught.value.hint
    assert not laptop.fragment.exists()
    stop(squatter)


@pytest.mark.parametrize("port", [22, 1023, 65536, -1])
def test_a_port_that_only_root_may_take_is_refused(port: int, laptop: Laptop) -> None:
    with pytest.raises(UsageError, match="no port to forward to"):
        laptop.setup(port=port)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_remove_gives_back_every_byte(end: bytes, laptop: Laptop) -> None:
    before = laptop.main.read_bytes().rstrip(b"\n") + end
    if end == b"\r\n":
        before = before.replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")
    laptop.main.write_bytes(before)
    laptop.main.chmod(0o640)
    laptop.setup()
    assert laptop.ssh("gpu1", "echo in").ok().out == "in\n"
    assert laptop.main.read_bytes() != before
    laptop.remove()
    assert laptop.main.read_bytes() == before
    assert laptop.main.stat().st_mode & 0o777 == 0o640
    assert os.listdir(laptop.main.parent) == ["config"]


def test_one_of_two_hosts_can_be_removed(laptop: Laptop) -> None:
    laptop.main.write_text(laptop.main.read_text().replace("Host gpu1", "Host gpu1 gpu2"))
    laptop.setup("gpu1")
    once = laptop.main.read_text(), laptop.fragment.read_text()
    laptop.setup("gpu2")
    assert laptop.main.read_text() == once[0]
    laptop.remove("gpu2")
    assert (laptop.main.read_text(), laptop.fragment.read_text()) == once
    with pytest.raises(NoInput, match="gpu2 has no lines") as caught:
        laptop.remove("gpu2")
    assert caught.value.hint == "there: gpu1"


def test_the_second_time_nothing_is_shown_and_nothing_asked(laptop: Laptop) -> None:
    laptop.setup()
    laptop.shown.clear()
    assert laptop.setup(answer=False) == 0
    assert laptop.shown == []


def test_an_answer_of_no_writes_nothing(laptop: Laptop) -> None:
    before = laptop.main.read_bytes()
    assert laptop.setup(answer=False) == 1
    assert any("RemoteForward" in line for line in laptop.shown)
    assert laptop.main.read_bytes() == before
    assert os.listdir(laptop.main.parent) == ["config"]


def test_lines_changed_by_hand_are_kept_unless_forced(laptop: Laptop) -> None:
    laptop.setup()
    changed = laptop.fragment.read_text().replace("_UNIQUE_", "_UNIQUE_x", 1)
    laptop.fragment.write_text(changed)
    for again in (laptop.setup, laptop.remove):
        with pytest.raises(Denied, match="are kept"):
            again()
    assert laptop.fragment.read_text() == changed
    assert laptop.setup(force=True) == 0
    assert "_UNIQUE_x" not in laptop.fragment.read_text()


@pytest.mark.thorough
def test_two_laptops_have_their_own_sockets_and_keys_on_a_host(
    laptop: Laptop, daemon: Callable[..., Daemon], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    daemon(editor="true")
    text = []
    for state in ("one", "two"):
        (tmp_path / state).mkdir(mode=0o700)
        monkeypatch.setenv("RBRIDGE_STATE_DIR", str(tmp_path / state))
        laptop.setup(port=free_port())
        laptop.setup()
        text.append(laptop.fragment.read_text())
        laptop.ssh("gpu1", "true").ok()
    assert text[0] != text[1]
    assert len({path.name[:8] for path in laptop.sockets()}) == 2
    assert len(list((laptop.sshd.remote.path / ".rbridge" / "keys").iterdir())) == 2


def test_a_home_without_ssh_directory_gets_one_and_loses_it_again(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ssh takes ~ from the user database: for the test both are told another one."""
    real = shutil.which("ssh")
    laptop.home.script("bin/ssh", f'#!/bin/sh\nexec {real} -F "{laptop.sshd.config}" "$@"\n')
    monkeypatch.setenv("PATH", f"{laptop.home.path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(system, "home_of", lambda _uid: str(laptop.home.path))
    words = {"echo": laptop.shown.append, "say": laptop.said.append, "confirm": lambda _: True}
    assert setup.setup("gpu1", **words) == 0  # type: ignore[arg-type]
    directory = laptop.home.path / ".ssh"
    assert (directory / "config").read_text() == "Include config.d/rbridge.conf\n"
    files = [directory, directory / "config", directory / "config.d", directory / "config.d" / "rbridge.conf"]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o700, 0o600, 0o700, 0o600]
    assert setup.remove(**words) == 0  # type: ignore[arg-type]
    assert not directory.exists()


def test_a_daemon_that_runs_says_where_it_is(
    laptop: Laptop, daemon: Callable[..., Daemon], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    daemon(editor="true")
    monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(tmp_path))  # as in a login without XDG_RUNTIME_DIR
    laptop.setup()
    assert f'"{laptop.home.runtime}/daemon.sock"' in laptop.fragment.read_text()


def test_a_daemon_without_a_port_has_none_to_forward(laptop: Laptop) -> None:
    (laptop.home.config / "rbridge").mkdir()
    (laptop.home.config / "rbridge" / "config.toml").write_text('listen = "127.0.0.1:0"\n')
    with pytest.raises(UsageError, match="no fixed TCP port"):
        laptop.setup(port=free_port())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"host": ""}, "set up which HOST"),
        ({"host": "gpu1", "service": True}, "at a time"),
        ({"host": "", "service": True, "completion": "fish"}, "at a time"),
        ({"host": "gpu1", "only_print": True}, "--print goes with"),
        ({"host": "*"}, "cannot stand"),
    ],
)
def test_options_that_make_no_sense_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        setup.run(**words, echo=print, say=print, confirm=lambda _: True)


def test_the_command_line_reaches_each_part(laptop: Laptop) -> None:
    words: dict[str, Any] = {
        "echo": laptop.shown.append,
        "say": laptop.said.append,
        "confirm": lambda _: True,
    }
    assert setup.run("gpu1", file=str(laptop.main), **words) == 0
    assert setup.run("", undo=True, file=str(laptop.main), **words) == 0
    assert setup.run("", completion="fish", only_print=True, **words) == 0
    assert "_RBRIDGE_COMPLETE" in laptop.shown[-1]
    assert setup.run("", completion="fish", **words) == 0
    assert setup.run("", completion="fish", undo=True, **words) == 0
    for undo in (True, False):
        with pytest.raises(UsageError, match="tcsh"):
            setup.run("", completion="tcsh", undo=undo, **words)
    with pytest.raises(NoInput, match="rbridge"):
        setup.run("", service=True, undo=True, **words)


def test_a_file_that_cannot_be_shown_as_it_was_any_more_is_not_written(laptop: Laptop) -> None:
    def meanwhile(_question: str) -> bool:
        laptop.main.write_text("# new\n" + laptop.main.read_text())
        return True

    with pytest.raises(changes.TryAgain, match="changed meanwhile"):
        setup.setup("gpu1", file=str(laptop.main), echo=print, say=print, confirm=meanwhile)
    assert not laptop.fragment.exists()

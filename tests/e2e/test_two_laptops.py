"""Two laptops logged in to one account of a host: a file opens where the user sits, or nowhere."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.compat.editor import Editor
from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until


class Login:
    """A shell of the host at the end of ``ssh HOST``, which a test types into; *words* are ssh's options."""

    def __init__(self, sshd: Sshd, words: Sequence[str]) -> None:
        self.process = sshd.remote.start(
            sshd.ssh("-oExitOnForwardFailure=yes", *words, f"cd {sshd.remote.path} && exec sh"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.run(":")

    def run(self, command: str) -> tuple[int, str]:
        """What *command* gives, and says on both streams."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command} 2>&1; echo exit=$?\n".encode())
        self.process.stdin.flush()
        said = ""
        while line := self.process.stdout.readline().decode():
            if line.startswith("exit="):
                return int(line[5:]), said
            said += line
        raise AssertionError(f"the login is over: {said}")

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        stop(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


class Laptop:
    """A daemon with an editor, and the socket on the host that leads to it."""

    def __init__(self, home: Home, daemon: Callable[..., Daemon], sshd: Sshd, name: str) -> None:
        self.editor = Editor(home)
        self.daemon = daemon(home=home, editor=self.editor.spec)
        directory = sshd.remote.path / ".rbridge" / os.uname().nodename
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.parent.chmod(0o700)
        self.socket = directory / f"{name}.sock"
        self.forward = f"-R{self.socket}:{self.daemon.socket}"


Connect = Callable[..., Login]


@pytest.fixture
def second() -> Iterator[Home]:
    made = Home("second")
    yield made
    made.close()


@pytest.fixture
def laptops(home: Home, second: Home, daemon: Callable[..., Daemon], sshd: Sshd) -> list[Laptop]:
    return [Laptop(home, daemon, sshd, "a"), Laptop(second, daemon, sshd, "b")]


@pytest.fixture
def login(sshd: Sshd) -> Iterator[Connect]:
    """``login(OPTION, ...)``: a shell on the host."""
    made: list[Login] = []

    def start(*words: str) -> Login:
        made.append(Login(sshd, words))
        return made[-1]

    yield start
    for one in reversed(made):
        one.close()


@pytest.fixture
def rbridge_open(sshd: Sshd, builds: Builds) -> str:
    sshd.remote.file("a.py", "one\n")
    sshd.remote.file("b.py", "two\n")
    return f"{shlex.quote(str(builds.file))} open"


def test_a_file_opens_where_its_shell_was_logged_in_from(
    laptops: list[Laptop], login: Connect, rbridge_open: str
) -> None:
    shells = [login(one.forward) for one in laptops]
    for laptop, shell, name in zip(laptops, shells, ("a.py", "b.py"), strict=True):
        code, said = shell.run(f"{rbridge_open} -v {name}")
        assert code == 0, said
        assert f"/{laptop.socket.name} leads to" in said
        assert "this shell runs in the ssh connection that its socket belongs to" in said
        opened = laptop.editor.wait_open()
        assert opened.file.name == name
        opened.give_up()
    assert [one.editor.started() for one in laptops] == [1, 1]


def test_sessions_that_share_a_connection_share_what_it_says(
    laptops: list[Laptop], login: Connect, rbridge_open: str, tmp_path: Path
) -> None:
    control = f"-oControlPath={laptops[0].daemon.home.root}/cm"
    login("-oControlMaster=yes", control, laptops[0].forward)
    login(laptops[1].forward)
    code, said = login("-oControlMaster=no", control).run(f"{rbridge_open} a.py")
    assert code == 0, said
    laptops[0].editor.wait_open().give_up()
    assert laptops[1].editor.started() == 0


def test_with_no_way_back_to_a_login_both_are_listed_and_nothing_is_sent(
    laptops: list[Laptop], login: Connect, rbridge_open: str, sshd: Sshd
) -> None:
    """As in a tmux that outlived its login: the variables are there, but no ancestor is an sshd."""
    shell, _ = [login(one.forward) for one in laptops]
    out = sshd.remote.path / "out"
    script = f"({rbridge_open} a.py; echo exit=$?) >{out}.part 2>&1; mv {out}.part {out}"
    assert shell.run(f"setsid -f sh -c {shlex.quote(script)}") == (0, "")
    until(out.exists, what="the open that was set free ends")
    said = out.read_text()
    assert said.endswith("exit=75\n")
    assert "nothing was sent: 2 laptops are listening: " in said
    assert all(f"/{one.socket.name})" in said for one in laptops)
    assert [one.editor.started() for one in laptops] == [0, 0]

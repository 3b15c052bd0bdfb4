"""A language server and the real process in the background that has started it."""

from __future__ import annotations

import os
import signal

import pytest

from rbridge.wire import codec
from tests.client.served import SLEEP
from tests.harness.wait import until


@pytest.fixture
def background(home, laptop, client_command):
    """See :class:`Background`."""
    return Background(home, laptop(), client_command)


class Background:
    """The commands of one host that open the file ``proj/train.py``, and their process in the background."""

    def __init__(self, home, laptop, command: list[str]) -> None:
        self.home = home
        self.laptop = laptop
        self._command = command
        self.bin = home.path / "bin"
        self.env = {"PATH": f"{self.bin}:{os.environ['PATH']}", "ONLY": "the shell's"}
        home.file("proj/train.py", "x = 1\n")
        (home.path / "proj" / ".git").mkdir()

    def server(self, text: str) -> None:
        self.home.script("bin/pylsp", "#!/usr/bin/python3 -IS\n" + text)

    def open(self, name: str = "proj/train.py", **env: str) -> None:
        where = ["-s", str(self.laptop.path)]
        self.home.run([*self._command, "open", *where, name], env={**self.env, **env}).ok()

    def stream(self) -> None:
        """Have a server started for what was opened last."""
        main = self.laptop.lines[0]
        main.say("dial", dial=1)
        self.line = until(
            lambda: [one for one in self.laptop.lines if one.heard and "join" in one.heard[0].headers][0],
            what="a further connection",
        )
        token = main.all("open")[-1].token  # and on the PATH of the tests may be others
        self.line.say("stream", token=token, to="lsp", server="pylsp")

    def said(self) -> bytes:
        return b"".join(one.body for one in self.line.all("bytes"))

    def line_of(self) -> list[bytes]:
        """The first line that the server says, in words."""
        until(lambda: b"\n" in self.said(), what="a line of the server")
        return self.said().splitlines()[0].split()


STUBBORN = (
    "import os, signal\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if os.fork(): os.write(1, b'%d\\n' % os.getppid())\n"
)


def test_a_signal_that_ends_the_process_ends_a_stubborn_server_too(background):
    background.server(STUBBORN + SLEEP)
    background.open()
    background.stream()
    (pid,) = background.line_of()
    assert len(background.home.processes()) == 3
    os.kill(int(pid), signal.SIGTERM)
    until(lambda: not background.home.processes(), what="the end of them all")


def test_a_server_that_listens_ends_with_a_process_that_is_killed(background):
    """Nobody can do more than close what it hears."""
    background.server("import os\nos.write(1, b'%d\\n' % os.getppid())\nwhile os.read(0, 9): pass\n")
    background.open()
    background.stream()
    (pid,) = background.line_of()
    os.kill(int(pid), signal.SIGKILL)
    until(lambda: not background.home.processes(), what="the end of both")


def test_a_lost_laptop_leaves_no_server(background):
    background.server(STUBBORN + SLEEP)
    background.open()
    background.stream()
    background.line_of()
    background.laptop.hang_up()
    until(lambda: len(background.home.processes()) == 1, what="the end of the server")


@pytest.mark.parametrize("later", [False, True])
def test_it_has_the_variables_of_the_shell_that_opened_the_document(background, later):
    """Of the first command's as of one that finds the process there."""
    background.server("import os\nos.write(1, open('/proc/self/environ', 'rb').read() + b'\\0\\n')\n")
    wanted = {
        "CONDA_DEFAULT_ENV": "torch",
        "VIRTUAL_ENV": "/venv",
        "LD_LIBRARY_PATH": "/opt/lib:/opt/b",
        "OLDPWD": "/before",
        "EMPTY": "",
        "LINES": "one\ntwo",
    }
    if later:
        background.home.file("first.py", "")
        background.open("first.py", CONDA_DEFAULT_ENV="base", OTHER="1")
    background.open(**wanted)
    background.stream()
    until(lambda: background.said().endswith(b"\0\n"), what="its variables")
    pairs = [one.split(b"=", 1) for one in background.said().split(b"\0") if b"=" in one]
    said = {os.fsdecode(name): os.fsdecode(value) for name, value in pairs}
    assert codec.unquote(background.line.all("streaming")[0]["root"]) == said.pop("PWD")
    expected = {**background.home.env, **background.env, **wanted}
    for name in ("_", "SHLVL", "LC_CTYPE"):  # a shell's, or Python's where there is no language set
        said.pop(name, None)
    assert said == expected

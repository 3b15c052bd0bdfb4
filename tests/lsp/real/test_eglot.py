"""Eglot in a buffer of a host: real servers of the host's environment, through a real sshd."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Bridge
from tests.editors.emacs import Emacs
from tests.harness import servers
from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.lsp.real.conftest import TRAIN

ONLY = "unique_symbol"
PROJECT = {
    "train.py": TRAIN,
    "complete.py": "import only_here\n\nonly_here.uniq\n",
    "wrong.py": "import os\nimport only_here\n\nonly_here.no_such\n",
    "used.py": "def old_name() -> int:\n    return 1\n",
    "uses.py": "from used import old_name\n\nprint(old_name())\n",
}
PATIENCE = 60.0  # seconds for a server to start and to look at the project
DIAGNOSTICS = '(mapconcat #\'flymake-diagnostic-text (flymake-diagnostics) "; ")'


class Desk:
    """A laptop with Emacs, and a project on a host whose shell has an environment with language servers."""

    def __init__(self, bridge: Bridge, laptop: Home) -> None:
        self.bridge = bridge
        self.host = servers.host()
        self.project: Path = bridge.home.path / "project"
        self.editor = Emacs(laptop)

    def begin(self, name: str) -> Emacs:
        """Type ``rbridge open NAME`` where the environment was activated, and wait for the server."""
        client = f"{self.bridge.client} open {self.bridge.address}"
        command = f"cd {self.project}; {self.host.activate}; {client} {name}"
        self.bridge.home.run(self.bridge.sshd.ssh(command), deadline=60.0).ok()
        self.editor.sees(name)
        until(lambda: self.editor.ask("(eglot-managed-p)"), PATIENCE, what=self.editor.told())
        return self.editor


@pytest.fixture(scope="module")
def desk(builds: Builds) -> Iterator[Desk]:
    with contextlib.ExitStack() as stack:
        laptop, remote = Home("laptop"), Home("remote")
        stack.callback(laptop.close)
        stack.callback(remote.close)
        sshd = Sshd(remote)
        stack.callback(sshd.close)
        daemon = Daemon(laptop, editor="false")
        stack.callback(daemon.stop)
        bridge = Bridge(sshd, daemon, builds.file, unix=True, alias=sshd.alias)
        stack.callback(bridge.close)
        remote.file("project/pyproject.toml", "[project]\nname = 'project'\nversion = '1'\n")
        for name, text in PROJECT.items():
            remote.file(f"project/{name}", text)
        made = Desk(bridge, laptop)
        stack.callback(made.editor.kill)
        yield made


def go(editor: Emacs, words: str) -> None:
    """Put point on the last *words* of the text."""
    editor.ask(f'(progn (goto-char (point-max)) (search-backward "{words}"))')


def test_a_completion_names_what_exists_only_there(desk: Desk) -> None:
    editor = desk.begin("complete.py")
    editor.ask('(progn (goto-char (point-min)) (search-forward ".uniq"))')

    def completed() -> bool:
        editor.keys("C-M-i")
        return editor.line(3) == f"only_here.{ONLY}"

    until(completed, PATIENCE, what=editor.screen(), every=0.5)


def test_what_is_wrong_both_servers_say(desk: Desk) -> None:
    editor = desk.begin("wrong.py")
    for words in ("no_such", "`os` imported but unused"):
        until(lambda: words in str(editor.ask(DIAGNOSTICS)), PATIENCE, what=editor.screen())  # noqa: B023


def test_hover_and_a_definition_in_site_packages(desk: Desk) -> None:
    editor = desk.begin("train.py")
    go(editor, f"{ONLY}(")

    def hovers() -> bool:
        editor.keys("Right", "Left")  # Emacs asks after a command
        return ONLY in editor.screen().splitlines()[-1] or "this host alone knows" in editor.screen()

    until(hovers, PATIENCE, what=editor.screen(), every=0.7)
    editor.keys("M-.")
    editor.sees(str(desk.host.only_here))
    line = servers.ONLY_HERE.splitlines().index("def unique_symbol(name: str, count: int = 1) -> str:") + 1
    until(lambda: editor.cursor == (line, 5))
    assert editor.text == servers.ONLY_HERE
    assert editor.read_only
    editor.keys("M-,")
    editor.sees("train.py")


def test_a_rename_over_two_files_is_saved_on_the_host(desk: Desk) -> None:
    editor = desk.begin("uses.py")
    go(editor, "old_name()")
    editor.command("eglot-rename", "new_name")
    until(lambda: "Proceed?" in editor.screen(), PATIENCE, what=editor.screen())
    editor.keys("y")
    until(lambda: editor.line(3) == "print(new_name())", PATIENCE)
    editor.save_all()
    until(lambda: "new_name" in (desk.project / "used.py").read_text())
    until(lambda: (desk.project / "uses.py").read_text().endswith("print(new_name())\n"))

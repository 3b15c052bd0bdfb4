"""How Emacs' plug-in starts, finds the daemon, and is turned off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rbridge import __version__
from tests.conftest import Start
from tests.editors.attach_server import AttachServer
from tests.editors.bench import Bench
from tests.editors.emacs import READY, Emacs
from tests.harness.environment import Home
from tests.harness.wait import stays, until


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def editor(home: Home, server: AttachServer) -> Iterator[Emacs]:
    made = Emacs(home)
    yield made
    made.kill()


@pytest.fixture
def bench(home: Home, other_home: Home, daemon: Start) -> Iterator[Bench[Emacs]]:
    made = Bench(Emacs, home, other_home, daemon)
    yield made
    made.close()


def test_it_is_off_when_the_user_says_so_and_on_again(server: AttachServer, editor: Emacs) -> None:
    editor.command("rbridge-mode")
    until(lambda: not editor.ask(READY))
    stays(lambda: not editor.ask(READY), 1.5)
    editor.command("rbridge-mode")
    editor.until(READY)
    server.open()


def test_settings_can_leave_it_off(home: Home, server: AttachServer) -> None:
    editor = Emacs(home, setup="(remove-hook 'emacs-startup-hook #'rbridge-mode)", attached=False)
    try:
        stays(lambda: not server.got, 1.5)
        assert editor.ask("(featurep 'rbridge)") is None
    finally:
        editor.kill()


def test_its_version_is_the_packages(server: AttachServer, editor: Emacs) -> None:
    assert server.asked("initialize")["client"]["plugin"] == __version__
    found = editor.ask("(package-version-join (package-desc-version (cadr (assq 'rbridge package-alist))))")
    assert found == __version__


def test_a_daemon_opens_nothing_while_nobody_could_see_it(bench: Bench[Emacs]) -> None:
    """`emacs --daemon` connects with its first frame."""
    editor = bench.editor()
    name = bench.laptop.root / "server"
    process = bench.laptop.start(["emacs", f"--fg-daemon={name}"])
    client = ["emacsclient", "-s", str(name)]
    try:
        until(lambda: bench.laptop.run([*client, "--eval", "t"]).out.strip() == "t")
        stays(lambda: bench.laptop.run([*client, "--eval", "rbridge-link-ready"]).out.strip() == "nil", 1.5)
        bench.show(editor, bench.host.file("a.txt", "a\n"))
        editor.tmux.window([*client, "-t"])
        until(lambda: bench.laptop.run([*client, "--eval", "rbridge-link-ready"]).out.strip() == "t")
        bench.open(str(bench.host.file("b.txt", "b\n"))).ok()
        until(lambda: "b.txt@" in editor.screen(), what=editor.screen())
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

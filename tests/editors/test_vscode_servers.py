"""VS Code with real language servers of a host behind ssh, in an environment that only the host has."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Bridge
from tests.editors.vscode import VSCode
from tests.harness import servers
from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, signalled
from tests.harness.sshd import Sshd
from tests.harness.wait import until

LONG = 90.0  # seconds for a language server to start and look at its environment, on a machine that is busy
pytestmark = pytest.mark.timeout(4 * LONG)

TRAIN = """import os
import only_here


def main(name: str) -> float:
    model = only_here.UniqueModel(len(name))
    return model.train_everything(5)


main("a")
"""
OTHER = "from train import main\n\nmain('b')\n"
SETTINGS = {"editor.wordBasedSuggestions": "off"}  # what is suggested comes from a server
RUFF = '[lint]\nselect = ["F"]\n'


class Project:
    """A project of the host, and the window that shows ``train.py`` of it."""

    def __init__(self, editor: VSCode, bridge: Bridge) -> None:
        self.editor = editor
        self.bridge = bridge
        self.host = servers.host()
        self.path = bridge.home.path / "project"
        for name, text in {"train.py": TRAIN, "other.py": OTHER, "ruff.toml": RUFF}.items():
            bridge.home.file(f"project/{name}", text)
        bridge.home.file("project/pyproject.toml", "[project]\nname = 'project'\nversion = '1'\n")
        self.file = self.path / "train.py"

    def open(self) -> None:
        """Type ``rbridge open train.py`` in a shell over ssh, where the environment was activated."""
        command = f"{self.bridge.client} open {self.bridge.address} train.py"
        words = self.bridge.sshd.ssh(f"cd {self.path}; {self.host.activate}; {command}")
        self.bridge.home.run(words, deadline=LONG).ok()
        self.editor.sees("project/train.py")

    def again(self) -> None:
        """The text and the tab as they were."""
        self.editor.turn_to("project/train.py")
        if self.editor.text != TRAIN:
            self.editor.host(
                "const one = vscode.window.activeTextEditor; const { document } = one;"
                "const all = new vscode.Range(0, 0, document.lineCount, 0);"
                "await one.edit((edit) => edit.replace(all, args.text)); await document.save()",
                text=TRAIN,
            )
        self.editor.until_text(TRAIN)
        self.editor.until_saved()

    def go(self, line: int, character: int) -> None:
        """Put the cursor there, counted from 0; returns when it is drawn there."""
        self.editor.host(
            "await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup');"
            "const at = new vscode.Position(args.line, args.character);"
            "vscode.window.activeTextEditor.selection = new vscode.Selection(at, at)",
            line=line,
            character=character,
        )
        bar = "return document.querySelector('.part.statusbar').textContent"
        until(lambda: f"Ln {line + 1}, Col {character + 1}" in self.editor.look(bar))

    def running(self, program: str) -> list[int]:
        """The processes on the host that have *program* in their command line."""
        found = []
        for pid in self.bridge.home.processes():
            with contextlib.suppress(OSError):
                if program.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def kill(self, program: str) -> list[int]:
        """A crash of a language server."""
        found = self.running(program)
        for pid in found:
            signalled(pid, signal.SIGKILL)  # it may have been the child of one of them
        return found

    def diagnostics(self) -> list[list[str]]:
        """Source and message of what the servers say of the shown text."""
        return list(
            self.editor.host(
                "const { document } = vscode.window.activeTextEditor;"
                "return vscode.languages.getDiagnostics(document.uri).map((one) => [one.source, one.message])"
            )
        )


@pytest.fixture(scope="module")
def stage(builds: Builds) -> Iterator[Project]:
    with contextlib.ExitStack() as stack:
        laptop, remote = Home("laptop"), Home("remote")
        stack.callback(laptop.close)
        stack.callback(remote.close)
        sshd = Sshd(remote)
        stack.callback(sshd.close)
        daemon = Daemon(laptop, **VSCode.serve(laptop))
        stack.callback(daemon.stop)
        bridge = Bridge(sshd, daemon, builds.file, unix=True, alias=sshd.alias)
        stack.callback(bridge.close)
        stack.callback(VSCode.finish, laptop)
        editor = VSCode(laptop, setup=json.dumps(SETTINGS))
        stack.callback(editor.kill)
        made = Project(editor, bridge)
        made.open()
        yield made


@pytest.fixture
def project(stage: Project) -> Project:
    stage.again()
    return stage


def rows(editor: VSCode, widget: str) -> str:
    return str(
        editor.look("return (document.querySelector(args.widget) || {}).innerText || ''", widget=widget)
    )


def test_the_laptop_has_no_such_module(project: Project) -> None:
    ran = project.bridge.daemon.home.run(["python3", "-c", "import only_here"])
    assert "No module named 'only_here'" in ran.err


def hover(project: Project) -> str:
    """What is said of the method that ``main`` calls."""
    return str(
        project.editor.host(
            "const { uri } = vscode.window.activeTextEditor.document;"
            "const at = new vscode.Position(6, 20);"
            "const all = await vscode.commands.executeCommand('vscode.executeHoverProvider', uri, at);"
            "return all.flatMap((one) => one.contents.map(({ value }) => value)).join('|')"
        )
    )


def test_hover_says_what_the_source_over_there_says(project: Project) -> None:
    until(lambda: "Train it for so many" in hover(project), LONG)


def test_typing_shows_what_exists_only_in_the_hosts_environment(project: Project) -> None:
    editor = project.editor
    until(lambda: hover(project), LONG, "the server has started")
    project.go(7, 0)
    editor.browse("await window.keyboard.type('only_here.uni', { delay: 60 })")
    assert "unique_symbol" not in TRAIN
    until(lambda: "unique_symbol" in rows(editor, ".suggest-widget"), LONG, "it is suggested")
    editor.keys("Enter")
    until(lambda: "only_here.unique_symbol" in editor.line(8))


def test_wrong_code_is_underlined(project: Project) -> None:
    """By the server of types, and by the one that checks style."""
    project.editor.insert("x: int = 'a'; import re  # ")

    def wrong(source: str, words: str) -> bool:
        return any(one == source and words in message for one, message in project.diagnostics())

    until(lambda: wrong("Ruff", "`re` imported but unused"), LONG, "the style is checked")
    until(lambda: wrong("basedpyright", "not assignable"), LONG, "the types are checked")
    until(lambda: project.editor.look("return document.querySelectorAll('.squiggly-error').length") > 0)


def test_f12_leads_into_the_hosts_site_packages_for_reading(project: Project) -> None:
    editor = project.editor
    project.go(6, 20)
    editor.keys("F12")
    editor.sees(str(project.host.only_here), LONG)
    until(lambda: "def train_everything" in editor.line(editor.cursor[0]))
    assert editor.read_only
    editor.command("workbench.action.navigateBack")
    editor.sees("project/train.py")


def test_f2_renames_in_all_files_of_the_project(project: Project) -> None:
    editor = project.editor
    project.go(4, 5)
    editor.keys("F2")
    box = "return document.activeElement && document.activeElement.className.includes('rename-input')"
    until(lambda: editor.look(box), LONG, "a new name is asked for")
    editor.keys("Control+a")
    editor.browse("await window.keyboard.insertText('run')")
    editor.keys("Enter")
    until(lambda: "def run(name" in project.file.read_text(), LONG, editor.told())
    other = project.path / "other.py"
    until(lambda: other.read_text() == OTHER.replace("main", "run"), LONG, other.read_text())


def test_a_quick_fix_removes_an_unused_import(project: Project) -> None:
    editor = project.editor
    until(lambda: any(source == "Ruff" for source, _ in project.diagnostics()), LONG)
    project.go(0, 8)

    def offered() -> bool:
        """A server that has just started offers nothing yet: then a user asks once more."""
        if "Remove unused import" not in rows(editor, ".action-widget"):
            editor.keys("Escape", "Control+.")
            return False
        return True

    until(offered, LONG, f"the fix is offered; {project.diagnostics()}", every=3.0)
    editor.keys("Enter")
    editor.until_text(TRAIN.removeprefix("import os\n"))


def test_one_command_formats_it(project: Project) -> None:
    editor = project.editor
    editor.insert("x   =  [ 1,2 ]\n")
    editor.command("editor.action.formatDocument")
    until(lambda: editor.line(1) == "x = [1, 2]", LONG, f"{editor.line(1)}; {editor.told()}")


def test_a_server_that_is_killed_comes_back_with_the_text_as_it_is(project: Project) -> None:
    editor = project.editor
    until(lambda: hover(project), LONG, "the server has started")
    editor.insert("y: str = 1  # ")
    killed = project.kill("basedpyright")
    assert killed
    until(lambda: "Train it for so many" in hover(project), LONG, "the next one knows it")
    until(lambda: any("Literal[1]" in message for _, message in project.diagnostics()), LONG)
    assert not set(killed) & set(project.running("basedpyright"))
    assert "error" not in editor.told().lower()


def test_symbols_of_the_text_and_of_the_project(project: Project) -> None:
    def found(command: str, *args: Any) -> list[str]:
        return list(
            project.editor.host(
                "const { uri } = vscode.window.activeTextEditor.document;"
                "const more = args.more.length ? args.more : [uri];"
                "const all = await vscode.commands.executeCommand(args.command, ...more);"
                "return (all || []).map((one) => one.name)",
                command=command,
                more=args,
            )
        )

    until(lambda: "main" in found("vscode.executeDocumentSymbolProvider"), LONG)
    until(lambda: "main" in found("vscode.executeWorkspaceSymbolProvider", "main"), LONG)

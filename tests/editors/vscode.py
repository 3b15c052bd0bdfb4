"""VS Code with the extension as ``rbridge plugin install vscode`` lays it: code-server in headless Chromium.

What a user sees and does happens in the page; what only the editor knows is asked in its extension host,
where a second extension runs what a test sends (``code/driver``).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
from pathlib import Path
from typing import Any

from tests.editors.code_server import START, Stage, call
from tests.editors.driver import LONG, Choice, Driver
from tests.editors.vscode_tree import VSCodeTree
from tests.harness.environment import Home, signalled
from tests.harness.wait import Never, until

ASKED = 2.0  # seconds after a conflict in which VS Code has asked what to do
LABELLED = 3.0
TOLD = 5.0  # after a text is drawn its extension host knows of it
WIDTH = 7  # of a tab, for a text that is obeyed


class VSCode(Driver):
    """One window: a page in a context of its own, and the extension host behind it."""

    kind = "vscode"
    shared = True
    keeps = (".local/share/code-server/User/Backups/*/rbridge/*",)  # of the desktop's: .config/Code/Backups
    trusting = json.dumps({"security.workspace.trust.enabled": False, "task.allowAutomaticTasks": "on"})
    hostile = (
        f"x = 1  # vim: set tabstop={WIDTH} foldexpr=system('touch\\ {{witness}}') :\n"
        '# Local Variables:\n# eval: (write-region "" nil "{witness}")\n# End:\n'
    )

    cannot = {
        "own_text": "no text sets its options: there is nothing to obey",
        "diff_left": "the left side is for reading; `rbridge: Show Status` opens it in a tab of its own",
    }

    def __init__(self, home: Home, *, setup: str = "", attached: bool = True) -> None:
        self.home = home
        self.stage = Stage.of(home)
        self.stage.settings(json.loads(setup) if setup else {})
        self.name, self._calls = self.stage.window()
        self._pid = self._pid_of(self._calls)
        self._over = False
        self._tree = VSCodeTree(self)
        self.host("process.env.RBRIDGE_RUNTIME_DIR = args.runtime", runtime=str(home.runtime))
        if attached:
            self.until_attached()
            if self.stage.browser("return names().length") > 1:
                self.focus()

    @classmethod
    def finish(cls, home: Home) -> None:
        Stage.end(home)

    @staticmethod
    def _pid_of(calls: Path) -> int:
        return int(calls.stem.rpartition("-")[2])

    def until_attached(self) -> None:
        until(
            lambda: self.host("return (await extension.activate()).attached()"),
            START,
            "the extension is attached",
        )

    # The two sides

    def host(self, script: str, **args: Any) -> Any:
        """Run *script* in the extension host; it sees ``vscode``, ``args``, the ``extension``
        and its ``connections``."""
        return call(self._calls, script, args)

    def command(self, name: str, *args: Any) -> None:
        """Give a command of the editor, without waiting for its end."""
        self.host("vscode.commands.executeCommand(args.name, ...args.args)", name=name, args=args)

    def keys(self, *keys: str) -> None:
        self.browse("for (const key of args.keys) { await window.keyboard.press(key); }", keys=keys)

    def browse(self, script: str, **args: Any) -> Any:
        return self.stage.browser(f"const window = page(args.name); {script}", name=self.name, **args)

    def look(self, script: str, **args: Any) -> Any:
        """What *script* returns in the page itself, as an expression of the names in *args*."""
        run = "return await window.evaluate(new Function('args', args.inside), args)"
        return self.browse(run, inside=script, **args)

    # The shown buffer

    @property
    def path(self) -> str:
        return str(self.host(f"{URI} return uri ? uri.path : ''"))

    @property
    def text(self) -> str:
        return str(self.host(f"{DOCUMENT} return document ? document.getText() : ''")).replace("\r\n", "\n")

    def line(self, number: int) -> str:
        """Of a text that VS Code shows to no extension: what is drawn."""
        shown = self.look(
            "const lines = [...document.querySelectorAll('.editor-group-container.active .view-line')];"
            "return lines.map((line) => [parseFloat(line.style.top), line.textContent])"
        )
        return str(sorted(shown)[number - 1][1]).replace("\xa0", " ")

    @property
    def cursor(self) -> tuple[int, int]:
        line, column = self.host(
            "const { document, selection } = vscode.window.activeTextEditor;"
            "const before = document.lineAt(selection.active.line).text.slice(0, selection.active.character);"
            "return [selection.active.line + 1, [...before].length + 1]"
        )
        return line, column

    @property
    def modified(self) -> bool:
        return bool(self.host(f"{TAB} return Boolean(tab && tab.isDirty)"))

    @property
    def read_only(self) -> bool:
        """The tab has a lock a moment after it is there."""
        script = (
            "const badge = '.tab.active [class*=\"monaco-decoration-iconBadge\"]';"
            "const badges = document.querySelectorAll(badge);"
            "const lock = (one) => getComputedStyle(one, '::after').content.includes('\uebe7');"
            "return [...badges].some(lock)"
        )
        try:
            return bool(until(lambda: self.look(script), LABELLED))
        except Never:
            return False

    @property
    def language(self) -> str:
        return str(self.host(f"{DOCUMENT} return document ? document.languageId : ''"))

    @property
    def status(self) -> str:
        return str(
            self.look(
                "const one = document.querySelector('.statusbar-item[id^=\"rbridge.rbridge\"]');"
                "return one && getComputedStyle(one).display !== 'none' ? one.textContent : ''"
            )
        )

    @property
    def names(self) -> list[str]:
        return list(
            self.host(
                "const uris = vscode.window.tabGroups.all.flatMap((group) => group.tabs)"
                ".map((tab) => tab.input && tab.input.uri).filter((uri) => uri && uri.scheme === 'rbridge');"
                "return [...new Set(uris.map((uri) => `rbridge://${uri.authority}${uri.path}`))]"
            )
        )

    @property
    def obeys(self) -> bool:
        return self.host("return vscode.window.activeTextEditor.options.tabSize") == WIDTH

    @property
    def comparing(self) -> str | None:
        found = self.host(
            f"{TAB} const uri = tab && tab.input && tab.input.original;"
            "const same = (one) => String(one.uri) === String(uri);"
            "const other = uri && vscode.workspace.textDocuments.find(same);"
            "return other ? other.getText() : null"
        )
        return None if found is None else str(found)

    def told(self) -> str:
        return "\n".join(self.look("return window.told || []"))

    @property
    def tree(self) -> VSCodeTree:
        return self._tree

    @property
    def toasts(self) -> str:
        """What is said just now."""
        return str(
            self.look("return (document.querySelector('.notifications-toasts') || {}).textContent || ''")
        )

    # What a person does

    def insert(self, text: str) -> None:
        self.host("await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup')")
        self.browse(
            "await window.keyboard.press('Control+Home'); await window.keyboard.insertText(args.text)",
            text=text,
        )

    def undo(self) -> None:
        self.host("await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup')")
        self.keys("Control+z")

    def save(self) -> None:
        self.host("await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup')")
        self.keys("Control+s")

    def save_all(self) -> None:
        self.command("workbench.action.files.saveAll")

    def resolve(self, choice: Choice) -> None:
        """VS Code itself asks after a save: compare or overwrite. To reload there is a command."""
        if choice == "reload" or not self._asked("train.py", choice.capitalize()):
            self.command(f"rbridge.{choice}")

    def _asked(self, words: str, button: str) -> bool:
        try:
            until(lambda: self._press(words, button), ASKED)
        except Never:
            return False
        return True

    def _press(self, words: str, button: str) -> bool:
        return bool(
            self.look(
                "const found = [...document.querySelectorAll('.notifications-toasts .notification-list-item, "
                ".monaco-dialog-box')].filter((one) => one.textContent.includes(args.words));"
                "const buttons = found.flatMap((one) => [...one.querySelectorAll('.monaco-button')]);"
                "const pressed = buttons.find((one) => one.textContent.trim() === args.button);"
                "if (pressed) { pressed.click(); } return Boolean(pressed)",
                words=words,
                button=button,
            )
        )

    def answer(self, words: str, choice: str) -> None:
        until(lambda: self._press(words, choice), LONG, f"{words!r} is asked: {self.told()}")

    def close(self, discard: bool = False) -> None:
        """A save that was just given may still run: VS Code would ask about it."""
        if not discard:
            until(lambda: not self.modified, what="it is saved before it is closed")
        self.command("workbench.action.closeActiveEditor")
        if discard:
            self.answer("Do you want to save", "Don't Save")

    def open_own(self, path: str) -> None:
        self.host(
            "await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(args.path))", path=path
        )
        self.sees(path)

    def turn_to(self, name: str) -> None:
        """Show the buffer whose path ends with *name*."""
        self.host(
            "const uri = vscode.window.tabGroups.all.flatMap((group) => group.tabs)"
            ".map((tab) => tab.input && tab.input.uri).find((one) => one && one.path.endsWith(args.name));"
            "await vscode.commands.executeCommand('vscode.open', uri)",
            name=name,
        )
        self.sees(name)

    def focus(self) -> None:
        self.stage.browser("for (const name of names()) { await focus(name, false); }")
        until(lambda: not self.host("return vscode.window.state.focused"))
        self.stage.browser("await focus(args.name, true)", name=self.name)
        until(lambda: self.host("return vscode.window.state.focused"))

    def sees(self, name: str, deadline: float = LONG) -> None:
        super().sees(name, deadline)
        until(self._is_drawn, deadline, f"{name} is drawn; {self._state()}")
        with contextlib.suppress(Never):  # of a very large text it is told nothing
            until(self._is_told, TOLD)

    def until_path(self, name: str) -> None:
        """Wait until the shown tab is that of *name*, which need not be a text."""
        self._until(lambda: self.path.endswith(name), f"{name} is shown")

    @property
    def seconds(self) -> int:
        """How long what a viewer would play takes, as the viewer knows it; 0 where it cannot play it."""
        script = (
            "let found = 0; for (const frame of window.frames()) {"
            " found ||= await frame.evaluate(() => document.querySelector('audio, video')?.duration || 0); }"
            "return Math.round(found)"
        )
        return int(self.browse(script))

    def _is_told(self) -> bool:
        return bool(
            self.host(
                f"{URI} const active = vscode.window.activeTextEditor;"
                "return Boolean(active && uri && String(active.document.uri) === String(uri))"
            )
        )

    def _is_drawn(self) -> bool:
        """VS Code asks before it shows a large text, or one with NUL: a user says yes."""
        return bool(
            self.look(
                "const asked = document.querySelector("
                "'.quick-input-widget:not([style*=none]) .quick-input-box input');"
                "if (asked && asked.placeholder.startsWith('Select editor for')) {"
                " document.querySelector('.quick-input-list .monaco-list-row').click(); return false; }"
                "const group = document.querySelector('.editor-group-container.active');"
                "const button = [...group.querySelectorAll('.monaco-editor-pane-placeholder .monaco-button')]"
                ".find((one) => one.textContent.includes('Open Anyway'));"
                "if (button) { button.click(); return false; }"
                "return group.querySelector('.view-line') !== null"
            )
        )

    def reload(self) -> None:
        """The page comes back, with another extension host."""
        before = set(self.stage.hosts())
        self.command("workbench.action.reloadWindow")
        self._calls = self.stage.new_host(before)
        self._pid = self._pid_of(self._calls)
        self.until_attached()

    def screenshot(self, target: Path) -> None:
        self.browse("await window.screenshot({ path: args.target })", target=str(target))

    def quit(self, discard: bool = False) -> None:
        self._over = True
        self._gone()

    def ended(self) -> int:
        until(lambda: not _lives(self._pid), what="the extension host ended")
        return 0

    def kill(self) -> None:
        """The window is used again: all that it showed is given up, and its extension is cut off."""
        if self._over:
            return
        self._over = True
        self.stage.settings({})
        try:
            self.host(PARK)
            until(lambda: self.host("return vscode.window.tabGroups.all.every((one) => !one.tabs.length)"))
            self.look("window.told.length = 0; window.turn(true)")
        except (AssertionError, OSError):
            self._gone()
            shutil.rmtree(self.stage.data / "User" / "Backups", ignore_errors=True)
        else:
            self.stage.parked.append((self.name, self._calls))

    def _gone(self) -> None:
        """End it all: an extension host waits for hours for its window to come back."""
        self.stage.browser("await close(args.name)", name=self.name)
        signalled(self._pid, signal.SIGKILL)
        self._calls.unlink(missing_ok=True)


# Cut off from the daemon, and without an editor: as a window that was just opened.
PARK = """
const run = (name) => vscode.commands.executeCommand(name);
const close = async () => {
  for (let left = 50; left > 0 && vscode.window.tabGroups.all.some((group) => group.tabs.length); left--) {
    await run("workbench.action.revertAndCloseActiveEditor");
  }
  await run("notifications.clearAll");
  await run("workbench.action.closeQuickOpen");
  await run("workbench.action.joinAllGroups");
};
const late = new Promise((_, reject) => setTimeout(() => reject(new Error("not closed in time")), 8000));
await Promise.race([close(), late]);
await new Promise((done) => setTimeout(done, 300)); // documents are closed a moment after their tabs
process.env.RBRIDGE_RUNTIME_DIR = "/nowhere";
connections.forEach((one) => one.destroy());
await run("rbridge.clearSearch");
await run("rbridge.closeFolder");
await run("notifications.clearAll");
"""
TAB = "const tab = vscode.window.tabGroups.activeTabGroup.activeTab;"
URI = f"{TAB} const input = tab && tab.input; const uri = input && (input.uri || input.modified);"
DOCUMENT = (
    f"{URI} const same = (one) => String(one.uri) === String(uri);"
    "const document = uri && vscode.workspace.textDocuments.find(same);"
)


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
    except OSError:
        return False

"""Our plug-in for Sublime Text, as ``rbridge plugin install sublime`` lays it, over a stub of its API.

Sublime Text itself cannot be had here. The stub (``sublime_stub``) is a process of its own that loads the
plug-in unchanged; the daemon and the client are the real ones.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.editors.driver import LONG, Choice, Driver
from tests.editors.sublime_tree import SublimeTree
from tests.harness.environment import Home, rbridge, stop
from tests.harness.wait import until

STUB = Path(__file__).with_name("sublime_stub")
READY = "sys.modules['rbridge.lib.link'].ready"
ACTIVE = "app.front.active"
OURS = "[one for one in app.views.values() if one.settings.get('rbridge', {}).get('kind') == 'document']"
CAPTIONS = {"compare": "Compare with the", "overwrite": "Overwrite the", "reload": "Reload the"}

NOTHING_OBEYED = "the stub obeys no text by itself: this can only be shown with Sublime Text itself"
NOTHING_KEPT = "the stub has no session: what Sublime Text keeps, docs/security.md says"


class Sublime(Driver):
    """One stub of *home*'s user, attached to the daemon that runs there (*attached*: wait for that)."""

    kind = "sublime"
    hostile = "x = 1\n# vim: set textwidth=33 : {witness}\n"
    cannot = {
        "hostile_text": NOTHING_OBEYED,
        "own_text": NOTHING_OBEYED,
        "folder_hostile": NOTHING_OBEYED,
        "nothing_on_the_disk": NOTHING_KEPT,
        "diff_in_memory": NOTHING_KEPT,
    }

    def __init__(self, home: Home, *, setup: str = "", attached: bool = True, session: str = "") -> None:
        """*setup*: what ``Preferences.sublime-settings`` holds; *session*: see the stub."""
        self.home = home
        home.run(rbridge("plugin", "install", "sublime")).ok()
        data = home.config / "sublime-text"
        if setup:
            (data / "Packages" / "User").mkdir(exist_ok=True)
            (data / "Packages" / "User" / "Preferences.sublime-settings").write_text(setup)
        name = f"sublime-{os.urandom(3).hex()}"
        self._path = home.root / name
        self._out = home.runtime.parent / f"{name}.out"
        self._socket: socket.socket | None = None
        # without site-packages: our own package there would take the place of the plug-in, which has its name
        python = [sys.executable, "-B", "-S"]
        words = [*python, STUB, "--data", data, "--socket", self._path, "--session", session]
        with open(self._out, "wb") as out:
            self.process: subprocess.Popen[bytes] = home.start(
                words, env={"PYTHONPATH": ""}, stdout=out.fileno(), stderr=out.fileno()
            )
        until(self._connect, what="the stub answers")
        self.tree_of = SublimeTree(self)
        if attached:
            self.until(READY)

    def _connect(self) -> bool:
        """Sublime Text with its plug-in is there."""
        assert self.process.poll() is None, self._out.read_text()
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(60)
        try:
            made.connect(str(self._path))
        except OSError:
            made.close()
            raise
        self._socket, self._stream = made, made.makefile("rwb")
        return True

    def _ask(self, asked: dict[str, str]) -> Any:
        self._stream.write(json.dumps(asked).encode() + b"\n")
        self._stream.flush()
        line = self._stream.readline()
        assert line, f"the stub has ended:\n{self._out.read_text()}"
        said = json.loads(line)
        assert not said["faults"], "\n".join(said["faults"])
        assert "error" not in said, (said["error"], asked)
        return said["result"]

    def look(self, expression: str) -> Any:
        """What *expression* is in the stub, as JSON can hold it."""
        return self._ask({"look": expression})

    def do(self, code: str) -> None:
        """What a user does; back when it is done, or a dialog has come."""
        self._ask({"do": code})

    def command(self, name: str, **arguments: Any) -> None:
        """A command that a key or a menu gives."""
        self.do(f"commands.of_window(app.front, {name!r}, {arguments!r})")

    def until(self, expression: str, what: str = "") -> Any:
        return until(lambda: self.look(expression), LONG, f"{what or expression}; told {self.told()[-2000:]}")

    def told(self) -> str:
        return "\n".join(self.look("app.told"))

    @property
    def dialog(self) -> str:
        """The question of the dialog that is open."""
        return str(self.look("app.dialogs[-1]['message'] if app.dialogs else ''"))

    def press(self, button: str) -> None:
        """A button of the dialog that is open."""
        self.look(f"app.dialogs[-1].update(answer={button!r})")
        self.look("app.news.notify_all()")

    @property
    def path(self) -> str:
        return str(
            self.look(
                f"({ACTIVE}.buffer.file_name or {ACTIVE}.status.get('rbridge_path', '')) if {ACTIVE} else ''"
            )
        )

    @property
    def text(self) -> str:
        return str(self.look(f"{ACTIVE}.buffer.text if {ACTIVE} else ''"))

    def line(self, number: int) -> str:
        return str(self.look(f"{ACTIVE}.buffer.text.split('\\n', {number})[{number - 1}]"))

    @property
    def cursor(self) -> tuple[int, int]:
        at = "sublime.active_window().active_view()"
        row, column = self.look(f"{at}.rowcol({at}.sel()[0].b)")
        return row + 1, column + 1

    @property
    def modified(self) -> bool:
        return bool(self.look(f"{ACTIVE}.buffer.dirty"))

    @property
    def read_only(self) -> bool:
        return bool(self.look(f"{ACTIVE}.buffer.read_only and 'read-only' in {ACTIVE}.status['rbridge']"))

    @property
    def language(self) -> str:
        return str(self.look(f"{ACTIVE}.syntax.name if {ACTIVE}.syntax else ''"))

    @property
    def status(self) -> str:
        return str(self.look(f"{ACTIVE}.status.get('rbridge', '') if {ACTIVE} else ''"))

    @property
    def names(self) -> list[str]:
        return list(self.look(f"[one.buffer.name + ' ' + one.status['rbridge_path'] for one in {OURS}]"))

    @property
    def obeys(self) -> bool:
        return False

    @property
    def comparing(self) -> str | None:
        kind = "one.settings.get('rbridge', {}).get('kind') == 'comparison'"
        found = self.look(f"[one.buffer.text for one in app.views.values() if {kind}]")
        return str(found[0]) if found else None

    @property
    def tree(self) -> SublimeTree:
        return self.tree_of

    def open_own(self, path: str) -> None:
        self.do(f"app.new_file(app.front).buffer.file_name = {path!r}")
        self.do(f"{ACTIVE}.buffer.text = open({path!r}).read()")

    def turn_to(self, name: str) -> None:
        self.do(f"app.focus([one for one in {OURS} if one.status['rbridge_path'].endswith({name!r})][0])")
        self.sees(name)

    def insert(self, text: str) -> None:
        self.do(f"{ACTIVE}.selection = [(0, 0)]")
        self.do(f"commands.of_view({ACTIVE}, 'insert', {{'characters': {text!r}}})")

    def undo(self) -> None:
        self.do(f"commands.of_view({ACTIVE}, 'undo', {{}})")

    def save(self) -> None:
        self.command("save", **{"async": True})

    def save_all(self) -> None:
        self.command("save_all")

    @property
    def panel(self) -> list[str]:
        """The lines of the quick panel."""
        items = "(app.front.quick or {'items': []})['items']"
        return list(self.look(f"[one if isinstance(one, str) else one[0] for one in {items}]"))

    def pick(self, line: str) -> None:
        """A line of the quick panel, or none by Escape."""
        self.do(f"pick({self.panel.index(line) if line else -1})")

    def resolve(self, choice: Choice) -> None:
        if "Compare" in self.panel:
            self.pick(choice.capitalize())
        else:
            self.do(f'palette("rbridge: {CAPTIONS[choice]} Host\'s Text")')
        if choice == "reload" and self.dialog.startswith("Give up"):
            self.press("Reload")

    def answer(self, words: str, choice: str) -> None:
        self.until(f"{words!r} in (app.front.quick or {{'placeholder': ''}})['placeholder']")
        self.pick(choice)

    def close(self, discard: bool = False) -> None:
        self.command("close")
        if discard:
            self.press("Don't Save")

    def focus(self) -> None:
        self.do(f"app.event('on_activated', {ACTIVE} or app.new_file(app.front))")

    def quit(self, discard: bool = False) -> None:
        self.command("exit")
        if discard:
            self.press("Don't Save")

    def ended(self) -> int:
        return self.process.wait(20)

    def kill(self) -> None:
        stop(self.process, signal.SIGKILL)
        if self._socket is not None:
            self._stream.close()
            self._socket.close()

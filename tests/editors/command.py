"""Vim as any other editor: started by the daemon's command adapter, each file in a tmux window of its own.

What a person does is done with keys. What is in Vim is asked through a channel that its user's settings open;
what rbridge has to say of it, ``rbridge status`` and the daemon's log say.
"""

from __future__ import annotations

import re
from typing import Any

from tests.editors.driver import Choice, Driver
from tests.editors.scenarios import FOLDERS
from tests.editors.vimchannel import SETTINGS, Desk
from tests.harness.environment import Home, rbridge
from tests.harness.tmux import Tmux
from tests.harness.wait import until

STATES = {"clean": "saved", "dirty": "saving", "saving": "saving", "conflict": "conflict"}

MEMORY = "it writes into memory and takes that for saved; `rbridge status` and a notification say what is not"
WINDOWS = "each file has a window of its own"
UNSEEN = "what is typed and not saved cannot be seen from outside; the editor itself warns, or does not"
LAID_OUT = (
    "the texts of a folder are laid out in memory, and the editor shows that directory by its own means; see "
    "[how it works](how-it-works.md#a-folder)"
)


class Command(Driver):
    """A tmux with a window for each file; the shown buffer is that of the current window."""

    kind = "command"
    trusting = "set modeline modelines=5 modelineexpr exrc"
    hostile = "x = 1\n# vim: set textwidth=33 foldmethod=expr foldexpr=system('touch\\ {witness}') :\n"
    cannot = {
        "modified_until_saved": MEMORY,
        "saved_without_a_daemon": "it writes into memory, and the daemon sends it when it is back",
        "save_all": WINDOWS,
        "two_editors": WINDOWS,
        "change_on_the_host_and_here": UNSEEN,
        "same_file_at_a_line": "its window comes to the front, and its cursor stays",
        "consent": "a notification asks, and `rbridge allow` answers",
        "closed_on_the_host": "it cannot be told to close a file; what is written there later is not sent",
        "no_final_newline": "editors do with these what they do with a file of their own; Vim adds the end",
        **dict.fromkeys(FOLDERS, LAID_OUT),
    }

    @classmethod
    def serve(cls, home: Home) -> dict[str, Any]:
        return {"editor": "vim", "env": {"TMUX": _tmux(home).variable}}

    def __init__(self, home: Home, *, setup: str = "") -> None:
        self.home = home
        self._tmux = _tmux(home)
        self._desk = Desk(home.root / "desk")
        self._difference: str | None = None
        home.file(".vimrc", f"filetype on\n{SETTINGS.format(socket=self._desk.path)}{setup}\n")

    def _pane(self) -> str:
        return self._tmux._call("display-message", "-p", "-t", "t:", "#{pane_id}")

    def _ask(self, expression: str, pane: str = "") -> Any:
        return self._desk.vim(pane or self._pane()).ask(expression)

    def told(self) -> str:
        said = [path.read_text(errors="replace") for path in self.home.root.glob("serve-*.err")]
        return "\n".join([*said, self._status(), self._tmux.screen()])

    def _status(self) -> str:
        ran = self.home.run(rbridge("status"))
        return ran.out + ran.err

    @property
    def path(self) -> str:
        return str(self._ask("expand('%:p')"))

    @property
    def text(self) -> str:
        lines, ended = self._ask("[getline(1, '$'), &endofline && wordcount().bytes > 0]")
        return "\n".join(lines) + ("\n" if ended else "")

    def line(self, number: int) -> str:
        return str(self._ask(f"getline({number})"))

    @property
    def cursor(self) -> tuple[int, int]:
        line, column = self._ask("getcursorcharpos()[1:2]")
        return line, column

    @property
    def modified(self) -> bool:
        return bool(self._ask("&modified"))

    @property
    def read_only(self) -> bool:
        return bool(self._ask("&readonly"))

    @property
    def language(self) -> str:
        return str(self._ask("&filetype"))

    @property
    def status(self) -> str:
        """As ``rbridge status`` has it, and of what was not written yet Vim."""
        said = self._status()
        if "is not serving" in said:
            return "no rbridge"
        row = next((line for line in said.splitlines() if line.startswith(self._where() + " ")), "")
        if not row:
            return "closed"
        if " a text is kept " in row:
            return "waiting"
        state = next(word for word in row.split() if word in STATES)
        if "not connected" in row:
            return "conflict" if state == "conflict" else "not connected"
        return "modified" if STATES[state] == "saved" and self.modified else STATES[state]

    def _where(self) -> str:
        """HOST:PATH of the shown buffer."""
        found = re.search(r"/files/[^/]+/([^/]+)(/.*)", self.path)
        assert found, self.path
        return f"{found.group(1)}:{found.group(2)}"

    @property
    def names(self) -> list[str]:
        return [
            name for pane in self._desk.panes() if "/files/" in (name := self._ask("expand('%:p')", pane))
        ]

    @property
    def obeys(self) -> bool:
        return bool(self._ask("&textwidth == 33"))

    @property
    def comparing(self) -> str | None:
        return self._difference

    def open_own(self, path: str) -> None:
        self._tmux.window(["vim", path])
        self.sees(path)

    def turn_to(self, name: str) -> None:
        pane = next(one for one in self._desk.panes() if self._ask("expand('%:p')", one).endswith(name))
        self._tmux._call("select-window", "-t", pane)
        self.sees(name)

    def insert(self, text: str) -> None:
        self._tmux.keys("Escape", "g", "g", "0", "i")
        self._tmux.type(text)
        self._tmux.keys("Escape")
        until(lambda: self._ask("mode()") == "n", what="Vim has left the insert mode")

    def undo(self) -> None:
        self._tmux.type("u")

    def save(self) -> None:
        """Vim has written the file when this returns; that it is a local one is all there is to wait for."""
        before = self._ask("histnr(':')")
        self._tmux.line(":w")
        until(lambda: self._ask("histnr(':')") > before, what="Vim has taken the command")

    def save_all(self) -> None:
        self._tmux.line(":wa")

    def resolve(self, choice: Choice) -> None:
        how = {"compare": "--show", "overwrite": "--mine", "reload": "--theirs"}[choice]
        ran = self.home.run(rbridge("resolve", self._where(), how)).ok()
        if choice == "compare":
            lines = [line[1:] for line in ran.out.splitlines() if re.match(r"-(?!--)", line)]
            self._difference = "".join(line + "\n" for line in lines)

    def answer(self, words: str, choice: str) -> None:
        raise AssertionError("no question is asked in an editor that was started with a file")

    def close(self, discard: bool = False) -> None:
        self._tmux.line(":q!" if discard else ":q")

    def focus(self) -> None:
        raise AssertionError(WINDOWS)

    def quit(self, discard: bool = False) -> None:
        for pane in self._desk.panes():
            self._tmux.line(":qa!" if discard else ":qa", pane)

    def ended(self) -> int:
        until(lambda: not self._desk.panes(), what="each Vim has ended")
        return 0

    def kill(self) -> None:
        self._tmux.close()
        del _servers[str(self.home.root)]
        self._desk.close()


_servers: dict[str, Tmux] = {}


def _tmux(home: Home) -> Tmux:
    """The tmux that the daemon of *home* runs in."""
    where = str(home.root)
    if where not in _servers:
        _servers[where] = Tmux(home)
    return _servers[where]

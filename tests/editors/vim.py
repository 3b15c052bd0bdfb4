"""A real Vim in tmux, with the plug-in as ``rbridge plugin install vim`` lays it, and no settings of its own.

What a person does is done with keys; what is in Vim is asked through a channel of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from typing import Any

from tests.editors.driver import Choice, Driver
from tests.editors.vim_tree import VimTree
from tests.editors.vimchannel import SETTINGS, Desk
from tests.harness.environment import Home, rbridge
from tests.harness.tmux import Tmux
from tests.harness.wait import Never, until

READY = "rbridge#link#Ready()"
KEYS = {"Esc": "Escape", "CR": "Enter"}  # where tmux has another name for a key
COMMANDS = {"compare": ":RbridgeDiff<CR>", "overwrite": ":w!<CR>", "reload": ":edit!<CR>"}
ANSWERS = ("compare", "overwrite", "reload")
ASKED = "popup_list()->map({_, id -> getbufline(winbufnr(id), 1, '$')})"


class Vim(Driver):
    """One editor of *home*'s user, attached to the daemon that runs there (*attached*: wait for that)."""

    kind = "vim"
    trusting = "set modeline modelines=5 modelineexpr exrc"
    hostile = (
        "x = 1\n# vim: set textwidth=33 foldexpr=system('touch\\ {witness}') foldmethod=expr"
        " statusline=%{{system('touch\\ {witness}')}} :\n"
    )

    def __init__(self, home: Home, *, setup: str = "", attached: bool = True) -> None:
        assert shutil.which("vim"), "this test needs Vim 9: apt-get install vim-nox"
        self.home = home
        home.run(rbridge("plugin", "install", "vim")).ok()
        name = f"vim-{os.urandom(3).hex()}"
        self.tmux = Tmux(home, f"{name}.tmux")
        self._desk = Desk(home.root / f"{name}.desk")
        self._code = home.root / f"{name}.code"
        control = home.root / f"{name}.vim"
        control.write_text(SETTINGS.format(socket=self._desk.path))
        if setup:
            home.file(".vimrc", f"source $VIMRUNTIME/defaults.vim\n{setup}\n")
        words = ["vim", "-c", f"source {control}"]
        command = f'"$@"; echo $? > {self._code}'
        self._window = self.tmux.window(["sh", "-c", command, "sh", *words])
        pane = self.tmux._call("display-message", "-p", "-t", self._window, "#{pane_id}")
        self._channel = until(lambda: self._desk.vim(pane), what="Vim runs:\n" + self.tmux.screen())
        self.pid = int(self.ask("getpid()"))
        if attached:
            self.until(READY)

    def ask(self, expression: str) -> Any:
        """What the *expression* of Vim's own language is."""
        found = self._channel.ask(expression)
        assert found != "ERROR", f"Vim does not understand {expression}:\n{self.screen()}"
        return found

    def do(self, command: str) -> None:
        """Carry out a command of Vim's."""
        self.ask("execute(':" + command.replace("'", "''") + "')")

    def until(self, expression: str, what: str = "") -> Any:
        """Wait until *expression* is something true, and return it."""
        return until(lambda: self.ask(expression), what=f"{what or expression}; screen:\n{self.screen()}")

    def keys(self, keys: str) -> None:
        """Type *keys*, in Vim's own notation."""
        for special, text in re.findall(r"<([\w-]+)>|([^<]+)", keys):
            if special:
                self.tmux.keys(KEYS.get(special) or special)
            else:
                self.tmux.type(text)

    def screen(self) -> str:
        return self.tmux.screen()

    def told(self) -> str:
        return str(self.ask("execute(':messages')"))

    @property
    def path(self) -> str:
        return str(self.ask("bufname()"))

    @property
    def lines(self) -> list[str]:
        return list(self.ask("getline(1, '$')"))

    @property
    def text(self) -> str:
        lines, ended = self.ask("[getline(1, '$'), &endofline && wordcount().bytes > 0]")
        return "\n".join(lines) + ("\n" if ended else "")

    def line(self, number: int) -> str:
        return str(self.ask(f"getline({number})"))

    @property
    def cursor(self) -> tuple[int, int]:
        line, column = self.ask("getcursorcharpos()[1:2]")
        return line, column

    @property
    def modified(self) -> bool:
        return bool(self.ask("&modified"))

    @property
    def read_only(self) -> bool:
        return bool(self.ask("&readonly"))

    @property
    def language(self) -> str:
        return str(self.ask("&filetype"))

    @property
    def status(self) -> str:
        return str(self.ask("rbridge#Status()"))

    @property
    def names(self) -> list[str]:
        found = self.ask("getbufinfo(#{buflisted: 1})->map({_, one -> one.name})")
        return [name for name in found if name.startswith("rbridge://")]

    @property
    def obeys(self) -> bool:
        return bool(self.ask("&textwidth == 33"))

    @property
    def comparing(self) -> str | None:
        shown = "getwininfo()->filter({_, one -> getbufvar(one.bufnr, '&buftype') == 'nofile'"
        found = self.ask(
            shown + " && getwinvar(one.winid, '&diff')})->map({_, one -> getbufline(one.bufnr, 1, '$')})"
        )
        return "".join(line + "\n" for line in found[0]) if found else None

    @property
    def tree(self) -> VimTree:
        return VimTree(self)

    def open_own(self, path: str) -> None:
        self.keys(f":edit {path}<CR>")
        self.sees(path)

    def turn_to(self, name: str) -> None:
        self.keys(f":buffer {name}<CR>")
        self.sees(name)

    def insert(self, text: str) -> None:
        self.keys("gg0i")
        self.tmux.type(text)
        self.keys("<Esc>")
        self.until("mode() == 'n'")

    def undo(self) -> None:
        self.keys("u")

    def save(self) -> None:
        self.keys(":w<CR>")

    def save_all(self) -> None:
        self.keys(":wa<CR>")

    def resolve(self, choice: Choice) -> None:
        """The question comes a moment after the conflict, where one comes."""
        try:
            until(lambda: self.ask(ASKED), 0.5)
        except Never:
            self.keys(COMMANDS[choice])
        else:
            self.keys(str(ANSWERS.index(choice) + 1))

    def answer(self, words: str, choice: str) -> None:
        asked = until(
            lambda: [one for one in self.ask(ASKED) if words in one[0]], what=f"a question with {words!r}"
        )
        answers = [line.partition(": ")[2] for line in asked[0][1:]]
        self.keys(str(answers.index(choice) + 1))

    def close(self, discard: bool = False) -> None:
        self.keys(":bdelete!<CR>" if discard else ":bdelete<CR>")

    def focus(self) -> None:
        self.do("doautocmd FocusGained")

    def quit(self, discard: bool = False) -> None:
        self.keys(":qall!<CR>" if discard else ":qall<CR>")

    @property
    def waits_for_a_key(self) -> bool:
        """Whether a message was too long, or one too many."""
        return bool(self.ask("mode() =~ '^r'"))

    @property
    def running(self) -> bool:
        return not self._code.exists()

    def ended(self) -> int:
        return int(until(lambda: self._code.read_text().strip(), what=f"Vim ends:\n{self.screen()}"))

    def kill(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            until(lambda: not os.path.exists(f"/proc/{self.pid}"), what="it has ended")
        self.tmux.close()
        self._desk.close()

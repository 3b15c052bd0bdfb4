"""A folder of a host in Vim, as its user sees it and with the keys of its view."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.editors.tree import Tree
from tests.harness.wait import until

if TYPE_CHECKING:
    from tests.editors.vim import Vim

VIEWS = "getbufinfo()->filter({_, one -> one.loaded && one.name =~ '^rbridge://.*/$'})"
SHOWN = f"{VIEWS}->map({{_, one -> getbufline(one.bufnr, 1, '$')}})"
POPUP = "popup_list()->map({_, id -> [popup_getoptions(id).title, getbufline(winbufnr(id), 1, '$')]})"
NAMES = "getqflist()->map({_, one -> [bufname(one.bufnr), one.lnum]})"


class VimTree(Tree):
    """The folder that *vim* shows, of those the first."""

    def __init__(self, vim: Vim) -> None:
        self._vim = vim

    @property
    def lines(self) -> list[str]:
        """The lines of its buffer."""
        shown = self._vim.ask(SHOWN)
        return list(shown[0]) if shown else []

    @property
    def root(self) -> str:
        return "".join(self.lines[:1]).partition(" [")[0]

    @property
    def status(self) -> str:
        return "".join(self.lines[:1]).partition(" [")[2]

    @property
    def paths(self) -> list[str]:
        return [path for path in self._lines_of().values() if path]

    def expand(self, path: str) -> None:
        self._to_front()
        names = path.split("/") if path else []
        for above in ("/".join(names[: number + 1]) + "/" for number in range(len(names))):
            self.until_shows(above)
            if self.lines[self._to(above) - 1].lstrip().startswith("+"):
                self._vim.keys("<CR>")
        self._until(lambda: not any("(coming)" in line for line in self.lines), f"{path} has come")

    def open(self, path: str) -> None:
        self._to(path)
        self._vim.keys("<CR>")

    def make(self, path: str) -> None:
        self._to_front()
        self._vim.keys(":1<CR>")
        self._prompted("d" if path.endswith("/") else "%", path.rstrip("/"))

    def rename(self, path: str, to: str) -> None:
        self._to(path)
        self._prompted("R", to)

    def remove(self, path: str, confirm: bool) -> None:
        self._to(path)
        self._vim.keys("D")
        self._vim.answer("Remove", "Remove" if confirm else "Keep")

    def find(self, query: str) -> list[str]:
        self._vim.keys(":RbridgeFind<CR>")
        self._vim.until("!empty(popup_list())")
        self._vim.tmux.type(query)

        def over() -> list[str] | None:
            title, lines = self._vim.ask(POPUP)[0]
            return lines[1:] if lines[0] == f"> {query}" and "looking" not in title else None

        found = until(lambda: [over()], what="it has looked")[0]
        return [line.strip() for line in until(over, what="something is found") or found or []]

    def search(self, query: str) -> list[tuple[str, int]]:
        self._vim.keys(f":RbridgeSearch {query}<CR>")
        self._vim.until("&buftype == 'quickfix' && getqflist(#{title: 0}).title !~ 'searching'")
        top = self._vim.ask(f"{VIEWS}[0].name")
        return [(name.removeprefix(top), line) for name, line in self._vim.ask(NAMES)]

    def pick(self, number: int) -> None:
        if self._vim.ask("&buftype == 'quickfix'"):
            self._vim.keys(f":{number + 1}<CR><CR>")
        else:
            self._vim.keys("<Down>" * number + "<CR>")

    def close(self) -> None:
        self._to_front()
        self._vim.keys("q")

    def _lines_of(self) -> dict[int, str]:
        """By line, which path it shows; empty for one that shows none."""
        found, above = {}, [""]
        for number, line in enumerate(self.lines[1:], 2):
            match = re.fullmatch(r"((?:  )*)([-+ ]) (.*)", line)
            assert match, line
            depth, name = len(match[1]) // 2, match[3].partition(" -> ")[0]
            name += "/" * (match[3] != name and match[2] != " " and not name.endswith("/"))
            del above[depth + 1 :]
            found[number] = "" if name.startswith("(") and name.endswith(")") else above[depth] + name
            if name.endswith("/"):
                above.append(found[number])
        return found

    def _to_front(self) -> None:
        if not self._vim.path.endswith("/"):
            self._vim.keys(":RbridgeFolder<CR>")
            self._vim.sees("/")

    def _to(self, path: str) -> int:
        """Put the cursor on *path*, with or without a slash at the end; returns the line."""
        self._to_front()
        wanted = path.rstrip("/")

        def line() -> int:
            return next((one for one, shown in self._lines_of().items() if shown.rstrip("/") == wanted), 0)

        def there() -> int:
            """The view may have changed before the line was reached."""
            number = until(line, what=f"{path} is shown in {self.lines[:50]}")
            self._vim.keys(f":{number}<CR>")
            self._vim.until("mode() == 'n'")
            return number if self._vim.ask("line('.')") == line() == number else 0

        return until(there, what=f"the cursor is at {path}")

    def _prompted(self, key: str, answer: str) -> None:
        """Give a command that asks for a path, and answer it; one that asks nothing has said why."""
        told = self._vim.told()
        self._vim.keys(key)
        until(lambda: self._vim.ask("mode()") == "c" or self._vim.told() != told, what="it asks, or says no")
        if self._vim.ask("mode()") == "c":
            self._vim.keys("<C-u>")
            self._vim.tmux.type(answer)
            self._vim.keys("<CR>")

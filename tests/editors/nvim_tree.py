"""Neovim's view of a folder, as a person sees it and works with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.editors.tree import LONG, Tree
from tests.harness.wait import until

if TYPE_CHECKING:
    from tests.editors.nvim import Neovim

# The lines of the view with the virtual text behind each; the indent says in which directory an entry is.
LINES = """
local folder = require('rbridge.folders').by_buf
local buf = next(folder)
if not buf then return {} end
local lines = {}
for number, line in ipairs(vim.api.nvim_buf_get_lines(buf, 0, -1, true)) do
  lines[number] = {line, ''}
end
local space = vim.api.nvim_get_namespaces().rbridge
for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buf, space, 0, -1, {details = true})) do
  local words = (mark[4].virt_text or {{''}})[1][1]
  lines[mark[2] + 1][2] = lines[mark[2] + 1][2] .. words
end
return lines
"""
FOUND = """
local buf = vim.api.nvim_get_current_buf()
if vim.bo[buf].filetype ~= 'rbridge-find' then return nil end
local space = vim.api.nvim_get_namespaces()['rbridge-find']
local words = ''
for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buf, space, 0, 0, {details = true})) do
  for _, one in ipairs(mark[4].virt_text or {}) do words = words .. one[1] end
end
return {words, vim.api.nvim_buf_get_lines(buf, 0, -1, true)}
"""
MATCHES = """
local found = {}
for _, one in ipairs(vim.fn.getqflist()) do
  table.insert(found, {vim.api.nvim_buf_get_name(one.bufnr), one.lnum})
end
return found
"""
MARKS = ("▸ ", "▾ ", "  ")


class NeovimTree(Tree):
    """The one folder that *editor* shows."""

    def __init__(self, editor: Neovim) -> None:
        self._editor = editor

    def _lines(self) -> list[tuple[str, str]]:
        return [(text, note) for text, note in self._editor.lua(LINES) or []]

    @property
    def root(self) -> str:
        lines = self._lines()
        return lines[0][0] if lines else ""

    @property
    def status(self) -> str:
        lines = self._lines()
        return lines[0][1] if lines else ""

    @property
    def paths(self) -> list[str]:
        return [path for path in self._entries() if path]

    def _entries(self) -> list[str]:
        """The path of each line below the first; nothing for a line that is no entry."""
        above: list[str] = []
        found = []
        for text, _ in self._lines()[1:]:
            name = text.lstrip(" ")
            depth = (len(text) - len(name)) // 2
            directory = name.startswith(("▸ ", "▾ "))
            if directory:
                name = name[2:]
            else:
                depth -= 1  # a file has a blank for the mark
            if name.startswith(("… ", "! ")) or name == "…":
                found.append("")
                continue
            del above[depth:]
            found.append("".join(above) + name)
            if directory:
                above.append(name)
        return found

    def _at(self, path: str) -> None:
        """Turn to the view, the cursor being on *path*."""
        self._front()

        def there() -> bool:
            entries = ["", *self._entries()]
            number = next((n for n, one in enumerate(entries, 1) if one.rstrip("/") == path), None)
            assert number is not None, f"{path} is not shown, but {entries[:50]}"
            self._editor.keys(f"{number}gg")
            at = self._editor.cursor[0]
            return ["", *self._entries()][at - 1].rstrip("/") == path

        until(there, LONG, f"the cursor is on {path}")

    def _front(self) -> None:
        self._editor.keys(":RbridgeFolder<CR>")
        self._editor.until("return vim.bo.filetype == 'rbridge'")

    def _command(self, words: str) -> None:
        self._editor.keys(f":{words.replace('<', '<lt>')}<CR>")

    def expand(self, path: str) -> None:
        if path == "":
            return
        above = path.rpartition("/")[0]
        if above:
            self.expand(above)
        line = next(text for text, one in self._pairs() if one == f"{path}/")
        if "▸" in line:
            self._at(path)
            self._editor.keys("<CR>")
        until(lambda: self._shown(path), LONG, f"{path} is shown")

    def _pairs(self) -> list[tuple[str, str]]:
        return list(zip([text for text, _ in self._lines()[1:]], self._entries(), strict=False))

    def _shown(self, path: str) -> bool:
        open_ = any("▾" in text for text, one in self._pairs() if one == f"{path}/")
        return open_ and not any(text.strip() == "…" for text, _ in self._pairs())

    def open(self, path: str) -> None:
        self._at(path)
        self._editor.keys("<CR>")

    def make(self, path: str) -> None:
        self._front()
        self._command(f"RbridgeNewFile {path}" if path[-1] != "/" else f"RbridgeNewFolder {path[:-1]}")

    def rename(self, path: str, to: str) -> None:
        self._at(path)
        self._command(f"RbridgeRename {to}")

    def remove(self, path: str, confirm: bool) -> None:
        self._at(path)
        self._editor.keys("D")
        name = path.rsplit("/", 1)[-1].replace("\\", "\\\\") if confirm else "Remove"
        self._editor.answer(name.replace("\\\\", "\\"), "Remove" if confirm else "Keep")

    def find(self, query: str) -> list[str]:
        self._front()
        self._editor.keys("f")
        self._editor.until("return vim.bo.filetype == 'rbridge-find'")
        self._editor.keys(query.replace("<", "<lt>"))

        def found() -> Any:
            words, lines = self._editor.lua(FOUND)
            return (words, lines) if lines[0] == query and not words.endswith("…") else None

        return list(until(found, LONG, f"{query} is looked for")[1][1:])

    def search(self, query: str) -> list[tuple[str, int]]:
        self._front()
        before = self._editor.told().count(" in ")
        self._command(f"RbridgeSearch {query}")
        until(lambda: self._editor.told().count(" in ") > before, LONG, f"{query} is searched for")
        top = "rbridge://" + self.root.replace(":", "", 1) + "/"
        return [(name.removeprefix(top), line) for name, line in self._editor.lua(MATCHES) or []]

    def pick(self, number: int) -> None:
        if self._editor.lua("return vim.bo.filetype") == "rbridge-find":
            self._editor.keys("<Down>" * number + "<CR>")
        else:
            self._editor.keys(f"{number + 1}gg<CR>")

    def close(self) -> None:
        self._front()
        self._editor.keys("q")

"""Neovim with our plug-in, a real daemon, and the real client: texts, and what becomes of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.conftest import Start
from tests.editors.bench import Bench, holds
from tests.editors.nvim import Neovim
from tests.editors.scan import kept
from tests.harness.environment import Home
from tests.harness.wait import stays, until


@pytest.fixture
def bench(home: Home, other_home: Home, daemon: Start) -> Iterator[Bench[Neovim]]:
    made = Bench(Neovim, home, other_home, daemon)
    yield made
    made.close()


def test_w_returns_when_the_host_has_the_text(bench: Bench[Neovim]) -> None:
    editor, file = bench.opened()
    assert re.fullmatch(rf"rbridge://[^/]+{file}", editor.path)
    editor.lua("vim.cmd('normal! iX') vim.cmd.write()")
    assert file.read_bytes() == b"Xone\ntwo\nthree\n"
    editor.said("train.py saved on")


def test_events_and_undo_are_those_of_a_file(bench: Bench[Neovim]) -> None:
    editor = bench.editor(
        "lua events = {}; vim.api.nvim_create_autocmd({'BufReadPost', 'BufWritePre', 'BufWritePost'},"
        " {pattern = '*.py', callback = function(a) table.insert(events, a.event) end})"
        " vim.api.nvim_create_autocmd('FileType', {pattern = 'python',"
        " callback = function() table.insert(events, 'python') end})"
    )
    file = bench.host.file("train.py", "one\n")
    bench.open(str(file)).ok()
    editor.sees("train.py")
    editor.lua("vim.cmd('silent! undo')")
    assert editor.lines == ["one"]
    editor.lua("vim.cmd('normal! iX') vim.cmd.write()")
    assert editor.lua("return events") == ["BufReadPost", "python", "BufWritePre", "BufWritePost"]


BYTES = {
    "crlf": b"one\r\ntwo\r\n",
    "crlf and no final newline": b"one\r\ntwo",
    "mixed ends": b"one\r\ntwo\nthree\r\r\n",
    "no final newline": b"one\ntwo",
    "only newlines": b"\n\n",
    "byte order mark": b"\xef\xbb\xbfone\n",
    "Latin-1": "café ÿ\n".encode("latin-1"),
    "NUL": b"a\0b\n\0\n",
    "NUL in Latin-1": b"a\0\xff\xfe\n",
    "all bytes": bytes(range(256)) * 2,
    "emoji": "a 🧑‍🚀 b\n".encode(),
    "old Mac": b"one\rtwo\r",
    "UTF-16": "one\r\ntwo\r\n".encode("utf-16"),
}


@pytest.mark.parametrize("kind", BYTES)
def test_bytes_come_back_as_they_came(bench: Bench[Neovim], kind: str) -> None:
    editor, file = bench.opened(BYTES[kind], "file.txt")
    assert not editor.modified
    editor.lua("vim.cmd.write()")
    assert file.read_bytes() == BYTES[kind]
    editor.lua("vim.cmd('normal! ggOnew') vim.cmd.write() vim.cmd('normal! ggdd') vim.cmd.write()")
    assert not editor.modified
    assert file.read_bytes() == BYTES[kind]


@pytest.mark.parametrize(("data", "after"), [(b"", b"x\n"), (b"\n", b"x\n")])
def test_an_empty_file_stays_empty_and_gets_whole_lines(
    bench: Bench[Neovim], data: bytes, after: bytes
) -> None:
    editor, file = bench.opened(data)
    editor.lua("vim.cmd.write()")
    assert file.read_bytes() == data
    editor.lua("vim.cmd('normal! ix') vim.cmd.write()")
    assert file.read_bytes() == after


def test_latin_1_is_shown_as_characters_and_refuses_others(bench: Bench[Neovim]) -> None:
    editor, file = bench.opened("café\n".encode("latin-1"))
    assert editor.lines == ["café"]
    editor.keys("A é<Esc>:w<CR>")
    until(holds(file, "café é\n".encode("latin-1")))
    editor.keys("A 日<Esc>:w<CR>")
    editor.said("characters that latin1 lacks")
    assert editor.modified
    assert file.read_bytes() == "café é\n".encode("latin-1")
    editor.keys(":setlocal fileencoding=utf-8 | w<CR>")
    until(holds(file, "café é 日\n".encode()))


def test_a_large_text_goes_in_chunks(bench: Bench[Neovim]) -> None:
    line = "zeile mit ä und 日本\n"
    data = (line * (9_000_000 // len(line.encode()))).encode()
    editor, file = bench.opened(data)
    editor.keys("iX<Esc>:w<CR>")
    until(holds(file, b"X" + data))
    until(lambda: not editor.modified)


def test_a_save_that_fails_leaves_the_buffer_modified(bench: Bench[Neovim]) -> None:
    editor, file = bench.opened()
    file.unlink()
    file.mkdir()
    editor.keys("iX<Esc>:w<CR>")
    editor.said("is not saved on")
    assert editor.modified
    editor.last_keys(":wq<CR>")
    stays(lambda: editor.process.poll() is None, 0.3)
    file.rmdir()
    assert editor.lines[0] == "Xone"


def test_read_only(bench: Bench[Neovim]) -> None:
    editor, file = bench.editor(), bench.host.file("fixed.txt", "fixed\n")
    bench.open("--read-only", str(file)).ok()
    editor.sees("fixed.txt")
    assert editor.lua("return vim.bo.readonly")
    editor.keys("iX<Esc>:w<CR>")
    editor.said("E45")
    editor.keys(":w!<CR>")
    editor.said("read-only")
    assert editor.modified
    assert file.read_text() == "fixed\n"


def test_a_hostile_text_sets_and_runs_nothing(bench: Bench[Neovim]) -> None:
    witness = bench.laptop.path / "executed"
    text = f"x = 1\n# vim: set textwidth=33 foldexpr=system('touch\\ {witness}') foldmethod=expr :\n"
    editor = bench.editor("set modeline modelines=5 modelineexpr exrc")
    file = bench.host.file("train.py", text)
    bench.open(str(file)).ok()
    editor.sees("train.py")
    editor.keys("ix<Esc>:w<CR>:edit<CR>:doautocmd BufReadPost<CR>")
    until(lambda: file.read_text().startswith("xx"))
    assert editor.lua("return {vim.bo.textwidth, vim.bo.modeline, vim.wo.foldmethod}") == [0, False, "manual"]
    assert not witness.exists()


def test_nothing_of_the_text_is_on_the_disk(bench: Bench[Neovim]) -> None:
    """The shada file gets registers, macros, searches and commands, but for those of our buffers."""
    marker = f"marker{os.urandom(8).hex()}"
    own = bench.laptop.file("own.txt", "word\n")
    editor = bench.editor()
    editor.keys(f":edit {own}<CR>/word<CR>:%s/word/kept here/<CR>")
    file = bench.host.file("train.py", f"{marker}\nsecond\nthird\n")
    editor.keys(":write<CR>")
    bench.show(editor, file)
    editor.keys('yy"ayyddu"Ayyiyanked<Esc>')
    editor.keys(
        f"/{marker}<CR>*:%s/second/{marker}/<CR>:echo '{marker}'<CR>qmA{marker}<Esc>qq:i/{marker}<Esc>q"
    )
    editor.keys(f"i<C-r>='{marker}'<CR><Esc>:w<CR>")
    editor.said("saved on")
    editor.last_keys(":wqa<CR>")
    assert editor.ended() == 0
    assert kept(marker, (bench.laptop.root,), bench.host.root) == []
    shada = (bench.laptop.path / ".local" / "state" / "nvim" / "shada" / "main.shada").read_bytes()
    assert b"rbridge:" not in shada
    assert b"%s/word/kept here/" in shada
    assert marker in file.read_text()


def test_what_is_opened_again_moves_to_the_line_and_keeps_what_was_typed(bench: Bench) -> None:
    editor, file = bench.opened()
    editor.keys("ggiX<Esc>")
    editor.lua("vim.cmd('split | enew')")
    bench.open(f"{file}:3:2").ok()
    editor.sees(file.name)
    assert editor.lua("return vim.fn.getcursorcharpos()")[1:3] == [3, 2]
    assert editor.lines[0].startswith("X")
    assert editor.modified
    editor.keys(":w<CR>")
    until(holds(file, b"Xone\ntwo\nthree\n"))


def test_nothing_of_a_folder_is_on_the_disk(bench: Bench[Neovim]) -> None:
    """What is searched for, found and yanked is not in the shada file; names are in the daemon's log only."""
    marker = f"marker{os.urandom(8).hex()}"
    editor, root = bench.browsing({f"{marker}.txt": f"{marker}\n", "b.txt": "b\n"})
    assert editor.tree.search(marker) == [(f"{marker}.txt", 1)]
    editor.keys('yy"ayy')
    editor.tree.find(marker)
    editor.keys("<Esc>:RbridgeFolder<CR>2ggyy")
    editor.tree.make(f"{marker}.new")
    editor.sees(".new")
    editor.tree.rename(f"{marker}.txt", f"{marker}.moved")
    until((root / f"{marker}.moved").exists)
    editor.quit()
    assert editor.ended() == 0
    assert kept(marker, (bench.laptop.path,), bench.host.root) == []


def test_what_is_renamed_keeps_the_cursor(bench: Bench[Neovim]) -> None:
    editor, _ = bench.browsing({"a.txt": "a\n", "b.txt": "b\n", "c.txt": "c\n"})
    editor.tree.rename("a.txt", "z.txt")
    editor.tree.until_shows("z.txt")
    until(lambda: editor.line(editor.cursor[0]).endswith("z.txt"))

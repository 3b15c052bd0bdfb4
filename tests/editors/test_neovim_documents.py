"""Neovim with our plug-in, a real daemon, and the real client: conflicts, who waits, ends of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Start
from tests.editors.bench import Bench, PlainClient, holds
from tests.editors.nvim import Neovim
from tests.harness.environment import Home, rbridge
from tests.harness.wait import stays, until

CHOICE = "vim.ui.select = function(items, how, on) vim.g.asked = how.prompt; on({}) end"


@pytest.fixture
def bench(home: Home, other_home: Home, daemon: Start) -> Iterator[Bench[Neovim]]:
    made = Bench(Neovim, home, other_home, daemon)
    yield made
    made.close()


def in_conflict(bench: Bench[Neovim], answer: str) -> tuple[Neovim, Path]:
    """An editor whose :w just met another text on the host, and gave *answer* when it was asked."""
    editor, file = bench.opened()
    editor.lua(CHOICE.format(f"'{answer}'" if answer else "nil"))
    editor.keys("iX<Esc>")
    file.write_text("theirs\n")
    editor.keys(":w<CR>")
    editor.until("return vim.g.asked ~= nil")
    assert "was changed on" in editor.lua("return vim.g.asked")
    return editor, file


def test_a_conflict_can_be_put_off(bench: Bench[Neovim]) -> None:
    editor, file = in_conflict(bench, "")
    assert editor.modified
    assert file.read_text() == "theirs\n"
    assert editor.status.endswith(": conflict")


def test_a_conflict_overwritten_with_a_bang(bench: Bench[Neovim]) -> None:
    editor, file = in_conflict(bench, "")
    editor.keys(":w!<CR>")
    until(holds(file, b"Xone\ntwo\nthree\n"))


def test_a_conflict_compared_and_then_reloaded_by_edit(bench: Bench[Neovim]) -> None:
    editor, file = in_conflict(bench, "Compare")
    shown = editor.until(
        "for _, win in ipairs(vim.api.nvim_list_wins()) do local buf = vim.api.nvim_win_get_buf(win)"
        " if vim.bo[buf].buftype == 'nofile' and vim.wo[win].diff then"
        " return vim.api.nvim_buf_get_lines(buf, 0, -1, true) end end"
    )
    assert shown == ["theirs"]
    assert editor.lines[0] == "Xone"
    assert editor.lua("return vim.wo.diff")
    editor.keys(":edit!<CR>")
    until(lambda: editor.lines == ["theirs"])
    until(lambda: not editor.modified)


def test_a_change_on_the_host_reloads_and_keeps_the_cursor(bench: Bench[Neovim]) -> None:
    editor, file = bench.opened()
    editor.keys("G")
    file.write_text("zero\none\ntwo\nthree\n")
    until(lambda: editor.lines == ["zero", "one", "two", "three"])
    assert not editor.modified
    assert editor.lua("return vim.fn.line('.')") == 4
    editor.keys("iX<Esc>:w<CR>")
    until(holds(file, b"zero\none\ntwo\nXthree\n"))


def test_a_change_on_the_host_does_not_touch_what_was_typed(bench: Bench[Neovim]) -> None:
    editor, file = bench.opened()
    editor.keys("iX<Esc>")
    file.write_text("theirs\n")
    editor.said("and here: :RbridgeDiff")
    assert editor.lines[0] == "Xone"
    editor.keys(":RbridgeResolve theirs<CR>")
    until(lambda: editor.lines == ["theirs"])


@pytest.mark.parametrize(
    "keys", [":q<CR>", ":bd<CR>", "iX<Esc>:wq<CR>", "iX<Esc>:q!<CR>", "iX<Esc>ZZ", "<C-w>c"]
)
def test_who_waits_is_released(bench: Bench[Neovim], keys: str) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    stays(lambda: process.poll() is None, 0.2)
    editor.keys(keys)
    assert process.wait(20) == 0
    assert file.read_text() == ("Xmessage\n" if "wq" in keys or "ZZ" in keys else "message\n")
    assert editor.process.poll() is None
    assert editor.lua("return #vim.tbl_keys(package.loaded)") > 0


def test_q_with_changes_does_not_release_who_waits(bench: Bench[Neovim]) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.keys("iX<Esc>:q<CR>")
    editor.said("E37")
    stays(lambda: process.poll() is None, 0.2)
    assert editor.lines == ["Xmessage"]


def test_leaving_neovim_releases_who_waits_at_once(bench: Bench[Neovim]) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.last_keys(":qa!<CR>")
    assert editor.ended() == 0
    assert process.wait(5) == 0


def test_a_file_that_is_closed_on_the_host_is_closed_here_unless_it_is_modified(bench: Bench[Neovim]) -> None:
    editor, first = bench.opened("1\n", "a.txt")
    second = bench.host.file("b.txt", "2\n")
    bench.open(str(second)).ok()
    editor.sees("b.txt")
    editor.keys("iX<Esc>")
    bench.laptop.run(rbridge("close"))
    editor.said("the text stays")
    assert editor.lines == ["X2"]
    editor.until("return vim.fn.bufnr('a.txt') == -1")
    copy = bench.laptop.path / "copy.txt"
    editor.keys(f":w {copy}<CR>")
    until(holds(copy, b"X2\n"))


def test_the_same_path_in_two_documents_is_two_buffers(bench: Bench[Neovim]) -> None:
    """As from two hosts that call themselves the same; by the plain protocol, which confirms nothing."""
    editor = bench.editor()
    with (
        PlainClient(bench.daemon.socket, b"first") as first,
        PlainClient(bench.daemon.socket, b"other") as other,
    ):
        until(lambda: len(editor.names) == 2)
        one, two = sorted(editor.names, key=len)
        assert two.replace("~2", "") == one
        assert two.endswith("/home/u/x.py")
        editor.keys(":%s/$/!/ | w<CR>")
        editor.said("which confirms nothing")
        assert not editor.modified
        shown = editor.lines
        assert shown in (["first!"], ["other!"])
        (first if shown == ["first!"] else other).gets(shown[0].encode())
